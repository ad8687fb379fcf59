/**
 * Whether chances are calibrated: of entries warmed at a chance, as many were used.
 *
 * @module
 */

import type { ReliabilityBucket } from "../../src/warm/warming.ts";
import { type Figures, spreadOf } from "../support/figures.ts";

/** A bucket of fewer entries differs by 5 points by chance alone: 2 · √(0.25 / 400). */
const COUNT_MIN = 400;

/**
 * Calibration over a whole play out of looks at what warming says, each of which covers the last 2,000
 * entries of a bucket or so: their mean, weighted by what was warmed since the look before.
 */
export class CalibrationLooks {
  readonly #sums = new Map<
    number,
    { -readonly [K in keyof ReliabilityBucket]: ReliabilityBucket[K] }
  >();
  #warmed = 0;

  /** A look, when so many entries have been warmed since the beginning. */
  add(buckets: readonly ReliabilityBucket[], totalWarmed: number): void {
    const weight = totalWarmed - this.#warmed;
    this.#warmed = totalWarmed;
    if (weight <= 0) return;
    for (const { from, to, count, predicted, used } of buckets) {
      if (count < COUNT_MIN) continue;
      const sum = this.#sums.get(from) ?? { from, to, count: 0, predicted: 0, used: 0 };
      sum.count += weight;
      sum.predicted += weight * predicted;
      sum.used += weight * used;
      this.#sums.set(from, sum);
    }
  }

  /** The means; their counts are sums of weights. */
  buckets(): readonly ReliabilityBucket[] {
    return [...this.#sums.values()].sort((a, b) => a.from - b.from).map((sum) => ({
      ...sum,
      predicted: sum.predicted / sum.count,
      used: sum.used / sum.count,
    }));
  }
}

/** Notes the buckets, and adds the largest difference among those with enough entries. */
export function addCalibration(
  figures: Figures,
  name: string,
  buckets: readonly ReliabilityBucket[],
): void {
  const percent = (share: number) => (100 * share).toFixed(1);
  const full = buckets.filter(({ count }) => count > 0);
  const pairs = full.map(({ predicted, used }) => `${percent(predicted)} → ${percent(used)}`);
  figures.note(`${name}, predicted → used: ${pairs.join(", ")}`);
  const differences = full.filter(({ count }) => count >= COUNT_MIN).map(({ predicted, used }) =>
    100 * Math.abs(predicted - used)
  );
  if (differences.length === 0) return figures.note(`${name}: too few entries to be calibrated`);
  figures.add(`${name}: furthest from calibrated`, spreadOf([Math.max(...differences)]), {
    better: "lower",
    unit: " points",
    must: 5,
  });
}
