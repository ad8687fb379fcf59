/**
 * What the tests of the command share: the command in process and as a process, folders, tables.
 *
 * @module
 */

import { join } from "node:path";
import { labelFile } from "../../actors/label_file.ts";
import { ROOT } from "../../scripts/support/root.ts";
import { isInstalled } from "../../scripts/support/services.ts";
import { systemClock } from "../../src/actor/clock.ts";
import type { CliIo } from "../../src/cli/io.ts";
import { runCommand } from "../../src/cli/main.ts";
import type { CliParts } from "../../src/cli/parts.ts";
import { sharedDirOrSkip, type Skippable } from "../support/services.ts";

/** What a command left: its exit code and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What mod.ts hands to the command. */
export const PARTS: CliParts = {
  version: "0.0.0",
  labelFile: {
    actor: labelFile,
    entry: new URL("../../actors/threads/label_file.ts", import.meta.url),
  },
  runDemo: null,
  runServe: null,
};

/** A world without a terminal that keeps what is written. */
export function fakeIo(given: Partial<CliIo> = {}): CliIo & { text: { out: string; err: string } } {
  const text = { out: "", err: "" };
  return {
    clock: systemClock,
    isTerminal: { stdout: false, stderr: false },
    hasColour: { stdout: false, stderr: false },
    columns: () => 80,
    rows: () => 0,
    env: () => undefined,
    envNames: () => [],
    // In no folder: a wick.json where the tests run must not decide their outcome.
    readText: (path) => Promise.reject(new Deno.errors.NotFound(path)),
    readInput: () => Promise.resolve(""),
    out: (more) => {
      text.out += more;
      return true;
    },
    err: (more) => void (text.err += more),
    interrupted: new AbortController().signal,
    onSecondInterrupt: () => {},
    text,
    ...given,
  };
}

/**
 * Runs the command in this process. Labels that go to standard output go to that of the tests: give
 * `--out`, or use {@linkcode wick}.
 */
export async function run(
  words: readonly string[],
  parts: Partial<CliParts> = {},
  given: Partial<CliIo> = {},
): Promise<Ran> {
  const io = fakeIo(given);
  const code = await runCommand(words, { ...PARTS, ...parts }, io);
  return { code, ...io.text };
}

/** An environment of these variables. */
export function envOf(
  variables: Readonly<Record<string, string>>,
): Pick<CliIo, "env" | "envNames"> {
  return { env: (name) => variables[name], envNames: () => Object.keys(variables) };
}

/** Arguments of deno that run the command under its permission set. */
export const WICK = [
  ...["run", "--quiet", "--no-lock", "--no-check", "-P=wick", "--config", `${ROOT}deno.json`],
  `${ROOT}mod.ts`,
];

/** How a process is started. */
export interface ProcessOptions {
  readonly stdin?: Uint8Array;
  readonly cwd?: string;
  /** What deno runs instead of the command in the source tree. */
  readonly deno?: readonly string[];
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the command as a process of its own. */
export async function wick(words: readonly string[], options: ProcessOptions = {}): Promise<Ran> {
  const child = start(words, options, options.stdin === undefined ? "null" : "piped");
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(options.stdin).then(() => writer.close());
  }
  const { code, stdout, stderr } = await child.output();
  return { code, out: decoded(stdout), err: decoded(stderr) };
}

/** Starts the command as a process of its own. */
export function start(
  words: readonly string[],
  options: ProcessOptions = {},
  stdin: "null" | "piped" = "null",
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...(options.deno ?? WICK), ...words],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { NO_COLOR: "1", ...options.env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Runs with a fresh folder that is removed afterwards. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wick-cli-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names of what is in a folder, sorted. */
export function listed(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Text of a file. */
export function readText(...path: string[]): string {
  return Deno.readTextFileSync(join(...path));
}

/** The header of a candle CSV. */
export const HEADER = "ts,open,high,low,close,volume\n";

/** Lines of a text without its last end. */
export function linesOf(text: string): string[] {
  return text.trimEnd().split("\n");
}

/** The folder of reference data; tests that run the Python reference need python3 too. */
export const shared = sharedDirOrSkip();

/** Options of a test that runs the Python reference. */
export function referenceOrSkip(): Skippable {
  if (shared.ignore) return { ignore: true };
  if (isInstalled("python")) return { ignore: false };
  console.log("skipped: tests that compare with the reference (python3 is absent)");
  return { ignore: true };
}
