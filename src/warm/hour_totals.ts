/**
 * Accesses of all keys by hour of the week, New York's time: means as in `hour_rows.ts`.
 *
 * @module
 */

import { nextMean } from "./hour_cell.ts";
import { DAY_HOURS, hourNumber, hourOfWeek, WEEK_HOURS } from "./hour_of_week.ts";

const HOUR_MS = 3_600_000;

/** What a snapshot has of {@linkcode HourTotals}. */
export interface HourTotalsSnapshot {
  /** By hour of the week; NaN where nothing is known. */
  readonly means: Float64Array<ArrayBuffer>;
  readonly running: number;
  readonly hour: number;
}

/** See the top of the file. */
export class HourTotals {
  readonly #means = new Float64Array(WEEK_HOURS).fill(NaN);
  #running = 0;
  #hour: number;

  /** Nothing is known. */
  constructor(nowMs: number) {
    this.#hour = hourNumber(nowMs);
  }

  /** Counts an access. O(1). */
  record(): void {
    this.#running++;
  }

  /** Lets time pass. O(hours), 168 at most. */
  advance(nowMs: number): void {
    const hour = hourNumber(nowMs);
    if (hour <= this.#hour) return;
    const from = Math.max(this.#hour, hour - WEEK_HOURS);
    this.#endHour(this.#hour);
    for (let ended = from + 1; ended < hour; ended++) this.#endHour(ended);
    this.#hour = hour;
  }

  /** Mean accesses in each hour of the week, from Sunday on; 0 where nothing is known. */
  byHourOfWeek(): number[] {
    const means = Array.from(this.#means, (mean) => Number.isNaN(mean) ? 0 : mean);
    const now = hourOfWeek("nyse", this.#hour * HOUR_MS);
    // The hour that has begun counts as far as it has come, if that is more.
    means[now] = Math.max(means[now] as number, this.#running);
    return means;
  }

  /** Share of each hour of the day, 24 of them; they sum to 1, or to 0 without accesses. */
  byHour(): number[] {
    const week = this.byHourOfWeek();
    const sum = week.reduce((total, mean) => total + mean, 0);
    const hours = new Array<number>(DAY_HOURS).fill(0);
    for (const [ofWeek, mean] of week.entries()) {
      const hour = ofWeek % DAY_HOURS;
      hours[hour] = (hours[hour] as number) + (sum === 0 ? 0 : mean / sum);
    }
    return hours;
  }

  /** A copy of what it is made of. */
  snapshot(): HourTotalsSnapshot {
    return { means: this.#means.slice(), running: this.#running, hour: this.#hour };
  }

  /** Takes a snapshot's; the hours since are not taken for hours without accesses. */
  restore(given: HourTotalsSnapshot, nowMs: number): void {
    this.#means.set(given.means);
    this.#running = given.running;
    const hour = hourNumber(nowMs);
    if (hour > given.hour) this.#endHour(given.hour);
    this.#hour = Math.max(hour, given.hour);
  }

  #endHour(hour: number): void {
    const ofWeek = hourOfWeek("nyse", hour * HOUR_MS);
    this.#means[ofWeek] = nextMean(this.#means[ofWeek] as number, this.#running);
    this.#running = 0;
  }
}
