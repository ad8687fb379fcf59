/**
 * What the backfill says about its jobs, and totals over the reports of their runs.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** One job as the backfill lists it, as far as it is looked at; `JobStatus` is one. */
export interface JobFigures {
  /** Its name. */
  readonly name: string;
  /** What it is doing. */
  readonly state: string;
  /** Items of its run. */
  readonly items: number;
  /** Items settled. */
  readonly settled: number;
  /** Of these, given up. */
  readonly failed: number;
  /** Scheduled runs that did not take place. */
  readonly missed: number;
  /** What it failed with; null when it did not. */
  readonly lastError: string | null;
}

/** The report of a run, as far as it is added up; `RunReport` is one. */
export interface RunFigures {
  /** What came of it. */
  readonly run_summary: {
    readonly run_id: string;
    readonly job: string;
    readonly state: string;
    readonly items_ok: number;
    readonly items_failed: number;
    readonly items_skipped: number;
  };
  /** Calls. */
  readonly api_metrics: { readonly total_calls: number; readonly failed_calls: number };
  /** What was saved. */
  readonly optimizations: { readonly total_api_calls_saved: number };
  /** Calls made again. */
  readonly retries: { readonly total: number };
}

/** Failed jobs named in the health of the backfill. */
const NAMED_MAX = 8;

/** Runs remembered because they may go on: as many as there are jobs. */
const OPEN_RUNS_MAX = 1_000;

/** Jobs under way that are measured one by one: more at a time share one limit for nothing. */
const UNDER_WAY_MAX = 16;

/** Values of the label of `wick_jobs`. */
const STATES = [
  "pending",
  "running",
  "pausing",
  "paused",
  "cancelling",
  "cancelled",
  "done",
  "failed",
] as const;

const MOVING: ReadonlySet<string> = new Set(["running", "pausing", "cancelling"]);

const ofJob = (name: string, help: string) =>
  ({ name, kind: "gauge", help, labels: ["backfill"], seriesMax: UNDER_WAY_MAX }) as const;
const counter = (name: string, help: string) => ({ name, kind: "counter", help }) as const;

/** Metrics of the jobs. */
export const JOB_METRICS: readonly MetricSpec[] = [
  { name: "wick_jobs", kind: "gauge", help: "Jobs by what they are doing", labels: ["state"] },
  ofJob("wick_job_items", "Items of a run under way"),
  ofJob("wick_job_settled_items", "Items of it that are settled"),
  ofJob("wick_job_failed_items", "Items of it that were given up"),
  { name: "wick_job_missed_runs", kind: "gauge", help: "Scheduled runs that did not take place" },
  {
    name: "wick_job_runs_total",
    kind: "counter",
    help: "Runs that came to rest, by how",
    labels: ["state"],
  },
  counter("wick_job_items_ok_total", "Items of runs that succeeded"),
  counter("wick_job_items_failed_total", "Items of runs that were given up"),
  counter("wick_job_items_skipped_total", "Items that filters left out of runs"),
  counter("wick_job_calls_total", "Calls of runs"),
  counter("wick_job_calls_failed_total", "Calls of runs that failed"),
  counter("wick_job_calls_saved_total", "Calls that runs did not need to make"),
  counter("wick_job_retries_total", "Calls of runs that were made again"),
];

const COUNTED = [
  "wick_job_items_ok_total",
  "wick_job_items_failed_total",
  "wick_job_items_skipped_total",
  "wick_job_calls_total",
  "wick_job_calls_failed_total",
  "wick_job_calls_saved_total",
  "wick_job_retries_total",
] as const;

type Counts = Readonly<Record<(typeof COUNTED)[number], number>>;

/**
 * Adds up the reports of runs. A run that goes on reports again, with what it reported before: only
 * what is new is added. O(1) a report.
 */
export class JobTotals {
  readonly #sums = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  /** What the last report of a run that may go on said, by job. */
  readonly #open = new Map<string, { readonly runId: string; readonly counts: Counts }>();

  /** A run came to rest. */
  add(report: RunFigures): void {
    const { run_id: runId, job, state } = report.run_summary;
    const counts = countsOf(report);
    const before = this.#open.get(job);
    const known = before?.runId === runId ? before.counts : null;
    for (const name of COUNTED) {
      const more = counts[name] - (known?.[name] ?? 0);
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + Math.max(0, more));
    }
    this.#ends.set(state, (this.#ends.get(state) ?? 0) + 1);
    this.#open.delete(job);
    if (state === "done" || state === "cancelled") return;
    this.#open.set(job, { runId, counts });
    const [oldest] = this.#open.keys();
    if (this.#open.size > OPEN_RUNS_MAX && oldest !== undefined) this.#open.delete(oldest);
  }

  /** The totals so far. */
  samples(): Sample[] {
    return [
      ...Array.from(
        this.#ends,
        ([state, total]): Sample => ({ name: "wick_job_runs_total", labels: { state }, total }),
      ),
      ...COUNTED.map((name): Sample => ({ name, total: this.#sums.get(name) ?? 0 })),
    ];
  }
}

function countsOf({ run_summary, api_metrics, optimizations, retries }: RunFigures): Counts {
  return {
    wick_job_items_ok_total: run_summary.items_ok,
    wick_job_items_failed_total: run_summary.items_failed,
    wick_job_items_skipped_total: run_summary.items_skipped,
    wick_job_calls_total: api_metrics.total_calls,
    wick_job_calls_failed_total: api_metrics.failed_calls,
    wick_job_calls_saved_total: optimizations.total_api_calls_saved,
    wick_job_retries_total: retries.total,
  };
}

/**
 * Measurements of the backfill; `part` is its path below the root. It is degraded while a job stands
 * failed: somebody has to look, and start it again or cancel it.
 */
export function backfillFinding(
  part: string,
  jobs: readonly JobFigures[],
  totals: JobTotals,
): Finding {
  const failed = jobs.filter(({ state }) => state === "failed");
  const moving = jobs.filter(({ state }) => MOVING.has(state));
  const missed = jobs.reduce((sum, job) => sum + job.missed, 0);
  const [first] = failed;
  return {
    samples: [
      ...STATES.map((state): Sample => ({
        name: "wick_jobs",
        labels: { state },
        value: jobs.filter((job) => job.state === state).length,
      })),
      ...moving.flatMap(({ name: backfill, items, settled, failed }): Sample[] => [
        { name: "wick_job_items", labels: { backfill }, value: items },
        { name: "wick_job_settled_items", labels: { backfill }, value: settled },
        { name: "wick_job_failed_items", labels: { backfill }, value: failed },
      ]),
      { name: "wick_job_missed_runs", value: missed },
      ...totals.samples(),
    ],
    parts: [{
      name: part,
      state: first === undefined ? "ok" : "degraded",
      detail: {
        jobs: jobs.length,
        running: moving.length,
        ...(missed === 0 ? {} : { missed }),
        ...(first === undefined ? {} : {
          failed: failed.slice(0, NAMED_MAX).map(({ name }) => name).join(" "),
          lastError: first.lastError,
        }),
      },
    }],
  };
}
