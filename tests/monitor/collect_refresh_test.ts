/** What the monitor makes of refreshing. */

import { assertEquals } from "@std/assert";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  REFRESH_METRICS,
  type RefreshFigures,
  refreshFinding,
} from "../../src/monitor/collect_refresh.ts";
import { assertMetricSpec } from "../../src/monitor/metric_spec.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { type MetricsSnapshot, valueIn } from "../../src/monitor/snapshot.ts";

const PART = "core/work/refresh";

const FIGURES: RefreshFigures = {
  runs: 3,
  staleRuns: 1,
  partial: 40,
  full: 5,
  fallbacks: 2,
  failed: 1,
  auditMismatches: 4,
  busyRatio: 0.25,
  gate: { mode: "normal", kept: 7, deferred: 90, changesPerS: 12.5 },
  aggregator: {
    edges: 100,
    clusters: 30,
    largest: 11,
    totals: { recorded: 900, refused: 6, fired: 8, regrouped: 9 },
    blocks: { totals: { warmed: 13, failed: 14, hits: 15, misses: 16 } },
    isCaughtUp: true,
  },
};

function look(figures: RefreshFigures): MetricsSnapshot {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  assertEquals(applySamples(registry, refreshFinding(PART, figures).samples, 0), []);
  return registry.snapshot(0, 0);
}

Deno.test("refreshFinding() measures everything that is declared", () => {
  const snapshot = look(FIGURES);
  const expected: [string, Record<string, string>, number][] = [
    ["edges", {}, 100],
    ["clusters", {}, 30],
    ["largest_cluster_edges", {}, 11],
    ["changes_total", {}, 900],
    ["refused_changes_total", {}, 6],
    ["fired_total", {}, 8],
    ["regrouped_total", {}, 9],
    ["warmed_blocks_total", {}, 13],
    ["failed_blocks_total", {}, 14],
    ["block_hits_total", {}, 15],
    ["block_misses_total", {}, 16],
    ["runs", {}, 3],
    ["stale_runs", {}, 1],
    ["partial_total", {}, 40],
    ["full_total", {}, 5],
    ["fallbacks_total", {}, 2],
    ["failed_total", {}, 1],
    ["audit_mismatches_total", {}, 4],
    ["deferred_changes_total", {}, 90],
    ["kept_changes", {}, 7],
    ["change_rate", {}, 12.5],
    ["busy_ratio", {}, 0.25],
    ["mode", { mode: "normal" }, 1],
    ["mode", { mode: "burst" }, 0],
  ];
  for (const [name, labels, value] of expected) {
    assertEquals(valueIn(snapshot, `wick_refresh_${name}`, labels), value, name);
  }
  const measured = new Set(expected.map(([name]) => `wick_refresh_${name}`));
  assertEquals(measured, new Set(REFRESH_METRICS.map(({ name }) => name)));
  for (const spec of REFRESH_METRICS) assertMetricSpec(spec);
});

Deno.test("refreshing is degraded in a mode that keeps changes, and without its aggregator", () => {
  const stateOf = (figures: RefreshFigures) => refreshFinding(PART, figures).parts?.[0]?.state;
  assertEquals(stateOf(FIGURES), "ok");
  assertEquals(stateOf({ ...FIGURES, gate: { ...FIGURES.gate, mode: "burst" } }), "degraded");
  const { samples } = refreshFinding(PART, { ...FIGURES, aggregator: null });
  assertEquals(samples.some(({ name }) => name === "wick_refresh_edges"), false);
  assertEquals(stateOf({ ...FIGURES, aggregator: null }), "degraded");
});
