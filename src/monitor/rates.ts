/**
 * What happened between two snapshots: growth of counters and histograms, and rates.
 *
 * @module
 */

import {
  histogramIn,
  type HistogramSeries,
  type LabelValues,
  type MetricsSnapshot,
  valueIn,
} from "./snapshot.ts";

/**
 * Growth of a counter from one snapshot to a later one; null when the later one lacks it. A counter
 * that was not there before, or that is below what it was (another process), began at 0.
 */
export function deltaOf(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  name: string,
  labels: LabelValues = {},
): number | null {
  const now = valueIn(after, name, labels);
  return now === null ? null : growth(valueIn(before, name, labels) ?? 0, now);
}

/** Growth of a counter per second; null when it is lacking or no time has passed. */
export function ratePerSecond(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  name: string,
  labels: LabelValues = {},
): number | null {
  const seconds = (after.nowMs - before.nowMs) / 1_000;
  const delta = deltaOf(before, after, name, labels);
  return delta === null || !(seconds > 0) ? null : delta / seconds;
}

/** What a histogram took between two snapshots. */
export interface HistogramDelta {
  /** Numbers recorded. */
  readonly count: number;
  /** Their sum. */
  readonly sum: number;
  /** Their mean; null when there are none. */
  readonly mean: number | null;
  /** For each edge, how many of them were at most that. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** Growth of a histogram, as {@linkcode deltaOf} for a counter. O(edges). */
export function histogramDeltaOf(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  name: string,
  labels: LabelValues = {},
): HistogramDelta | null {
  const now = histogramIn(after, name, labels);
  if (now === null) return null;
  const was = histogramIn(before, name, labels);
  const began: HistogramSeries | null = was !== null && was.count <= now.count ? was : null;
  const count = now.count - (began?.count ?? 0);
  const sum = now.sum - (began?.sum ?? 0);
  const buckets = now.buckets.map(({ le, count }, i) => ({
    le,
    count: count - (began?.buckets[i]?.count ?? 0),
  }));
  return { count, sum, mean: count === 0 ? null : sum / count, buckets };
}

const growth = (before: number, now: number) => now >= before ? now - before : now;
