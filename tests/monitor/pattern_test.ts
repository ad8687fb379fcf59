import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Pattern, WEEK_HOURS, WEEKS } from "../../src/monitor/pattern.ts";
import { poisson } from "./alert_day.ts";

const HOUR_MS = 3_600_000, WEEK_MS = WEEK_HOURS * HOUR_MS, SPAN_MS = 300_000;
/** A Thursday, as 1 January 1970 was: hour 0 of a week as it is counted here. */
const START = 2_900 * WEEK_MS;

/** Candles per second by hour of the week: nothing for two days, by day twice what is by night. */
function usualRate(hour: number): number {
  const inWeek = hour % WEEK_HOURS;
  if (inWeek < 48) return 0;
  return inWeek % 24 >= 8 && inWeek % 24 < 20 ? 20 : 10;
}

/** Feeds whole weeks of Poisson counts every five minutes; `spoilt`: hours with ten times as much. */
function feed(pattern: Pattern, weeks: number, seed: number, spoilt: readonly number[] = []) {
  const random = seededRandom(seed);
  for (let at = START + SPAN_MS; at <= START + weeks * WEEK_MS; at += SPAN_MS) {
    const hour = Math.floor((at - 1 - START) / HOUR_MS);
    const times = spoilt.includes(hour) ? 10 : 1;
    pattern.record(poisson(random, times * usualRate(hour) * SPAN_MS / 1_000), SPAN_MS, at - 1);
  }
}

const atHour = (weeks: number, hour: number) => START + weeks * WEEK_MS + (hour + 0.5) * HOUR_MS;
/** 15 minutes of so many per second. */
const judge = (pattern: Pattern, rate: number, at: number) =>
  pattern.judge(rate * 900, 900_000, at);

Deno.test("Pattern says nothing before it has seen an hour in enough weeks", () => {
  const pattern = new Pattern();
  feed(pattern, 3, 1);
  assertEquals(pattern.usualAt(atHour(3, 60)), null);
  assertEquals(judge(pattern, 1_000, atHour(3, 60)), "unknown");
});

Deno.test("Pattern tells the unusual from the usual hour by hour", () => {
  const pattern = new Pattern();
  feed(pattern, 4, 2);
  const day = atHour(4, 60), night = atHour(4, 3 * 24 + 3), closed = atHour(4, 20);
  assertAlmostEquals(pattern.usualAt(day)?.rate ?? NaN, 20, 0.5);
  assertEquals(pattern.usualAt(day)?.weeks, 4);
  assertEquals([20, 24, 16].map((rate) => judge(pattern, rate, day)), ["usual", "usual", "usual"]);
  assertEquals([40, 5].map((rate) => judge(pattern, rate, day)), ["high", "low"]);
  assertEquals([10, 20].map((rate) => judge(pattern, rate, night)), ["usual", "high"]);
  assertEquals([0, 1].map((rate) => judge(pattern, rate, closed)), ["usual", "high"]);
});

Deno.test("Pattern: a wild week moves neither median nor deviation by much", () => {
  const pattern = new Pattern();
  feed(pattern, 5, 3, [WEEK_HOURS + 60]);
  const usual = pattern.usualAt(atHour(5, 60));
  assertAlmostEquals(usual?.rate ?? NaN, 20, 0.5);
  assertAlmostEquals(usual?.deviation ?? NaN, 2, 0.2);
  assertEquals(judge(pattern, 200, atHour(5, 60)), "high");
});

Deno.test("Pattern: a rhythm that moved by an hour is usual, as when clocks change", () => {
  const pattern = new Pattern();
  feed(pattern, 4, 4);
  // The day begins at 8; an hour earlier it is still night, so 20 per second is of the next hour.
  assertEquals(judge(pattern, 20, atHour(4, 48 + 7)), "usual");
  assertEquals(judge(pattern, 20, atHour(4, 48 + 5)), "high");
});

Deno.test("Pattern forgets weeks beyond its memory", () => {
  const pattern = new Pattern();
  feed(pattern, 12, 5);
  assertEquals(pattern.usualAt(atHour(12, 60))?.weeks, WEEKS - 1);
  assertEquals(pattern.snapshot().rates.length, WEEK_HOURS * WEEKS);
});

Deno.test("Pattern: hours leapt over or half watched are unknown, time that goes back is left out", () => {
  const pattern = new Pattern({ weeksMin: 1 });
  pattern.record(100, HOUR_MS, START + HOUR_MS - 1);
  pattern.record(100, HOUR_MS, START + 10 * HOUR_MS);
  assertEquals(pattern.usualAt(START + WEEK_MS)?.weeks, 1);
  assertEquals(pattern.usualAt(START + WEEK_MS + 5 * HOUR_MS), null);
  pattern.record(1e9, HOUR_MS, START + 9 * HOUR_MS);
  pattern.record(1, 60_000, START + 11 * HOUR_MS);
  pattern.record(1, 60_000, START + 12 * HOUR_MS);
  assertAlmostEquals(pattern.usualAt(START + WEEK_MS + 10 * HOUR_MS)?.rate ?? NaN, 100 / 3_600);
  assertEquals(pattern.usualAt(START + WEEK_MS + 11 * HOUR_MS), null);
  // A leap of years leaves nothing, and takes no time.
  pattern.record(1, 60_000, START + 1e6 * WEEK_MS);
  assertEquals(pattern.snapshot().rates.every((rate) => rate === null), true);
});

Deno.test("Pattern.restore() knows the weeks of the snapshot and refuses what is none", () => {
  const pattern = new Pattern();
  feed(pattern, 5, 6);
  const state = JSON.parse(JSON.stringify(pattern.snapshot()));
  const other = new Pattern();
  other.restore(state);
  assertEquals(other.usualAt(atHour(5, 60)), pattern.usualAt(atHour(5, 60)));
  assertThrows(() => other.restore({ rates: [1], hour: 0 }), RangeError, "rates of at least 0");
  assertThrows(() => other.restore({ ...state, rates: state.rates.map(() => -1) }), RangeError);
});
