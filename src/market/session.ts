/**
 * The ordinary week of a market as a table: which bars of a grid exist in it, what number a time
 * has among them, and at what time a number opens. Made-up prices are drawn on it.
 *
 * Weeks begin on Sunday 00:00 UTC. Hours are New York's, whose clock changes on Sundays before any
 * market opens, so that a week has one of two tables; the rule is that of 2007 and later, and there
 * are no holidays. `calendar.ts` knows both; here a number must stay the same bar on every machine,
 * whatever its time zone database and the next edition of the holidays say.
 *
 * @module
 */

import { type Granularity, granularityMs } from "./granularity.ts";
import type { CalendarName } from "./instrument.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;

/** 1970-01-04 and 1970-01-05: the first Sunday and Monday of the epoch. */
const FIRST_SUNDAY_MS = 3 * DAY_MS;
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** Hours of New York behind UTC, by whether it is summer there. */
const BEHIND_MS = { winter: 5 * HOUR_MS, summer: 4 * HOUR_MS } as const;

interface WeekTable {
  /** Open slots of the week before slot i; one more entry than slots. */
  readonly before: Uint16Array;
  /** Slot of the k-th open bar. */
  readonly slots: Uint16Array;
}

/**
 * The open bars of one calendar on the grid of one granularity, numbered from about 1970. Where
 * summer has more bars a week than winter (H4 at the NYSE), some numbers of a winter week stand for
 * no bar.
 */
export interface Session {
  /** Number of the first bar that opens at or after `ts`. O(1). */
  barFrom(ts: number): number;
  /** Open time of bar number `bar`, epoch milliseconds UTC; NaN when no bar has it. O(1). */
  openMs(bar: number): number;
}

/**
 * The session of a calendar: `fx` Sunday to Friday 17:00 New York, `nyse` Monday to Friday 09:30 to
 * 16:00 New York, `always` without a pause. A bar is open when any part of it is.
 */
export function sessionOf(calendar: CalendarName, granularity: Granularity): Session {
  const slotMs = granularityMs(granularity);
  if (calendar === "always" || granularity === "W") {
    const originMs = granularity === "W" ? FIRST_MONDAY_MS : 0;
    return {
      barFrom: (ts) => Math.ceil((ts - originMs) / slotMs),
      openMs: (bar) => originMs + bar * slotMs,
    };
  }
  return new WeeklySession(calendar, slotMs);
}

class WeeklySession implements Session {
  readonly #slotMs: number;
  readonly #winter: WeekTable;
  readonly #summer: WeekTable;
  readonly #numbersPerWeek: number;
  /** The week asked for last and its table: bars are asked for in order. */
  #week = NaN;
  #table: WeekTable;

  constructor(calendar: Exclude<CalendarName, "always">, slotMs: number) {
    this.#slotMs = slotMs;
    this.#winter = weekTable(openIntervals(calendar, BEHIND_MS.winter), slotMs);
    this.#summer = weekTable(openIntervals(calendar, BEHIND_MS.summer), slotMs);
    this.#numbersPerWeek = Math.max(this.#winter.slots.length, this.#summer.slots.length);
    this.#table = this.#winter;
  }

  barFrom(ts: number): number {
    const week = Math.floor((ts - FIRST_SUNDAY_MS) / WEEK_MS);
    const slot = Math.ceil((ts - FIRST_SUNDAY_MS - week * WEEK_MS) / this.#slotMs);
    const before = this.#tableOf(week).before[slot] as number;
    // After the last bar of a week the next one is the first of the week after.
    const isOver = before === this.#tableOf(week).slots.length;
    return (isOver ? week + 1 : week) * this.#numbersPerWeek + (isOver ? 0 : before);
  }

  openMs(bar: number): number {
    const week = Math.floor(bar / this.#numbersPerWeek);
    const slot = this.#tableOf(week).slots[bar - week * this.#numbersPerWeek];
    return slot === undefined ? NaN : FIRST_SUNDAY_MS + week * WEEK_MS + slot * this.#slotMs;
  }

  #tableOf(week: number): WeekTable {
    if (week !== this.#week) {
      this.#week = week;
      this.#table = isSummer(week) ? this.#summer : this.#winter;
    }
    return this.#table;
  }
}

/** Open stretches of a week as milliseconds from Sunday 00:00 UTC, from ≤ t < to. */
function openIntervals(
  calendar: Exclude<CalendarName, "always">,
  behindMs: number,
): readonly (readonly [number, number])[] {
  if (calendar === "fx") {
    const openMs = 17 * HOUR_MS + behindMs;
    return [[openMs, openMs + 5 * DAY_MS]];
  }
  return [1, 2, 3, 4, 5].map((day) => {
    const midnightMs = day * DAY_MS + behindMs;
    return [midnightMs + 9.5 * HOUR_MS, midnightMs + 16 * HOUR_MS] as const;
  });
}

function weekTable(
  intervals: readonly (readonly [number, number])[],
  slotMs: number,
): WeekTable {
  const slotsPerWeek = WEEK_MS / slotMs;
  const before = new Uint16Array(slotsPerWeek + 1);
  const slots: number[] = [];
  for (let slot = 0; slot < slotsPerWeek; slot++) {
    before[slot] = slots.length;
    const fromMs = slot * slotMs;
    if (intervals.some(([from, to]) => from < fromMs + slotMs && fromMs < to)) slots.push(slot);
  }
  before[slotsPerWeek] = slots.length;
  return { before, slots: Uint16Array.from(slots) };
}

/** Whether New York has summer time from that week's Sunday on. */
function isSummer(week: number): boolean {
  const sunday = new Date(FIRST_SUNDAY_MS + week * WEEK_MS);
  const month = sunday.getUTCMonth();
  // From the second Sunday of March to the first one of November.
  return month === 2 ? sunday.getUTCDate() >= 8 : month > 2 && month < 10;
}
