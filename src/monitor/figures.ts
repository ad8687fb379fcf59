/**
 * Figures that charts draw, one point per look of the monitor: what happened since the look before,
 * and how things stand now. None is a total since the start, but for `seq`.
 *
 * @module
 */

import { deltaSum, fullestMailbox } from "./health_inputs.ts";
import type { Histogram } from "./histogram.ts";
import { ratePerSecond } from "./rates.ts";
import { type MetricsSnapshot, valueIn } from "./snapshot.ts";
import { type Target, type TargetMeasure, TARGETS_DEFAULT } from "./targets.ts";

/** What a figure is counted in. */
export type FigureUnit =
  | "ms"
  | "per_second"
  | "ratio"
  | "bytes"
  | "letters"
  | "messages"
  | "seq"
  | "points";

/** What a figure is. */
export interface FigureSpec {
  /** One line for people. */
  readonly about: string;
  /** What it is counted in. */
  readonly unit: FigureUnit;
  /** What several points become when they are made one: a chart must not lose what was bad. */
  readonly merge: "mean" | "max" | "min" | "last";
  /** Measure of the health score that has the same target. */
  readonly measure?: TargetMeasure;
}

/** All figures, in the order in which they are shown. */
export const FIGURES = {
  candlesPerSecond: {
    about: "Candles committed",
    unit: "per_second",
    merge: "mean",
    measure: "throughput",
  },
  labelsPerSecond: { about: "Label rows written", unit: "per_second", merge: "mean" },
  queueP50Ms: { about: "From arrival to a worker, median", unit: "ms", merge: "mean" },
  queueP99Ms: { about: "The same, 99th percentile", unit: "ms", merge: "max" },
  computeP50Ms: { about: "In a worker, median", unit: "ms", merge: "mean" },
  computeP99Ms: { about: "The same, 99th percentile", unit: "ms", merge: "max" },
  storeP50Ms: { about: "From labelled to committed, median", unit: "ms", merge: "mean" },
  storeP99Ms: { about: "The same, 99th percentile", unit: "ms", merge: "max" },
  totalP50Ms: { about: "From arrival to commit, median", unit: "ms", merge: "mean" },
  totalP99Ms: {
    about: "The same, 99th percentile",
    unit: "ms",
    merge: "max",
    measure: "latencyP99",
  },
  totalMeanMs: { about: "The same, mean", unit: "ms", merge: "mean", measure: "latencyMean" },
  expectedWaitMs: {
    about: "Wait of a batch that comes now",
    unit: "ms",
    merge: "max",
    measure: "queueTime",
  },
  cacheHitRatio: {
    about: "Keys that a tier of the cache had",
    unit: "ratio",
    merge: "mean",
    measure: "cacheHits",
  },
  l1HitRatio: {
    about: "Keys that the first tier had",
    unit: "ratio",
    merge: "mean",
    measure: "cacheHits",
  },
  l2HitRatio: {
    about: "Keys that the second tier had, of those asked of it",
    unit: "ratio",
    merge: "mean",
  },
  loopLagP99Ms: { about: "How late timers fire, 99th percentile", unit: "ms", merge: "max" },
  memoryBytes: {
    about: "Memory of the process",
    unit: "bytes",
    merge: "max",
    measure: "memory",
  },
  cpuRatio: {
    about: "Processor time by what all cores could give",
    unit: "ratio",
    merge: "mean",
    measure: "cpu",
  },
  deadLetters: { about: "Dead letters kept", unit: "letters", merge: "last" },
  deadLettersPerSecond: { about: "Messages that died", unit: "per_second", merge: "mean" },
  seq: { about: "Seq of the last commit", unit: "seq", merge: "last" },
  score: { about: "Health, 0 to 100", unit: "points", merge: "min" },
  mailboxDepth: { about: "Messages in the longest mailbox", unit: "messages", merge: "max" },
  mailboxUsedRatio: {
    about: "Depth by bound of the fullest mailbox",
    unit: "ratio",
    merge: "max",
    measure: "queueUsed",
  },
} as const satisfies Readonly<Record<string, FigureSpec>>;

/** Name of a figure. */
export type FigureName = keyof typeof FIGURES;

/** All names, in the order of {@linkcode FIGURES}. */
export const FIGURE_NAMES: readonly FigureName[] = Object.keys(FIGURES) as FigureName[];

/** Figures of one look; null = nobody measures it, or nothing happened that could be measured. */
export type FigurePoint =
  & {
    /** Epoch ms. */
    readonly at: number;
  }
  & Readonly<Record<FigureName, number | null>>;

/** Histograms of which a look wants what came lately. */
export const FIGURE_HISTOGRAMS = {
  queue: { name: "wick_ingest_stage_seconds", labels: { stage: "queue" } },
  compute: { name: "wick_ingest_stage_seconds", labels: { stage: "compute" } },
  store: { name: "wick_ingest_stage_seconds", labels: { stage: "store" } },
  total: { name: "wick_ingest_commit_seconds", labels: {} },
  loopLag: { name: "wick_event_loop_lag_seconds", labels: {} },
} as const;

/** What was recorded lately by each of them; null = nothing, or it is not known since when. */
export type RecentHistograms = Readonly<
  Record<keyof typeof FIGURE_HISTOGRAMS, Histogram | null>
>;

/** What the snapshots do not say. */
export interface FigureOptions {
  /** What was recorded lately. */
  readonly recent: RecentHistograms;
  /** Health, 0 to 100; null = unknown. */
  readonly score: number | null;
  /** Cores of the machine; null = unknown. */
  readonly cores: number | null;
}

/** Significant digits of a figure: what a chart can show, and half of what a double is as text. */
const DIGITS = 5;

/**
 * The point of a look: `after` is its snapshot, `before` that of the look before, null for the
 * first, which has only what stands now. O(families + series).
 */
export function figurePoint(
  before: MetricsSnapshot | null,
  after: MetricsSnapshot,
  { recent, score, cores }: FigureOptions,
): FigurePoint {
  const value = (name: string, labels = {}) => valueIn(after, name, labels);
  const rate = (name: string) => before === null ? null : ratePerSecond(before, after, name);
  const seconds = before === null ? 0 : (after.nowMs - before.nowMs) / 1_000;
  const perSecond = (name: string) => {
    const grown = before === null ? null : deltaSum(before, after, name);
    return grown === null || !(seconds > 0) ? null : grown / seconds;
  };
  const cpuSeconds = perSecond("wick_process_cpu_seconds_total");
  const figures: Record<FigureName, number | null> = {
    candlesPerSecond: rate("wick_pool_candles_total"),
    labelsPerSecond: rate("wick_pool_labels_total"),
    ...latencies(recent),
    expectedWaitMs: inMs(value("wick_pool_delay_seconds")),
    ...hitRatios(before, after),
    loopLagP99Ms: inMs(percentile(recent.loopLag, 0.99)),
    memoryBytes: value("wick_process_memory_bytes", { kind: "resident" }),
    cpuRatio: cpuSeconds === null || cores === null ? null : cpuSeconds / cores,
    deadLetters: lettersKept(after),
    deadLettersPerSecond: perSecond("wick_dead_letters_total"),
    seq: value("wick_pool_committed_seq"),
    score,
    mailboxDepth: deepest(after),
    mailboxUsedRatio: fullestMailbox(after)?.ratio ?? null,
  };
  for (const name of FIGURE_NAMES) {
    if (FIGURES[name].unit !== "seq") figures[name] = rounded(figures[name]);
  }
  return { at: after.at, ...figures };
}

function latencies({ queue, compute, store, total }: RecentHistograms) {
  return {
    queueP50Ms: inMs(percentile(queue, 0.5)),
    queueP99Ms: inMs(percentile(queue, 0.99)),
    computeP50Ms: inMs(percentile(compute, 0.5)),
    computeP99Ms: inMs(percentile(compute, 0.99)),
    storeP50Ms: inMs(percentile(store, 0.5)),
    storeP99Ms: inMs(percentile(store, 0.99)),
    totalP50Ms: inMs(percentile(total, 0.5)),
    totalP99Ms: inMs(percentile(total, 0.99)),
    totalMeanMs: total === null || total.count === 0 ? null : inMs(total.mean),
  };
}

/** Hits by requests, of all tiers together and of each. */
function hitRatios(before: MetricsSnapshot | null, after: MetricsSnapshot) {
  const grown = (name: string, tier: string) =>
    before === null ? null : deltaSum(before, after, name, { tier });
  const l1Hits = grown("wick_cache_hits_total", "l1") ?? 0;
  const l1Misses = grown("wick_cache_misses_total", "l1") ?? 0;
  const l2Hits = grown("wick_cache_hits_total", "l2") ?? 0;
  const l2Misses = grown("wick_cache_misses_total", "l2") ?? 0;
  const l1 = l1Hits + l1Misses, l2 = l2Hits + l2Misses;
  return {
    // Only what the first tier missed is asked of the second.
    cacheHitRatio: l1 === 0 ? null : Math.min(1, (l1Hits + l2Hits) / l1),
    l1HitRatio: l1 === 0 ? null : l1Hits / l1,
    l2HitRatio: l2 === 0 ? null : l2Hits / l2,
  };
}

/** Those in the store, or, in a tree that keeps none there, those in memory. */
function lettersKept(snapshot: MetricsSnapshot): number | null {
  const stored = valueIn(snapshot, "wick_store_letters");
  return stored === null || stored === 0 ? valueIn(snapshot, "wick_dead_letters_kept") : stored;
}

function deepest(snapshot: MetricsSnapshot): number | null {
  const family = snapshot.families.find(({ name }) => name === "wick_actor_mailbox_messages");
  if (family === undefined || family.kind === "histogram" || family.series.length === 0) {
    return null;
  }
  return family.series.reduce((most, { value }) => Math.max(most, value), 0);
}

const percentile = (histogram: Histogram | null, share: number) =>
  histogram === null || histogram.count === 0 ? null : histogram.percentile(share);

const inMs = (seconds: number | null) => seconds === null ? null : 1_000 * seconds;

const rounded = (value: number | null) =>
  value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(DIGITS));

/** Several points as one; `weights`: how many looks each stands for. The last one says when. */
export function mergedPoint(
  a: FigurePoint,
  b: FigurePoint,
  weights: readonly [a: number, b: number],
): FigurePoint {
  const figures = Object.fromEntries(
    FIGURE_NAMES.map((name) => [name, mergedFigure(name, a[name], b[name], weights)]),
  ) as Record<FigureName, number | null>;
  return { at: b.at, ...figures };
}

function mergedFigure(
  name: FigureName,
  a: number | null,
  b: number | null,
  [ofA, ofB]: readonly [number, number],
): number | null {
  if (a === null || b === null) return b ?? a;
  switch (FIGURES[name].merge) {
    case "mean":
      return rounded((a * ofA + b * ofB) / (ofA + ofB));
    case "max":
      return Math.max(a, b);
    case "min":
      return Math.min(a, b);
    case "last":
      return b;
  }
}

/** What a figure should be, in its own unit; see `targets.ts`. */
export type FigureTarget = Pick<Target, "better" | "good" | "warning" | "critical">;

/** Targets by figure; those of `targets` where it names the measure, else the defaults. */
export function figureTargets(
  targets: Readonly<Partial<Record<TargetMeasure, Target>>> = {},
): Partial<Record<FigureName, FigureTarget>> {
  const found: Partial<Record<FigureName, FigureTarget>> = {};
  for (const name of FIGURE_NAMES) {
    const { unit, measure }: FigureSpec = FIGURES[name];
    if (measure === undefined) continue;
    const { better, good, warning, critical } = targets[measure] ?? TARGETS_DEFAULT[measure];
    const scale = unit === "ms" ? 1_000 : 1;
    const scaled = (value: number) => Number((scale * value).toPrecision(12));
    found[name] = {
      better,
      good: scaled(good),
      warning: scaled(warning),
      critical: scaled(critical),
    };
  }
  return found;
}
