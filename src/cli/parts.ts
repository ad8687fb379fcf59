/**
 * What mod.ts hands to the command: `src` knows no actors.
 *
 * @module
 */

import type { ActorDefinition, LogSink } from "../actor/mod.ts";
import type { JobSpec } from "../batch/job_spec.ts";
import type { JobMode, JobReply } from "../batch/job_status.ts";
import type { RunReport } from "../batch/report_schema.ts";
import type { LABEL_JOB_MESSAGES } from "../feed/label_job.ts";
import type { WickConfig } from "./config_schema.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";

/** How `wick demo` is to run. */
export interface DemoOptions {
  /** How long, seconds; 0 is until interrupted. */
  readonly seconds: number;
  /** Seed of the synthetic candles; null for one of the machine's choice. */
  readonly seed: number | null;
  /** The summary as JSON on standard output. */
  readonly json: boolean;
}

/** Runs the demo to its end, or until `io.interrupted`; what it throws is shown and exits with 1. */
export type RunDemo = (options: DemoOptions, io: CliIo) => Promise<ExitCode>;

/** How stopping the service came out. */
export interface Drained {
  /** `drained`: all that was accepted is committed. `cut`: the time was over before that. */
  readonly state: "drained" | "cut";
  /** The same in words, with figures: what was committed, or what is left. */
  readonly detail: string;
}

/** A running service, as `wick serve` sees it. */
export interface ServeHandle {
  /** Where it answers, with the port that it really has: `http://127.0.0.1:8003`. */
  readonly url: string;
  /** Where it keeps its data: a folder, or `:memory:`. */
  readonly data: string;
  /**
   * What is under way, in a few words, while it runs and while it drains. Does not reject, and
   * answers within half a second.
   */
  progress(): string | Promise<string>;
  /**
   * Takes nothing new, commits and acknowledges what was accepted, and stops, within the
   * configuration's `drainMs`. Idempotent; does not reject.
   */
  drain(): Promise<Drained>;
  /** Lets go of everything at once and synchronously: the process ends right after it. */
  abort(): void;
  /** Resolves when it is over: null after a stop, the reason when the tree gave up. */
  readonly done: Promise<Error | null>;
}

/**
 * Starts the service and resolves once it is ready.
 *
 * @throws {ServeError} by rejecting, when it cannot start for a reason that the user can mend.
 */
export type RunServe = (config: WickConfig, log: LogSink, io: CliIo) => Promise<ServeHandle>;

/** Why the service cannot start: `message` says what to do, in one line. */
export class ServeError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "ServeError";
  /** What `wick serve` exits with. */
  readonly exitCode: ExitCode;

  /**
   * `exitCode` is that of a failure unless given: `tryAgain` where another process has the port or
   * the data, `usage` where the configuration asks for what cannot be.
   */
  constructor(message: string, exitCode: ExitCode = Exit.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Jobs that fetch from providers, wherever they run: in this process, or in a service. */
export interface JobsHandle {
  /** Starts one, or goes on with it. */
  start(job: JobSpec, mode: JobMode): Promise<JobReply>;
  /** How one is. */
  job(name: string): Promise<JobReply>;
  /** Lets calls under way end, saves, and stops it until resumed. */
  pause(name: string): Promise<JobReply>;
  /** Goes on with it. */
  resume(name: string): Promise<JobReply>;
  /** Report of its run so far, or of its last one; null before the first. */
  report(name: string): Promise<RunReport | null>;
  /** Why the tree that runs them gave up; null while it runs. */
  gaveUp(): Error | null;
  /** Ends what runs in this process, with everything saved. Idempotent. */
  close(): Promise<void>;
  /** Lets go of everything at once and synchronously: the process ends right after it. */
  abort(): void;
}

/**
 * Opens the data of a configuration for jobs that run in this process.
 *
 * @throws {ServeError} by rejecting, when it cannot for a reason that the user can mend.
 */
export type OpenJobs = (config: WickConfig, log: LogSink, io: CliIo) => Promise<JobsHandle>;

/** An actor, and the module that serves it in a thread. */
export interface ThreadActor {
  readonly actor: ActorDefinition<typeof LABEL_JOB_MESSAGES, Record<string, never>>;
  readonly entry: URL;
}

/** The parts of the program that the command starts. */
export interface CliParts {
  /** Version of the program. */
  readonly version: string;
  /** The actor that labels files. */
  readonly labelFile: ThreadActor;
  /** Runs the demo; null in a build without one. */
  readonly runDemo: RunDemo | null;
  /** Runs the service; absent or null in a build without one. */
  readonly runServe?: RunServe | null;
  /** Runs jobs in this process; absent or null in a build without them. */
  readonly openJobs?: OpenJobs | null;
}
