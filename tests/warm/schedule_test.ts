import { assert, assertEquals } from "@std/assert";
import { dayOfDate, nextOnTradingDay, Schedule } from "../../src/warm/schedule.ts";
import type { WarmingSchedule } from "../../src/warm/settings.ts";
import type { MarketEvent } from "../../src/warm/types.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const none = { events: () => [] };
const hourly: WarmingSchedule = { kind: "interval", everyMs: HOUR_MS, adapts: false };
const preMarket: WarmingSchedule = { kind: "trading_day", minute: 510 };

/** Moments at which a schedule is due that is asked every `stepMs`, as texts of UTC. */
function dueTimes(
  schedule: Schedule,
  fromMs: number,
  toMs: number,
  stepMs = 10_000,
): readonly string[] {
  const due: string[] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += stepMs) {
    if (schedule.isDue(nowMs)) due.push(new Date(nowMs).toISOString().slice(0, 16));
  }
  return due;
}

Deno.test("Schedule runs an interval on its grid, however late it is asked", () => {
  const fromMs = Date.UTC(2026, 2, 3, 9, 20);
  const schedule = new Schedule(hourly, none, fromMs);
  // 7 minutes do not divide an hour: each run is late, and the next one is not later for it.
  assertEquals(dueTimes(schedule, fromMs, fromMs + 4 * HOUR_MS, 7 * MINUTE_MS), [
    "2026-03-03T10:02",
    "2026-03-03T11:05",
    "2026-03-03T12:01",
    "2026-03-03T13:04",
  ]);
  assertEquals(schedule.nextMs, Date.UTC(2026, 2, 3, 14));
});

Deno.test("Schedule does not make up for what was due before it was made", () => {
  const nowMs = Date.UTC(2026, 2, 3, 10);
  const schedule = new Schedule(hourly, none, nowMs);
  assertEquals([schedule.isDue(nowMs), schedule.nextMs], [false, nowMs + HOUR_MS]);
});

Deno.test("Schedule runs once after a jump of the clock over many moments", () => {
  const nowMs = Date.UTC(2026, 2, 3, 10, 30);
  for (const kind of [hourly, preMarket]) {
    const schedule = new Schedule(kind, none, nowMs);
    const laterMs = nowMs + 9 * DAY_MS;
    const due = [schedule.isDue(laterMs), schedule.isDue(laterMs), schedule.isDue(laterMs + 1)];
    assertEquals(due, [true, false, false]);
    assert((schedule.nextMs ?? 0) > laterMs);
  }
});

Deno.test("Schedule runs every hour once where clocks are changed", () => {
  // New York: forward on 2026-03-08 at 07:00 UTC, back on 2026-11-01 at 06:00 UTC.
  for (const fromMs of [Date.UTC(2026, 2, 8), Date.UTC(2026, 10, 1)]) {
    const schedule = new Schedule(hourly, none, fromMs);
    const due = dueTimes(schedule, fromMs, fromMs + DAY_MS, MINUTE_MS);
    assertEquals(due.length, 24);
    assertEquals(new Set(due).size, 24);
  }
});

Deno.test("Schedule runs at 8:30 in New York on trading days, in summer and in winter", () => {
  // Friday to Tuesday over the change of the clock.
  const fromMs = Date.UTC(2026, 2, 6);
  const schedule = new Schedule(preMarket, none, fromMs);
  assertEquals(dueTimes(schedule, fromMs, fromMs + 5 * DAY_MS, MINUTE_MS), [
    "2026-03-06T13:30",
    "2026-03-09T12:30",
    "2026-03-10T12:30",
  ]);
});

Deno.test("nextOnTradingDay() leaves out weekends and holidays", () => {
  // Good Friday was 2026-04-03.
  const next = nextOnTradingDay(510, Date.UTC(2026, 3, 2, 20));
  assertEquals(next, Date.UTC(2026, 3, 6, 12, 30));
  assertEquals(nextOnTradingDay(510, 9e14), null);
});

Deno.test("Schedule runs on the evening before a date and on its morning", () => {
  let events: readonly MarketEvent[] = [];
  const event: WarmingSchedule = { kind: "event", eveningMinute: 1_080, morningMinute: 420 };
  const fromMs = Date.UTC(2026, 2, 2);
  const schedule = new Schedule(event, { events: () => events }, fromMs);
  assertEquals(schedule.nextMs, null);
  assertEquals(schedule.isDue(fromMs + HOUR_MS), false);
  // Said after the start; two symbols on one date are one run.
  events = [
    { symbol: "AAPL", kind: "earnings", date: "2026-03-09", when: null },
    { symbol: "MSFT", kind: "earnings", date: "2026-03-09", when: null },
    { symbol: null, kind: "rates", date: "no date", when: null },
  ];
  assertEquals(dueTimes(schedule, fromMs + HOUR_MS, fromMs + 14 * DAY_MS, MINUTE_MS), [
    "2026-03-08T22:00",
    "2026-03-09T11:00",
  ]);
  assertEquals(schedule.nextMs, null);
});

Deno.test("Schedule adapts an interval to what its runs find, within a quarter and four times", () => {
  const adaptive: WarmingSchedule = { kind: "interval", everyMs: 30 * MINUTE_MS, adapts: true };
  const nowMs = Date.UTC(2026, 2, 3, 9, 1);
  const schedule = new Schedule(adaptive, none, nowMs);
  const minutesAfter = (proposed: number, absent: number) => {
    schedule.found({ proposed, absent }, nowMs);
    return schedule.everyMs / MINUTE_MS;
  };
  assertEquals([1, 2, 3].map(() => minutesAfter(100, 80)), [15, 7.5, 7.5]);
  assertEquals(schedule.nextMs, Date.UTC(2026, 2, 3, 9, 7) + 30_000);
  assertEquals(minutesAfter(100, 20), 7.5);
  assertEquals([1, 2, 3, 4, 5].map(() => minutesAfter(100, 0)), [15, 30, 60, 120, 120]);
  assertEquals(schedule.nextMs, Date.UTC(2026, 2, 3, 10));
});

Deno.test("Schedule does not run for ever where cron says a time that is over", () => {
  const cron: WarmingSchedule = { kind: "cron", pattern: "0 * * * *", timeZone: "UTC" };
  let answer: number | null = 1_000;
  const schedule = new Schedule(cron, { ...none, cronNextMs: () => answer }, 0);
  answer = 1_000;
  assertEquals([schedule.isDue(1_000), schedule.isDue(1_001), schedule.nextMs], [
    true,
    false,
    null,
  ]);
  assertEquals(new Schedule(cron, none, 0).nextMs, null);
});

Deno.test("dayOfDate() takes dates of the calendar only", () => {
  assertEquals(dayOfDate("1970-01-02"), 1);
  for (const text of ["2026-02-30", "2026-13-01", "26-01-01", "2026-1-1", "", "x"]) {
    assertEquals(dayOfDate(text), null, text);
  }
});
