/** Windows of what tuning decides by, whatever the time between two looks. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { TUNING_WINDOWS, TuningReadings } from "../../src/monitor/tuning_readings.ts";

for (const everyMs of [200, 5_000]) {
  Deno.test(`TuningReadings.read() knows both windows at a look each ${everyMs} ms`, () => {
    const registry = new Registry();
    for (const spec of WICK_METRICS) registry.register(spec);
    const readings = new TuningReadings({ provider: "eod" });
    const endMs = 2 * TUNING_WINDOWS.slowMs;
    let last = null;
    for (let nowMs = 0; nowMs <= endMs; nowMs += everyMs) {
      const refused = applySamples(registry, [
        // 100 a second, of which in the last ten seconds 40.
        { name: "wick_pool_candles_total", total: 0.1 * nowMs - late(nowMs, endMs) },
        { name: "wick_provider_limited_total", labels: { provider: "eod" }, total: nowMs / 1_000 },
      ], nowMs);
      assertEquals(refused, []);
      last = readings.read(registry.snapshot(nowMs, nowMs));
      const isSlow = nowMs >= TUNING_WINDOWS.slowMs;
      assertEquals(last.limitedCalls !== null, isSlow, `limited calls at ${nowMs} ms`);
      assertEquals(last.load !== null, nowMs >= TUNING_WINDOWS.quickMs, `load at ${nowMs} ms`);
    }
    // One a second over a minute, to within the time between two that are kept.
    assertAlmostEquals(last?.limitedCalls ?? 0, 60, 1.001);
    assertAlmostEquals(last?.load ?? 0, 40, 6);
  });
}

/** Candles that are missing since ten seconds before the end. */
function late(nowMs: number, endMs: number): number {
  return 0.06 * Math.max(0, nowMs - (endMs - TUNING_WINDOWS.quickMs));
}
