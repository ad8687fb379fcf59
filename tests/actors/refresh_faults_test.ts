/** Faults put in at every point of a refresh: what is published is right afterwards, and it says so. */

import { assert, assertEquals } from "@std/assert";
import { correlationsOf } from "../../src/refresh/correlation.ts";
import type { RunMetadata } from "../../src/refresh/run_types.ts";
import type { Scorer, ScorerKind } from "../../src/refresh/scorer.ts";
import { Rig } from "./refresh_rig.ts";

/** A sum of values that fails as it is told. */
class Faulty {
  /** Called with the values of a set before it is scored. */
  onScore: (values: readonly number[]) => void = () => {};
  /** What is added to each score. */
  secret = 0;
  /** What is added to the score of a set of this value. */
  bonus: readonly [value: number, score: number] = [NaN, 0];
  readonly kind: ScorerKind = {
    name: "faulty",
    description: "of a test",
    create: () => this.#scorer(),
  };

  #scorer(): Scorer {
    return {
      name: "faulty",
      score: (values, members, from, to) => {
        const own = Array.from(members.subarray(from, to), (edge) => values[edge] as number);
        this.onScore(own);
        const [value, score] = this.bonus;
        return own.reduce((sum, one) => sum + one, this.secret + (own[0] === value ? score : 0));
      },
    };
  }
}

/** Forty edges worth 0 to 39, each a set of its own. */
const SPEC = {
  runId: "run",
  edges: Array.from({ length: 40 }, (_, at) => ({ edgeId: `e${at}`, value: at })),
  generator: { kind: "combinations", size: 1 },
  scorer: { name: "faulty" },
};

async function rigOf(faulty: Faulty, options: object = {}): Promise<Rig> {
  const rig = await Rig.start({ scorers: [faulty.kind] });
  await rig.create({ ...SPEC, options: { auditEvery: 0, ...options } });
  await rig.settle();
  assertEquals(published(await rig.get("run")), ["e39", 39]);
  return rig;
}

const published = ({ publishedBest }: RunMetadata) =>
  publishedBest === null ? null : [publishedBest.setId, publishedBest.score];
const reasons = ({ staleReasons }: RunMetadata) => staleReasons.map(({ reason }) => reason);

Deno.test("a scorer that throws on a set: the set is marked, the refresh falls back and fails, nothing is lowered", async () => {
  const faulty = new Faulty();
  await using rig = await rigOf(faulty);
  faulty.onScore = ([value]) => {
    if (value === 100) throw new Error("not this one");
  };
  rig.moved({ e3: 100, e4: 50 }, "major");
  await rig.settle();
  const report = await rig.refresh("run");
  const run = await rig.get("run");
  assertEquals([run.counters.fallbacks, run.fallbacksBy.scorer], [1, 1]);
  // The live refresh fell back; the asked one after it knows the set.
  assertEquals([report.state, report.fallback], ["incomplete", null]);
  assertEquals([published(run), run.failedSets], [["e4", 50], 1]);
  assertEquals(reasons(run), ["sets_failed"]);
  const explained = await rig.play(rig.coordinator.ask("explain", { runId: "run", setId: "e3" }));
  assertEquals([explained?.set?.state, explained?.set?.scoreNow], ["failed", null]);
  assert(explained?.set?.error?.includes("not this one"));
  const types = explained?.events.map(({ event }) => event.type) ?? [];
  for (const type of ["set_failed", "fallback", "failed"] as const) assert(types.includes(type));
  assert(rig.logged.some((line) => line.startsWith("warn") && line.includes("a refresh failed")));
  faulty.onScore = () => {};
  assertEquals((await rig.refresh("run")).state, "succeeded");
  assertEquals(published(await rig.get("run")), ["e3", 100]);
});

Deno.test("refresh without fallback reports a failure, and leaves what is published", async () => {
  const faulty = new Faulty();
  await using rig = await rigOf(faulty, { isLive: false });
  faulty.onScore = ([value]) => {
    if (value === -1) throw new Error("not this one");
  };
  rig.moved({ e39: -1 });
  const report = await rig.refresh("run", "refresh");
  assertEquals([report.state, report.fault?.reason, report.fallback], ["failed", "scorer", null]);
  const run = await rig.get("run");
  assertEquals([published(run), run.publishedBest?.mark], [["e39", 39], "unscored"]);
  faulty.onScore = () => {};
  assertEquals((await rig.refresh("run")).kind, "full");
  assertEquals(published(await rig.get("run")), ["e38", 38]);
});

Deno.test("a timeout leads to a rebuild, and a rebuild that takes too long to a failure", async () => {
  const faulty = new Faulty();
  await using rig = await rigOf(faulty, { partialTimeoutMs: 50, fullTimeoutMs: 10_000 });
  let isSlow = true;
  faulty.onScore = ([value]) => {
    // Slow once: a partial refresh takes too long, and the rebuild after it does not.
    rig.clock.spend(isSlow && value === 77 ? 200 : 2);
    if (value === 77) isSlow = false;
  };
  // A cost that is known, so that a partial refresh is wanted, in slices of one set.
  await rig.refresh("run", "rebuild");
  const moved = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`e${at}`, 77 + at]));
  rig.moved(moved, "major");
  await rig.settle();
  while ((await rig.get("run")).isRefreshing) await rig.settle();
  const run = await rig.get("run");
  assertEquals([published(run), run.counters.partialWanted], [["e8", 85], 1]);
  assertEquals([run.fallbacksBy.timeout, run.failuresInRow], [1, 0]);
  faulty.onScore = () => rig.clock.spend(400);
  const report = await rig.refresh("run", "rebuild");
  assertEquals([report.state, report.fault?.reason], ["failed", "timeout"]);
  assertEquals(published(await rig.get("run")), ["e8", 85]);
  faulty.onScore = () => {};
  rig.moved({ e0: 1 }, "major");
  await rig.settle();
  const after = await rig.get("run");
  assertEquals([published(after), after.failuresInRow], [["e8", 85], 0]);
});

Deno.test("a scorer that gives another score each time fails the invariant, and the run is not lost", async () => {
  const faulty = new Faulty();
  await using rig = await rigOf(faulty);
  faulty.onScore = () => faulty.secret++;
  rig.moved({ e5: 60 }, "major");
  await rig.settle();
  const run = await rig.get("run");
  assert(run.counters.failed > 0 && run.fallbacksBy.invariant > 0);
  assertEquals(published(run)?.[0], "e39");
  faulty.onScore = () => {};
  faulty.secret = 0;
  // It is tried again by itself.
  await rig.pass(5_000);
  const after = await rig.get("run");
  assertEquals([published(after), after.failuresInRow, after.isStale], [["e5", 60], 0, false]);
});

Deno.test("an audit in idle time catches a scorer that changed unsaid, and rebuilds", async () => {
  const faulty = new Faulty();
  await using rig = await rigOf(faulty, { auditEvery: 1 });
  // A cost that is known, so that a partial refresh is wanted.
  faulty.onScore = () => rig.clock.spend(0.01);
  await rig.refresh("run", "rebuild");
  faulty.bonus = [20, 100];
  rig.moved({ e1: 1.5 }, "major");
  await rig.settle();
  const run = await rig.get("run");
  assertEquals([run.counters.partial, run.audits.mismatches], [1, 1]);
  assertEquals([published(run), run.counters.full], [["e20", 120], 3]);
  assert(rig.logged.some((line) => line.startsWith("warn") && line.includes("did not match")));
  const stats = await rig.play(rig.coordinator.ask("stats", {}));
  assertEquals(stats.auditMismatches, run.audits.mismatches);
});

Deno.test("failures in a row make a run stale and the mode degraded, and one success ends both", async () => {
  const faulty = new Faulty();
  await using rig = await rigOf(faulty, { fullTimeoutMs: 1, partialTimeoutMs: 1 });
  faulty.onScore = () => rig.clock.spend(10);
  for (let at = 0; at < 3; at++) await rig.refresh("run", "rebuild");
  await rig.pass(5_100);
  const run = await rig.get("run");
  assert(reasons(run).includes("failures"));
  assertEquals(published(run), ["e39", 39]);
  const mode = async () => (await rig.play(rig.coordinator.ask("stats", {}))).gate.mode;
  assertEquals(await mode(), "degraded");
  faulty.onScore = () => {};
  await rig.refresh("run");
  assertEquals(reasons(await rig.get("run")), []);
  await rig.pass(60_000);
  assertEquals(await mode(), "normal");
});

Deno.test("what a scorer of one's own throws anywhere is no crash", async () => {
  const thrower = () => {
    throw new Error("own");
  };
  const kind: ScorerKind = {
    name: "throws",
    description: "of a test",
    create: () => ({
      name: "throws",
      bound: { kind: "factor", lift: thrower },
      score: (values, members, from) => values[members[from] as number] as number,
      forget: thrower,
      setCorrelations: thrower,
    }),
  };
  await using rig = await Rig.start({ scorers: [kind] });
  const correlations = correlationsOf({ kind: "pairs", pairs: [] });
  rig.coordinator.tell("correlated", { correlations });
  const options = { followsCorrelations: true };
  await rig.create({ ...SPEC, scorer: { name: "throws" }, options });
  await rig.settle();
  rig.coordinator.tell("correlated", { correlations });
  rig.moved({ e1: 50 }, "major");
  await rig.settle();
  const none = { removeSets: [], removeEdges: [], addEdges: [], addSets: [], values: [] };
  const change = { ...none, removeSets: ["e2"], removeEdges: ["e2"] };
  await rig.play(rig.coordinator.ask("changeRun", { runId: "run", change }));
  await rig.pass(2_000);
  await rig.play(rig.coordinator.ask("explain", { runId: "run", setId: "e1" }));
  assertEquals(published(await rig.get("run")), ["e1", 50]);
  const crashed = rig.logged.filter((line) => line.includes("crash") || line.includes("restart"));
  assertEquals(crashed, []);
});

Deno.test("a watcher that throws, and an aggregator that does not answer, cost nothing", async () => {
  const faulty = new Faulty();
  const rig = await rigOf(faulty);
  rig.notes.isDown = true;
  rig.news.push = () => {
    throw new Error("watcher");
  };
  rig.moved({ e7: 70 }, "major");
  await rig.settle();
  assertEquals(published(await rig.get("run")), ["e7", 70]);
  assert(rig.logged.some((line) => line.includes("whoever watches runs threw")));
  await rig[Symbol.asyncDispose]();
});
