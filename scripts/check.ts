/**
 * `deno task check`: the one gate before a commit. Format, lint, types, documentation, and the
 * types of the examples in it; a line per step, and what a failed step printed. Exits with 1 when
 * one fails. Arguments go to the steps that load modules (`--no-lock`, `--reload`).
 *
 * @module
 */
import { runDeno } from "./support/deno.ts";
import { writeExampleConfig } from "./support/example_config.ts";
import { ROOT } from "./support/root.ts";

interface Step {
  readonly name: string;
  readonly args: readonly string[];
}

const present = (path: string) => {
  try {
    return Deno.statSync(ROOT + path) !== undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

const face = ["mod.ts"].filter(present);
const code = [...face, ...["src", "actors", "tests", "bench", "scripts"].filter(present)];
const exampleConfig = await writeExampleConfig(ROOT);

const steps: Step[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", ...Deno.args, ...code] },
  {
    name: "examples",
    args: ["check", "--doc-only", "--no-lock", "--config", exampleConfig, ...face, "src"],
  },
];
if (face.length > 0) {
  steps.push({ name: "docs", args: ["doc", "--lint", ...Deno.args, ...face] });
} else {
  console.log("docs      not checked: there is no mod.ts yet");
}

let failed = 0;
for (const { name, args } of steps) {
  const startMs = performance.now();
  const { success, output } = await runDeno(args);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${name.padEnd(9)} ${success ? "ok    " : "FAILED"} ${seconds.padStart(5)} s`);
  if (success) continue;
  failed++;
  console.log(output);
}
await Deno.remove(exampleConfig);
Deno.exit(failed > 0 ? 1 : 0);
