/**
 * Several runs of a job side by side, and where they are heading.
 *
 * @module
 */

import type { RunReport } from "./report_schema.ts";
import { countText, NONE, shareText, spanText } from "./report_units.ts";

/** Runs compared at most: three months of nights. Older ones are left out. */
export const COMPARED_RUNS_MAX = 90;

/** Runs from which a trend is said: through two points goes any line. */
const TREND_RUNS_MIN = 3;

/** One run in a comparison. */
export interface ComparedRun {
  /** Its name. */
  readonly runId: string;
  /** When it began, ISO 8601. */
  readonly startedAt: string;
  /** How it ended. */
  readonly state: RunReport["run_summary"]["state"];
  /** Time at work, minutes. */
  readonly durationMinutes: number;
  /** Calls made. */
  readonly calls: number;
  /** Calls saved. */
  readonly callsSaved: number;
  /** Share of items that succeeded; null when there were none. */
  readonly successRate: number | null;
}

/** How a figure moved from run to run. */
export interface Trend {
  /** Median change from one run to the next; null below three runs. */
  readonly perRun: number | null;
  /** `perRun` as a share of the median figure; null if unsaid or the median is 0. */
  readonly perRunShare: number | null;
}

/** Runs side by side. */
export interface RunComparison {
  /** Oldest first. */
  readonly runs: readonly ComparedRun[];
  /** Over the runs that are done; others are short for other reasons. */
  readonly trends: {
    readonly durationMinutes: Trend;
    readonly calls: Trend;
    readonly callsSaved: Trend;
    readonly successRate: Trend;
  };
}

/**
 * Compares reports of one job, in any order; of two with the same run name the later counts. The
 * trend is the median of the slopes between all pairs of runs (H. Theil, 1950; P. K. Sen, 1968),
 * which one odd night does not bend. O(runs²).
 */
export function compareReports(reports: readonly RunReport[]): RunComparison {
  const byId = new Map<string, RunReport>();
  const byEnd = [...reports].sort((a, b) =>
    a.run_summary.ended_at < b.run_summary.ended_at ? -1 : 1
  );
  for (const report of byEnd) byId.set(report.run_summary.run_id, report);
  const runs = [...byId.values()].map(comparedOf)
    .sort((a, b) => a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : 0)
    .slice(-COMPARED_RUNS_MAX);
  const done = runs.filter(({ state }) => state === "done");
  const trendBy = (of: (run: ComparedRun) => number | null) => trendOf(done.map(of));
  return {
    runs,
    trends: {
      durationMinutes: trendBy(({ durationMinutes }) => durationMinutes),
      calls: trendBy(({ calls }) => calls),
      callsSaved: trendBy(({ callsSaved }) => callsSaved),
      successRate: trendBy(({ successRate }) => successRate),
    },
  };
}

/** Lines of a comparison for the console. */
export function comparisonText({ runs, trends }: RunComparison): string[] {
  if (runs.length === 0) return ["No runs to compare"];
  const rows = runs.map((run) => [
    run.startedAt.slice(0, 16).replace("T", " "),
    run.runId,
    run.state,
    spanText(run.durationMinutes * 60_000),
    countText(run.calls),
    countText(run.callsSaved),
    shareText(run.successRate),
  ]);
  const head = ["started (UTC)", "run", "state", "time", "calls", "saved", "ok"];
  const trend = ({ perRunShare }: Trend) =>
    perRunShare === null
      ? NONE
      : `${perRunShare < 0 ? "" : "+"}${(perRunShare * 100).toFixed(2)} %`;
  const last = [
    "trend per run",
    "",
    "",
    trend(trends.durationMinutes),
    trend(trends.calls),
    trend(trends.callsSaved),
    trend(trends.successRate),
  ];
  const all = [head, ...rows, last];
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? "").length)));
  return all.map((row) =>
    row.map((cell, at) => at < 3 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
      .join("  ").trimEnd()
  );
}

function comparedOf({ run_summary, api_metrics, optimizations }: RunReport): ComparedRun {
  return {
    runId: run_summary.run_id,
    startedAt: run_summary.started_at,
    state: run_summary.state,
    durationMinutes: run_summary.total_duration_minutes,
    calls: api_metrics.total_calls,
    callsSaved: optimizations.total_api_calls_saved,
    successRate: run_summary.success_rate,
  };
}

function trendOf(figures: readonly (number | null)[]): Trend {
  const known = figures.filter((figure) => figure !== null);
  if (known.length < TREND_RUNS_MIN) return { perRun: null, perRunShare: null };
  const slopes: number[] = [];
  known.forEach((figure, at) => {
    for (let later = at + 1; later < known.length; later++) {
      slopes.push(((known[later] ?? figure) - figure) / (later - at));
    }
  });
  const perRun = medianOf(slopes);
  const middle = medianOf(known);
  return { perRun, perRunShare: middle === 0 ? null : perRun / middle };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? upper)) / 2;
}
