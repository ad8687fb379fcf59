import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ACTIVITY_NUMBERS, GroupActivity } from "../../src/warm/chance_activity.ts";

const HOUR_MS = 3_600_000;
/** 00:00 in New York, Tuesday 2026-06-02. */
const MIDNIGHT_MS = Date.UTC(2026, 5, 2, 4);

/** Even accesses at a rate by hour of New York's day. */
function live(
  activity: GroupActivity,
  fromMs: number,
  toMs: number,
  rate: (hour: number) => number,
) {
  let owed = 0;
  for (let atMs = fromMs; atMs < toMs; atMs += 1_000) {
    activity.advance(atMs);
    owed += rate(((atMs - MIDNIGHT_MS) / HOUR_MS) % 24);
    for (; owed >= 1; owed--) activity.add();
  }
  activity.advance(toMs);
}

Deno.test("GroupActivity.expected() is the rate of late when nothing changes", () => {
  const activity = new GroupActivity("nyse");
  const nowMs = MIDNIGHT_MS + 12 * HOUR_MS;
  live(activity, MIDNIGHT_MS + 11 * HOUR_MS, nowMs, () => 0.5);
  assertAlmostEquals(activity.expected(nowMs, 300_000), 150, 8);
});

Deno.test("GroupActivity.expected() follows a change within minutes", () => {
  const activity = new GroupActivity("nyse");
  const turnMs = MIDNIGHT_MS + 12 * HOUR_MS;
  live(activity, MIDNIGHT_MS + 10 * HOUR_MS, turnMs, () => 0.5);
  live(activity, turnMs, turnMs + 15 * 60_000, () => 2);
  const expected = activity.expected(turnMs + 15 * 60_000, 300_000);
  assertEquals(expected > 450 && expected < 650, true, String(expected));
});

Deno.test("GroupActivity.expected() knows the coming half hour from the days before", () => {
  const activity = new GroupActivity("nyse");
  const day = (hour: number) => hour >= 5 && hour < 6 ? 4 : 0.4;
  // Three days on which the odd hour from five to six is ten times as busy.
  const nowMs = MIDNIGHT_MS + 3 * 24 * HOUR_MS + 5 * HOUR_MS - 60_000;
  live(activity, MIDNIGHT_MS, nowMs, day);
  const expected = activity.expected(nowMs, 20 * 60_000);
  assertAlmostEquals(expected / (0.4 * 60 + 4 * 19 * 60), 1, 0.1);
});

Deno.test("GroupActivity.expected() tells days without trade apart", () => {
  const activity = new GroupActivity("nyse");
  // Tuesday to Monday morning; Saturday and Sunday are quiet.
  const isQuiet = (atMs: number) =>
    [4, 5].includes(Math.floor((atMs - MIDNIGHT_MS) / 24 / HOUR_MS));
  for (let hour = 0; hour < 6 * 24; hour++) {
    const fromMs = MIDNIGHT_MS + hour * HOUR_MS;
    live(activity, fromMs, fromMs + HOUR_MS, () => isQuiet(fromMs) ? 0.05 : 1);
  }
  const mondayMs = MIDNIGHT_MS + 6 * 24 * HOUR_MS;
  // A minute after a quiet Sunday the level says what Monday is.
  const expected = activity.expected(mondayMs, HOUR_MS);
  assertEquals(expected > 1_500 && expected < 5_000, true, String(expected));
});

Deno.test("GroupActivity goes on from a snapshot", () => {
  const activity = new GroupActivity("fx");
  const nowMs = MIDNIGHT_MS + 30 * HOUR_MS;
  live(activity, MIDNIGHT_MS, nowMs, (hour) => hour < 12 ? 1 : 2);
  const again = new GroupActivity("fx");
  const saved = activity.snapshot();
  assertEquals(saved.length, ACTIVITY_NUMBERS);
  again.restore(saved);
  again.advance(nowMs);
  for (const windowMs of [60_000, HOUR_MS, 24 * HOUR_MS]) {
    assertAlmostEquals(again.expected(nowMs, windowMs), activity.expected(nowMs, windowMs), 1e-6);
  }
});
