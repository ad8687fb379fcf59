/** The command bundled into plain JavaScript does what it does in the source tree. */

import { assert, assertEquals } from "@std/assert";
import { ROOT } from "../../scripts/support/root.ts";
import { HEADER, inFolder, listed, readText, wick } from "./support.ts";
import { served } from "./serving.ts";

const THREADS = `${ROOT}actors/threads`;

async function bundle(entry: string, output: string): Promise<string | null> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--no-lock", "-o", output, entry],
    cwd: ROOT,
    stdin: "null",
  }).output();
  return success ? null : new TextDecoder().decode(stderr);
}

Deno.test("a bundle of mod.ts and its thread entries labels as the source does, and serves", () =>
  inFolder(async (folder) => {
    // One alone first: it may have to download the bundler, which two at a time cannot.
    const failures = [await bundle("mod.ts", `${folder}/wick.js`)];
    failures.push(
      ...await Promise.all(
        listed(THREADS).map((name) =>
          bundle(`actors/threads/${name}`, `${folder}/${name.replace(/ts$/, "js")}`)
        ),
      ),
    );
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
    const may = ["--allow-read", "--allow-write", "--allow-env", "--allow-net=127.0.0.1"];
    const deno = ["run", "--quiet", "--no-config", "--no-prompt", ...may];
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
    assertEquals(demo.code, 0, demo.err);
    const summary = JSON.parse(demo.out);
    assertEquals([summary.killed, summary.checked.different], ["every label worker", 0]);
    assert(summary.checked.rows > 1_000);
    await assertServes(folder);
  }));

/** The service of the bundle keeps, in its store's thread, what a run before it was given. */
async function assertServes(folder: string): Promise<void> {
  const serving = { folder, main: ["--no-config", `${folder}/wick.js`] };
  const lines = Array.from({ length: 60 }, (_, i) => {
    const close = 100 + Math.sin(i);
    const [high, low] = [close + 1, close - 1];
    return JSON.stringify({ ts: 60_000 * i, open: close, high, low, close, volume: 1 });
  });
  const counts: number[] = [];
  for (const part of [lines.slice(0, 40), lines.slice(40)]) {
    await using service = await served(serving);
    const answer = await service.post("/api/candles?series=A:M1", part);
    assertEquals((await answer.json()).accepted, part.length);
    const { rows } = await service.json<{ rows: unknown[] }>("/api/labels?series=A:M1");
    counts.push(rows.length);
    // The pages are in the bundle, too.
    const docs = await service.get("/docs");
    assertEquals([docs.status, (await docs.text()).includes("<html")], [200, true]);
    assertEquals(await service.end("SIGTERM"), 0, service.text.err);
  }
  // Each candle more makes the label of one more final.
  assert(counts[0] !== undefined && counts[1] === counts[0] + 20, String(counts));
}
