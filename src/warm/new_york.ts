/**
 * New York's clock, for schedules: its days and its times of day.
 *
 * @module
 */

import { CALENDAR_YEAR_FIRST, CALENDAR_YEAR_LAST } from "../market/calendar.ts";
import { yearOf } from "../market/calendar_civil.ts";
import { NewYorkYear, newYorkYearOf } from "../market/calendar_new_york.ts";

/** Years kept: a schedule asks about now, and an event about a year to come. */
const YEARS_KEPT_MAX = 8;

const kept = new Map<number, NewYorkYear>();

function year(of: number): NewYorkYear {
  const clamped = Math.min(Math.max(of, CALENDAR_YEAR_FIRST), CALENDAR_YEAR_LAST);
  const known = kept.get(clamped);
  if (known !== undefined) return known;
  if (kept.size >= YEARS_KEPT_MAX) kept.clear();
  const made = new NewYorkYear(clamped);
  kept.set(clamped, made);
  return made;
}

/** The date in New York at a time, as days since 1970-01-01. O(1). */
export function newYorkDay(nowMs: number): number {
  return year(newYorkYearOf(nowMs)).dayAt(nowMs);
}

/**
 * When New York's clock shows `minute` (from midnight) on a day. On the two days of the year on
 * which it is changed, times before 02:00 are off by the hour. O(1).
 */
export function newYorkMs(day: number, minute: number): number {
  return year(yearOf(day)).timeMs(day, minute);
}
