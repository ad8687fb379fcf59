import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  deltaSum,
  HEALTH_METRICS_READ,
  type HealthInputOptions,
  healthInputs,
} from "../../src/monitor/health_inputs.ts";
import { bucketQuantile } from "../../src/monitor/health_quantile.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { EDGES_SECONDS } from "../../src/monitor/metric_spec.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import { TARGETS_DEFAULT } from "../../src/monitor/targets.ts";

/** A registry with the whole catalogue, filled by samples. */
function rig() {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  let nowMs = 1_000;
  return (samples: readonly Sample[], afterMs = 60_000) => {
    assertEquals(applySamples(registry, samples, nowMs), []);
    nowMs += afterMs;
    return registry.snapshot(1_700_000_000_000, nowMs);
  };
}

const seconds = (values: readonly number[]): Float64Array => {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram.encode();
};

Deno.test("healthInputs() reads metrics that the catalogue has", () => {
  const names = new Set(WICK_METRICS.map(({ name }) => name));
  for (const name of Object.values(HEALTH_METRICS_READ)) assert(names.has(name), name);
});

Deno.test("healthInputs() of what happened between two snapshots", () => {
  const take = rig();
  const before = take([
    { name: "wick_ingest_commit_seconds", merge: seconds([4, 4, 4, 4]) },
    { name: "wick_pool_candles_total", total: 500 },
    { name: "wick_pool_refused_total", total: 7 },
    { name: "wick_feed_rejected_total", labels: { feed: "a" }, total: 3 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "user" }, total: 10 },
    { name: "wick_cache_hits_total", labels: { type: "price", tier: "l1" }, total: 100 },
    { name: "wick_cache_misses_total", labels: { type: "price", tier: "l1" }, total: 0 },
  ]);
  const after = take([
    { name: "wick_ingest_commit_seconds", merge: seconds(Array(100).fill(0.02)) },
    { name: "wick_pool_candles_total", total: 60_500 },
    { name: "wick_pool_refused_total", total: 9 },
    { name: "wick_pool_delay_seconds", value: 0.03 },
    { name: "wick_feed_rejected_total", labels: { feed: "a" }, total: 5 },
    { name: "wick_feed_rejected_total", labels: { feed: "b" }, total: 4 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "user" }, total: 40 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "system" }, total: 6 },
    { name: "wick_process_memory_bytes", labels: { kind: "resident" }, value: 9e8 },
    { name: "wick_process_memory_bytes", labels: { kind: "external" }, value: 1e8 },
    { name: "wick_cache_hits_total", labels: { type: "price", tier: "l1" }, total: 130 },
    { name: "wick_cache_misses_total", labels: { type: "price", tier: "l1" }, total: 10 },
    { name: "wick_cache_hits_total", labels: { type: "price", tier: "l2" }, total: 900 },
    { name: "wick_cache_load_failures_total", labels: { type: "price" }, total: 8 },
    { name: "wick_actor_messages_handled_total", labels: { actor: "a" }, total: 990 },
    { name: "wick_actor_messages_dead_lettered_total", labels: { actor: "a" }, total: 10 },
    { name: "wick_actor_mailbox_messages", labels: { actor: "a" }, value: 10 },
    { name: "wick_actor_mailbox_bound_messages", labels: { actor: "a" }, value: 100 },
    { name: "wick_actor_mailbox_messages", labels: { actor: "b" }, value: 6 },
    { name: "wick_actor_mailbox_bound_messages", labels: { actor: "b" }, value: 8 },
  ]);
  const inputs = healthInputs(after, before, { cores: 2 });
  assertEquals(inputs.windowMs, 60_000);
  // All 100 lie between 10 and 25 ms: the 99th of them at 10 + 0.99 · 15 ms.
  assertAlmostEquals(inputs.latencyP99.value ?? NaN, 0.02485, 1e-9);
  assertAlmostEquals(inputs.latencyMean.value ?? NaN, 0.02, 1e-9);
  assertEquals(inputs.throughput, { state: "known", value: 1_000 });
  assertEquals(inputs.queueTime, { state: "known", value: 0.03 });
  assertEquals(inputs.refused, 2);
  // 36 s of processor time in 60 s of two cores.
  assertAlmostEquals(inputs.cpu.value ?? NaN, 0.3, 1e-9);
  assertEquals(inputs.memory, { state: "known", value: 9e8 });
  assertEquals(inputs.cacheHits, { state: "known", value: 0.75 });
  assertEquals([inputs.queueUsed.value, inputs.fullest], [0.75, "b"]);
  assertEquals(inputs.work, [
    { work: "candles", good: 60_000, bad: 6 },
    { work: "messages", good: 990, bad: 10 },
    { work: "cache", good: 32, bad: 8 },
  ]);
});

Deno.test("healthInputs() of nothing is unknown, and of no events idle", () => {
  const take = rig();
  const nothing = take([]);
  const inputs = healthInputs(nothing, null);
  const unknown = { state: "unknown", value: null } as const;
  assertEquals(inputs.latencyP99, unknown);
  assertEquals([inputs.throughput, inputs.cpu, inputs.memory, inputs.queueUsed], [
    ...[unknown, unknown, unknown, unknown],
  ]);
  assertEquals([inputs.work, inputs.refused, inputs.windowMs], [[], null, null]);
  const quiet: Sample[] = [
    { name: "wick_ingest_commit_seconds", merge: seconds([0.02]) },
    { name: "wick_cache_hits_total", labels: { type: "price", tier: "l1" }, total: 5 },
    { name: "wick_cache_misses_total", labels: { type: "price", tier: "l1" }, total: 5 },
  ];
  const before = take(quiet);
  const after = take(quiet.slice(1));
  const idle = { state: "idle", value: null } as const;
  const later = healthInputs(after, before);
  assertEquals([later.latencyP99, later.latencyMean, later.cacheHits], [idle, idle, idle]);
  // Without a snapshot before, what happened since the start counts; rates need a time.
  assertEquals(healthInputs(after, null).latencyMean.state, "known");
  assertEquals(healthInputs(after, null, { cores: 2 }).cpu, unknown);
});

Deno.test("healthInputs() reads own targets as value, rate, mean and p99", () => {
  const registry = new Registry();
  registry.register({ name: "wick_my_ratio", kind: "gauge", help: "A", labels: ["of"] })
    .with({ of: "x" }).set(0.4);
  const total = registry.register({ name: "wick_my_total", kind: "counter", help: "B" }).with({});
  const time = registry.register({ name: "wick_my_seconds", kind: "histogram", help: "C" })
    .with({});
  total.add(10);
  time.record(4);
  const before = registry.snapshot(0, 0);
  total.add(30);
  time.record(0.02);
  const after = registry.snapshot(0, 10_000);
  const base = TARGETS_DEFAULT.latencyP99;
  const own: HealthInputOptions["own"] = [
    { ...base, measure: "v", metric: "wick_my_ratio", labels: { of: "x" }, read: "value" },
    { ...base, measure: "r", metric: "wick_my_total", read: "rate" },
    { ...base, measure: "m", metric: "wick_my_seconds", read: "mean" },
    { ...base, measure: "p", metric: "wick_my_seconds", read: "p99" },
    { ...base, measure: "none", metric: "wick_other", read: "value" },
    { ...base, measure: "wrong", metric: "wick_my_total", read: "p99" },
  ];
  const { own: found } = healthInputs(after, before, { own });
  assertEquals([found["v"]?.value, found["r"]?.value], [0.4, 3]);
  assertAlmostEquals(found["m"]?.value ?? NaN, 0.02, 1e-9);
  assertAlmostEquals(found["p"]?.value ?? NaN, 0.02485, 1e-9);
  assertEquals([found["none"]?.state, found["wrong"]?.state], ["unknown", "unknown"]);
});

Deno.test("deltaSum() adds up series, each on its own where one began anew", () => {
  const make = (a: number, b: number) => {
    const registry = new Registry();
    const family = registry.register({
      name: "wick_rows_total",
      kind: "counter",
      help: "Rows",
      labels: ["feed"],
    });
    family.with({ feed: "a" }).add(a);
    family.with({ feed: "b" }).add(b);
    return registry.snapshot(0, 0);
  };
  const before = make(100, 10), after = make(4, 25);
  assertEquals(deltaSum(before, after, "wick_rows_total"), 4 + 15);
  assertEquals(deltaSum(before, after, "wick_rows_total", { feed: "b" }), 15);
  assertEquals(deltaSum(before, after, "wick_rows_total", { feed: "c" }), null);
  assertEquals(deltaSum(before, after, "wick_none_total"), null);
});

Deno.test("bucketQuantile() lies in the bucket of the exact one, seed 8", () => {
  const random = seededRandom(8);
  for (let round = 0; round < 50; round++) {
    const values = Array.from({ length: 500 }, () => 0.2 * random.next() ** (1 + round % 4)).sort(
      (a, b) => a - b,
    );
    const buckets = EDGES_SECONDS.map((le) => ({
      le,
      count: values.filter((value) => value <= le).length,
    }));
    const delta = { count: 500, sum: 0, mean: 0, buckets };
    for (const share of [0.5, 0.9, 0.99]) {
      const exact = values[Math.ceil(share * 500) - 1] ?? NaN;
      const to = EDGES_SECONDS.find((edge) => exact <= edge) ?? NaN;
      const from = EDGES_SECONDS[EDGES_SECONDS.indexOf(to) - 1] ?? 0;
      const found = bucketQuantile(delta, share) ?? NaN;
      assert(found >= from && found <= to, `${found} for ${exact}`);
    }
  }
});

Deno.test("bucketQuantile() beyond the last edge is that edge, and null of nothing", () => {
  const buckets = [{ le: 1, count: 1 }, { le: 2, count: 1 }];
  assertEquals(bucketQuantile({ count: 10, sum: 0, mean: 0, buckets }, 0.99), 2);
  assertEquals(bucketQuantile({ count: 0, sum: 0, mean: null, buckets }, 0.99), null);
});
