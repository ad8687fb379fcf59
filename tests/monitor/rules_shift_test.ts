import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  CATEGORIES_MAX,
  chiSquareQuantile,
  shiftOf,
  ShiftWatch,
} from "../../src/monitor/rules_shift.ts";

const counts = (values: Record<string, number>) => new Map(Object.entries(values));

Deno.test("shiftOf() gives PSI and chi-square as worked by hand", () => {
  const shift = shiftOf(counts({ up: 500, down: 500 }), counts({ up: 800, down: 200 }));
  // (0.8 − 0.5) ln 1.6 + (0.2 − 0.5) ln 0.4 = 0.1410 + 0.2749; the prior takes a thousandth.
  assertAlmostEquals(shift.psi, 0.4159, 0.002);
  // 2 × 2 table: n (ad − bc)² / (row and column sums) = 2000 · (500·200 − 500·800)² / (1000² · 1300 · 700).
  assertAlmostEquals(shift.chiSquare, 2_000 * 300_000 ** 2 / (1e6 * 1_300 * 700), 1e-6);
  assertEquals([shift.freedom, shift.moved], [1, true]);
});

Deno.test("shiftOf() calls neither a small change large, nor a large one of few labels sure", () => {
  assertEquals(shiftOf(counts({ a: 5e6, b: 5e6 }), counts({ a: 5.5e6, b: 4.5e6 })).moved, false);
  assertEquals(shiftOf(counts({ a: 50, b: 50 }), counts({ a: 90, b: 10 })).moved, false);
  assertEquals(shiftOf(counts({ a: 500 }), counts({ a: 900 })).moved, false);
  assertEquals(shiftOf(counts({}), counts({})).moved, false);
});

Deno.test("shiftOf() takes a category that is new, or gone", () => {
  const shift = shiftOf(counts({ a: 500, b: 500 }), counts({ a: 500, c: 500 }));
  assertEquals([shift.moved, shift.freedom], [true, 2]);
  assert(Number.isFinite(shift.psi));
});

Deno.test("chiSquareQuantile() is within 2 % of the tables", () => {
  // 99.9 % quantiles of published tables.
  for (
    const [freedom, quantile] of [[3, 16.266], [5, 20.515], [10, 29.588], [30, 59.703]] as const
  ) {
    assertAlmostEquals(chiSquareQuantile(freedom, 3.0902) / quantile, 1, 0.02);
  }
});

Deno.test("ShiftWatch says nothing of a week that is as ever, and of one that turned within 2 h", () => {
  const seed = 31;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const watch = new ShiftWatch();
  const HOUR_MS = 3_600_000;
  const hourOf = (hour: number, up: number) => {
    for (let i = 0; i < 600; i++) watch.add(random.next() < up ? "up" : "down", 1);
    return watch.look(hour * HOUR_MS)?.moved ?? false;
  };
  for (let hour = 0; hour < 168; hour++) assertEquals(hourOf(hour, 0.5), false);
  const turned = [168, 169].map((hour) => hourOf(hour, 0.9));
  assertEquals(turned.includes(true), true);
});

Deno.test("ShiftWatch waits until there are labels enough, and keeps few categories", () => {
  const watch = new ShiftWatch();
  for (let i = 0; i < 1_000; i++) watch.add(`outcome ${i}`, 1);
  for (let hour = 0; hour < 10; hour++) watch.look(hour * 3_600_000);
  assertEquals(watch.last, null);
  watch.add("a", 50);
  assertEquals(watch.look(11 * 3_600_000), null);
  for (let i = 0; i < 1_000; i++) watch.add(`outcome ${i}`, 1);
  assert((watch.look(13 * 3_600_000)?.freedom ?? 0) <= CATEGORIES_MAX + 1);
});
