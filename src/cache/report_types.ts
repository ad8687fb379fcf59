/**
 * Shape of the report on the cache.
 *
 * @module
 */

import type { ShardStatus, TypeCounts } from "./status.ts";
import type { TtlLeftReport } from "./ttl_left.ts";
import type { PolicyName, TierStatus } from "./types.ts";

/** What the cache made its upstream do, by endpoint; sums that only grow. */
export interface EndpointLoad {
  /** Its name. */
  readonly endpoint: string;
  /** Calls made. */
  readonly calls: number;
  /** Calls that failed. */
  readonly failed: number;
  /** Keys answered for: a call may bring many. */
  readonly keys: number;
}

/** What a report is made from: sums since the start of each part. */
export interface CacheFigures {
  /** Every shard that is up. */
  readonly shards: readonly ShardStatus[];
  /** Null where there is no second tier. */
  readonly tier: TierStatus | null;
  /** Calls that loads of the cache came to; empty where nobody counts them. */
  readonly upstream: readonly EndpointLoad[];
}

/** How long those waited who had to; seconds, null where there are none or nobody measured. */
export interface WaitReport {
  /** How many waited. */
  readonly count: number;
  /** Their mean. */
  readonly meanSeconds: number | null;
  /** Their median. */
  readonly p50Seconds: number | null;
  /** 95 of 100 waited no longer. */
  readonly p95Seconds: number | null;
  /** 99 of 100 waited no longer. */
  readonly p99Seconds: number | null;
}

/** Entries that one origin put in, and those of them that nobody ever read. */
export interface OriginReport {
  /** Who put them in. */
  readonly origin: string;
  /** Entries put in. */
  readonly inserted: number;
  /** Evicted without having been read. */
  readonly evictedUnread: number;
  /** Expired without having been read. */
  readonly expiredUnread: number;
  /** Pollution: evicted unread, as a share of what was put in; null where nothing was. */
  readonly pollutionRatio: number | null;
}

/**
 * One type of data, or all together: the sums as shards count them, and what follows from them. Ratios
 * are of requests and null where there were none.
 */
export interface TypeReport extends Omit<TypeCounts, "loads" | "byOrigin" | "waitSeconds"> {
  /** Answered at once with a value within its soft TTL. */
  readonly freshRatio: number | null;
  /** Answered at once with a value, fresh or stale. */
  readonly servedRatio: number | null;
  /** Of all values that a tier had, those that the second tier had. */
  readonly secondTierShare: number | null;
  /** Loads from upstream, by what they were for. */
  readonly loads: TypeCounts["loads"] & {
    /** All together. */
    readonly all: number;
  };
  /** Entries put in. */
  readonly inserted: number;
  /** Evicted unread, as a share of what was put in. */
  readonly pollutionRatio: number | null;
  /** By who put them in. */
  readonly origins: readonly OriginReport[];
  /** Keys asked of the upstream for a hundred requests: the price of the hit ratio beside it. */
  readonly keysPer100: number | null;
  /** How long those waited who had to. */
  readonly wait: WaitReport;
  /** Entries by the time after which they are stale. */
  readonly ttlLeft: TtlLeftReport;
}

/** What another size would do. */
export interface CurveReport {
  /** Share of the present size. */
  readonly sizeRatio: number;
  /** Hits by requests of a shadow of that size. */
  readonly hitRatio: number;
  /** Against the present size, percentage points of requests. */
  readonly gainPoints: number;
  /** Requests that it saw. */
  readonly sampled: number;
  /** `with 2× the memory: +3.1 points`. */
  readonly text: string;
}

/** Kinds of recommendations; see `report_advice.ts`. */
export const ADVICE_CODES = [
  "tier_down",
  "load_failures",
  "flights_full",
  "more_entries",
  "fewer_entries",
  "longer_ttl",
  "origin_unread",
  "protection_full",
  "loads_outdated",
  "tier_idle",
] as const;

/** See {@linkcode ADVICE_CODES}. */
export type AdviceCode = (typeof ADVICE_CODES)[number];

/** Something to do, with what says so and what it would bring. */
export interface Advice {
  /** Which recommendation. */
  readonly code: AdviceCode;
  /** Type of data that it is about; null for the whole. */
  readonly type: string | null;
  /** Origin that it is about; null for none. */
  readonly origin: string | null;
  /** What to do. */
  readonly action: string;
  /** The figures that it rests on. */
  readonly evidence: string;
  /** What it is expected to bring. */
  readonly gain: string;
  /** The same in percentage points of requests that are answered at once; null where unknown. */
  readonly gainPoints: number | null;
}

/** One shard in a line. */
export interface ShardReport {
  /** Its index. */
  readonly shard: number;
  /** Its policy. */
  readonly policy: PolicyName;
  /** What an adaptive policy has chosen. */
  readonly choice: string | null;
  /** Entries now. */
  readonly entries: number;
  /** Most entries. */
  readonly entriesMax: number;
  /** Their weight, bytes. */
  readonly weightBytes: number;
  /** Null where there is no such bound. */
  readonly weightMaxBytes: number | null;
  /** Loads under way, and how many may be. */
  readonly flights: number;
  /** Most of them. */
  readonly flightsMax: number;
  /** Keys asked for. */
  readonly requests: number;
  /** Answered at once, as a share of its requests. */
  readonly servedRatio: number | null;
}

/** The second tier. */
export interface TierReport extends Omit<TierStatus, "bytesMax"> {
  /** Null where it has no bound of its own. */
  readonly bytesMax: number | null;
}

/** The protected entries of all shards. */
export interface ProtectionReport {
  /** Entries now. */
  readonly entries: number;
  /** Most entries. */
  readonly entriesMax: number;
  /** Patterns that protect. */
  readonly patterns: readonly string[];
  /** Inserts that matched and were not protected since there was no room. */
  readonly refused: number;
}

/** What the upstream was asked for. */
export interface UpstreamReport {
  /** Calls made. */
  readonly calls: number;
  /** Calls that failed. */
  readonly failed: number;
  /** Keys answered for. */
  readonly keys: number;
  /** For a hundred requests of the cache; null where nobody counts, or there was none. */
  readonly callsPer100: number | null;
  /** Keys for a hundred requests. */
  readonly keysPer100: number | null;
  /** By endpoint. */
  readonly endpoints: readonly EndpointLoad[];
}

/** See `report.ts`. */
export interface CacheReport {
  /** Each shard. */
  readonly shards: readonly ShardReport[];
  /** The tier behind them; null for none. */
  readonly tier: TierReport | null;
  /** All types together. */
  readonly total: TypeReport;
  /** By requests, the most first. */
  readonly types: readonly TypeReport[];
  /** What it cost upstream. */
  readonly upstream: UpstreamReport;
  /** What is kept from being evicted. */
  readonly protection: ProtectionReport;
  /** By size; empty before the shadows have seen anything. */
  readonly curve: readonly CurveReport[];
  /** The most urgent first. */
  readonly advice: readonly Advice[];
}
