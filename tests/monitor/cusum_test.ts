import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  ARL_DEFAULT,
  BadCountCusum,
  MEAN_THRESHOLD_DEFAULT,
  meanArl,
  MeanCusum,
} from "../../src/monitor/cusum.ts";
import { LATENCY_CUSUM, LatencyCusum } from "../../src/monitor/cusum_latency.ts";
import { poisson } from "./alert_day.ts";
import { normal } from "./support.ts";

/** No clipping that matters: the whole threshold fits into one look. */
const UNCLIPPED = { looksMin: 1 } as const;

/** Mean number of looks to an alarm over `runs` runs. */
function meanRun(runs: number, make: () => () => boolean): number {
  let looks = 0;
  for (let run = 0; run < runs; run++) {
    const step = make();
    do looks++; while (!step());
  }
  return looks / runs;
}

/**
 * ARL of a one-sided normal CUSUM by the Markov chain of D. Brook and D. A. Evans (Biometrika 59,
 * 1972): the sum in `cells` cells, solved by Gauss and Seidel.
 */
function brookEvans(threshold: number, reference: number, cells: number): number {
  const width = 2 * threshold / (2 * cells - 1);
  const cdf = (x: number) => 0.5 * erfc(-x / Math.SQRT2);
  const to = (from: number, cell: number) => {
    const shift = (cell - from) * width + reference;
    const upper = cdf(shift + width / 2);
    return cell === 0 ? upper : upper - cdf(shift - width / 2);
  };
  const matrix = Array.from(
    { length: cells },
    (_, i) => Array.from({ length: cells }, (_, j) => (i === j ? 1 : 0) - to(i, j)),
  );
  return solve(matrix, Array.from({ length: cells }, () => 1))[0] ?? NaN;
}

function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const factor = (matrix[j]?.[i] ?? 0) / (matrix[i]?.[i] ?? 1);
      for (let k = i; k < n; k++) {
        (matrix[j] as number[])[k] = (matrix[j]?.[k] ?? 0) - factor * (matrix[i]?.[k] ?? 0);
      }
      right[j] = (right[j] ?? 0) - factor * (right[i] ?? 0);
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = right[i] ?? 0;
    for (let k = i + 1; k < n; k++) sum -= (matrix[i]?.[k] ?? 0) * (right[k] ?? 0);
    right[i] = sum / (matrix[i]?.[i] ?? 1);
  }
  return right;
}

/** Complementary error function: W. J. Cody's range by the fraction of Numerical Recipes, 1.2e-7. */
function erfc(x: number): number {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const c = [
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
  ];
  const value = t * Math.exp(-x * x + c.reduceRight((sum, each) => sum * t + each, 0));
  return x >= 0 ? value : 2 - value;
}

Deno.test("meanArl() is that of Brook and Evans' Markov chain within 1 %", () => {
  // Published: 336 and 931 for one side (Montgomery, Statistical Quality Control, has 168 and 465
  // for both sides).
  assertAlmostEquals(brookEvans(4, 0.5, 120), 336, 3);
  assertAlmostEquals(brookEvans(5, 0.5, 120), 931, 6);
  for (const threshold of [4, 5, 6]) {
    const exact = brookEvans(threshold, 0.5, 120);
    assertAlmostEquals(meanArl(threshold, 0.5) / exact, 1, 0.01);
  }
  assertAlmostEquals(meanArl(MEAN_THRESHOLD_DEFAULT, 0.5) / ARL_DEFAULT, 1, 0.01);
  const { threshold, reference } = LATENCY_CUSUM;
  assertAlmostEquals(meanArl(threshold, reference) / ARL_DEFAULT, 1, 0.01);
});

Deno.test("MeanCusum without clipping has the run lengths of the tables", () => {
  const seed = 1_954;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const run = (shift: number) =>
    meanRun(1_000, () => {
      const cusum = new MeanCusum({ threshold: 4, reference: 0.5, ...UNCLIPPED });
      return () => cusum.step(normal(random) + shift).alarm;
    });
  // Montgomery, table 9.3 for h = 4, both sides: 168 at no shift; 8.38 at 1, 3.34 at 2.
  assertAlmostEquals(run(0) / 336, 1, 0.08);
  assertAlmostEquals(run(1) / 8.38, 1, 0.05);
  assertAlmostEquals(run(2) / 3.34, 1, 0.05);
});

Deno.test("BadCountCusum: ARL₀ is at least e^h at the share that is well, day and night", () => {
  const seed = 1_971;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const threshold = Math.log(100);
  for (const looksMin of [1, 4]) {
    let look = 0;
    const arl = meanRun(150, () => {
      const cusum = new BadCountCusum({
        wellRatio: 0.001,
        badRatio: 0.004,
        threshold,
        looksMin,
        eventsMin: 0,
      });
      return () => {
        const events = look++ % 100 < 50 ? 1_000 : 5_000;
        return cusum.step({ events, bad: poisson(random, events * 0.001) }).alarm;
      };
    });
    assert(arl >= 100, `${looksMin} looks: ${arl}`);
  }
});

Deno.test("BadCountCusum scores a look as the likelihood ratio, worked by hand", () => {
  const cusum = new BadCountCusum({ wellRatio: 0.1, badRatio: 0.2, ...UNCLIPPED });
  // 3 of 10: 3 ln 2 + 7 ln (0.8 / 0.9) = 2.0794 − 0.8245.
  assertAlmostEquals(cusum.step({ events: 10, bad: 3 }).sum, 1.2549, 1e-4);
  // 1 of 10: ln 2 + 9 ln (0.8 / 0.9) = 0.6931 − 1.0600.
  assertAlmostEquals(cusum.step({ events: 10, bad: 1 }).sum, 0.888, 1e-3);
  assertEquals(cusum.step({ events: 10, bad: 0 }).sum, 0);
  assertEquals(cusum.step({ events: 0, bad: 0 }).sum, 0);
});

/** Looks that one CUSUM has an alarm at, of looks given as shares of 5,000 events. */
function alarmsOf(cusum: BadCountCusum, ratios: readonly number[]): number[] {
  return ratios.flatMap((ratio, i) =>
    cusum.step({ events: 5_000, bad: 5_000 * ratio }).alarm ? [i + 1] : []
  );
}

const SLO = { wellRatio: 0.0005, badRatio: 0.003 } as const;

Deno.test("BadCountCusum: no spike alarms that is shorter than `looksMin`, however high", () => {
  for (const looksMin of [2, 4, 5]) {
    const spike = Array.from({ length: looksMin - 1 }, () => 1);
    const quiet = Array.from({ length: 10 }, () => 0.0002);
    const day = [...quiet, ...spike, ...quiet, ...spike, ...quiet];
    assertEquals(alarmsOf(new BadCountCusum({ ...SLO, looksMin }), day), []);
    const lasting = [...spike, 1];
    assertEquals(alarmsOf(new BadCountCusum({ ...SLO, looksMin }), lasting), [looksMin]);
  }
});

Deno.test("BadCountCusum begins anew after an alarm, so one that stays comes again", () => {
  const cusum = new BadCountCusum({ ...SLO, looksMin: 4 });
  assertEquals(alarmsOf(cusum, Array.from({ length: 12 }, () => 0.14)), [4, 8, 12]);
  assertEquals(cusum.snapshot(), { sum: 0, events: 0 });
});

Deno.test("BadCountCusum needs events enough: 8 of 8 in a quiet night alarm nobody", () => {
  const bad = { events: 2, bad: 2 };
  const quiet = new BadCountCusum({ ...SLO, eventsMin: 100 });
  for (let i = 0; i < 40; i++) assertEquals(quiet.step(bad).alarm, false);
  const eager = new BadCountCusum({ ...SLO, eventsMin: 0 });
  assertEquals([1, 2, 3, 4, 5, 6].map(() => eager.step(bad).alarm).includes(true), true);
});

Deno.test("BadCountCusum.restore() goes on, and takes what cannot be as nothing", () => {
  const cusum = new BadCountCusum(SLO);
  cusum.step({ events: 5_000, bad: 500 });
  const other = new BadCountCusum(SLO);
  other.restore(JSON.parse(JSON.stringify(cusum.snapshot())));
  assertEquals(other.snapshot(), cusum.snapshot());
  for (const sum of [-1, NaN, 1e9]) {
    other.restore({ sum, events: 1 });
    assertEquals(other.snapshot().sum, 0);
  }
});

Deno.test("CUSUMs refuse shares that do not ascend, and thresholds and looks that are none", () => {
  assertThrows(() => new BadCountCusum({ wellRatio: 0, badRatio: 0.1 }), RangeError, "wellRatio");
  assertThrows(() => new BadCountCusum({ wellRatio: 0.2, badRatio: 0.1 }), RangeError);
  assertThrows(() => new MeanCusum({ threshold: 0 }), RangeError, "threshold above 0");
  assertThrows(() => new MeanCusum({ looksMin: 1.5 }), RangeError, "at least one look");
  assertThrows(() => new MeanCusum({ reference: 0 }), RangeError, "reference above 0");
});

/** Looks to an alarm after `before` looks at 8 ms, at a mean of `seconds`; Infinity = none in 360. */
function latencyDelay(seconds: number, seed: number): number {
  const random = seededRandom(seed);
  const cusum = new LatencyCusum();
  const noise = () => Math.exp(0.1 * normal(random));
  for (let i = 0; i < 400; i++) assertEquals(cusum.step(1_000, 0.008 * noise()).alarm, false);
  for (let i = 1; i <= 360; i++) if (cusum.step(1_000, seconds * noise()).alarm) return i;
  return Infinity;
}

Deno.test("LatencyCusum finds a latency half as high again within two minutes, not 5 % more", () => {
  const seed = 7;
  console.log(`seed ${seed}`);
  assert(latencyDelay(0.012, seed) <= 24);
  assert(latencyDelay(0.016, seed) <= 12);
  assertEquals(latencyDelay(0.0084, seed), Infinity);
  // Faster is no regression.
  assertEquals(latencyDelay(0.004, seed), Infinity);
});

Deno.test("LatencyCusum says nothing before it knows what is usual, or of looks with few events", () => {
  const cusum = new LatencyCusum();
  for (let i = 0; i < 59; i++) assertEquals(cusum.step(1_000, 0.008).factor, null);
  cusum.step(1_000, 0.008);
  assertEquals(cusum.step(1, 10).factor, null);
  assertEquals(cusum.step(0, NaN).alarm, false);
  assertAlmostEquals(cusum.step(1_000, 0.016).factor ?? NaN, 2, 1e-9);
});
