/** `wick label`: where labels go, options that are refused, several files, threads that crash. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gzipSync } from "node:zlib";
import { outputName } from "../../src/cli/label_plan.ts";
import { HEADER, inFolder, linesOf, listed, PARTS, readText, run } from "./support.ts";

function rows(count: number, seed = 1): string {
  return HEADER + Array.from({ length: count }, (_, i) => {
    const close = 100 + Math.sin(i * seed);
    return `${60_000 * i},${close},${close + 1},${close - 1},${close},${i}\n`;
  }).join("");
}

Deno.test("outputName() is the input's without .gz and .csv", () => {
  assertEquals(outputName("x/EURUSD.csv.gz", "csv"), "EURUSD.labels.csv");
  assertEquals(outputName("EURUSD.csv", "ndjson"), "EURUSD.labels.ndjson");
  assertEquals(outputName("a.b.ndjson.gz", "csv"), "a.b.labels.csv");
  assertEquals(outputName("data", "csv"), "data.labels.csv");
  assertEquals(outputName("-", "csv"), "stdin.labels.csv");
});

Deno.test("label: several files go into a folder, in parallel, as each would alone", () =>
  inFolder(async (folder) => {
    const files = Array.from({ length: 9 }, (_, i) => `${folder}/f${i}.csv${i % 2 ? ".gz" : ""}`);
    for (const [i, file] of files.entries()) {
      const text = rows(500 + 700 * i, i + 1);
      if (i % 2) await Deno.writeFile(file, Uint8Array.from(gzipSync(text)));
      else await Deno.writeTextFile(file, text);
    }
    const { code, err, out } = await run(["label", ...files, "--out", `${folder}/new/deep`]);
    assertEquals([code, err, out], [0, "", ""]);
    const names = listed(`${folder}/new/deep`);
    assertEquals(names, files.map((_, i) => `f${i}.labels.csv`));
    for (const i of [0, 5, 8]) {
      await run(["label", files[i] ?? "", "--out", `${folder}/alone`]);
      assertEquals(readText(folder, "alone"), readText(folder, "new/deep", names[i] ?? ""));
    }
  }));

Deno.test("label: several files report in the end the worst of their outcomes", () =>
  inFolder(async (folder) => {
    const files = ["good", "header", "cut", "fine"].map((name) => `${folder}/${name}`);
    const [good = "", header = "", cut = "", fine = ""] = files;
    await Deno.writeTextFile(good, rows(50));
    await Deno.writeTextFile(fine, rows(60));
    await Deno.writeTextFile(header, "a,b\n1,2\n");
    await Deno.writeFile(cut, Uint8Array.from(gzipSync(rows(5_000))).subarray(0, -9));
    const refused = await run(["label", good, header, fine, "--out", `${folder}/o`]);
    assertEquals(refused.code, 2);
    assertEquals(listed(`${folder}/o`), ["fine.labels.csv", "good.labels.csv"]);
    const failed = await run(["label", good, header, cut, fine, "--out", `${folder}/p`]);
    assertEquals(failed.code, 1);
    assertEquals(linesOf(failed.err).length, 2);
    assertEquals(listed(`${folder}/p`), ["fine.labels.csv", "good.labels.csv"]);
  }));

Deno.test("label: a thread that crashes takes one file with it", () =>
  inFolder(async (folder) => {
    const files = ["a", "crash", "b", "die", "c"].map((name) => `${folder}/${name}.csv`);
    for (const file of files) await Deno.writeTextFile(file, rows(100));
    const entry = new URL("./crashing_thread.ts", import.meta.url);
    const parts = { labelFile: { ...PARTS.labelFile, entry } };
    const { code, err } = await run(["label", ...files, "--out", `${folder}/o`], parts);
    assertEquals(code, 1);
    assertEquals(linesOf(err).toSorted(), [
      `wick label: ${folder}/crash.csv: its thread crashed: planted`,
      `wick label: ${folder}/die.csv: its thread crashed: the thread exited with code 3`,
    ]);
    assertEquals(listed(`${folder}/o`), ["a.labels.csv", "b.labels.csv", "c.labels.csv"]);
  }));

Deno.test("label: outputs that cannot be written are refused", () =>
  inFolder(async (folder) => {
    const [input, other] = [`${folder}/a.csv`, `${folder}/sub/a.csv.gz`];
    await Deno.mkdir(`${folder}/sub`);
    await Deno.writeTextFile(input, rows(50));
    await Deno.writeTextFile(other, rows(50));
    await Deno.symlink(input, `${folder}/link`);
    const cases: [string[], RegExp][] = [
      [[input, "--out", `${folder}/none/x`], /Cannot write .*none\/x: there is no such folder/],
      [[input, "--out", `${input}/x`], /Cannot write .*a\.csv\/x: its folder is a file/],
      [[input, "--out", input], /Cannot write .*a\.csv: it is read too/],
      [[input, "--out", `${folder}/link`], /Cannot write .*link: it is read too, as .*a\.csv/],
      [[input, other], /several files need --out DIR/],
      [[input, other, "--out", input], /Cannot write into .*a\.csv: it is no folder/],
      [[input, other, "--out", folder], /would both become a\.labels\.csv/],
    ];
    for (const [words, message] of cases) {
      const { code, err } = await run(["label", ...words]);
      assertMatch(err, message);
      assertEquals([linesOf(err).length, code], [1, 2], err);
    }
    assertEquals(readText(input), rows(50));
    assertEquals(listed(folder), ["a.csv", "link", "sub"]);
  }));

Deno.test("label: an output there already is replaced, through a link too, but not on failure", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, rows(50));
    await Deno.writeTextFile(`${folder}/bad.csv`, "nothing");
    await Deno.writeTextFile(`${folder}/old`, "old");
    await Deno.symlink(`${folder}/old`, `${folder}/link`);
    await run(["label", `${folder}/bad.csv`, "--out", `${folder}/link`]);
    assertEquals(readText(folder, "old"), "old");
    assertEquals((await run(["label", `${folder}/a.csv`, "--out", `${folder}/link`])).code, 0);
    assert(readText(folder, "old").startsWith("ts,close,"));
    assert(Deno.lstatSync(`${folder}/link`).isSymlink);
  }));

Deno.test("label: malformed levels are refused, naming the entry", () =>
  inFolder(async (folder) => {
    const level = { kind: "support", price: 1, from_ts: 0, to_ts: 1 };
    const cases: [string | Uint8Array, number, RegExp][] = [
      ["[", 2, /levels\.json: Cannot read levels: expected JSON/],
      ["{}", 2, /levels\.json: Cannot read levels: expected a list/],
      [JSON.stringify([level, { ...level, kind: "up" }]), 2, /Cannot read level 1: expected kind/],
      [JSON.stringify([{ ...level, price: "1" }]), 2, /Cannot read level 0: expected price/],
      [JSON.stringify([{ ...level, to_ts: -1 }]), 2, /expected to_ts at or after from_ts/],
      [Uint8Array.from(gzipSync("[]")).subarray(0, -3), 1, /damaged or cut short/],
    ];
    await Deno.writeTextFile(`${folder}/a.csv`, rows(50));
    for (const [content, expectedCode, message] of cases) {
      if (typeof content === "string") await Deno.writeTextFile(`${folder}/levels.json`, content);
      else await Deno.writeFile(`${folder}/levels.json`, content);
      const words = ["label", `${folder}/a.csv`, "--levels", `${folder}/levels.json`];
      const { code, err } = await run([...words, "--out", `${folder}/o`]);
      assertMatch(err, message);
      assertEquals([linesOf(err).length, code], [1, expectedCode], err);
    }
    assertEquals(listed(folder), ["a.csv", "levels.json"]);
  }));

Deno.test("label: options that say nothing sensible are refused", () =>
  inFolder(async (folder) => {
    const input = `${folder}/a.csv`;
    await Deno.writeTextFile(input, rows(50));
    const cases: [string[], RegExp][] = [
      [["--finer", input], /--finer needs --bar-ms N/],
      [["--bar-ms", "60000"], /--bar-ms needs --finer FILE/],
      [["--finer", input, "--bar-ms", "0.5"], /Cannot use --bar-ms: expected a whole number/],
      [["--finer", "-", "--bar-ms", "60000"], /Cannot use --finer: expected a file/],
      [["--finer", `${folder}/no`, "--bar-ms", "1"], /Cannot read .*\/no: there is no such file/],
      [["--levels", `${folder}/no`], /Cannot read .*\/no: there is no such file/],
      [["--horizon", "0"], /Cannot use --horizon: expected a whole number from 1 to 10000/],
      [["--horizon", "six"], /Cannot use --horizon: expected a number: current value is "six"/],
      [["--up=-1"], /Cannot use --up: expected a number above 0/],
      [["--down", "Infinity"], /Cannot use --down: expected a number/],
      [["--max-gap-ms", "1.5"], /Cannot use --max-gap-ms: expected a whole number/],
      [["--tie", "uper"], /Cannot use --tie: expected lower, upper.*did you mean upper\?/],
      [["--volatility", "art"], /did you mean atr\?/],
      [["--format", "xml"], /Cannot use --format: expected csv, ndjson/],
      [["--horizn", "3"], /unknown option "--horizn"; did you mean --horizon\?/],
    ];
    for (const [words, message] of cases) {
      const { code, err, out } = await run(["label", input, ...words]);
      assertMatch(err, message);
      assertEquals([linesOf(err).length, code, out], [1, 2, ""], err);
    }
  }));

Deno.test("label: trouble with finer candles names their file", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, rows(50));
    await Deno.writeTextFile(`${folder}/fine.csv`, `${rows(50)}x\n`);
    const words = ["label", `${folder}/a.csv`, "--out", `${folder}/o`, "--bar-ms", "60000"];
    const odd = await run([...words, "--finer", `${folder}/fine.csv`]);
    assertEquals(odd.code, 0);
    assert(odd.err.startsWith(`${folder}/fine.csv:52: 1 cells instead of 6: x\n`), odd.err);
    await Deno.writeTextFile(`${folder}/fine.csv`, "a,b\n");
    const refused = await run([...words, "--finer", `${folder}/fine.csv`]);
    assertEquals(refused.code, 2);
    assert(refused.err.startsWith(`wick label: ${folder}/fine.csv: Cannot read CSV header`));
  }));
