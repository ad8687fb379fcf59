import { assertAlmostEquals, assertEquals } from "@std/assert";
import { deltaOf, histogramDeltaOf, ratePerSecond } from "../../src/monitor/rates.ts";
import { Registry } from "../../src/monitor/registry.ts";

function rig() {
  const registry = new Registry();
  const rows = registry.register({
    name: "wick_rows_total",
    kind: "counter",
    help: "Rows",
    labels: ["feed"],
  });
  const wait = registry.register({
    name: "wick_wait_seconds",
    kind: "histogram",
    help: "Wait",
    edges: [0.1, 1],
  });
  return { registry, rows, wait };
}

const A = { feed: "a" }, B = { feed: "b" };

Deno.test("deltaOf() and ratePerSecond() say what a counter grew by", () => {
  const { registry, rows } = rig();
  rows.with(A).add(10);
  const before = registry.snapshot(0, 1_000);
  rows.with(A).add(30);
  rows.with(B).add(4);
  const after = registry.snapshot(0, 3_000);
  assertEquals(deltaOf(before, after, "wick_rows_total", A), 30);
  assertEquals(ratePerSecond(before, after, "wick_rows_total", A), 15);
  // New since.
  assertEquals(ratePerSecond(before, after, "wick_rows_total", B), 2);
});

Deno.test("deltaOf() of what is not there is null, and so is a rate without time", () => {
  const { registry, rows } = rig();
  rows.with(A).add(1);
  const snapshot = registry.snapshot(0, 5);
  assertEquals(deltaOf(snapshot, snapshot, "wick_rows_total", B), null);
  assertEquals(deltaOf(snapshot, snapshot, "wick_none"), null);
  assertEquals(deltaOf(snapshot, snapshot, "wick_wait_seconds"), null);
  assertEquals(deltaOf(snapshot, snapshot, "wick_rows_total", A), 0);
  assertEquals(ratePerSecond(snapshot, snapshot, "wick_rows_total", A), null);
});

Deno.test("deltaOf() of a counter that began anew is what it has counted since", () => {
  const old = rig(), young = rig();
  old.rows.with(A).add(100);
  young.rows.with(A).add(3);
  const [before, after] = [old.registry.snapshot(0, 0), young.registry.snapshot(0, 1_000)];
  assertEquals(deltaOf(before, after, "wick_rows_total", A), 3);
});

Deno.test("histogramDeltaOf() says what was recorded meanwhile", () => {
  const { registry, wait } = rig();
  for (const value of [0.05, 0.5, 3]) wait.with({}).record(value);
  const before = registry.snapshot(0, 0);
  for (const value of [0.05, 0.06, 0.7, 9]) wait.with({}).record(value);
  const after = registry.snapshot(0, 1_000);
  const delta = histogramDeltaOf(before, after, "wick_wait_seconds");
  assertEquals(delta?.count, 4);
  assertAlmostEquals(delta?.sum ?? NaN, 9.81, 1e-9);
  assertAlmostEquals(delta?.mean ?? NaN, 9.81 / 4, 1e-9);
  assertEquals(delta?.buckets, [{ le: 0.1, count: 2 }, { le: 1, count: 3 }]);
  assertEquals(histogramDeltaOf(before, after, "wick_rows_total"), null);
});

Deno.test("histogramDeltaOf() of one that began anew is all of it", () => {
  const old = rig(), young = rig();
  for (let i = 0; i < 5; i++) old.wait.with({}).record(0.5);
  young.wait.with({}).record(0.05);
  const [before, after] = [old.registry.snapshot(0, 0), young.registry.snapshot(0, 1_000)];
  assertEquals(histogramDeltaOf(before, after, "wick_wait_seconds"), {
    count: 1,
    sum: 0.05,
    mean: 0.05,
    buckets: [{ le: 0.1, count: 1 }, { le: 1, count: 1 }],
  });
  const empty = rig();
  empty.wait.with({});
  const none = empty.registry.snapshot(0, 0);
  assertEquals(histogramDeltaOf(none, none, "wick_wait_seconds")?.mean, null);
});
