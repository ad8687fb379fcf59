/**
 * A report of a run as lines for the console.
 *
 * @module
 */

import type { OptimizationReport, RunReport } from "./report_schema.ts";
import { countText, NONE, rateText, shareText, spanText } from "./report_units.ts";

/** Lines of the report, without line ends: the sum first, then a table for each part. */
export function reportText(report: RunReport): string[] {
  return [
    ...summary(report),
    ...section("Calls", calls(report)),
    ...section("Phases", phases(report)),
    ...section("Saved", saved(report)),
    ...section("Limit and retries", limits(report)),
  ];
}

function summary({ run_summary: sum }: RunReport): string[] {
  const resumed = sum.resumed === 0 ? "" : `, resumed ${timesText(sum.resumed)}`;
  const by = sum.limited_by === null ? "" : `, limited by the ${sum.limited_by}`;
  return [
    `Run ${sum.run_id} of ${sum.job}: ${sum.state} in ` +
    `${spanText(sum.total_duration_minutes * 60_000)}${resumed}`,
    `${countText(sum.items_processed)} items processed: ${countText(sum.items_ok)} ok, ` +
    `${countText(sum.items_failed)} failed (${shareText(sum.success_rate)} ok), ` +
    `${countText(sum.items_skipped)} skipped`,
    ...(sum.limiting_phase === null ? [] : [`Limiting phase: ${sum.limiting_phase}${by}`]),
  ];
}

function calls({ api_metrics: api }: RunReport): string[][] {
  const row = (
    name: string,
    count: number,
    success: number | null,
    meanMs: number | null,
    p95Ms: number | null,
  ) => [name, countText(count), shareText(success), timeText(meanMs), timeText(p95Ms)];
  const rows = Object.entries(api.by_endpoint).map(([name, stats]) =>
    row(name, stats.count, stats.success_rate, stats.mean_ms, stats.p95_ms)
  );
  const total = row("total", api.total_calls, api.success_rate, null, null);
  return [["endpoint", "calls", "ok", "mean", "p95"], ...rows, total];
}

function phases(report: RunReport): string[][] {
  const rows = Object.entries(report.phases).map(([name, phase]) => [
    name,
    spanText(phase.duration_seconds * 1_000),
    countText(phase.processed),
    countText(phase.ok),
    countText(phase.failed),
    phase.throughput_per_second === null ? NONE : rateText(phase.throughput_per_second),
  ]);
  return rows.length === 0
    ? []
    : [["phase", "time", "processed", "ok", "failed", "throughput"], ...rows];
}

function saved({ optimizations }: RunReport): string[][] {
  const row = (name: string, one: OptimizationReport) => [
    name,
    countText(one.items_skipped),
    countText(one.calls_saved),
    spanText(one.ms_saved),
    one.evidence,
  ];
  const { by_optimization, apart, plain_calls, planned_calls } = optimizations;
  const rows = Object.entries(by_optimization).map(([name, one]) => row(name, one));
  const others = Object.entries(apart).map(([name, one]) => row(`${name} (apart)`, one));
  if (rows.length + others.length === 0) return [];
  const plan = plain_calls === null || planned_calls === null
    ? ""
    : `${countText(plain_calls)} calls without filters, ${countText(planned_calls)} with`;
  const total = [
    "total",
    "",
    countText(optimizations.total_api_calls_saved),
    spanText(optimizations.total_ms_saved),
    plan,
  ];
  return [["optimization", "items", "calls", "time", "evidence"], ...rows, total, ...others];
}

function limits({ limiter, retries }: RunReport): string[][] {
  const { calls_max, window_ms } = limiter;
  const limit = calls_max === null || window_ms === null
    ? "none"
    : `${countText(calls_max)} calls in ${spanText(window_ms)}, used ${shareText(limiter.use)}` +
      ((limiter.use ?? 0) > 1 ? ", with what had gathered before the run" : "");
  const causes = Object.entries(retries.by_cause).map(([cause, count]) =>
    `${countText(count)} ${cause}`
  );
  return [
    ["limit", limit],
    ["waited for it", `${spanText(limiter.waited_ms)}, all workers together`],
    [
      "retries",
      retries.total === 0
        ? "none"
        : `${countText(retries.total)} (${causes.join(", ")}), pauses ${
          spanText(retries.waited_ms)
        }`,
    ],
  ];
}

function section(title: string, rows: readonly string[][]): string[] {
  return rows.length === 0 ? [] : ["", title, ...columns(rows)];
}

/** Numbers stand to the right; the first column and whole sentences at the end to the left. */
function columns(rows: readonly string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, cell.length));
  }
  const isText = (at: number) =>
    at === 0 || rows.some((row) => /[a-z] [a-z]|[a-z]{4}/.test(row[at] ?? "") && row !== rows[0]);
  const isLeft = widths.map((_, at) => isText(at));
  return rows.map((row) =>
    `  ${
      row.map((cell, at) =>
        isLeft[at] ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)
      ).join("  ")
    }`.trimEnd()
  );
}

function timeText(ms: number | null): string {
  return ms === null ? NONE : spanText(ms);
}

function timesText(times: number): string {
  return times === 1 ? "once" : `${countText(times)} times`;
}
