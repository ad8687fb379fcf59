/**
 * The report on the cache: what was asked and answered, what it cost upstream, what another size
 * would do, and what ought to be changed.
 *
 * @module
 */

import { adviceOf } from "./report_advice.ts";
import { curveOf } from "./report_curve.ts";
import { sumOf } from "./report_sums.ts";
import type {
  CacheFigures,
  CacheReport,
  EndpointLoad,
  OriginReport,
  ProtectionReport,
  ShardReport,
  TypeReport,
  UpstreamReport,
} from "./report_types.ts";
import { waitReport } from "./report_wait.ts";
import type { ShardStatus, TypeCounts } from "./status.ts";
import { type TtlLeftCounts, ttlLeftReport } from "./ttl_left.ts";

export type {
  Advice,
  AdviceCode,
  CacheFigures,
  CacheReport,
  CurveReport,
  EndpointLoad,
  OriginReport,
  ProtectionReport,
  ShardReport,
  TierReport,
  TypeReport,
  UpstreamReport,
  WaitReport,
} from "./report_types.ts";
export { ADVICE_CODES } from "./report_types.ts";
export { cacheReportText } from "./report_text.ts";

/** What the sum over all types is called. */
export const ALL_TYPES = "all";

/** The report. O(shards · types · origins). */
export function cacheReport({ shards, tier, upstream }: CacheFigures): CacheReport {
  const counts = shards.flatMap(({ types }) => types);
  const byType = Map.groupBy(counts, ({ type }) => type);
  const ttls = shards.flatMap(({ ttlLeft }) => ttlLeft);
  const types = [...byType]
    .map(([type, own]) => typeReport(type, own, ttls.filter((one) => one.type === type)))
    .sort((a, b) => b.requests - a.requests || (a.type < b.type ? -1 : 1));
  const total = typeReport(ALL_TYPES, counts, ttls);
  const curve = curveOf(shards);
  return {
    shards: shards.map(shardReport),
    tier: tier && { ...tier, bytesMax: boundOf(tier.bytesMax) },
    total,
    types,
    upstream: upstreamReport(upstream, total.requests),
    protection: protectionOf(shards),
    curve,
    advice: adviceOf({ shards, tier, total, types, curve }),
  };
}

/** A bound as JSON can hold it; a Redis without one says 0. */
function boundOf(bytesMax: number): number | null {
  return Number.isFinite(bytesMax) && bytesMax > 0 ? bytesMax : null;
}

/** A part of a whole; null where there is no whole. */
function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function typeReport(
  type: string,
  own: readonly TypeCounts[],
  ttls: readonly TtlLeftCounts[],
): TypeReport {
  const { loads, byOrigin, ...sums } = sumOf(type, own);
  const { requests, freshHits, staleHits, secondTierHits } = sums;
  const served = freshHits + staleHits;
  const inserted = byOrigin.reduce((all, one) => all + one.inserted, 0);
  const evictedUnread = byOrigin.reduce((all, one) => all + one.evictedUnread, 0);
  const all = loads.demand + loads.refresh + loads.warm;
  return {
    ...sums,
    freshRatio: ratio(freshHits, requests),
    servedRatio: ratio(served, requests),
    secondTierShare: ratio(secondTierHits, served + secondTierHits),
    loads: { ...loads, all },
    inserted,
    pollutionRatio: ratio(evictedUnread, inserted),
    origins: byOrigin.map((one): OriginReport => ({
      ...one,
      pollutionRatio: ratio(one.evictedUnread, one.inserted),
    })),
    keysPer100: requests === 0 ? null : 100 * all / requests,
    wait: waitReport(own),
    ttlLeft: ttlLeftReport(ttls),
  };
}

function shardReport(status: ShardStatus): ShardReport {
  const { shard, policy, choice, entries, entriesMax, weightBytes, weightMaxBytes } = status;
  const { requests, freshHits, staleHits } = sumOf(ALL_TYPES, status.types);
  return {
    shard,
    policy,
    choice,
    entries,
    entriesMax,
    weightBytes,
    weightMaxBytes: boundOf(weightMaxBytes),
    flights: status.flights,
    flightsMax: status.flightsMax,
    requests,
    servedRatio: ratio(freshHits + staleHits, requests),
  };
}

function upstreamReport(endpoints: readonly EndpointLoad[], requests: number): UpstreamReport {
  const sum = (of: (one: EndpointLoad) => number) =>
    endpoints.reduce((all, one) => all + of(one), 0);
  const calls = sum((one) => one.calls);
  const keys = sum((one) => one.keys);
  const isCounted = endpoints.length > 0 && requests > 0;
  return {
    calls,
    failed: sum((one) => one.failed),
    keys,
    callsPer100: isCounted ? 100 * calls / requests : null,
    keysPer100: isCounted ? 100 * keys / requests : null,
    // Whoever counts may count more than that.
    endpoints: endpoints.map(({ endpoint, calls, failed, keys }) => ({
      endpoint,
      calls,
      failed,
      keys,
    })),
  };
}

/** What is protected in all shards; a pattern protects in every one of them. */
export function protectionOf(
  shards: readonly Pick<
    ShardStatus,
    "protectedEntries" | "protectedMax" | "protectedPatterns" | "protectionRefused"
  >[],
): ProtectionReport {
  return {
    entries: shards.reduce((sum, one) => sum + one.protectedEntries, 0),
    entriesMax: shards.reduce((sum, one) => sum + one.protectedMax, 0),
    patterns: [...new Set(shards.flatMap((one) => one.protectedPatterns))].sort(),
    refused: shards.reduce((sum, one) => sum + one.protectionRefused, 0),
  };
}
