import { childEnv } from "../support/deno.ts";

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether `env` is all that it sees of the environment. */
  readonly clearEnv?: boolean;
  /** Longest that it may run, ms; unbounded unless given. */
  readonly limitMs?: number;
}

/** What a program left. */
export interface Run {
  /** Its exit code; 127 where there is no such program. */
  readonly code: number;
  readonly out: Uint8Array<ArrayBuffer>;
  /** Standard output and standard error as text, trimmed. */
  readonly text: string;
  /** How long it ran, ms. */
  readonly ms: number;
}

/** Runs a program to its end; killed when it takes longer than it may. */
export async function ran(
  program: string,
  args: readonly string[],
  { limitMs, env, ...options }: RunOptions = {},
): Promise<Run> {
  const startMs = performance.now();
  const late = new AbortController();
  const timer = limitMs === undefined ? null : setTimeout(() => late.abort(), limitMs);
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      ...options,
      args: [...args],
      env: { ...childEnv(), ...env },
      stdin: "null",
      signal: late.signal,
    }).output();
    const decoder = new TextDecoder();
    const said = `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim();
    const text = late.signal.aborted ? `${said} (stopped after ${limitMs} ms)`.trim() : said;
    return { code, out: stdout, text, ms: performance.now() - startMs };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { code: 127, out: new Uint8Array(), text: `there is no ${program}`, ms: 0 };
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
