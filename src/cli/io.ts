/**
 * What the command reaches of the world besides files: the standard streams, the terminal, the
 * environment, signals. Handed in, so that tests run the command in process.
 *
 * @module
 */

import { type Clock, systemClock } from "../actor/clock.ts";
import { Exit } from "./exit_code.ts";

/** The world as the command sees it. */
export interface CliIo {
  readonly clock: Clock;
  /** A variable of the environment; undefined when it is not set. */
  env(name: string): string | undefined;
  /** Names of the variables that are set. */
  envNames(): readonly string[];
  /** Text of a file of at most `bytesMax` bytes. */
  readText(path: string, bytesMax: number): Promise<string>;
  /**
   * Text of standard input up to its end, of at most `bytesMax` bytes. Rejects with the reason of
   * `interrupted` when that comes first.
   */
  readInput(bytesMax: number): Promise<string>;
  /** Whether standard output, standard error are a terminal. */
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Whether text for people may have colours. */
  readonly hasColour: { readonly stdout: boolean; readonly stderr: boolean };
  /** Width of the terminal in characters; 80 where there is none. */
  columns(): number;
  /** Height of the terminal in lines; 0 where there is none. */
  rows(): number;
  /** Writes text to standard output. False once nobody reads it any more. */
  out(text: string): boolean;
  /** Writes text to standard error, where nobody reading is no error. */
  err(text: string): void;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal;
  /** Runs `clean` before the process ends at the second one. */
  onSecondInterrupt(clean: () => void): void;
}

/** {@linkcode CliIo} of this process. Listens to signals from then on. */
export function processIo(): CliIo {
  const interrupt = new AbortController();
  const cleaners: (() => void)[] = [];
  const listen = () => {
    if (!interrupt.signal.aborted) return interrupt.abort(new Error("interrupted"));
    for (const clean of cleaners) clean();
    Deno.exit(Exit.interrupted);
  };
  Deno.addSignalListener("SIGINT", listen);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", listen);
  const isTerminal = { stdout: Deno.stdout.isTerminal(), stderr: Deno.stderr.isTerminal() };
  const mayColour = !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb";
  return {
    clock: systemClock,
    env: (name) => Deno.env.get(name),
    envNames: () => Object.keys(Deno.env.toObject()),
    readText,
    readInput: (bytesMax) => readInput(bytesMax, interrupt.signal),
    isTerminal,
    hasColour: {
      stdout: isTerminal.stdout && mayColour,
      stderr: isTerminal.stderr && mayColour,
    },
    columns: terminalColumns,
    rows: terminalRows,
    out: (text) => write(Deno.stdout, text),
    err: (text) => void write(Deno.stderr, text),
    interrupted: interrupt.signal,
    onSecondInterrupt: (clean) => void cleaners.push(clean),
  };
}

async function readText(path: string, bytesMax: number): Promise<string> {
  using file = await Deno.open(path);
  return await readAll(file, bytesMax);
}

/** Whoever writes may never end, and a read cannot be cancelled: the process ends with it. */
function readInput(bytesMax: number, signal: AbortSignal): Promise<string> {
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
  return Promise.race([readAll(Deno.stdin, bytesMax), interrupted]);
}

async function readAll(file: Pick<Deno.FsFile, "read">, bytesMax: number): Promise<string> {
  const bytes = new Uint8Array(bytesMax + 1);
  let length = 0;
  for (let read: number | null; (read = await file.read(bytes.subarray(length))) !== null;) {
    length += read;
    if (length > bytesMax) throw new RangeError(`expected at most ${bytesMax} bytes`);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
}

const COLUMNS_DEFAULT = 80;

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || COLUMNS_DEFAULT;
  } catch {
    return COLUMNS_DEFAULT;
  }
}

function terminalRows(): number {
  try {
    return Deno.consoleSize().rows;
  } catch {
    return 0;
  }
}

/** False when nobody reads it. */
function write(file: Pick<Deno.FsFile, "writeSync">, text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}
