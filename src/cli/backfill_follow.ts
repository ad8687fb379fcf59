/**
 * Follows a job until it has come to rest: progress meanwhile, and a pause at Ctrl-C.
 *
 * @module
 */

import { pause } from "../actor/clock.ts";
import type { JobStatus } from "../batch/job_status.ts";
import { progressLine, progressLogLine } from "../batch/progress_text.ts";
import type { CliIo } from "./io.ts";
import type { JobsHandle } from "./parts.ts";
import { ProgressLine } from "./progress_line.ts";

/** Where standard error is no terminal a line of progress comes this often. */
const LINE_EVERY_MS = 10_000;

/** States from which a job moves by itself. */
const MOVING: ReadonlySet<JobStatus["state"]> = new Set(["running", "pausing", "cancelling"]);

/** Where lines for people go: above the progress line while there is one. */
export interface Lines {
  above: (text: string) => void;
}

/** How a job is followed. */
export interface FollowOptions {
  readonly jobs: JobsHandle;
  /** How it is now. */
  readonly job: JobStatus;
  /** Time between two looks, ms. */
  readonly lookEveryMs: number;
  readonly lines: Lines;
}

/** Whether a job is under way. */
export function isMoving({ state }: JobStatus): boolean {
  return MOVING.has(state);
}

/**
 * Resolves when the job rests. The first interrupt pauses it.
 *
 * @throws what the handle does, and why the tree gave up.
 */
export async function followJob(options: FollowOptions, io: CliIo): Promise<JobStatus> {
  const { jobs, job, lookEveryMs, lines } = options;
  const shown = { job };
  const line = io.isTerminal.stderr
    ? new ProgressLine(io, () => Promise.resolve(lineOf(shown.job, io.columns() - 1)))
    : null;
  if (line !== null) lines.above = (text) => line.above(text);
  let isPausing = false;
  let lineMs = io.clock.now() + LINE_EVERY_MS;
  try {
    while (isMoving(shown.job)) {
      await pause(io.clock, lookEveryMs);
      const failure = jobs.gaveUp();
      if (failure !== null) throw failure;
      if (io.interrupted.aborted && !isPausing) {
        isPausing = true;
        lines.above(
          "wick backfill: pausing: what is under way ends and is saved; Ctrl-C again stops at once\n",
        );
        await jobs.pause(job.name);
      }
      shown.job = await nextOf(jobs, shown.job);
      if (line === null && io.clock.now() >= lineMs && shown.job.progress !== null) {
        lineMs += LINE_EVERY_MS;
        io.err(`wick backfill: ${progressLogLine(job.name, shown.job.progress)}\n`);
      }
    }
    return shown.job;
  } finally {
    await line?.[Symbol.asyncDispose]();
    lines.above = (text) => io.err(text);
  }
}

async function nextOf(jobs: JobsHandle, job: JobStatus): Promise<JobStatus> {
  const reply = await jobs.job(job.name);
  if (reply.state === "ok") return reply.job;
  throw new Error(reply.reason);
}

function lineOf({ name, state, progress }: JobStatus, width: number): string {
  if (progress === null) return `${name} ${state}`;
  return progressLine(progress, width);
}
