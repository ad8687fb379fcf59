import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/mod.ts";
import { WorkerSlots } from "../../src/label/worker_slots.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`worker slots tests: WICK_SEED=${SEED}`);

const ALL_IDLE = () => true;

/** Ends what is due, and says that it has ended. */
function end(slots: WorkerSlots): number[] {
  const taken = slots.takeToStop(ALL_IDLE);
  for (const index of taken) slots.stopped(index);
  return taken;
}

Deno.test("WorkerSlots begins with all workers in use", () => {
  const { max, wanted, used, isSettled } = new WorkerSlots(3);
  assertEquals({ max, wanted, used, isSettled }, { max: 3, wanted: 3, used: 3, isSettled: true });
});

Deno.test("WorkerSlots.want() of fewer uses them at once and ends the others when they are idle", () => {
  const slots = new WorkerSlots(4);
  slots.want(2);
  assertEquals(slots.used, 2);
  assert(slots.hasSpare);
  assertEquals(slots.takeToStop((index) => index === 3), [3]);
  assertEquals(slots.takeToStop((index) => index === 3), []);
  assertEquals(slots.takeToStop(ALL_IDLE), [2]);
  assert(!slots.hasSpare);
});

Deno.test("WorkerSlots.want() of more uses them when all of them run, not before", () => {
  const slots = new WorkerSlots(4);
  slots.want(1);
  end(slots);
  slots.want(4);
  assertEquals(slots.takeToStart(), [1, 2, 3]);
  slots.started(1, true);
  slots.started(3, true);
  assertEquals([slots.used, slots.isSettled], [1, false]);
  slots.started(2, true);
  assertEquals([slots.used, slots.isSettled], [4, true]);
});

Deno.test("WorkerSlots keeps one that is not ended yet when it is wanted again", () => {
  const slots = new WorkerSlots(2);
  slots.want(1);
  slots.want(2);
  assertEquals([slots.used, slots.takeToStart(), end(slots)], [2, [], []]);
});

Deno.test("WorkerSlots starts one that is being ended after it has ended", () => {
  const slots = new WorkerSlots(2);
  slots.want(1);
  assertEquals(slots.takeToStop(ALL_IDLE), [1]);
  slots.want(2);
  assertEquals([slots.used, slots.takeToStart()], [1, []]);
  slots.stopped(1);
  assertEquals(slots.takeToStart(), [1]);
});

Deno.test("WorkerSlots ends one that is being started after it has started", () => {
  const slots = new WorkerSlots(3);
  slots.want(1);
  end(slots);
  slots.want(3);
  slots.takeToStart();
  slots.want(2);
  slots.started(1, true);
  assertEquals([slots.used, end(slots)], [2, []]);
  slots.started(2, true);
  assertEquals([slots.used, end(slots)], [2, [2]]);
});

Deno.test("WorkerSlots.started() that failed lets what is wanted fall below it, until asked again", () => {
  const slots = new WorkerSlots(4);
  slots.want(1);
  end(slots);
  slots.want(4);
  slots.takeToStart();
  slots.started(1, true);
  slots.started(2, false);
  assertEquals([slots.wanted, slots.used], [2, 2]);
  slots.started(3, true);
  assertEquals([slots.used, end(slots)], [2, [3]]);
  slots.want(4);
  assertEquals(slots.takeToStart(), [2, 3]);
});

Deno.test("WorkerSlots.want() refuses none, more than there can be, and fractions", () => {
  const slots = new WorkerSlots(2);
  for (const count of [0, 3, 1.5, NaN, -1]) {
    assert(!slots.mayBe(count));
    assertThrows(() => slots.want(count), RangeError, `current value is ${count}`);
  }
  assert(!new WorkerSlots(0).mayBe(0));
});

Deno.test("WorkerSlots never uses one that does not run, and comes to what is wanted", () => {
  const random = seededRandom(SEED);
  const below = (count: number) => Math.floor(random.next() * count);
  for (let life = 0; life < 200; life++) {
    const max = 1 + below(5);
    const slots = new WorkerSlots(max);
    /** What a world of threads would know: those that run, and what was asked and not answered. */
    const runs = new Array<boolean>(max).fill(true);
    const asked = new Map<number, "start" | "stop">();
    const ask = (indices: number[], what: "start" | "stop") => {
      for (const index of indices) {
        assert(!asked.has(index), "asked two things at a time");
        assertEquals(runs[index], what === "stop");
        asked.set(index, what);
        if (what === "stop") runs[index] = false;
      }
    };
    const answer = (index: number) => {
      const what = asked.get(index);
      asked.delete(index);
      if (what === "stop") return slots.stopped(index);
      const isRunning = below(5) > 0;
      runs[index] = isRunning;
      slots.started(index, isRunning);
    };
    const act = () => {
      ask(slots.takeToStart(), "start");
      ask(slots.takeToStop(() => below(2) > 0), "stop");
      assert(slots.used >= 1 && slots.used <= slots.wanted);
      for (let i = 0; i < slots.used; i++) assert(runs[i], `worker ${i} is in use and ended`);
    };
    for (let step = 0; step < 100; step++) {
      if (below(3) === 0) slots.want(1 + below(max));
      const waiting = [...asked.keys()];
      if (waiting.length > 0 && below(2) === 0) answer(waiting[below(waiting.length)] as number);
      act();
    }
    for (let step = 0; step < 200; step++) {
      for (const index of [...asked.keys()]) answer(index);
      act();
    }
    assert(slots.isSettled);
    assertEquals(runs, runs.map((_, index) => index < slots.wanted));
  }
});
