import { assert, assertAlmostEquals, assertEquals, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import type { CalendarName } from "../../src/market/instrument.ts";
import { cellOf, meanOf, nextMean } from "../../src/warm/hour_cell.ts";
import { HourRows, rowsFor } from "../../src/warm/hour_rows.ts";
import { HourTotals } from "../../src/warm/hour_totals.ts";
import { seedOf } from "../actor/seed.ts";

const HOUR_MS = 3_600_000;
const WEEK_MS = 168 * HOUR_MS;
/** A Tuesday, 9:00 in New York; summer time begins on the Sunday after. */
const TUESDAY_9_MS = Date.parse("2026-03-03T14:00Z");

const rowsOf = (slots: number, calendar: CalendarName = "nyse", nowMs = TUESDAY_9_MS) =>
  new HourRows(slots, () => calendar, nowMs);

function record(rows: HourRows, slot: number, times: number): void {
  for (let i = 0; i < times; i++) rows.record(slot);
}

Deno.test("cellOf() is off by 3 % at most, and exact for none and not known", () => {
  for (let mean = 0.25; mean < 500_000; mean *= 1.37) {
    assertAlmostEquals(meanOf(cellOf(mean)), mean, mean * 0.031);
  }
  assertEquals([meanOf(cellOf(0)), meanOf(cellOf(NaN)), cellOf(1e12)], [0, NaN, 255]);
});

Deno.test("cellOf(): means that are halved reach 0 and do not stick", () => {
  let cell = cellOf(400);
  let weeks = 0;
  for (; meanOf(cell) > 0; weeks++) cell = cellOf(nextMean(meanOf(cell), 0));
  assertLessOrEqual(weeks, 14);
});

Deno.test("HourRows.expected() is the mean of the hour of the week, half of it the last week's", () => {
  const rows = rowsOf(4, "always");
  let atMs = TUESDAY_9_MS;
  for (const count of [100, 40, 10]) {
    record(rows, 1, count);
    for (let hour = 0; hour < 168; hour++) {
      atMs += HOUR_MS;
      rows.advance(atMs);
    }
  }
  assertAlmostEquals(rows.expected(1, TUESDAY_9_MS), (70 + 10) / 2, 4);
  assertEquals(rows.expected(1, TUESDAY_9_MS + HOUR_MS), 0);
  assertEquals(rows.expected(2, TUESDAY_9_MS), 0);
});

Deno.test("HourRows: New York's opening stays in its hour when summer time begins", () => {
  const rows = rowsOf(1);
  record(rows, 0, 50);
  // One hour of UTC earlier in the next week.
  rows.advance(TUESDAY_9_MS + HOUR_MS);
  assertAlmostEquals(rows.expected(0, TUESDAY_9_MS + WEEK_MS - HOUR_MS), 50, 1.5);
  rows.advance(TUESDAY_9_MS + WEEK_MS - HOUR_MS);
  record(rows, 0, 20);
  rows.advance(TUESDAY_9_MS + WEEK_MS);
  assertAlmostEquals(rows.expected(0, TUESDAY_9_MS + 2 * WEEK_MS - HOUR_MS), 35, 2);
  // What always trades has moved by an hour of New York's.
  const always = rowsOf(1, "always");
  record(always, 0, 50);
  always.advance(TUESDAY_9_MS + HOUR_MS);
  assertAlmostEquals(always.expected(0, TUESDAY_9_MS + WEEK_MS), 50, 1.5);
});

Deno.test("HourRows.expected() takes other weekdays for a weekday that is not known", () => {
  const rows = rowsOf(1);
  record(rows, 0, 60);
  rows.advance(TUESDAY_9_MS + HOUR_MS);
  const day = (days: number) => rows.expected(0, TUESDAY_9_MS + days * 24 * HOUR_MS);
  assertAlmostEquals(day(1), 60, 2);
  assertAlmostEquals(day(3), 60, 2);
  assertEquals(day(4), 0); // Saturday.
});

Deno.test("HourRows.advance() ends each hour once, those without accesses too", () => {
  const rows = rowsOf(1);
  record(rows, 0, 10);
  assertEquals(rows.advance(TUESDAY_9_MS + HOUR_MS - 1), false);
  assertEquals(rows.advance(TUESDAY_9_MS + 5 * HOUR_MS), true);
  assertEquals(rows.advance(TUESDAY_9_MS + 5 * HOUR_MS), false);
  assertAlmostEquals(rows.expected(0, TUESDAY_9_MS), 10, 0.4);
  // Known to be none: the other days would say the same, but this one says it.
  rows.advance(TUESDAY_9_MS + WEEK_MS + HOUR_MS);
  assertAlmostEquals(rows.expected(0, TUESDAY_9_MS), 5, 0.3);
  assertEquals(rows.expected(0, TUESDAY_9_MS + 2 * HOUR_MS), 0);
});

Deno.test("HourRows.rebalance() moves rows to the slots with the highest values", () => {
  const slots = 8_000;
  const rows = rowsOf(slots);
  const count = rowsFor(slots);
  assertEquals(count, 100);
  for (let slot = 0; slot < count + 50; slot++) rows.record(slot);
  assertEquals(rows.size, count);
  const values = new Float32Array(slots);
  const random = seededRandom(seedOf("hour_rows_test"));
  for (let slot = 0; slot < slots; slot++) values[slot] = random.next();
  for (let slot = 1_000; slot < 1_000 + count; slot++) values[slot] = 10 + random.next();
  rows.rebalance(values);
  const found = new Set<number>();
  rows.forEach((slot) => found.add(slot));
  assertEquals(found.size, count);
  for (let slot = 1_000; slot < 1_000 + count; slot++) assert(found.has(slot), `${slot}`);
});

Deno.test("HourRows.clear() takes the row, and the next key begins with nothing", () => {
  const rows = rowsOf(1);
  record(rows, 0, 10);
  rows.advance(TUESDAY_9_MS + HOUR_MS);
  rows.clear(0);
  rows.clear(0);
  assertEquals([rows.size, rows.expected(0, TUESDAY_9_MS)], [0, 0]);
  record(rows, 0, 1);
  assertEquals([rows.size, rows.expected(0, TUESDAY_9_MS)], [1, 0]);
});

Deno.test("HourRows.restore() takes no hours without accesses for the time in between", () => {
  const rows = rowsOf(2);
  record(rows, 0, 64);
  rows.advance(TUESDAY_9_MS + HOUR_MS);
  record(rows, 0, 8);
  const restored = rowsOf(2, "nyse", TUESDAY_9_MS + 4 * HOUR_MS);
  restored.restore(rows.snapshot(), Int32Array.of(-1, 0), TUESDAY_9_MS + 4 * HOUR_MS);
  assertAlmostEquals(restored.expected(1, TUESDAY_9_MS), 64, 2);
  assertAlmostEquals(restored.expected(1, TUESDAY_9_MS + HOUR_MS), 8, 0.3);
  const later = rowsOf(2, "nyse", TUESDAY_9_MS + 2.5 * WEEK_MS);
  later.restore(rows.snapshot(), Int32Array.of(0, -1), TUESDAY_9_MS + 2.5 * WEEK_MS);
  assertAlmostEquals(later.expected(0, TUESDAY_9_MS), 16, 1);
});

Deno.test("HourTotals.byHour() has the shares of hours of New York's day", () => {
  const totals = new HourTotals(TUESDAY_9_MS);
  for (let i = 0; i < 30; i++) totals.record();
  totals.advance(TUESDAY_9_MS + HOUR_MS);
  for (let i = 0; i < 10; i++) totals.record();
  const hours = totals.byHour();
  assertEquals(hours.length, 24);
  assertAlmostEquals(hours[9] as number, 0.75);
  assertAlmostEquals(hours[10] as number, 0.25);
  assertAlmostEquals(hours.reduce((sum, share) => sum + share, 0), 1);
  assertEquals(new HourTotals(TUESDAY_9_MS).byHour(), new Array(24).fill(0));
});

Deno.test("HourTotals: means go on over a restart", () => {
  const totals = new HourTotals(TUESDAY_9_MS);
  for (let i = 0; i < 30; i++) totals.record();
  const restored = new HourTotals(TUESDAY_9_MS + WEEK_MS);
  restored.restore(totals.snapshot(), TUESDAY_9_MS + WEEK_MS);
  const week = restored.byHourOfWeek();
  assertEquals(week.filter((mean) => mean > 0), [30]);
});
