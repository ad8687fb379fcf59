/** The examples of README about refreshing: each does what it says, as printed. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../scripts/support/root.ts";
import { VirtualClock } from "../../src/actor/clock.ts";
import { scorersOf } from "../../src/cli/scorer_module.ts";
import { checkedRunSpec } from "../../src/http/refresh_input.ts";
import { Edges } from "../../src/refresh/edges.ts";
import { inFolder } from "./support.ts";

const README = Deno.readTextFileSync(`${ROOT}README.md`);
const START = README.indexOf("\n## Refresh\n");
const SECTION = README.slice(START, README.indexOf("\n## ", START + 1));

/** The one block of a language that holds a text. */
function block(language: string, holds: string): string {
  const blocks = [...SECTION.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, name, text]) => name === language && text?.includes(holds));
  assertEquals(blocks.length, 1, `blocks of ${language} with ${holds}`);
  return blocks[0]?.[2] ?? "";
}

Deno.test("README: its run is one that is taken", () => {
  const spec = checkedRunSpec(JSON.parse(block("json", "runId")));
  assertEquals([spec.runId, spec.edges.length, spec.scorer.name], ["desk", 3, "product"]);
});

Deno.test("README: its scorer is a module that scores", () =>
  inFolder(async (folder) => {
    const path = join(folder, "weakest.ts");
    await Deno.writeTextFile(path, block("ts", "export default"));
    const kinds = await scorersOf([path], new VirtualClock());
    const scorer = kinds.create("weakest", { floor: 0.2 }, new Edges());
    const values = Float64Array.of(0.9, 0.5, 0.1);
    assertEquals(scorer.score(values, Uint32Array.of(2, 1, 0), 1, 3), 0.5);
    let thrown = "";
    try {
      scorer.score(values, Uint32Array.of(0, 2), 0, 2);
    } catch (error) {
      thrown = String(error);
    }
    assertMatch(thrown, /expected values from 0\.2: current value is 0\.1/);
  }));

Deno.test("README: its program makes a run, changes an edge and prints the best sets", () =>
  inFolder(async (folder) => {
    const program = block("ts", "startWick").replace(
      "./mod.ts",
      pathToFileURL(`${ROOT}mod.ts`).href,
    );
    const path = join(folder, "program.ts");
    await Deno.writeTextFile(path, program);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", "--config", `${ROOT}deno.json`, path],
      env: { NO_COLOR: "1" },
    }).output();
    const out = new TextDecoder().decode(stdout);
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    // By hand: 0.7 · 0.9 is the most of three, then 0.95 · 0.9.
    assertMatch(out, /^desk a\+c 0\.63$/m);
    assertMatch(out, /^desk b\+c 0\.855$/m);
    assert(out.includes("next: {"), out);
  }));
