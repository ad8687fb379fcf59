/**
 * What a health score needs, read from two snapshots of the metrics: now, and some time before. What
 * happened between them is judged, so their distance is the window; a minute is a good one.
 *
 * @module
 */

import { bucketQuantile } from "./health_quantile.ts";
import { histogramDeltaOf, ratePerSecond } from "./rates.ts";
import type { LabelValues, MetricsSnapshot, NumberSeries } from "./snapshot.ts";
import { valueIn } from "./snapshot.ts";
import { isAtLeastAsBad, type OwnTarget } from "./targets.ts";

/**
 * A value; `idle`: nothing happened that could be measured; `unknown`: nobody measures it, or there
 * is nothing before to compare with.
 */
export type MeasureReading =
  | { readonly state: "known"; readonly value: number }
  | { readonly state: "idle" | "unknown"; readonly value: null };

/** What ended well and what did not, of one kind of work. */
export interface SuccessReading {
  /** What it is: `candles`, `messages`, `cache`. */
  readonly work: string;
  /** Ended well. */
  readonly good: number;
  /** Ended badly. */
  readonly bad: number;
}

/** All that a score is made of besides the parts. */
export interface HealthInputs {
  /** Epoch ms of the later snapshot. */
  readonly at: number;
  /** Time between the two; null when there was none before. */
  readonly windowMs: number | null;
  /** Arrival to commit, seconds, 99th percentile. */
  readonly latencyP99: MeasureReading;
  /** The same, mean. */
  readonly latencyMean: MeasureReading;
  /** Seconds that a batch that comes now would wait. */
  readonly queueTime: MeasureReading;
  /** Candles committed per second. */
  readonly throughput: MeasureReading;
  /** Batches refused for lack of room; null when nobody counts them. */
  readonly refused: number | null;
  /** By kind of work; empty when nobody counts. */
  readonly work: readonly SuccessReading[];
  /** Hits by requests of the first tier. */
  readonly cacheHits: MeasureReading;
  /** Memory of the process, bytes. */
  readonly memory: MeasureReading;
  /** Processor time by what all cores could give. */
  readonly cpu: MeasureReading;
  /** Depth by bound of the fullest mailbox. */
  readonly queueUsed: MeasureReading;
  /** Actor with that mailbox; null when there is none. */
  readonly fullest: string | null;
  /** By name of the measure. */
  readonly own: Readonly<Record<string, MeasureReading>>;
}

/** What the snapshots do not say. */
export interface HealthInputOptions {
  /** Cores of the machine; without them processor use is unknown. */
  readonly cores?: number;
  /** Targets of metrics of one's own. */
  readonly own?: readonly OwnTarget[];
}

/** Metrics that are read; the catalogue has them. */
export const HEALTH_METRICS_READ = {
  latency: "wick_ingest_commit_seconds",
  queueTime: "wick_pool_delay_seconds",
  refused: "wick_pool_refused_total",
  candles: "wick_pool_candles_total",
  rejected: "wick_feed_rejected_total",
  handled: "wick_actor_messages_handled_total",
  deadLettered: "wick_actor_messages_dead_lettered_total",
  hits: "wick_cache_hits_total",
  misses: "wick_cache_misses_total",
  loadsRefused: "wick_cache_refused_total",
  loadFailures: "wick_cache_load_failures_total",
  memory: "wick_process_memory_bytes",
  cpu: "wick_process_cpu_seconds_total",
  depth: "wick_actor_mailbox_messages",
  bound: "wick_actor_mailbox_bound_messages",
} as const;

/** Requests from which on a hit ratio says something: fewer are mostly the first of their keys. */
export const CACHE_REQUESTS_MIN = 20;

const M = HEALTH_METRICS_READ;
const UNKNOWN: MeasureReading = { state: "unknown", value: null };
const IDLE: MeasureReading = { state: "idle", value: null };
const known = (value: number): MeasureReading => ({ state: "known", value });
const orUnknown = (value: number | null): MeasureReading => value === null ? UNKNOWN : known(value);

/** Nothing measured yet: what is compared with when there was no snapshot before. */
const nothingBefore = (nowMs: number): MetricsSnapshot => ({
  at: 0,
  nowMs,
  families: [],
  series: 0,
  overflowed: [],
});

/**
 * Reads what a score needs. Without a snapshot before, counts are those since the start and rates
 * are unknown. O(families + series).
 */
export function healthInputs(
  snapshot: MetricsSnapshot,
  previous: MetricsSnapshot | null,
  options: HealthInputOptions = {},
): HealthInputs {
  const before = previous ?? nothingBefore(snapshot.nowMs);
  const latency = histogramDeltaOf(before, snapshot, M.latency);
  const fullest = fullestMailbox(snapshot);
  const own = (options.own ?? []).map((target): [string, MeasureReading] => [
    target.measure,
    ownReading(before, snapshot, target),
  ]);
  return {
    at: snapshot.at,
    windowMs: previous === null ? null : snapshot.nowMs - previous.nowMs,
    latencyP99: latency === null ? UNKNOWN : orIdle(bucketQuantile(latency, 0.99)),
    latencyMean: latency === null ? UNKNOWN : orIdle(latency.mean),
    queueTime: orUnknown(valueIn(snapshot, M.queueTime)),
    throughput: orUnknown(ratePerSecond(before, snapshot, M.candles)),
    refused: deltaSum(before, snapshot, M.refused),
    work: workOf(before, snapshot),
    cacheHits: cacheHits(before, snapshot),
    memory: orUnknown(valueIn(snapshot, M.memory, { kind: "resident" })),
    cpu: cpuOf(before, snapshot, options.cores),
    queueUsed: fullest === null ? UNKNOWN : known(fullest.ratio),
    fullest: fullest?.actor ?? null,
    own: Object.fromEntries(own),
  };
}

const orIdle = (value: number | null): MeasureReading => value === null ? IDLE : known(value);

function numbersOf(snapshot: MetricsSnapshot, name: string): readonly NumberSeries[] {
  const family = snapshot.families.find((candidate) => candidate.name === name);
  return family === undefined || family.kind === "histogram" ? [] : family.series;
}

/**
 * Growth of all series of a counter that have these labels among theirs; null when there are none.
 * A series below what it was began anew. O(families + series).
 */
export function deltaSum(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  name: string,
  labels: LabelValues = {},
): number | null {
  const wanted = Object.entries(labels);
  const was = new Map(numbersOf(before, name).map(({ labels, value }) => [keyOf(labels), value]));
  let sum: number | null = null;
  for (const series of numbersOf(after, name)) {
    if (!wanted.every(([label, value]) => series.labels[label] === value)) continue;
    const last = was.get(keyOf(series.labels)) ?? 0;
    sum = (sum ?? 0) + (series.value >= last ? series.value - last : series.value);
  }
  return sum;
}

/** The same labels have the same key: a family gives its labels in one order. */
const keyOf = (labels: LabelValues) => JSON.stringify(Object.entries(labels));

function workOf(before: MetricsSnapshot, after: MetricsSnapshot): SuccessReading[] {
  const grown = (name: string, labels?: LabelValues) => deltaSum(before, after, name, labels);
  const requests = requestsOf(before, after);
  const failedLoads = (grown(M.loadsRefused) ?? 0) + (grown(M.loadFailures) ?? 0);
  const rows: [string, number | null, number][] = [
    ["candles", grown(M.candles), grown(M.rejected) ?? 0],
    ["messages", grown(M.handled), grown(M.deadLettered) ?? 0],
    // Loads ahead of need fail without a request: no more than were asked for can have failed.
    [
      "cache",
      requests === null ? null : requests.all - Math.min(requests.all, failedLoads),
      Math.min(requests?.all ?? 0, failedLoads),
    ],
  ];
  return rows.flatMap(([work, good, bad]) => good === null ? [] : [{ work, good, bad }]);
}

function requestsOf(before: MetricsSnapshot, after: MetricsSnapshot) {
  const tier = { tier: "l1" };
  const hits = deltaSum(before, after, M.hits, tier);
  const misses = deltaSum(before, after, M.misses, tier);
  return hits === null || misses === null ? null : { hits, all: hits + misses };
}

function cacheHits(before: MetricsSnapshot, after: MetricsSnapshot): MeasureReading {
  const requests = requestsOf(before, after);
  if (requests === null) return UNKNOWN;
  return requests.all < CACHE_REQUESTS_MIN ? IDLE : known(requests.hits / requests.all);
}

function cpuOf(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  cores: number | undefined,
): MeasureReading {
  const seconds = (after.nowMs - before.nowMs) / 1_000;
  const used = deltaSum(before, after, M.cpu);
  if (used === null || cores === undefined || !(seconds > 0 && cores > 0)) return UNKNOWN;
  return known(used / (seconds * cores));
}

/** The mailbox that is fullest by its bound; null when there is none. O(families + series). */
export function fullestMailbox(snapshot: MetricsSnapshot): { actor: string; ratio: number } | null {
  const bounds = new Map(
    numbersOf(snapshot, M.bound).map(({ labels, value }) => [labels["actor"], value]),
  );
  let fullest: { actor: string; ratio: number } | null = null;
  for (const { labels, value } of numbersOf(snapshot, M.depth)) {
    const { actor = "" } = labels;
    const bound = bounds.get(actor) ?? 0;
    const ratio = bound > 0 ? value / bound : 0;
    if (fullest === null || ratio > fullest.ratio) fullest = { actor, ratio };
  }
  return fullest;
}

/** Of the series with these labels among theirs the worst; one that is idle is better than any. */
function ownReading(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  target: OwnTarget,
): MeasureReading {
  const wanted = Object.entries(target.labels ?? {});
  const family = after.families.find(({ name }) => name === target.metric);
  let worst: MeasureReading = UNKNOWN;
  for (const { labels } of family?.series ?? []) {
    if (!wanted.every(([label, value]) => labels[label] === value)) continue;
    const reading = seriesReading(before, after, target, labels);
    if (reading.state === "unknown") continue;
    const isWorse = reading.value !== null &&
      (worst.value === null || isAtLeastAsBad(target, reading.value, worst.value));
    if (worst.state === "unknown" || isWorse) worst = reading;
  }
  return worst;
}

function seriesReading(
  before: MetricsSnapshot,
  after: MetricsSnapshot,
  { metric, read }: OwnTarget,
  labels: LabelValues,
): MeasureReading {
  if (read === "value") return orUnknown(valueIn(after, metric, labels));
  if (read === "rate") return orUnknown(ratePerSecond(before, after, metric, labels));
  const delta = histogramDeltaOf(before, after, metric, labels);
  if (delta === null) return UNKNOWN;
  return orIdle(read === "mean" ? delta.mean : bucketQuantile(delta, 0.99));
}
