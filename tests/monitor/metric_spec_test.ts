import { assertThrows } from "@std/assert";
import {
  assertMetricSpec,
  type MetricKind,
  type MetricSpec,
} from "../../src/monitor/metric_spec.ts";

const spec = (name: string, kind: MetricKind, more: Partial<MetricSpec> = {}): MetricSpec => ({
  name,
  kind,
  help: "Help",
  ...more,
});

Deno.test("assertMetricSpec() takes names that say kind and unit", () => {
  const fine: readonly (readonly [string, MetricKind])[] = [
    ["wick_http_requests_total", "counter"],
    ["wick_process_cpu_seconds_total", "counter"],
    ["wick_pool_queued_rows", "gauge"],
    ["wick_event_loop_lag_seconds", "histogram"],
    ["wick_batch_rows", "histogram"],
    ["wick_cache_hit_ratio", "gauge"],
  ];
  for (const [name, kind] of fine) assertMetricSpec(spec(name, kind));
});

Deno.test("assertMetricSpec() refuses names that break the rules, and says which", () => {
  const wrong: readonly (readonly [string, MetricKind, string])[] = [
    ["http_requests_total", "counter", "wick_…"],
    ["wick_", "gauge", "wick_…"],
    ["wick_Rows", "gauge", "wick_…"],
    ["wick_rows-now", "gauge", "wick_…"],
    ["wick__rows", "gauge", "wick_…"],
    ["wick_requests", "counter", "ends in _total"],
    ["wick_rows_total", "gauge", "without _total"],
    ["wick_lag_seconds_total", "histogram", "without _total"],
    ["wick_lag_ms", "histogram", "base units"],
    ["wick_wait_milliseconds_total", "counter", "base units"],
    ["wick_memory_mb", "gauge", "base units"],
    ["wick_cpu_percent", "gauge", "base units"],
    ["wick_rows_count", "gauge", "without _count"],
    ["wick_rows_bucket", "gauge", "without _count, _sum, _bucket"],
    ["wick_lag", "histogram", "ends in its unit"],
  ];
  for (const [name, kind, text] of wrong) {
    assertThrows(() => assertMetricSpec(spec(name, kind)), TypeError, text);
  }
});

Deno.test("assertMetricSpec() refuses labels that Prometheus keeps, and too many", () => {
  for (const labels of [["le"], ["quantile"], ["instance"], ["Path"], ["a-b"], [""]]) {
    assertThrows(
      () => assertMetricSpec(spec("wick_rows", "gauge", { labels })),
      TypeError,
      "expected labels",
    );
  }
  for (const labels of [["a", "a"], ["a", "b", "c", "d", "e"]]) {
    assertThrows(
      () => assertMetricSpec(spec("wick_rows", "gauge", { labels })),
      RangeError,
      "at most 4 different labels",
    );
  }
});

Deno.test("assertMetricSpec() refuses edges that do not ascend, and an empty help", () => {
  for (
    const edges of [
      [2, 1],
      [1, 1],
      [1, Infinity],
      [NaN],
      Array.from({ length: 33 }, (_, i) => i),
    ]
  ) {
    assertThrows(
      () => assertMetricSpec(spec("wick_lag_seconds", "histogram", { edges })),
      RangeError,
      "ascending edges",
    );
  }
  assertThrows(
    () => assertMetricSpec(spec("wick_rows", "gauge", { help: " " })),
    TypeError,
    "help",
  );
});
