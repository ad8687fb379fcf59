/** `wick serve --scorer` and `wick refresh` as processes: a run that is scored by a module. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../../scripts/support/root.ts";
import { serve, served } from "./serving.ts";
import { inFolder, type Ran, wick } from "./support.ts";

const KELLY = `${ROOT}tests/cli/scorers/kelly.ts`;

/** Three bets, of which two make a combination. */
const RUN = JSON.stringify({
  runId: "bets",
  edges: [
    { edgeId: "A", value: 0.8 },
    { edgeId: "B", value: 0.75 },
    { edgeId: "C", value: 0.5 },
  ],
  generator: { kind: "combinations", size: 2 },
  scorer: { name: "kelly", params: { odds: 3 } },
});

Deno.test("serve scores runs by the module that --scorer names, and wick refresh shows it", () =>
  inFolder(async (folder) => {
    await using service = await served({ folder, words: ["--scorer", KELLY] });
    const refresh = (words: readonly string[], text?: string): Promise<Ran> =>
      wick(["refresh", ...words, "--url", service.url], {
        cwd: folder,
        ...(text === undefined ? {} : { stdin: new TextEncoder().encode(text) }),
      });
    const scorers = JSON.parse((await refresh(["scorers", "--json"])).out);
    assertEquals(scorers.map(({ name }: { name: string }) => name), [
      ...["product", "mean_variance", "kelly"],
    ]);
    const made = await refresh(["create", "-"], RUN);
    assertEquals([made.code, made.err], [
      0,
      "wick refresh: run bets made over 3 edges in 3 sets\n",
    ]);
    const now = await refresh(["now", "bets", "--json"]);
    const { state, best } = JSON.parse(now.out);
    // p = 0.8 · 0.75 at 3:1: see the test of the module.
    const score = 0.6 * Math.log(2.4) + 0.4 * Math.log(8 / 15);
    assertEquals([now.code, state, best.members], [0, "succeeded", ["A", "B"]]);
    assertEquals(best.score.toFixed(12), score.toFixed(12));
    const shown = await refresh(["run", "bets"]);
    assertMatch(shown.out, /^published +\S+ 0\.273838$/m);
    const wrong = await refresh(
      ["create", "-"],
      RUN.replace('"bets"', '"b2"').replace("3}", "-3}"),
    );
    assertEquals([wrong.code, wrong.out], [1, ""]);
    assertMatch(wrong.err, /Cannot make a scorer kelly: .*odds above 0.*-3.*\(422\)/);
    // Nothing to read is no run.
    const nothing = await refresh(["create", "-"], "");
    assertEquals(nothing.code, 2);
    assertMatch(nothing.err, /Cannot read standard input: expected JSON/);
    assertEquals(await service.end("SIGTERM"), 0);
  }));

Deno.test("serve with a module that cannot be used exits with 2, and leaves no data", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "bad.ts"), "export default {");
    await using service = serve({ folder, words: ["--scorer", "bad.ts"] });
    assertEquals(await service.code(), 2);
    assertMatch(
      service.text.err,
      /^wick serve: Cannot load the scorers of bad\.ts: expected a module that compiles: /,
    );
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["bad.ts"]);
  }));
