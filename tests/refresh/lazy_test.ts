import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { evaluated } from "../../bench/refresh/world.ts";
import { SetEngine } from "../../src/refresh/evaluate.ts";
import type { Scorer, ScorerBound } from "../../src/refresh/scorer.ts";
import { seedOf } from "../actor/seed.ts";

const HIGHER: ScorerBound = { kind: "addend", lift: (_edge, from, to) => Math.max(0, to - from) };

/** The largest value of a set; its bound is right, but far from tight. Throws on NaN-like 13. */
function largest(bound: ScorerBound = HIGHER): Scorer & { calls: number } {
  return {
    name: "largest",
    bound,
    calls: 0,
    score(values, members, from, to) {
      this.calls++;
      let best = -Infinity;
      for (let i = from; i < to; i++) best = Math.max(best, values[members[i] as number] as number);
      return best;
    },
  };
}

const EDGES = Array.from({ length: 100 }, (_, i) => ({ edgeId: `e${i}`, value: i }));
const SETS = EDGES.map(({ edgeId }, i) => ({
  setId: `s${String(i).padStart(2, "0")}`,
  members: [edgeId],
}));

Deno.test("lazy: sets that cannot beat the best are skipped, and stay stale", () => {
  const scorer = largest(), engine = new SetEngine({ scorer, edges: EDGES, sets: SETS });
  assertEquals(evaluated(engine, "partial").evaluated, 100);
  scorer.calls = 0;
  engine.setValues(EDGES.slice(0, 50).map(({ edgeId, value }) => ({ edgeId, value: value + 10 })));
  const outcome = evaluated(engine, "partial");
  assertEquals([outcome.evaluated, outcome.skipped, outcome.candidates], [0, 50, 50]);
  assertEquals([scorer.calls, outcome.best], [0, { setId: "s99", score: 99 }]);
  const { state, lastScore, upper } = engine.stateOf("s07");
  assertEquals([state, lastScore], ["stale", 7]);
  assert(upper !== null && upper >= 17 && upper < 17.001, `${upper}`);
  engine.invariant();
});

Deno.test("lazy: when the best falls, the next one is found among what was skipped", () => {
  const scorer = largest(), engine = new SetEngine({ scorer, edges: EDGES, sets: SETS });
  evaluated(engine, "partial");
  engine.setValues([{ edgeId: "e50", value: 98.5 }]);
  assertEquals(evaluated(engine, "partial").evaluated, 0);
  engine.setValues([{ edgeId: "e99", value: 1 }]);
  const outcome = evaluated(engine, "partial");
  assertEquals(outcome.best, { setId: "s50", score: 98.5 });
  assertEquals(outcome.evaluated, 2);
});

Deno.test("lazy: a skipped set that ties with a lower id is evaluated, and wins", () => {
  const scorer = largest(), engine = new SetEngine({ scorer, edges: EDGES, sets: SETS });
  evaluated(engine, "partial");
  engine.setValues([{ edgeId: "e3", value: 99 }]);
  assertEquals(evaluated(engine, "partial").best, { setId: "s03", score: 99 });
  engine.addEdge("e100", 99);
  engine.addSet("s00a", ["e100"]);
  assertEquals(evaluated(engine, "partial").best, { setId: "s00a", score: 99 });
});

Deno.test("lazy: slices of one set come to the same end", () => {
  const scorer = largest(), engine = new SetEngine({ scorer, edges: EDGES, sets: SETS });
  const first = engine.begin("partial");
  for (let i = 0; i < 100; i++) assertEquals(first.step(1), "more");
  assertEquals(first.step(1), "done");
  engine.setValues(EDGES.map(({ edgeId, value }) => ({ edgeId, value: 200 - value })));
  const second = engine.begin("partial");
  second.step(1);
  second.cancel();
  engine.invariant();
  assertEquals(evaluated(engine, "partial").best, { setId: "s00", score: 200 });
});

Deno.test("lazy: a bound that throws, or is no number, makes sets dirty", () => {
  const throwing = () => {
    throw new Error("no idea");
  };
  for (const lift of [throwing, () => NaN, () => Infinity]) {
    const scorer = largest({ kind: "addend", lift });
    const engine = new SetEngine({ scorer, edges: EDGES, sets: SETS });
    evaluated(engine, "partial");
    engine.setValues([{ edgeId: "e7", value: 500 }]);
    const outcome = evaluated(engine, "partial");
    assertEquals([outcome.evaluated, outcome.best?.setId], [1, "s07"]);
  }
});

Deno.test("lazy: factors of a score of 0 or below say nothing", () => {
  const scorer = largest({ kind: "factor", lift: () => 2 });
  const edges = [{ edgeId: "a", value: -4 }, { edgeId: "b", value: 0 }];
  const sets = edges.map(({ edgeId }) => ({ setId: edgeId, members: [edgeId] }));
  const engine = new SetEngine({ scorer, edges, sets });
  evaluated(engine, "partial");
  engine.setValues([{ edgeId: "a", value: 3 }, { edgeId: "b", value: 2 }]);
  assertEquals(evaluated(engine, "partial").best, { setId: "a", score: 3 });
});

Deno.test("lazy: a loose bound with ties finds what a look at all finds, over random changes", () => {
  const random = seededRandom(seedOf("lazy_test"));
  const pick = () => EDGES[Math.floor(random.next() * EDGES.length)]?.edgeId as string;
  const sets = Array.from({ length: 500 }, (_, i) => ({
    setId: `${Math.floor(random.next() * 1e6)}_${i}`,
    members: [...new Set([pick(), pick(), pick()])],
  }));
  const lazy = new SetEngine({ scorer: largest(), edges: EDGES, sets });
  const values = new Map(EDGES.map(({ edgeId, value }) => [edgeId, value]));
  for (let round = 0; round < 500; round++) {
    const count = 1 + Math.floor(random.next() ** 3 * 100);
    const moves = Array.from(
      { length: count },
      () => ({ edgeId: pick(), value: Math.floor(random.next() * 30) - 15 }),
    );
    for (const { edgeId, value } of moves) values.set(edgeId, value);
    lazy.setValues(moves);
    let right = { setId: "", score: -Infinity };
    for (const { setId, members } of sets) {
      const score = Math.max(...members.map((edgeId) => values.get(edgeId) as number));
      if (score > right.score || (score === right.score && setId < right.setId)) {
        right = { setId, score };
      }
    }
    assertEquals(evaluated(lazy, round % 50 === 49 ? "full" : "partial").best, right);
  }
  lazy.invariant();
});

Deno.test("lazy: a set that must be evaluated stays so when its edge moves as well", () => {
  const engine = new SetEngine({ scorer: largest(), edges: EDGES, sets: SETS });
  evaluated(engine, "partial");
  engine.touchEdge("e7");
  engine.setValues([{ edgeId: "e7", value: 8 }]);
  assertEquals([engine.dirtySets, engine.stateOf("s07").state], [1, "dirty"]);
  engine.invariant();
  assertEquals(evaluated(engine, "partial").evaluated, 1);
});
