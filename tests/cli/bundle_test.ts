/** The command bundled into plain JavaScript does what it does in the source tree. */

import { assert, assertEquals } from "@std/assert";
import { ROOT } from "../../scripts/support/root.ts";
import { HEADER, inFolder, readText, wick } from "./support.ts";

async function bundle(entry: string, output: string): Promise<string | null> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--no-lock", "-o", output, entry],
    cwd: ROOT,
    stdin: "null",
  }).output();
  return success ? null : new TextDecoder().decode(stderr);
}

Deno.test("a bundle of mod.ts and its thread entries labels as the source does", () =>
  inFolder(async (folder) => {
    const failures = await Promise.all([
      bundle("mod.ts", `${folder}/wick.js`),
      bundle("actors/threads/label_file.ts", `${folder}/label_file.js`),
      bundle("actors/threads/label_worker.ts", `${folder}/label_worker.js`),
    ]);
    const failure = failures.find((text) => text !== null);
    if (failure?.includes("esbuild") && failure.includes("Download")) {
      console.log("skipped: the bundle (its bundler cannot be downloaded)");
      return;
    }
    assertEquals(failure, undefined);
    let close = 100;
    const rows = Array.from({ length: 3_000 }, (_, i) => {
      close += Math.sin(i * i);
      return `${60_000 * i},${close},${close + 2},${close - 2},${close},1\n`;
    });
    await Deno.writeTextFile(`${folder}/in.csv`, HEADER + rows.join(""));
    const words = ["label", `${folder}/in.csv`, "--horizon", "12"];
    const deno = ["run", "--quiet", "--no-config", "--allow-read", "--allow-write", "--allow-env"];
    const inBundle = { deno: [...deno, `${folder}/wick.js`], cwd: folder };
    const [source, bundled, version, demo] = await Promise.all([
      wick(words),
      wick(words, inBundle),
      wick(["--version"], inBundle),
      wick(["demo", "--seconds", "2", "--seed", "7", "--json"], inBundle),
    ]);
    assertEquals(bundled, source);
    assert(bundled.out.length > 100_000);
    assertEquals(version.out, `wick ${JSON.parse(readText(`${ROOT}deno.json`)).version}\n`);
    // The label workers of the demo run in threads, too.
    const summary = JSON.parse(demo.out);
    assertEquals([summary.killed, summary.checked.different], ["worker-0", 0]);
    assert(summary.checked.rows > 1_000);
  }));
