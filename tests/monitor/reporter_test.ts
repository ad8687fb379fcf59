import { assertEquals, assertThrows } from "@std/assert";
import { Registry } from "../../src/monitor/registry.ts";
import { Reporter, REPORTER_SERIES_MAX } from "../../src/monitor/reporter.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { histogramIn, valueIn } from "../../src/monitor/snapshot.ts";

Deno.test("Reporter.take() gives what came since the last one, and null when nothing did", () => {
  const reporter = new Reporter();
  const rows = reporter.counter("wick_rows_total", { feed: "a" });
  reporter.counter("wick_idle_total").add(0);
  assertEquals(reporter.take(), null);
  rows.add();
  rows.add(4);
  assertEquals(reporter.take(), [{ name: "wick_rows_total", labels: { feed: "a" }, add: 5 }]);
  rows.add(2);
  assertEquals(reporter.take(), [{ name: "wick_rows_total", labels: { feed: "a" }, add: 2 }]);
  assertEquals(reporter.take(), null);
});

Deno.test("Reporter's reports sum up to what was counted, also through another thread", () => {
  const registry = new Registry();
  registry.register({ name: "wick_rows_total", kind: "counter", help: "Rows" });
  registry.register({ name: "wick_wait_seconds", kind: "histogram", help: "Wait" });
  const reporter = new Reporter();
  const rows = reporter.counter("wick_rows_total");
  const wait = reporter.histogram("wick_wait_seconds");
  for (let report = 0; report < 10; report++) {
    for (let i = 0; i < 100; i++) {
      rows.add();
      wait.record(0.001 * (100 * report + i + 1));
    }
    const samples = structuredClone(reporter.take() ?? []);
    assertEquals(applySamples(registry, samples, 0), []);
  }
  const snapshot = registry.snapshot(0, 0);
  assertEquals(valueIn(snapshot, "wick_rows_total"), 1_000);
  const found = histogramIn(snapshot, "wick_wait_seconds");
  assertEquals([found?.count, found?.min, found?.max], [1_000, 0.001, 1]);
});

Deno.test("Reporter refuses series over its bound", () => {
  const reporter = new Reporter();
  reporter.histogram("wick_wait_seconds");
  for (let i = 1; i < REPORTER_SERIES_MAX; i++) reporter.counter(`wick_c${i}_total`);
  assertThrows(() => reporter.counter("wick_more_total"), RangeError, "at most 64 series");
  assertThrows(() => reporter.histogram("wick_more_seconds"), RangeError, "at most 64 series");
});
