import { assert, assertEquals, assertThrows } from "@std/assert";
import { evaluated } from "../../bench/refresh/world.ts";
import { exactRun } from "../../bench/refresh/exact.ts";
import { SetEngine, type SetEngineOptions } from "../../src/refresh/evaluate.ts";
import type { Scorer } from "../../src/refresh/scorer.ts";
import { seedOf } from "../actor/seed.ts";

/** The sum of values; throws on a negative one. Calls are counted. */
class SumScorer implements Scorer {
  readonly name = "sum";
  calls = 0;
  /** Thrown instead of a score, whatever the set. */
  fault: unknown = null;

  score(values: Float64Array, members: Uint32Array, from: number, to: number): number {
    this.calls++;
    if (this.fault !== null) throw this.fault;
    let sum = 0;
    for (let i = from; i < to; i++) {
      const value = values[members[i] as number] as number;
      if (value < 0) throw new Error(`negative: ${value}`);
      sum += value;
    }
    return sum;
  }
}

const EDGES = [
  { edgeId: "a", value: 1 },
  { edgeId: "b", value: 2 },
  { edgeId: "c", value: 3 },
  { edgeId: "d", value: 4 },
];
const SETS = [
  { setId: "ab", members: ["a", "b"] },
  { setId: "cd", members: ["c", "d"] },
  { setId: "ad", members: ["a", "d"] },
];

function engineOf(options: Partial<SetEngineOptions> = {}) {
  const scorer = new SumScorer();
  const engine = new SetEngine({ scorer, edges: EDGES, sets: SETS, ...options });
  return { engine, scorer };
}

for (const scorer of ["product", "mean_variance"] as const) {
  Deno.test(`SetEngine equals a rebuild bit for bit over random refreshes, ${scorer}`, () => {
    const seed = seedOf("evaluate_test");
    const size = { edges: 120, sets: 1_200 };
    const counts = exactRun({
      size,
      ...{ scorer, refreshes: 400, seed, rebuildEvery: 1, checkEvery: 40 },
    });
    assert(counts.ties > 20 && counts.added > 200, JSON.stringify(counts));
    assertEquals([counts.eagerEqual, counts.lazyEqual, counts.rebuilds], [400, 400, 400]);
    assert(counts.lazyEvaluated < counts.eagerEvaluated / 10, JSON.stringify(counts));
  });
}

Deno.test("SetEngine evaluates all sets at first, then those that hold a moved edge", () => {
  const { engine, scorer } = engineOf();
  assertEquals(engine.dirtySets, 3);
  assertEquals(evaluated(engine, "partial").best, { setId: "cd", score: 7 });
  scorer.calls = 0;
  engine.setValues([{ edgeId: "b", value: 9 }]);
  const outcome = evaluated(engine, "partial");
  assertEquals(outcome.best, { setId: "ab", score: 10 });
  assertEquals([scorer.calls, outcome.evaluated, outcome.changed], [1, 1, 1]);
  engine.invariant();
});

Deno.test("SetEngine settles a batch once, and not at all what is back where it was", () => {
  const { engine, scorer } = engineOf();
  evaluated(engine, "partial");
  const { revision } = engine;
  scorer.calls = 0;
  for (const value of [5, 6, 7, 4]) engine.setValues([{ edgeId: "d", value }]);
  assertEquals(engine.dirtySets, 0);
  assertEquals(engine.revision, revision + 4);
  for (const value of [5, 6]) engine.setValues([{ edgeId: "d", value }, { edgeId: "c", value }]);
  const { evaluated: count, best } = evaluated(engine, "partial");
  assertEquals([count, scorer.calls, best?.score], [2, 2, 12]);
});

Deno.test("SetEngine counts sets whose score did not change", () => {
  const { engine } = engineOf();
  evaluated(engine, "partial");
  engine.setValues([{ edgeId: "c", value: 4 }, { edgeId: "d", value: 3 }]);
  const { evaluated: count, changed, unchanged } = evaluated(engine, "partial");
  assertEquals([count, changed, unchanged], [2, 1, 1]);
});

Deno.test("SetEngine: of equal scores the lowest id wins, whoever came first", () => {
  const { engine } = engineOf();
  engine.addSet("cd2", ["d", "c"]);
  assertEquals(evaluated(engine, "partial").best?.setId, "cd");
  engine.addSet("Cd", ["c", "d"]);
  assertEquals(evaluated(engine, "partial").best?.setId, "Cd");
  engine.removeSet("Cd");
  engine.removeSet("cd");
  assertEquals(evaluated(engine, "partial").best?.setId, "cd2");
});

Deno.test("SetEngine works in slices: answers meanwhile, and takes no change", () => {
  const { engine } = engineOf();
  const evaluation = engine.begin("partial");
  assertEquals(evaluation.step(1), "more");
  assertEquals([engine.dirtySets, engine.scoreOf("cd")], [2, { state: "scored", score: 7 }]);
  assertThrows(() => engine.setValues([{ edgeId: "a", value: 5 }]), Error, "under way");
  assertThrows(() => engine.removeSet("ab"), Error, "under way");
  assertThrows(() => engine.begin("full"), Error, "under way");
  assertThrows(() => evaluation.outcome(), Error, "one that is done");
  while (evaluation.step(1) === "more");
  assertEquals(evaluation.outcome().evaluated, 3);
  engine.setValues([{ edgeId: "a", value: 5 }]);
});

Deno.test("SetEngine: what a cancelled evaluation left is still dirty", () => {
  for (const kind of ["partial", "full"] as const) {
    const { engine } = engineOf();
    evaluated(engine, "partial");
    engine.setValues(EDGES.map(({ edgeId }) => ({ edgeId, value: 10 })));
    const evaluation = engine.begin(kind);
    evaluation.step(2);
    evaluation.cancel();
    assertThrows(() => evaluation.step(1), Error, "given up");
    assertEquals(engine.dirtySets, 1);
    engine.invariant();
    assertEquals(evaluated(engine, "partial").best, { setId: "ab", score: 20 });
  }
});

Deno.test("SetEngine: a set on which the scorer throws is marked, named and without a score", () => {
  const { engine } = engineOf();
  evaluated(engine, "partial");
  engine.setValues([{ edgeId: "c", value: -1 }]);
  const outcome = evaluated(engine, "partial");
  assertEquals(outcome.failed, [{ setId: "cd", error: "negative: -1" }]);
  assertEquals([outcome.failedCount, outcome.evaluated, engine.failedSets], [1, 0, 1]);
  assertEquals(outcome.best, { setId: "ad", score: 5 });
  assertEquals(engine.stateOf("cd"), { state: "failed", lastScore: null, upper: null });
  engine.invariant();
  engine.setValues([{ edgeId: "c", value: 8 }]);
  assertEquals(evaluated(engine, "partial").best, { setId: "cd", score: 12 });
  assertEquals(engine.failedSets, 0);
});

Deno.test("SetEngine takes a score that is not finite, or anything thrown, as a failure", () => {
  const thrown = [new Error("boom"), "text", null, NaN];
  for (const fault of thrown) {
    const score = () => {
      if (Number.isNaN(fault)) return NaN;
      throw fault;
    };
    const engine = new SetEngine({ scorer: { name: "bad", score }, edges: EDGES, sets: SETS });
    const outcome = evaluated(engine, "full");
    assertEquals([outcome.best, outcome.failedCount, outcome.failed.length], [null, 3, 3]);
    engine.invariant();
  }
});

Deno.test("SetEngine: an audit changes nothing, and finds a scorer that changed its mind", () => {
  const { engine, scorer } = engineOf();
  evaluated(engine, "partial");
  scorer.fault = new Error("planted");
  const audit = evaluated(engine, "audit");
  assertEquals([audit.best, audit.failedCount, engine.failedSets], [null, 3, 0]);
  assertEquals(evaluated(engine, "partial").best?.setId, "cd");
});

Deno.test("SetEngine.touchEdge() and touchAll() make sets dirty whose edges did not move", () => {
  const { engine } = engineOf();
  evaluated(engine, "partial");
  const { revision } = engine;
  engine.touchEdge("d");
  assertEquals([engine.dirtySets, engine.revision], [2, revision + 1]);
  engine.touchAll();
  assertEquals(engine.dirtySets, 3);
});

Deno.test("SetEngine.removeEdge() refuses while a set holds it, and tells the scorer", () => {
  const forgotten: number[] = [];
  const scorer = {
    name: "one",
    score: () => 1,
    forget: (edge: number) => void forgotten.push(edge),
  };
  const engine = new SetEngine({ scorer, edges: EDGES, sets: SETS });
  assertThrows(() => engine.removeEdge("b"), Error, "expected no set to hold it");
  engine.removeSet("ab");
  engine.removeEdge("b");
  assertEquals([engine.hasEdge("b"), engine.edges, forgotten], [false, 3, [1]]);
  engine.addEdge("e", 1);
  engine.addSet("ae", ["a", "e"]);
  engine.invariant();
});

Deno.test("SetEngine.setValues() takes all values or none", () => {
  const { engine } = engineOf(), { revision } = engine;
  const bad = [{ edgeId: "a", value: 50 }, { edgeId: "zz", value: 1 }];
  assertThrows(() => engine.setValues(bad), Error, 'current value is "zz"');
  assertThrows(() => engine.setValues([{ edgeId: "a", value: NaN }]), Error, "finite");
  assertEquals([engine.valueOf("a"), engine.revision], [1, revision]);
});

Deno.test("SetEngine.inputs() makes an engine with the same best", () => {
  const { engine, scorer } = engineOf();
  engine.removeSet("cd");
  engine.removeEdge("c");
  const again = new SetEngine({ scorer, ...engine.inputs() });
  assertEquals(evaluated(again, "full").best, evaluated(engine, "full").best);
  assertEquals(again.inputs(), engine.inputs());
});

Deno.test("SetEngine without sets has no best", () => {
  const { engine } = engineOf({ sets: [] });
  for (const kind of ["partial", "full", "audit"] as const) {
    assertEquals(evaluated(engine, kind).best, null);
  }
  assertThrows(() => engineOf({ mode: "lazy" }), Error, "a scorer with a bound");
});
