/**
 * `trending`: what is asked for more of late than in the last days.
 *
 * @module
 */

import { POOL_RATIO, ranked, type Strategy } from "./strategy_view.ts";

/** The keys that rose most, each at the chance that the last hours give it. */
export const trendingKeys: Strategy = (view, nowMs, limit) =>
  ranked(view, view.trending(POOL_RATIO * limit, nowMs), nowMs, limit);
