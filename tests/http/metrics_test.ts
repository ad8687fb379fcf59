import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { METRICS_CONTENT_TYPE, metricsText } from "../../src/http/metrics.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import { CACHE_METRICS } from "../../src/monitor/collect_cache.ts";
import { NODE_METRICS } from "../../src/monitor/collect_nodes.ts";
import { PARTITION_METRICS } from "../../src/monitor/collect_partitions.ts";
import { REFRESH_METRICS } from "../../src/monitor/collect_refresh.ts";
import { WARM_METRICS } from "../../src/monitor/collect_warm.ts";
import { HEALTH_METRICS } from "../../src/monitor/health_metrics.ts";
import { KNOBS } from "../../src/monitor/tuning.ts";
import { TUNING_METRICS } from "../../src/monitor/tuning_inputs.ts";
import type { MetricSpec } from "../../src/monitor/metric_spec.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { ALERT_METRICS } from "../../src/monitor/rules_metrics.ts";
import type { MetricsSnapshot } from "../../src/monitor/snapshot.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import { seedOf } from "../actor/seed.ts";
import { keyOf, parseExposition } from "./exposition.ts";

const SEED = seedOf("metrics_test");

/** What the text must say of a snapshot, worked out without prom-client. */
function expectedValues({ families }: MetricsSnapshot): Map<string, number> {
  const values = new Map<string, number>();
  for (const family of families) {
    if (family.kind !== "histogram") {
      for (const { labels, value } of family.series) values.set(keyOf(family.name, labels), value);
      continue;
    }
    for (const { labels, count, sum, buckets } of family.series) {
      for (const { le, count } of buckets) {
        values.set(keyOf(`${family.name}_bucket`, { ...labels, le: String(le) }), count);
      }
      values.set(keyOf(`${family.name}_bucket`, { ...labels, le: "+Inf" }), count);
      values.set(keyOf(`${family.name}_sum`, labels), sum);
      values.set(keyOf(`${family.name}_count`, labels), count);
    }
  }
  return values;
}

Deno.test("metricsText() says every value of a snapshot, and no other", async () => {
  const random = seededRandom(SEED);
  const registry = new Registry();
  const rows = registry.register({
    name: "wick_rows_total",
    kind: "counter",
    help: "Rows taken in",
    labels: ["feed", "state"],
  });
  const depth = registry.register({ name: "wick_depth", kind: "gauge", help: "Depth" });
  const wait = registry.register({
    name: "wick_wait_seconds",
    kind: "histogram",
    help: "Wait",
    labels: ["actor"],
  });
  for (let i = 0; i < 200; i++) {
    const pick = () => `v${Math.floor(random.next() * 5)}`;
    rows.with({ feed: pick(), state: pick() }).add(random.next() * 10 ** (random.next() * 18));
    wait.with({ actor: pick() }).record(0.01 / (1 - random.next()));
  }
  depth.with({}).set(-1.5e-7);
  const snapshot = registry.snapshot(0, 0);
  const { types, helps, values } = parseExposition(await metricsText(snapshot));
  assertEquals(values, expectedValues(snapshot));
  assertEquals(Object.fromEntries(types), {
    wick_rows_total: "counter",
    wick_depth: "gauge",
    wick_wait_seconds: "histogram",
  });
  assertEquals(helps.get("wick_rows_total"), "Rows taken in");
});

Deno.test("metricsText() writes cumulative buckets that end in the count", async () => {
  const registry = new Registry();
  const wait = registry.register({
    name: "wick_wait_seconds",
    kind: "histogram",
    help: "Wait",
    edges: [0.1, 1],
  }).with({});
  for (const seconds of [0.05, 0.06, 0.5, 7]) wait.record(seconds);
  assertEquals(
    await metricsText(registry.snapshot(0, 0)),
    [
      "# HELP wick_wait_seconds Wait",
      "# TYPE wick_wait_seconds histogram",
      'wick_wait_seconds_bucket{le="0.1"} 2',
      'wick_wait_seconds_bucket{le="1"} 3',
      'wick_wait_seconds_bucket{le="+Inf"} 4',
      "wick_wait_seconds_sum 7.61",
      "wick_wait_seconds_count 4",
      "",
    ].join("\n"),
  );
});

Deno.test("metricsText() escapes whatever a label holds", async () => {
  const registry = new Registry();
  const rows = registry.register({
    name: "wick_rows_total",
    kind: "counter",
    help: "A back\\slash and\na line",
    labels: ["feed"],
  });
  const feeds = ['"', "\\", "\n", '\\"', "a\\nb", "}{", "a,b=c", "ü€😀", '"} 1\nwick_evil 1'];
  feeds.forEach((feed, i) => rows.with({ feed }).add(i));
  const snapshot = registry.snapshot(0, 0);
  const { values, helps } = parseExposition(await metricsText(snapshot));
  assertEquals(values, expectedValues(snapshot));
  assertEquals(helps.get("wick_rows_total"), "A back\\\\slash and\\na line");
});

Deno.test("metricsText() leaves out metrics without series, and shows none of prom-client's", async () => {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  assertEquals((await metricsText(registry.snapshot(0, 0))).trim(), "");
  registry.familyOf("wick_store_seq", "gauge")?.with({}).set(1);
  const { types } = parseExposition(await metricsText(registry.snapshot(0, 0)));
  assertEquals([...types.keys()], ["wick_store_seq"]);
});

Deno.test("metricsText() can be written again and again, each time of its own snapshot", async () => {
  const registry = new Registry();
  const depth = registry.register({ name: "wick_depth", kind: "gauge", help: "Depth" }).with({});
  const first = registry.snapshot(0, 0);
  depth.set(2);
  const texts = await Promise.all([first, registry.snapshot(0, 0)].map(metricsText));
  assertEquals(texts.map((text) => [...parseExposition(text).values.values()]), [[0], [2]]);
});

Deno.test("METRICS_CONTENT_TYPE is that of the text format", () => {
  assertEquals(METRICS_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
});

/** The text of these metrics when every label has so many values. */
async function textOf(
  specs: readonly MetricSpec[],
  valuesOf: (label: string) => readonly string[],
): Promise<string> {
  const registry = new Registry();
  for (const spec of specs) registry.register(spec);
  for (const { name, labels = [] } of specs) {
    let all: Record<string, string>[] = [{}];
    for (const label of labels) {
      all = all.flatMap((one) => valuesOf(label).map((value) => ({ ...one, [label]: value })));
    }
    for (const one of all) {
      const series = registry.family(name)?.with(one);
      if (series !== undefined && "record" in series) series.record(0.0123456789);
      else series?.add(1_234_567.891);
    }
  }
  return await metricsText(registry.snapshot(0, 0));
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

Deno.test("metricsText() of what a node has more stays under 8 KB", async () => {
  const specs = [...NODE_METRICS, ...PARTITION_METRICS];
  const text = await textOf(specs, (label) => Array.from({ length: 5 }, (_, i) => `${label}-${i}`));
  assertLess(bytesOf(text), 8 * 1024);
  assertGreater(parseExposition(text).values.size, specs.length - 1);
});

Deno.test("metricsText() of a large tree stays under 64 KB, what has tests of its own apart", async () => {
  const judged = [...HEALTH_METRICS, ...ALERT_METRICS, ...TUNING_METRICS];
  const nodes = [...NODE_METRICS, ...PARTITION_METRICS];
  const apart = [...CACHE_METRICS, ...WARM_METRICS, ...REFRESH_METRICS, ...judged, ...nodes];
  const specs = WICK_METRICS.filter((spec) => !apart.includes(spec));
  // 32 actors with paths as long as ours are, 8 feeds, 3 providers and sinks of alerts, two kinds of
  // three outcomes, every other label with what it may have.
  const counts: Record<string, number> = {
    ...{ feed: 8, provider: 3, sink: 3 },
    ...{ stage: 4, kind: 2, outcome: 3 },
  };
  const text = await textOf(
    specs,
    (label) =>
      label === "actor" || label === "supervisor" || label === "collector"
        ? Array.from(
          { length: label === "actor" ? 32 : 14 },
          (_, i) => `core/work/ingest/part-${i}`,
        )
        : Array.from({ length: counts[label] ?? 5 }, (_, i) => `${label}-${i}`),
  );
  assertLess(bytesOf(text), 64 * 1024);
  assertGreater(parseExposition(text).values.size, 600);
});

Deno.test("metricsText() of a cache with all types of data stays under 24 KB", async () => {
  // Ten types have TTLs of their own, and there is the rest; two tiers; four shards.
  const counts: Record<string, number> = { type: 11, tier: 2, reason: 3, shard: 4 };
  const text = await textOf(
    CACHE_METRICS,
    (label) =>
      Array.from(
        { length: counts[label] ?? 0 },
        (_, i) => label === "type" ? `fundamental${i}` : `l${i}`,
      ),
  );
  assertLess(bytesOf(text), 24 * 1024);
  assertGreater(parseExposition(text).values.size, 250);
});

Deno.test("metricsText() of warming with all strategies stays under 8 KB", async () => {
  const text = await textOf(WARM_METRICS, () => STRATEGY_NAMES);
  assertLess(bytesOf(text), 8 * 1024);
  assertGreater(parseExposition(text).values.size, 60);
});

Deno.test("metricsText() of refreshing stays under 4 KB", async () => {
  const text = await textOf(REFRESH_METRICS, () => ["normal", "degraded", "burst"]);
  assertLess(bytesOf(text), 4 * 1024);
  assertGreater(parseExposition(text).values.size, 24);
});

Deno.test("metricsText() of health and alerts stays under 4 KB", async () => {
  const values: Readonly<Record<string, readonly string[]>> = {
    part: ["latency", "success", "cache", "throughput"],
    component: ["store", "feeds", "pool", "cache", "redis", "providers", "disk"],
    state: ["pending", "firing"],
  };
  const text = await textOf([...HEALTH_METRICS, ...ALERT_METRICS], (label) => values[label] ?? []);
  assertLess(bytesOf(text), 4 * 1024);
  // 4 parts, 7 components, 2 states, 3 gauges of health, 3 counters of alerts.
  assertEquals(parseExposition(text).values.size, 19);
});

Deno.test("metricsText() of tuning with all knobs and outcomes stays under 2 KB", async () => {
  const values: Readonly<Record<string, readonly string[]>> = {
    knob: KNOBS,
    outcome: ["kept", "undone", "unjudged"],
  };
  const text = await textOf(TUNING_METRICS, (label) => values[label] ?? []);
  assertLess(bytesOf(text), 2 * 1024);
  assertEquals(parseExposition(text).values.size, 4 * 3 + 4);
});
