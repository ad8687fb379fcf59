/**
 * `deno task check`: the one gate before a commit. Format, lint, types, documentation, and the
 * types of the examples in it; a line per step, and what a failed step printed. Exits with 1 when
 * one fails. Arguments go to the steps that load modules (`--no-lock`, `--reload`).
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";
import { type Finished, runDeno } from "./support/deno.ts";
import { writeExampleConfig } from "./support/example_config.ts";
import { filesBelow } from "./support/files.ts";
import { ROOT } from "./support/root.ts";

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** Judges what the command left; unless given, its exit code does. */
  readonly judge?: (finished: Finished) => Finished;
}

const present = (path: string) => {
  try {
    return Deno.statSync(ROOT + path) !== undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

/** Every line of the modules in a folder. */
function ownLines(folder: string): string[] {
  const paths = filesBelow(ROOT + folder).filter((path) => path.endsWith(".ts"));
  return paths.flatMap((path) => Deno.readTextFileSync(`${ROOT}${folder}/${path}`).split("\n"));
}

/**
 * `deno doc --lint` without what nobody can put right:
 *
 * - a private type whose declaration is no line of `src` or `actors`: it belongs to a package (zod's
 *   `ZodType`), and exporting it here would not make it ours;
 * - the missing type of `const X = protocol(…)`: its type is the declaration itself, which an
 *   annotation would repeat schema by schema.
 *
 * Internals that public types refer to are no case for this list: their declarations say
 * `@internal`, which the lint honours. Passes only if every problem that deno counted is one of
 * these two, so output of another shape fails.
 */
function judgeDocs({ success, output }: Finished): Finished {
  if (success) return { success, output };
  const own = new Set([...ownLines("src"), ...ownLines("actors")]);
  const parts = stripVTControlCharacters(output).split(/^(?=error)/m);
  const problems = parts.filter((part) => part.startsWith("error["));
  const left = problems.filter((problem) => {
    const [at = "", referenced] = [...problem.matchAll(/^ *\d+ \| (.*)$/gm)].map(([, code]) =>
      code
    );
    const isOfPackage = problem.startsWith("error[private-type-ref]") &&
      referenced !== undefined && !own.has(referenced);
    const isProtocol = problem.startsWith("error[missing-explicit-type]") &&
      /^export const \w+ = protocol\(/.test(at);
    // What input is made of is a schema; its type is what zod makes of it.
    const isSchema = problem.startsWith("error[missing-explicit-type]") &&
      /_input\.ts:\d/.test(problem);
    return !isOfPackage && !isProtocol && !isSchema;
  });
  const counted = Number(/Found (\d+) documentation lint error/.exec(parts.at(-1) ?? "")?.[1]);
  if (problems.length !== counted) return { success, output };
  return { success: left.length === 0, output: left.join("").trim() };
}

const face = ["mod.ts"].filter(present);
const code = [...face, ...["src", "actors", "tests", "bench", "scripts"].filter(present)];
const exampleConfig = await writeExampleConfig(ROOT);

const steps: Step[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", ...Deno.args, ...code] },
  {
    name: "examples",
    args: [
      "check",
      "--doc-only",
      "--no-lock",
      "--config",
      exampleConfig,
      ...face,
      "README.md",
      "src",
    ],
  },
];
if (face.length > 0) {
  steps.push({ name: "docs", args: ["doc", "--lint", ...Deno.args, ...face], judge: judgeDocs });
} else {
  console.log("docs      not checked: there is no mod.ts yet");
}

let failed = 0;
for (const { name, args, judge } of steps) {
  const startMs = performance.now();
  const finished = await runDeno(args);
  const { success, output } = judge?.(finished) ?? finished;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${name.padEnd(9)} ${success ? "ok    " : "FAILED"} ${seconds.padStart(5)} s`);
  if (success) continue;
  failed++;
  console.log(output);
}
await Deno.remove(exampleConfig);
Deno.exit(failed > 0 ? 1 : 0);
