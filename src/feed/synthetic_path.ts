/**
 * The price of an instrument at any bar, without the bars before it.
 *
 * A random walk has to be summed from its start, so it cannot be entered in the middle. A Brownian
 * path can: P. Lévy's construction fixes it at both ends of an interval, then in the middle (the
 * mean of the ends plus an independent normal number of deviation σ·√length / 2), then in the
 * middles of both halves, and so on. Every value is a hash of its level and place, so a value deep
 * inside costs one hash per level, and a whole page of 256 neighbours one hash each.
 *
 * Beyond the largest interval the ends are independent levels around the base price. So the path is
 * a random walk over months and returns to its base over decades, and never runs off to zero.
 *
 * The path is a move x; the price is base · (2 + x) / (2 - x), which is e^x up to x³/12, rises with
 * x, and needs no function that differs between machines.
 *
 * @module
 */

import { keyAt, keyOf, normalAt } from "./synthetic_noise.ts";

/** Steps of a page; 8 levels of halving. */
const PAGE_STEPS = 256;

/** Most levels above a page: 2^12 pages are a million bars. */
const LEVELS_MAX = 12;

/**
 * The largest deviation between the ends of the largest interval, as a move: about 35 %, so that
 * eight years of H1 do not leave the range in which a rate can be believed.
 */
const SPREAD_MAX = 0.35;

/** Largest deviation of one halving; binds for weekly bars, which would spread too far. */
const HALVING_MAX = 0.12;

/** Where a move is cut, ×/÷ 19 of the base: beyond five deviations, so in practice never. */
const MOVE_MAX = 1.8;

/** How much of the variance of a path is common to all paths of one market. */
const COMMON_VARIANCE = 0.4;

/** One page of one part of a path, used within a call: thousands of paths need one. */
const SCRATCH = new Float64Array(PAGE_STEPS + 1);

/** What a path is like. */
export interface PathOptions {
  /** Seed of the feed. */
  readonly seed: number;
  /** Names the path; two names move independently but for their market. */
  readonly name: string;
  /** Names what it has in common with others; null for nothing. */
  readonly market: string | null;
  /** +1 or -1: with the market or against it. */
  readonly marketSign: number;
  /** Price that the path varies about. */
  readonly basePrice: number;
  /** Deviation of the move over one bar, as a ratio. */
  readonly barSpread: number;
}

/** A path of prices; memory is one page. */
export class PricePath {
  readonly #basePrice: number;
  readonly #parts: readonly { readonly walk: Walk; readonly weight: number }[];
  readonly #moves = new Float64Array(PAGE_STEPS + 1);
  #page = NaN;

  constructor(options: PathOptions) {
    const { seed, name, market, barSpread, marketSign } = options;
    this.#basePrice = options.basePrice;
    const own = new Walk(keyOf(seed, `path ${name}`), barSpread);
    this.#parts = market === null ? [{ walk: own, weight: 1 }] : [
      { walk: own, weight: Math.sqrt(1 - COMMON_VARIANCE) },
      {
        walk: new Walk(keyOf(seed, `market ${market}`), barSpread),
        weight: Math.sqrt(COMMON_VARIANCE) * marketSign,
      },
    ];
  }

  /** Price at the open of bar `bar`, which is the close of the one before. O(1) within a page. */
  priceAt(bar: number): number {
    const page = Math.floor(bar / PAGE_STEPS);
    if (page !== this.#page) this.#turnTo(page);
    const move = this.#moves[bar - page * PAGE_STEPS] as number;
    return this.#basePrice * (2 + move) / (2 - move);
  }

  #turnTo(page: number): void {
    this.#page = page;
    this.#moves.fill(0);
    for (const { walk, weight } of this.#parts) {
      walk.page(page, SCRATCH);
      for (let i = 0; i <= PAGE_STEPS; i++) {
        this.#moves[i] = (this.#moves[i] as number) + weight * (SCRATCH[i] as number);
      }
    }
    for (let i = 0; i <= PAGE_STEPS; i++) {
      this.#moves[i] = Math.min(MOVE_MAX, Math.max(-MOVE_MAX, this.#moves[i] as number));
    }
  }
}

/** One Brownian path, see the head of this file. */
class Walk {
  readonly #topKey: number;
  /** Key and deviation of the halving of an interval of 2^(i + 1) bars. */
  readonly #keys: Int32Array;
  readonly #spreads: Float64Array;
  readonly #topSpread: number;
  readonly #pageLevel: number;

  constructor(key: number, barSpread: number) {
    this.#pageLevel = Math.log2(PAGE_STEPS);
    let levels = this.#pageLevel;
    let spread = barSpread * Math.sqrt(PAGE_STEPS);
    for (; levels < this.#pageLevel + LEVELS_MAX && spread * Math.SQRT2 <= SPREAD_MAX; levels++) {
      spread *= Math.SQRT2;
    }
    this.#topKey = keyOf(key, "top");
    // Two independent ends differ by √2 of the deviation of each.
    this.#topSpread = Math.min(spread, SPREAD_MAX) * Math.SQRT1_2;
    this.#keys = Int32Array.from({ length: levels }, (_, level) => keyAt(key, level));
    this.#spreads = Float64Array.from(
      { length: levels },
      (_, level) => Math.min(HALVING_MAX, barSpread * Math.sqrt(2 ** (level + 1)) / 2),
    );
  }

  /** The moves at bars page·256 to (page + 1)·256, both included. O(256). */
  page(page: number, into: Float64Array): void {
    into[0] = this.#pageEnd(page);
    into[PAGE_STEPS] = this.#pageEnd(page + 1);
    for (let level = this.#pageLevel - 1; level >= 0; level--) {
      const half = 2 ** level;
      const key = this.#keys[level] as number;
      const spread = this.#spreads[level] as number;
      let place = page * (PAGE_STEPS / (2 * half));
      for (let at = half; at < PAGE_STEPS; at += 2 * half) {
        const ends = (into[at - half] as number) + (into[at + half] as number);
        into[at] = ends / 2 + spread * normalAt(key, place++);
      }
    }
  }

  /** The move at bar page·256: halves the largest interval until the page begins at a middle. */
  #pageEnd(page: number): number {
    const topPages = 2 ** (this.#keys.length - this.#pageLevel);
    const top = Math.floor(page / topPages);
    let left = this.#topSpread * normalAt(this.#topKey, top);
    let right = this.#topSpread * normalAt(this.#topKey, top + 1);
    let from = top * topPages;
    let pages = topPages;
    for (let level = this.#keys.length - 1; page !== from; level--) {
      const middle = (left + right) / 2 +
        (this.#spreads[level] as number) * normalAt(this.#keys[level] as number, from / pages);
      pages /= 2;
      if (page >= from + pages) {
        left = middle;
        from += pages;
      } else right = middle;
    }
    return left;
  }
}
