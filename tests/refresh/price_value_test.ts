/** Volatility and trend of a series as an edge, against hand-made vectors and a published table. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import {
  atrOf,
  normalCdf,
  TREND_CANDLES,
  trendValue,
  VALUE_MARGIN,
  VALUE_UNKNOWN,
} from "../../src/refresh/price_value.ts";

/** Candles that open where the one before closed, with so much above and below. */
function candles(closes: readonly number[], spread = 0): CandleBlock {
  const rows = new CandleBuilder("A:M1");
  closes.forEach((close, i) => {
    const open = closes[i - 1] ?? close;
    rows.push(
      60_000 * i,
      open,
      Math.max(open, close) + spread,
      Math.min(open, close) - spread,
      close,
      1,
    );
  });
  return rows.finish();
}

const rising = (count: number, by: number) => Array.from({ length: count }, (_, i) => 100 + by * i);

Deno.test("atrOf() is the mean of the last 14 true ranges", () => {
  // Each range is the rise of 2, and half a point on both sides.
  assertEquals(atrOf(candles(rising(15, 2), 0.5)), 3);
  // An older candle with a huge range is outside.
  assertEquals(atrOf(candles([9_000, ...rising(15, 2)], 0.5)), 3);
  // 13 bars of 2 and one of 16: 42 / 14.
  assertEquals(atrOf(candles([...rising(14, 2), 100 + 26 + 16])), 3);
});

Deno.test("atrOf() is NaN with fewer than 15 candles, and when a price is no number", () => {
  assert(Number.isNaN(atrOf(candles(rising(14, 1)))));
  assert(Number.isNaN(atrOf(candles([]))));
  const block = candles(rising(20, 1));
  block.high[18] = NaN;
  assert(Number.isNaN(atrOf(block)));
  block.high[18] = Infinity;
  assert(Number.isNaN(atrOf(block)));
});

Deno.test("normalCdf() is as the table of the standard normal distribution says", () => {
  // M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, table 26.1.
  const table: readonly [number, number][] = [
    [0, 0.5],
    [0.5, 0.6914624613],
    [1, 0.8413447461],
    [1.5, 0.9331927987],
    [2, 0.9772498681],
    [3, 0.9986501020],
  ];
  for (const [x, chance] of table) {
    assertAlmostEquals(normalCdf(x), chance, 1e-7);
    assertAlmostEquals(normalCdf(-x), 1 - chance, 1e-7);
  }
});

Deno.test("trendValue() is the chance of a walk of 14 steps to end below", () => {
  // From 100 to 107 at an ATR of 7/√14: one deviation.
  const up = candles(Array.from({ length: TREND_CANDLES }, (_, i) => 100 + i / 2));
  assertAlmostEquals(trendValue(up, 7 / Math.sqrt(14)), 0.8413447461, 1e-7);
  const down = candles(Array.from({ length: TREND_CANDLES }, (_, i) => 100 - i / 2));
  assertAlmostEquals(trendValue(down, 7 / Math.sqrt(14)), 1 - 0.8413447461, 1e-7);
  assertAlmostEquals(trendValue(candles([100, ...rising(13, 5), 100]), 5), 0.5, 1e-7);
});

Deno.test("trendValue() stays away from 0 and 1, and is one half where nothing is known", () => {
  assertEquals(trendValue(candles(rising(15, 100)), 0.001), 1 - VALUE_MARGIN);
  assertEquals(trendValue(candles(rising(15, -5)), 0.001), VALUE_MARGIN);
  assertEquals(trendValue(candles(rising(15, 1)), 0), VALUE_UNKNOWN);
  assertEquals(trendValue(candles(rising(15, 1)), NaN), VALUE_UNKNOWN);
  assertEquals(trendValue(candles(rising(14, 1)), 1), VALUE_UNKNOWN);
  assertEquals(trendValue(candles([]), 1), VALUE_UNKNOWN);
  // A product of the most members that a set can have is a number in range.
  assert(VALUE_MARGIN ** 64 > Number.MIN_VALUE * 2 ** 52);
});
