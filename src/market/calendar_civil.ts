/**
 * Dates as whole numbers: days since 1970-01-01, without hours or time zones, and the rules by
 * which holidays fall on them.
 *
 * @module
 */

const DAY_MS = 86_400_000;

/** Days of the week as {@linkcode weekdayOf} numbers them. */
export const Weekday = {
  sunday: 0,
  monday: 1,
  tuesday: 2,
  wednesday: 3,
  thursday: 4,
  friday: 5,
  saturday: 6,
} as const;

/** A value of {@linkcode Weekday}. */
export type WeekdayNumber = (typeof Weekday)[keyof typeof Weekday];

/** The day with this date; `month` is 1 to 12. O(1). */
export function dayNumber(year: number, month: number, date: number): number {
  return Date.UTC(year, month - 1, date) / DAY_MS;
}

/** The date of a day as YYYY-MM-DD. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The year of a day. */
export function yearOf(day: number): number {
  return new Date(day * DAY_MS).getUTCFullYear();
}

/** The day of the week, 0 for Sunday. */
export function weekdayOf(day: number): WeekdayNumber {
  // Day 0 was a Thursday.
  return ((day % 7 + 7 + Weekday.thursday) % 7) as WeekdayNumber;
}

/** The `n`-th such weekday of a month, from 1. */
export function nthWeekday(year: number, month: number, weekday: WeekdayNumber, n: number): number {
  const first = dayNumber(year, month, 1);
  return first + (weekday - weekdayOf(first) + 7) % 7 + 7 * (n - 1);
}

/** The last such weekday of a month. */
export function lastWeekday(year: number, month: number, weekday: WeekdayNumber): number {
  const last = dayNumber(year, month + 1, 0);
  return last - (weekdayOf(last) - weekday + 7) % 7;
}

/**
 * Easter Sunday of a Gregorian year: the "anonymous Gregorian algorithm" (Nature, 20 April 1876,
 * p. 487) as in J. Meeus, Astronomical Algorithms, 2nd ed., chapter 8. Its letters are kept.
 */
export function easterSunday(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const d = Math.floor(b / 4);
  const e = b % 4;
  const f = Math.floor((b + 8) / 25);
  const g = Math.floor((b - f + 1) / 3);
  const h = (19 * a + b - d - g + 15) % 30;
  const i = Math.floor(c / 4);
  const k = c % 4;
  const l = (32 + 2 * e + 2 * i - h - k) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  const sum = h + l - 7 * m + 114;
  return dayNumber(year, Math.floor(sum / 31), sum % 31 + 1);
}
