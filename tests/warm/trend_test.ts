import { assertAlmostEquals, assertGreater, assertLess } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { DecayedCounts } from "../../src/warm/decayed.ts";
import { surelyAtLeast, trendRatio } from "../../src/warm/trend.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("trendRatio() of two accesses is no trend, of fifty out of nothing it is", () => {
  assertLess(trendRatio(2, 0), 1);
  assertGreater(trendRatio(50, 2), 10);
  assertLess(trendRatio(50, 50), 1);
});

Deno.test("surelyAtLeast() solves the score equation", () => {
  // m is where n lies two standard deviations above: n - m = 2 √m, all counts doubled.
  for (const count of [0, 0.5, 3, 20, 1_000]) {
    const mean = surelyAtLeast(count);
    assertAlmostEquals(2 * count - 2 * mean, 2 * Math.sqrt(2 * mean), 1e-6);
  }
});

Deno.test("trendRatio(): what comes as usual is taken for a trend in 5 % of looks at most", () => {
  const random = seededRandom(seedOf("trend_test"));
  const perHour = 20;
  const counts = new DecayedCounts(1, 3_600_000, 0);
  const usual = perHour / Math.LN2;
  let looks = 0, trends = 0, nowMs = 0;
  for (let i = 0; i < 200_000; i++) {
    nowMs += -Math.log(1 - random.next()) * 3_600_000 / perHour;
    counts.advance(nowMs);
    counts.add(0);
    if (i < 200 || i % 40 !== 0) continue;
    looks++;
    if (trendRatio(counts.at(0), usual) > 1) trends++;
  }
  assertLess(trends / looks, 0.05);
});
