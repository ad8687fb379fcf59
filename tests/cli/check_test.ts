/** `wick check`: the report as a table and as JSON. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gzipSync } from "node:zlib";
import { HEADER, inFolder, linesOf, run, shared } from "./support.ts";

const MINUTE = 60_000;

/** Flat at first, a hole, a 2:1 split, a duplicate, a row out of order, an invalid one. */
const ODD = HEADER + [
  ...[0, 1, 2].map((i) => `${i * MINUTE},10,10,10,10,0`),
  ...[3, 4].map((i) => `${i * MINUTE},10,12,9,11,5`),
  ...[9, 10, 11].map((i) => `${i * MINUTE},5.5,6,5,5.5,5`),
  `${11 * MINUTE},5.5,6,5,5.6,5`,
  `${8 * MINUTE},11,12,10,11,5`,
  `${12 * MINUTE},1,2,3,1,5`,
].join("\n") + "\n";

Deno.test("check: the table says what is odd", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, ODD);
    const { code, out, err } = await run(["check", `${folder}/a.csv`]);
    assertEquals(code, 0);
    assertMatch(err, /a\.csv:12: high 2 is below .*\n.*1 invalid row of 11 left out/);
    const table = new Map(
      linesOf(out).slice(1).map((line) => [line.slice(0, 18).trim(), line.slice(18).trim()]),
    );
    assertEquals(table.get("rows"), "11");
    assertEquals(table.get("invalid"), "1 (highTooLow 1)");
    assertEquals(table.get("duplicates"), "1 (0 identical)");
    assertEquals(table.get("out of order"), "1");
    assertEquals(table.get("candles"), "9");
    assertEquals(table.get("step"), "M1");
    assertEquals(table.get("holes"), "1, the largest of 4 steps after 1970-01-01 00:04");
    assertEquals(table.get("missing steps"), "3");
    assertEquals(
      table.get("flat candles"),
      "3 (33.3 %), the longest run of 3 from 1970-01-01 00:00",
    );
    assertEquals(table.get("jumps"), "1");
    assert(out.includes("1970-01-01 00:09  open -50.0 %, close -50.0 %, like a 2:1 split"), out);
  }));

Deno.test("check: --json is one object a file; good files are reported beside bad ones", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, ODD);
    await Deno.writeTextFile(`${folder}/empty.csv`, HEADER);
    await Deno.writeTextFile(`${folder}/bad.csv`, "a,b\n");
    await Deno.writeFile(`${folder}/cut.gz`, Uint8Array.from(gzipSync(ODD)).subarray(0, -3));
    const files = ["a.csv", "bad.csv", "empty.csv"].map((name) => `${folder}/${name}`);
    const { code, out, err } = await run(["check", "--json", ...files]);
    assertEquals(code, 2);
    assertMatch(err, /wick check: .*bad\.csv: Cannot read CSV header/);
    const [odd, empty, none] = linesOf(out).map((line) => JSON.parse(line));
    assertEquals([odd.file, odd.rows, odd.invalid, odd.duplicates], [files[0], 11, 1, 1]);
    assertEquals([empty.rows, empty.stepMs, none], [0, null, undefined]);
    const cut = await run(["check", `${folder}/cut.gz`, ...files]);
    assertEquals(cut.code, 1);
    assertMatch(cut.err, /wick check: Cannot read .*cut\.gz: the gzip data is damaged/);
    assertEquals((await run(["check", `${folder}/none`])).code, 2);
    assertEquals((await run(["check", files[2] ?? ""])).code, 0);
  }));

/** Hours of Wednesday 3 July 2024 until its early close, and of Friday but one. */
const HOLIDAY = HEADER + ["03T13", "03T14", "03T15", "03T16", "05T13", "05T15"]
  .map((hour) => `${Date.parse(`2024-07-${hour}:00Z`)},10,12,9,11,5`).join("\n") +
  "\n";

Deno.test("check: holidays are no holes where the calendar is known, by name or option", () =>
  inFolder(async (folder) => {
    const names = ["SPY_H1.csv", "EURUSD_H1.csv", "spy.csv"];
    for (const name of names) await Deno.writeTextFile(`${folder}/${name}`, HOLIDAY);
    const holesOf = async (...words: string[]) => {
      const { out } = await run(["check", ...words]);
      return /^ {2}(?:holes|missing \w+) +(.*)\n {2}missing \w+ +(\d+)/m.exec(out)?.slice(1);
    };
    const byNyse = ["1, the largest of 1 bar from 2024-07-05 14:00", "1"];
    assertEquals(await holesOf(`${folder}/SPY_H1.csv`), byNyse);
    assertEquals(await holesOf("--calendar", "nyse", `${folder}/spy.csv`), byNyse);
    const byFx = ["2, the largest of 44 bars from 2024-07-03 17:00", "45"];
    assertEquals(await holesOf(`${folder}/EURUSD_H1.csv`), byFx);
    assertEquals(await holesOf(`${folder}/spy.csv`), [
      "2, the largest of 45 steps after 2024-07-03 16:00",
      "45",
    ]);
    assertEquals((await run(["check", "--calendar", "moon", `${folder}/spy.csv`])).code, 2);
  }));

Deno.test("check: real files have the published quality", { ignore: shared.ignore }, async () => {
  const quality = JSON.parse(Deno.readTextFileSync(shared.path("data/candles/quality.json")));
  const names = ["COH_D_sp500", "EURUSD_H1_oanda", "AAPL_D_raw"];
  const files = names.map((name) => shared.path(`data/candles/${name}.csv.gz`));
  const { out, code } = await run(["check", "--json", ...files]);
  assertEquals(code, 0);
  for (const [i, line] of linesOf(out).entries()) {
    const report = JSON.parse(line);
    const expected = quality[names[i] ?? ""];
    assertEquals(report.rows, expected.rows, names[i]);
    assertEquals(report.invalid, expected.invalid_ohlc, names[i]);
    assertEquals(report.duplicates, expected.dup_ts, names[i]);
    assertEquals(report.jumpCount, expected.n_jumps, names[i]);
  }
});
