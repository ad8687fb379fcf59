/**
 * Shapes of jobs, their reports, and providers: for the routes, the messages, and the files that the
 * command reads.
 *
 * @module
 */

import { z } from "zod";
import { FILTER_NAMES } from "../batch/filter.ts";
import { DATA_KINDS, type DataKind, dataKindOf } from "../batch/filter_kinds.ts";
import { JOB_SYMBOLS_MAX, jobProblems, type JobSpec } from "../batch/job_spec.ts";
import { JOB_STATES } from "../batch/job_state.ts";
import { JOB_MODES } from "../batch/job_status.ts";
import { REPORT_SCHEMA, type RunReport } from "../batch/report_schema.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import { symbol, time } from "./schemas.ts";

/** Longest name of a job or a provider, in characters. */
const NAME_CHARS_MAX = 64;
/** Longest cron pattern and name of a time zone, in characters. */
const CRON_CHARS_MAX = 128;
/** Most reports of one answer: what a comparison shows, and some. */
export const REPORTS_MAX = 100;
/** Reports of an answer unless asked for otherwise. */
export const REPORTS_DEFAULT = 20;

const name = z.string().min(1).max(NAME_CHARS_MAX);

const dataKind: z.ZodType<DataKind, string> = z.string().max(32).transform((text, ctx) => {
  const kind = dataKindOf(text);
  if (kind !== null) return kind;
  ctx.addIssue({ code: "custom", message: `expected ${DATA_KINDS.join(", ")}` });
  return z.NEVER;
}).meta({ description: `${DATA_KINDS.join(", ")}; companies means profiles` });

/** Fields of a job that may be left out; see `JobSpec`. */
const jobOptions = {
  granularity: z.enum(GRANULARITIES).exactOptional(),
  profile: z.enum(["throughput", "conservative"]).exactOptional()
    .meta({
      description:
        "throughput: 60 workers, 750/min, chunks from 200; conservative: 30, 500/min, 50",
    }),
  rate: z.string().max(64).exactOptional().meta({ examples: ["750/min"] }),
  workers: z.int().exactOptional(),
  chunk: z.union([z.literal("auto"), z.int()]).exactOptional(),
  from: time.exactOptional().meta({ description: "Prices from this time on" }),
  to: time.exactOptional().meta({ description: "Data before this time" }),
  filters: z.partialRecord(z.enum(FILTER_NAMES), z.boolean()).exactOptional()
    .meta({ description: "Filters switched off; they are on unless said otherwise" }),
  schedule: z.strictObject({
    cron: z.string().min(1).max(CRON_CHARS_MAX),
    timeZone: z.string().min(1).max(CRON_CHARS_MAX).default("UTC"),
  }).exactOptional().meta({ description: "When it runs by itself: cron, in an IANA time zone" }),
};

/** Every field of a job. */
export const JOB_SHAPE = {
  name: name.meta({ description: "Letters, digits, . _ and -; names the job for good" }),
  symbols: z.array(symbol).min(1).max(JOB_SYMBOLS_MAX),
  kinds: z.array(dataKind).min(1).max(DATA_KINDS.length),
  provider: name,
  ...jobOptions,
};

/** Adds what `jobProblems` finds wrong, each to its field. */
export function refineJob(spec: JobSpec, ctx: z.RefinementCtx): void {
  for (const problem of jobProblems(spec)) {
    const [field = "", ...rest] = problem.split(": ");
    ctx.addIssue({ code: "custom", path: [field], message: rest.join(": ") });
  }
}

const strictSpec = z.strictObject(JOB_SHAPE)
  .superRefine((spec, ctx) => refineJob(spec, ctx))
  .meta({ id: "JobSpec" });

/** A job as it comes from a file, the command line, a message or HTTP. */
export const jobSpec: z.ZodType<JobSpec, z.input<typeof strictSpec>> = strictSpec;

/** A job to be started. */
export const jobStart = z.strictObject({
  job: jobSpec,
  mode: z.enum(JOB_MODES).default("resume").meta({
    description:
      "resume: from where it was; restart: from its beginning; schedule: only at its times",
  }),
}).meta({ id: "JobStart" });

const count = z.number();
const maybe = z.number().nullable();

const eta = z.strictObject({ ms: count, lowMs: count, highMs: maybe }).nullable();

const progressParts = {
  total: count,
  done: count,
  ok: count,
  failed: count,
  share: count,
  perSecond: maybe,
  eta: eta.meta({ description: "Time left, ms, with its 95 % range; null before there is a rate" }),
};

/** How a job is; times are epoch milliseconds UTC. */
export const jobStatus = z.strictObject({
  name: z.string(),
  state: z.enum(JOB_STATES),
  runId: z.string().nullable(),
  symbols: count,
  kinds: z.array(z.string()).readonly(),
  provider: z.string(),
  items: count.meta({ description: "A symbol of a kind each" }),
  settled: count.meta({ description: "Done, well or for good not, in all parts of the run" }),
  failed: count,
  startedMs: maybe,
  endedMs: maybe,
  progress: z.strictObject({
    ...progressParts,
    phases: z.array(z.strictObject({ name: z.string(), ...progressParts })).readonly(),
  }).nullable().meta({ description: "Null unless it runs" }),
  nextMs: maybe.meta({ description: "When it runs next by its schedule" }),
  missed: count.meta({ description: "Scheduled runs that did not take place" }),
  lastError: z.string().nullable(),
  node: z.string().optional()
    .meta({ description: "Node that runs it, or did last, where several share the jobs" }),
}).meta({ id: "Job" });

/** All jobs. */
export const jobsReply = z.strictObject({ jobs: z.array(jobStatus) }).meta({ id: "Jobs" });

const saving = z.strictObject({
  items_skipped: count,
  calls_saved: count,
  ms_saved: count,
  evidence: z.string(),
});

const runSummary = z.strictObject({
  run_id: z.string(),
  job: z.string(),
  state: z.enum(["running", "paused", "cancelled", "done", "failed"]),
  started_at: z.string(),
  ended_at: z.string(),
  total_duration_minutes: count,
  resumed: count,
  items_processed: count,
  items_ok: count,
  items_failed: count,
  items_skipped: count,
  success_rate: maybe,
  limiting_phase: z.string().nullable(),
  limited_by: z.enum(["rate limit", "provider"]).nullable(),
});

/** The report of a run, as in `metrics_RUN.json`. */
export const runReport: z.ZodType<RunReport, RunReport> = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  run_summary: runSummary,
  api_metrics: z.strictObject({
    total_calls: count,
    failed_calls: count,
    success_rate: maybe,
    by_endpoint: z.record(
      z.string(),
      z.strictObject({
        count,
        failed: count,
        success_rate: maybe,
        mean_ms: maybe,
        p95_ms: maybe,
      }),
    ),
  }),
  optimizations: z.strictObject({
    total_api_calls_saved: count,
    total_ms_saved: count,
    plain_calls: maybe,
    planned_calls: maybe,
    by_optimization: z.record(z.string(), saving),
    apart: z.record(z.string(), saving),
  }),
  phases: z.record(
    z.string(),
    z.strictObject({
      duration_seconds: count,
      processed: count,
      ok: count,
      failed: count,
      throughput_per_second: maybe,
      waited_seconds: count,
      called_seconds: count,
    }),
  ),
  limiter: z.strictObject({ calls_max: maybe, window_ms: maybe, use: maybe, waited_ms: count }),
  retries: z.strictObject({
    total: count,
    by_cause: z.record(z.string(), count),
    waited_ms: count,
  }),
}).meta({ id: "RunReport" });

/** Which reports. */
export const reportsQuery = z.strictObject({
  job: name.optional().meta({ description: "Only of this job" }),
  limit: z.int().min(1).max(REPORTS_MAX).default(REPORTS_DEFAULT).meta({
    description: "The last so many",
  }),
});

/** Reports of ended runs, oldest first. */
export const reportsReply = z.strictObject({ reports: z.array(runReport) }).meta({ id: "Reports" });

const limiterStatus = z.strictObject({
  upMs: count,
  granted: count,
  grantedCost: count,
  waitedMs: count,
  waitedMaxMs: count,
  refused: count,
  cancelled: count,
  lost: count,
  unused: count,
  limited: count.meta({ description: "Requests that the provider refused for its limit" }),
  pausedMs: count,
  pausedForMs: count,
  waiting: count,
  waitingByPriority: z.array(count).readonly(),
  inFlight: count,
  reportedLimit: maybe,
  limits: z.array(z.strictObject({
    name: z.string(),
    key: z.string().nullable(),
    requests: count,
    windowMs: count,
    used: count,
    usedRatio: count,
    freeInMs: maybe,
  })).readonly(),
  users: z.array(z.strictObject({
    user: z.string(),
    granted: count,
    grantedCost: count,
    waitedMs: count,
    refused: count,
    cancelled: count,
    waiting: count,
  })).readonly(),
  reserveLeft: maybe,
  snapshots: count,
});

/** How a provider is. */
export const providerStatus = z.strictObject({
  name: z.string(),
  breaker: z.enum(["closed", "open", "half_open"]),
  failures: count.meta({ description: "In a row" }),
  waitingKeys: count,
  batch: z.strictObject({
    calls: count.meta({ description: "Made for grouped keys, those made again included" }),
    keys: count.meta({ description: "Keys of these calls" }),
    coalesced: count.meta({ description: "Wishes for a key that waited already" }),
    retried: count.meta({ description: "Calls that failed and were made again" }),
    bisected: count.meta({ description: "Calls that failed and were halved" }),
    halves: count.meta({ description: "Calls made for halves" }),
    expired: count.meta({ description: "Keys that nobody waited for any more" }),
    suspects: count.meta({ description: "Keys that made a call fail and travel alone" }),
    bulkWaiting: count.meta({ description: "Keys of bulk work that wait now" }),
    callKeysMax: count.meta({ description: "Most keys of a call" }),
    lingerMs: count.meta({ description: "How long keys that somebody waits for wait for others" }),
    loadRatio: count.meta({ description: "Share of the limits in use" }),
    isLowLoad: z.boolean(),
  }).meta({ description: "How keys are grouped into calls" }),
  permits: count,
  endpoints: z.array(z.strictObject({
    endpoint: z.string(),
    calls: count,
    failed: count,
    keys: count,
    meanMs: maybe,
  })).readonly(),
  limiter: limiterStatus.nullable().meta({ description: "Null where there is no limit" }),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  lastError: z.string().nullable(),
}).meta({ id: "Provider" });

/** All providers. */
export const providersReply = z.strictObject({
  providers: z.array(z.strictObject({
    name: z.string(),
    status: providerStatus.nullable().meta({ description: "Null when it does not answer now" }),
  })),
}).meta({ id: "Providers" });
