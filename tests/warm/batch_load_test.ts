/** When bulk goes at once. */

import { assertEquals } from "@std/assert";
import { type LimitsNow, loadRatioOf, mayBulkGo } from "../../src/warm/batch_load.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const now = (limits: LimitsNow["limits"], more: Partial<LimitsNow> = {}): LimitsNow => ({
  limits,
  pausedForMs: 0,
  waiting: 0,
  ...more,
});

Deno.test("loadRatioOf() is the share of the limit most used", () => {
  assertEquals(loadRatioOf(null), 0);
  assertEquals(loadRatioOf(now([])), 0);
  const limits = [
    { windowMs: 1_000, usedRatio: 0.2 },
    { windowMs: MINUTE_MS, usedRatio: 0.6 },
  ];
  assertEquals(loadRatioOf(now(limits)), 0.6);
});

Deno.test("loadRatioOf() is 1 while calls wait for a limit, and in a pause", () => {
  const limits = [{ windowMs: MINUTE_MS, usedRatio: 0.1 }];
  assertEquals(loadRatioOf(now(limits, { waiting: 1 })), 1);
  assertEquals(loadRatioOf(now(limits, { pausedForMs: 10 })), 1);
});

Deno.test("loadRatioOf() takes a quota of a day for no load until it is nearly used up", () => {
  const minute = { windowMs: MINUTE_MS, usedRatio: 0.1 };
  const day = (usedRatio: number) => now([minute, { windowMs: DAY_MS, usedRatio }]);
  assertEquals(loadRatioOf(day(0.8)), 0.1);
  assertEquals(loadRatioOf(day(0.95)), 1);
});

Deno.test("mayBulkGo() lets bulk go up to half, what can wait for hours up to a quarter", () => {
  const look = { isLowLoad: false, isPatient: false };
  assertEquals(mayBulkGo({ ...look, loadRatio: 0.5 }), true);
  assertEquals(mayBulkGo({ ...look, loadRatio: 0.51 }), false);
  assertEquals(mayBulkGo({ ...look, isPatient: true, loadRatio: 0.25 }), true);
  assertEquals(mayBulkGo({ ...look, isPatient: true, loadRatio: 0.26 }), false);
});

Deno.test("mayBulkGo() leaves less to others in hours of low load", () => {
  for (const isPatient of [false, true]) {
    assertEquals(mayBulkGo({ isLowLoad: true, isPatient, loadRatio: 0.75 }), true);
    assertEquals(mayBulkGo({ isLowLoad: true, isPatient, loadRatio: 0.76 }), false);
  }
});
