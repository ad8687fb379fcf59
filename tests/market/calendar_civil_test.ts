import { assertEquals } from "@std/assert";
import {
  dayNumber,
  dayText,
  easterSunday,
  lastWeekday,
  nthWeekday,
  Weekday,
  weekdayOf,
} from "../../src/market/calendar_civil.ts";

Deno.test("easterSunday() gives the published dates", () => {
  // U.S. Census Bureau, "Easter Dates from 1600 to 2099", with the earliest and the latest
  // possible.
  const published = (
    "1818-03-22 1886-04-25 1943-04-25 1954-04-18 1961-04-02 1981-04-19 1998-04-12 1999-04-04 " +
    "2000-04-23 2001-04-15 2008-03-23 2011-04-24 2016-03-27 2019-04-21 2024-03-31 2025-04-20 " +
    "2026-04-05 2027-03-28 2028-04-16 2038-04-25 2049-04-18 2076-04-19 2099-04-12"
  ).split(" ");
  assertEquals(published.map((date) => dayText(easterSunday(Number(date.slice(0, 4))))), published);
});

Deno.test("easterSunday() is a Sunday from 22 March to 25 April in every year", () => {
  for (let year = 1583; year < 3000; year++) {
    const day = easterSunday(year);
    assertEquals(weekdayOf(day), Weekday.sunday);
    const date = dayText(day).slice(5);
    assertEquals(date >= "03-22" && date <= "04-25", true, dayText(day));
  }
});

Deno.test("weekdayOf() agrees with Date, before 1970 too", () => {
  for (let day = -1_000; day < 1_000; day++) {
    assertEquals(weekdayOf(day), new Date(day * 86_400_000).getUTCDay() as 0);
  }
});

Deno.test("nthWeekday() and lastWeekday() find the day in a month that begins or ends on it", () => {
  const { monday, thursday } = Weekday;
  assertEquals(dayText(nthWeekday(2025, 9, monday, 1)), "2025-09-01");
  assertEquals(dayText(nthWeekday(2024, 9, monday, 1)), "2024-09-02");
  assertEquals(dayText(nthWeekday(2029, 11, thursday, 4)), "2029-11-22");
  assertEquals(dayText(nthWeekday(2024, 11, thursday, 4)), "2024-11-28");
  assertEquals(dayText(lastWeekday(2027, 5, monday)), "2027-05-31");
  assertEquals(dayText(lastWeekday(2026, 5, monday)), "2026-05-25");
  assertEquals(dayText(lastWeekday(2026, 12, thursday)), "2026-12-31");
  assertEquals(dayText(dayNumber(2024, 2, 29)), "2024-02-29");
});
