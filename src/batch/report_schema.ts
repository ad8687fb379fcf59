/**
 * The report of a run as it is written to `metrics_<run>.json`: version 1 of its schema.
 *
 * Names are in snake case because people read them with `jq`:
 * `jq '.run_summary.total_duration_minutes'`. Rates and shares are 0 to 1. Times of day are ISO
 * 8601 in UTC. A share of nothing is null, never NaN.
 *
 * @module
 */

/** Value of {@linkcode RunReport.schema}; another number when a key changes its meaning. */
export const REPORT_SCHEMA = "wick.run/1";

/** How a run ended, or that it goes on. */
export type RunState = "running" | "paused" | "cancelled" | "done" | "failed";

/** One run of a job. */
export interface RunReport {
  /** Which schema this is. */
  readonly schema: typeof REPORT_SCHEMA;
  /** What came of the run as a whole. */
  readonly run_summary: RunSummary;
  /** Calls to the provider, tries that failed included. */
  readonly api_metrics: ApiMetrics;
  /** What was not done because it was not needed. */
  readonly optimizations: OptimizationsReport;
  /** By name, in the order in which they began; phases may run at the same time. */
  readonly phases: Readonly<Record<string, PhaseReport>>;
  /** How much of what the provider allows was used. */
  readonly limiter: LimiterReport;
  /** Calls that were made again. */
  readonly retries: RetriesReport;
}

/** What came of a run as a whole. */
export interface RunSummary {
  /** Name of this run, unique. */
  readonly run_id: string;
  /** Name of the job. */
  readonly job: string;
  /** How it ended. */
  readonly state: RunState;
  /** When its first part began. */
  readonly started_at: string;
  /** When it ended, or the time of the report while it goes on. */
  readonly ended_at: string;
  /** Time at work: stretches in which the process was down or the job paused are not in it. */
  readonly total_duration_minutes: number;
  /** Times that it was taken up again from a checkpoint. */
  readonly resumed: number;
  /** Items that were done, well or for good not: ok + failed. */
  readonly items_processed: number;
  /** Items that succeeded, at whichever try. */
  readonly items_ok: number;
  /** Items given up, now dead letters. */
  readonly items_failed: number;
  /** Items that a filter left out. */
  readonly items_skipped: number;
  /** items_ok / items_processed. */
  readonly success_rate: number | null;
  /** The phase that took longest; null before the first. */
  readonly limiting_phase: string | null;
  /** On what its workers waited most: for the limiter, or for answers. */
  readonly limited_by: "rate limit" | "provider" | null;
}

/** Calls to the provider. */
export interface ApiMetrics {
  /** All calls. */
  readonly total_calls: number;
  /** Those that failed. */
  readonly failed_calls: number;
  /** Share of calls that succeeded. */
  readonly success_rate: number | null;
  /** By endpoint, in the order of their first call. */
  readonly by_endpoint: Readonly<Record<string, EndpointReport>>;
}

/** Calls to one endpoint. */
export interface EndpointReport {
  /** Calls. */
  readonly count: number;
  /** Those that failed. */
  readonly failed: number;
  /** Share that succeeded. */
  readonly success_rate: number | null;
  /** Mean time of a call, ms. */
  readonly mean_ms: number | null;
  /** Time that 95 % of the calls stay within, ms, with the error of the histogram (0.8 %). */
  readonly p95_ms: number | null;
}

/** What was not done because it was not needed. */
export interface OptimizationsReport {
  /** Calls of {@linkcode plain_calls} that were not needed: the sum over `by_optimization`. */
  readonly total_api_calls_saved: number;
  /** Sum over `by_optimization`, ms. */
  readonly total_ms_saved: number;
  /** Calls that the same work takes without filters: planned + saved; null without a plan. */
  readonly plain_calls: number | null;
  /** Calls that were left to make, before any retry; null without a plan. */
  readonly planned_calls: number | null;
  /** By name. No call is counted under two names. */
  readonly by_optimization: Readonly<Record<string, OptimizationReport>>;
  /** What a plain run would not do either (fresh items): counted, but in no total. */
  readonly apart: Readonly<Record<string, OptimizationReport>>;
}

/** What one optimization saved. */
export interface OptimizationReport {
  /** Items that were left out. */
  readonly items_skipped: number;
  /** Calls that were not made. */
  readonly calls_saved: number;
  /** Estimate of the time this saved, ms. */
  readonly ms_saved: number;
  /** How the figures were come by. */
  readonly evidence: string;
}

/** One phase. */
export interface PhaseReport {
  /** Time at work, seconds. */
  readonly duration_seconds: number;
  /** ok + failed. */
  readonly processed: number;
  /** Items that succeeded. */
  readonly ok: number;
  /** Items given up. */
  readonly failed: number;
  /** Items processed a second of the duration. */
  readonly throughput_per_second: number | null;
  /** Time of its workers at the limiter, summed, seconds. */
  readonly waited_seconds: number;
  /** Time of its workers in calls, summed, seconds. */
  readonly called_seconds: number;
}

/** How much of what the provider allows was used. */
export interface LimiterReport {
  /** Calls allowed in a window; null when there is no limit. */
  readonly calls_max: number | null;
  /** Length of the window, ms. */
  readonly window_ms: number | null;
  /**
   * Calls made over calls allowed at a steady rate in the time at work, or in one window if that is
   * longer. A run that began with a burst, of what had gathered before it, may have up to 2.
   */
  readonly use: number | null;
  /** Time of all workers at the limiter, summed, ms. */
  readonly waited_ms: number;
}

/** Calls that were made again. */
export interface RetriesReport {
  /** All of them. */
  readonly total: number;
  /** By cause. */
  readonly by_cause: Readonly<Record<string, number>>;
  /** Pauses before them, summed, ms. */
  readonly waited_ms: number;
}
