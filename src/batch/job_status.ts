/**
 * How a job is, and what comes of a request about it: as plain data, for whoever looks.
 *
 * @module
 */

import type { JobState } from "./job_state.ts";
import type { ProgressSnapshot } from "./progress.ts";

/** How a job is. */
export interface JobStatus {
  /** Its name. */
  readonly name: string;
  /** What it is doing. */
  readonly state: JobState;
  /** Name of its run; null before the first. */
  readonly runId: string | null;
  /** Symbols that it fetches data of. */
  readonly symbols: number;
  /** Kinds of data that it fetches. */
  readonly kinds: readonly string[];
  /** Name of its provider. */
  readonly provider: string;
  /** Items of the run, a symbol of a kind each. */
  readonly items: number;
  /** Items settled in all parts of the run. */
  readonly settled: number;
  /** Of these, given up. */
  readonly failed: number;
  /** When the run began, epoch ms; null before the first. */
  readonly startedMs: number | null;
  /** When it came to rest, epoch ms; null while it runs. */
  readonly endedMs: number | null;
  /** Null unless it runs. */
  readonly progress: ProgressSnapshot | null;
  /** When it runs next by its schedule, epoch ms; null without one. */
  readonly nextMs: number | null;
  /** Scheduled runs that did not take place, because the last one still ran or nothing did. */
  readonly missed: number;
  /** What it failed with; null when it did not. */
  readonly lastError: string | null;
  /** Node that runs it, or did last, where several share the jobs. */
  readonly node?: string | undefined;
}

/** What came of a request about a job. */
export type JobReply =
  | { readonly state: "ok"; readonly job: JobStatus }
  | { readonly state: "unknown"; readonly reason: string }
  | { readonly state: "refused"; readonly reason: string };

/**
 * How a job is started. `resume`: from where it was, or from its beginning when nothing is left of
 * a run; one with a schedule that is new waits for its time. `restart`: from its beginning.
 * `schedule`: not now, only at the times of its schedule; what it asks for replaces what it asked
 * for before.
 */
export const JOB_MODES = ["resume", "restart", "schedule"] as const;

/** See {@linkcode JOB_MODES}. */
export type JobMode = (typeof JOB_MODES)[number];
