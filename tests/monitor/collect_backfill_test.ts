/** What the monitor makes of providers, of jobs, and of the reports of their runs. */

import { assertEquals } from "@std/assert";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  backfillFinding,
  type JobFigures,
  JobTotals,
  type RunFigures,
} from "../../src/monitor/collect_backfill.ts";
import { type ProviderFigures, providerFinding } from "../../src/monitor/collect_provider.ts";
import type { Finding } from "../../src/monitor/finding.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { valueIn } from "../../src/monitor/snapshot.ts";

function snapshotOf({ samples }: Finding) {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  assertEquals(applySamples(registry, samples, 0), []);
  return registry.snapshot(0, 0);
}

const PROVIDER: ProviderFigures = {
  breaker: "closed",
  failures: 0,
  waitingKeys: 4,
  batch: {
    calls: 8,
    keys: 90,
    coalesced: 21,
    retried: 6,
    bisected: 5,
    halves: 11,
    callKeysMax: 50,
    lingerMs: 5,
    bulkWaiting: 2,
  },
  permits: 3,
  endpoints: [
    { endpoint: "eod", calls: 10, failed: 2 },
    { endpoint: "news", calls: 5, failed: 0 },
  ],
  limiter: {
    waiting: 7,
    waitedMs: 2_500,
    limited: 1,
    inFlight: 3,
    limits: [{ usedRatio: 0.25 }, { usedRatio: 0.75 }],
  },
  lastError: "once",
};

Deno.test("providerFinding() measures a provider under the last step of its path", () => {
  const snapshot = snapshotOf(providerFinding("core/providers/eodhd", PROVIDER));
  const figures = {
    breaker_closed: 1,
    waiting_keys: 4,
    bulk_waiting_keys: 2,
    grouped_calls_total: 8,
    grouped_keys_total: 90,
    coalesced_total: 21,
    retried_calls_total: 6,
    bisected_calls_total: 5,
    half_calls_total: 11,
    permits: 3,
    limit_waiting: 7,
    limit_used_ratio: 0.75,
    limit_waited_seconds_total: 2.5,
    limited_total: 1,
  };
  for (const [name, value] of Object.entries(figures)) {
    assertEquals(valueIn(snapshot, `wick_provider_${name}`, { provider: "eodhd" }), value, name);
  }
  const eod = { provider: "eodhd", endpoint: "eod" };
  assertEquals(valueIn(snapshot, "wick_provider_calls_total", eod), 10);
  assertEquals(valueIn(snapshot, "wick_provider_failed_calls_total", eod), 2);
});

Deno.test("providerFinding() is degraded while the breaker is not closed", () => {
  const partOf = (more: Partial<ProviderFigures>) =>
    providerFinding("providers/eodhd", { ...PROVIDER, ...more }).parts?.[0];
  assertEquals(partOf({})?.state, "ok");
  assertEquals(partOf({})?.detail, { calls: 15, failed: 2, waiting: 7 });
  for (const breaker of ["open", "half_open"]) assertEquals(partOf({ breaker })?.state, "degraded");
  assertEquals(partOf({ breaker: "open" })?.detail.lastError, "once");
  assertEquals(partOf({ limiter: null })?.detail, { calls: 15, failed: 2 });
});

Deno.test("providerFinding() says how keys are grouped: most of a call, and how long they wait", () => {
  const snapshot = snapshotOf(providerFinding("core/providers/eod", PROVIDER));
  const labels = { provider: "eod" };
  assertEquals(valueIn(snapshot, "wick_provider_call_keys_max", labels), 50);
  assertEquals(valueIn(snapshot, "wick_provider_linger_seconds", labels), 0.005);
});

const JOB: JobFigures = {
  name: "night",
  state: "running",
  items: 100,
  settled: 40,
  failed: 2,
  missed: 1,
  lastError: null,
};

Deno.test("backfillFinding() measures jobs under way, and counts all by state", () => {
  const jobs = [JOB, { ...JOB, name: "b", state: "done" }, { ...JOB, name: "c", state: "done" }];
  const snapshot = snapshotOf(backfillFinding("core/work/backfill", jobs, new JobTotals()));
  assertEquals(valueIn(snapshot, "wick_jobs", { state: "running" }), 1);
  assertEquals(valueIn(snapshot, "wick_jobs", { state: "done" }), 2);
  assertEquals(valueIn(snapshot, "wick_jobs", { state: "failed" }), 0);
  assertEquals(valueIn(snapshot, "wick_job_settled_items", { backfill: "night" }), 40);
  assertEquals(valueIn(snapshot, "wick_job_failed_items", { backfill: "night" }), 2);
  assertEquals(valueIn(snapshot, "wick_job_settled_items", { backfill: "b" }), null);
  assertEquals(valueIn(snapshot, "wick_job_missed_runs", {}), 3);
});

Deno.test("backfillFinding() is degraded while a job stands failed", () => {
  const partOf = (...jobs: JobFigures[]) => backfillFinding("b", jobs, new JobTotals()).parts?.[0];
  assertEquals(partOf()?.state, "ok");
  assertEquals(partOf(JOB, { ...JOB, state: "paused" })?.state, "ok");
  const failed = partOf(JOB, { ...JOB, name: "c", state: "failed", lastError: "no key" });
  assertEquals(failed?.state, "degraded");
  assertEquals([failed?.detail.failed, failed?.detail.lastError], ["c", "no key"]);
});

function runOf(state: string, ok: number, runId = "night-1", job = "night"): RunFigures {
  return {
    run_summary: { run_id: runId, job, state, items_ok: ok, items_failed: 1, items_skipped: 10 },
    api_metrics: { total_calls: 2 * ok, failed_calls: 3 },
    optimizations: { total_api_calls_saved: 50 },
    retries: { total: 4 },
  };
}

Deno.test("JobTotals adds a run up once, however many parts it has", () => {
  const totals = new JobTotals();
  totals.add(runOf("paused", 20));
  totals.add(runOf("failed", 30));
  totals.add(runOf("done", 100));
  totals.add(runOf("done", 7, "night-2"));
  // Another job's run between two parts changes nothing.
  totals.add(runOf("paused", 5, "b-1", "b"));
  totals.add(runOf("done", 6, "b-1", "b"));
  const snapshot = snapshotOf({ samples: totals.samples() });
  const figures = {
    items_ok_total: 100 + 7 + 6,
    items_failed_total: 3,
    items_skipped_total: 30,
    calls_total: 2 * 113,
    calls_failed_total: 9,
    calls_saved_total: 150,
    retries_total: 12,
  };
  for (const [name, value] of Object.entries(figures)) {
    assertEquals(valueIn(snapshot, `wick_job_${name}`, {}), value, name);
  }
  assertEquals(valueIn(snapshot, "wick_job_runs_total", { state: "done" }), 3);
  assertEquals(valueIn(snapshot, "wick_job_runs_total", { state: "paused" }), 2);
});
