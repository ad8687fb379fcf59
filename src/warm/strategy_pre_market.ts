/**
 * `pre_market`: what is asked for when the NYSE opens, an hour before it does.
 *
 * @module
 */

import { nextOpen, stretchAt } from "../market/calendar.ts";
import {
  chanceWithinTtl,
  POOL_RATIO,
  ranked,
  type RankedKey,
  type Strategy,
  usualWithinTtl,
} from "./strategy_view.ts";

/** Half an hour: the rush at the open; it lies in two hours of the clock. */
const RUSH_MS = 30 * 60_000;

/**
 * The keys of the NYSE asked for most in the hours of the first half hour of the session to come, or
 * of the one that is open. Those whose TTL ends before it are worth what is usual until then.
 */
export const preMarketKeys: Strategy = (view, nowMs, limit) => {
  const openMs = stretchAt("nyse", nowMs)?.openMs ?? nextOpen("nyse", nowMs);
  if (openMs === Infinity) return [];
  const found = new Map<number, RankedKey>();
  for (const atMs of [openMs, openMs + RUSH_MS]) {
    for (const key of view.inHour(atMs, POOL_RATIO * limit, nowMs)) {
      if (view.marketOf(key.key)?.calendar === "nyse") found.set(key.slot, key);
    }
  }
  return ranked(
    view,
    found.values(),
    nowMs,
    limit,
    (key) => Math.max(chanceWithinTtl(view, key, nowMs), usualWithinTtl(view, key, nowMs)),
  );
};
