/**
 * What the shards of the cache and the tier behind them say about themselves.
 *
 * Metrics are sums over all shards. Shards restart one by one, and each then counts from zero, so
 * {@linkcode CacheTotals} follows every shard on its own: a sum of their totals would fall, and be
 * counted twice.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import { Histogram } from "./histogram.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Counts of one type of data in one shard, as far as they are looked at; `TypeCounts` is one. */
export interface CacheTypeFigures {
  readonly type: string;
  readonly requests: number;
  readonly freshHits: number;
  readonly staleHits: number;
  readonly negativeHits: number;
  readonly joined: number;
  readonly misses: number;
  readonly refused: number;
  readonly secondTierHits: number;
  readonly loads: { readonly demand: number; readonly refresh: number; readonly warm: number };
  readonly loadFailures: number;
  readonly removed: {
    readonly evicted: number;
    readonly expired: number;
    readonly invalidated: number;
  };
  readonly entries: number;
  readonly weightBytes: number;
  /** Waits for an answer, seconds, all since the shard began, as `Histogram.encode` wrote them. */
  readonly waitSeconds: { readonly histogram: Float64Array };
}

/** One shard, as far as it is looked at; `ShardStatus` is one. */
export interface CacheShardFigures {
  readonly shard: number;
  readonly entries: number;
  readonly entriesMax: number;
  /** Infinity for no bound. */
  readonly weightMaxBytes: number;
  readonly flights: number;
  readonly protectedEntries: number;
  readonly types: readonly CacheTypeFigures[];
}

/** The tier behind the shards, as far as it is looked at; `TierStatus` is one. */
export interface CacheTierFigures {
  readonly kind: string;
  readonly state: "up" | "down";
  readonly entries: number;
  readonly bytes: number;
  readonly waiting: number;
  readonly evicted: number;
  readonly dropped: number;
  readonly failures: number;
  readonly lastError: string | null;
}

/** All of it. */
export interface CacheFinderFigures {
  /** Those that are up. */
  readonly shards: readonly CacheShardFigures[];
  /** Shards that there should be. */
  readonly shardsMax: number;
  /** Null where there is none. */
  readonly tier: CacheTierFigures | null;
}

/** Types with series of their own; the others share `other`. Each is some 40 lines of `/metrics`. */
export const CACHE_TYPES_MAX = 16;

/** Edges of the waits: from an answer of the second tier to a provider that does not answer. */
const WAIT_EDGES: readonly number[] = [0.01, 0.05, 0.25, 1, 5];

/** The range in which shards record waits; another one could not be merged. */
const WAIT_SECONDS = { lowest: 1e-4, highest: 1e3 } as const;

const BY_TYPE = ["type"] as const;
const BY_TIER = ["type", "tier"] as const;
const seriesMax = 2 * (CACHE_TYPES_MAX + 2);
const counter = (name: string, help: string, labels: readonly string[] = BY_TYPE) =>
  ({ name, kind: "counter", help, labels, seriesMax }) as const;
const gauge = (name: string, help: string, labels: readonly string[] = BY_TYPE) =>
  ({ name, kind: "gauge", help, labels, seriesMax }) as const;

/**
 * Metrics of the cache. `tier` is `l1`, the shards, or `l2`, the tier behind them, which does not tell
 * types apart where it counts by itself: its `type` is then `all`.
 */
export const CACHE_METRICS: readonly MetricSpec[] = [
  counter("wick_cache_hits_total", "Keys that a tier had, stale ones too", BY_TIER),
  counter("wick_cache_misses_total", "Keys that a tier did not have", BY_TIER),
  counter("wick_cache_stale_hits_total", "Hits past their soft TTL, renewed behind the answer"),
  counter("wick_cache_negative_hits_total", "Keys known not to be there, or to have failed lately"),
  counter("wick_cache_joined_total", "Misses that joined a load under way"),
  counter("wick_cache_refused_total", "Misses whose load could not begin: too many under way"),
  {
    ...counter("wick_cache_loads_total", "Loads from upstream that ended", ["type", "reason"]),
    seriesMax: 3 * (CACHE_TYPES_MAX + 1),
  },
  counter("wick_cache_load_failures_total", "Loads that failed"),
  counter("wick_cache_evictions_total", "Entries that made room", BY_TIER),
  counter("wick_cache_expirations_total", "Entries that ended at their hard TTL"),
  counter("wick_cache_invalidations_total", "Entries that were invalidated"),
  {
    name: "wick_cache_latency_seconds",
    kind: "histogram",
    help: "Time from asking to the answer of those who waited",
    labels: BY_TYPE,
    edges: WAIT_EDGES,
    range: WAIT_SECONDS,
    seriesMax,
  },
  gauge("wick_cache_hit_ratio", "Hits by requests of a tier since its start", BY_TIER),
  gauge("wick_cache_size_bytes", "Weight of the entries", BY_TIER),
  gauge("wick_cache_capacity_bytes", "Weight that the entries of all shards may have", []),
  gauge("wick_cache_entries", "Entries", BY_TIER),
  gauge("wick_cache_shard_entries", "Entries of a shard", ["shard"]),
  gauge("wick_cache_flights", "Loads under way", []),
  gauge("wick_cache_protected_entries", "Entries that are not evicted", []),
  gauge("wick_cache_tier_up", "1 while the second tier works, else 0", ["tier"]),
  counter("wick_cache_tier_failures_total", "Calls of the second tier that failed", ["tier"]),
  counter("wick_cache_tier_dropped_total", "Entries that it could not take", ["tier"]),
];

/** Sums over all shards of what each counts by itself. */
interface TypeSums {
  requests: number;
  hits: number;
  stale: number;
  negative: number;
  joined: number;
  misses: number;
  refused: number;
  secondTierHits: number;
  demand: number;
  refresh: number;
  warm: number;
  failures: number;
  evicted: number;
  expired: number;
  invalidated: number;
}

type SumName = keyof TypeSums;

function sumsOf(figures: CacheTypeFigures): TypeSums {
  const { loads, removed } = figures;
  return {
    requests: figures.requests,
    hits: figures.freshHits + figures.staleHits,
    stale: figures.staleHits,
    negative: figures.negativeHits,
    joined: figures.joined,
    misses: figures.misses,
    refused: figures.refused,
    secondTierHits: figures.secondTierHits,
    demand: loads.demand,
    refresh: loads.refresh,
    warm: loads.warm,
    failures: figures.loadFailures,
    evicted: removed.evicted,
    expired: removed.expired,
    invalidated: removed.invalidated,
  };
}

/** One type of one shard as it was seen last. */
interface Seen {
  readonly sums: TypeSums;
  readonly waits: Histogram;
}

/** One type over all shards. */
interface OfType {
  readonly total: TypeSums;
  /** Since the last look; null when nobody waited. */
  recent: Histogram | null;
  entries: number;
  bytes: number;
}

/** What each shard has counted, whatever restarts meanwhile. Keep one for the life of the process. */
export class CacheTotals {
  readonly #seen = new Map<string, Seen>();
  readonly #types = new Map<string, OfType>();
  readonly #kinds: ReadonlySet<string>;

  /** `kinds` are told apart whatever else comes; at most `CACHE_TYPES_MAX`. */
  constructor(kinds: readonly string[] = []) {
    this.#kinds = new Set(kinds);
  }

  /** Takes in what the shards say now. O(shards · types · buckets). */
  take(shards: readonly CacheShardFigures[]): void {
    for (const of of this.#types.values()) {
      of.recent = null;
      of.entries = 0;
      of.bytes = 0;
    }
    for (const { shard, types } of shards) {
      for (const figures of types) this.#takeType(`${shard} ${figures.type}`, figures);
    }
  }

  /** By type, in the order in which they first came. */
  get types(): ReadonlyMap<string, Readonly<OfType>> {
    return this.#types;
  }

  #takeType(place: string, figures: CacheTypeFigures): void {
    const sums = sumsOf(figures);
    const waits = Histogram.decode(figures.waitSeconds.histogram);
    const before = this.#seen.get(place);
    this.#seen.set(place, { sums, waits });
    const of = this.#typeOf(figures.type);
    of.entries += figures.entries;
    of.bytes += figures.weightBytes;
    for (const name of Object.keys(sums) as SumName[]) {
      const last = before?.sums[name] ?? 0;
      of.total[name] += sums[name] >= last ? sums[name] - last : sums[name];
    }
    const since = before === undefined ? null : waits.since(before.waits);
    // Others are merged into it, so it must not be what is compared with next time.
    const recent = since ?? Histogram.decode(figures.waitSeconds.histogram);
    if (recent.count === 0) return;
    if (of.recent === null) of.recent = recent;
    else of.recent.merge(recent);
  }

  #typeOf(type: string): OfType {
    const made = [...this.#types.keys()].filter((name) => !this.#kinds.has(name)).length;
    const isKnown = this.#types.has(type) || this.#kinds.has(type) ||
      made < CACHE_TYPES_MAX - this.#kinds.size;
    const name = isKnown ? type : "other";
    let of = this.#types.get(name);
    if (of === undefined) {
      const total = sumsOf(NOTHING);
      this.#types.set(name, of = { total, recent: null, entries: 0, bytes: 0 });
    }
    return of;
  }
}

const NOTHING: CacheTypeFigures = {
  type: "",
  requests: 0,
  freshHits: 0,
  staleHits: 0,
  negativeHits: 0,
  joined: 0,
  misses: 0,
  refused: 0,
  secondTierHits: 0,
  loads: { demand: 0, refresh: 0, warm: 0 },
  loadFailures: 0,
  removed: { evicted: 0, expired: 0, invalidated: 0 },
  entries: 0,
  weightBytes: 0,
  waitSeconds: { histogram: new Float64Array() },
};

/**
 * Measurements of the whole cache; `part` is its path below the root. It is degraded while the second
 * tier is down or a shard does not answer: what the others hold goes on being served.
 */
export function cacheFinding(
  part: string,
  figures: CacheFinderFigures,
  totals: CacheTotals,
): Finding {
  const { shards, shardsMax, tier } = figures;
  totals.take(shards);
  const sum = (of: (one: CacheShardFigures) => number) =>
    shards.reduce((all, one) => all + of(one), 0);
  const hasTier = tier !== null;
  const isWhole = shards.length === shardsMax;
  const capacityBytes = sum(({ weightMaxBytes }) => weightMaxBytes);
  // Of some of the shards it would say that the cache had become smaller.
  const isCapacityKnown = isWhole && capacityBytes < Infinity;
  const samples: Sample[] = [
    ...[...totals.types].flatMap(([type, of]) => typeSamples(type, of, hasTier)),
    ...shards.map(({ shard, entries }): Sample => ({
      name: "wick_cache_shard_entries",
      labels: { shard: String(shard) },
      value: entries,
    })),
    { name: "wick_cache_flights", value: sum(({ flights }) => flights) },
    { name: "wick_cache_protected_entries", value: sum((one) => one.protectedEntries) },
    ...(isCapacityKnown ? [{ name: "wick_cache_capacity_bytes", value: capacityBytes }] : []),
    ...(hasTier ? tierSamples(tier) : []),
  ];
  const isUp = tier?.state !== "down";
  return {
    samples,
    parts: [{
      name: part,
      state: isWhole && isUp ? "ok" : "degraded",
      detail: {
        entries: sum(({ entries }) => entries),
        entriesMax: sum(({ entriesMax }) => entriesMax),
        flights: sum(({ flights }) => flights),
        ...(isWhole ? {} : { shards: `${shards.length} of ${shardsMax}` }),
        ...(hasTier ? { tier: `${tier.kind} ${tier.state}` } : {}),
        ...(isUp || tier.lastError === null ? {} : { lastError: tier.lastError }),
      },
    }],
  };
}

function typeSamples(type: string, of: Readonly<OfType>, hasTier: boolean): Sample[] {
  const { total, recent, entries, bytes } = of;
  const l1 = { type, tier: "l1" };
  const l2 = { type, tier: "l2" };
  const count = (
    name: string,
    total: number,
    labels: Record<string, string> = { type },
  ): Sample => (
    { name: `wick_cache_${name}_total`, labels, total }
  );
  const value = (name: string, value: number, labels: Record<string, string>): Sample => (
    { name: `wick_cache_${name}`, labels, value }
  );
  const { requests, hits, misses, secondTierHits } = total;
  return [
    count("hits", hits, l1),
    count("misses", total.joined + misses + total.refused, l1),
    count("stale_hits", total.stale),
    count("negative_hits", total.negative),
    count("joined", total.joined),
    count("refused", total.refused),
    ...(["demand", "refresh", "warm"] as const).map((reason) =>
      count("loads", total[reason], { type, reason })
    ),
    count("load_failures", total.failures),
    count("evictions", total.evicted, l1),
    count("expirations", total.expired),
    count("invalidations", total.invalidated),
    ...(recent === null
      ? []
      : [{ name: "wick_cache_latency_seconds", labels: { type }, merge: recent.encode() }]),
    ...(requests === 0 ? [] : [value("hit_ratio", hits / requests, l1)]),
    value("size_bytes", bytes, l1),
    value("entries", entries, l1),
    ...(hasTier
      ? [
        count("hits", secondTierHits, l2),
        count("misses", Math.max(0, misses - secondTierHits), l2),
        ...(misses === 0 ? [] : [value("hit_ratio", secondTierHits / misses, l2)]),
      ]
      : []),
  ];
}

function tierSamples(tier: CacheTierFigures): Sample[] {
  const all = { type: "all", tier: "l2" };
  const own = { tier: "l2" };
  return [
    { name: "wick_cache_evictions_total", labels: all, total: tier.evicted },
    { name: "wick_cache_size_bytes", labels: all, value: tier.bytes },
    { name: "wick_cache_entries", labels: all, value: tier.entries },
    { name: "wick_cache_tier_up", labels: own, value: tier.state === "up" ? 1 : 0 },
    { name: "wick_cache_tier_failures_total", labels: own, total: tier.failures },
    { name: "wick_cache_tier_dropped_total", labels: own, total: tier.dropped },
  ];
}
