/**
 * What mod.ts hands to the command: `src` knows no actors.
 *
 * @module
 */

import type { ActorDefinition } from "../actor/mod.ts";
import type { LABEL_JOB_MESSAGES } from "../feed/label_job.ts";
import type { ExitCode } from "./exit_code.ts";
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
}
