/** A refresh with so many changes that they are handed to the engine in slices. */

import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { SetEngine } from "../../src/refresh/evaluate.ts";
import { OptimisationRun } from "../../src/refresh/run.ts";
import type { RunEvent } from "../../src/refresh/run_types.ts";
import type { Scorer } from "../../src/refresh/scorer.ts";
import { seedOf } from "../actor/seed.ts";
import { TwinEngine } from "./run_twin.ts";

const sum: Scorer = {
  name: "sum",
  score(values, members, from, to) {
    let total = 0;
    for (let i = from; i < to; i++) total += values[members[i] as number] as number;
    return total;
  },
};
const OPTIONS = { stopwatchMs: () => 0, auditEvery: 0 };
const EDGES = Array.from({ length: 50 }, (_, at) => ({ edgeId: `e${at}`, value: at }));

function runOf(engine = new SetEngine({ scorer: sum, edges: EDGES })) {
  return { engine, run: new OptimisationRun("run_1", engine, OPTIONS, 0) };
}

/** `count` sets of one edge each, named `prefix` and a number. */
function addSets(run: OptimisationRun, prefix: string, count: number): void {
  for (let at = 0; at < count; at++) run.changes.addSet(`${prefix}${at}`, [`e${at % 50}`], 0);
}

/** Steps until changes are handed over; returns how many slices that took, and what was told. */
function prepared(run: OptimisationRun) {
  const events: RunEvent[] = [];
  let slices = 0;
  for (; run.isPreparing; slices++) {
    const step = run.step(1, 0);
    assertEquals([step.state, step.report], ["more", null]);
    events.push(...step.events);
  }
  return { slices, events };
}

function finished(run: OptimisationRun) {
  for (;;) {
    const { report } = run.step(1_000, 0);
    if (report !== null) return report;
  }
}

function refreshed(run: OptimisationRun) {
  assertEquals(run.begin().state, "begun");
  return finished(run);
}

Deno.test("OptimisationRun.begin() hands few changes over at once", () => {
  const { run, engine } = runOf();
  addSets(run, "s", 400);
  run.begin();
  assertEquals([run.isPreparing, run.isRefreshing, engine.sets], [false, true, 400]);
  assertEquals(finished(run).best?.score, 49);
});

Deno.test("OptimisationRun.step() hands many changes over in slices, each of a bounded size", () => {
  const { run, engine } = runOf();
  addSets(run, "s", 10_000);
  assertEquals(run.begin().state, "begun");
  const counts = [engine.sets];
  while (run.isPreparing) {
    assertEquals([run.isRefreshing, run.wantsRefresh, run.wantsAudit], [true, false, false]);
    run.step(1, 0);
    counts.push(engine.sets);
  }
  assertEquals(counts.at(-1), 10_000);
  counts.forEach((count, at) => {
    const before = counts[at - 1] ?? 0;
    assert(count - before <= 500, `${count - before} sets in slice ${at}`);
  });
  const { state, evaluated, best } = finished(run);
  assertEquals([state, evaluated, best?.setId], ["succeeded", 10_000, "s1049"]);
  engine.invariant();
});

Deno.test("OptimisationRun.begin() says busy while changes are handed over", () => {
  const { run } = runOf();
  addSets(run, "s", 5_000);
  run.begin();
  assertEquals([run.isPreparing, run.begin().state], [true, "busy"]);
});

Deno.test("RunChanges takes into account what is on its way, and lets later changes wait", () => {
  const { run } = runOf();
  refreshed(run);
  addSets(run, "s", 5_000);
  run.changes.addEdge({ edgeId: "late", value: 100 }, 0);
  run.changes.addSet("of_late", ["late"], 0);
  run.begin();
  assert(run.isPreparing);
  const { changes } = run;
  assertEquals([changes.willHaveEdge("late"), changes.willHaveSet("s4999")], [true, true]);
  assertEquals(changes.setsToCome + 500, 5_001);
  assertEquals([changes.edgesToCome, changes.structure.length], [1, 4_502]);
  assertEquals([changes.waitingStructure, changes.isSettled], [0, false]);
  changes.setValue({ edgeId: "late", value: 200 }, 0);
  changes.removeSet("s49", 0);
  assertEquals(changes.willHaveSet("s49"), false);
  prepared(run);
  assertEquals([finished(run).best?.setId, changes.waitingEdges], ["of_late", 1]);
  const { best } = refreshed(run);
  assertEquals([best?.score, run.metadata(0).sets], [200, 5_000]);
});

Deno.test("OptimisationRun.step() tells changes of structure that the engine refuses in later slices", () => {
  const { run } = runOf();
  addSets(run, "s", 3_000);
  run.changes.addSet("too_large", Array.from({ length: 65 }, () => "e1"), 0);
  assertEquals(run.begin().events, []);
  const { slices, events } = prepared(run);
  assertEquals(slices, 6);
  assertEquals(events.map(({ type }) => type), ["rejected"]);
  assertEquals([finished(run).state, run.metadata(0).sets], ["succeeded", 3_000]);
});

Deno.test("OptimisationRun.cancel() in the midst of a handover loses nothing: the next refresh goes on", () => {
  const { run, engine } = runOf();
  addSets(run, "s", 3_000);
  run.changes.setValue({ edgeId: "e7", value: 500 }, 0);
  run.begin();
  run.cancel();
  assertEquals([run.isRefreshing, engine.sets], [false, 500]);
  run.changes.removeSet("s2999", 0);
  run.changes.setValue({ edgeId: "e8", value: 600 }, 0);
  const { best, kind, evaluated } = refreshed(run);
  assertEquals([kind, evaluated, best?.score, engine.valueOf("e7")], ["full", 2_999, 600, 500]);
});

Deno.test("OptimisationRun.cancel(): a value on its way does not reach an edge that came anew", () => {
  const { run, engine } = runOf();
  addSets(run, "s", 40);
  refreshed(run);
  addSets(run, "t", 2_000);
  run.changes.setValue({ edgeId: "e49", value: 900 }, 0);
  run.begin();
  run.cancel();
  run.changes.removeEdge("e49", 0);
  for (let at = 49; at < 2_000; at += 50) run.changes.removeSet(`t${at}`, 0);
  refreshed(run);
  // Sets held it when it was to be removed, so it stays; its value does not come.
  assertEquals(engine.valueOf("e49"), 49);
});

Deno.test("OptimisationRun.step(): values that the engine refuses wait, and newer ones stay", () => {
  const engine = new TwinEngine();
  const run = new OptimisationRun("run_1", engine, OPTIONS, 0);
  for (let at = 0; at < 3_000; at++) run.changes.addEdge({ edgeId: `e${at}`, value: 1 }, 0);
  run.changes.addSet("ab", ["e0", "e1"], 0);
  refreshed(run);
  for (let at = 0; at < 3_000; at++) run.changes.setValue({ edgeId: `e${at}`, value: 2 }, 0);
  run.begin();
  assert(run.isPreparing);
  engine.faults.setValues = new Error("full");
  run.changes.setValue({ edgeId: "e2500", value: 3 }, 0);
  prepared(run);
  const report = finished(run);
  assertEquals([report.state, report.kind, report.fallback], ["succeeded", "full", "error"]);
  assertEquals(run.changes.waitingEdges, 2_500);
  engine.faults = {};
  refreshed(run);
  assertEquals([engine.values.get("e2999"), engine.values.get("e2500")], [2, 3]);
});

Deno.test("SetEngine.prepare() marks the sets of moved edges in slices, to the same end", () => {
  for (const mode of ["eager", "lazy"] as const) {
    const random = seededRandom(seedOf("run_prepare_test"));
    const scorer = { ...sum, bound: { kind: "addend" as const, lift: liftOf } };
    const sets = Array.from({ length: 2_000 }, (_, at) => ({
      setId: `s${at}`,
      members: [`e${at % 50}`, `e${(at + 1 + Math.floor(random.next() * 49)) % 50}`],
    }));
    const make = () => {
      const engine = new SetEngine({ scorer, mode, edges: EDGES, sets });
      engine.begin("full").step(Infinity);
      // Not so many that a look at all sets is cheaper.
      engine.setValues(EDGES.slice(0, 15).map((one) => ({ ...one, value: one.value + 0.5 })));
      return engine;
    };
    const sliced = make(), whole = make();
    let slices = 1;
    while (sliced.prepare(100) === "more") slices++;
    assert(slices > 5, `${slices}`);
    assertEquals([sliced.dirtySets, whole.dirtySets > 0], [whole.dirtySets, true]);
    sliced.invariant();
    const bests = [sliced, whole].map((engine) => {
      const evaluation = engine.begin("partial");
      while (evaluation.step(100) === "more");
      return evaluation.outcome();
    });
    assertEquals(bests[0], bests[1]);
  }
});

Deno.test("SetEngine marks by a look at all sets where most edges moved, and no set more", () => {
  const sets = Array.from({ length: 48 }, (_, at) => ({
    setId: `s${at + 1}`,
    members: ["e0", `e${at + 1}`, `e${at + 2}`],
  }));
  const engine = new SetEngine({ scorer: sum, edges: EDGES, sets });
  engine.begin("full").step(Infinity);
  // 141 pairs of 48 sets; e0, e3 and e4 are back where they were, and only s3 and s48 hold no other.
  engine.setValues([{ edgeId: "e0", value: 5 }]);
  engine.setValues([{ edgeId: "e0", value: 0 }]);
  engine.setValues(EDGES.slice(1, 48).map((one) => ({ ...one, value: -1 })));
  engine.setValues([{ edgeId: "e3", value: 3 }, { edgeId: "e4", value: 4 }]);
  assertEquals(engine.dirtySets, 46);
  assertEquals(["s3", "s48", "s2"].map((setId) => engine.stateOf(setId).state), [
    "clean",
    "clean",
    "dirty",
  ]);
  engine.invariant();
});

function liftOf(_edge: number, from: number, to: number): number {
  return to - from + 1e-9;
}
