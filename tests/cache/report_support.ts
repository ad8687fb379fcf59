/**
 * Figures for tests of reports: nothing happened, unless said otherwise.
 *
 * @module
 */

import type { CacheFigures, EndpointLoad } from "../../src/cache/report.ts";
import type { ShardStatus, TypeCounts } from "../../src/cache/status.ts";
import type { TierStatus } from "../../src/cache/types.ts";
import { Histogram } from "../../src/monitor/histogram.ts";

/** Waits in seconds as a shard counts them. */
export function waitsOf(seconds: readonly number[]): TypeCounts["waitSeconds"] {
  const histogram = new Histogram({ lowest: 1e-4, highest: 1e3 });
  for (const one of seconds) histogram.record(one);
  return { count: histogram.count, sum: histogram.sum, histogram: histogram.encode() };
}

/** Counts of a type. */
export function countsOf(type: string, more: Partial<TypeCounts> = {}): TypeCounts {
  return {
    type,
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
    loadsAbandoned: 0,
    loadsMissing: 0,
    loadsOutdated: 0,
    removed: { evicted: 0, expired: 0, invalidated: 0, replaced: 0, flushed: 0 },
    byOrigin: [],
    entries: 0,
    weightBytes: 0,
    waitSeconds: waitsOf([]),
    ...more,
  };
}

/** A shard. */
export function shardOf(more: Partial<ShardStatus> = {}): ShardStatus {
  return {
    shard: 0,
    policy: "adaptive",
    choice: "window 1 %",
    entries: 0,
    entriesMax: 1_000,
    weightBytes: 0,
    weightMaxBytes: 1_000_000,
    flights: 0,
    flightsMax: 100,
    negatives: 0,
    waitsEnded: 0,
    secondTierFailures: 0,
    secondTierOutdated: 0,
    protectedEntries: 0,
    protectedMax: 200,
    protectedPatterns: [],
    protectionRefused: 0,
    types: [],
    ttlLeft: [],
    curve: [],
    ...more,
  };
}

/** A second tier that is up. */
export function tierOf(more: Partial<TierStatus> = {}): TierStatus {
  return {
    kind: "sqlite",
    state: "up",
    entries: 0,
    bytes: 0,
    bytesMax: 500_000_000,
    waiting: 0,
    hits: 0,
    misses: 0,
    written: 0,
    evicted: 0,
    dropped: 0,
    failures: 0,
    lastError: null,
    ...more,
  };
}

/** All of it. */
export function figuresOf(
  shards: readonly ShardStatus[],
  tier: TierStatus | null = null,
  upstream: readonly EndpointLoad[] = [],
): CacheFigures {
  return { shards, tier, upstream };
}
