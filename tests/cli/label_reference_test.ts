/** `wick label` against the Python reference, column by column. */

import { assert, assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { EXACT_COLUMNS, FLOAT_COLUMNS, toleranceOf } from "../label/support.ts";
import { inFolder, linesOf, readText, referenceOrSkip, run, shared } from "./support.ts";

const options = referenceOrSkip();
const SEED = Number(Deno.env.get("WICK_SEED") ?? Date.now() % 1_000_000);

async function reference(...args: readonly string[]): Promise<string> {
  const script = shared.path("reference/label_reference.py");
  const { success, stdout, stderr } = await new Deno.Command("python3", {
    args: [script, ...args],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** The first difference between two label files, or null. */
function difference(actual: string, expected: string): string | null {
  const [header = "", ...rows] = linesOf(actual);
  const [expectedHeader = "", ...expectedRows] = linesOf(expected);
  if (header !== expectedHeader) return `header ${header}`;
  if (rows.length !== expectedRows.length) return `${rows.length} of ${expectedRows.length} rows`;
  const columns = header.split(",");
  assertEquals(columns.toSorted(), [...EXACT_COLUMNS, ...FLOAT_COLUMNS].toSorted());
  for (const [i, row] of rows.entries()) {
    const cells = row.split(",");
    const expectedCells = expectedRows[i]?.split(",") ?? [];
    for (const [c, column] of columns.entries()) {
      const [got = "", want = ""] = [cells[c], expectedCells[c]];
      if (got === want || isNear(column, got, want)) continue;
      return `row ${i + 1} ${column}: ${got} for ${want}`;
    }
  }
  return null;
}

/** Numbers are compared as numbers: `101` is `101.0`. */
function isNear(column: string, got: string, want: string): boolean {
  if (!FLOAT_COLUMNS.includes(column) || got === "" || want === "") return false;
  const error = Math.abs(Number(got) - Number(want));
  return error <= toleranceOf(column) * Math.abs(Number(want));
}

/** Both on the same input and options. */
async function assertAgree(input: string, ...words: readonly string[]): Promise<void> {
  await inFolder(async (folder) => {
    const [expected, ran] = await Promise.all([
      reference("rows", input, ...words),
      run(["label", input, ...words, "--out", `${folder}/out`]),
    ]);
    assertEquals(ran.code, 0, ran.err);
    assertEquals(difference(readText(folder, "out"), expected), null, words.join(" "));
  });
}

const H4 = shared.path("data/candles/EURUSD_H4_ej.csv.gz");

Deno.test("the comparison finds a wrong digit", options, () => {
  const header = `${[...EXACT_COLUMNS, ...FLOAT_COLUMNS].join(",")}\n`;
  const row = (atr: string) => `${header}${"1,".repeat(12)}${atr}${",1".repeat(11)}\n`;
  assertEquals(difference(row("1.25"), row("1.25000000000001")), null);
  assertEquals(difference(row("1.25"), row("1.2500000001")), "row 1 atr: 1.25 for 1.2500000001");
});

Deno.test(
  "label equals the reference on EURUSD_H4_ej: default, tight, asym24",
  options,
  async () => {
    await assertAgree(H4);
    await assertAgree(H4, "--up", "0.5", "--down", "0.5");
    const asym24 = ["--horizon", "24", "--up", "3", "--down", "1.5", "--tie", "upper"];
    await assertAgree(H4, ...asym24, "--vertical", "sign");
  },
);

Deno.test("label equals the reference on EURUSD_H4_ej with levels", options, async () => {
  await assertAgree(H4, "--levels", shared.path("reference/expected/EURUSD_H4_ej.levels.json.gz"));
});

Deno.test("label equals the reference on EURUSD_H1_oanda with minutes", options, async () => {
  const read = (name: string) =>
    linesOf(new TextDecoder().decode(gunzipSync(Deno.readFileSync(shared.path(name)))));
  const finer = "data/candles/EURUSD_M1_oanda.csv.gz";
  const tsOf = (line = "") => Number(line.split(",")[0]);
  const minutes = read(finer);
  const [from, to] = [tsOf(minutes[1]), tsOf(minutes.at(-1))];
  const [header = "", ...hours] = read("data/candles/EURUSD_H1_oanda.csv.gz");
  await inFolder(async (folder) => {
    const inside = hours.filter((line) => tsOf(line) >= from && tsOf(line) <= to);
    await Deno.writeTextFile(`${folder}/h1.csv`, [header, ...inside, ""].join("\n"));
    const path = ["--up", "0.3", "--down", "0.3", "--finer", shared.path(finer)];
    await assertAgree(`${folder}/h1.csv`, ...path, "--bar-ms", "3600000");
  });
});

Deno.test("label equals the reference on a fresh random series", options, async () => {
  console.log(`seed: WICK_SEED=${SEED}`);
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, await reference("synth", String(SEED), "6000"));
    await assertAgree(`${folder}/a.csv`);
    await assertAgree(`${folder}/a.csv`, "--horizon", "17", "--max-gap-ms", "3600000");
  });
});
