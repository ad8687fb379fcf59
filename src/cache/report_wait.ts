/**
 * How long callers waited, over several shards.
 *
 * @module
 */

import { Histogram } from "../monitor/histogram.ts";
import type { WaitReport } from "./report_types.ts";
import type { TypeCounts } from "./status.ts";

const SHARES = [0.5, 0.95, 0.99];

/** The waits of all parts together. O(parts · buckets). */
export function waitReport(parts: readonly Pick<TypeCounts, "waitSeconds">[]): WaitReport {
  let all: Histogram | null = null;
  for (const { waitSeconds } of parts) {
    if (waitSeconds.count === 0) continue;
    const own = Histogram.decode(waitSeconds.histogram);
    if (all === null) all = own;
    else all.merge(own);
  }
  if (all === null || all.count === 0) {
    return { count: 0, meanSeconds: null, p50Seconds: null, p95Seconds: null, p99Seconds: null };
  }
  const [p50 = null, p95 = null, p99 = null] = all.percentiles(SHARES);
  return {
    count: all.count,
    meanSeconds: all.mean,
    p50Seconds: p50,
    p95Seconds: p95,
    p99Seconds: p99,
  };
}
