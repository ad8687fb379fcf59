/**
 * The strategies: ways of choosing keys before they are asked for. Each is a pure function of what
 * the statistics say and of the time, and answers with keys and the chance that each is used within
 * its TTL, best first.
 *
 * Two have no function here, since they are not run by the clock: `predictive` is asked with every
 * access (`successors.ts`), `renewal` where an entry ends (`renewal.ts`).
 *
 * @module
 */

import { eventKeys } from "./strategy_event.ts";
import { popularKeys } from "./strategy_popular.ts";
import { preMarketKeys } from "./strategy_pre_market.ts";
import { sectorRotationKeys } from "./strategy_sector_rotation.ts";
import { timeOfDayKeys } from "./strategy_time_of_day.ts";
import { trendingKeys } from "./strategy_trending.ts";
import type { Strategy } from "./strategy_view.ts";
import type { StrategyName } from "./types.ts";

/** Strategies that are run by the clock. */
export type CycleStrategyName = Exclude<StrategyName, "predictive" | "renewal">;

/** By name. */
export const STRATEGIES: Readonly<Record<CycleStrategyName, Strategy>> = {
  popular: popularKeys,
  time_of_day: timeOfDayKeys,
  trending: trendingKeys,
  pre_market: preMarketKeys,
  sector_rotation: sectorRotationKeys,
  event: eventKeys,
};

/** Whether a strategy is run by the clock. */
export function isCycleStrategy(name: StrategyName): name is CycleStrategyName {
  return name in STRATEGIES;
}
