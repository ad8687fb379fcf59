/**
 * The histogram: percentiles of a million numbers of five shapes against the exact ones, and what
 * recording costs.
 *
 * @module
 */

import { Histogram } from "../../src/monitor/histogram.ts";
import { exactPercentile, numbersOf, SHAPES } from "../../tests/monitor/support.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";

const NUMBERS = 1_000_000;
const QUICK_NUMBERS = 10_000;
const SEED = 1;
const SHARES = [0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
/** Rounds of recording, after as many to compile. */
const ROUNDS = 21;

/** Adds the largest error of nine percentiles for each shape. */
export function percentileFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const count = quick ? QUICK_NUMBERS : NUMBERS;
  for (const [name, shape] of Object.entries(SHAPES)) {
    const numbers = numbersOf(shape, count, SEED);
    const histogram = new Histogram();
    for (const each of numbers) histogram.record(each);
    verify("numbers recorded", histogram.count, count);
    const read = histogram.percentiles(SHARES);
    const sorted = numbers.sort();
    const errors = SHARES.map((share, i) => {
      const exact = exactPercentile(sorted, share);
      return 100 * Math.abs((read[i] ?? NaN) - exact) / exact;
    });
    const { min, max } = spreadOf(errors);
    figures.add(
      `percentiles of ${count.toLocaleString("en")} numbers, ${name}: largest error`,
      { median: max, min, max },
      { better: "lower", unit: " %", must: 1 },
    );
  }
}

/** Adds the time to record one number. */
export function recordFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const count = quick ? QUICK_NUMBERS : NUMBERS;
  const numbers = numbersOf((random) => 1e-5 * 1e6 ** random.next(), count, SEED);
  const histogram = new Histogram();
  const round = () => {
    const startMs = performance.now();
    for (let i = 0; i < count; i++) histogram.record(numbers[i] as number);
    return (performance.now() - startMs) * 1e6 / count;
  };
  const rounds = quick ? 5 : ROUNDS;
  for (let i = 0; i < rounds; i++) round();
  const times = Array.from({ length: rounds }, round);
  verify("numbers recorded", histogram.count, 2 * rounds * count);
  figures.add("recording a number", spreadOf(times), { better: "lower", unit: " ns", must: 50 });
}
