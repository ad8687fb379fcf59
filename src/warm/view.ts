/**
 * What strategies see, put together from the sources, the ports and what is wanted already.
 *
 * @module
 */

import type { WarmingSources } from "./sources.ts";
import type { StrategyView } from "./strategy_view.ts";
import type { WarmingPorts } from "./warming_types.ts";
import type { Wishes } from "./wishes.ts";

/** What a view is made of. */
export interface ViewParts {
  readonly sources: WarmingSources;
  readonly ports: WarmingPorts;
  readonly wishes: Wishes;
}

/** See `StrategyView`. */
export function strategyView({ sources, ports, wishes }: ViewParts): StrategyView {
  const { statistics, chance } = sources;
  return {
    popular: (limit, nowMs) => statistics.popular(limit, nowMs),
    trending: (limit, nowMs) => statistics.trending(limit, nowMs),
    inHour: (atMs, limit, nowMs) => statistics.inHour(atMs, limit, nowMs),
    hotSectors: (nowMs) => statistics.hotSectors(nowMs),
    ofSector: (sector, limit, nowMs) => statistics.ofSector(sector, limit, nowMs),
    *tracked() {
      for (let slot = 0; slot < statistics.keysMax; slot++) {
        const key = statistics.keyAt(slot);
        if (key !== "") yield { slot, key };
      }
    },
    usual: (slot, fromMs, toMs) => statistics.usual(slot, fromMs, toMs),
    chance: (slot, atMs, windowMs) => chance.chance(slot, atMs, windowMs),
    chanceOfKey: (key, atMs, windowMs) => chance.chanceOfKey(key, atMs, windowMs),
    slotOf: (key) => statistics.slotOf(key),
    isPresent: ({ key, slot }, nowMs) => wishes.isPresent(key, slot, nowMs),
    companions: (key) => chance.companions(key),
    ttlMs: (key, atMs) => ports.ttlMs(key, atMs),
    marketOf: (key) => ports.marketOf(key),
    events: () => ports.events(),
  };
}
