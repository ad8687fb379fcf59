/**
 * Label jobs in threads: a supervisor over as many actors as there are cores, each with one job at
 * a time. A thread that dies takes one file with it and is started again for the next.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import {
  ASK_TIMEOUT_MAX_MS,
  child,
  type Clock,
  createSystem,
  type Ref,
  type System,
} from "../actor/mod.ts";
import type {
  LABEL_JOB_MESSAGES,
  LabelJob,
  LabelProgress,
  LabelReport,
} from "../feed/label_job.ts";
import type { ThreadActor } from "./parts.ts";

/**
 * Silence after which a thread counts as hung. Sorting the largest file of rows in random order
 * takes some 10 s without a pause.
 */
const HANG_MS = 120_000;

/** How long jobs may take to end after they were cancelled; then their threads are ended. */
const CANCEL_GRACE_MS = 2_000;

/** How long an answer to "how far are you?" is worth waiting for. */
const PROGRESS_TIMEOUT_MS = 2_000;

/** Runs jobs; dispose of it when all are done. */
export class LabelThreads implements AsyncDisposable {
  readonly #system: System;
  readonly #refs: readonly Ref<typeof LABEL_JOB_MESSAGES>[];
  /** Index of the job that each thread has; −1 for none. */
  readonly #running: number[];
  #next = 0;

  /** Starts threads for that many jobs: at most one per core. */
  constructor(served: ThreadActor, readonly jobs: readonly LabelJob[], readonly clock: Clock) {
    const threads = Math.min(jobs.length, availableParallelism());
    const names = Array.from({ length: threads }, (_, index) => `label_file-${index}`);
    this.#system = createSystem({
      name: "label",
      clock,
      // Every file may kill a thread once; giving up would take the others' files along.
      intensity: jobs.length,
      periodMs: ASK_TIMEOUT_MAX_MS,
      children: names.map((name) =>
        child(served.actor, {
          name,
          args: {},
          thread: { entry: served.entry, hangMs: HANG_MS },
        })
      ),
      // A crash comes back as the outcome of its job, which is reported.
      log: () => {},
    });
    this.#refs = names.map((name) => this.#system.ref(served.actor.protocol, name));
    this.#running = names.map(() => -1);
  }

  /**
   * Runs all jobs; their reports in the order of the jobs, each also given to `onReport` when it
   * comes. A job that was not begun before `signal` was aborted has none.
   */
  async run(
    signal: AbortSignal,
    onReport: (index: number, report: LabelReport) => void,
  ): Promise<readonly (LabelReport | undefined)[]> {
    const reports = new Array<LabelReport | undefined>(this.jobs.length).fill(undefined);
    let cancelGrace = () => {};
    const cancel = () => {
      for (const ref of this.#refs) ref.tell("cancel", {});
      cancelGrace = this.clock.setTimer(CANCEL_GRACE_MS, () => void this.#end());
    };
    signal.addEventListener("abort", cancel, { once: true });
    try {
      await Promise.all(this.#refs.map(async (ref, thread) => {
        while (this.#next < this.jobs.length && !signal.aborted) {
          const index = this.#running[thread] = this.#next++;
          const report = reports[index] = await this.#runOne(ref, index, signal);
          onReport(index, report);
        }
        this.#running[thread] = -1;
      }));
    } finally {
      signal.removeEventListener("abort", cancel);
      cancelGrace();
    }
    return reports;
  }

  /** How far the jobs under way are, by their index. */
  async progress(): Promise<ReadonlyMap<number, LabelProgress>> {
    const found = new Map<number, LabelProgress>();
    await Promise.all(this.#refs.map(async (ref, thread) => {
      const index = this.#running[thread] ?? -1;
      if (index < 0) return;
      try {
        const now = await ref.ask("progress", {}, { timeoutMs: PROGRESS_TIMEOUT_MS });
        if (now !== null && this.#running[thread] === index) found.set(index, now);
      } catch {
        // Too busy to say, or dying: its report says more.
      }
    }));
    return found;
  }

  async #runOne(
    ref: Ref<typeof LABEL_JOB_MESSAGES>,
    index: number,
    signal: AbortSignal,
  ): Promise<LabelReport> {
    // Indices come from the length of the list.
    const job = this.jobs[index] as LabelJob;
    const startMs = this.clock.now();
    try {
      return await ref.ask("run", job, { timeoutMs: ASK_TIMEOUT_MAX_MS });
    } catch (error) {
      return lostReport(job, signal.aborted, error, this.clock.now() - startMs);
    }
  }

  #end(): Promise<void> {
    return this.#system.stop({ drain: false, deadlineMs: 0 });
  }

  /** Ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system.stop();
  }
}

/** The report of a job whose thread did not live to give one. */
function lostReport(
  job: LabelJob,
  isCancelled: boolean,
  error: unknown,
  tookMs: number,
): LabelReport {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const why = cause instanceof Error ? cause.message : String(cause);
  const nothing = { lines: 0, accepted: 0, rejected: 0, rejectedBy: {}, rejections: [] };
  return {
    outcome: isCancelled
      ? { state: "cancelled" }
      : { state: "failed", message: `${job.input}: its thread crashed: ${why}` },
    input: { path: job.input, ...nothing, duplicates: 0, unordered: 0 },
    finer: null,
    writtenRows: 0,
    tookMs,
  };
}
