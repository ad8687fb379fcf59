/**
 * What warming knows of accesses: `AccessStatistics` and `ChanceOfUse` as the planner sees them.
 *
 * @module
 */

import { ChanceOfUse } from "./chance.ts";
import type { MakeSources, StatisticsSource } from "./sources.ts";
import { AccessStatistics } from "./statistics.ts";

const HOUR_MS = 3_600_000;

/** Hours of the week that are added up at most: what is usual a day ahead says little of now. */
const USUAL_HOURS_MAX = 24;

/** The real sources. */
export const accessSources: MakeSources = (options) => {
  const { keysMax, nowMs, random } = options;
  const chance = new ChanceOfUse({ keysMax, marketOf: (key) => options.marketOf(key) });
  const statistics = new AccessStatistics({
    keysMax,
    random,
    nowMs,
    marketOf: (key) => options.marketOf(key),
    users: options.hasUserPatterns ? {} : null,
    onTracked: (slot, key) => options.onTracked(slot, key),
    onReplaced: (slot) => {
      options.onReplaced(slot);
      chance.forget(slot);
    },
  });
  return { statistics: statisticsSource(statistics), chance };
};

function statisticsSource(statistics: AccessStatistics): StatisticsSource {
  return {
    keysMax: statistics.keysMax,
    get size() {
      return statistics.size;
    },
    record: (access) => statistics.record(access),
    stored: (slot, isWarmed) => statistics.stored(slot, isWarmed),
    slotOf: (key) => statistics.slotOf(key),
    keyAt: (slot) => statistics.keyAt(slot),
    popular: (limit, nowMs) => statistics.popular(limit, nowMs),
    trending: (limit, nowMs) =>
      statistics.trending(limit, nowMs).map((found) => ({ ...found, ratio: found.score })),
    inHour: (atMs, limit, nowMs) => statistics.inHour(atMs, limit, nowMs),
    hotSectors: (nowMs) => statistics.sectors(nowMs).filter(({ ratio }) => ratio > 1),
    ofSector: (sector, limit, nowMs) => statistics.keysOf(sector, limit, nowMs),
    usual: (slot, fromMs, toMs) => usual(statistics, slot, fromMs, toMs),
    get totalAccesses() {
      return statistics.totals.accesses;
    },
    uniqueKeys: () => statistics.uniqueKeys,
    byHour: (nowMs) => statistics.byHour(nowMs),
    setSectors: (sectors) => statistics.setSectors(Object.entries(sectors)),
    daily: (nowMs) => {
      statistics.daily(nowMs);
    },
    snapshot: (nowMs) => statistics.snapshot(nowMs),
    restore: (saved, nowMs) => statistics.restore(saved, nowMs),
  };
}

/** Accesses to expect between two times, the hours of the clock that they touch in part. */
function usual(statistics: AccessStatistics, slot: number, fromMs: number, toMs: number): number {
  const endMs = Math.min(toMs, fromMs + USUAL_HOURS_MAX * HOUR_MS);
  let sum = 0;
  for (let atMs = fromMs; atMs < endMs;) {
    const nextMs = Math.min((Math.floor(atMs / HOUR_MS) + 1) * HOUR_MS, endMs);
    sum += statistics.expectedInHour(slot, atMs) * (nextMs - atMs) / HOUR_MS;
    atMs = nextMs;
  }
  return sum;
}
