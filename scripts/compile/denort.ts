/**
 * `deno compile` of the bundle: one file without a cache folder, where deno's base binary for
 * compiled programs can be had: from its download server, or from where `DENORT_BIN` points.
 *
 * @module
 */

import { writeBundle } from "./bundle.ts";
import { CompileError } from "./error.ts";
import { ran } from "./run.ts";
import type { Target } from "./targets.ts";

/** Longest that it may take, the download of 40 MB included, ms: without a network it gives up. */
const COMPILE_MAX_MS = 60_000;

/** What a compiled program refuses: its permissions are fixed, so narrower ones must not be lost. */
const NARROWER = `for (const name of ["WICK_ALLOW_READ", "WICK_ALLOW_WRITE", "WICK_ALLOW_NET"]) {
  if (!Deno.env.has(name)) continue;
  console.error(\`wick: Cannot narrow permissions by \${name}: this file is built by deno compile\`);
  Deno.exit(2);
}
`;

/** What is compiled. */
export interface CompileParts {
  readonly files: ReadonlyMap<string, string>;
  readonly permissions: ReadonlyMap<string, readonly string[]>;
  readonly target: Target;
  /** Flags of V8, as deno takes them. */
  readonly v8: string;
  /** Where the program goes. */
  readonly output: string;
}

/**
 * Compiles the bundle. That deno is content says little: whoever asks must run the program.
 *
 * @throws {CompileError} When it cannot, or not in time.
 */
export async function compileProgram(parts: CompileParts): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wick-compile-" });
  try {
    const main = NARROWER + (parts.files.get("mod.js") ?? "");
    await writeBundle(new Map([...parts.files, ["mod.js", main]]), folder);
    const includes = [...parts.files.keys()].flatMap((name) => ["--include", name]);
    const args = [
      ...["compile", "--quiet", "--no-config", "--no-lock", "--no-check", "--no-prompt"],
      ...["--import-map", "imports.json"],
      ...["--target", parts.target.triple, parts.v8, ...[...parts.permissions.values()].flat()],
      ...[...includes, "--output", parts.output, "mod.js"],
    ];
    const made = await ran(Deno.execPath(), args, { cwd: folder, limitMs: COMPILE_MAX_MS });
    if (made.code !== 0) throw new CompileError(`Cannot compile: ${firstLines(made.text)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** On one line, without the stack trace that deno prints after the reasons. */
function firstLines(text: string): string {
  const [reasons = ""] = text.split("Stack backtrace");
  return reasons.replaceAll(/\s+/g, " ").trim().slice(0, 400);
}
