/**
 * Scorers of one's own: modules that are loaded when the service starts. A module's default export
 * is a {@linkcode ScorerKind}, or a list of them. It runs in this process, with its permissions.
 *
 * Loading needs the permission to read the file and what it imports from other files; packages and
 * modules from elsewhere need what Deno asks for those. Types are not checked.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { textOf } from "../actor/errors.ts";
import type { Clock } from "../actor/clock.ts";
import type { EdgeNames } from "../refresh/edges.ts";
import { RefreshError } from "../refresh/error.ts";
import type { Scorer, ScorerKind, ScorerRegistry } from "../refresh/scorer.ts";
import { builtInScorers } from "../refresh/scorer_built_in.ts";
import { UsageError } from "./exit_code.ts";

/** Longest that a module may take to load, ms: one that waits for ever would hold the start. */
export const SCORER_LOAD_MAX_MS = 30_000;
/** Most characters of what a module throws that are shown. */
const DETAIL_CHARS_MAX = 300;
/** Most characters of a description: it stands in lists. */
const DESCRIPTION_CHARS_MAX = 1_000;

/**
 * The built-in scorers, and after them those of the modules, in their order. Paths are found from
 * the working folder.
 *
 * @throws {UsageError} naming the module and what is expected of it.
 */
export async function scorersOf(
  paths: readonly string[],
  clock: Clock,
): Promise<ScorerRegistry> {
  const registry = builtInScorers();
  for (const path of paths) {
    const made = await exported(path, clock);
    for (const kind of kindsOf(path, made)) {
      try {
        registry.register(kind);
      } catch (error) {
        if (!(error instanceof RefreshError)) throw error;
        throw new UsageError(`${error.message} (${path})`);
      }
    }
  }
  return registry;
}

// ---- loading ------------------------------------------------------------------------------------

/** The default export of a module. */
async function exported(path: string, clock: Clock): Promise<unknown> {
  await checkFile(path);
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.setTimer(SCORER_LOAD_MAX_MS, () => {
      reject(cannot(path, `expected it to load within ${SCORER_LOAD_MAX_MS} ms`));
    });
  });
  try {
    const { href } = pathToFileURL(resolve(path));
    const module: Readonly<Record<string, unknown>> = await Promise.race([import(href), late]);
    return module.default;
  } catch (error) {
    throw error instanceof UsageError ? error : cannot(path, reasonOf(error));
  } finally {
    cancel();
  }
}

/** Deno says of what is no file that it is no module, and little more. */
async function checkFile(path: string): Promise<void> {
  const { isFile } = await Deno.stat(path).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) throw cannot(path, "there is no such file");
    if (error instanceof Deno.errors.NotCapable) {
      throw cannot(path, "this process has no permission to read it");
    }
    throw cannot(path, textOf(error));
  });
  if (!isFile) throw cannot(path, "expected a file");
}

function reasonOf(error: unknown): string {
  const text = plain(textOf(error));
  if (/^Requires (read|import) access/.test(text)) {
    return `this process may not load what it imports: ${text}`;
  }
  if (/SyntaxError: /.test(text) || error instanceof SyntaxError) {
    return `expected a module that compiles: ${text.replace(/^SyntaxError: /, "")}`;
  }
  if (error instanceof TypeError && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") {
    return `expected a module whose imports are there: ${text}`;
  }
  return `expected a module that loads: it throws ${text}`;
}

/** On one line, without colours. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex -- SGR codes and other controls
  const line = text.replace(/\x1b\[[\d;]*m/g, "").replace(/[\s\x00-\x1f\x7f]+/g, " ").trim();
  return line.length > DETAIL_CHARS_MAX ? `${line.slice(0, DETAIL_CHARS_MAX)}…` : line;
}

function cannot(path: string, why: string): UsageError {
  return new UsageError(`Cannot load the scorers of ${path}: ${why}`);
}

// ---- checks -------------------------------------------------------------------------------------

function kindsOf(path: string, made: unknown): readonly ScorerKind[] {
  if (made === undefined) {
    throw cannot(path, "expected a scorer kind as its default export: current value is none");
  }
  const all: readonly unknown[] = Array.isArray(made) ? made : [made];
  if (all.length === 0) {
    throw cannot(path, "expected at least one scorer kind: current value is []");
  }
  return all.map((one, i) => kindOf(path, Array.isArray(made) ? `default[${i}]` : "default", one));
}

/** What is there of a value, for messages: code is no help. */
function typeText(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : typeof value;
}

function kindOf(path: string, place: string, made: unknown): ScorerKind {
  const expect = (holds: boolean, what: string, expected: string, value: unknown) => {
    if (holds) return;
    throw cannot(path, `expected ${expected} as ${what}: current value is ${typeText(value)}`);
  };
  expect(typeof made === "object" && made !== null, place, "a scorer kind", made);
  const { name, description, create } = made as Readonly<Record<string, unknown>>;
  expect(typeof name === "string", `${place}.name`, "a name", name);
  expect(
    typeof description === "string" && description.length <= DESCRIPTION_CHARS_MAX,
    `${place}.description`,
    `a text of at most ${DESCRIPTION_CHARS_MAX} characters`,
    description,
  );
  expect(typeof create === "function", `${place}.create`, "a function", create);
  const kind = made as ScorerKind;
  return {
    name: kind.name,
    description: kind.description,
    create: (params, edges) => scorerOf(kind, params, edges),
  };
}

/** Whatever `create` throws, and whatever it makes that is no scorer, is the scorer's error. */
function scorerOf(kind: ScorerKind, params: unknown, edges: EdgeNames): Scorer {
  let made: unknown;
  try {
    made = kind.create(params, edges);
  } catch (error) {
    if (error instanceof RefreshError) throw error;
    throw new RefreshError(
      "scorer",
      `Cannot make a scorer ${kind.name}: expected parameters that it takes: it throws ` +
        plain(textOf(error)),
    );
  }
  const wrong = wrongOf(made);
  if (wrong === null) return made as Scorer;
  throw new RefreshError("scorer", `Cannot make a scorer ${kind.name}: expected ${wrong}`);
}

/** What is wrong with it, as a sentence goes on after "expected"; null when nothing is. */
function wrongOf(made: unknown): string | null {
  const of = (what: string, value: unknown) => `${what}: current value is ${typeText(value)}`;
  if (typeof made !== "object" || made === null) return of("an object from create", made);
  const { name, score, bound, ...more } = made as Readonly<Record<string, unknown>>;
  if (typeof name !== "string") return of("a text as name", name);
  if (typeof score !== "function") return of("a function as score", score);
  for (const method of ["forget", "setCorrelations"]) {
    const given = more[method];
    if (given === undefined || typeof given === "function") continue;
    return of(`a function as ${method}, or none`, given);
  }
  if (bound === undefined) return null;
  if (typeof bound !== "object" || bound === null) return of("an object as bound, or none", bound);
  const { kind, lift } = bound as Readonly<Record<string, unknown>>;
  if (kind !== "factor" && kind !== "addend") return of("factor or addend as bound.kind", kind);
  return typeof lift === "function" ? null : of("a function as bound.lift", lift);
}
