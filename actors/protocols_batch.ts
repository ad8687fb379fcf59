/**
 * Messages of the providers and of the backfill.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import type { JobReply, JobStatus } from "../src/batch/job_status.ts";
import type { RunReport } from "../src/batch/report_schema.ts";
import { jobStart } from "../src/http/job_schemas.ts";
import { knobAnswer } from "../src/http/tuning_schemas.ts";
import type { HoleRange } from "../src/batch/hole_jobs.ts";
import { GRANULARITIES } from "../src/market/granularity.ts";
import type {
  ProviderAnswer,
  ProviderCapabilities,
  ProviderRequest,
} from "../src/provider/port.ts";
import { LINGER_MAX_MS } from "../src/provider/batch_status.ts";
import type { GroupedRequest, GroupedResult } from "../src/provider/grouped_ports.ts";
import { type ProviderFailure } from "../src/provider/error.ts";
import type { ProviderStatus } from "../src/provider/status.ts";
import { PROVIDER_KINDS } from "../src/provider/values.ts";
import type { ChangedRecord } from "../src/store/nodes/followed_store.ts";

const nothing = z.strictObject({});
const symbol = z.string().min(1).max(32);
const timeMs = z.int().min(-8.64e15).max(8.64e15);
const priority = z.int().min(0).max(10);

// ---- providers ------------------------------------------------------------------------------------

/** Who wants a call, and how much. */
export interface PermitRequest {
  /** Who competes; equal users get equal shares. */
  readonly user: string;
  /** 0 to 10, 10 first. */
  readonly priority: number;
  /** What the call takes from the limits. */
  readonly cost: number;
}

/** A call that may be made once, or why not. */
export type PermitReply =
  | { readonly state: "granted"; readonly permit: number; readonly waitedMs: number }
  | { readonly state: "refused"; readonly reason: string; readonly retryAfterMs: number };

/** One call with a permit. */
export interface PermittedCall {
  /** As granted; used up by the call. */
  readonly permit: number;
  /** What to ask for. */
  readonly request: Omit<ProviderRequest, "signal">;
}

/** What came of a call, and whether its request or the provider as such is to blame. */
export type PermittedAnswer = ProviderAnswer & {
  /**
   * It failed while the breaker was open, or opened it: the provider fails whatever it is asked, and
   * this says nothing about the symbols.
   */
  readonly isDown: boolean;
};

/** An upstream provider: owner of its limits, its breaker, and the grouping of keys into calls. */
export const Provider = protocol("provider", {
  permit: {
    payload: z.custom<PermitRequest>(),
    reply: z.custom<PermitReply>(),
    internal: true,
  },
  giveBack: { payload: z.custom<{ readonly permit: number }>(), internal: true },
  call: {
    payload: z.custom<PermittedCall>(),
    reply: z.custom<PermittedAnswer>(),
    internal: true,
    bytesOf: ({ request }: PermittedCall) => 256 + 32 * request.symbols.length,
  },
  fetch: {
    payload: z.custom<GroupedRequest>(),
    reply: z.custom<GroupedResult>(),
    internal: true,
  },
  // Somebody waits now for a key that was to wait for others.
  raise: { payload: z.custom<GroupedRequest>(), internal: true, priority: "high" },
  capabilities: {
    payload: nothing,
    reply: z.custom<ProviderCapabilities>(),
    internal: true,
  },
  groups: {
    payload: z.custom<{ readonly endpoint: string; readonly symbols: readonly string[] }>(),
    reply: z.custom<readonly string[]>(),
    internal: true,
    bytesOf: ({ symbols }: { readonly symbols: readonly string[] }) => 64 + 32 * symbols.length,
  },
  get: {
    about: "Fetches data of some symbols within the limits, grouped with what others want",
    payload: z.strictObject({
      kind: z.enum(PROVIDER_KINDS),
      symbols: z.array(symbol).min(1).max(100),
      fromMs: timeMs.optional(),
      toMs: timeMs.optional(),
      granularity: z.enum(GRANULARITIES).default("D"),
      priority: priority.default(5),
    }),
    reply: z.array(z.strictObject({
      symbol: z.string(),
      state: z.enum(["ok", "missing", "error"]),
      /** Candles as rows; other kinds as they are. */
      value: z.unknown(),
      failure: z.custom<ProviderFailure>().nullable(),
    })),
  },
  setLinger: {
    about: "Changes how long keys that somebody waits for wait for others, ms",
    payload: z.strictObject({ lingerMs: z.int().min(0).max(LINGER_MAX_MS) }),
    reply: knobAnswer,
  },
  status: {
    about: "Limits, breaker, and counts by endpoint",
    payload: nothing,
    reply: z.custom<ProviderStatus>(),
  },
  // What it tells itself: keys have waited long enough, and what came of a call.
  flush: { payload: nothing, internal: true },
  expire: { payload: nothing, internal: true },
});

// ---- backfill -------------------------------------------------------------------------------------

const jobName = z.strictObject({ name: z.string().min(1).max(64) });

const jobReply = z.custom<JobReply>();

/** Holes of one message: a batch of a feed has a few, that of a thin market a few hundred. */
export const HOLES_TOLD_MAX = 256;

/** Holes in a series of a feed, once the candles on both sides of them are committed. */
export interface HolesTold {
  /** Which series. */
  readonly series: string;
  /** At most {@linkcode HOLES_TOLD_MAX}. */
  readonly holes: readonly HoleRange[];
}

/** Runs jobs: sources whose data comes from providers. */
export const Backfill = protocol("backfill", {
  start: {
    about: "Starts a job: from where it was, from its beginning, or only at its times",
    payload: jobStart,
    reply: jobReply,
  },
  jobs: { about: "All jobs, by name", payload: nothing, reply: z.custom<JobStatus[]>() },
  job: { about: "How one job is", payload: jobName, reply: jobReply },
  pause: {
    about: "Lets calls under way end, saves, and stops until resumed",
    payload: jobName,
    reply: jobReply,
  },
  resume: { about: "Goes on with a job", payload: jobName, reply: jobReply },
  cancel: { about: "Ends a job for good", payload: jobName, reply: jobReply },
  ended: {
    about: "Replies when the job has come to rest: done, failed, paused or cancelled",
    payload: jobName,
    reply: jobReply,
  },
  report: {
    about: "Report of the job's run so far, or of its last one",
    payload: jobName,
    reply: z.custom<RunReport | null>(),
  },
  reports: {
    about: "Reports of ended runs, oldest first",
    payload: z.strictObject({
      job: z.string().max(64).optional(),
      limit: z.int().min(1).max(1_000).default(20),
    }),
    reply: z.custom<RunReport[]>(),
  },
  // What feeds tell.
  holes: {
    payload: z.custom<HolesTold>(),
    internal: true,
    bytesOf: ({ holes }: HolesTold) => 64 + 32 * holes.length,
  },
  // What it tells itself.
  duties: { payload: nothing, internal: true },
  changed: {
    payload: z.custom<{ readonly changed: readonly ChangedRecord[] | null }>(),
    internal: true,
  },
  due: { payload: nothing, internal: true },
  fill: { payload: nothing, internal: true },
  over: {
    payload: z.custom<{ readonly name: string; readonly run: number; readonly error: unknown }>(),
    internal: true,
  },
});

export type { GroupedRequest, GroupedResult, JobReply, JobStatus, ProviderStatus };
