import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { type Chunk, ChunkPlan } from "../../src/batch/chunk_plan.ts";
import { IntervalSet } from "../../src/batch/interval_set.ts";
import { seedOf } from "../actor/seed.ts";

const below = (random: { next(): number }, n: number) => Math.floor(random.next() * n);
const now = { atMs: 0 };

function take(plan: ChunkPlan, sizeMax: number, nowMs = 0, mayRetry = true): Chunk {
  const next = plan.next(sizeMax, nowMs, mayRetry);
  if (next.state !== "chunk") throw new Error(`expected a chunk: found ${JSON.stringify(next)}`);
  return next.chunk;
}

const text = ({ from, to }: Chunk) => `${from}-${to}`;

/** Where an item is, kept for each item apart. */
type Place = "waiting" | "out" | "settled";

function checkTwin(plan: ChunkPlan, twin: readonly Place[]): void {
  plan.invariant();
  const settled = twin.flatMap((place, i) => place === "settled" ? [i] : []);
  assertEquals(settled.every((i) => plan.settled.has(i)), true);
  assertEquals(plan.settled.size, settled.length);
  assertEquals(plan.waiting, twin.filter((place) => place === "waiting").length);
}

/** One random job: sizes, outcomes, their order and a restart all by chance. */
function randomJob(random: { next(): number }): void {
  const items = below(random, 300);
  const twin: Place[] = Array(items).fill("waiting");
  let plan = new ChunkPlan({ items, parkedMax: 1 + below(random, 20) });
  let out: Chunk[] = [];
  let nowMs = 0;
  const move = (from: number, to: number, before: Place, after: Place) => {
    for (let i = from; i < to; i++) {
      assertEquals([i, twin[i]], [i, before]);
      twin[i] = after;
    }
  };
  const settleOne = () => {
    const chunk = out.splice(below(random, out.length), 1)[0] as Chunk;
    const { from, to } = chunk;
    const retry = { atMs: nowMs + below(random, 3), pauseMs: 1 };
    const outcome = below(random, 12);
    if (outcome === 0) plan.putBack(chunk, retry);
    else if (outcome === 1) plan.again(chunk, retry);
    else if (outcome === 2) {
      const failed = Array.from({ length: to - from }, (_, k) => from + k)
        .filter(() => random.next() < 0.3);
      plan.partlyFailed(chunk, failed, retry);
      move(from, to, "out", "settled");
      for (const item of failed) twin[item] = "waiting";
      return;
    } else if (outcome < 6) assertEquals(plan.failed(chunk, retry), to - from === 1);
    else {
      plan.settle(chunk);
      return move(from, to, "out", "settled");
    }
    move(from, to, "out", "waiting");
  };
  for (let step = 0; plan.left > 0; step++) {
    assert(step < 50_000, "the job does not end");
    if (random.next() < 0.005) {
      // Killed: what is out or parked is known to nobody.
      plan = new ChunkPlan({ items, settled: IntervalSet.parse(plan.settled.toText()) });
      for (const { from, to } of out) move(from, to, "out", "waiting");
      out = [];
    }
    const sizeMax = 1 + below(random, 80);
    const next = plan.next(sizeMax, nowMs);
    if (next.state === "chunk") {
      const { from, to } = next.chunk;
      assert(to - from >= 1 && to - from <= sizeMax, text(next.chunk));
      move(from, to, "waiting", "out");
      out.push(next.chunk);
    } else if (next.state === "wait" && out.length === 0) {
      assert(next.untilMs > nowMs && next.untilMs < Infinity, `nothing to wait for at ${nowMs}`);
      nowMs = next.untilMs;
    }
    while (out.length > 5 || (out.length > 0 && random.next() < 0.5)) settleOne();
    if (step % 16 === 0) checkTwin(plan, twin);
  }
  checkTwin(plan, twin);
  assertEquals(plan.next(1, nowMs), { state: "done" });
  assertEquals(twin, Array(items).fill("settled"));
}

Deno.test("ChunkPlan gives every item to one at a time and settles it once, whatever happens", () => {
  const random = seededRandom(seedOf("ChunkPlan fuzz"));
  for (let job = 0; job < 150; job++) randomJob(random);
});

Deno.test("ChunkPlan neither skips nor doubles an item when the size changes on the way", () => {
  const plan = new ChunkPlan({ items: 100 });
  const seen: string[] = [];
  for (const size of [30, 7, 50, 1, 500]) {
    const chunk = take(plan, size);
    seen.push(text(chunk));
    plan.settle(chunk);
  }
  assertEquals(seen, ["0-30", "30-37", "37-87", "87-88", "88-100"]);
  assertEquals([plan.settled.toText(), plan.next(1, 0).state], ["0-100", "done"]);
});

Deno.test("ChunkPlan.failed() isolates one bad item of 500 in 2·log₂ n + 1 calls", () => {
  for (const bad of [0, 1, 249, 250, 499]) {
    const plan = new ChunkPlan({ items: 500 });
    let calls = 0;
    let isolated: Chunk | null = null;
    while (isolated === null) {
      const chunk = take(plan, 500);
      calls++;
      if (bad < chunk.from || bad >= chunk.to) plan.settle(chunk);
      else if (plan.failed(chunk, now)) isolated = chunk;
    }
    assertEquals([isolated.from, isolated.to], [bad, bad + 1]);
    assert(calls <= 2 * 9 + 1, `${calls} calls for item ${bad}`);
    plan.invariant();
  }
});

Deno.test("ChunkPlan parks at most log₂ n ranges for each worker while everything fails", () => {
  const workers = 8, size = 256;
  const plan = new ChunkPlan({ items: 20_000, parkedMax: 1_000_000 });
  let most = 0, alone = 0;
  const out: Chunk[] = [];
  while (alone < 5_000) {
    while (out.length < workers) out.push(take(plan, size));
    const chunk = out.shift() as Chunk;
    // An item that is alone is given up.
    if (chunk.to - chunk.from === 1) {
      plan.settle(chunk);
      alone++;
    } else plan.failed(chunk, now);
    most = Math.max(most, plan.parked);
  }
  assert(most <= workers * (Math.log2(size) + 1), `${most} parked`);
});

Deno.test("ChunkPlan.next() stops fresh work at parkedMax until something parked is due", () => {
  const plan = new ChunkPlan({ items: 1_000, parkedMax: 4 });
  for (let i = 0; i < 2; i++) plan.failed(take(plan, 10), { atMs: 50, pauseMs: 50 });
  assertEquals(plan.parked, 4);
  assertEquals(plan.next(10, 49), { state: "wait", untilMs: 50 });
  const chunk = take(plan, 10, 50);
  assertEquals(chunk, { from: 0, to: 5, attempts: 1, pauseMs: 50, isFresh: false });
  assertEquals(text(take(plan, 10, 0, false)), "20-30");
});

Deno.test("ChunkPlan.next() waits for chunks that are out when nothing else is left", () => {
  const plan = new ChunkPlan({ items: 10 });
  const chunk = take(plan, 10);
  assertEquals(plan.next(10, 0), { state: "wait", untilMs: Infinity });
  plan.settle(chunk);
  assertEquals(plan.next(10, 0), { state: "done" });
});

Deno.test("ChunkPlan.next() holds back only what failed where nothing may be retried", () => {
  const plan = new ChunkPlan({ items: 30 });
  const [failed, untried] = [take(plan, 10), take(plan, 10)];
  plan.failed(failed, now);
  plan.putBack(untried, now);
  const given = [take(plan, 10, 0, false), take(plan, 10, 0, false)];
  assertEquals(given.map(text), ["10-20", "20-30"]);
  assertEquals(plan.next(10, 0, false), { state: "wait", untilMs: Infinity });
  assertEquals(text(take(plan, 10)), "0-5");
});

Deno.test("ChunkPlan keeps attempts and pauses with the items, and putBack() adds none", () => {
  const plan = new ChunkPlan({ items: 4 });
  plan.putBack(take(plan, 4), { atMs: 10 });
  assertEquals(plan.next(4, 9), { state: "wait", untilMs: 10 });
  const first = take(plan, 4, 10);
  assertEquals([first.attempts, first.isFresh], [0, true]);
  plan.again(first, { atMs: 20, pauseMs: 10 });
  const second = take(plan, 4, 20);
  assertEquals([text(second), second.attempts, second.pauseMs, second.isFresh], [
    "0-4",
    1,
    10,
    false,
  ]);
  plan.failed(second, { atMs: 30, pauseMs: 30 });
  const half = take(plan, 4, 30);
  assertEquals([text(half), half.attempts, half.pauseMs], ["0-2", 2, 30]);
});

Deno.test("ChunkPlan.partlyFailed() settles the others, and tries the failed ones alone", () => {
  const plan = new ChunkPlan({ items: 10 });
  plan.partlyFailed(take(plan, 10), [0, 4, 5, 9], now);
  assertEquals(plan.settled.toText(), "1-4,6-9");
  const again = Array.from({ length: 4 }, () => text(take(plan, 10)));
  assertEquals(again, ["0-1", "4-5", "5-6", "9-10"]);
  const other = new ChunkPlan({ items: 10 });
  const chunk = take(other, 5);
  for (const wrong of [[5], [-1], [2, 1], [1, 1], [0.5]]) {
    assertThrows(() => other.partlyFailed(chunk, wrong, now), RangeError, "Cannot fail an item");
  }
  other.settle(chunk);
});

Deno.test("ChunkPlan refuses a chunk that is not out: settled twice, or another plan's", () => {
  const plan = new ChunkPlan({ items: 10 });
  const chunk = take(plan, 5);
  plan.settle(chunk);
  assertThrows(() => plan.settle(chunk), Error, "Cannot settle a chunk");
  assertThrows(() => plan.failed(chunk, now), Error, "Cannot fail a chunk");
  assertThrows(() => plan.putBack({ ...take(plan, 5) }, now), Error, "Cannot put back a chunk");
});

Deno.test("ChunkPlan resumes with exactly the items that are not settled", () => {
  const plan = new ChunkPlan({ items: 5_000, settled: IntervalSet.parse("0-4500,4700-4800") });
  assertEquals([plan.left, plan.waiting], [400, 400]);
  const given = [take(plan, 250), take(plan, 250)];
  assertEquals(given.map(text), ["4500-4700", "4800-5000"]);
  assertEquals(plan.next(250, 0), { state: "wait", untilMs: Infinity });
});

Deno.test("ChunkPlan refuses settled items beyond its own, and counts and sizes that are none", () => {
  const settled = IntervalSet.parse("0-11");
  assertThrows(() => new ChunkPlan({ items: 10, settled }), RangeError, "Cannot resume");
  for (const items of [-1, 1.5, NaN]) {
    assertThrows(() => new ChunkPlan({ items }), RangeError, "Cannot plan chunks");
  }
  const plan = new ChunkPlan({ items: 10 });
  for (const size of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => plan.next(size, 0), RangeError, "Cannot cut a chunk");
  }
  assertEquals(new ChunkPlan({ items: 0 }).next(1, 0), { state: "done" });
});
