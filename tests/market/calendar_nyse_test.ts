import { assertEquals } from "@std/assert";
import { dayKind, type TradingDay, tradingDays } from "../../src/market/calendar.ts";
import { dayNumber, dayText, weekdayOf } from "../../src/market/calendar_civil.ts";
import { newYork, NYSE_CLOSED, NYSE_EARLY } from "./nyse_published.ts";

const dayOf = (date: string) => Date.parse(date) / 86_400_000;
const kindOf = (date: string) => dayKind("nyse", dayOf(date));

/** Weekdays of a year of this kind, as MM-DD. */
function daysOf(year: number, kind: string): string {
  const found: string[] = [];
  for (let day = dayNumber(year, 1, 1); day < dayNumber(year + 1, 1, 1); day++) {
    const isWeekday = weekdayOf(day) % 6 !== 0;
    if (isWeekday && dayKind("nyse", day).kind === kind) found.push(dayText(day).slice(5));
  }
  return found.join(" ");
}

for (const [year, closed] of Object.entries(NYSE_CLOSED)) {
  Deno.test(`dayKind() of the NYSE has the closings published for ${year}`, () => {
    assertEquals(daysOf(Number(year), "closed"), closed);
    assertEquals(daysOf(Number(year), "early"), NYSE_EARLY[Number(year)]);
    assertEquals(daysOf(Number(year), "late"), "");
  });
}

Deno.test("dayKind() of the NYSE knows the 13:00 closes of 2000 to 2010", () => {
  // As in pandas_market_calendars. Wednesday 3 July 2002 was a full day, Friday the 5th a short
  // one.
  const published: Readonly<Record<number, string>> = {
    2000: "07-03 11-24",
    2001: "07-03 11-23 12-24",
    2002: "07-05 11-29 12-24",
    2003: "07-03 11-28 12-24 12-26",
    2004: "11-26",
    2005: "11-25",
    2006: "07-03 11-24",
    2007: "07-03 11-23 12-24",
    2008: "07-03 11-28 12-24",
    2009: "11-27 12-24",
    2010: "11-26",
  };
  for (const [year, days] of Object.entries(published)) {
    const found = daysOf(Number(year), "early").split(" ");
    // A halt four minutes before the end is another test's.
    assertEquals(found.filter((day) => `${year}-${day}` !== "2005-06-01").join(" "), days, year);
  }
});

Deno.test("dayKind() of the NYSE says why a day is closed", () => {
  const reasons = [
    ["2024-03-29", "Good Friday"],
    ["2022-06-20", "Juneteenth"],
    ["2001-09-11", "attacks of 11 September"],
    ["2001-09-14", "attacks of 11 September"],
    ["2004-06-11", "mourning for President Reagan"],
    ["2007-01-02", "mourning for President Ford"],
    ["2012-10-29", "Hurricane Sandy"],
    ["2018-12-05", "mourning for President G. H. W. Bush"],
    ["2025-01-09", "mourning for President Carter"],
    ["2024-06-15", "weekend"],
  ] as const;
  for (const [date, reason] of reasons) {
    assertEquals([kindOf(date).kind, kindOf(date).reason], ["closed", reason], date);
  }
  assertEquals(kindOf("2024-11-29").reason, "day after Thanksgiving");
  assertEquals(kindOf("2024-06-14").reason, null);
});

Deno.test("dayKind() of the NYSE observes no New Year's Day on a Saturday", () => {
  for (const year of [1994, 2000, 2005, 2011, 2022, 2028]) {
    assertEquals(kindOf(`${year - 1}-12-31`).kind, "full");
    assertEquals(kindOf(`${year}-01-03`).kind, "full");
  }
});

Deno.test("dayKind() of the NYSE keeps holidays only since they are kept", () => {
  assertEquals(kindOf("1997-01-20").kind, "full");
  assertEquals(kindOf("1998-01-19").reason, "Martin Luther King, Jr. Day");
  assertEquals(kindOf("2021-06-18").kind, "full");
  assertEquals(kindOf("2020-06-19").kind, "full");
});

/** Opening and closing in New York, HH:MM. */
function hoursOf(date: string): string {
  const [day] = [...tradingDays("nyse", dayOf(date), dayOf(date) + 1)] as [TradingDay];
  const clock = (ts: number) => {
    const { minute } = newYork(ts);
    return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${
      String(minute % 60).padStart(2, "0")
    }`;
  };
  return `${day.kind} ${clock(day.openMs)}-${clock(day.closeMs)}`;
}

Deno.test("tradingDays() of the NYSE knows days with other hours", () => {
  assertEquals(hoursOf("2024-07-02"), "full 09:30-16:00");
  assertEquals(hoursOf("2024-07-03"), "early 09:30-13:00");
  assertEquals(hoursOf("2001-09-17"), "late 09:33-16:00");
  assertEquals(hoursOf("2001-10-08"), "late 09:31-16:00");
  // ABC News, 11 September 2002: the opening was put off by two and a half hours.
  assertEquals(hoursOf("2002-09-11"), "late 12:00-16:00");
  assertEquals(hoursOf("2003-03-20"), "late 09:32-16:00");
  assertEquals(hoursOf("2003-12-26"), "early 09:30-13:00");
  assertEquals(hoursOf("2004-06-07"), "late 09:32-16:00");
  // Los Angeles Times, 2 June 2005.
  assertEquals(hoursOf("2005-06-01"), "early 09:30-15:56");
  assertEquals(hoursOf("2006-12-27"), "late 09:32-16:00");
});
