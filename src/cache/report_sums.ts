/**
 * Counts of one type over several shards.
 *
 * @module
 */

import type { TypeCounts } from "./status.ts";
import { REMOVAL_CAUSES, type RemovalCause } from "./types.ts";

/** Counts that can be added up; waits are merged apart. */
export type SummedCounts = Omit<TypeCounts, "waitSeconds">;

/** The sum, under the name `type`. O(parts · origins). */
export function sumOf(type: string, parts: readonly TypeCounts[]): SummedCounts {
  const sum = (of: (one: TypeCounts) => number) => parts.reduce((all, one) => all + of(one), 0);
  const removed = Object.fromEntries(
    REMOVAL_CAUSES.map((cause) => [cause, sum((one) => one.removed[cause])]),
  ) as Record<RemovalCause, number>;
  return {
    type,
    requests: sum((one) => one.requests),
    freshHits: sum((one) => one.freshHits),
    staleHits: sum((one) => one.staleHits),
    negativeHits: sum((one) => one.negativeHits),
    joined: sum((one) => one.joined),
    misses: sum((one) => one.misses),
    refused: sum((one) => one.refused),
    secondTierHits: sum((one) => one.secondTierHits),
    loads: {
      demand: sum((one) => one.loads.demand),
      refresh: sum((one) => one.loads.refresh),
      warm: sum((one) => one.loads.warm),
    },
    loadFailures: sum((one) => one.loadFailures),
    loadsAbandoned: sum((one) => one.loadsAbandoned),
    loadsMissing: sum((one) => one.loadsMissing),
    loadsOutdated: sum((one) => one.loadsOutdated),
    removed,
    byOrigin: sumByOrigin(parts),
    entries: sum((one) => one.entries),
    weightBytes: sum((one) => one.weightBytes),
  };
}

/** By origin, the one that put in most first. */
function sumByOrigin(parts: readonly TypeCounts[]): TypeCounts["byOrigin"] {
  const byOrigin = Map.groupBy(parts.flatMap((one) => one.byOrigin), ({ origin }) => origin);
  return [...byOrigin].map(([origin, own]) => ({
    origin,
    inserted: own.reduce((all, one) => all + one.inserted, 0),
    evictedUnread: own.reduce((all, one) => all + one.evictedUnread, 0),
    expiredUnread: own.reduce((all, one) => all + one.expiredUnread, 0),
  })).sort((a, b) => b.inserted - a.inserted || (a.origin < b.origin ? -1 : 1));
}
