import { assertEquals } from "@std/assert";
import { Histogram } from "../../src/monitor/histogram.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import { histogramIn, valueIn } from "../../src/monitor/snapshot.ts";

function registryOf(): Registry {
  const registry = new Registry();
  registry.register({ name: "wick_rows_total", kind: "counter", help: "Rows", labels: ["feed"] });
  registry.register({ name: "wick_depth", kind: "gauge", help: "Depth" });
  registry.register({ name: "wick_wait_seconds", kind: "histogram", help: "Wait" });
  return registry;
}

Deno.test("applySamples() adds, follows, sets and merges", () => {
  const registry = registryOf();
  const wait = new Histogram();
  wait.record(0.25, 4);
  const labels = { feed: "a" };
  const refused = applySamples(registry, [
    { name: "wick_rows_total", labels, add: 5 },
    { name: "wick_rows_total", labels, total: 7 },
    { name: "wick_rows_total", labels, total: 9 },
    { name: "wick_depth", value: 3 },
    { name: "wick_depth", value: -1 },
    { name: "wick_wait_seconds", merge: wait.encode() },
    { name: "wick_wait_seconds", merge: wait.encode() },
  ], 10);
  const snapshot = registry.snapshot(0, 0);
  assertEquals(refused, []);
  assertEquals(valueIn(snapshot, "wick_rows_total", labels), 5 + 9);
  assertEquals(valueIn(snapshot, "wick_depth"), -1);
  assertEquals(histogramIn(snapshot, "wick_wait_seconds")?.sum, 2);
});

Deno.test("applySamples() refuses what it cannot take, and takes the rest", () => {
  const registry = registryOf();
  const labels = { feed: "a" };
  const other = new Histogram({ lowest: 1 });
  other.record(5);
  const wrong: Sample[] = [
    { name: "wick_unknown", value: 1 },
    { name: "wick_rows_total", add: 1 },
    { name: "wick_rows_total", labels, add: -1 },
    { name: "wick_rows_total", labels, value: 1 },
    { name: "wick_depth", add: 1 },
    { name: "wick_depth", value: NaN },
    { name: "wick_wait_seconds", value: 1 },
    { name: "wick_wait_seconds", merge: new Float64Array(3) },
    { name: "wick_wait_seconds", merge: other.encode() },
  ];
  const refused = applySamples(
    registry,
    wrong.flatMap((sample): Sample[] => [sample, { name: "wick_rows_total", labels, add: 1 }]),
    0,
  );
  assertEquals(refused.map(({ name }) => name), wrong.map(({ name }) => name));
  assertEquals(refused.slice(0, 4).map(({ reason }) => reason), [
    "Cannot record wick_unknown: expected a metric that is registered",
    "Cannot find a series of wick_rows_total: expected the labels feed: current value lacks feed",
    "Cannot add to a counter: expected a number of at least 0: current value is -1",
    "Cannot record wick_rows_total: expected a sample of a counter: current value has value",
  ]);
  const snapshot = registry.snapshot(0, 0);
  assertEquals(valueIn(snapshot, "wick_rows_total", labels), wrong.length);
  assertEquals(histogramIn(snapshot, "wick_wait_seconds")?.count, 0);
});

Deno.test("applySamples() lets gauges age, and only those it set", () => {
  const registry = registryOf();
  applySamples(registry, [{ name: "wick_depth", value: 3 }], 1_000);
  registry.expire(1_000);
  assertEquals(valueIn(registry.snapshot(0, 0), "wick_depth"), 3);
  registry.expire(1_001);
  assertEquals(valueIn(registry.snapshot(0, 0), "wick_depth"), null);
});
