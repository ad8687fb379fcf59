/**
 * `event`: keys of symbols that have a date, the evening before and in the morning.
 *
 * @module
 */

import { symbolOfKey } from "../cache/key.ts";
import { newYorkDay } from "./new_york.ts";
import { dayOfDate } from "./schedule.ts";
import {
  chanceWithinTtl,
  ranked,
  type RankedKey,
  siblings,
  type Strategy,
} from "./strategy_view.ts";
import type { MarketEvent } from "./types.ts";

/**
 * A symbol's accesses on its date, against other days: 2 is little, as results that surprise bring
 * many times as many. What comes of it corrects the chances of the strategy from the first date on.
 */
const RATE_RATIO = 2;

/** The evening begins at noon: what is run after it is about the next day as well. */
const NOON_MS = 12 * 3_600_000;

/**
 * Keys of symbols that have a date today, or tomorrow when it is evening: those that are tracked, and
 * other kinds of data of the same symbols. A date without a symbol is one of every tracked key that is
 * traded in New York. O(tracked keys).
 */
export const eventKeys: Strategy = (view, nowMs, limit) => {
  const symbols = symbolsOf(view.events(), nowMs);
  if (symbols.size === 0) return [];
  const found: RankedKey[] = [];
  const isForAll = symbols.has(null);
  for (const key of view.tracked()) {
    const isMeant = symbols.has(symbolOfKey(key.key)) ||
      (isForAll && view.marketOf(key.key)?.calendar === "nyse");
    if (isMeant) found.push(key);
  }
  const named = [...symbols].filter((symbol) => symbol !== null);
  return ranked(
    view,
    [...found, ...siblings(view, named)],
    nowMs,
    limit,
    (key) => 1 - (1 - chanceWithinTtl(view, key, nowMs)) ** RATE_RATIO,
  );
};

function symbolsOf(events: readonly MarketEvent[], nowMs: number): Set<string | null> {
  const today = newYorkDay(nowMs);
  const last = newYorkDay(nowMs + NOON_MS);
  const symbols = new Set<string | null>();
  for (const { symbol, date } of events) {
    const day = dayOfDate(date);
    if (day !== null && day >= today && day <= last) symbols.add(symbol);
  }
  return symbols;
}
