import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  type ClusterSums,
  normalTails,
  ratioTest,
  ratioVariance,
  twoProportionTest,
} from "../../src/warm/significance.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("normalTails() is as in the tables of the normal distribution", () => {
  // E. S. Pearson, H. O. Hartley, Biometrika Tables for Statisticians: two-sided points.
  for (
    const [z, tails] of [
      [0, 1],
      [0.674490, 0.5],
      [1.281552, 0.2],
      [1.644854, 0.1],
      [1.959964, 0.05],
      [2.575829, 0.01],
      [3.290527, 0.001],
      [3.890592, 0.0001],
    ] as const
  ) {
    assertAlmostEquals(normalTails(z), tails, 2e-6);
    assertAlmostEquals(normalTails(-z), tails, 2e-6);
  }
});

Deno.test("twoProportionTest() is as published for the Physicians' Health Study", () => {
  // A. Agresti, An Introduction to Categorical Data Analysis, 2nd ed., 2007, table 2.3: heart
  // attacks of 11,034 with placebo and 11,037 with aspirin; his chi-squared of 25.01 is z².
  const found = twoProportionTest({ successes: 189, count: 11_034 }, {
    successes: 104,
    count: 11_037,
  });
  assert(found !== null);
  assertAlmostEquals(found.difference, -0.0077, 5e-5);
  assertAlmostEquals(found.z ** 2, 25.01, 5e-3);
  assert(found.z < 0 && found.pValue < 0.0001);
});

Deno.test("twoProportionTest() says nothing of few trials or of shares that cannot differ", () => {
  assertEquals(twoProportionTest({ successes: 0, count: 0 }, { successes: 0, count: 0 }), null);
  assertEquals(twoProportionTest({ successes: 3, count: 9 }, { successes: 4, count: 9 }), null);
  assertEquals(twoProportionTest({ successes: 99, count: 99 }, { successes: 9, count: 9 }), null);
});

function sumsOf(clusters: readonly (readonly [n: number, x: number])[]): ClusterSums {
  const sum = (of: (n: number, x: number) => number) =>
    clusters.reduce((total, [n, x]) => total + of(n, x), 0);
  return {
    clusters: clusters.length,
    n: sum((n) => n),
    x: sum((_, x) => x),
    nn: sum((n) => n * n),
    xx: sum((_, x) => x * x),
    nx: sum((n, x) => n * x),
  };
}

Deno.test("ratioVariance() is the spread of the ratio over many draws of clusters", () => {
  const seed = seedOf("significance_test");
  const random = seededRandom(seed);
  // Skewed sizes, and each cluster with a share of its own.
  const draw = () =>
    sumsOf(Array.from({ length: 200 }, () => {
      const n = 1 + Math.floor(50 * random.next() ** 4);
      const share = random.next();
      return [n, Array.from({ length: n }).filter(() => random.next() < share).length] as const;
    }));
  const draws = Array.from({ length: 1_000 }, draw);
  const ratios = draws.map(({ x, n }) => x / n);
  const mean = ratios.reduce((sum, r) => sum + r, 0) / ratios.length;
  const spread = ratios.reduce((sum, r) => sum + (r - mean) ** 2, 0) / (ratios.length - 1);
  const told = draws.reduce((sum, one) => sum + ratioVariance(one), 0) / draws.length;
  assert(Math.abs(told / spread - 1) < 0.15, `seed ${seed}: ${told} against ${spread}`);
});

Deno.test("ratioTest() finds no difference in halves of the same, in 95 of 100 trials", () => {
  const seed = seedOf("significance_test");
  const random = seededRandom(seed);
  const half = () =>
    sumsOf(Array.from({ length: 300 }, () => {
      const n = 1 + Math.floor(100 * random.next() ** 3);
      return [n, Math.round(n * random.next())] as const;
    }));
  let found = 0;
  const trials = 1_000;
  for (let trial = 0; trial < trials; trial++) {
    if ((ratioTest(half(), half())?.pValue ?? 1) < 0.05) found++;
  }
  // Three standard errors of a binomial of 1,000 at 0.05, and the approximation's own.
  assert(found > 20 && found < 85, `seed ${seed}: ${found}`);
});

Deno.test("ratioTest() says nothing of few clusters, however many trials they have", () => {
  const few = sumsOf(Array.from({ length: 29 }, () => [1_000, 500] as const));
  assertEquals(ratioTest(few, few), null);
});
