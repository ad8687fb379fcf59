import { assertAlmostEquals, assertEquals } from "@std/assert";
import { volatilityFactor } from "../../src/cache/ttl_volatility.ts";

Deno.test("volatilityFactor() is one by the square of the ratio, from a quarter to two", () => {
  assertEquals([1, 2, 4, 0.5, Infinity].map(volatilityFactor), [1, 0.25, 0.25, 2, 0.25]);
  assertAlmostEquals(volatilityFactor(Math.SQRT2), 0.5, 1e-12);
  assertAlmostEquals(volatilityFactor(0.8), 1.5625, 1e-12);
});

Deno.test("volatilityFactor() is 1 for what is no ratio", () => {
  assertEquals([NaN, 0, -1].map(volatilityFactor), [1, 1, 1]);
});
