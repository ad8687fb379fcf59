/**
 * Metrics at one moment, as plain data: what `/metrics`, the command line and the dashboard read,
 * and what travels between actors and nodes.
 *
 * @module
 */

/** Values of a series' labels by their names. */
export type LabelValues = Readonly<Record<string, string>>;

/** A counter or gauge with its labels. */
export interface NumberSeries {
  /** Every label of its family; none for a family without labels. */
  readonly labels: LabelValues;
  /** Counted so far, or the value now. */
  readonly value: number;
}

/** A histogram with its labels. */
export interface HistogramSeries {
  /** Every label of its family; none for a family without labels. */
  readonly labels: LabelValues;
  /** Numbers recorded. */
  readonly count: number;
  /** Their sum. */
  readonly sum: number;
  /** The smallest; null when there are none. */
  readonly min: number | null;
  /** The largest; null when there are none. */
  readonly max: number | null;
  /** Percentiles within 0.78 % of the exact ones; null when there are none. */
  readonly p50: number | null;
  /** See `p50`. */
  readonly p95: number | null;
  /** See `p50`. */
  readonly p99: number | null;
  /** For each edge in ascending order, how many were at most that; the count is that of +Inf. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** A metric of numbers. */
export interface NumberFamily {
  /** As declared. */
  readonly name: string;
  /** As declared. */
  readonly help: string;
  /** Counters only grow; gauges go both ways. */
  readonly kind: "counter" | "gauge";
  /** In the order in which they first came. */
  readonly series: readonly NumberSeries[];
}

/** A metric of histograms. */
export interface HistogramFamily {
  /** As declared. */
  readonly name: string;
  /** As declared. */
  readonly help: string;
  /** Tells it from families of numbers. */
  readonly kind: "histogram";
  /** In the order in which they first came. */
  readonly series: readonly HistogramSeries[];
}

/** A metric with all its series. */
export type MetricFamily = NumberFamily | HistogramFamily;

/** All metrics at one moment. */
export interface MetricsSnapshot {
  /** Epoch ms UTC. */
  readonly at: number;
  /** Monotonic ms: what rates are computed with. */
  readonly nowMs: number;
  /** In the order of their declaration, those without series too. */
  readonly families: readonly MetricFamily[];
  /** Series there are. */
  readonly series: number;
  /** How often a series was asked for beyond a bound, by metric; those without are left out. */
  readonly overflowed: readonly { readonly name: string; readonly times: number }[];
}

/** Whether two series of one family are the same. */
export function sameLabels(a: LabelValues, b: LabelValues): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/**
 * The value of a counter or gauge, or null when there is no such series. O(families + series).
 *
 * @param labels Every label of the metric; left out for one without.
 */
export function valueIn(
  snapshot: MetricsSnapshot,
  name: string,
  labels: LabelValues = {},
): number | null {
  const family = snapshot.families.find((candidate) => candidate.name === name);
  if (family === undefined || family.kind === "histogram") return null;
  return family.series.find((series) => sameLabels(series.labels, labels))?.value ?? null;
}

/** A histogram's series, or null when there is none; see {@linkcode valueIn}. */
export function histogramIn(
  snapshot: MetricsSnapshot,
  name: string,
  labels: LabelValues = {},
): HistogramSeries | null {
  const family = snapshot.families.find((candidate) => candidate.name === name);
  if (family?.kind !== "histogram") return null;
  return family.series.find((series) => sameLabels(series.labels, labels)) ?? null;
}
