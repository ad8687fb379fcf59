/**
 * New York's clock, by the time zone database.
 *
 * @module
 */

import { dayNumber, yearOf } from "./calendar_civil.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ZONE = "America/New_York";

/** From this UTC time of a day on a change of the clock at 02:00 in New York is over. */
const AFTER_CHANGE_MS = 12 * 60 * MINUTE_MS;

/** Years begin at midnight of New York's winter, whatever a law to come says of its clock. */
const YEAR_BEGINS_MS = 5 * 60 * MINUTE_MS;

/** A stretch of time with one offset. */
interface Offset {
  readonly fromMs: number;
  /** New York's clock is this far behind UTC, milliseconds. */
  readonly behindMs: number;
}

/**
 * New York's clock in one year. Two or three stretches of equal offset are asked of the time zone
 * database once, 10 µs; questions are O(1).
 */
export class NewYorkYear {
  /** First moment of the year in New York, epoch milliseconds UTC. */
  readonly fromMs: number;
  /** First moment of the next year. */
  readonly toMs: number;
  /** Latest first. */
  readonly #offsets: readonly Offset[];

  /** Knows the clock of `year`. */
  constructor(year: number) {
    this.fromMs = dayNumber(year, 1, 1) * DAY_MS + YEAR_BEGINS_MS;
    this.toMs = dayNumber(year + 1, 1, 1) * DAY_MS + YEAR_BEGINS_MS;
    let at: Temporal.ZonedDateTime | null = Temporal.Instant.fromEpochMilliseconds(this.fromMs)
      .toZonedDateTimeISO(ZONE);
    const offsets: Offset[] = [];
    while (at !== null && at.epochMilliseconds < this.toMs) {
      const behindMs = -at.offsetNanoseconds / 1e6;
      offsets.unshift({ fromMs: at.epochMilliseconds, behindMs });
      at = at.getTimeZoneTransition("next");
    }
    this.#offsets = offsets;
  }

  /** The date in New York at a time of this year, as a day number. */
  dayAt(ts: number): number {
    return Math.floor((ts - this.#behindMs(ts)) / DAY_MS);
  }

  /**
   * Epoch milliseconds of a time of day, in minutes from midnight, on a day of this year. After
   * 02:00, when the clock is changed; the day before the first is taken to have its offset.
   */
  timeMs(day: number, minute: number): number {
    return day * DAY_MS + minute * MINUTE_MS + this.#behindMs(day * DAY_MS + AFTER_CHANGE_MS);
  }

  #behindMs(ts: number): number {
    const found = this.#offsets.find(({ fromMs }) => ts >= fromMs) ?? this.#offsets.at(-1);
    return (found as Offset).behindMs;
  }
}

/** The days of a year: the first one, and the first of the next year. */
export function daysOfYear(year: number): { readonly from: number; readonly to: number } {
  return { from: dayNumber(year, 1, 1), to: dayNumber(year + 1, 1, 1) };
}

/** The year of {@linkcode NewYorkYear} that holds a time; NaN when no year does. */
export function newYorkYearOf(ts: number): number {
  return yearOf((ts - YEAR_BEGINS_MS) / DAY_MS);
}
