/**
 * Percentiles of what a histogram took between two snapshots, read from its classic buckets.
 *
 * @module
 */

import type { HistogramDelta } from "./rates.ts";

/**
 * The number below which `share` (0 to 1) of all lie, linear within a bucket, as Prometheus's
 * `histogram_quantile` has it; the highest edge when it lies beyond; null when there are none.
 * Off by at most the width of a bucket. O(edges).
 */
export function bucketQuantile(delta: HistogramDelta, share: number): number | null {
  const { count, buckets } = delta;
  if (count === 0) return null;
  const rank = share * count;
  let from = 0, below = 0;
  for (const bucket of buckets) {
    if (bucket.count >= rank && bucket.count > below) {
      return from + (bucket.le - from) * ((rank - below) / (bucket.count - below));
    }
    from = bucket.le;
    below = bucket.count;
  }
  return from;
}
