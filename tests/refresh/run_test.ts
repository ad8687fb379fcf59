import { assert, assertEquals, assertThrows } from "@std/assert";
import { RefreshError } from "../../src/refresh/error.ts";
import { RunRig, START_MS } from "./run_rig.ts";

Deno.test("OptimisationRun.step() rebuilds first and publishes the best set, the first of a tie", () => {
  const rig = RunRig.small();
  const report = rig.refresh();
  assertEquals([report.state, report.kind, report.why], ["succeeded", "full", "first"]);
  assertEquals(rig.published, ["ab", 1]);
  assertEquals(rig.told(), ["best_ever", "published"]);
});

Deno.test("OptimisationRun.step() then evaluates the sets that hold a changed edge, and no other", () => {
  const rig = RunRig.small();
  rig.refresh();
  const report = rig.set({ f: 2 }).refresh();
  assertEquals([report.kind, report.setsAffected, report.evaluated, report.changed], [
    "partial",
    2,
    2,
    2,
  ]);
  assertEquals(rig.published, ["ef", 2]);
});

Deno.test("OptimisationRun.step() takes the best over all sets, not over those affected", () => {
  const rig = RunRig.small();
  rig.set({ c: 5 }).refresh();
  rig.set({ a: 3 }).refresh();
  assertEquals(rig.published, ["cd", 5]);
});

Deno.test("OptimisationRun.begin() takes what was recorded until then; later changes wait", () => {
  const rig = RunRig.small();
  rig.refresh();
  rig.set({ a: 2, c: 2 });
  rig.run.begin();
  rig.run.step(1, rig.nowMs);
  rig.set({ c: 9 });
  const first = rig.finish();
  assertEquals([first.best?.setId, first.best?.score], ["ab", 2]);
  assertEquals(rig.run.metadata(rig.nowMs).staleReasons, [{ reason: "revision_gap", changes: 1 }]);
  assertEquals(rig.refresh().best?.score, 9);
});

Deno.test("OptimisationRun.begin() says busy while a refresh is under way", () => {
  const rig = RunRig.small();
  assertEquals(rig.run.begin().state, "begun");
  assertEquals(rig.run.begin().state, "busy");
});

Deno.test("OptimisationRun.begin() holds a live refresh until enough edges changed", () => {
  const rig = RunRig.small({ minChangedEdges: 2 });
  rig.refresh();
  rig.set({ a: 2 }).set({ a: 3 });
  assertEquals(rig.run.begin({ cause: "live" }).state, "held");
  assertEquals(rig.published, ["ab", 1]);
  rig.set({ b: 2 });
  assertEquals(rig.refresh({ cause: "live" }).best?.score, 6);
  assertEquals(rig.run.metadata(rig.nowMs).counters.held, 1);
});

Deno.test("OptimisationRun.begin() lets a live refresh through when the structure changed", () => {
  const rig = RunRig.small({ minChangedEdges: 5 });
  rig.refresh();
  rig.run.changes.addSet("abc", ["a", "b", "c"], rig.nowMs);
  assertEquals(rig.run.begin({ cause: "live" }).state, "begun");
});

Deno.test("OptimisationRun.step() publishes by the score last published: drift cannot pile up", () => {
  const rig = RunRig.small({ epsilon: 0.001 });
  rig.refresh();
  const seen: number[] = [];
  for (let step = 1; step <= 25; step++) {
    const report = rig.set({ a: 1 + step * 0.0004 }).refresh();
    if (report.publication !== null) seen.push(report.publication.best.score);
  }
  assertEquals(rig.run.metadata(rig.nowMs).epsilon, 0.001);
  // Every third step of 0.0004 is 0.0012 away from the score published before it.
  assertEquals(seen, [3, 6, 9, 12, 15, 18, 21, 24].map((step) => 1 + step * 0.0004));
});

Deno.test("OptimisationRun.begin() scores the published set first when its own edges moved, and marks it", () => {
  const rig = RunRig.small();
  rig.set({ a: 3 }).refresh();
  rig.told();
  rig.set({ a: 2 });
  rig.events.push(...rig.run.begin().events);
  assertEquals(rig.events.splice(0), [
    { type: "marked", setId: "ab", mark: "own_edges_moved", currentScore: 2 },
  ]);
  assertEquals(rig.published, ["ab", 3]);
  assertEquals(rig.finish().publication?.cause, "own_edges_fell");
  assertEquals(rig.published, ["ab", 2]);
});

Deno.test("OptimisationRun.step() moves away from a published set that was removed", () => {
  const rig = RunRig.small();
  rig.set({ a: 3, b: 3, c: 2 }).refresh();
  rig.run.changes.removeSet("ab", rig.nowMs);
  const report = rig.refresh();
  assertEquals([report.publication?.cause, report.publication?.isFall], ["removed", true]);
  assertEquals(rig.published, ["af", 3]);
});

Deno.test("OptimisationRun.step() withdraws what is published when no set is left", () => {
  const rig = RunRig.small();
  rig.refresh();
  for (const setId of ["ab", "cd", "ef", "af"]) rig.run.changes.removeSet(setId, rig.nowMs);
  rig.told();
  assertEquals(rig.refresh().state, "succeeded");
  assertEquals([rig.published, rig.told()], [null, ["marked", "withdrawn"]]);
});

Deno.test("OptimisationRun.changes adds and removes edges and sets while a refresh works", () => {
  const rig = RunRig.small();
  rig.refresh();
  rig.run.begin();
  rig.run.changes.addEdge({ edgeId: "g", value: 7 }, rig.nowMs);
  rig.run.changes.addSet("ag", ["a", "g"], rig.nowMs);
  rig.run.changes.removeEdge("f", rig.nowMs);
  rig.finish();
  assertEquals(rig.published, ["ab", 1]);
  rig.refresh();
  assertEquals(rig.published, ["ag", 7]);
  assertEquals([...rig.engine.members.keys()], ["ab", "cd", "ag"]);
});

Deno.test("OptimisationRun.changes refuses unknown and known ids, by what was recorded before", () => {
  const { changes } = RunRig.small().run;
  const codeOf = (act: () => void) => assertThrows(act, RefreshError).code;
  assertEquals(codeOf(() => changes.setValue({ edgeId: "z", value: 1 }, 0)), "edge");
  assertEquals(codeOf(() => changes.setValue({ edgeId: "a", value: NaN }, 0)), "edge");
  assertEquals(codeOf(() => changes.addEdge({ edgeId: "a", value: 1 }, 0)), "edge");
  assertEquals(codeOf(() => changes.addSet("ab", ["a"], 0)), "set");
  assertEquals(codeOf(() => changes.addSet("az", ["a", "z"], 0)), "edge");
  changes.removeEdge("a", 0);
  assertEquals(codeOf(() => changes.setValue({ edgeId: "a", value: 1 }, 0)), "edge");
  changes.addEdge({ edgeId: "a", value: 2 }, 0);
  changes.setValue({ edgeId: "a", value: 1 }, 0);
});

Deno.test("OptimisationRun.begin() tells a change of structure that the engine refuses, and goes on", () => {
  const rig = RunRig.small();
  rig.refresh();
  rig.run.changes.addSet("bc", ["b", "c"], rig.nowMs);
  // Behind the run's back, so that what was checked no longer holds.
  rig.engine.removeEdge("c");
  rig.told();
  rig.set({ a: 4 }).refresh();
  assert(rig.told().includes("rejected"));
  assertEquals(rig.published, ["ab", 4]);
});

Deno.test("OptimisationRun.changes takes what the scorer keeps between evaluations, and it is no degradation", () => {
  let factor = 1;
  const rig = RunRig.small({}, (values) => values.reduce((a, b) => a * b, factor));
  rig.set({ a: 4 }).refresh();
  rig.run.changes.scorerChanges("all", () => factor = 0.5, rig.nowMs);
  assertEquals(factor, 1);
  const report = rig.refresh();
  assertEquals([factor, report.fallback, report.evaluated, rig.published], [0.5, null, 4, [
    "ab",
    2,
  ]]);
  rig.run.changes.scorerChanges(["c"], () => {}, rig.nowMs);
  assertEquals(rig.refresh().evaluated, 1);
});

Deno.test("OptimisationRun.step() keeps the best ever when the best falls", () => {
  const rig = RunRig.small();
  rig.set({ a: 5 }).refresh();
  rig.set({ a: 1 }).refresh();
  const { bestEver, liveBest } = rig.run.metadata(rig.nowMs);
  assertEquals([bestEver?.setId, bestEver?.score, liveBest?.score], ["ab", 5, 1]);
});

Deno.test("OptimisationRun.metadata() counts and times what was done", () => {
  const rig = RunRig.small();
  rig.engine.faults.onStep = () => rig.busyMs += 2;
  rig.refresh();
  rig.nowMs += 5_000;
  rig.set({ a: 2, b: 1 }).refresh();
  const metadata = rig.run.metadata(rig.nowMs);
  assertEquals(metadata.counters, {
    refreshes: 2,
    partial: 1,
    full: 1,
    partialWanted: 1,
    fallbacks: 0,
    incomplete: 0,
    failed: 0,
    held: 0,
    evaluated: 6,
    skipped: 0,
    changed: 6,
    unchanged: 0,
    // The best of each result once more, and before the second the published and the live best.
    rescored: 4,
    publications: 2,
  });
  assertEquals([metadata.createdAtMs, metadata.lastRefreshAtMs], [START_MS, START_MS + 5_000]);
  assertEquals([metadata.fullMs.count, metadata.fullMs.maxMs], [1, 8]);
  assertEquals([metadata.partialMs.count, metadata.partialMs.maxMs], [1, 4]);
  assertEquals(metadata.history.map(({ setId, score }) => [setId, score]), [["ab", 1], ["ab", 2]]);
  assertEquals([metadata.edges, metadata.sets, metadata.setsAffected], [6, 4, 2]);
});

Deno.test("OptimisationRun.metadata() keeps a bounded history", () => {
  const rig = RunRig.small();
  rig.refresh();
  for (let step = 1; step <= 300; step++) rig.set({ a: 1 + step }).refresh();
  const { history } = rig.run.metadata(rig.nowMs);
  assertEquals([history.length, history[0]?.score, history.at(-1)?.score], [256, 46, 301]);
});

Deno.test("OptimisationRun.begin() rebuilds where that was found cheaper, which is no fallback", () => {
  const rig = RunRig.small();
  rig.engine.faults.onStep = (kind) => rig.busyMs += kind === "partial" ? 10 : 1;
  rig.refresh();
  const whys = Array.from(
    { length: 12 },
    (_, at) => rig.set({ a: at, c: at, e: at }).refresh().why,
  );
  // Rebuilds are tried first, then a partial refresh, which takes ten times as long.
  assertEquals(whys.slice(0, 7), Array(7).fill("trial"));
  assertEquals([whys[7], whys.at(-1)], ["partial_cheaper", "full_cheaper"]);
  const { counters } = rig.run.metadata(rig.nowMs);
  assertEquals([counters.fallbacks, counters.partial], [0, counters.partialWanted]);
});

Deno.test("OptimisationRun.step() and stepAudit() refuse a budget below 1", () => {
  const { run } = RunRig.small();
  for (const act of [() => run.step(0, 0), () => run.stepAudit(NaN)]) {
    assertEquals(assertThrows(act, RefreshError).code, "options");
  }
});

Deno.test("OptimisationRun.cancel() leaves a run that rebuilds next", () => {
  const rig = RunRig.small();
  rig.refresh();
  rig.set({ a: 2 }).run.begin();
  rig.run.cancel();
  assertEquals(rig.run.step(1, rig.nowMs).state, "idle");
  const report = rig.refresh();
  assertEquals([report.why, report.best?.score], ["untrusted", 2]);
});

Deno.test("OptimisationRun refuses options out of range", () => {
  for (
    const options of [
      { minChangedEdges: 0 },
      { partialTimeoutMs: 0 },
      { fullTimeoutMs: NaN },
      { epsilon: -1 },
      { auditEvery: 0.5 },
    ]
  ) {
    assertEquals(assertThrows(() => new RunRig(options), RefreshError).code, "options");
  }
});

Deno.test("OptimisationRun.restore() keeps what is published, and scores it anew after a rebuild", () => {
  const before = RunRig.small();
  before.set({ a: 5 }).refresh();
  const saved = structuredClone(before.run.snapshot());
  const rig = RunRig.small();
  rig.run.restore(saved, rig.nowMs);
  assertEquals(rig.published, ["ab", 5]);
  rig.set({ c: 2 });
  const report = rig.refresh();
  assertEquals([report.kind, report.publication?.cause], ["full", "own_edges_fell"]);
  assertEquals(rig.published, ["cd", 2]);
  const metadata = rig.run.metadata(rig.nowMs);
  assertEquals([metadata.bestEver?.score, metadata.counters.refreshes], [5, 2]);
  assert(metadata.revision > saved.revision);
});

Deno.test("OptimisationRun.restore() goes on with revisions beyond those counted before a crash", () => {
  const before = RunRig.small();
  before.set({ a: 5 }).refresh();
  const saved = structuredClone(before.run.snapshot());
  // More than there are edges and sets, which are counted again; none of them is saved.
  for (let value = 6; value < 106; value++) before.set({ a: value }).refresh();
  const rig = RunRig.small();
  rig.run.restore(saved, rig.nowMs + 1_000);
  rig.refresh();
  const [then, now] = [before, rig].map(({ run, nowMs }) => run.metadata(nowMs).revision);
  assert((now ?? 0) > (then ?? Infinity), `${then}, then ${now}`);
});

Deno.test("OptimisationRun.restore() refuses what is no snapshot of that run, and changes nothing", () => {
  const rig = RunRig.small();
  rig.refresh();
  const right = rig.run.snapshot();
  const wrongs: unknown[] = [
    null,
    { ...right, version: 2 },
    { ...right, runId: "run_10" },
    { ...right, revision: -1 },
    { ...right, published: { setId: "ab" } },
    { ...right, published: { ...right.published, mark: "odd" } },
    { ...right, bestEver: { ...right.bestEver, score: NaN } },
    { ...right, history: [null] },
    { ...right, counters: {} },
    { ...right, audits: { ...right.audits, every: "1" } },
    { ...right, cost: { partial: [1], full: [] } },
  ];
  const other = RunRig.small();
  for (const wrong of wrongs) {
    const error = assertThrows(() => other.run.restore(wrong as typeof right, 0), RefreshError);
    assertEquals(error.code, "snapshot");
  }
  assertEquals(other.published, null);
});
