/** What outlives the refresh coordinator: restarts, crashes, damage, stores that refuse. */

import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { correlationsOf } from "../../src/refresh/correlation.ts";
import { RUN_RECORDS } from "../../src/refresh/run_records.ts";
import type { RunMetadata } from "../../src/refresh/run_types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { seedOf } from "../actor/seed.ts";
import { kindOf, Rig, type RigOptions } from "./refresh_rig.ts";

const edgesOf = (values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([edgeId, value]) => ({ edgeId, value }));

const PAIRS = {
  runId: "pairs",
  edges: edgesOf({ a: 1, b: 2, c: 3, d: 0.5 }),
  generator: { kind: "combinations", size: 2 },
};
const NONE = { removeSets: [], removeEdges: [], addEdges: [], addSets: [], values: [] };

const setAndScore = (best: { readonly setId: string; readonly score: number } | null) =>
  best === null ? null : [best.setId, best.score];
const published = ({ publishedBest }: RunMetadata) => setAndScore(publishedBest);
const live = ({ liveBest }: RunMetadata) => setAndScore(liveBest);

/** Sees another process over the same store. */
async function again(rig: Rig, options: RigOptions = {}): Promise<Rig> {
  await rig[Symbol.asyncDispose]();
  return await Rig.start({ ...options, memory: rig.memory });
}

/** As if the process had been killed: what the store has now is all there is. */
function copied(memory: MemoryStore): MemoryStore {
  const copy = new MemoryStore();
  for (const kind of Object.values(RUN_RECORDS)) {
    for (const { key, json } of memory.records(kind)) copy.putRecord(kind, key, json);
  }
  return copy;
}

Deno.test("runs go on after an orderly restart, with all that was recorded before it", async () => {
  const rig = await Rig.start();
  await rig.create({ ...PAIRS, options: { isLive: false, epsilon: 0.5 } });
  await rig.refresh("pairs");
  rig.moved({ d: 9 }, "minor");
  const change = {
    ...NONE,
    removeSets: ["a+b"],
    addEdges: [{ edgeId: "e", value: 7 }],
    addSets: [{ setId: "own name", members: ["e", "d"] }],
  };
  await rig.play(rig.coordinator.ask("changeRun", { runId: "pairs", change }));
  const values = [{ edgeId: "e", value: 8 }];
  await rig.play(rig.coordinator.ask("recordEdgeChanges", { runId: "pairs", values }));
  const before = await rig.get("pairs");
  assertEquals(published(before), ["b+c", 6]);
  await using next = await again(rig);
  await next.settle();
  const after = await next.get("pairs");
  assertEquals([published(after), live(after)], [["own name", 72], ["own name", 72]]);
  assertEquals([after.createdAtMs, after.edges, after.sets], [before.createdAtMs, 5, 6]);
  assert(after.revision > before.revision);
  assertEquals(after.counters.refreshes, before.counters.refreshes + 1);
  // Its settings, too.
  next.moved({ d: 20 }, "major", true);
  await next.pass(2_000);
  assertEquals(live(await next.get("pairs")), ["own name", 72]);
  assertEquals(next.notes.edges, ["a", "b", "c", "d"]);
});

Deno.test("after a crash, and after a kill at any moment, what was published is not lost or lowered", async () => {
  const random = seededRandom(seedOf("refresh_restart_test"));
  await using rig = await Rig.start();
  const names = Array.from({ length: 8 }, (_, at) => `e${at}`);
  await rig.create({
    runId: "random",
    edges: names.map((edgeId) => ({ edgeId, value: 1 })),
    generator: { kind: "combinations", size: 3 },
    options: { epsilon: 0 },
  });
  await rig.settle();
  const values = new Map(names.map((name) => [name, 1]));
  for (let round = 0; round < 25; round++) {
    // Edges rise only, so that what is published does.
    const name = names[Math.floor(random.next() * 8)] as string;
    const value = (values.get(name) ?? 1) + random.next();
    values.set(name, value);
    rig.moved({ [name]: value }, "major");
    await rig.pass(1_500);
    const before = await rig.get("random");
    if (round % 5 === 0) {
      await rig.crash();
      const after = await rig.get("random");
      assertEquals(published(after), published(before));
      assert(after.revision > before.revision);
    }
    await using other = await Rig.start({ memory: copied(rig.memory) });
    const first = await other.get("random");
    assert((first.publishedBest?.score ?? 0) >= (before.publishedBest?.score ?? Infinity));
    await other.settle();
    assertEquals(published(await other.get("random")), published(before));
  }
});

Deno.test("a state is saved at each publication, but not twice in a second, and values within a minute", async () => {
  await using rig = await Rig.start();
  let writes = 0;
  const put = rig.store.putRecord.bind(rig.store);
  rig.store.putRecord = (kind, key, json) => {
    if (kind === RUN_RECORDS.state) writes++;
    return put(kind, key, json);
  };
  await rig.create(PAIRS);
  await rig.pass(2_000);
  const atFirst = writes;
  for (let at = 0; at < 10; at++) {
    rig.moved({ a: 10 + at }, "major");
    await rig.pass(100);
  }
  await rig.pass(1_500);
  assert(writes - atFirst >= 2 && writes - atFirst <= 4, `${writes - atFirst} writes`);
  const before = writes;
  rig.moved({ d: 0.4 });
  await rig.pass(50_000);
  assertEquals(writes, before);
  await rig.pass(15_000);
  assertEquals(writes, before + 1);
});

Deno.test("a record that cannot be read costs its run, and stays until a run of that id is made", async () => {
  const rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.create({ ...PAIRS, runId: "other" });
  await rig.settle();
  await rig.play(rig.coordinator.ask("save", {}));
  const kinds = [RUN_RECORDS.state, RUN_RECORDS.head] as const;
  for (const kind of kinds) {
    const memory = copied(rig.memory);
    memory.putRecord(kind, "pairs", `{"version":1,"spoilt":true}`);
    await using next = await Rig.start({ memory });
    await next.pass(70_000);
    const list = await next.play(next.coordinator.ask("list", {}));
    assertEquals(list.map(({ runId }) => runId), ["other"]);
    assert(next.logged.some((line) => line.includes("cannot be read")));
    assertEquals(memory.record(kind, "pairs"), `{"version":1,"spoilt":true}`);
    await next.create({ ...PAIRS, edges: edgesOf({ x: 1, y: 2 }) });
    await next.settle();
    const third = await again(next);
    assertEquals((await third.get("pairs")).edges, 2);
    await third[Symbol.asyncDispose]();
  }
  // A part that is missing costs the run as well.
  const memory = copied(rig.memory);
  const part = memory.records(RUN_RECORDS.part).find(({ key }) => key.startsWith("pairs/"));
  memory.dropRecord(RUN_RECORDS.part, part?.key ?? "");
  await using next = await Rig.start({ memory });
  const list = await next.play(next.coordinator.ask("list", {}));
  assertEquals(list.map(({ runId }) => runId), ["other"]);
  await rig[Symbol.asyncDispose]();
});

Deno.test("removeRun drops all records of its run, and of no other", async () => {
  const rig = await Rig.start();
  await rig.create({ ...PAIRS, runId: "run_1" });
  await rig.create({ ...PAIRS, runId: "run_10" });
  await rig.pass(3_000);
  await rig.play(rig.coordinator.ask("removeRun", { runId: "run_1" }));
  await rig.pass(3_000);
  const { writing, ...kinds } = RUN_RECORDS;
  for (const kind of Object.values(kinds)) {
    const keys = rig.memory.records(kind).map(({ key }) => key.split("/")[0]);
    assertEquals(new Set(keys), new Set(["run_10"]));
  }
  assertEquals(rig.memory.records(writing), []);
  await using next = await again(rig);
  assertEquals((await next.play(next.coordinator.ask("list", {}))).length, 1);
});

Deno.test("a store that refuses costs nothing but the save, which is tried again", async () => {
  await using rig = await Rig.start();
  rig.store.refuseRecords = () => ({ state: "refused", code: "full", message: "no room" }) as never;
  await rig.create(PAIRS);
  await rig.pass(5_000);
  rig.moved({ a: 9 }, "major");
  await rig.settle();
  assertEquals(live(await rig.get("pairs")), ["a+c", 27]);
  assert(rig.logged.some((line) => line.includes("a run is not saved")));
  const failed = await rig.play(rig.coordinator.ask("save", {}).catch((error) => String(error)));
  assert(String(failed).includes("Cannot save all runs"));
  rig.store.refuseRecords = () => null;
  await rig.pass(12_000);
  await using next = await Rig.start({ memory: copied(rig.memory) });
  await next.settle();
  assertEquals(published(await next.get("pairs")), ["a+c", 27]);
});

Deno.test("a store that does not answer at the start is asked again, and no run is left out", async () => {
  const rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.pass(10);
  await rig.create({ ...PAIRS, runId: "other" });
  await rig.settle();
  const before = await rig.get("other");
  await rig[Symbol.asyncDispose]();
  const { memory } = rig, record = memory.record.bind(memory);
  let isFailing = true;
  memory.record = (kind, key) => {
    if (!isFailing || kind !== RUN_RECORDS.part) return record(kind, key);
    isFailing = false;
    throw new Error("the disk does not answer");
  };
  await using next = await Rig.start({ memory });
  await next.pass(1_000);
  assert(!isFailing);
  const list = await next.play(next.coordinator.ask("list", {}));
  assertEquals(list.map(({ runId }) => runId), ["pairs", "other"], "in the order they were made");
  assertEquals(published(await next.get("other")), published(before));
});

Deno.test("a store that takes long for a record is waited for, and keeps nobody busy", async () => {
  await using rig = await Rig.start();
  const gate = Promise.withResolvers<void>();
  const put = rig.store.putRecord.bind(rig.store);
  Object.assign(rig.store, {
    putRecord: async (kind: string, key: string, json: string) => {
      await gate.promise;
      return put(kind, key, json);
    },
  });
  let saves = 0;
  rig.beforeHandle = (_path, type) => {
    if (type === "autosave") saves++;
  };
  await rig.create(PAIRS);
  await rig.pass(2_000);
  for (let at = 0; at < 5; at++) {
    rig.moved({ a: 5 + at }, "major");
    await rig.pass(1_000);
  }
  assert(saves <= 2, `${saves} saves were tried while one was under way`);
  gate.resolve();
  await rig.pass(2_000);
  await using next = await Rig.start({ memory: copied(rig.memory) });
  assertEquals(published(await next.get("pairs")), ["a+c", 27]);
});

Deno.test("a process that dies between any two writes leaves no part that no head names for long", async () => {
  const rig = await Rig.start();
  const copies: MemoryStore[] = [];
  const { putRecord, dropRecord } = rig.memory;
  Object.assign(rig.memory, {
    putRecord(kind: string, key: string, json: string) {
      copies.push(copied(rig.memory));
      return putRecord.call(rig.memory, kind, key, json);
    },
    dropRecord(kind: string, key: string) {
      copies.push(copied(rig.memory));
      return dropRecord.call(rig.memory, kind, key);
    },
  });
  await rig.create(PAIRS);
  await rig.pass(3_000);
  const change = { ...NONE, addSets: [{ setId: "all", members: ["a", "b", "c", "d"] }] };
  await rig.play(rig.coordinator.ask("changeRun", { runId: "pairs", change }));
  await rig.pass(5_000);
  await rig.play(rig.coordinator.ask("removeRun", { runId: "pairs" }));
  await rig.pass(3_000);
  await rig[Symbol.asyncDispose]();
  assert(copies.length >= 14, `${copies.length} writes`);
  for (const memory of copies) {
    await using next = await Rig.start({ memory });
    await next.settle();
    const head = memory.record(RUN_RECORDS.head, "pairs");
    const parts = memory.records(RUN_RECORDS.part).map(({ key }) => key).sort();
    assertEquals(memory.records(RUN_RECORDS.writing), []);
    if (head === null) assertEquals(parts, []);
    else {
      const { writing, parts: count } = JSON.parse(head);
      const named = Array.from({ length: count }, (_, part) => `pairs/${writing}/${part}`);
      assertEquals(parts, named);
      assert(next.logged.every((line) => !line.includes("cannot be read")));
    }
  }
});

Deno.test("inputs that change are written anew, and older parts dropped", async () => {
  await using rig = await Rig.start();
  const edges = Array.from({ length: 300 }, (_, at) => ({ edgeId: `e${at}`, value: 1 }));
  const generator = { kind: "random", size: 5, sets: 20_000, seed: 1 };
  await rig.create({ runId: "large", edges, generator });
  await rig.pass(3_000);
  const parts = () => rig.memory.records(RUN_RECORDS.part).map(({ key }) => key);
  const first = parts();
  assert(first.length >= 3, `${first.length} parts`);
  const change = { ...NONE, addSets: [{ setId: "new", members: ["e1", "e2"] }] };
  await rig.play(rig.coordinator.ask("changeRun", { runId: "large", change }));
  await rig.pass(3_000);
  const second = parts();
  assertEquals(second.length, first.length);
  assertEquals(second.filter((key) => first.includes(key)), []);
  await using next = await Rig.start({ memory: copied(rig.memory) });
  await next.settle();
  const [before, after] = [await rig.get("large"), await next.get("large")];
  assertEquals([after.sets, live(after)], [20_001, live(before)]);
});

Deno.test("a run that had correlations waits for them after a restart, ten seconds at most", async () => {
  const rig = await Rig.start();
  const pairs = [{ a: "b", b: "c", correlation: 1 }];
  const correlations = correlationsOf({ kind: "pairs", pairs });
  rig.coordinator.tell("correlated", { correlations });
  await rig.create({ ...PAIRS, options: { followsCorrelations: true } });
  await rig.settle();
  assertEquals(published(await rig.get("pairs")), ["a+c", 3]);
  const next = await again(rig);
  await next.pass(5_000);
  assertEquals(live(await next.get("pairs")), null);
  next.coordinator.tell("correlated", { correlations });
  await next.settle();
  assertEquals(live(await next.get("pairs")), ["a+c", 3]);
  await using third = await again(next);
  await third.pass(11_000);
  assertEquals(live(await third.get("pairs")), ["b+c", 6]);
});

Deno.test("baskets go on growing after a restart; a run whose scorer is gone is left alone", async () => {
  const own = kindOf("own", ([value = 0]) => value);
  const spec = { baskets: { size: 2 } };
  const rig = await Rig.start({ spec, scorers: [own] });
  rig.moved({ A: 0.5, B: 0.6 });
  await rig.create({ ...PAIRS, scorer: { name: "own" } });
  await rig.pass(2_000);
  await using next = await again(rig, { spec });
  next.moved({ C: 0.7 });
  await next.pass(2_000);
  const list = await next.play(next.coordinator.ask("list", {}));
  assertEquals(list.map(({ runId, sets }) => [runId, sets]), [["baskets", 3]]);
  assert(next.logged.some((line) => line.includes("expected one of product")));
  assert(next.memory.record(RUN_RECORDS.head, "pairs") !== null);
});
