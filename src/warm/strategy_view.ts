/**
 * What strategies see, and what they share.
 *
 * @module
 */

import type { Candidate, KeyMarket, MarketEvent } from "./types.ts";
import type { KeyTtl } from "./warming_types.ts";

/** A tracked key. */
export interface RankedKey {
  readonly slot: number;
  readonly key: string;
}

/** A sector and how much it is asked for. */
export interface RankedSector {
  readonly sector: string;
  /** Accesses of late against what is usual; 1 as usual. */
  readonly ratio: number;
}

/** What strategies see. Reads of rankings are O(tracked keys), the others O(1). */
export interface StrategyView {
  /** Keys asked for most, best first. */
  popular(limit: number, nowMs: number): readonly RankedKey[];
  /** Keys asked for more of late than is usual, best first. */
  trending(limit: number, nowMs: number): readonly RankedKey[];
  /** Keys asked for most in the hour of the week, in their market's time, that holds a time. */
  inHour(atMs: number, limit: number, nowMs: number): readonly RankedKey[];
  /** Sectors asked for more of late than is usual, hottest first. */
  hotSectors(nowMs: number): readonly RankedSector[];
  /** Keys of a sector, most asked for first. */
  ofSector(sector: string, limit: number, nowMs: number): readonly RankedKey[];
  /** All tracked keys. */
  tracked(): Iterable<RankedKey>;
  /** Accesses to a key that are usual between two times, by hour of the week; 0: nothing is known. */
  usual(slot: number, fromMs: number, toMs: number): number;
  /** Calibrated chance that a key is asked for within `windowMs` after a time. */
  chance(slot: number, atMs: number, windowMs: number): number;
  /** The same of a key that may not be tracked: by its symbol and its kind. */
  chanceOfKey(key: string, atMs: number, windowMs: number): number;
  /** Slot of a key; −1 when it is not tracked. */
  slotOf(key: string): number;
  /** Whether a key is fresh in the cache, or is about to be: there is nothing to propose. */
  isPresent(key: RankedKey, nowMs: number): boolean;
  /** Keys of the same symbol in the kinds of data that are usual for it, itself included. */
  companions(key: string): readonly string[];
  /** How long a value loaded at a time holds. */
  ttlMs(key: string, atMs: number): KeyTtl;
  /** Market of a key; null: not known. */
  marketOf(key: string): KeyMarket | null;
  /** Dates of the calendar. */
  events(): readonly MarketEvent[];
}

/** A strategy's function: at most `limit` keys that are not there, best first, each once. */
export type Strategy = (view: StrategyView, nowMs: number, limit: number) => readonly Candidate[];

/** Keys that are looked at for one that is proposed: most of what is asked for is there. */
export const POOL_RATIO = 10;

/** The chance that a key loaded now is used within its TTL, by what was asked for of late. */
export function chanceWithinTtl(
  view: StrategyView,
  { slot, key }: RankedKey,
  nowMs: number,
): number {
  const { freshMs } = view.ttlMs(key, nowMs);
  return slot >= 0 ? view.chance(slot, nowMs, freshMs) : view.chanceOfKey(key, nowMs, freshMs);
}

/**
 * The same by what is usual at these hours of the week: 1 − e^−λ of a Poisson process with λ accesses
 * in the TTL.
 */
export function usualWithinTtl(
  view: StrategyView,
  { slot, key }: RankedKey,
  nowMs: number,
): number {
  const { freshMs } = view.ttlMs(key, nowMs);
  return -Math.expm1(-view.usual(slot, nowMs, nowMs + freshMs));
}

/** Keys that are not there, with their chances, best first, at most `limit`. */
export function ranked(
  view: StrategyView,
  keys: Iterable<RankedKey>,
  nowMs: number,
  limit: number,
  chance: (key: RankedKey) => number = (key) => chanceWithinTtl(view, key, nowMs),
): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const found of keys) {
    if (view.isPresent(found, nowMs)) continue;
    const of = chance(found);
    if (of > 0) candidates.push({ key: found.key, chance: of });
  }
  return candidates.sort((a, b) => b.chance - a.chance).slice(0, limit);
}

/**
 * Other kinds of data of symbols, as far as nobody has asked for them: who reads a price reads the
 * news of the same symbol sooner or later, and what holds for a day is as good as surely used.
 * O(symbols · kinds).
 */
export function* siblings(view: StrategyView, symbols: Iterable<string>): Generator<RankedKey> {
  for (const symbol of symbols) {
    if (symbol === "") continue;
    for (const key of view.companions(`price:${symbol}`)) {
      if (view.slotOf(key) < 0) yield { slot: -1, key };
    }
  }
}
