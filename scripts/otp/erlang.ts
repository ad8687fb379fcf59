/**
 * Runs batches of schedules on a real Erlang/OTP.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Schedule } from "../simulate/schedule.ts";
import { encodeSchedule, OutcomeReader } from "./wire.ts";

/** How long a batch may take: far above what OTP needs for one, so only a hang meets it. */
const BATCH_TIMEOUT_MS = 300_000;

/**
 * Schedules that wait run side by side, so many in one Erlang: between two seconds of the clock
 * each has work of some milliseconds.
 */
const WAITING_LANES = 400;

/**
 * An Erlang with `wick_otp.erl` compiled into a temporary folder.
 *
 * - disposing removes the folder
 * - batches may run at the same time
 */
export class Erlang {
  readonly #folder: string;
  #batches = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Compiles the runner; about half a second. */
  static async create(): Promise<Erlang> {
    const folder = await Deno.makeTempDir({ prefix: "wick-otp-" });
    const source = fileURLToPath(new URL("./wick_otp.erl", import.meta.url));
    await run("erlc", ["-Werror", "-Wall", "-o", folder, source], 60_000);
    return new Erlang(folder);
  }

  /**
   * Runs schedules one after the other on one scheduler of its own, or side by side when they wait.
   * The reader returns the outcomes in the order of the schedules, with their position as index.
   */
  async run(schedules: Iterable<Schedule>, mode: "batch" | "waiting"): Promise<OutcomeReader> {
    const name = `${this.#folder}/${this.#batches++}`;
    const lines: string[] = [];
    for (const schedule of schedules) lines.push(encodeSchedule(schedule, lines.length));
    await Deno.writeTextFile(`${name}.in`, lines.join("\n"));
    const lanes = mode === "batch" ? 1 : WAITING_LANES;
    await run("erl", [
      ...["-noshell", "-noinput", "+S", "1:1", "+sbwt", "none"],
      ...["-pa", this.#folder, "-run", "wick_otp", "main"],
      ...[`${name}.in`, `${name}.out`, String(lanes)],
    ], BATCH_TIMEOUT_MS);
    const reader = new OutcomeReader(await Deno.readFile(`${name}.out`));
    await Promise.all([Deno.remove(`${name}.in`), Deno.remove(`${name}.out`)]);
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** @throws {Error} with what it wrote when the command fails or takes too long. */
async function run(command: string, args: string[], timeoutMs: number): Promise<void> {
  const result = await new Deno.Command(command, {
    args,
    stdin: "null",
    env: { ERL_CRASH_DUMP: "/dev/null", ERL_CRASH_DUMP_SECONDS: "0" },
    signal: AbortSignal.timeout(timeoutMs),
  }).output();
  if (result.success) return;
  const text = new TextDecoder();
  throw new Error(
    `Cannot run ${command}: expected exit code 0: current value is ${result.code}\n` +
      text.decode(result.stdout) + text.decode(result.stderr),
  );
}
