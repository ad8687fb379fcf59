import { assertEquals } from "@std/assert";
import { hourOfWeek, isWeekendHour, WEEK_HOURS } from "../../src/warm/hour_of_week.ts";

const HOUR_MS = 3_600_000;
const at = (text: string) => Date.parse(text);
const SUNDAY = 0, MONDAY = 24, TUESDAY = 48, THURSDAY = 96;

Deno.test("hourOfWeek() is New York's for nyse and fx, UTC's for always", () => {
  const openMs = at("2026-03-03T14:30:00Z"); // Tuesday, 9:30 in New York.
  assertEquals(hourOfWeek("nyse", openMs), TUESDAY + 9);
  assertEquals(hourOfWeek("fx", openMs), TUESDAY + 9);
  assertEquals(hourOfWeek("always", openMs), TUESDAY + 14);
  assertEquals(hourOfWeek("always", 0), THURSDAY);
  assertEquals(hourOfWeek("always", -HOUR_MS), THURSDAY - 1);
  assertEquals(hourOfWeek("nyse", at("2026-03-02T04:59:59Z")), SUNDAY + 23);
  assertEquals(hourOfWeek("nyse", at("2026-03-02T05:00:00Z")), MONDAY);
});

Deno.test("hourOfWeek(): the opening is in one hour of the week before and after summer time", () => {
  // Summer time begins on 2026-03-08 and ends on 2026-11-01.
  for (const opening of ["2026-03-03T14:30Z", "2026-03-10T13:30Z", "2026-11-03T14:30Z"]) {
    assertEquals(hourOfWeek("nyse", at(opening)), TUESDAY + 9);
  }
});

Deno.test("hourOfWeek() leaves out the hour that summer time takes, and has the other twice", () => {
  const hours = (from: string) =>
    Array.from({ length: 4 }, (_, i) => hourOfWeek("nyse", at(from) + i * HOUR_MS));
  assertEquals(hours("2026-03-08T05:00Z"), [0, 1, 3, 4]);
  assertEquals(hours("2026-11-01T04:00Z"), [0, 1, 1, 2]);
});

Deno.test("isWeekendHour() is true for 48 hours", () => {
  const hours = Array.from({ length: WEEK_HOURS }, (_, ofWeek) => ofWeek).filter(isWeekendHour);
  assertEquals(hours.length, 48);
  assertEquals([hours[23], hours[24]], [23, 144]);
});
