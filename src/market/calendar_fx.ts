/**
 * Which days foreign exchange trades: Monday to Friday, each from 17:00 of the day before to 17:00
 * in New York, but Christmas Day and New Year's Day.
 *
 * There is no exchange and no rule; this is what most dealers do. OANDA's holiday pages of 2024 to
 * 2026 have both days closed from 17:00 to 17:00, as have its candles of 2014 to 2018. A holiday
 * on a Sunday takes the Monday's day: OANDA's candles have none from 2016-12-23 17:00 to 12-26
 * 18:00, while other dealers quoted in that time. Many stop at 14:00 on the eve, and some reopen
 * an hour or more late: those hours count as open.
 *
 * @module
 */

import { dayNumber, Weekday, weekdayOf } from "./calendar_civil.ts";
import { closedDay, type DayKind, fullDay } from "./calendar_day.ts";

const ROLL_MINUTE = 17 * 60;
const DAY_MINUTES = 24 * 60;

const FULL = fullDay(ROLL_MINUTE - DAY_MINUTES, ROLL_MINUTE);
const WEEKEND = closedDay("weekend");

/** The holidays of a year; none on a weekend, which is closed anyhow. */
export function fxSpecialDays(year: number): ReadonlyMap<number, DayKind> {
  const days = new Map<number, DayKind>();
  for (
    const [month, date, reason] of [[1, 1, "New Year's Day"], [12, 25, "Christmas Day"]] as const
  ) {
    const day = dayNumber(year, month, date);
    const weekday = weekdayOf(day);
    if (weekday !== Weekday.saturday) {
      days.set(weekday === Weekday.sunday ? day + 1 : day, closedDay(reason));
    }
  }
  return days;
}

/** What a day is that is not among {@linkcode fxSpecialDays}. */
export function fxOrdinaryDay(day: number): DayKind {
  const weekday = weekdayOf(day);
  return weekday === Weekday.saturday || weekday === Weekday.sunday ? WEEKEND : FULL;
}
