/**
 * `popular`: what is asked for most.
 *
 * @module
 */

import { symbolOfKey } from "../cache/key.ts";
import { POOL_RATIO, ranked, siblings, type Strategy } from "./strategy_view.ts";

/**
 * The keys with the most accesses, and other kinds of data of their symbols, each at the chance that
 * the last hours give it.
 */
export const popularKeys: Strategy = (view, nowMs, limit) => {
  const popular = view.popular(POOL_RATIO * limit, nowMs);
  const symbols = new Set(popular.map(({ key }) => symbolOfKey(key)));
  return ranked(view, [...popular, ...siblings(view, symbols)], nowMs, limit);
};
