/** Dead letters as one list: numbers, no doubles, replay of live and of stored ones, refusals. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { actor, ActorDown, createSystem, type DeadReason, protocol } from "../../src/actor/mod.ts";
import { KeptLetters, type LetterStore, UNWRITTEN_IDS } from "../../src/http/kept_letters.ts";
import { HttpProblem, problemOf } from "../../src/http/problem.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Refused } from "../../src/store/port.ts";

const Sink = protocol("sink", {
  take: { payload: z.strictObject({ n: z.int() }) },
  inside: { payload: z.custom<unknown>(), internal: true },
});

const REFUSED: Refused = { state: "refused", code: "disk_full", message: "no room" };

/** A running system, a store that outlives it, and who keeps letters. */
class Rig implements AsyncDisposable {
  readonly taken: unknown[] = [];
  readonly system;
  readonly kept: KeptLetters;
  refuses = false;
  isSilent = false;
  /** The store is down, and does what it is asked once it is up. */
  isDown = false;

  constructor(readonly memory: MemoryStore = new MemoryStore()) {
    this.system = createSystem({ name: "wick", log: null });
    const sink = actor(Sink, () => ({
      take: (payload) => void this.taken.push(payload),
      inside: (payload) => void this.taken.push(payload),
    }));
    this.system.spawn(sink, { name: "sink", args: {} });
    const store: LetterStore = {
      buryLetters: async (letters) => {
        if (this.isSilent) throw new Error("no answer");
        if (this.isDown) {
          memory.buryLetters(letters);
          throw new ActorDown("/wick/store", "buryLetters");
        }
        return this.refuses ? REFUSED : await memory.buryLetters(letters);
      },
      letters: (filter, limit) => Promise.resolve(memory.letters(filter, limit)),
      dropLetters: (filter) => Promise.resolve(this.refuses ? REFUSED : memory.dropLetters(filter)),
      count: () => Promise.resolve(memory.info().letters),
    };
    this.kept = new KeptLetters(store, this.system);
    this.system.deadLetters.subscribe((letter) => this.kept.take(letter, true));
  }

  die(payload: unknown, type = "take", reason: DeadReason = "crashed"): void {
    const about = { at: 1, path: "/wick/sink", cause: 7, bytes: 8 };
    this.system.deadLetters.add({ ...about, type, payload, reason });
  }

  /** What is listed, as `id payload replay`. */
  async shown(query: { type?: string; reason?: string } = {}, afterId = 0, limit = 99) {
    const found = await this.kept.list({ ...query, afterId, limit });
    return found.map(({ id, payload, replay }) => [id, payload, replay]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

Deno.test("every letter is listed once, under the number that the store keeps for it", async () => {
  const memory = new MemoryStore();
  {
    await using first = new Rig(memory);
    first.die({ n: 1 });
    first.die({ n: 2 });
    assertEquals(await first.shown(), [[1, { n: 1 }, "as_sent"], [2, { n: 2 }, "as_sent"]]);
    first.die({ n: 3 });
    assertEquals((await first.shown()).map(([id]) => id), [1, 2, 3]);
    assertEquals((await first.kept.counts()).kept, 3);
  }
  await using second = new Rig(memory);
  second.die({ n: 4 });
  const expected = [
    [1, { n: 1 }, "checked"],
    [2, { n: 2 }, "checked"],
    [3, { n: 3 }, "checked"],
    [4, { n: 4 }, "as_sent"],
  ];
  assertEquals(await second.shown(), expected);
  assertEquals(await second.shown({}, 1, 2), expected.slice(1, 3));
  const old = await second.kept.get(1);
  assertEquals([old?.cause, old?.bytes, old?.reason], [null, null, "crashed"]);
  const live = await second.kept.get(4);
  assertEquals([live?.cause, live?.bytes], [7, 8]);
  assertEquals(await second.kept.get(5), null);
  const { counts, kept } = await second.kept.counts();
  assertEquals([counts.crashed, kept], [1, 4]);
});

Deno.test("letters are found by what they say, wherever they are", async () => {
  await using rig = new Rig();
  rig.die({ n: 1 });
  rig.die({ n: 2 }, "inside");
  await rig.kept.write();
  rig.refuses = true;
  rig.die({ n: 3 });
  rig.die({ n: 4 }, "take", "expired");
  const payloads = async (query: { type?: string; reason?: string }) =>
    (await rig.shown(query)).map(([, payload]) => (payload as { n: number }).n);
  assertEquals(await payloads({}), [1, 2, 3, 4]);
  assertEquals(await payloads({ type: "take" }), [1, 3, 4]);
  assertEquals(await payloads({ reason: "expired" }), [4]);
  assertEquals(await payloads({ type: "inside", reason: "expired" }), []);
});

Deno.test("the latest first: what was not written, then what is in the store, in pages", async () => {
  await using rig = new Rig();
  for (const n of [1, 2, 3]) rig.die({ n });
  await rig.kept.write();
  rig.refuses = true;
  rig.die({ n: 4 });
  rig.die({ n: 5 }, "inside");
  const latest = async (query: { type?: string; beforeId?: number }, limit = 99) => {
    const found = await rig.kept.list({ ...query, afterId: 0, isLatestFirst: true, limit });
    return found.map(({ payload }) => (payload as { n: number }).n);
  };
  assertEquals(await latest({}), [5, 4, 3, 2, 1]);
  assertEquals(await latest({ type: "take" }, 2), [4, 3]);
  assertEquals(await latest({ beforeId: UNWRITTEN_IDS + 5 }, 2), [4, 3]);
  assertEquals(await latest({ beforeId: 3 }), [2, 1]);
});

/** Letters 1 to 5 of an earlier run: taken, wrong, internal, lost in JSON, to a path where nobody is. */
async function earlierLetters(): Promise<MemoryStore> {
  const memory = new MemoryStore();
  await using first = new Rig(memory);
  first.die({ n: 1 });
  first.die({ n: "wrong" });
  first.die({ n: 3 }, "inside");
  first.die(1n);
  await first.kept.write();
  const about = { atMs: 1, type: "take", reason: "no_data", error: null, payload: '{"n":5}' };
  memory.buryLetters([{ ...about, path: "/wick/nobody" }]);
  return memory;
}

Deno.test("a plan says what a replay would come to, and sends nothing", async () => {
  const memory = await earlierLetters();
  await using rig = new Rig(memory);
  rig.die({ n: 6 }, "inside");
  await rig.kept.write();
  const planned = await rig.kept.plan([1, 2, 3, 4, 5, 6, 7]);
  assertEquals(
    planned.map(({ id, path, problem }) => [
      id,
      path,
      problem === null ? "sent" : problemOf(problem).code,
    ]),
    [
      [1, "/wick/sink", "sent"],
      [2, "/wick/sink", "invalid_message"],
      [3, "/wick/sink", "invalid_message"],
      [4, "/wick/sink", "no_payload"],
      [5, "/wick/nobody", "actor_stopped"],
      // In memory it is sent as it was, internal or not.
      [6, "/wick/sink", "sent"],
    ],
  );
  assertEquals((await rig.shown()).length, 6);
  await rig.system.stop();
  assertEquals(rig.taken, []);
});

Deno.test("what the store refuses has a number of its own, and is replayed and dropped", async () => {
  await using rig = new Rig();
  rig.refuses = true;
  rig.die({ n: 1 });
  rig.die({ n: 2 });
  const [one, two] = [UNWRITTEN_IDS + 1, UNWRITTEN_IDS + 2];
  const expected = [[one, { n: 1 }, "as_sent"], [two, { n: 2 }, "as_sent"]];
  assertEquals(await rig.shown(), expected);
  rig.refuses = false;
  rig.die({ n: 3 });
  assertEquals(await rig.shown(), [[1, { n: 3 }, "as_sent"], ...expected]);
  assertEquals(await rig.shown({}, one), expected.slice(1));
  assertEquals(await rig.kept.replay([one]), [{ id: one, state: "accepted" }]);
  assertEquals(await rig.kept.drop([two, 1, 99]), 2);
  assertEquals(await rig.shown(), []);
  assertEquals(rig.system.deadLetters.size, 0);
  await rig.system.stop();
  assertEquals(rig.taken, [{ n: 1 }]);
});

Deno.test("a letter that may be written or not is not listed twice", async () => {
  await using rig = new Rig();
  rig.isSilent = true;
  rig.die({ n: 1 });
  assertEquals(await rig.shown(), []);
  assertEquals((await rig.kept.counts()).evicted, 1);
});

Deno.test("a live letter is sent as it was; it leaves memory and store", async () => {
  await using rig = new Rig();
  // Neither could come from outside.
  const column = Float64Array.of(1, 2);
  rig.die(column, "inside");
  rig.die({ n: "wrong" });
  await rig.kept.write();
  assertEquals(await rig.kept.replay([2, 1]), [
    { id: 2, state: "accepted" },
    { id: 1, state: "accepted" },
  ]);
  assertEquals([rig.memory.info().letters, rig.system.deadLetters.size], [0, 0]);
  await rig.system.stop();
  assert(rig.taken[1] === column);
  assertEquals(rig.taken[0], { n: "wrong" });
});

Deno.test("a letter of an earlier run is checked like a message from outside", async () => {
  const memory = await earlierLetters();
  await using second = new Rig(memory);
  const replayed = await second.kept.replay([1, 2, 3, 4, 5, 6]);
  const states = replayed.map((one) => {
    if (one.state !== "failed") return one.state;
    const { status, code } = problemOf(one.error);
    return `${status} ${code}`;
  });
  assertEquals(states, [
    "accepted",
    "422 invalid_message",
    "422 invalid_message",
    "409 no_payload",
    "503 actor_stopped",
    "unknown",
  ]);
  // What was refused stays, and is no dead letter anew.
  assertEquals((await second.shown()).map(([id]) => id), [2, 3, 4, 5]);
  await second.system.stop();
  assertEquals(second.taken, [{ n: 1 }]);
});

Deno.test("a letter is sent once, however many ask at once", async () => {
  const memory = new MemoryStore();
  {
    await using first = new Rig(memory);
    first.die({ n: 1 });
    await first.kept.write();
  }
  await using rig = new Rig(memory);
  const all = await Promise.all([1, 2, 3].map(() => rig.kept.replay([1])));
  assertEquals(all.flat().map(({ state }) => state), ["accepted", "unknown", "unknown"]);
  await rig.system.stop();
  assertEquals(rig.taken, [{ n: 1 }]);
});

Deno.test("a store that cannot forget a letter says so: it would be sent twice", async () => {
  const memory = new MemoryStore();
  {
    await using first = new Rig(memory);
    first.die({ n: 1 });
    await first.kept.write();
  }
  await using rig = new Rig(memory);
  rig.refuses = true;
  const [one] = await rig.kept.replay([1]);
  assert(one?.state === "failed" && one.error instanceof HttpProblem);
  assertEquals([one.error.status, one.error.code], [503, "disk_full"]);
  await assertRejects(() => rig.kept.drop([1]), HttpProblem, "no room");
  assertEquals((await rig.shown()).length, 1);
});

Deno.test("letters that wait for a store that is down are written by it, once", async () => {
  await using rig = new Rig();
  rig.isDown = true;
  rig.die({ n: 1 });
  assertEquals(await rig.kept.write(), null);
  assertEquals(rig.kept.status, { written: 1, left: 0, waiting: 0 });
  rig.isDown = false;
  rig.die({ n: 2 });
  assertEquals((await rig.shown()).map(([id, payload]) => [id, payload]), [
    [1, { n: 1 }],
    [2, { n: 2 }],
  ]);
  const { kept, evicted } = await rig.kept.counts();
  assertEquals([kept, evicted], [2, 0]);
});

Deno.test("letters of before whoever keeps them started are taken, once", async () => {
  await using rig = new Rig();
  const late = new KeptLetters({
    buryLetters: (letters) => Promise.resolve(rig.memory.buryLetters(letters)),
    letters: (filter, limit) => Promise.resolve(rig.memory.letters(filter, limit)),
    dropLetters: (filter) => Promise.resolve(rig.memory.dropLetters(filter)),
    count: () => Promise.resolve(rig.memory.info().letters),
  }, rig.system);
  rig.die({ n: 1 });
  rig.die({ n: 2 });
  late.catchUp("/wick/other");
  late.catchUp("/wick/other");
  assertEquals((await late.list({ afterId: 0, limit: 9 })).length, 2);
});
