/**
 * What a rate usually is at this hour of the week, from the same hour of past weeks.
 *
 * Markets have a weekly rhythm: nothing on Sunday morning, much when London and New York are both
 * open. Each of the 168 hours of a week keeps its rates of the last weeks; what is usual is their
 * median, and what they vary by is their median absolute deviation, which half of the weeks may be
 * wrong without moving either (P. J. Huber, Robust Statistics, 1981).
 *
 * Hours are UTC, and the markets' are not: when clocks change, a rhythm moves by an hour. So a rate
 * that would be usual in the hour before or after is not called unusual. Holidays are unusual.
 *
 * @module
 */

import { medianOf } from "./cusum_latency.ts";

/** Hours of a week. */
export const WEEK_HOURS = 168;
/** Weeks that are remembered: two months, so that a rhythm that has changed is learned. 10.8 kB. */
export const WEEKS = 8;
const HOUR_MS = 3_600_000;
/** Share of an hour that has to be watched for it to be remembered. */
const WATCHED_RATIO = 0.75;
const MAD_TO_DEVIATION = 1.4826;

/** Options of a {@linkcode Pattern}. */
export interface PatternOptions {
  /** Weeks that an hour needs before anything is called unusual; default 4. */
  readonly weeksMin?: number;
  /** How many deviations are unusual; default 6. */
  readonly deviations?: number;
  /** Least deviation reckoned with, as a share of the usual rate; default 0.1. */
  readonly deviationRatioMin?: number;
}

/** What is usual at an hour of the week. */
export interface Usual {
  /** Events per second. */
  readonly rate: number;
  /** By how much that varies, per second. */
  readonly deviation: number;
  /** Weeks that say so. */
  readonly weeks: number;
}

/** `unknown`: too few weeks. `low` and `high` say on which side a rate is unusual. */
export type PatternVerdict = "unknown" | "usual" | "low" | "high";

/** State of a {@linkcode Pattern} for a restart; null stands for weeks without that hour. */
export interface PatternState {
  /** Rates by hour of the week, each with {@linkcode WEEKS} values. */
  readonly rates: readonly (number | null)[];
  /** The last hour that was completed or is under way, in hours since 1970; null = none. */
  readonly hour: number | null;
}

/**
 * The weekly rhythm of one rate.
 *
 * - Memory is fixed: {@linkcode WEEK_HOURS} × {@linkcode WEEKS} numbers.
 * - Time is epoch ms and is handed in. While it goes backwards nothing is remembered; hours it leaps
 *   over, and hours watched for less than three quarters, are unknown, not zero.
 */
export class Pattern {
  readonly #rates = new Float64Array(WEEK_HOURS * WEEKS).fill(NaN);
  readonly #weeksMin: number;
  readonly #deviations: number;
  readonly #deviationRatioMin: number;
  /** The hour under way, in hours since 1970. */
  #hour = -Infinity;
  #events = 0;
  #watchedMs = 0;

  /**
   * One that knows no week.
   *
   * @throws {RangeError} when `weeksMin` is not within 1 to {@linkcode WEEKS}.
   */
  constructor(options: PatternOptions = {}) {
    const { weeksMin = 4 } = options;
    if (!(Number.isInteger(weeksMin) && weeksMin >= 1 && weeksMin < WEEKS)) {
      throw new RangeError(
        `Cannot watch a rhythm: expected weeksMin within 1 to ${WEEKS - 1}: ` +
          `current value is ${weeksMin}`,
      );
    }
    this.#weeksMin = weeksMin;
    this.#deviations = options.deviations ?? 6;
    this.#deviationRatioMin = options.deviationRatioMin ?? 0.1;
  }

  /** Counts events of the `spanMs` before epoch time `at`. O(1), O(hours passed over) at times. */
  record(events: number, spanMs: number, at: number): void {
    if (!(events >= 0 && events < Infinity && spanMs > 0 && spanMs <= HOUR_MS)) return;
    const hour = Math.floor(at / HOUR_MS);
    if (hour < this.#hour || !Number.isFinite(hour)) return;
    if (hour > this.#hour) this.#begin(hour);
    this.#events += events;
    this.#watchedMs += spanMs;
  }

  /** Remembers the hour that was under way. Those leapt over are forgotten, a week at most. */
  #begin(hour: number): void {
    const before = this.#hour;
    if (Number.isFinite(before)) {
      const isWatched = this.#watchedMs >= WATCHED_RATIO * HOUR_MS;
      const rate = isWatched ? this.#events / (this.#watchedMs / 1_000) : NaN;
      this.#rates[placeOf(before)] = rate;
      const from = Math.max(before + 1, hour - WEEK_HOURS * WEEKS);
      for (let at = from; at < hour; at++) this.#rates[placeOf(at)] = NaN;
    }
    this.#hour = hour;
    this.#events = 0;
    this.#watchedMs = 0;
  }

  /** What is usual at the hour of epoch time `at`, from weeks before; null with too few. O(weeks). */
  usualAt(at: number): Usual | null {
    return this.#usualOf(Math.floor(at / HOUR_MS));
  }

  #usualOf(hour: number): Usual | null {
    // The place of the hour under way holds what is as old as the memory.
    const rates = Array.from(
      { length: WEEKS - 1 },
      (_, i) => this.#rates[placeOf(hour - (i + 1) * WEEK_HOURS)] ?? NaN,
    );
    const known = Float64Array.from(rates.filter((rate) => !Number.isNaN(rate)));
    if (known.length < this.#weeksMin) return null;
    const rate = medianOf(known);
    const spread = medianOf(known.map((each) => Math.abs(each - rate)));
    const deviation = Math.max(MAD_TO_DEVIATION * spread, this.#deviationRatioMin * rate);
    return { rate, deviation, weeks: known.length };
  }

  /**
   * Whether `events` within the `spanMs` before epoch time `at` are as usual. The chance in the count
   * itself, the square root of what is expected, is reckoned with. O(weeks).
   */
  judge(events: number, spanMs: number, at: number): PatternVerdict {
    const hour = Math.floor(at / HOUR_MS);
    const seconds = spanMs / 1_000;
    if (!(events >= 0 && seconds > 0) || this.#usualOf(hour) === null) return "unknown";
    let verdict: PatternVerdict = "unknown";
    for (const near of [hour, hour - 1, hour + 1]) {
      const usual = this.#usualOf(near);
      if (usual === null) continue;
      const expected = usual.rate * seconds;
      const margin = this.#deviations *
        Math.hypot(usual.deviation * seconds, Math.sqrt(Math.max(1, expected)));
      if (Math.abs(events - expected) <= margin) return "usual";
      if (near === hour) verdict = events > expected ? "high" : "low";
    }
    return verdict;
  }

  /** State for a restart; the hour under way is given up. */
  snapshot(): PatternState {
    return {
      rates: Array.from(this.#rates, (rate) => Number.isNaN(rate) ? null : rate),
      hour: Number.isFinite(this.#hour) ? this.#hour : null,
    };
  }

  /**
   * Goes on from a snapshot.
   *
   * @throws {RangeError} when it holds another number of rates, or one that cannot be.
   */
  restore({ rates, hour }: PatternState): void {
    const isSound = rates.length === this.#rates.length &&
      rates.every((rate) => rate === null || (rate >= 0 && rate < Infinity));
    if (!isSound) {
      throw new RangeError(
        `Cannot restore a rhythm: expected ${this.#rates.length} rates of at least 0: ` +
          `current value has ${rates.length}`,
      );
    }
    rates.forEach((rate, i) => void (this.#rates[i] = rate ?? NaN));
    this.#hour = hour ?? -Infinity;
    this.#events = 0;
    this.#watchedMs = 0;
  }
}

/** Where the rate of an hour since 1970 is kept: the weeks of an hour of the week lie together. */
function placeOf(hour: number): number {
  const week = Math.floor(hour / WEEK_HOURS);
  const inWeek = hour - week * WEEK_HOURS;
  return inWeek * WEEKS + (week % WEEKS + WEEKS) % WEEKS;
}
