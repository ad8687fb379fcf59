/**
 * How many accesses a group of symbols will get in the time ahead: the clock of its users.
 *
 * A day is 48 half hours of New York's clock, on days on which the market trades and on others.
 * Each half hour has a usual rate, learned from the days gone by. Before a half hour has been lived
 * through, a shape stands in for it that any market's users have more or less: little at night,
 * most at the open, more at the close than at noon (P. Jain, G. Joh, "The Dependence between Hourly
 * Prices and Trading Volume", JFQA 23, 1988: the U of the day). Only its proportions count.
 *
 * What is expected = the shape ahead × the level now. The level is how much more comes than the
 * shape says, over 4 h, 30 min and 5 min, each shrunk towards the slower one by its count.
 *
 * @module
 */

import { calendarDay, dayKind } from "../market/calendar.ts";
import type { CalendarName } from "../market/instrument.ts";
import { newYorkMs } from "./new_york.ts";
import { type Kept, keptOf, newKept, SPEEDS } from "./rates_decay.ts";

const HALF_HOUR_MS = 30 * 60_000;
const HALF_HOURS = 48;
/** Trading days and others. */
const DAY_KINDS = 2;

/** A half hour's usual rate follows the last days about so many. */
const DAYS_MEMORY = 5;

/** Where none came in a half hour some may tomorrow: a rate of 0 has no logarithm. */
const HALF_HOUR_COUNT_MIN = 0.5;

/** Accesses that the level of a shorter time is shrunk by: an error of 15 %. */
const SHRINK_COUNT = 40;

/** A forecast is used again for this part of its window: it moves little in that time. */
const REUSE_SHARE = 1 / 64;
/** Windows whose forecasts are remembered: a TTL or two for each kind of data. */
const FORECASTS_MAX = 16;

/** Half hours whose place in the day is remembered; a power of two. */
const BINS_KEPT = 1_024;

/** Minutes of the day from which the shape has another height. */
const TRADING_SHAPE: readonly (readonly [fromMinute: number, height: number])[] = [
  [0, 0.1],
  [7 * 60, 0.4],
  [9 * 60 + 30, 2],
  [10 * 60, 1],
  [15 * 60 + 30, 1.5],
  [16 * 60, 0.3],
  [20 * 60, 0.1],
];
const OTHER_SHAPE: typeof TRADING_SHAPE = [[0, 0.1], [7 * 60, 0.2], [20 * 60, 0.1]];

function shapeOf(heights: typeof TRADING_SHAPE): number[] {
  return Array.from(
    { length: HALF_HOURS },
    (_, at) => heights.findLast(([fromMinute]) => fromMinute <= at * 30)?.[1] ?? 1,
  );
}

/** What outlives the process of {@linkcode GroupActivity}, and how many numbers it is. */
export type ActivitySnapshot = Float64Array<ArrayBuffer>;

/** See {@linkcode ActivitySnapshot}. */
export const ACTIVITY_NUMBERS = 2 * DAY_KINDS * HALF_HOURS + 2 * SPEEDS + 1;

interface Forecast {
  windowMs: number;
  atMs: number;
  /** Shape over the window, in units of its height × ms. */
  ahead: number;
}

/** See the head of this file. */
export class GroupActivity {
  /**
   * What trades around the clock is asked for by people, who keep the hours of the stock market.
   */
  readonly #market: CalendarName;
  /** Usual rate of each half hour, accesses a ms; NaN before it was lived through. */
  readonly #usual = new Float64Array(DAY_KINDS * HALF_HOURS).fill(NaN);
  readonly #days = new Float64Array(DAY_KINDS * HALF_HOURS);
  readonly #prior = Float64Array.from([...shapeOf(OTHER_SHAPE), ...shapeOf(TRADING_SHAPE)]);
  /** Rate of the prior's height 1: usual / prior over the half hours lived through. */
  #scale = 1;
  /** Accesses, and what the shape expected, by speed. */
  readonly #came = new Float64Array(SPEEDS);
  readonly #expected = new Float64Array(SPEEDS);
  readonly #kept: Kept = newKept();
  #advancedMs = NaN;
  #fresh = 0;
  /** The half hour under way: its number since 1970, and its accesses. */
  #halfHour = NaN;
  #inHalfHour = 0;
  #isWhole = false;
  readonly #forecasts: Forecast[] = [];
  readonly #binsAt = new Float64Array(BINS_KEPT).fill(NaN);
  readonly #bins = new Uint8Array(BINS_KEPT);

  /** Days of that calendar. */
  constructor(calendar: CalendarName) {
    this.#market = calendar === "always" ? "nyse" : calendar;
  }

  /** Counts an access. */
  add(): void {
    this.#fresh++;
  }

  /** Time goes on; does something once a second. O(1). */
  advance(atMs: number): void {
    if (atMs - this.#advancedMs < 1_000) return;
    const halfHour = Math.floor(atMs / HALF_HOUR_MS);
    if (halfHour !== this.#halfHour) this.#turn(halfHour);
    if (!Number.isNaN(this.#advancedMs)) {
      const elapsedMs = atMs - this.#advancedMs;
      keptOf(elapsedMs, this.#kept);
      const expected = this.#height(halfHour) * elapsedMs;
      for (let speed = 1; speed < SPEEDS; speed++) {
        const kept = this.#kept[speed] as number;
        this.#came[speed] = (this.#came[speed] as number) * kept + this.#fresh;
        this.#expected[speed] = (this.#expected[speed] as number) * kept + expected;
      }
    }
    this.#inHalfHour += this.#fresh;
    this.#fresh = 0;
    this.#advancedMs = atMs;
  }

  /** Accesses expected within `windowMs` from `atMs` on. O(1), mostly remembered. */
  expected(atMs: number, windowMs: number): number {
    return this.#level() * this.#ahead(atMs, windowMs);
  }

  #level(): number {
    let level = 1;
    for (let speed = 1; speed < SPEEDS; speed++) {
      const came = (this.#came[speed] as number) + (this.#fresh as number);
      const expected = (this.#expected[speed] as number) * level;
      // The slowest level stands on its own.
      const shrink = speed === 1 ? 1 : SHRINK_COUNT;
      level *= (came + shrink) / (expected + shrink);
    }
    return level;
  }

  #ahead(atMs: number, windowMs: number): number {
    const known = this.#forecasts.find((forecast) => forecast.windowMs === windowMs);
    if (known !== undefined && atMs - known.atMs < windowMs * REUSE_SHARE && atMs >= known.atMs) {
      return known.ahead;
    }
    let ahead = 0;
    for (let fromMs = atMs; fromMs < atMs + windowMs;) {
      const halfHour = Math.floor(fromMs / HALF_HOUR_MS);
      const toMs = Math.min((halfHour + 1) * HALF_HOUR_MS, atMs + windowMs);
      ahead += this.#height(halfHour) * (toMs - fromMs);
      fromMs = toMs;
    }
    if (known !== undefined) {
      known.atMs = atMs;
      known.ahead = ahead;
    } else {
      if (this.#forecasts.length >= FORECASTS_MAX) this.#forecasts.shift();
      this.#forecasts.push({ windowMs, atMs, ahead });
    }
    return ahead;
  }

  /** The shape at a half hour, accesses a ms. */
  #height(halfHour: number): number {
    const bin = this.#bin(halfHour);
    const usual = this.#usual[bin] as number;
    return Number.isNaN(usual) ? (this.#prior[bin] as number) * this.#scale : usual;
  }

  /** A half hour begins: the one before, if it was seen whole, is learned from. */
  #turn(halfHour: number): void {
    if (this.#isWhole && halfHour === this.#halfHour + 1) {
      const bin = this.#bin(this.#halfHour);
      const days = Math.min((this.#days[bin] as number) + 1, DAYS_MEMORY);
      const usual = days === 1 ? 0 : this.#usual[bin] as number;
      const came = Math.max(this.#inHalfHour, HALF_HOUR_COUNT_MIN);
      this.#usual[bin] = usual + (came / HALF_HOUR_MS - usual) / days;
      this.#days[bin] = days;
      this.#rescale();
    }
    this.#isWhole = halfHour === this.#halfHour + 1;
    this.#halfHour = halfHour;
    this.#inHalfHour = 0;
    this.#forecasts.length = 0;
  }

  /** What outlives the process: {@linkcode ACTIVITY_NUMBERS} numbers. */
  snapshot(): ActivitySnapshot {
    const usual = this.#usual.map((rate) => Number.isNaN(rate) ? -1 : rate);
    const came = this.#came.map((count) => count + this.#fresh);
    return Float64Array.of(...usual, ...this.#days, ...came, ...this.#expected, this.#scale);
  }

  /** Goes on from a snapshot that was checked; the half hour under way is not learned from. */
  restore(saved: ActivitySnapshot): void {
    let at = 0;
    for (const column of [this.#usual, this.#days, this.#came, this.#expected]) {
      column.set(saved.subarray(at, at += column.length));
    }
    for (let bin = 0; bin < this.#usual.length; bin++) {
      if ((this.#usual[bin] as number) < 0) this.#usual[bin] = NaN;
    }
    this.#scale = saved[at] as number;
    this.#halfHour = this.#advancedMs = NaN;
    this.#fresh = this.#inHalfHour = 0;
    this.#isWhole = false;
    this.#forecasts.length = 0;
  }

  /** The prior is scaled to what was learned; what is counted as expected is scaled with it. */
  #rescale(): void {
    let usual = 0, prior = 0;
    for (let bin = 0; bin < this.#usual.length; bin++) {
      if (Number.isNaN(this.#usual[bin])) continue;
      usual += this.#usual[bin] as number;
      prior += this.#prior[bin] as number;
    }
    if (!(usual > 0)) return;
    const change = usual / prior / this.#scale;
    this.#scale *= change;
    for (let speed = 0; speed < SPEEDS; speed++) {
      this.#expected[speed] = (this.#expected[speed] as number) * change;
    }
  }

  /** The bin of a half hour, remembered for the three weeks around. */
  #bin(halfHour: number): number {
    const at = halfHour & (BINS_KEPT - 1);
    if (this.#binsAt[at] !== halfHour) {
      const fromMs = halfHour * HALF_HOUR_MS;
      const day = calendarDay("nyse", fromMs);
      const minute = (fromMs - newYorkMs(day, 0)) / 60_000;
      const of48 = Math.min(Math.max(Math.floor(minute / 30), 0), HALF_HOURS - 1);
      const isTrading = dayKind(this.#market, day).kind !== "closed";
      this.#binsAt[at] = halfHour;
      this.#bins[at] = (isTrading ? HALF_HOURS : 0) + of48;
    }
    return this.#bins[at] as number;
  }
}
