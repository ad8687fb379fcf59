/** `--kinds` of `wick label` and `wick export`. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parquetReadObjects } from "hyparquet";
import { join } from "node:path";
import { COLUMNS } from "../../src/label/format.ts";
import { labelKinds } from "../../src/label/kinds/label_kinds.ts";
import { KIND_NAMES, parseKinds } from "../../src/label/kinds/registry.ts";
import { LevelSet, parseLevels } from "../../src/label/levels.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { candleLines, served } from "../http/support.ts";
import { blockOf, Chance, SEED, walk } from "../label/support.ts";
import { HEADER, inFolder, linesOf, readText, run } from "./support.ts";

const ROWS = walk(new Chance(SEED + 5), 9_000);
const CSV = HEADER + ROWS.map((row) => `${row.join(",")}\n`).join("");
const LEVELS = [99, 101].map((price) => ({
  kind: price < 100 ? "support" : "resistance",
  price,
  from_ts: 0,
  to_ts: 4e12,
}));

/** What a label run writes into a file. */
async function labelled(folder: string, ...words: string[]): Promise<string> {
  const file = join(folder, "labels");
  const { code, err } = await run(["label", ...words, "--out", file]);
  assertEquals([code, err], [0, ""]);
  return readText(file);
}

Deno.test("label --kinds adds columns after the fixed ones and leaves those as they are", () =>
  inFolder(async (folder) => {
    const [input, levels] = [join(folder, "in.csv"), join(folder, "levels.json")];
    await Deno.writeTextFile(input, CSV);
    await Deno.writeTextFile(levels, JSON.stringify(LEVELS));
    const plain = await labelled(folder, input, "--levels", levels);
    const kinds = KIND_NAMES.join(",");
    const out = await labelled(folder, input, "--levels", levels, "--kinds", kinds);
    const cells = linesOf(out).map((line) => line.split(","));
    const fixed = cells.map((row) => row.slice(0, COLUMNS.length).join(","));
    assertEquals(fixed, linesOf(plain));
    assertEquals(cells[0]?.slice(COLUMNS.length), [...KIND_NAMES]);
    const set = new LevelSet(parseLevels(LEVELS));
    const options = { levels: set, kindLevels: set };
    const found = labelKinds(blockOf(ROWS), DEFAULT_PARAMS, "", parseKinds(kinds), options);
    const expected = ROWS.map((_, row) =>
      found.kinds.map((column) => Number.isNaN(column[row]) ? "" : String(column[row]))
    );
    assertEquals(cells.slice(1).map((row) => row.slice(COLUMNS.length)), expected);
  }));

Deno.test("label --kinds writes the same values as NDJSON", () =>
  inFolder(async (folder) => {
    const input = join(folder, "in.csv");
    await Deno.writeTextFile(input, CSV);
    const words = [input, "--kinds", "path_skew,ret_sign,flip"];
    const text = await labelled(folder, ...words);
    const csv = linesOf(text).slice(1).map((line) => line.split(",").slice(-3));
    const lines = linesOf(await labelled(folder, ...words, "--format", "ndjson"));
    const cells = lines.map((line) => Object.entries<unknown>(JSON.parse(line)).slice(-3));
    assertEquals(cells[0]?.map(([name]) => name), ["path_skew", "ret_sign", "flip"]);
    assertEquals(
      cells.map((row) => row.map(([, value]) => value === null ? "" : String(value))),
      csv,
    );
    // Without levels.
    assertEquals(new Set(csv.map((row) => row[2])), new Set([""]));
  }));

Deno.test("label --kinds refuses what there is not, with the nearest there is", async () => {
  const { code, err } = await run(["label", "in.csv", "--kinds", "drawdwn"]);
  assertEquals(code, 2);
  assertStringIncludes(err, "Cannot use --kinds: expected ret_sign, ");
  assertStringIncludes(err, "current value is drawdwn; did you mean drawdown?");
});

Deno.test("label --sides gives meta:side=given the sides of a first model, for every file", () =>
  inFolder(async (folder) => {
    const files = ["a", "b"].map((name) => join(folder, `${name}.csv`));
    for (const file of files) await Deno.writeTextFile(file, CSV);
    // Long, short, no bet, and no line at all, in turn.
    const sides = ROWS.flatMap(([ts], row) =>
      row % 4 === 3 ? [] : [`${ts},${[0.7, -2, ""][row % 4]}`]
    );
    await Deno.writeTextFile(join(folder, "sides.csv"), `ts,side\n${sides.reverse().join("\n")}\n`);
    const words = ["--sides", join(folder, "sides.csv"), "--kinds", "meta:side=given"];
    const { code } = await run(["label", ...files, ...words, "--out", join(folder, "out")]);
    assertEquals(code, 0);
    let bets = 0;
    for (const name of ["a", "b"]) {
      const lines = linesOf(readText(folder, "out", `${name}.labels.csv`)).slice(1);
      for (const [row, line] of lines.entries()) {
        const cells = line.split(",");
        const [ret, isFinal] = [Number(cells[14]), cells[15] === "final"];
        const side = [1, -1, 0, 0][row % 4] as number;
        const expected = !isFinal || side === 0 ? "" : side * ret > 0 ? "1" : "0";
        assertEquals(cells.at(-1), expected, `row ${row}`);
        bets += expected === "" ? 0 : 1;
      }
    }
    assert(bets > 6_000);
  }));

Deno.test("label --sides refuses a file that holds none, naming the line", () =>
  inFolder(async (folder) => {
    const [input, sides] = [join(folder, "in.csv"), join(folder, "sides.csv")];
    await Deno.writeTextFile(input, CSV);
    await Deno.writeTextFile(sides, "ts,side\n60000,1\nx,1\n");
    const { code, err } = await run(["label", input, "--sides", sides, "--out", join(folder, "o")]);
    assertEquals(code, 2);
    assertStringIncludes(err, "sides.csv: Cannot read sides: line 3: expected epoch milliseconds");
  }));

Deno.test("label without a file is refused", async () => {
  const { code, err } = await run(["label", "--kinds", "drawdown"]);
  assertEquals(code, 2);
  assertStringIncludes(err, "no FILE given; see wick label --help");
});

Deno.test("label --kinds list shows every kind and parameter, as a table or as JSON", async () => {
  const lists = [["--help"], ["--kinds", "list"], ["--kinds", "?"]];
  for (const words of lists) {
    const { code, out } = await run(["label", ...words]);
    assertEquals(code, 0);
    for (const name of KIND_NAMES) assertStringIncludes(out, name);
  }
  const { out } = await run(["label", "--kinds", "list", "--json"]);
  assertEquals(linesOf(out).map((line) => JSON.parse(line).name), [...KIND_NAMES]);
});

Deno.test("export --kinds equals label --kinds, in every format, and says so in its metadata", async () => {
  await using at = await served();
  const series = "EUR_USD:H1";
  const headers = { "content-type": "application/x-ndjson" };
  const body = candleLines(300, { series, seed: 5 }).join("\n");
  const pushed = await fetch(`${at.url}/api/candles`, { method: "POST", headers, body });
  assertEquals([pushed.status, (await pushed.json()).refused], [200, 0]);
  await inFolder(async (folder) => {
    const candles = join(folder, "candles.csv");
    const asked = ["export", "--url", at.url, "--series", series];
    await run([...asked, "--kind", "candles", "--out", candles]);
    const kinds = ["--kinds", "drawdown,meta:side=+1:ret=horizon,under_water"];
    const out = await labelled(folder, candles, ...kinds);
    const file = join(folder, "exported.csv");
    assertEquals((await run([...asked, ...kinds, "--out", file])).code, 0);
    assertEquals(readText(file), out);
    const metadata = JSON.parse(readText(`${file}.meta.json`));
    assertEquals(JSON.parse(metadata["wick.params"]), {
      kinds: "drawdown,meta:ret=horizon,under_water",
    });
    const parquet = join(folder, "exported.parquet");
    const report = await run([...asked, ...kinds, "--out", parquet, "--json"]);
    assertEquals(JSON.parse(report.out)["wick.fingerprint"], metadata["wick.fingerprint"]);
    const bytes = await Deno.readFile(parquet);
    const rows = await parquetReadObjects({ file: bytes.buffer });
    const cells = rows.map(({ drawdown, meta, under_water: water }) =>
      [drawdown, meta, water].map((value) => value === null ? "" : String(value)).join(",")
    );
    assertEquals(cells, linesOf(out).slice(1).map((line) => line.split(",").slice(-3).join(",")));
  });
});
