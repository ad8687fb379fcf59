/**
 * One life of the service, as a process.
 *
 * @module
 */

import { z } from "zod";
import { childEnv } from "../support/deno.ts";
import { ROOT } from "../support/root.ts";
import { eachLine } from "./lines.ts";
import { type KillPlan, LAST_WORD, type Phase, PHASES, PLAN_VARIABLE } from "./phases.ts";

/** How the service is run. */
export interface ServiceSetup {
  /** Folder of the store. */
  readonly data: string;
  /** File that is followed. */
  readonly file: string;
  /** Arguments that name the store and its flaw. */
  readonly storeArgs: readonly string[];
}

/** A service that gets no further than this has failed. */
const START_LIMIT_MS = 30_000;

/** Lines of standard error that are kept to explain a failure. */
const LINES_KEPT = 40;

const addresses = z.strictObject({ admin: z.string(), front: z.string() });

/** Where a service is reached: its admin HTTP, and what the harness asks beside it. */
export type Addresses = z.output<typeof addresses>;

/** A running service. */
export class Service {
  /** Resolves once it serves; rejects when it ended before. */
  readonly addresses: Promise<Addresses>;
  /** Resolves when the process is gone. */
  readonly over: Promise<Deno.CommandStatus>;
  /** The phase it ended itself in; null while it has not. */
  killedIn: Phase | null = null;
  readonly #process: Deno.ChildProcess;
  readonly #lines: string[] = [];

  /** Starts it; with a plan it will end itself. */
  constructor(setup: ServiceSetup, plan: KillPlan | null) {
    const { data, file, storeArgs } = setup;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "-q",
        `${ROOT}scripts/chaos_kill/child.ts`,
        ...["--data", data, "--file", file, ...storeArgs],
      ],
      cwd: ROOT,
      env: { ...childEnv(), ...(plan === null ? {} : { [PLAN_VARIABLE]: JSON.stringify(plan) }) },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = Promise.withResolvers<Addresses>();
    this.addresses = started.promise;
    this.addresses.catch(() => {});
    const limit = setTimeout(() => {
      started.reject(new Error(`the service did not start\n${this.said}`));
      this.kill();
    }, START_LIMIT_MS);
    const out = eachLine(this.#process.stdout, (line) => {
      clearTimeout(limit);
      started.resolve(addresses.parse(JSON.parse(line)));
    });
    const err = eachLine(this.#process.stderr, (line) => this.#hear(line));
    this.over = Promise.all([this.#process.status, out, err]).then(([status]) => {
      clearTimeout(limit);
      started.reject(new Error(`the service ended before it served\n${this.said}`));
      return status;
    });
  }

  /** The last lines of its standard error. */
  get said(): string {
    return this.#lines.join("\n");
  }

  /** `kill -9`; does nothing when it is gone already. */
  kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #hear(line: string): void {
    if (line.startsWith(LAST_WORD)) {
      const phase = PHASES.find((one) => line === LAST_WORD + one);
      if (phase !== undefined) this.killedIn = phase;
    }
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
  }
}
