/** What the monitor makes of warming. */

import { assert, assertEquals } from "@std/assert";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  WARM_METRICS,
  WARM_STRATEGIES_MAX,
  warmFinding,
  type WarmStatsFigures,
} from "../../src/monitor/collect_warm.ts";
import { assertMetricSpec } from "../../src/monitor/metric_spec.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { type MetricsSnapshot, valueIn } from "../../src/monitor/snapshot.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import { statsOf, statusOf, strategyOf } from "../http/warming_service.ts";

/** A registry that looks at warming again and again. */
class Watch {
  readonly registry = new Registry();

  constructor() {
    for (const spec of WICK_METRICS) this.registry.register(spec);
  }

  look(stats: WarmStatsFigures, status = statusOf()): MetricsSnapshot {
    const { samples } = warmFinding("core/work/warmer", stats, status);
    assertEquals(applySamples(this.registry, samples, 0), []);
    return this.registry.snapshot(0, 0);
  }
}

const POPULAR = { warmed: 40, used: 30, wasted: 5, precision: 0.86, keys: 45, calls: 2 };

Deno.test("warmFinding() measures by strategy and altogether", () => {
  const stats = statsOf({ popular: POPULAR, predictive: { isThrottled: true } }, {
    accesses: 900,
    accessesLost: 7,
    storedLost: 3,
    budget: {
      ...statsOf().budget,
      callsUsed: 12,
      callsPerMinute: 80,
      callsRunning: 2,
      memoryBytes: 5_000,
      entries: 39,
    },
  });
  const status = statusOf({ cycleCount: 4, waitingKeys: 6, trackedKeys: 812, paused: "calls" });
  const snapshot = new Watch().look(stats, status);
  const strategy = "popular";
  const expected: [string, Record<string, string>, number][] = [
    ["warmed_total", { strategy }, 40],
    ["used_total", { strategy }, 30],
    ["unused_total", { strategy }, 5],
    ["keys_total", { strategy }, 45],
    ["calls_total", { strategy }, 2],
    ["precision_ratio", { strategy }, 0.86],
    ["throttled", { strategy }, 0],
    ["throttled", { strategy: "predictive" }, 1],
    ["runs_total", {}, 4],
    ["accesses_total", {}, 900],
    ["lost_accesses_total", {}, 7],
    ["lost_entries_total", {}, 3],
    ["tracked_keys", {}, 812],
    ["waiting_keys", {}, 6],
    ["running_calls", {}, 2],
    ["minute_calls", {}, 12],
    ["minute_calls_max", {}, 80],
    ["entries", {}, 39],
    ["memory_bytes", {}, 5_000],
    ["paused", {}, 1],
  ];
  for (const [name, labels, value] of expected) {
    assertEquals(valueIn(snapshot, `wick_warming_${name}`, labels), value, name);
  }
  const measured = new Set(expected.map(([name]) => `wick_warming_${name}`));
  assertEquals(measured, new Set(WARM_METRICS.map(({ name }) => name)));
});

Deno.test("a precision that is not known yet has no series", () => {
  const snapshot = new Watch().look(statsOf({ popular: POPULAR }));
  const family = snapshot.families.find(({ name }) => name === "wick_warming_precision_ratio");
  assertEquals(family?.series.map(({ labels }) => labels), [{ strategy: "popular" }]);
});

Deno.test("counters of warming go on when its statistics begin anew", () => {
  const watch = new Watch();
  const warmed = (count: number) =>
    valueIn(watch.look(statsOf({ popular: { warmed: count } })), "wick_warming_warmed_total", {
      strategy: "popular",
    });
  assertEquals([warmed(40), warmed(45), warmed(3), warmed(4)], [40, 45, 48, 49]);
});

Deno.test("metrics of warming are declared by the rules and do not grow with strategies", () => {
  for (const spec of WARM_METRICS) assertMetricSpec(spec);
  assert(STRATEGY_NAMES.length <= WARM_STRATEGIES_MAX);
  const byStrategy = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, i) => [`made${i}`, strategyOf({ warmed: 1, precision: 1 })]),
  );
  const snapshot = new Watch().look({ ...statsOf(), byStrategy });
  for (const { name, series } of snapshot.families) {
    if (!name.startsWith("wick_warming_")) continue;
    assert(series.length <= WARM_STRATEGIES_MAX + 1, `${name}: ${series.length} series`);
  }
});

Deno.test("warming is degraded while the provider or the store fails, not by its own budget", () => {
  const partOf = (stats: Partial<WarmStatsFigures>, status = statusOf()) =>
    warmFinding("core/work/warmer", { ...statsOf(), ...stats }, status).parts?.[0];
  assertEquals(partOf({}), {
    name: "core/work/warmer",
    state: "ok",
    detail: { entries: 0, trackedKeys: 0 },
  });
  for (const paused of ["calls", "memory", "disabled", "stopped"] as const) {
    const part = partOf({}, statusOf({ paused }));
    assertEquals([part?.state, part?.detail.paused], ["ok", paused]);
  }
  for (const paused of ["down", "failing"] as const) {
    assertEquals(partOf({}, statusOf({ paused }))?.state, "degraded");
  }
  const unsaved = partOf({ saveError: "disk full" });
  assertEquals([unsaved?.state, unsaved?.detail.saveError], ["degraded", "disk full"]);
  const { byStrategy } = statsOf({
    predictive: { isThrottled: true },
    popular: { isThrottled: true },
  });
  const throttled = partOf({ byStrategy });
  assertEquals([throttled?.state, throttled?.detail.throttled], ["ok", "popular, predictive"]);
});
