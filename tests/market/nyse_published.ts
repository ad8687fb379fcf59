/**
 * Closings of the NYSE as published, and a slow calendar made of them and the clock of `Intl`.
 *
 * Sources: the exchange's holiday releases for 2022 to 2028 ("NYSE Group Announces 2022, 2023 and
 * 2024 Holiday and Early Closings Calendar" and its successors until that of 23 December 2025), its
 * calendars of 2011 to 2016 as reprinted at the time, the lists of QuantConnect's LEAN for 2017 to
 * 2021; days of mourning and storms from the press of the day.
 *
 * @module
 */

import type { CalendarName } from "../../src/market/instrument.ts";

/** Weekdays without trade, by year, as MM-DD. */
export const NYSE_CLOSED: Readonly<Record<number, string>> = {
  2011: "01-17 02-21 04-22 05-30 07-04 09-05 11-24 12-26",
  2012: "01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25",
  2013: "01-01 01-21 02-18 03-29 05-27 07-04 09-02 11-28 12-25",
  2014: "01-01 01-20 02-17 04-18 05-26 07-04 09-01 11-27 12-25",
  2015: "01-01 01-19 02-16 04-03 05-25 07-03 09-07 11-26 12-25",
  2016: "01-01 01-18 02-15 03-25 05-30 07-04 09-05 11-24 12-26",
  2017: "01-02 01-16 02-20 04-14 05-29 07-04 09-04 11-23 12-25",
  2018: "01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25",
  2019: "01-01 01-21 02-18 04-19 05-27 07-04 09-02 11-28 12-25",
  2020: "01-01 01-20 02-17 04-10 05-25 07-03 09-07 11-26 12-25",
  2021: "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24",
  2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
  2023: "01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25",
  2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
  2025: "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
  2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
  2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
  2028: "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25",
};

/** Days that ended at 13:00, as above. */
export const NYSE_EARLY: Readonly<Record<number, string>> = {
  2011: "11-25",
  2012: "07-03 11-23 12-24",
  2013: "07-03 11-29 12-24",
  2014: "07-03 11-28 12-24",
  2015: "11-27 12-24",
  2016: "11-25",
  2017: "07-03 11-24",
  2018: "07-03 11-23 12-24",
  2019: "07-03 11-29 12-24",
  2020: "11-27 12-24",
  2021: "11-26",
  2022: "11-25",
  2023: "07-03 11-24",
  2024: "07-03 11-29 12-24",
  2025: "07-03 11-28 12-24",
  2026: "11-27 12-24",
  2027: "11-26",
  2028: "07-03 11-24",
};

/** The span of the tables: from ≤ t < to, epoch milliseconds UTC. */
export const PUBLISHED_FROM_MS = Date.UTC(2011, 0, 2);
export const PUBLISHED_TO_MS = Date.UTC(2028, 11, 31);

/** Whether a date is in one of the tables. */
export function isPublished(table: Readonly<Record<number, string>>, date: string): boolean {
  return table[Number(date.slice(0, 4))]?.split(" ").includes(date.slice(5)) ?? false;
}

const CLOCK = new Intl.DateTimeFormat("en-CA", {
  timeZone: "America/New_York",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** Date, day of the week (0 is Sunday) and minute of the day in New York. */
export function newYork(ts: number): { date: string; weekday: number; minute: number } {
  const parts = Object.fromEntries(CLOCK.formatToParts(ts).map((p) => [p.type, p.value]));
  return {
    date: `${parts.year}-${parts.month}-${parts.day}`,
    weekday: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
      .indexOf(String(parts.weekday).slice(0, 3)),
    minute: Number(parts.hour) * 60 + Number(parts.minute),
  };
}

/** The slow twin of `isOpen` in the span of the tables. */
export function isOpenSlowly(calendar: CalendarName, ts: number): boolean {
  const { date, weekday, minute } = newYork(ts);
  if (calendar === "always") return true;
  if (calendar === "nyse") {
    if (weekday === 0 || weekday === 6 || isPublished(NYSE_CLOSED, date)) return false;
    return minute >= 570 && minute < (isPublished(NYSE_EARLY, date) ? 780 : 960);
  }
  if (weekday === 6 || (weekday === 5 && minute >= 1020) || (weekday === 0 && minute < 1020)) {
    return false;
  }
  // The day of trade is the date seven hours later.
  const day = newYork(ts + 7 * 3_600_000);
  const isHoliday = /-(12-25|01-01)$/.test(day.date) ||
    (day.weekday === 1 && /-(12-26|01-02)$/.test(day.date));
  return !isHoliday;
}
