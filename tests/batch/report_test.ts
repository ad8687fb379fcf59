import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { type RecorderSnapshot, RunRecorder } from "../../src/batch/report.ts";
import { ENDPOINTS_MAX } from "../../src/batch/report_calls.ts";
import { compareReports, comparisonText } from "../../src/batch/report_compare.ts";
import type { PlanSavings } from "../../src/batch/report_savings.ts";
import type { RunReport } from "../../src/batch/report_schema.ts";
import { reportText } from "../../src/batch/report_text.ts";
import { rateText, shareText, spanText } from "../../src/batch/report_units.ts";
import { RELATIVE_ERROR } from "../../src/monitor/histogram.ts";
import { seedOf } from "../actor/seed.ts";

const START_MS = Date.UTC(2026, 2, 3, 3);

function recorderOf(clock = new VirtualClock(0, START_MS)) {
  const limit = { requests: 750, windowMs: 60_000 };
  return { clock, recorder: new RunRecorder({ clock, runId: "night-1", job: "night", limit }) };
}

const PLAN: PlanSavings = {
  plainCalls: 57_615,
  plannedCalls: 11_360,
  saved: [
    { name: "batch", itemsSkipped: 0, callsSaved: 19_175, msSaved: 1_534_000, evidence: "x" },
    { name: "pays", itemsSkipped: 10_179, callsSaved: 10_179, msSaved: 814_320, evidence: "y" },
    { name: "known", itemsSkipped: 16_901, callsSaved: 16_901, msSaved: 1_352_080, evidence: "z" },
  ],
  apart: [{ name: "fresh", itemsSkipped: 6_405, callsSaved: 6_405, msSaved: 0, evidence: "f" }],
};

/** A recorder's state after a way through JSON, as in a checkpoint. */
const stored = (snapshot: RecorderSnapshot): RecorderSnapshot =>
  JSON.parse(JSON.stringify(snapshot));

// ---- the schema ---------------------------------------------------------------------------------

Deno.test("RunRecorder.report() has the keys that older queries use", () => {
  const { recorder, clock } = recorderOf();
  recorder.call({ endpoint: "eod", ok: true, tookMs: 100 });
  clock.advance(90_000);
  const report = JSON.parse(JSON.stringify(recorder.report("done")));
  assertStrictEquals(report.run_summary.total_duration_minutes, 1.5);
  assertStrictEquals(report.api_metrics.total_calls, 1);
  assertStrictEquals(report.api_metrics.by_endpoint.eod.count, 1);
  assertStrictEquals(report.optimizations.total_api_calls_saved, 0);
  assertEquals(report.optimizations.by_optimization, {});
  assertEquals(report.phases, {});
});

Deno.test("RunRecorder.report() of a run that did nothing has no NaN", () => {
  const { recorder } = recorderOf();
  const report = recorder.report("done");
  assertEquals(JSON.parse(JSON.stringify(report)), report);
  assertStrictEquals(report.api_metrics.success_rate, null);
  assertStrictEquals(report.run_summary.limiting_phase, null);
  assertStrictEquals(report.limiter.use, 0);
});

// ---- calls --------------------------------------------------------------------------------------

Deno.test("RunRecorder.call() counts by endpoint, with mean and p95 as of a sorted list", () => {
  const random = seededRandom(seedOf("RunRecorder.call()"));
  const { recorder } = recorderOf();
  const times: Record<string, number[]> = { eod: [], dividends: [] };
  const failed: Record<string, number> = { eod: 0, dividends: 0 };
  for (let i = 0; i < 5_000; i++) {
    const endpoint = random.next() < 0.3 ? "eod" : "dividends";
    const tookMs = Math.exp(5 + random.next() * 2);
    const ok = random.next() >= 0.02;
    times[endpoint]?.push(tookMs);
    if (!ok) failed[endpoint] = (failed[endpoint] ?? 0) + 1;
    recorder.call({ endpoint, ok, tookMs });
  }
  const { by_endpoint, total_calls } = recorder.report("done").api_metrics;
  assertStrictEquals(total_calls, 5_000);
  for (const [endpoint, list] of Object.entries(times)) {
    const found = by_endpoint[endpoint];
    assert(found !== undefined && found.mean_ms !== null && found.p95_ms !== null);
    const sorted = list.sort((a, b) => a - b);
    const mean = sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length;
    const p95 = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? NaN;
    assertStrictEquals(found.count, sorted.length);
    assertStrictEquals(found.failed, failed[endpoint]);
    assert(Math.abs(found.mean_ms - mean) < 1e-6 * mean);
    assert(Math.abs(found.p95_ms - p95) <= RELATIVE_ERROR * p95);
  }
});

Deno.test("RunRecorder.call() loses no call, of a strange time or of the 65th endpoint", () => {
  const { recorder } = recorderOf();
  recorder.call({ endpoint: "eod", ok: true, tookMs: -1 });
  recorder.call({ endpoint: "eod", ok: true, tookMs: NaN });
  for (let i = 0; i < 100; i++) recorder.call({ endpoint: `e${i}`, ok: true, tookMs: 1 });
  const { total_calls, by_endpoint } = recorder.report("done").api_metrics;
  assertStrictEquals(total_calls, 102);
  assertStrictEquals(Object.keys(by_endpoint).length, ENDPOINTS_MAX + 1);
  const sum = Object.values(by_endpoint).reduce((all, { count }) => all + count, 0);
  assertStrictEquals(sum, 102);
});

Deno.test("RunRecorder.call() keeps an endpoint named like a property of objects apart", () => {
  const { recorder } = recorderOf();
  recorder.call({ endpoint: "__proto__", ok: true, tookMs: 1 });
  recorder.call({ endpoint: "constructor", ok: false, tookMs: 1 });
  const { by_endpoint } = recorder.report("done").api_metrics;
  assertEquals(Object.keys(by_endpoint), ["__proto__", "constructor"]);
});

// ---- phases -------------------------------------------------------------------------------------

Deno.test("RunRecorder.phase() times phases that overlap, and adds up stretches", () => {
  const { recorder, clock } = recorderOf();
  const prices = recorder.phase("prices");
  clock.advance(10_000);
  const profiles = recorder.phase("profiles");
  profiles.items({ ok: 3, failed: 1 });
  clock.advance(20_000);
  prices.end();
  prices.end();
  clock.advance(5_000);
  profiles.end();
  assertStrictEquals(recorder.phase("prices"), prices);
  clock.advance(1_000);
  const { phases, run_summary } = recorder.report("running");
  assertStrictEquals(phases.prices?.duration_seconds, 31);
  assertEquals(phases.profiles, {
    duration_seconds: 25,
    processed: 4,
    ok: 3,
    failed: 1,
    throughput_per_second: 0.16,
    waited_seconds: 0,
    called_seconds: 0,
  });
  assertStrictEquals(run_summary.limiting_phase, "prices");
  assertEquals([run_summary.items_ok, run_summary.items_failed], [3, 1]);
  assertStrictEquals(run_summary.success_rate, 0.75);
});

Deno.test("RunRecorder.report() names what the limiting phase waited for", () => {
  const { recorder, clock } = recorderOf();
  recorder.phase("prices");
  clock.advance(1_000);
  const call = { endpoint: "eod", ok: true, phase: "prices" };
  recorder.call({ ...call, tookMs: 300, waitedMs: 100 });
  assertStrictEquals(recorder.report("running").run_summary.limited_by, "provider");
  recorder.call({ ...call, tookMs: 100, waitedMs: 500 });
  const { run_summary, phases, limiter } = recorder.report("running");
  assertStrictEquals(run_summary.limited_by, "rate limit");
  assertStrictEquals(phases.prices?.waited_seconds, 0.6);
  assertStrictEquals(phases.prices?.called_seconds, 0.4);
  assertStrictEquals(limiter.waited_ms, 600);
});

Deno.test("RunRecorder.report() says how much of the limit was used", () => {
  const { recorder, clock } = recorderOf();
  for (let i = 0; i < 750; i++) recorder.call({ endpoint: "eod", ok: true, tookMs: 1 });
  clock.advance(120_000);
  assertStrictEquals(recorder.report("done").limiter.use, 0.5);
});

Deno.test("RunRecorder.report() measures a run of some seconds by the calls of one window", () => {
  const { recorder, clock } = recorderOf();
  for (let i = 0; i < 75; i++) recorder.call({ endpoint: "eod", ok: true, tookMs: 1 });
  clock.advance(1_000);
  assertStrictEquals(recorder.report("done").limiter.use, 0.1);
  assert(reportText(recorder.report("done")).join("\n").includes("used 10.00 %\n"));
});

Deno.test("reportText() says of what is above the limit's rate where it came from", () => {
  const { recorder, clock } = recorderOf();
  for (let i = 0; i < 900; i++) recorder.call({ endpoint: "eod", ok: true, tookMs: 1 });
  clock.advance(60_000);
  const text = reportText(recorder.report("done")).join("\n");
  assert(text.includes("used 120.00 %, with what had gathered before the run\n"), text);
});

// ---- savings ------------------------------------------------------------------------------------

Deno.test("RunRecorder.plan() reports savings whose sum is exact, and fresh items apart", () => {
  const { recorder } = recorderOf();
  recorder.plan(PLAN);
  const { optimizations, run_summary } = recorder.report("done");
  // The sum of the specification: 19,175 + 10,179 + 16,901.
  assertStrictEquals(optimizations.total_api_calls_saved, 46_255);
  assertStrictEquals(optimizations.plain_calls, 57_615);
  assertStrictEquals(optimizations.planned_calls, 11_360);
  assertEquals(Object.keys(optimizations.by_optimization), ["batch", "pays", "known"]);
  assertStrictEquals(optimizations.apart.fresh?.calls_saved, 6_405);
  assertStrictEquals(run_summary.items_skipped, 10_179 + 16_901 + 6_405);
});

Deno.test("RunRecorder.plan() taken twice counts once", () => {
  const { recorder } = recorderOf();
  recorder.plan(PLAN);
  recorder.plan(PLAN);
  assertStrictEquals(recorder.report("done").optimizations.total_api_calls_saved, 46_255);
});

Deno.test("RunRecorder.plan() refuses savings that count a call twice, or a name", () => {
  const { recorder } = recorderOf();
  assertThrows(() => recorder.plan({ ...PLAN, plannedCalls: 11_361 }), RangeError, "57615");
  const [batch] = PLAN.saved;
  assert(batch !== undefined);
  const twice = { plainCalls: 19_175 * 2, plannedCalls: 0, saved: [batch, batch], apart: [] };
  assertThrows(() => recorder.plan(twice), RangeError, "differ");
});

Deno.test("RunRecorder.optimization() takes calls out of the planned ones, never more", () => {
  const { recorder } = recorderOf();
  recorder.plan(PLAN);
  const cached = { name: "cache", itemsSkipped: 1, callsSaved: 360, msSaved: 0, evidence: "hits" };
  recorder.optimization(cached);
  recorder.optimization({ ...cached, callsSaved: 1_000 });
  const { optimizations } = recorder.report("done");
  assertStrictEquals(optimizations.planned_calls, 10_000);
  assertStrictEquals(optimizations.total_api_calls_saved, 46_255 + 1_360);
  assertStrictEquals(optimizations.by_optimization.cache?.items_skipped, 2);
  assertThrows(() => recorder.optimization({ ...cached, callsSaved: 10_001 }), RangeError, "10000");
  assertThrows(() => recorder.optimization({ ...cached, name: "pays" }), RangeError, "pays");
  assertThrows(() => recorder.optimization({ ...cached, callsSaved: -1 }), RangeError);
  assertThrows(() => recorder.optimization({ ...cached, msSaved: NaN }), RangeError);
});

// ---- parts --------------------------------------------------------------------------------------

/** Calls, items and retries by a seed; the same script whatever the recorder. */
function work(recorder: RunRecorder, clock: VirtualClock, from: number, to: number): void {
  const phase = recorder.phase("prices");
  for (let i = from; i < to; i++) {
    const random = seededRandom(i);
    clock.advance(1_000);
    recorder.call({
      endpoint: `e${i % 3}`,
      ok: random.next() < 0.9,
      tookMs: random.next() * 1_000,
      waitedMs: 2,
      phase: "prices",
    });
    if (i % 5 === 0) recorder.retry({ cause: i % 2 === 0 ? "transient" : "limited", waitMs: i });
    phase.items({ ok: 1 });
  }
  phase.end();
}

Deno.test("a run in two parts reports what it would have in one", () => {
  const whole = recorderOf();
  whole.recorder.plan(PLAN);
  work(whole.recorder, whole.clock, 0, 200);
  const first = recorderOf();
  first.recorder.plan(PLAN);
  work(first.recorder, first.clock, 0, 120);
  const snapshot = stored(first.recorder.snapshot());
  const later = new VirtualClock(5, START_MS + 3_600_000);
  const second = new RunRecorder({
    clock: later,
    runId: "other",
    job: "night",
    limit: { requests: 750, windowMs: 60_000 },
  });
  second.continueFrom(snapshot);
  second.plan(PLAN);
  work(second, later, 120, 200);
  const expected = whole.recorder.report("done");
  const found = second.report("done");
  const { ended_at: _, resumed, ...summary } = found.run_summary;
  const { ended_at: __, resumed: ___, ...expectedSummary } = expected.run_summary;
  assertEquals(summary, expectedSummary);
  assertStrictEquals(resumed, 1);
  assertEquals(found.optimizations, expected.optimizations);
  assertEquals(found.phases, expected.phases);
  assertEquals(found.retries, expected.retries);
  assertEquals(found.limiter, expected.limiter);
  for (const [endpoint, stats] of Object.entries(expected.api_metrics.by_endpoint)) {
    const { mean_ms, ...rest } = found.api_metrics.by_endpoint[endpoint] ?? { mean_ms: null };
    const { mean_ms: expectedMean, ...expectedRest } = stats;
    assertEquals(rest, expectedRest);
    assert(Math.abs((mean_ms ?? NaN) - (expectedMean ?? NaN)) < 1e-9);
  }
});

Deno.test("RunRecorder.continueFrom() refuses another version and a recorder in use", () => {
  const { recorder } = recorderOf();
  const snapshot = stored(recorder.snapshot());
  assertThrows(() => recorder.continueFrom({ ...snapshot, version: 2 }), RangeError, "version 1");
  recorder.call({ endpoint: "eod", ok: true, tookMs: 1 });
  assertThrows(() => recorder.continueFrom(snapshot), RangeError, "nothing yet");
});

// ---- text ---------------------------------------------------------------------------------------

Deno.test("reportText() shows a small run line by line", () => {
  const { recorder, clock } = recorderOf();
  recorder.plan({
    plainCalls: 1_500,
    plannedCalls: 3,
    saved: [
      {
        name: "batch",
        itemsSkipped: 0,
        callsSaved: 1_497,
        msSaved: 119_760,
        evidence: "3 batches",
      },
    ],
    apart: [],
  });
  const phase = recorder.phase("prices");
  for (const tookMs of [100, 100, 100]) {
    recorder.call({ endpoint: "eod_batch", ok: true, tookMs, waitedMs: 40_000, phase: "prices" });
  }
  recorder.call({ endpoint: "eod_batch", ok: false, tookMs: 100, phase: "prices" });
  recorder.retry({ cause: "transient", waitMs: 500 });
  phase.items({ ok: 1_499, failed: 1 });
  clock.advance(120_000);
  phase.end();
  assertEquals(reportText(recorder.report("done")), [
    "Run night-1 of night: done in 2 min 00 s",
    "1,500 items processed: 1,499 ok, 1 failed (99.93 % ok), 0 skipped",
    "Limiting phase: prices, limited by the rate limit",
    "",
    "Calls",
    "  endpoint   calls       ok    mean     p95",
    "  eod_batch      4  75.00 %  100 ms  100 ms",
    "  total          4  75.00 %       –       –",
    "",
    "Phases",
    "  phase         time  processed     ok  failed  throughput",
    "  prices  2 min 00 s      1,500  1,499       1      12.5/s",
    "",
    "Saved",
    "  optimization  items  calls        time  evidence",
    "  batch             0  1,497  2 min 00 s  3 batches",
    "  total                1,497  2 min 00 s  1,500 calls without filters, 3 with",
    "",
    "Limit and retries",
    "  limit          750 calls in 1 min 00 s, used 0.26 %",
    "  waited for it  2 min 00 s, all workers together",
    "  retries        1 (1 transient), pauses 500 ms",
  ]);
});

Deno.test("shareText() never calls 100 % what is not all", () => {
  assertStrictEquals(shareText(0.99999), "99.99 %");
  assertStrictEquals(shareText(1), "100.00 %");
  assertStrictEquals(shareText(0.29, 0), "29 %");
  assertStrictEquals(shareText(null), "–");
});

Deno.test("spanText() and rateText() change units without a seam", () => {
  const spans = [0, 999.4, 999.5, 59_949, 59_950, 3_599_499, 3_599_500, 36_000_000];
  assertEquals(spans.map(spanText), [
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.9 s",
    "1 min 00 s",
    "59 min 59 s",
    "1 h 00 min",
    "10 h 00 min",
  ]);
  assertEquals([0.5, 1, 12.5, 1_234].map(rateText), ["30.0/min", "1.0/s", "12.5/s", "1,234/s"]);
});

// ---- comparison ---------------------------------------------------------------------------------

function night(day: number, minutes: number, calls: number, state: "done" | "failed" = "done") {
  const clock = new VirtualClock(0, START_MS + day * 86_400_000);
  const recorder = new RunRecorder({ clock, runId: `night-${day}`, job: "night" });
  for (let i = 0; i < calls; i++) recorder.call({ endpoint: "eod", ok: true, tookMs: 1 });
  recorder.phase("prices").items({ ok: 99, failed: 1 });
  clock.advance(minutes * 60_000);
  return recorder.report(state);
}

Deno.test("compareReports() sorts runs by their start and keeps the last report of each", () => {
  const running: RunReport = { ...night(2, 1, 1), run_summary: night(2, 1, 1).run_summary };
  const { runs } = compareReports([night(3, 5, 10), running, night(2, 4, 10), night(1, 3, 10)]);
  assertEquals(runs.map(({ runId }) => runId), ["night-1", "night-2", "night-3"]);
  assertStrictEquals(runs[1]?.durationMinutes, 4);
});

Deno.test("compareReports() finds the slope of a line past an odd night and a failure", () => {
  const minutes = [10, 12, 14, 90, 18, 20, 22];
  const reports = minutes.map((minute, day) => night(day, minute, 100 - day));
  reports.push(night(30, 1, 1, "failed"));
  const { trends, runs } = compareReports(reports);
  assertStrictEquals(runs.length, 8);
  assertStrictEquals(trends.durationMinutes.perRun, 2);
  assertStrictEquals(trends.durationMinutes.perRunShare, 2 / 18);
  assertStrictEquals(trends.calls.perRun, -1);
  assertStrictEquals(trends.successRate.perRun, 0);
});

Deno.test("compareReports() says no trend of two runs", () => {
  const { trends } = compareReports([night(1, 3, 1), night(2, 4, 1)]);
  assertEquals(trends.durationMinutes, { perRun: null, perRunShare: null });
});

Deno.test("comparisonText() puts runs and trend in columns", () => {
  const lines = comparisonText(
    compareReports([night(0, 10, 100), night(1, 11, 99), night(2, 12, 98)]),
  );
  assertEquals(lines, [
    "started (UTC)     run      state         time    calls  saved       ok",
    "2026-03-03 03:00  night-0  done   10 min 00 s      100      0  99.00 %",
    "2026-03-04 03:00  night-1  done   11 min 00 s       99      0  99.00 %",
    "2026-03-05 03:00  night-2  done   12 min 00 s       98      0  99.00 %",
    "trend per run                         +9.09 %  -1.01 %      –  +0.00 %",
  ]);
  assertEquals(comparisonText(compareReports([])), ["No runs to compare"]);
});
