import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { Counter, Gauge } from "../../src/monitor/metric.ts";
import { FAMILIES_MAX, OTHER, Registry } from "../../src/monitor/registry.ts";
import { histogramIn, valueIn } from "../../src/monitor/snapshot.ts";
import { seedOf } from "../actor/seed.ts";

const SEED = seedOf("registry_test");

const REQUESTS = {
  name: "wick_requests_total",
  kind: "counter",
  help: "Requests",
  labels: ["method", "code"],
} as const;

Deno.test("Counter.add() refuses what would make it shrink", () => {
  const counter = new Counter();
  counter.add();
  counter.add(2.5);
  for (const by of [-1, NaN, Infinity]) {
    assertThrows(() => counter.add(by), RangeError, "Cannot add to a counter");
  }
  assertEquals(counter.value, 3.5);
});

Deno.test("Counter.follow() goes on when its source begins anew", () => {
  const counter = new Counter();
  // The source counts to 10, restarts, counts to 4, restarts, counts to 7.
  for (const total of [3, 10, 10, 0, 4, 1, 7]) counter.follow(total);
  assertEquals(counter.value, 10 + 4 + 7);
});

Deno.test("Gauge.set() refuses what JSON cannot hold", () => {
  const gauge = new Gauge();
  gauge.set(5);
  gauge.add(-7);
  for (const value of [NaN, Infinity, -Infinity]) {
    assertThrows(() => gauge.set(value), RangeError, "Cannot set a gauge");
  }
  assertEquals(gauge.value, -2);
});

Deno.test("Family.with() gives one series for the same labels in any order", () => {
  const registry = new Registry();
  const requests = registry.register(REQUESTS);
  const series = requests.with({ method: "GET", code: "200" });
  assert(series === requests.with({ code: "200", method: "GET" }));
  assert(series !== requests.with({ method: "200", code: "GET" }));
  assertEquals([requests.size, registry.series], [2, 2]);
});

Deno.test("Family.with() tells labels apart that look alike when joined", () => {
  const requests = new Registry().register(REQUESTS);
  const values = ["", ",", '"', "a", 'a","', "\\", "\n", "a,b", "\u0000"];
  for (const method of values) for (const code of values) requests.with({ method, code }).add();
  assertEquals(requests.size, values.length ** 2);
});

Deno.test("Family.with() refuses to find a series without all of its labels", () => {
  const registry = new Registry();
  registry.register(REQUESTS);
  const untyped = registry.family("wick_requests_total");
  assertThrows(
    () => untyped?.with({ method: "GET" }),
    TypeError,
    "Cannot find a series of wick_requests_total: expected the labels method, code: current value lacks code",
  );
});

Deno.test("Family.with() cuts long values of labels", () => {
  const registry = new Registry();
  const requests = registry.register(REQUESTS);
  requests.with({ method: "x".repeat(1_000), code: "" }).add();
  assertEquals(
    valueIn(registry.snapshot(0, 0), REQUESTS.name, { method: "x".repeat(128), code: "" }),
    1,
  );
});

Deno.test("Registry counts on in one series beyond the bound of a metric: no sum is wrong", () => {
  const registry = new Registry();
  const requests = registry.register({ ...REQUESTS, seriesMax: 10 });
  for (let key = 0; key < 1_000; key++) requests.with({ method: `m${key}`, code: "200" }).add(2);
  const snapshot = registry.snapshot(0, 0);
  const series = snapshot.families[0]?.series ?? [];
  assertEquals(series.length, 11);
  assertEquals(valueIn(snapshot, REQUESTS.name, { method: OTHER, code: OTHER }), 2 * 990);
  assertEquals(snapshot.overflowed, [{ name: REQUESTS.name, times: 990 }]);
  assertEquals([registry.series, registry.overflowed], [10, 990]);
});

Deno.test("Registry leaves gauges beyond the bound out, and counts them", () => {
  const registry = new Registry();
  const depth = registry.register({
    name: "wick_depth",
    kind: "gauge",
    help: "Depth",
    labels: ["actor"],
    seriesMax: 2,
  });
  for (const actor of ["a", "b", "c", "c"]) depth.with({ actor }).set(7);
  const snapshot = registry.snapshot(0, 0);
  assertEquals(snapshot.families[0]?.series.map(({ labels }) => labels), [
    { actor: "a" },
    { actor: "b" },
  ]);
  assertEquals(snapshot.overflowed, [{ name: "wick_depth", times: 2 }]);
});

Deno.test("Registry keeps its bounds over all metrics, and that of histograms", () => {
  const registry = new Registry({ seriesMax: 5, histogramsMax: 2 });
  const seconds = registry.register({
    name: "wick_wait_seconds",
    kind: "histogram",
    help: "Wait",
    labels: ["actor"],
  });
  const requests = registry.register(REQUESTS);
  for (let i = 0; i < 10; i++) seconds.with({ actor: `a${i}` }).record(1);
  for (let i = 0; i < 10; i++) requests.with({ method: `m${i}`, code: "" }).add();
  assertEquals([seconds.size, requests.size, registry.series], [2, 3, 5]);
  const snapshot = registry.snapshot(0, 0);
  assertEquals(histogramIn(snapshot, "wick_wait_seconds", { actor: OTHER })?.count, 8);
  assertEquals(valueIn(snapshot, REQUESTS.name, { method: OTHER, code: OTHER }), 7);
});

Deno.test("Registry.register() refuses a name that is taken, a wrong range, and too many", () => {
  const registry = new Registry();
  registry.register(REQUESTS);
  assertThrows(() => registry.register(REQUESTS), TypeError, "it is taken");
  const wait = { name: "wick_wait_seconds", kind: "histogram", help: "Wait" } as const;
  const range = { lowest: 5, highest: 1 };
  assertThrows(() => registry.register({ ...wait, range }), RangeError, "expected a range");
  for (let i = 1; i < FAMILIES_MAX; i++) {
    registry.register({ name: `wick_g${i}`, kind: "gauge", help: "Gauge" });
  }
  assertThrows(() => registry.register(wait), RangeError, `at most ${FAMILIES_MAX}`);
});

Deno.test("Registry.familyOf() gives a family only as what it is", () => {
  const registry = new Registry();
  registry.register(REQUESTS);
  assertEquals(registry.familyOf(REQUESTS.name, "gauge"), null);
  assertEquals(registry.familyOf("wick_none", "gauge"), null);
  const series = registry.familyOf(REQUESTS.name, "counter")?.with({ method: "a", code: "b" });
  assert(series instanceof Counter);
});

Deno.test("Registry.expire() takes out gauges that nobody sets any more, and makes room", () => {
  const registry = new Registry({ seriesMax: 3 });
  const depth = registry.register({
    name: "wick_depth",
    kind: "gauge",
    help: "Depth",
    labels: ["actor"],
  });
  const held = depth.with({ actor: "held" });
  held.set(1);
  depth.with({ actor: "old" }).atMs = 100;
  depth.with({ actor: "new" }).atMs = 200;
  registry.expire(150);
  const actors = () =>
    registry.snapshot(0, 0).families[0]?.series.map(({ labels }) => labels.actor);
  assertEquals([actors(), registry.series], [["held", "new"], 2]);
  depth.with({ actor: "third" });
  assertEquals(actors(), ["held", "new", "third"]);
});

Deno.test("Registry.snapshot() is plain data that later counts do not change", () => {
  const registry = new Registry();
  const requests = registry.register(REQUESTS).with({ method: "GET", code: "200" });
  const wait = registry.register({
    name: "wick_wait_seconds",
    kind: "histogram",
    help: "Wait",
    edges: [0.1, 1],
  });
  registry.register({ name: "wick_depth", kind: "gauge", help: "Depth" });
  wait.with({}).record(0.05);
  wait.with({}).record(0.5);
  wait.with({}).record(20);
  requests.add(3);
  const snapshot = registry.snapshot(1_700_000_000_000, 12.5);
  requests.add(100);
  wait.with({}).record(1);
  assertEquals(JSON.parse(JSON.stringify(snapshot)), {
    at: 1_700_000_000_000,
    nowMs: 12.5,
    families: [
      {
        name: "wick_requests_total",
        help: "Requests",
        kind: "counter",
        series: [{ labels: { method: "GET", code: "200" }, value: 3 }],
      },
      {
        name: "wick_wait_seconds",
        help: "Wait",
        kind: "histogram",
        series: [{
          labels: {},
          count: 3,
          sum: 20.55,
          min: 0.05,
          max: 20,
          // The middle of the bucket from 0.5 to 0.5 · 65/64.
          p50: 0.50390625,
          p95: 20,
          p99: 20,
          buckets: [{ le: 0.1, count: 1 }, { le: 1, count: 2 }],
        }],
      },
      { name: "wick_depth", help: "Depth", kind: "gauge", series: [] },
    ],
    series: 2,
    overflowed: [],
  });
});

Deno.test("Registry.snapshot() of a histogram without numbers has no percentiles", () => {
  const registry = new Registry();
  registry.register({ name: "wick_wait_seconds", kind: "histogram", help: "Wait" }).with({});
  const found = histogramIn(registry.snapshot(0, 0), "wick_wait_seconds");
  assertEquals([found?.count, found?.min, found?.max, found?.p99], [0, null, null, null]);
});

Deno.test("Registry holds what a twin of plain maps holds, bounds and all", () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 20; round++) {
    const seriesMax = 1 + Math.floor(random.next() * 20);
    const registry = new Registry({ seriesMax: 1 + Math.floor(random.next() * 30) });
    const limit = { ...REQUESTS, seriesMax };
    const requests = registry.register(limit);
    const wait = registry.register({
      name: "wick_wait_seconds",
      kind: "histogram",
      help: "Wait",
      labels: ["actor"],
      seriesMax,
    });
    let sum = 0, records = 0;
    for (let step = 0; step < 500; step++) {
      const pick = () => `v${Math.floor(random.next() * 6)}`;
      if (random.next() < 0.5) {
        const by = Math.floor(random.next() * 10);
        requests.with({ method: pick(), code: pick() }).add(by);
        sum += by;
      } else {
        wait.with({ actor: pick() }).record(random.next());
        records++;
      }
    }
    const [counted, waited] = registry.snapshot(0, 0).families;
    assert(counted?.kind === "counter" && waited?.kind === "histogram");
    assertEquals(counted.series.reduce((total, { value }) => total + value, 0), sum);
    assertEquals(waited.series.reduce((total, { count }) => total + count, 0), records);
    assert(requests.size <= seriesMax && wait.size <= seriesMax);
  }
});

Deno.test("Registry hands out histograms of the declared range", () => {
  const range = { lowest: 1, highest: 1 << 20 };
  const rows = new Registry().register({
    name: "wick_batch_rows",
    kind: "histogram",
    help: "Rows",
    range,
  }).with({});
  assert(rows.hasRangeOf(new Histogram(range)));
});
