/**
 * What a shard says of itself: sums that only grow, from which report, metrics and recommendations
 * are made, and how full it is now.
 *
 * @module
 */

import type { TtlLeftCounts } from "./ttl_left.ts";
import type { PolicyName, RemovalCause } from "./types.ts";

/** Types told apart; the table keeps the number of a type in one byte an entry. */
export const TYPES_MAX = 32;

/** Origins told apart; warming strategies beyond them are one. */
export const ORIGINS_MAX = 16;

/** Sums over the life of a shard for one type of data (the first part of a key). */
export interface TypeCounts {
  /** `price`, `news`, …; `other` for those beyond `TYPES_MAX`. */
  readonly type: string;
  /** Keys asked for by callers who wait for them: the sum of the six that follow. */
  readonly requests: number;
  /** Answered from the shard within the soft TTL. */
  readonly freshHits: number;
  /** Answered from the shard past the soft TTL, with a renewal behind. */
  readonly staleHits: number;
  /** Answered with what is known not to be there, or with a failure that is remembered. */
  readonly negativeHits: number;
  /** Joined a load that was under way. */
  readonly joined: number;
  /** Not there: a load began. */
  readonly misses: number;
  /** Not there, and no load could begin: too many were under way. */
  readonly refused: number;
  /** Of the misses, answered by the second tier. */
  readonly secondTierHits: number;
  /** Loads from upstream that ended, by what they were for. */
  readonly loads: { readonly demand: number; readonly refresh: number; readonly warm: number };
  /** Loads that failed, those given up included. */
  readonly loadFailures: number;
  /** Loads given up at their deadline; what they may bring later is ignored. */
  readonly loadsAbandoned: number;
  /** Loads that said there is no such thing. */
  readonly loadsMissing: number;
  /** Loads whose value was not kept, since an invalidation came in between. */
  readonly loadsOutdated: number;
  /** Entries that left, by cause. */
  readonly removed: Readonly<Record<RemovalCause, number>>;
  /** Entries put in, and evicted or expired without ever having been read, by origin. */
  readonly byOrigin: ReadonlyArray<{
    readonly origin: string;
    readonly inserted: number;
    readonly evictedUnread: number;
    readonly expiredUnread: number;
  }>;
  /** Entries now. */
  readonly entries: number;
  /** Their weight now, bytes. */
  readonly weightBytes: number;
  /** Time from asking to the answer of all that waited (misses and joined), seconds. */
  readonly waitSeconds: {
    readonly count: number;
    readonly sum: number;
    /** As `Histogram.encode` of `src/monitor/histogram.ts`; all shards use one range. */
    readonly histogram: Float64Array;
  };
}

/** A point of the curve: what the hit ratio would be with another size. */
export interface CurvePoint {
  /** Share of the present size: 0.5 is half of it, 2 twice. */
  readonly sizeRatio: number;
  /** Hits by requests as measured by a sampled shadow; a ratio. */
  readonly hitRatio: number;
  /** Requests that the shadow saw: few of them say little. */
  readonly sampled: number;
}

/** One shard, as it is. */
export interface ShardStatus {
  /** Its index. */
  readonly shard: number;
  /** What decides who is evicted. */
  readonly policy: PolicyName;
  /** What `adaptive` has chosen now, as `window 10 %`; null for the others. */
  readonly choice: string | null;
  /** Entries now. */
  readonly entries: number;
  /** Most entries. */
  readonly entriesMax: number;
  /** Their weight now, bytes: an estimate from the shape of values. */
  readonly weightBytes: number;
  /** Most of it; Infinity for no bound. */
  readonly weightMaxBytes: number;
  /** Loads under way. */
  readonly flights: number;
  /** Most of them at a time. */
  readonly flightsMax: number;
  /** Keys that are known not to be there or to fail. */
  readonly negatives: number;
  /** Callers who gave up waiting before the load ended. */
  readonly waitsEnded: number;
  /** Reads of the second tier that did not end in time, and entries of it that cannot be read. */
  readonly secondTierFailures: number;
  /** Entries of the second tier not used, since what they were made of was touched meanwhile. */
  readonly secondTierOutdated: number;
  /** Entries that are protected, and how many may be. */
  readonly protectedEntries: number;
  /** See `protectedEntries`. */
  readonly protectedMax: number;
  /** Patterns that protect. */
  readonly protectedPatterns: readonly string[];
  /** Inserts that matched a pattern and were not protected since there was no room. */
  readonly protectionRefused: number;
  /** Types of which anything was counted. */
  readonly types: readonly TypeCounts[];
  /** How long entries are fresh, for types that have any. */
  readonly ttlLeft: readonly TtlLeftCounts[];
  /** Empty for policies that do not know. */
  readonly curve: readonly CurvePoint[];
}
