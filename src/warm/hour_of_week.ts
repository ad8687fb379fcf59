/**
 * Hours of the week as a market's own clock shows them: New York's for the exchange and for foreign
 * exchange, UTC for what always trades.
 *
 * Where the clock is put back an hour comes twice, and where it is put forward one is left out. So
 * the opening is in the same hour of the week all year.
 *
 * @module
 */

import type { CalendarName } from "../market/instrument.ts";

/** Hours of a week. */
export const WEEK_HOURS = 168;
/** Hours of a day by the clock. */
export const DAY_HOURS = 24;

const HOUR_MS = 3_600_000;
/** Hours from Sunday's midnight to the beginning of 1970-01-01, a Thursday. */
const EPOCH_HOUR_OF_WEEK = 4 * DAY_HOURS;
const SUNDAYS_NUMBER = 7;

/** The hour of UTC that was asked for last, and New York's hour of the week in it. */
let lastHour = NaN;
let lastOfWeek = 0;

/** Hours since 1970, UTC, that have begun. Offsets of New York are whole hours. */
export const hourNumber = (ms: number): number => Math.floor(ms / HOUR_MS);

/**
 * Hour of the week at a time, 0 to 167: 0 is the first of Sunday. O(1); some 3 µs for New York when
 * it is another hour than at the last call.
 */
export function hourOfWeek(calendar: CalendarName, ms: number): number {
  const hour = hourNumber(ms);
  if (calendar === "always") {
    const ofWeek = (hour + EPOCH_HOUR_OF_WEEK) % WEEK_HOURS;
    return ofWeek < 0 ? ofWeek + WEEK_HOURS : ofWeek;
  }
  if (hour !== lastHour) {
    const local = Temporal.Instant.fromEpochMilliseconds(hour * HOUR_MS)
      .toZonedDateTimeISO("America/New_York");
    lastOfWeek = local.dayOfWeek % SUNDAYS_NUMBER * DAY_HOURS + local.hour;
    lastHour = hour;
  }
  return lastOfWeek;
}

/** Whether an hour of the week is on a Saturday or Sunday. */
export function isWeekendHour(ofWeek: number): boolean {
  return ofWeek < DAY_HOURS || ofWeek >= WEEK_HOURS - DAY_HOURS;
}
