/**
 * Where canaries are kept: copies of the runtime, each with one planted bug, in which the simulator
 * is run as a process of its own.
 *
 * @module
 */

import { join } from "node:path";
import { ROOT } from "../support/root.ts";
import type { Canary } from "./canaries.ts";

/** What became of one canary. */
export interface Watched {
  readonly caught: boolean;
  /** What the simulator found first; `nothing`, or that it never came back. */
  readonly by: string;
}

/** A copy that does not come to an end is a bug that was not found. */
const WATCH_TIMEOUT_MS = 60_000;
/** Copies that are watched at a time, each on one core. */
const WATCHED_MAX = 2;
const COPIED = ["src/actor", "scripts/simulate"] as const;

/**
 * A temporary folder for copies.
 *
 * - disposing removes it
 */
export class Aviary {
  readonly #folder: string;
  #cages = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder. */
  static async create(): Promise<Aviary> {
    return new Aviary(await Deno.makeTempDir({ prefix: "wick-canaries-" }));
  }

  /**
   * Plants the bug, or none, into a copy and runs the simulator there.
   *
   * @throws {Error} when the canary is outdated: its text is not in the file exactly once.
   */
  async release(canary: Canary | null, seed: number): Promise<Watched> {
    while (this.#running >= WATCHED_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      const cage = join(this.#folder, String(this.#cages++));
      for (const folder of COPIED) await copyFolder(join(ROOT, folder), join(cage, folder));
      if (canary !== null) await plant(canary, join(cage, "src/actor", canary.file));
      return await watch(join(cage, "scripts/simulate/canary_watch.ts"), seed);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(join(from, name), join(to, name));
  }
}

async function plant({ bug, find, replace }: Canary, file: string): Promise<void> {
  const parts = (await Deno.readTextFile(file)).split(find);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot plant the bug "${bug}", it is outdated: expected its text once: ` +
        `current value is ${parts.length - 1} times`,
    );
  }
  await Deno.writeTextFile(file, parts.join(replace));
}

async function watch(script: string, seed: number): Promise<Watched> {
  const signal = AbortSignal.timeout(WATCH_TIMEOUT_MS);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--no-lock", "--config", join(ROOT, "deno.json")],
      ...[script, String(seed)],
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal,
  }).output();
  if (signal.aborted) return { caught: false, by: "it never came back" };
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot watch a canary: ${text.decode(stderr)}`);
  const by = text.decode(stdout).trim();
  return { caught: by !== "nothing", by };
}
