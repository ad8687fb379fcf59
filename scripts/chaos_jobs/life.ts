/**
 * One life of the process that runs the job.
 *
 * @module
 */

import { eachLine } from "../chaos_kill/lines.ts";
import { LAST_WORD } from "../chaos_kill/phases.ts";
import { childEnv } from "../support/deno.ts";
import { ROOT } from "../support/root.ts";
import { JOB_KILL_VARIABLE, type JobKill } from "./phases.ts";

/** A life that takes longer is a failure: it hangs. */
const LIFE_MS = 90_000;
/** Lines of standard error that are kept to explain a failure. */
const LINES_KEPT = 40;

/** How a process is run. */
export interface LifeSetup {
  /** Folder of the store and of the log of calls. */
  readonly data: string;
  readonly seed: number;
  readonly items: number;
  /** Base URL of the server that is the provider; null for one in the process. */
  readonly server: string | null;
}

/** How a life ended. */
export interface LifeEnd {
  /** The phase it ended itself in; `share` at a share of its items; null when it did not. */
  readonly killedIn: string | null;
  /** Killed from outside. */
  readonly isKilled: boolean;
  /** The job's last status as JSON; null unless it came to its end. */
  readonly said: string | null;
  /** The end of its standard error. */
  readonly errors: string;
}

/** What ends a life. */
export type Death =
  /** Inside, in a phase. */
  | { readonly kill: JobKill }
  /** Inside, once a share of the items is settled. */
  | { readonly share: number }
  /** From outside, after a time. */
  | { readonly afterMs: number };

/** Runs the process until its end; with null it lives until the job has ended. */
export async function live(setup: LifeSetup, death: Death | null): Promise<LifeEnd> {
  const { data, seed, items, server } = setup;
  const args = ["--data", data, "--seed", String(seed), "--items", String(items)];
  if (server !== null) args.push("--server", server);
  if (death !== null && "share" in death) args.push("--share", String(death.share));
  const plan = death !== null && "kill" in death
    ? { [JOB_KILL_VARIABLE]: JSON.stringify(death.kill) }
    : {};
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-q", `${ROOT}scripts/chaos_jobs/child.ts`, ...args],
    cwd: ROOT,
    env: { ...childEnv(), ...plan },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const afterMs = death !== null && "afterMs" in death ? death.afterMs : LIFE_MS;
  const limit = setTimeout(() => kill(process), afterMs);
  const lines: string[] = [];
  let said: string | null = null, killedIn: string | null = null;
  const out = eachLine(process.stdout, (line) => said = line);
  const err = eachLine(process.stderr, (line) => {
    if (line.startsWith(LAST_WORD)) killedIn = line.slice(LAST_WORD.length);
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
  });
  const [{ signal, success }] = await Promise.all([process.status, out, err]);
  clearTimeout(limit);
  const isKilled = signal === "SIGKILL";
  const errors = lines.join("\n");
  if (!isKilled && !success) throw new Error(`Cannot run the job: its process failed\n${errors}`);
  return { killedIn, isKilled, said, errors };
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch (error) {
    // It is gone.
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}
