/**
 * Whether chances are calibrated: of entries warmed at a chance, as many were used.
 *
 * @module
 */

import type { ReliabilityBucket } from "../../src/warm/warming.ts";
import { type Figures, spreadOf } from "../support/figures.ts";

/** A bucket of fewer entries differs by 5 points by chance alone: 2 · √(0.25 / 400). */
const COUNT_MIN = 400;

/** Notes the buckets, and adds the largest difference among those with enough entries. */
export function addCalibration(
  figures: Figures,
  name: string,
  buckets: readonly ReliabilityBucket[],
): void {
  const percent = (share: number) => (100 * share).toFixed(1);
  const full = buckets.filter(({ count }) => count > 0);
  figures.note(
    `${name}, predicted → used (entries): ` +
      full.map(({ predicted, used, count }) =>
        `${percent(predicted)} → ${percent(used)} (${count.toFixed(0)})`
      ).join(", "),
  );
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
