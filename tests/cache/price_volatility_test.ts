/** Present against usual volatility, from prices whose volatility is known. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  PriceVolatility,
  VOLATILITY_PRICES_MIN,
  VOLATILITY_SYMBOLS_MAX,
} from "../../src/cache/price_volatility.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`price_volatility_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const MINUTE_MS = 60_000;

/** Feeds a random walk of so many minutes whose steps have a deviation. */
function walk(
  volatility: PriceVolatility,
  random: { next(): number },
  { fromMs, minutes, deviation, price }: {
    fromMs: number;
    minutes: number;
    deviation: number;
    price: number;
  },
): number {
  let now = price;
  for (let i = 1; i <= minutes; i++) {
    // Two values with the same chance have exactly this deviation.
    now *= Math.exp(random.next() < 0.5 ? deviation : -deviation);
    volatility.observe("A", now, fromMs + i * MINUTE_MS);
  }
  return now;
}

Deno.test("PriceVolatility.ratio() is 1 at the usual volatility, 3 at three times of it", () => {
  const random = seededRandom(SEED);
  const volatility = new PriceVolatility();
  const week = 7 * 24 * 60;
  const price = walk(volatility, random, { fromMs: 0, minutes: week, deviation: 1e-3, price: 100 });
  assertAlmostEquals(volatility.ratio("A"), 1, 1e-6);
  const fromMs = week * MINUTE_MS;
  walk(volatility, random, { fromMs, minutes: 120, deviation: 3e-3, price });
  // Two hours are 2^-8 of the fast memory, and 1.2 % of a half-life of the slow one.
  const slow = 0.5 ** (120 / week);
  const fast = 0.5 ** (120 / 15);
  const expected = Math.sqrt((fast + 9 * (1 - fast)) / (slow + 9 * (1 - slow)));
  assertAlmostEquals(volatility.ratio("A"), expected, 1e-6);
  assert(expected > 2.8);
});

Deno.test("PriceVolatility.ratio() is 1 for what is unknown, too short, still, or no price", () => {
  const volatility = new PriceVolatility();
  assertEquals(volatility.ratio("A"), 1);
  for (let i = 0; i < VOLATILITY_PRICES_MIN - 1; i++) {
    volatility.observe("A", 100 + i % 2, i * MINUTE_MS);
  }
  assertEquals(volatility.ratio("A"), 1);
  for (let i = 0; i < 100; i++) volatility.observe("B", 100, i * MINUTE_MS);
  assertEquals(volatility.ratio("B"), 1);
  for (const price of [NaN, 0, -1, Infinity]) volatility.observe("C", price, 1);
  assertEquals(volatility.ratio("C"), 1);
});

Deno.test("PriceVolatility.observe() leaves out times that go back, and steps over a pause", () => {
  const random = seededRandom(SEED);
  const [a, b] = [new PriceVolatility(), new PriceVolatility()];
  for (const one of [a, b]) {
    walk(one, seededRandom(SEED), { fromMs: 0, minutes: 200, deviation: 1e-3, price: 100 });
  }
  // An answer that came late, and a gap over a night.
  b.observe("A", 1, 100 * MINUTE_MS);
  assertEquals(b.ratio("A"), a.ratio("A"));
  b.observe("A", 200, 1_000 * MINUTE_MS);
  assertEquals(b.ratio("A"), a.ratio("A"));
  walk(b, random, { fromMs: 1_000 * MINUTE_MS, minutes: 10, deviation: 1e-3, price: 200 });
  assertAlmostEquals(b.ratio("A"), 1, 1e-6);
});

Deno.test("PriceVolatility.observe() takes a price from the future for one of now", () => {
  const [right, wrong] = [new PriceVolatility(), new PriceVolatility()];
  const atMs = (i: number) => i * MINUTE_MS;
  for (let i = 0; i < 200; i++) {
    const price = 100 + (i % 2) * (i > 100 ? 5 : 1);
    right.observe("A", price, atMs(i), atMs(i));
    wrong.observe("A", price, i === 50 ? 8e15 : atMs(i), atMs(i));
  }
  assert(right.ratio("A") > 1.1);
  assertEquals(wrong.ratio("A"), right.ratio("A"));
});

Deno.test("PriceVolatility.observe() forgets the symbol seen longest ago beyond its bound", () => {
  const volatility = new PriceVolatility();
  const observe = (symbol: string, fromMs: number) => {
    for (let i = 0; i < VOLATILITY_PRICES_MIN + 5; i++) {
      volatility.observe(symbol, 100 + (i % 2) * (i > 25 ? 5 : 1), fromMs + i * MINUTE_MS);
    }
  };
  observe("OLD", 0);
  observe("NEW", 0);
  volatility.observe("OLD", 100, 1e7);
  const ratio = volatility.ratio("OLD");
  for (let i = 0; i < VOLATILITY_SYMBOLS_MAX - 1; i++) volatility.observe(`S${i}`, 1, 0);
  assertEquals(volatility.ratio("NEW"), 1);
  assertEquals(volatility.ratio("OLD"), ratio);
});
