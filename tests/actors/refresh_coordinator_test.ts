/** The refresh coordinator as an actor: runs, live refreshes, slices, askers, bounds, modes. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { runSpec } from "../../src/http/refresh_input.ts";
import { correlationsOf } from "../../src/refresh/correlation.ts";
import type { RunMetadata } from "../../src/refresh/run_types.ts";
import { seedOf } from "../actor/seed.ts";
import { kindOf, Rig } from "./refresh_rig.ts";

const edgesOf = (values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([edgeId, value]) => ({ edgeId, value }));

const PAIRS = {
  runId: "pairs",
  edges: edgesOf({ a: 1, b: 2, c: 3, d: 0.5 }),
  generator: { kind: "combinations", size: 2 },
};

const best = ({ liveBest }: RunMetadata) =>
  liveBest === null ? null : [liveBest.setId, liveBest.score];
const published = ({ publishedBest }: RunMetadata) =>
  publishedBest === null ? null : [publishedBest.setId, publishedBest.score];

Deno.test("createRun makes the sets of its generator and refreshes at once, unasked", async () => {
  await using rig = await Rig.start();
  const run = await rig.create(PAIRS);
  assertEquals([run.edges, run.sets], [4, 6]);
  await rig.settle();
  const now = await rig.get("pairs");
  assertEquals([best(now), published(now)], [["b+c", 6], ["b+c", 6]]);
  assertEquals([now.counters.refreshes, now.isStale], [1, false]);
  assertEquals(rig.notes.edges, ["a", "b", "c", "d"]);
  assertEquals(rig.news.map(({ type }) => type), ["run", "best"]);
});

Deno.test("createRun: an id that lives, and what is wrong, are answers with a code", async () => {
  const kinds = [
    {
      name: "throws",
      description: "",
      create: () => {
        throw new Error("own");
      },
    },
    { name: "nothing", description: "", create: () => null as never },
  ];
  await using rig = await Rig.start({ scorers: kinds });
  await rig.create(PAIRS);
  const answer = async (change: object) => {
    const spec = runSpec.parse({ ...PAIRS, runId: "other", ...change });
    const made = await rig.play(rig.coordinator.ask("createRun", spec));
    return made.state === "refused" ? made.code : made.state;
  };
  assertEquals(await answer({ runId: "pairs" }), "exists");
  assertEquals(await answer({ scorer: { name: "unknown" } }), "scorer");
  assertEquals(await answer({ scorer: { name: "throws" } }), "scorer");
  assertEquals(await answer({ scorer: { name: "nothing" } }), "scorer");
  assertEquals(await answer({ scorer: { name: "product", params: { x: 1 } } }), "scorer");
  assertEquals(await answer({ generator: { kind: "combinations", size: 5 } }), "options");
  assertEquals(await answer({ edges: [...PAIRS.edges, ...PAIRS.edges] }), "edge");
  const sets = [{ setId: "ab", members: ["a", "x"] }];
  assertEquals(await answer({ generator: undefined, sets }), "edge");
  assertEquals(await answer({ generator: undefined, sets: [] }), "created");
  assertEquals((await rig.play(rig.coordinator.ask("list", {}))).length, 2);
});

Deno.test("a live refresh comes at the latest a second later, at once if a cluster fires or a change is major", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.settle();
  rig.moved({ a: 4 });
  await rig.pass(900);
  assertEquals(best(await rig.get("pairs")), ["b+c", 6]);
  await rig.pass(200);
  assertEquals(best(await rig.get("pairs")), ["a+c", 12]);
  rig.moved({ b: 5 }, "major");
  await rig.settle();
  assertEquals(best(await rig.get("pairs")), ["a+b", 20]);
  rig.moved({ c: 6 }, "minor", true);
  await rig.settle();
  assertEquals(best(await rig.get("pairs")), ["b+c", 30]);
});

Deno.test("a change without a value, of an unknown edge, or of the same value refreshes nothing", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.settle();
  rig.moved({ a: undefined, x: 7, b: 2 }, "major", true);
  await rig.pass(5_000);
  const { counters, isStale } = await rig.get("pairs");
  assertEquals([counters.refreshes, counters.held, isStale], [1, 0, false]);
});

Deno.test("a run that is not live keeps changes until somebody asks, and says that it is stale", async () => {
  await using rig = await Rig.start();
  await rig.create({ ...PAIRS, options: { isLive: false } });
  await rig.settle();
  assertEquals(best(await rig.get("pairs")), ["b+c", 6]);
  rig.moved({ a: 4 }, "major", true);
  await rig.pass(61_000);
  const stale = await rig.get("pairs");
  const reasons = stale.staleReasons.map(({ reason }) => reason);
  assertEquals([best(stale), reasons], [["b+c", 6], ["revision_gap", "unapplied_change"]]);
  const explained = await rig.play(rig.coordinator.ask("explain", { runId: "pairs" }));
  assertEquals(explained?.events.at(-1)?.event.type, "stale");
  const report = await rig.refresh("pairs");
  assertEquals([report.state, report.best?.setId, report.setsAffected], ["succeeded", "a+c", 3]);
});

Deno.test("minChangedEdges holds a live refresh back until so many edges changed", async () => {
  await using rig = await Rig.start({ spec: { baskets: null, runs: { minChangedEdges: 2 } } });
  await rig.create(PAIRS);
  await rig.settle();
  rig.moved({ a: 4 });
  await rig.pass(2_000);
  const held = await rig.get("pairs");
  assertEquals([best(held), held.counters.held, held.edgesChangedSince], [["b+c", 6], 1, 1]);
  rig.moved({ b: 1 });
  await rig.pass(2_000);
  assertEquals(best(await rig.get("pairs")), ["a+c", 12]);
});

Deno.test("live best equals a slow twin's after random changes of values, edges and sets", async () => {
  const random = seededRandom(seedOf("refresh_coordinator_test"));
  const below = (bound: number) => Math.floor(random.next() * bound);
  for (const mode of ["eager", "lazy"] as const) {
    await using rig = await Rig.start();
    const values = new Map<string, number>(), sets = new Map<string, readonly string[]>();
    for (let at = 0; at < 12; at++) values.set(`e${at}`, 0.5 + below(8) / 8);
    const pick = () => {
      const members = new Set<string>(), ids = [...values.keys()];
      while (members.size < 3) members.add(ids[below(ids.length)] as string);
      return [...members];
    };
    for (let at = 0; at < 40; at++) sets.set(`s${at}`, pick());
    await rig.create({
      runId: "random",
      edges: edgesOf(Object.fromEntries(values)),
      sets: Array.from(sets, ([setId, members]) => ({ setId, members })),
      options: { mode, auditEvery: 3 },
    });
    for (let round = 0; round < 60; round++) {
      const moved: Record<string, number> = {};
      for (let left = below(4); left > 0; left--) moved[`e${below(12)}`] = 0.5 + below(8) / 8;
      for (const [edgeId, value] of Object.entries(moved)) values.set(edgeId, value);
      rig.moved(moved, (["minor", "moderate", "major"] as const)[below(3)], below(2) === 0);
      if (below(3) === 0) {
        const removed = [...sets.keys()][below(sets.size)] as string, members = pick();
        sets.delete(removed);
        sets.set(`n${round}`, members);
        const change = { removeSets: [removed], addSets: [{ setId: `n${round}`, members }] };
        const none = { removeEdges: [], addEdges: [], values: [] };
        const asked = rig.coordinator.ask("changeRun", {
          runId: "random",
          change: { ...none, ...change },
        });
        assertEquals((await rig.play(asked)).state, "recorded");
      }
      await rig.pass(1_100);
      const right = Array.from(sets, ([setId, members]) =>
        [
          setId,
          members.reduce((product, id) => product * (values.get(id) ?? NaN), 1),
        ] as const)
        .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0];
      assertEquals(best(await rig.get("random")), [...right ?? []], `round ${round}`);
    }
    const { counters, audits } = await rig.get("random");
    assertEquals([counters.fallbacks, counters.failed, audits.mismatches], [0, 0, 0]);
    assert(audits.audits > 3);
  }
});

Deno.test("others are answered during a long refresh, whose slices keep to their time", async () => {
  let spentMs = 0, longestMs = 0, sliceMs = 0;
  const costly = kindOf("costly", ([value = 0]) => {
    rig.clock.spend(0.1);
    spentMs += 0.1;
    sliceMs += 0.1;
    return value;
  });
  await using rig = await Rig.start({ scorers: [costly] });
  rig.beforeHandle = () => {
    longestMs = Math.max(longestMs, sliceMs);
    sliceMs = 0;
  };
  const edges = Array.from({ length: 3_000 }, (_, at) => ({ edgeId: `e${at}`, value: at }));
  const generator = { kind: "combinations", size: 1 };
  const asked = rig.coordinator.ask(
    "createRun",
    runSpec.parse({
      runId: "long",
      edges,
      generator,
      scorer: { name: "costly" },
    }),
  );
  const waiting = asked.then(() => rig.coordinator.ask("rebuild", { runId: "long" }));
  let answered = 0, isOver = false;
  waiting.finally(() => isOver = true);
  await rig.play(asked);
  for (let i = 0; i < 1_000 && !isOver; i++) {
    const run = await rig.coordinator.ask("get", { runId: "long" });
    if (run?.isRefreshing) answered++;
  }
  await rig.play(waiting);
  // Two refreshes of 300 ms; the first slice has 64 sets, later ones 20.
  assert(spentMs >= 600);
  assert(answered >= 100, `answered ${answered}`);
  assertAlmostEquals(longestMs, 6.4, 0.3);
});

Deno.test("askers while a refresh is under way get the next one together, a rebuild wins", async () => {
  const costly = kindOf("costly", ([value = 0]) => {
    rig.clock.spend(0.1);
    return value;
  });
  await using rig = await Rig.start({ scorers: [costly] });
  const edges = Array.from({ length: 3_000 }, (_, at) => ({ edgeId: `e${at}`, value: 1 + at }));
  const generator = { kind: "combinations", size: 1 };
  await rig.create({ runId: "long", edges, generator, scorer: { name: "costly" } });
  const ask = (how: "refresh" | "refreshWithFallback" | "rebuild") =>
    rig.coordinator.ask(how, { runId: "long" }, { timeoutMs: 3_600_000 });
  // The refresh that came with the run takes some slices: all of these come meanwhile.
  const apart = [ask("refresh"), ask("refreshWithFallback"), ask("refresh")];
  const reports = await rig.play(Promise.all(apart));
  assertEquals(reports.map(({ state }) => state), ["done", "done", "done"]);
  // One for both that take a report, one for the other.
  assertEquals((await rig.get("long")).counters.refreshes, 3);
  const under = ask("rebuild");
  await rig.coordinator.ask("get", { runId: "long" });
  const waiting = await rig.play(Promise.all([ask("refresh"), ask("rebuild"), ask("refresh")]));
  for (const answer of [await under, ...waiting]) {
    assert(answer.state === "done");
    assertEquals([answer.report.kind, answer.report.why], ["full", "asked"]);
  }
  assertEquals((await rig.get("long")).counters.refreshes, 5);
});

Deno.test("a refresh that is asked for sees what was recorded before it", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.settle();
  // Begins a refresh; what comes now is for the next.
  const early = rig.coordinator.ask("rebuild", { runId: "pairs" });
  const recorded = rig.coordinator.ask("recordEdgeChanges", {
    values: [{ edgeId: "d", value: 9 }, { edgeId: "elsewhere", value: 1 }],
  });
  const late = rig.coordinator.ask("refresh", { runId: "pairs" });
  assertEquals(await rig.play(recorded), { state: "recorded", changes: 1 });
  await rig.play(early);
  const answer = await rig.play(late);
  assert(answer.state === "done");
  assertEquals([answer.report.best?.setId, answer.report.best?.score], ["c+d", 27]);
});

Deno.test("removal settles who waits, and the id is free again", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  const waiting = [
    rig.coordinator.ask("refresh", { runId: "pairs" }),
    rig.coordinator.ask("rebuild", { runId: "pairs" }),
  ];
  const removed = rig.coordinator.ask("removeRun", { runId: "pairs" });
  assertEquals(await rig.play(removed), true);
  const answers = await rig.play(Promise.all(waiting));
  assertEquals(answers.map(({ state }) => state), ["cancelled", "cancelled"]);
  assertEquals(await rig.play(rig.coordinator.ask("removeRun", { runId: "pairs" })), false);
  assertEquals(await rig.play(rig.coordinator.ask("get", { runId: "pairs" })), null);
  const gone = await rig.play(rig.coordinator.ask("refresh", { runId: "pairs" }));
  assertEquals(gone.state, "unknown_run");
  await rig.create(PAIRS);
});

Deno.test("changeRun is all or nothing, and an edge goes only with the sets that hold it", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.settle();
  const none = { removeSets: [], removeEdges: [], addEdges: [], addSets: [], values: [] };
  const change = async (part: object) => {
    const payload = { runId: "pairs", change: { ...none, ...part } };
    const answer = await rig.play(rig.coordinator.ask("changeRun", payload));
    return answer.state === "refused" ? answer.code : answer.state;
  };
  const ofC = ["a+c", "b+c", "c+d"];
  assertEquals(await change({ removeEdges: ["c"], removeSets: ["a+c", "b+c"] }), "edge_in_use");
  assertEquals(await change({ values: [{ edgeId: "a", value: 9 }], removeSets: ["x"] }), "set");
  assertEquals(
    await change({ addEdges: [{ edgeId: "e", value: 1 }, { edgeId: "a", value: 1 }] }),
    "edge",
  );
  assertEquals(await change({ addSets: [{ setId: "ae", members: ["a", "e"] }] }), "edge");
  assertEquals(await change({ addSets: [{ setId: "aa", members: ["a", "a"] }] }), "set");
  await rig.pass(2_000);
  assertEquals((await rig.get("pairs")).counters.refreshes, 1);
  const whole = {
    removeSets: ofC,
    removeEdges: ["c"],
    addEdges: [{ edgeId: "e", value: 5 }],
    addSets: [{ setId: "be", members: ["b", "e"] }],
    values: [{ edgeId: "b", value: 3 }],
  };
  assertEquals(await change(whole), "recorded");
  await rig.settle();
  const run = await rig.get("pairs");
  assertEquals([best(run), run.edges, run.sets], [["be", 15], 4, 4]);
});

Deno.test("bounds: runs, and sets of all runs together", async () => {
  await using rig = await Rig.start();
  const small = (runId: string) => runSpec.parse({ ...PAIRS, runId });
  for (let at = 0; at < 64; at++) await rig.create(small(`run_${at}`));
  const many = await rig.play(rig.coordinator.ask("createRun", small("one_more")));
  assert(many.state === "refused");
  assertEquals(many.code, "bound");
  // `run_1` is not `run_10`.
  assertEquals(await rig.play(rig.coordinator.ask("removeRun", { runId: "run_1" })), true);
  assertEquals((await rig.play(rig.coordinator.ask("list", {}))).length, 63);
  assertEquals((await rig.get("run_10")).runId, "run_10");
});

Deno.test("degraded mode keeps minor changes and lets major ones pass; what is kept comes in the end", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  rig.breaker = "open";
  await rig.pass(3_000);
  const stats = await rig.play(rig.coordinator.ask("stats", {}));
  assertEquals([stats.gate.mode, stats.providers[0]?.breaker], ["degraded", "open"]);
  rig.moved({ a: 4 }, "minor");
  await rig.pass(5_000);
  assertEquals(best(await rig.get("pairs")), ["b+c", 6]);
  rig.moved({ d: 7 }, "major");
  await rig.settle();
  assertEquals(best(await rig.get("pairs")), ["c+d", 21]);
  await rig.pass(31_000);
  assertEquals(best(await rig.get("pairs")), ["a+d", 28]);
  rig.breaker = "closed";
  await rig.pass(20_000);
  assertEquals((await rig.play(rig.coordinator.ask("stats", {}))).gate.mode, "normal");
});

Deno.test("recordOptimizationEdgeChange: to clusters and runs, or to one run alone", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.create({ ...PAIRS, runId: "other" });
  await rig.settle();
  rig.notes.impacted = [{ id: "a", members: ["a", "b"], impact: 1 }];
  const change = { edgeId: "a", type: "odds_change", magnitude: 1.5, value: 8 } as const;
  const record = (more: object = {}) =>
    rig.play(rig.coordinator.ask("recordOptimizationEdgeChange", { ...change, ...more }));
  const taken = await record({ runId: "other" });
  assertEquals(taken, {
    class: "major",
    isDeferred: false,
    mode: "normal",
    impacted: rig.notes.impacted,
    runs: ["other"],
  });
  await rig.settle();
  assertEquals(best(await rig.get("other")), ["a+c", 24]);
  assertEquals(best(await rig.get("pairs")), ["b+c", 6]);
  // The value of one run is none of the world's.
  assertEquals(rig.notes.changes.map(({ value }) => value), [undefined]);
  assertEquals((await record())?.runs, ["pairs", "other"]);
  assertEquals(rig.notes.changes.map(({ value }) => value), [undefined, 8]);
  assertEquals(await record({ runId: "nobody" }), null);
  // Clusters that do not answer keep no value from the runs.
  rig.notes.isDown = true;
  assertEquals((await record({ value: 10 }))?.impacted, []);
  await rig.pass(1_100);
  assertEquals(best(await rig.get("pairs")), ["a+c", 30]);
});

Deno.test("recordOptimizationEdgeChange: an edge that clusters have no room for is one of its runs", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.settle();
  rig.notes.isFull = true;
  const change = { edgeId: "a", type: "odds_change", magnitude: 1.5, value: 8 } as const;
  const taken = await rig.play(rig.coordinator.ask("recordOptimizationEdgeChange", change));
  assertEquals(taken?.runs, ["pairs"]);
  await rig.settle();
  assertEquals(best(await rig.get("pairs")), ["a+c", 24]);
});

Deno.test("executeOptimizedRefresh takes what was held back with it, and says how all is", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  rig.breaker = "open";
  await rig.pass(3_000);
  rig.moved({ a: 4, unknown: 3 }, "minor");
  const changes = [{ edgeId: "b", type: "custom", magnitude: 0.1, value: 5 } as const];
  const payload = { runId: "pairs", kind: "cheapest", changes } as const;
  const done = await rig.play(
    rig.coordinator.ask("executeOptimizedRefresh", { ...payload, changes: [...changes] }),
  );
  assert(done.state === "done");
  assertEquals([done.report.best?.setId, done.report.best?.score], ["a+b", 20]);
  assertEquals([done.released, done.mode, done.providers], [1, "degraded", [
    { name: "upstream", breaker: "open", calls: 3, failed: 1 },
  ]]);
  assertEquals([best(done.run), rig.notes.changes.length], [["a+b", 20], 1]);
  const full = rig.coordinator.ask("executeOptimizedRefresh", { runId: "pairs", kind: "full" });
  const rebuilt = await rig.play(full);
  assert(rebuilt.state === "done");
  assertEquals([rebuilt.report.kind, rebuilt.released], ["full", 0]);
});

Deno.test("a run that follows correlations is scored with them, and so are edges added later", async () => {
  await using rig = await Rig.start();
  await rig.create({ ...PAIRS, options: { followsCorrelations: true } });
  await rig.settle();
  assertEquals(best(await rig.get("pairs")), ["b+c", 6]);
  const pairs = [
    { a: "b", b: "c", correlation: 1 },
    { a: "c", b: "a", correlation: 0 },
    { a: "c", b: "e", correlation: 0.5 },
  ];
  rig.coordinator.tell("correlated", { correlations: correlationsOf({ kind: "pairs", pairs }) });
  await rig.pass(1_100);
  // 2 · 3 · (1 − 0.5 · 1) = 3, as much as a+c, which is first by its id.
  assertEquals(best(await rig.get("pairs")), ["a+c", 3]);
  const change = {
    removeSets: [],
    removeEdges: [],
    addEdges: [{ edgeId: "e", value: 2 }],
    addSets: [{ setId: "ce", members: ["c", "e"] }],
    values: [],
  };
  await rig.play(rig.coordinator.ask("changeRun", { runId: "pairs", change }));
  await rig.settle();
  // 3 · 2 · (1 − 0.5 · 0.25)
  assertEquals(best(await rig.get("pairs")), ["ce", 5.25]);
  // A run that is made now has them from the beginning; one that does not follow has none.
  await rig.create({ ...PAIRS, runId: "second", options: { followsCorrelations: true } });
  await rig.create({ ...PAIRS, runId: "third" });
  await rig.settle();
  assertEquals(best(await rig.get("second")), ["a+c", 3]);
  assertEquals(best(await rig.get("third")), ["b+c", 6]);
});

Deno.test("baskets: made when instruments move, and grown by those that come later, none twice", async () => {
  await using rig = await Rig.start({ spec: { baskets: { size: 2, setsMax: 8 } } });
  rig.coordinator.tell("moved", {
    changes: [{
      edgeId: "x",
      type: "custom",
      magnitude: 1,
      value: 1,
      at: 0,
      class: "major",
      count: 1,
    }],
    impacted: [],
  });
  await rig.settle();
  assertEquals((await rig.play(rig.coordinator.ask("list", {}))).length, 0);
  rig.moved({ B: 0.5, A: 0.6, C: 0.7 });
  await rig.pass(1_100);
  const run = await rig.get("baskets");
  assertEquals([run.edges, run.sets, best(run)?.[0]], [3, 3, "A+C"]);
  rig.moved({ D: 0.9, A: 0.95 });
  await rig.pass(1_100);
  const grown = await rig.get("baskets");
  assertEquals([grown.edges, grown.sets, best(grown)?.[0]], [4, 6, "A+D"]);
  // 4 more baskets would be 10: only 8 may be there.
  rig.moved({ E: 0.8 });
  rig.moved({ F: 0.8 });
  await rig.pass(1_100);
  const full = await rig.get("baskets");
  assertEquals([full.edges, full.sets], [6, 8]);
  // Removed by hand: left alone.
  await rig.play(rig.coordinator.ask("removeRun", { runId: "baskets" }));
  rig.moved({ G: 0.8 });
  await rig.pass(1_100);
  assertEquals(await rig.play(rig.coordinator.ask("get", { runId: "baskets" })), null);
});

Deno.test("explain says what a refresh would do and how a set stands; stats sum up", async () => {
  await using rig = await Rig.start();
  await rig.create(PAIRS);
  await rig.settle();
  const explained = await rig.play(
    rig.coordinator.ask("explain", { runId: "pairs", setId: "a+d" }),
  );
  assert(explained !== null);
  assertEquals(explained.scorer.name, "product");
  assertEquals(explained.set?.members, [{ edgeId: "a", value: 1 }, { edgeId: "d", value: 0.5 }]);
  assertEquals([explained.set?.state, explained.set?.scoreNow], ["clean", 0.5]);
  assertEquals(explained.published.map(({ edgeId }) => edgeId), ["b", "c"]);
  assertEquals(explained.events.map(({ event }) => event.type), ["best_ever", "published"]);
  const unknown = await rig.play(rig.coordinator.ask("explain", { runId: "pairs", setId: "no" }));
  assertEquals(unknown?.set, null);
  const stats = await rig.play(rig.coordinator.ask("stats", {}));
  assertEquals([stats.runs, stats.full, stats.partial, stats.aggregator?.edges], [1, 1, 0, 4]);
  const scorers = await rig.play(rig.coordinator.ask("scorers", {}));
  assertEquals(scorers.map(({ name }) => name), ["product", "mean_variance"]);
});
