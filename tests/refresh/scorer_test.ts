import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Edges } from "../../src/refresh/edges.ts";
import { ScorerRegistry } from "../../src/refresh/scorer.ts";
import { builtInScorers } from "../../src/refresh/scorer_built_in.ts";
import { MeanVarianceScorer } from "../../src/refresh/scorer_mean_variance.ts";
import { PairTable } from "../../src/refresh/scorer_pairs.ts";
import { ProductScorer } from "../../src/refresh/scorer_product.ts";
import { ReturnsTable } from "../../src/refresh/scorer_returns.ts";
import { seedOf } from "../actor/seed.ts";

function edgesOf(values: Readonly<Record<string, number>>): Edges {
  const edges = new Edges();
  for (const [id, value] of Object.entries(values)) edges.add(id, value);
  return edges;
}

const ALL = Uint32Array.of(0, 1, 2);

Deno.test("product: values times the discount of each pair", () => {
  const edges = edgesOf({ a: 2, b: 0.5, c: 3 });
  const correlations = [["a", "b", 0.6], ["c", "a", -0.5]];
  const scorer = builtInScorers().create("product", { correlations, penaltyRatio: 1 }, edges);
  // 2 · 0.5 · 3 · (1 − 0.36) · (1 − 0.25) · 1, the last pair unknown.
  assertAlmostEquals(scorer.score(edges.values, ALL, 0, 3), 1.44, 1e-12);
});

Deno.test("product: a correlation of 0 is known, an unknown one is what it is taken for", () => {
  const edges = edgesOf({ a: 1, b: 1, c: 1 }), pairs = new PairTable();
  pairs.set(0, 1, 0);
  const scorer = new ProductScorer(pairs, { penaltyRatio: 1, unknownCorrelation: 0.5 });
  assertEquals(scorer.score(edges.values, ALL, 0, 2), 1);
  assertEquals(scorer.score(edges.values, ALL, 1, 3), 0.75);
});

Deno.test("product: throws on a value below 0 or out of its range, and says nothing of its lift", () => {
  const scorer = new ProductScorer(new PairTable()), members = Uint32Array.of(0);
  for (const value of [-1, 1e300, 1e-300]) {
    assertThrows(() => scorer.score(Float64Array.of(value), members, 0, 1), Error, "values of 0");
    assertEquals(scorer.bound.lift(0, 1, value, 1), Infinity);
  }
  assertEquals(scorer.bound.lift(0, 0, 1, 1), Infinity);
});

Deno.test("mean_variance: mean of values less half the aversion times the basket's variance", () => {
  const edges = edgesOf({ a: 0.03, b: 0.01 });
  const returns = { a: [0.01, -0.01, 0.03, 0.01, 0], b: [0.03, 0.01, -0.03, 0.01, 0.02] };
  const scorer = builtInScorers().create("mean_variance", { returns, riskAversion: 4 }, edges);
  // Basket 0.02 0 0 0.01 0.01: mean 0.008, squares 0.00028, variance 0.00007.
  assertAlmostEquals(scorer.score(edges.values, ALL, 0, 2), 0.02 - 2 * 0.00007, 1e-15);
});

Deno.test("mean_variance: throws on an edge without returns, also after it was forgotten", () => {
  const returns = new ReturnsTable(2), scorer = new MeanVarianceScorer(returns);
  const score = () => scorer.score(Float64Array.of(0.1), Uint32Array.of(0), 0, 1);
  assertThrows(score, Error, "edges with returns");
  returns.set(0, [0.1, 0.1]);
  assertAlmostEquals(score(), 0.1, 1e-15);
  scorer.forget(0);
  assertThrows(score, Error, "edges with returns");
});

/** A scorer of each kind over the same edges, and a value that it takes. */
function* scorersWithValues(random: Random, edges: number) {
  const pairs = new PairTable(), returns = new ReturnsTable(7);
  for (let a = 0; a < edges; a++) {
    returns.set(a, Array.from({ length: 7 }, () => random.next() - 0.5));
    for (let b = 0; b < a; b++) pairs.set(a, b, 2 * random.next() - 1);
  }
  pairs.invariant();
  yield { scorer: new ProductScorer(pairs), value: () => 2 ** (20 * random.next() - 10) };
  const scorer = new MeanVarianceScorer(returns, { riskAversion: 3 });
  yield { scorer, value: () => 2 * (random.next() - 0.5) };
}

Deno.test("ScorerBound.lift() of built-in scorers holds for scores as computed", () => {
  const random = seededRandom(seedOf("scorer_test")), edges = 64;
  for (const { scorer, value } of scorersWithValues(random, edges)) {
    const values = Float64Array.from({ length: edges }, value);
    for (let i = 0; i < 20_000; i++) {
      const size = 1 + Math.floor(random.next() * 12);
      const first = Math.floor(random.next() * (edges - size));
      const members = Uint32Array.from({ length: size }, (_, n) => first + n);
      const edge = first + Math.floor(random.next() * size), from = values[edge] as number;
      const before = scorer.score(values, members, 0, size);
      // Often by one bit, where rounding is all there is.
      const to = values[edge] = random.next() < 0.5 ? value() : from * (1 + 2 ** -52);
      const lift = scorer.bound.lift(edge, from, to, size);
      const upper = scorer.bound.kind === "factor" ? before * lift : before + lift;
      const after = scorer.score(values, members, 0, size);
      assert(after <= upper, `${scorer.name}: ${before} → ${after} over ${upper}`);
      // No looser than rounding: both scores are linear in each value.
      assertAlmostEquals(upper, after, 1e-9 * Math.max(1, Math.abs(after)));
    }
  }
});

Deno.test("PairTable agrees with a Map, also after an edge was forgotten", () => {
  const random = seededRandom(seedOf("scorer_test")), table = new PairTable();
  const twin = new Map<string, number>(), key = (a: number, b: number) => [a, b].sort().join();
  for (let i = 0; i < 5_000; i++) {
    const a = Math.floor(random.next() * 90), b = Math.floor(random.next() * 90);
    if (a === b) continue;
    const rho = 2 * random.next() - 1;
    table.set(a, b, rho);
    twin.set(key(a, b), rho);
  }
  table.forget(17);
  for (const name of [...twin.keys()]) if (name.split(",").includes("17")) twin.delete(name);
  table.invariant();
  assertEquals(table.count, twin.size);
  for (let a = 0; a < 90; a++) {
    for (let b = 0; b < a; b++) assertEquals(table.of(a, b), twin.get(key(a, b)) ?? NaN);
  }
  assertThrows(() => table.set(1, 2, 1.01), Error, "from -1 to 1");
  assertThrows(() => table.set(1, 1, 1), Error, "two edges");
});

Deno.test("ScorerRegistry names what it has, and refuses what it cannot make", () => {
  const registry = builtInScorers(), edges = edgesOf({ a: 1 });
  assertEquals(registry.list().map(({ name }) => name), ["product", "mean_variance"]);
  assertThrows(() => registry.create("sharpe", {}, edges), Error, "product, mean_variance");
  assertThrows(() => registry.create("product", { lambda: 1 }, edges), Error, "only penaltyRatio");
  const twoEdges = { correlations: [["a", "zz", 0.1]] };
  assertThrows(() => registry.create("product", twoEdges, edges), Error, "the id of an edge");
  assertThrows(() => registry.create("mean_variance", {}, edges), Error, "returns by edge");
  assertThrows(() => registry.create("product", { penaltyRatio: 2 }, edges), Error, "from 0 to 1");
});

Deno.test("ScorerRegistry.register() takes own scorers, each name once", () => {
  const create = () => ({ name: "own", score: () => 1 });
  const registry = new ScorerRegistry([{ name: "own", description: "One.", create }]);
  assertEquals(registry.create("own", null, new Edges()).name, "own");
  const again = { name: "own", description: "Again.", create };
  assertThrows(() => registry.register(again), Error, "a new name");
  assertThrows(() => registry.register({ ...again, name: "Not a name" }), Error, "a-z");
});
