import { stripVTControlCharacters } from "node:util";
import { ROOT } from "./root.ts";

/** What a finished command leaves. */
export interface Finished {
  readonly success: boolean;
  /** What it printed, without progress: standard output, then standard error. */
  readonly output: string;
}

/**
 * Runs this very deno (it need not be on the PATH) in the project's root and waits for it.
 *
 * @param args Arguments of the command, the subcommand first.
 */
export async function runDeno(args: readonly string[]): Promise<Finished> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: childEnv(),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const lines = (decoder.decode(stdout) + decoder.decode(stderr)).split("\n");
  return { success, output: lines.filter((line) => !isProgress(line)).join("\n").trim() };
}

/** Whether deno prints a line only to say that it is checking or loading a module. */
export function isProgress(line: string): boolean {
  return /^(Check|Download) \S+$/.test(stripVTControlCharacters(line));
}

/** Deno colours its output even where nobody can see colours: a child is told not to. */
export function childEnv(): Record<string, string> {
  return Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" };
}
