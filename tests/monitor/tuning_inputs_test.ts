import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import {
  knobValues,
  TUNING_METRICS,
  TUNING_METRICS_READ,
  TUNING_NAMES,
  tuningReading,
  tuningSamples,
} from "../../src/monitor/tuning_inputs.ts";
import { assertKnobBounds, withinBounds } from "../../src/monitor/tuning_bounds.ts";

const FOCUS = { provider: "eod" } as const;

const SPECS = WICK_METRICS;

Deno.test("metrics that tuning reads and makes are in the catalogue, once", () => {
  const names = SPECS.map(({ name }) => name);
  const own = TUNING_METRICS.map(({ name }) => name);
  for (const name of [...Object.values(TUNING_METRICS_READ), ...TUNING_NAMES, ...own]) {
    assertEquals(names.filter((one) => one === name), [name]);
  }
});

Deno.test("knobValues() are what those who have the knobs said", () => {
  const registry = new Registry();
  for (const spec of SPECS) registry.register(spec);
  assertEquals(knobValues(registry.snapshot(0, 0), FOCUS), {});
  const refused = applySamples(registry, [
    { name: "wick_pool_workers", value: 3 },
    { name: "wick_cache_capacity_bytes", value: 2.5e8 },
    { name: "wick_warming_minute_calls_max", value: 100 },
    { name: "wick_provider_linger_seconds", labels: { provider: "eod" }, value: 0.007 },
  ], 0);
  assertEquals(refused, []);
  const snapshot = registry.snapshot(0, 0);
  const known = { label_workers: 3, cache_capacity: 2.5e8, warming_budget: 100 };
  assertEquals(knobValues(snapshot, FOCUS), { ...known, batch_linger: 7 });
  assertEquals(knobValues(snapshot, { provider: null }), known);
});

Deno.test("tuningReading() of what happened between two snapshots", () => {
  const registry = new Registry();
  for (const spec of SPECS) registry.register(spec);
  const take = (nowMs: number, samples: readonly Sample[]) => {
    assertEquals(applySamples(registry, samples, nowMs), []);
    return registry.snapshot(0, nowMs);
  };
  const waits = new Histogram({ lowest: 1e-4, highest: 1e3 });
  waits.record(0.02, 3);
  waits.record(0.06, 1);
  const l1 = { type: "price", tier: "l1" };
  const eod = { provider: "eod" }, news = { provider: "news" };
  const before = take(0, [
    { name: "wick_pool_busy_seconds_total", total: 5 },
    { name: "wick_pool_candles_total", total: 1_000 },
    { name: "wick_cache_hits_total", labels: l1, total: 10 },
    { name: "wick_cache_misses_total", labels: l1, total: 10 },
    { name: "wick_cache_evictions_total", labels: l1, total: 0 },
  ]);
  const after = take(10_000, [
    { name: "wick_pool_busy_seconds_total", total: 20 },
    { name: "wick_pool_workers", value: 2 },
    { name: "wick_pool_delay_seconds", value: 0.02 },
    { name: "wick_pool_candles_total", total: 6_000 },
    { name: "wick_process_memory_bytes", labels: { kind: "resident" }, value: 1e9 },
    { name: "wick_cache_hits_total", labels: l1, total: 40 },
    { name: "wick_cache_misses_total", labels: l1, total: 20 },
    { name: "wick_cache_evictions_total", labels: l1, total: 50 },
    { name: "wick_cache_evictions_total", labels: { type: "all", tier: "l2" }, total: 900 },
    { name: "wick_cache_size_bytes", labels: l1, value: 3e6 },
    { name: "wick_cache_size_bytes", labels: { type: "bars", tier: "l1" }, value: 1e6 },
    { name: "wick_cache_latency_seconds", labels: { type: "price" }, merge: waits.encode() },
    { name: "wick_provider_limit_used_ratio", labels: eod, value: 0.4 },
    { name: "wick_provider_limit_used_ratio", labels: news, value: 0.9 },
    { name: "wick_provider_limit_waiting", labels: eod, value: 2 },
    { name: "wick_provider_limit_waiting", labels: news, value: 3 },
    { name: "wick_provider_limited_total", labels: eod, total: 4 },
    { name: "wick_provider_grouped_calls_total", labels: eod, total: 10 },
    { name: "wick_provider_grouped_keys_total", labels: eod, total: 120 },
    { name: "wick_provider_call_keys_max", labels: eod, value: 50 },
    { name: "wick_warming_minute_calls", value: 33 },
    { name: "wick_warming_warmed_total", labels: { strategy: "popular" }, total: 40 },
    { name: "wick_warming_used_total", labels: { strategy: "popular" }, total: 10 },
  ]);
  const { cacheWaitMs, ...reading } = tuningReading(after, before, { provider: null });
  // (3 · 20 + 60) / 4 ms.
  assertAlmostEquals(cacheWaitMs ?? NaN, 30, 1e-9);
  assertEquals(reading, {
    load: 500,
    // 15 s of work of two workers in 10 s.
    workersBusy: 0.75,
    delayMs: 20,
    memoryBytes: 1e9,
    cacheHits: 0.75,
    cacheEvictions: 5,
    cacheBytes: 4e6,
    limitUsed: 0.9,
    limitWaiting: 5,
    limitedCalls: 4,
    warmCalls: 33,
    warmPrecision: 0.25,
    callKeys: 12,
    callKeysMax: 50,
  });
  // What another provider does says nothing about the one that the cache loads from.
  const { limitUsed, limitWaiting, limitedCalls } = tuningReading(after, before, FOCUS);
  assertEquals([limitUsed, limitWaiting, limitedCalls], [0.4, 2, 4]);
  assertEquals(tuningReading(after, before, { provider: "news" }).callKeys, null);
});

Deno.test("tuningReading() of nothing, and without a snapshot before, is null", () => {
  const registry = new Registry();
  for (const spec of SPECS) registry.register(spec);
  const snapshot = registry.snapshot(0, 10);
  for (const previous of [null, snapshot]) {
    const values = Object.values(tuningReading(snapshot, previous, FOCUS));
    assertEquals(new Set(values), new Set([null]));
  }
});

Deno.test("withinBounds() gives the nearest value that is allowed", () => {
  const bounds = { min: 10, max: 95, step: 10 };
  assertEquals([4, 14, 15, 97].map((wished) => withinBounds(bounds, wished)), [10, 10, 20, 95]);
});

Deno.test("assertKnobBounds() refuses what is out of order", () => {
  assertKnobBounds("label_workers", { min: 1, max: 1 });
  for (const bounds of [{ min: 2, max: 1 }, { min: -1, max: 1 }, { min: 0, max: 1, step: 0 }]) {
    let message = "";
    try {
      assertKnobBounds("label_workers", bounds);
    } catch (error) {
      message = String(error);
    }
    assert(message.includes("Cannot tune label_workers"), message);
  }
});

Deno.test("tuningSamples() are taken by a registry with TUNING_METRICS", () => {
  const registry = new Registry();
  for (const spec of TUNING_METRICS) registry.register(spec);
  const ended = [{ knob: "label_workers", outcome: "kept", count: 3 }] as const;
  assertEquals(applySamples(registry, tuningSamples(ended, { batch_linger: 20 }), 0), []);
  const { families } = registry.snapshot(0, 0);
  assertEquals(families.map(({ series }) => series.length), [1, 1]);
});
