/**
 * What a metric is called and what it measures, and the rules for that: those of Prometheus
 * ("Metric and label naming"), so that a name says what its numbers mean.
 *
 * @module
 */

import type { HistogramOptions } from "./histogram.ts";

/** `counter` only grows, `gauge` is a value now, `histogram` counts values by size. */
export type MetricKind = "counter" | "gauge" | "histogram";

/** Declares a metric: one family of series that differ in their labels. */
export interface MetricSpec<L extends string = string, K extends MetricKind = MetricKind> {
  /**
   * `wick_…`, or without that for one's own, in base units: counters end in `_total`, histograms in their unit, and times are
   * `_seconds`, sizes `_bytes`, shares `_ratio`.
   */
  readonly name: string;
  /** Counter, gauge or histogram. */
  readonly kind: K;
  /** One line for people. */
  readonly help: string;
  /** Names of the labels; their values must be few: never an instrument or a key. */
  readonly labels?: readonly L[];
  /**
   * Gauges: how much longer than others a value is shown that nobody measures any more, ms; default 0.
   */
  readonly keepMs?: number;
  /** Series of this metric; default {@linkcode FAMILY_SERIES_DEFAULT}. */
  readonly seriesMax?: number;
  /** Histograms: upper edges of the classic buckets, ascending; default {@linkcode EDGES_SECONDS}. */
  readonly edges?: readonly number[];
  /** Histograms: the range in which percentiles are good. */
  readonly range?: HistogramOptions;
}

/** Series of a family unless its declaration says otherwise: a tree has some dozen actors. */
export const FAMILY_SERIES_DEFAULT = 128;

/** Longest value of a label in characters; longer ones are cut: an actor's path fits. */
export const LABEL_CHARS_MAX = 128;

/** Labels of a metric: more would multiply its series beyond any bound. */
export const LABELS_MAX = 4;

/** Classic buckets of a histogram: each is a line of `/metrics` for every series. */
export const EDGES_MAX = 32;

/** Edges for times: those of the targets (10, 25, 40, 50, 80, 100 ms) and some on both sides. */
export const EDGES_SECONDS: readonly number[] = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.04,
  0.05,
  0.08,
  0.1,
  0.25,
  1,
  5,
];

/**
 * Whose a metric is. Those of the service begin with `wick_`; nobody else's do, so that a later
 * version takes no name that somebody uses, and a name says who measures it.
 */
export type MetricOwner = "wick" | "own";

/** Longest name of a metric of one's own in characters: its alerts are named after it. */
export const OWN_NAME_CHARS_MAX = 56;

const NAMES: Readonly<Record<MetricOwner, RegExp>> = {
  wick: /^wick(_[a-z][a-z0-9]*)+$/,
  own: /^(?!wick_)[a-z][a-z0-9]*(_[a-z][a-z0-9]*)+$/,
};
const NAME_RULES: Readonly<Record<MetricOwner, string>> = {
  wick: "wick_… of small letters, digits and _",
  own: `of at most ${OWN_NAME_CHARS_MAX} small letters, digits and _, of two words or more, that ` +
    "does not begin with wick_",
};
const LABEL = /^[a-z][a-z0-9_]*$/;
/** What Prometheus adds to the names of histograms and summaries by itself. */
const RESERVED_SUFFIX = /_(count|sum|bucket|created)$/;
const RESERVED_LABELS = ["le", "quantile", "job", "instance"];
/** Every part of a name that is a unit but not a base unit. */
const OTHER_UNITS =
  /_(ms|us|ns|millis|milliseconds|microseconds|nanoseconds|minutes|hours|days|kb|mb|gb|kilobytes|megabytes|percent)(_|$)/;
const HISTOGRAM_UNIT = /_(seconds|bytes|ratio|rows|messages|candles|labels)$/;

/**
 * Checks a declaration.
 *
 * @throws {TypeError} when a name breaks the rules or the help is empty.
 * @throws {RangeError} when there are too many labels, or edges do not ascend.
 */
export function assertMetricSpec(spec: MetricSpec, owner: MetricOwner = "wick"): void {
  const { name, kind, help, labels = [] } = spec;
  const expected = nameRule(name, kind, owner);
  if (expected !== null) {
    throw new TypeError(
      `Cannot register a ${kind}: expected a name ${expected}: current value is ${name}`,
    );
  }
  if (help.trim() === "") {
    throw new TypeError(`Cannot register ${name}: expected a help text: current value is empty`);
  }
  for (const label of labels) {
    if (LABEL.test(label) && !RESERVED_LABELS.includes(label)) continue;
    throw new TypeError(
      `Cannot register ${name}: expected labels of letters, digits and _, none of ` +
        `${RESERVED_LABELS.join(", ")}: current value is ${label}`,
    );
  }
  if (labels.length > LABELS_MAX || new Set(labels).size < labels.length) {
    throw new RangeError(
      `Cannot register ${name}: expected at most ${LABELS_MAX} different labels: ` +
        `current value is ${labels.join(", ")}`,
    );
  }
  assertEdges(name, spec.edges ?? EDGES_SECONDS);
}

/** What the name ought to be and is not, or null. */
function nameRule(name: string, kind: MetricKind, owner: MetricOwner): string | null {
  const isLong = owner === "own" && name.length > OWN_NAME_CHARS_MAX;
  if (isLong || !NAMES[owner].test(name)) return NAME_RULES[owner];
  if (OTHER_UNITS.test(name)) return "in base units: seconds, bytes, ratio";
  if (RESERVED_SUFFIX.test(name)) return "without _count, _sum, _bucket or _created at its end";
  if (name.endsWith("_total") !== (kind === "counter")) {
    return kind === "counter" ? "that ends in _total" : "without _total at its end";
  }
  if (kind === "histogram" && !HISTOGRAM_UNIT.test(name)) {
    return "that ends in its unit: _seconds, _bytes, _ratio, _rows, _messages, …";
  }
  return null;
}

function assertEdges(name: string, edges: readonly number[]): void {
  const ascend = edges.every((edge, i) =>
    Number.isFinite(edge) && edge > (edges[i - 1] ?? -Infinity)
  );
  if (ascend && edges.length <= EDGES_MAX) return;
  throw new RangeError(
    `Cannot register ${name}: expected at most ${EDGES_MAX} ascending edges: ` +
      `current value is ${edges.join(", ")}`,
  );
}
