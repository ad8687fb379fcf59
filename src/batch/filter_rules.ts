/**
 * The rules of the filters: which call of which symbol is not needed, from what is known about it.
 * What is not known never saves a call.
 *
 * @module
 */

import type { DataKind } from "./filter_kinds.ts";

/** What is known about one symbol. What is left out is unknown. */
export interface SymbolFacts {
  /** When each kind was last fetched, epoch ms. */
  readonly fetchedMs?: Readonly<Partial<Record<DataKind, number>>>;
  /** Whether it ever paid a dividend, and when that was last looked up, epoch ms. */
  readonly dividends?: { readonly everPaid: boolean; readonly checkedMs: number };
  /** When its profile was stored, epoch ms. */
  readonly profileMs?: number;
}

/** How long what is known holds. */
export interface FilterTimes {
  /** Data of a kind is fresh for so long after it was fetched, ms. */
  readonly freshMs: Readonly<Record<DataKind, number>>;
  /** A symbol without dividends is looked at again after so long: companies begin to pay, ms. */
  readonly dividendRecheckMs: number;
  /** A profile is known for so long: companies move and merge, ms. */
  readonly profileKnownMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** For a sync each night: what was fetched since the evening before is fresh. */
export const FILTER_TIMES: FilterTimes = {
  freshMs: {
    prices: 12 * HOUR_MS,
    quotes: 5 * 60_000,
    dividends: 12 * HOUR_MS,
    profiles: 12 * HOUR_MS,
    fundamentals: 12 * HOUR_MS,
    news: HOUR_MS,
  },
  dividendRecheckMs: 30 * DAY_MS,
  profileKnownMs: 90 * DAY_MS,
};

/** Staleness: whether the data of a kind is fresh, so that no run would fetch it. */
export function isFresh(
  facts: SymbolFacts,
  kind: DataKind,
  times: FilterTimes,
  nowMs: number,
): boolean {
  return isWithin(facts.fetchedMs?.[kind], times.freshMs[kind], nowMs);
}

/** Dividend filter: whether a symbol never paid, as of a look that is not too old. */
export function neverPays(facts: SymbolFacts, times: FilterTimes, nowMs: number): boolean {
  const { dividends } = facts;
  return dividends !== undefined && !dividends.everPaid &&
    isWithin(dividends.checkedMs, times.dividendRecheckMs, nowMs);
}

/** Company cache: whether a profile is stored that is not too old. */
export function isProfileKnown(facts: SymbolFacts, times: FilterTimes, nowMs: number): boolean {
  return isWithin(facts.profileMs, times.profileKnownMs, nowMs);
}

/** Whether `atMs` is at most so long ago. A time ahead of the clock is a mistake, not a fact. */
function isWithin(atMs: number | undefined, spanMs: number, nowMs: number): boolean {
  return atMs !== undefined && atMs <= nowMs && nowMs - atMs < spanMs;
}
