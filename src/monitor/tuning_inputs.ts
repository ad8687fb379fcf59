/**
 * What tuning decides by, read from two snapshots of the metrics: now, and some time before.
 *
 * @module
 */

import { deltaSum, HEALTH_METRICS_READ } from "./health_inputs.ts";
import type { MetricSpec } from "./metric_spec.ts";
import { histogramDeltaOf } from "./rates.ts";
import type { LabelValues, MetricsSnapshot } from "./snapshot.ts";
import { valueIn } from "./snapshot.ts";
import type { Sample } from "./samples.ts";
import { type EndedCount, type Knob, KNOBS } from "./tuning.ts";

/** Figures of the time between two snapshots; null = not known. */
export interface TuningReading {
  /** Candles taken in per second: whether two readings are comparable. */
  readonly load: number | null;
  /** Share of their time that label workers worked, 0 to 1. */
  readonly workersBusy: number | null;
  /** Expected delay of a batch that comes now, ms. */
  readonly delayMs: number | null;
  /** Memory of the process. */
  readonly memoryBytes: number | null;
  /** Hits by requests of the first tier; null while nobody asks. */
  readonly cacheHits: number | null;
  /** Entries of the first tier that made room, per second. */
  readonly cacheEvictions: number | null;
  /** Weight of the entries of the first tier. */
  readonly cacheBytes: number | null;
  /** Mean wait of those whom the cache let wait, ms; null while nobody does. */
  readonly cacheWaitMs: number | null;
  /** Share of the limits in use, of the provider most used. */
  readonly limitUsed: number | null;
  /** Calls that wait for limits. */
  readonly limitWaiting: number | null;
  /** Calls that providers refused for their limits. */
  readonly limitedCalls: number | null;
  /** Calls of warming in the last minute. */
  readonly warmCalls: number | null;
  /** Share of what was warmed that was asked for; null while little was. */
  readonly warmPrecision: number | null;
  /** Keys of a grouped call, mean; null while none are made. */
  readonly callKeys: number | null;
  /** Keys of the largest call that is made. */
  readonly callKeysMax: number | null;
}

/** Figures that a change can be expected to move. */
export const EXPECTABLE = [
  "load",
  "workersBusy",
  "delayMs",
  "memoryBytes",
  "cacheHits",
  "cacheEvictions",
  "cacheBytes",
  "cacheWaitMs",
  "limitUsed",
  "limitWaiting",
  "limitedCalls",
  "warmCalls",
  "warmPrecision",
  "callKeys",
  "callKeysMax",
] as const satisfies readonly (keyof TuningReading)[];

/** Whose figures are read. */
export interface TuningFocus {
  /** The provider that the cache loads from: what others do says nothing about it. Null = none. */
  readonly provider: string | null;
}

/** Metrics of tuning itself. */
export const TUNING_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_tuning_changes_total",
    kind: "counter",
    help: "Changes that the monitor made by itself, by how they came out",
    labels: ["knob", "outcome"],
    seriesMax: 16,
  },
  {
    name: "wick_tuning_value",
    kind: "gauge",
    help: "What a knob is set to, in its own unit",
    labels: ["knob"],
    seriesMax: 4,
  },
];

/** Metrics that are read besides those of the health. */
export const TUNING_METRICS_READ = {
  workers: "wick_pool_workers",
  busy: "wick_pool_busy_seconds_total",
  evictions: "wick_cache_evictions_total",
  cacheBytes: "wick_cache_size_bytes",
  cacheWait: "wick_cache_latency_seconds",
  limitUsed: "wick_provider_limit_used_ratio",
  limitWaiting: "wick_provider_limit_waiting",
  limited: "wick_provider_limited_total",
  warmCalls: "wick_warming_minute_calls",
  warmed: "wick_warming_warmed_total",
  warmUsed: "wick_warming_used_total",
  calls: "wick_provider_grouped_calls_total",
  callKeys: "wick_provider_grouped_keys_total",
  callKeysMax: "wick_provider_call_keys_max",
  cacheCapacity: "wick_cache_capacity_bytes",
  warmBudget: "wick_warming_minute_calls_max",
  linger: "wick_provider_linger_seconds",
} as const;

const H = HEALTH_METRICS_READ;
const M = TUNING_METRICS_READ;

/** All metrics that tuning reads. */
export const TUNING_NAMES: ReadonlySet<string> = new Set([
  ...Object.values(M),
  ...[H.candles, H.hits, H.misses, H.queueTime, H.memory],
]);
const L1: LabelValues = { tier: "l1" };
/** Warmed entries from which on their use says something. */
const WARMED_MIN = 20;

/** Reads what tuning decides by; what needs two snapshots is null without `previous`. */
export function tuningReading(
  snapshot: MetricsSnapshot,
  previous: MetricsSnapshot | null,
  { provider }: TuningFocus,
): TuningReading {
  const upstream: LabelValues = provider === null ? {} : { provider };
  const seconds = previous === null ? 0 : (snapshot.nowMs - previous.nowMs) / 1_000;
  const before = previous !== null && seconds > 0 ? previous : null;
  const grown = (name: string, labels?: LabelValues) =>
    before === null ? null : deltaSum(before, snapshot, name, labels);
  const perSecond = (sum: number | null) => sum === null ? null : sum / seconds;
  const ratio = (part: number | null, all: number | null) =>
    part === null || all === null || !(all > 0) ? null : part / all;
  const workers = valueIn(snapshot, M.workers);
  const [hits, misses] = [grown(H.hits, L1), grown(H.misses, L1)];
  const delay = valueIn(snapshot, H.queueTime);
  const warmed = grown(M.warmed);
  const busy = ratio(perSecond(grown(M.busy)), workers);
  return {
    load: perSecond(grown(H.candles)),
    workersBusy: busy === null ? null : Math.min(1, busy),
    delayMs: delay === null ? null : delay * 1_000,
    memoryBytes: valueIn(snapshot, H.memory, { kind: "resident" }),
    cacheHits: ratio(hits, hits === null || misses === null ? null : hits + misses),
    cacheEvictions: perSecond(grown(M.evictions, L1)),
    cacheBytes: gauges(snapshot, M.cacheBytes, L1)?.sum ?? null,
    cacheWaitMs: before === null ? null : meanWaitMs(before, snapshot),
    limitUsed: gauges(snapshot, M.limitUsed, upstream)?.most ?? null,
    limitWaiting: gauges(snapshot, M.limitWaiting, upstream)?.sum ?? null,
    limitedCalls: grown(M.limited, upstream),
    warmCalls: valueIn(snapshot, M.warmCalls),
    warmPrecision: (warmed ?? 0) < WARMED_MIN ? null : ratio(grown(M.warmUsed), warmed),
    callKeys: ratio(grown(M.callKeys, upstream), grown(M.calls, upstream)),
    callKeysMax: gauges(snapshot, M.callKeysMax, upstream)?.most ?? null,
  };
}

/** What the knobs are set to, as far as those who have them said; in the units of the knobs. */
export function knobValues(
  snapshot: MetricsSnapshot,
  { provider }: TuningFocus,
): Partial<Record<Knob, number>> {
  const lingerSeconds = provider === null ? null : valueIn(snapshot, M.linger, { provider });
  const read = {
    label_workers: valueIn(snapshot, M.workers),
    cache_capacity: valueIn(snapshot, M.cacheCapacity),
    warming_budget: valueIn(snapshot, M.warmBudget),
    batch_linger: lingerSeconds === null ? null : Math.round(lingerSeconds * 1_000),
  } satisfies Record<Knob, number | null>;
  const values: Partial<Record<Knob, number>> = {};
  for (const knob of KNOBS) {
    const value = read[knob];
    if (value !== null) values[knob] = value;
  }
  return values;
}

/** Sum and largest of the series of a gauge that have these labels; null when there are none. */
function gauges(snapshot: MetricsSnapshot, name: string, labels: LabelValues = {}) {
  const family = snapshot.families.find((candidate) => candidate.name === name);
  if (family === undefined || family.kind === "histogram") return null;
  const wanted = Object.entries(labels);
  const values = family.series
    .filter((series) => wanted.every(([label, value]) => series.labels[label] === value))
    .map(({ value }) => value);
  if (values.length === 0) return null;
  return { sum: values.reduce((a, b) => a + b), most: Math.max(...values) };
}

function meanWaitMs(before: MetricsSnapshot, after: MetricsSnapshot): number | null {
  const family = after.families.find(({ name }) => name === M.cacheWait);
  if (family?.kind !== "histogram") return null;
  let count = 0, sum = 0;
  for (const { labels } of family.series) {
    const delta = histogramDeltaOf(before, after, M.cacheWait, labels);
    count += delta?.count ?? 0;
    sum += delta?.sum ?? 0;
  }
  return count === 0 ? null : 1_000 * sum / count;
}

/** Measurements of tuning: how changes came out, and what the knobs are set to. */
export function tuningSamples(
  ended: readonly EndedCount[],
  values: Readonly<Partial<Record<Knob, number>>>,
): Sample[] {
  return [
    ...ended.map(({ knob, outcome, count }): Sample => ({
      name: "wick_tuning_changes_total",
      labels: { knob, outcome },
      total: count,
    })),
    ...Object.entries(values).map(([knob, value]): Sample => ({
      name: "wick_tuning_value",
      labels: { knob },
      value,
    })),
  ];
}
