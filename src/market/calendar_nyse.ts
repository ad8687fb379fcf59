/**
 * Which days the New York Stock Exchange trades, and until when: holidays and early closes by
 * rule, and the table of those that follow none.
 *
 * ## Sources
 * - holidays and how they are observed: NYSE Rule 7.2 (before: Rule 51); Martin Luther King Day
 *   from 1998, Juneteenth from 2022
 * - 13:00 closes and their changes: the exchange's holiday releases, until the one of 23 December
 *   2025 for 2026 to 2028
 * - one-off days: the exchange's list of special closings, as kept by pandas_market_calendars and
 *   the press of the day
 *
 * ## How far it goes
 * Trading days from 1971, when holidays moved to Mondays; hours from 1998. Before, the 14:00 closes
 * and one-off hours are not listed. Halts within a day (systems, circuit breakers) are none of it.
 *
 * @module
 */

import {
  dayNumber,
  easterSunday,
  lastWeekday,
  nthWeekday,
  Weekday,
  weekdayOf,
} from "./calendar_civil.ts";
import { closedDay, type DayKind, fullDay } from "./calendar_day.ts";

const OPEN_MINUTE = 9 * 60 + 30;
const CLOSE_MINUTE = 16 * 60;
const EARLY_CLOSE_MINUTE = 13 * 60;

const FULL = fullDay(OPEN_MINUTE, CLOSE_MINUTE);
const WEEKEND = closedDay("weekend");

/** Closed all day: date and reason. */
const ONE_OFF_CLOSINGS: readonly (readonly [date: string, reason: string])[] = [
  ["1972-11-07", "Election Day"],
  ["1972-12-28", "funeral of President Truman"],
  ["1973-01-25", "funeral of President Johnson"],
  ["1976-11-02", "Election Day"],
  ["1977-07-14", "blackout of New York"],
  ["1980-11-04", "Election Day"],
  ["1985-09-27", "Hurricane Gloria"],
  ["1994-04-27", "funeral of President Nixon"],
  ["2001-09-11", "attacks of 11 September"],
  ["2001-09-12", "attacks of 11 September"],
  ["2001-09-13", "attacks of 11 September"],
  ["2001-09-14", "attacks of 11 September"],
  ["2004-06-11", "mourning for President Reagan"],
  ["2007-01-02", "mourning for President Ford"],
  ["2012-10-29", "Hurricane Sandy"],
  ["2012-10-30", "Hurricane Sandy"],
  ["2018-12-05", "mourning for President G. H. W. Bush"],
  ["2025-01-09", "mourning for President Carter"],
];

/** Other hours: date, opening, closing in New York, reason. */
const ONE_OFF_HOURS: readonly (readonly [string, string, string, string])[] = [
  ["2001-09-17", "09:33", "16:00", "silence for 11 September"],
  ["2001-10-08", "09:31", "16:00", "silence for the troops in Afghanistan"],
  ["2002-09-11", "12:00", "16:00", "anniversary of 11 September"],
  ["2003-03-20", "09:32", "16:00", "silence for the troops in Iraq"],
  ["2003-12-26", "09:30", "13:00", "day after Christmas"],
  ["2004-06-07", "09:32", "16:00", "silence for President Reagan"],
  ["2005-06-01", "09:30", "15:56", "communications problem"],
  ["2006-12-27", "09:32", "16:00", "silence for President Ford"],
];

/** All days of a year that are neither full ones nor plain weekend days. */
export function nyseSpecialDays(year: number): ReadonlyMap<number, DayKind> {
  const days = new Map<number, DayKind>();
  for (const [day, reason] of earlyCloses(year)) {
    days.set(day, {
      kind: "early",
      reason,
      openMinute: OPEN_MINUTE,
      closeMinute: EARLY_CLOSE_MINUTE,
    });
  }
  for (const [day, reason] of holidays(year)) days.set(day, closedDay(reason));
  for (const [date, opens, closes, reason] of ONE_OFF_HOURS) {
    if (!date.startsWith(`${year}-`)) continue;
    const [openMinute, closeMinute] = [minuteOf(opens), minuteOf(closes)];
    const kind = openMinute > OPEN_MINUTE ? "late" : "early";
    days.set(dayOf(date), { kind, reason, openMinute, closeMinute });
  }
  for (const [date, reason] of ONE_OFF_CLOSINGS) {
    if (date.startsWith(`${year}-`)) days.set(dayOf(date), closedDay(reason));
  }
  return days;
}

/** What a day is that is not among {@linkcode nyseSpecialDays}. */
export function nyseOrdinaryDay(day: number): DayKind {
  const weekday = weekdayOf(day);
  return weekday === Weekday.saturday || weekday === Weekday.sunday ? WEEKEND : FULL;
}

/** The days of a year on which holidays are observed; none on a weekend. */
function* holidays(year: number): Generator<readonly [day: number, reason: string]> {
  const newYear = dayNumber(year, 1, 1);
  // On a Saturday it would be observed in the year before, which ends an accounting period.
  if (weekdayOf(newYear) !== Weekday.saturday) yield [observed(newYear), "New Year's Day"];
  if (year >= 1998) {
    yield [nthWeekday(year, 1, Weekday.monday, 3), "Martin Luther King, Jr. Day"];
  }
  yield [nthWeekday(year, 2, Weekday.monday, 3), "Washington's Birthday"];
  yield [easterSunday(year) - 2, "Good Friday"];
  yield [lastWeekday(year, 5, Weekday.monday), "Memorial Day"];
  if (year >= 2022) yield [observed(dayNumber(year, 6, 19)), "Juneteenth"];
  yield [observed(dayNumber(year, 7, 4)), "Independence Day"];
  yield [nthWeekday(year, 9, Weekday.monday, 1), "Labor Day"];
  yield [nthWeekday(year, 11, Weekday.thursday, 4), "Thanksgiving Day"];
  yield [observed(dayNumber(year, 12, 25)), "Christmas Day"];
}

/** A Saturday's holiday is kept on Friday, a Sunday's on Monday. */
function observed(day: number): number {
  const weekday = weekdayOf(day);
  return weekday === Weekday.saturday ? day - 1 : weekday === Weekday.sunday ? day + 1 : day;
}

/** The days of a year that end at 13:00 by rule. */
function* earlyCloses(year: number): Generator<readonly [day: number, reason: string]> {
  const independence = dayNumber(year, 7, 4);
  const weekday = weekdayOf(independence);
  const isMidweek = weekday >= Weekday.tuesday && weekday <= Weekday.friday;
  // Until 2012 the Friday after a Thursday's holiday was the short day, not the Wednesday before.
  if (year >= 1995 && isMidweek) {
    yield weekday === Weekday.thursday && year < 2013
      ? [independence + 1, "day after Independence Day"]
      : [independence - 1, "day before Independence Day"];
  }
  if (year < 1993) return;
  yield [nthWeekday(year, 11, Weekday.thursday, 4) + 1, "day after Thanksgiving"];
  const eve = dayNumber(year, 12, 24);
  const eveWeekday = weekdayOf(eve);
  // On a Friday it is the holiday itself.
  if (eveWeekday >= Weekday.monday && eveWeekday <= Weekday.thursday) yield [eve, "Christmas Eve"];
}

function dayOf(date: string): number {
  return Date.parse(date) / 86_400_000;
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
