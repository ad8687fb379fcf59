/** Every kind on vectors made by hand; what is computed stands beside them. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { breakout } from "../../../src/label/kinds/breakout.ts";
import { drawdown } from "../../../src/label/kinds/drawdown.ts";
import { flip } from "../../../src/label/kinds/flip.ts";
import { nearestLevel, touches } from "../../../src/label/kinds/level.ts";
import { levelDistance } from "../../../src/label/kinds/level_dist.ts";
import { metaLabel } from "../../../src/label/kinds/meta.ts";
import { nextTouch } from "../../../src/label/kinds/next_touch.ts";
import { pathSkewness } from "../../../src/label/kinds/path_skew.ts";
import { penetration } from "../../../src/label/kinds/penetration.ts";
import { returnQuantile } from "../../../src/label/kinds/ret_quantile.ts";
import { returnSign } from "../../../src/label/kinds/ret_sign.ts";
import { retouches } from "../../../src/label/kinds/retouches.ts";
import { underWater } from "../../../src/label/kinds/under_water.ts";
import { type Bar, closesOf, pathOf } from "./support.ts";

Deno.test("returnSign() is the sign from the close to the end, whatever lies between", () => {
  assertEquals(returnSign(closesOf([100, 90, 101])), 1);
  assertEquals(returnSign(closesOf([100, 110, 99])), -1);
  assertEquals(returnSign(closesOf([100, 110, 100])), 0);
});

Deno.test("returnQuantile() ranks the return among those before, ties at their mean", () => {
  // The own return is 110 / 100 - 1 = 0.1, rounded as the quotient is.
  const own = 110 / 100 - 1;
  const past = Float64Array.from([9, 9, -0.2, own, 0, 0.3, own, 0.05, 7]);
  const path = closesOf([100, 105, 110], { past, pastEnd: 8, pastCount: 6 });
  // The six before index 8: below are -0.2, 0, 0.05; equal are two: (3 + 2/2) / 6.
  assertAlmostEquals(returnQuantile(path, 6), 4 / 6, 1e-15);
  // The last two: own and 0.05: (1 + 1/2) / 2.
  assertEquals(returnQuantile(path, 2), 0.75);
  // Lowest of all and highest of all.
  assertEquals(returnQuantile(closesOf([100, 1], { past, pastEnd: 8, pastCount: 6 }), 6), 0);
  assertEquals(returnQuantile(closesOf([1, 100], { past, pastEnd: 8, pastCount: 6 }), 6), 1);
});

Deno.test("returnQuantile() is null while the window is not whole", () => {
  const past = Float64Array.from([0, 0, 0, 0]);
  const path = closesOf([100, 110], { past, pastEnd: 4, pastCount: 3 });
  assertEquals(returnQuantile(path, 4), NaN);
  assertEquals(returnQuantile(path, 3), 1);
});

Deno.test("nearestLevel() is the nearer of resistance and support, the support in a tie", () => {
  const at = (resistance: number, support: number) =>
    nearestLevel(closesOf([100, 100], { resistance, support }));
  assertEquals(at(103, 98), 98);
  assertEquals(at(101, 98), 101);
  assertEquals(at(102, 98), 98);
  assertEquals(at(Infinity, 50), 50);
  assertEquals(at(900, -Infinity), 900);
  assertEquals(at(Infinity, -Infinity), NaN);
});

Deno.test("touches() counts the range, its ends, and the jump from the close before", () => {
  const path = pathOf([[101, 99, 100], [103, 100, 102], [108, 106, 107]]);
  // Bar 1 spans 100 to 103, from the close 100. Bar 2 opened beyond: it spans 102 to 108.
  assertEquals([99.9, 100, 103, 103.1].map((level) => touches(path, 1, level)), [
    ...[false, true, true, false],
  ]);
  assertEquals([101.9, 102, 104, 108, 108.1].map((level) => touches(path, 2, level)), [
    ...[false, true, true, true, false],
  ]);
});

Deno.test("retouches() counts returns to a price; a stay is one, the event's own candle none", () => {
  const level = 103;
  const bars: Bar[] = [
    [101, 99, 100], // P = 100, does not touch 103
    [103, 100, 102], // touches: 1
    [104, 101, 103], // stays
    [103, 102, 102], // stays: the high is 103
    [102, 100, 101], // away
    [102, 100, 101], // away
    [106, 104, 105], // jumps across from 101: 2
    [107, 105, 106], // away, above
    [106, 103, 104], // touches from above: 3
  ];
  assertEquals(retouches(pathOf(bars), level), 3);
  // 100 is P: the candle touches it. Bar 1 stays (from 100), bar 2 spans 101 to 104, bar 3 102 to
  // 103; bars 4 and 5 touch again (low 100): 1. Bar 6 spans 101 to 106, and so on.
  assertEquals(retouches(pathOf(bars), 100), 1);
  assertEquals(retouches(pathOf(bars), 90), 0);
  assertEquals(retouches(pathOf(bars), NaN), NaN);
});

Deno.test("breakout() is decided by the first close beyond either level", () => {
  const levels = { resistance: 103, support: 98, atr: 2 };
  // The wick to 105 does not count, nor does a close at the level; 97 is below 98.
  const wick = pathOf([[101, 99, 100], [105, 100, 103], [101, 96, 97], [110, 97, 109]], levels);
  assertEquals(breakout(wick, 0), -1);
  // With half an ATR more: below 97, or above 104. 97 is not below; 109 is above.
  assertEquals(breakout(wick, 0.5), 1);
  assertEquals(breakout(closesOf([100, 103, 98], levels), 0), 0);
  const onlyAbove = { resistance: 103 };
  assertEquals(breakout(closesOf([100, 1, 104], onlyAbove), 0), 1);
  assertEquals(breakout(closesOf([100, 1, 2], onlyAbove), 0), 0);
  assertEquals(breakout(closesOf([100, 104, 1]), 0), NaN);
});

Deno.test("flip() needs a break, a later touch, and a close that holds beyond", () => {
  const resistance = 103;
  const start: Bar = [101, 99, 100];
  const of = (...bars: Bar[]) => flip(pathOf([start, ...bars], { resistance }));
  // Breaks at 104, comes back to 103 and closes at 105: it holds.
  assertEquals(of([104, 100, 104], [106, 105, 106], [106, 103, 105]), 1);
  // Breaks and is never touched again.
  assertEquals(of([104, 100, 104], [106, 104.5, 105], [107, 105, 106]), 0);
  // Breaks, and the touch closes at the level: undone.
  assertEquals(of([104, 100, 104], [105, 102, 103]), 0);
  // Undone, broken anew (this bar touches, but it is the break), then held.
  assertEquals(of([104, 100, 104], [105, 102, 102], [104, 101, 104]), 0);
  assertEquals(of([104, 100, 104], [105, 102, 102], [104, 101, 104], [105, 103, 104]), 1);
  // A support below: broken at 97, touched at 98 from below, closed at 96.
  const down = pathOf([start, [99, 97, 97], [98, 96, 96]], { support: 98 });
  assertEquals(flip(down), 1);
  assertEquals(flip(pathOf([start, start])), NaN);
});

Deno.test("levelDistance() is in ATR, above 0 for a level overhead", () => {
  // (103 - 100) / 2 and (99 - 100) / 2.
  assertEquals(levelDistance(closesOf([100, 5], { resistance: 103 })), 1.5);
  assertEquals(levelDistance(closesOf([100, 5], { resistance: 103, support: 99 })), -0.5);
  assertEquals(levelDistance(closesOf([100, 5])), NaN);
});

Deno.test("penetration() is the furthest beyond the nearest level, in ATR, wicks included", () => {
  const bars: Bar[] = [[110, 90, 100], [104, 99, 100], [106, 97, 103], [105, 100, 101]];
  // Above 103: the highest high of the path is 106: 3 / 2. The candle's own 110 does not count.
  assertEquals(penetration(pathOf(bars, { resistance: 103 })), 1.5);
  // Below 98: the lowest low is 97: 1 / 2.
  assertEquals(penetration(pathOf(bars, { support: 98 })), 0.5);
  // 97 is only touched.
  assertEquals(penetration(pathOf(bars, { support: 97 })), 0);
  assertEquals(penetration(pathOf(bars)), NaN);
});

Deno.test("nextTouch() is the first bar at or beyond the level, 0 when there is none", () => {
  const bars: Bar[] = [[110, 90, 100], [102, 99, 101], [103, 100, 101], [109, 107, 108]];
  assertEquals(nextTouch(pathOf(bars, { resistance: 102 })), 1);
  assertEquals(nextTouch(pathOf(bars, { resistance: 103 })), 2);
  // Between 103 and 107: bar 3 opened beyond it.
  assertEquals(nextTouch(pathOf(bars, { resistance: 105 })), 3);
  assertEquals(nextTouch(pathOf(bars, { resistance: 109.5 })), 0);
  assertEquals(nextTouch(pathOf(bars, { support: 99 })), 1);
  assertEquals(nextTouch(pathOf(bars)), NaN);
});

Deno.test("drawdown() is the deepest fall from the highest close so far, as a fraction", () => {
  // From 100 to 95: 0.05. From 120 to 90: 0.25. From 150 to 120: 0.2.
  assertEquals(drawdown(closesOf([100, 95, 120, 90, 150, 120])), 0.25);
  assertEquals(drawdown(closesOf([100, 80])), 1 - 80 / 100);
  assertEquals(drawdown(closesOf([100, 100, 101])), 0);
  // Lows are not looked at.
  assertEquals(drawdown(pathOf([[101, 99, 100], [102, 50, 101]])), 0);
});

Deno.test("underWater() is the longest run of closes below the highest so far", () => {
  // 95, 99: two. 100 reaches the peak. 110, then 100, 105, 109: three. 110 again. 108: one.
  assertEquals(underWater(closesOf([100, 95, 99, 100, 110, 100, 105, 109, 110, 108])), 3);
  assertEquals(underWater(closesOf([100, 99, 98, 97])), 3);
  assertEquals(underWater(closesOf([100, 100, 101, 101])), 0);
});

Deno.test("pathSkewness() is g1 of the log returns", () => {
  // Log returns a, a, a, b with a = ln 2, b = ln 16 = 4a: mean 7a/4, deviations -3/4 three times
  // and 9/4. m2 = (3·9/16 + 81/16)/4 = 108/64, m3 = (-3·27/64 + 729/64)/4 = 648/256.
  // g1 = 2.53125 / 1.6875^1.5 = 1.1547005… = 2/√3.
  assertAlmostEquals(pathSkewness(closesOf([1, 2, 4, 8, 128])), 2 / Math.sqrt(3), 1e-12);
  assertAlmostEquals(pathSkewness(closesOf([128, 64, 32, 16, 1])), -2 / Math.sqrt(3), 1e-12);
  // Symmetric: ln 2, -ln 2, 0.
  assertAlmostEquals(pathSkewness(closesOf([8, 16, 8, 8])), 0, 1e-12);
});

Deno.test("pathSkewness() is null for fewer than three bars and for equal returns", () => {
  assertEquals(pathSkewness(closesOf([1, 2, 8])), NaN);
  assertEquals(pathSkewness(closesOf([5, 5, 5, 5])), NaN);
  // A factor of 1.1 each time: equal but for rounding.
  const growing = Array.from({ length: 20 }, (_, k) => 100 * 1.1 ** k);
  assertEquals(pathSkewness(closesOf(growing)), NaN);
});

Deno.test("metaLabel() says whether the side paid, and nothing without a side", () => {
  assertEquals([0.1, 0, -0.1].map((ret) => metaLabel(1, ret)), [1, 0, 0]);
  assertEquals([0.1, 0, -0.1].map((ret) => metaLabel(-3, ret)), [0, 0, 1]);
  assertEquals([metaLabel(0, 1), metaLabel(NaN, 1)], [NaN, NaN]);
});
