/** Hours of low load. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { LowLoadHours, parseLowLoadHours } from "../../src/warm/batch_hours.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 2, 3);

/** Hours of a day that are low, each as one sees it who comes to it at once. */
function lowHours(known: () => LowLoadHours, dayMs: number): number[] {
  return Array.from({ length: 24 }, (_, hour) => hour)
    .filter((hour) => known().isLow(dayMs + hour * HOUR_MS));
}

/** A day on which an hour has so many calls. */
function live(hours: LowLoadHours, dayMs: number, callsOf: (hour: number) => number): void {
  for (let hour = 0; hour < 24; hour++) {
    for (let i = 0; i < callsOf(hour); i++) hours.note(dayMs + hour * HOUR_MS + i);
  }
}

Deno.test("LowLoadHours are those that were set until a day is known", () => {
  const hours = new LowLoadHours([22, 23]);
  assertEquals(lowHours(() => hours, START_MS), [22, 23]);
  assert(!hours.isLearned);
});

Deno.test("LowLoadHours learns hours of less than half of the mean", () => {
  const known = () => {
    const hours = new LowLoadHours([11, 12]);
    // 10 hours of 100 calls and 14 of 10: mean 47.5, half of it 23.75.
    live(hours, START_MS, (hour) => hour >= 8 && hour < 18 ? 100 : 10);
    assert(!hours.isLearned);
    hours.note(START_MS + 24 * HOUR_MS);
    assert(hours.isLearned);
    return hours;
  };
  const low = lowHours(known, START_MS + 24 * HOUR_MS).filter((hour) => hour < 8);
  assertEquals(low, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert(!known().isLow(START_MS + 32 * HOUR_MS));
});

Deno.test("LowLoadHours follows what changes within days", () => {
  const hours = new LowLoadHours();
  const dayMs = (day: number) => START_MS + day * 24 * HOUR_MS;
  for (let day = 0; day < 5; day++) live(hours, dayMs(day), (hour) => hour < 12 ? 100 : 0);
  assertEquals(hours.isLow(dayMs(5)), false);
  for (let day = 5; day < 10; day++) live(hours, dayMs(day), (hour) => hour < 12 ? 0 : 100);
  assertEquals(hours.isLow(dayMs(10)), true);
});

Deno.test("LowLoadHours takes hours without calls for low, and no hour when there is never any", () => {
  const none = () => {
    const hours = new LowLoadHours([3]);
    hours.isLow(START_MS);
    return hours;
  };
  assertEquals(lowHours(none, START_MS + 48 * HOUR_MS), []);
  const some = new LowLoadHours([]);
  live(some, START_MS, (hour) => hour === 12 ? 5 : 0);
  some.note(START_MS + 24 * HOUR_MS);
  assertEquals(some.isLow(START_MS + 39 * HOUR_MS), true);
});

Deno.test("LowLoadHours bears a wall clock that jumps", () => {
  const hours = new LowLoadHours();
  hours.note(START_MS + 400 * 24 * HOUR_MS);
  hours.note(START_MS);
  hours.note(START_MS + 4_000 * 24 * HOUR_MS);
  assertEquals(typeof hours.isLow(START_MS), "boolean");
});

Deno.test("LowLoadHours refuses hours that are none", () => {
  for (const hour of [-1, 24, 1.5, NaN]) assertThrows(() => new LowLoadHours([hour]), RangeError);
});

Deno.test("parseLowLoadHours() reads hours and ranges over midnight", () => {
  assertEquals(parseLowLoadHours("0,1,2"), [0, 1, 2]);
  assertEquals(parseLowLoadHours("22-1, 5"), [22, 23, 0, 1, 5]);
  assertEquals(parseLowLoadHours(""), []);
  for (const text of ["24", "x", "1-", "-1", "1;2", "3-24"]) {
    assertEquals(typeof parseLowLoadHours(text), "string", text);
  }
});
