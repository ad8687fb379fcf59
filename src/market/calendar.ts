/**
 * When markets are open: weekends, holidays, early closes and New York's summer time included.
 *
 * - `nyse`: `calendar_nyse.ts`; `fx`: `calendar_fx.ts`; `always`: without a pause
 * - a market is open from ≤ t < to
 * - known from {@linkcode CALENDAR_YEAR_FIRST} to {@linkcode CALENDAR_YEAR_LAST}; outside of these
 *   years `nyse` and `fx` count as closed
 *
 * ## Cost
 * A year is worked out in some 30 µs when it is first asked for and kept, at most
 * {@linkcode YEARS_KEPT_MAX} of them a calendar (0.3 MB). Then {@linkcode isOpen},
 * {@linkcode nextOpen}, {@linkcode nextClose} and {@linkcode stretchAt} are a search in 252
 * numbers: 25 to 60 ns, 0.3 µs when the year changes at every call; {@linkcode dayKind} takes 0.1
 * µs.
 *
 * @module
 */

import { dayNumber, dayText, yearOf } from "./calendar_civil.ts";
import { type DayKind, fullDay } from "./calendar_day.ts";
import { newYorkYearOf } from "./calendar_new_york.ts";
import { CalendarYear, type TimedCalendar } from "./calendar_year.ts";
import type { CalendarName } from "./instrument.ts";

export type { DayKind } from "./calendar_day.ts";
export type { TimedCalendar } from "./calendar_year.ts";

/** First year with calendars: holidays moved to Mondays in it. */
export const CALENDAR_YEAR_FIRST = 1971;

/** Last year with calendars; nobody's candles are later, and loops over years end. */
export const CALENDAR_YEAR_LAST = 2199;

/** Most years kept per calendar: the longest series of daily candles fits. */
const YEARS_KEPT_MAX = 64;

const DAY_MS = 86_400_000;
const DAY_MINUTES = 24 * 60;

/** A stretch of time in which a market is open without a pause, epoch milliseconds UTC. */
export interface OpenStretch {
  /** Its first moment; -Infinity when there was none. */
  readonly openMs: number;
  /** The first moment after it; Infinity when there is none. */
  readonly closeMs: number;
}

/** A day on which a market trades. */
export interface TradingDay extends OpenStretch {
  /** Its date as days since 1970-01-01: a `D` candle of it at 00:00 UTC has `day * 86_400_000`. */
  readonly day: number;
  /** Its date, YYYY-MM-DD. */
  readonly date: string;
  /** Whether it has its full hours. */
  readonly kind: "full" | "early" | "late";
}

/** The years of one calendar that were asked for. */
class Years {
  readonly #calendar: TimedCalendar;
  readonly #kept = new Map<number, CalendarYear>();
  #last: CalendarYear | null = null;

  constructor(calendar: TimedCalendar) {
    this.#calendar = calendar;
  }

  /** The year that holds a time; null outside of the years known. */
  at(ts: number): CalendarYear | null {
    const last = this.#last;
    if (last !== null && ts >= last.fromMs && ts < last.toMs) return last;
    const year = newYorkYearOf(ts);
    // NaN fails too.
    if (!(year >= CALENDAR_YEAR_FIRST && year <= CALENDAR_YEAR_LAST)) return null;
    return this.#last = this.of(year);
  }

  /** A year within those known. */
  of(year: number): CalendarYear {
    const known = this.#kept.get(year);
    if (known !== undefined) return known;
    if (this.#kept.size >= YEARS_KEPT_MAX) {
      const [oldest] = this.#kept.keys();
      this.#kept.delete(oldest as number);
    }
    const made = new CalendarYear(this.#calendar, year);
    this.#kept.set(year, made);
    return made;
  }
}

const YEARS: Readonly<Record<TimedCalendar, Years>> = {
  nyse: new Years("nyse"),
  fx: new Years("fx"),
};

/** Whether the market is open at a time. */
export function isOpen(calendar: CalendarName, ts: number): boolean {
  if (calendar === "always") return true;
  const year = YEARS[calendar].at(ts);
  if (year === null) return false;
  const opened = year.opensUntil(ts);
  return opened > 0 && ts < (year.closes[opened - 1] as number);
}

/**
 * When the market opens next after `ts`, epoch milliseconds UTC: at the end of the pause at `ts`,
 * or of the one to come while it is open. Infinity when it never does.
 */
export function nextOpen(calendar: CalendarName, ts: number): number {
  return calendar === "always" ? Infinity : next(calendar, ts, "opens");
}

/**
 * When the market closes next after `ts`, epoch milliseconds UTC: at the end of the stretch at
 * `ts`, or of the one to come while it is closed. Infinity when it never does.
 */
export function nextClose(calendar: CalendarName, ts: number): number {
  return calendar === "always" ? Infinity : next(calendar, ts, "closes");
}

function next(calendar: TimedCalendar, ts: number, what: "opens" | "closes"): number {
  const years = YEARS[calendar];
  const year = years.at(ts);
  if (year === null) {
    const first = years.of(CALENDAR_YEAR_FIRST);
    return ts < first.fromMs ? first[what][0] as number : Infinity;
  }
  const opened = year.opensUntil(ts);
  // The stretch opened last may not have closed yet.
  const isStillOpen = what === "closes" && opened > 0 &&
    ts < (year.closes[opened - 1] as number);
  const found = year[what][isStillOpen ? opened - 1 : opened];
  return found ?? years.at(year.toMs)?.[what][0] ?? Infinity;
}

/**
 * The stretch that holds a time, null while the market is closed: a day's session at the NYSE, a
 * week of foreign exchange unless a holiday parts it.
 */
export function stretchAt(calendar: CalendarName, ts: number): OpenStretch | null {
  if (calendar === "always") return { openMs: -Infinity, closeMs: Infinity };
  const year = YEARS[calendar].at(ts);
  const at = year === null ? -1 : year.opensUntil(ts) - 1;
  const openMs = year?.opens[at];
  const closeMs = year?.closes[at];
  if (openMs === undefined || closeMs === undefined || ts >= closeMs) return null;
  return { openMs, closeMs };
}

/**
 * The stretches of a calendar with hours that have any time in from ≤ t < to, ascending and whole.
 * O(stretches), at most those of the years known.
 */
export function* openStretches(
  calendar: TimedCalendar,
  fromTs: number,
  toTs: number,
): Generator<OpenStretch> {
  const years = YEARS[calendar];
  const first = years.of(CALENDAR_YEAR_FIRST);
  let year = years.at(Math.max(fromTs, first.fromMs));
  let at = year === null ? 0 : Math.max(0, year.opensUntil(fromTs) - 1);
  for (; year !== null; year = years.at(year.toMs), at = 0) {
    for (; at < year.opens.length; at++) {
      const openMs = year.opens[at] as number;
      const closeMs = year.closes[at] as number;
      if (openMs >= toTs) return;
      if (closeMs > fromTs) yield { openMs, closeMs };
    }
  }
}

const ALWAYS = fullDay(0, DAY_MINUTES);

/**
 * The day of which {@linkcode dayKind} is asked at a time: New York's date, or UTC's for `always`.
 */
export function calendarDay(calendar: CalendarName, ts: number): number {
  const year = calendar === "always" ? null : YEARS[calendar].at(ts);
  return year === null ? Math.floor(ts / DAY_MS) : year.dayAt(ts);
}

/**
 * What a day, in days since 1970-01-01, is: its hours, and why it has no more. A day of foreign
 * exchange begins at 17:00 on the day before. O(1).
 */
export function dayKind(calendar: CalendarName, day: number): DayKind {
  if (calendar === "always") return ALWAYS;
  const year = yearOf(day);
  if (year >= CALENDAR_YEAR_FIRST && year <= CALENDAR_YEAR_LAST) {
    return YEARS[calendar].of(year).kindOf(day);
  }
  return { kind: "closed", reason: "no calendar", openMinute: NaN, closeMinute: NaN };
}

/**
 * The days from ≤ day < to, in days since 1970-01-01, on which the market trades. O(days); those of
 * `always` have no bound but `toDay`.
 */
export function* tradingDays(
  calendar: CalendarName,
  fromDay: number,
  toDay: number,
): Generator<TradingDay> {
  const hasHours = calendar !== "always";
  const first = hasHours ? Math.max(fromDay, dayNumber(CALENDAR_YEAR_FIRST, 1, 1)) : fromDay;
  const end = hasHours ? Math.min(toDay, dayNumber(CALENDAR_YEAR_LAST + 1, 1, 1)) : toDay;
  for (let day = Math.ceil(first); day < end; day++) {
    const kind = dayKind(calendar, day);
    if (kind.kind === "closed") continue;
    const year = calendar === "always" ? null : YEARS[calendar].of(yearOf(day));
    yield {
      day,
      date: dayText(day),
      kind: kind.kind,
      openMs: year === null ? day * DAY_MS : year.openMs(day, kind),
      closeMs: year === null ? (day + 1) * DAY_MS : year.closeMs(day, kind),
    };
  }
}
