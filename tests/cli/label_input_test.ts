/** `wick label` on good and bad inputs: each has a named outcome, exit code and one clear line. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gzipSync } from "node:zlib";
import { fakeIo, HEADER, inFolder, linesOf, listed, PARTS, readText, run } from "./support.ts";
import { runCommand } from "../../src/cli/main.ts";
import { COLUMNS } from "../../src/label/format.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Candles that are valid, one a minute from minute `from`. */
function rows(count: number, from = 0): string {
  return Array.from({ length: count }, (_, i) => {
    const close = 100 + Math.sin(i);
    return `${60_000 * (from + i)},${close},${close + 1},${close - 1},${close},${i}\n`;
  }).join("");
}

/** Labels `content` in a folder of its own. */
async function labelled(content: string | Uint8Array, ...options: string[]) {
  let result = { code: -1, out: "", err: "", labels: null as string | null, left: [] as string[] };
  await inFolder(async (folder) => {
    const input = `${folder}/in.csv`;
    const bytes = typeof content === "string" ? bytesOf(content) : content;
    await Deno.writeFile(input, bytes);
    const ran = await run(["label", input, "--out", `${folder}/out`, ...options]);
    const left = listed(folder).filter((name) => name !== "in.csv");
    const labels = left.includes("out") ? readText(folder, "out") : null;
    result = { ...ran, err: ran.err.replaceAll(`${folder}/`, ""), labels, left };
  });
  return result;
}

/** Refused (2) or failed (1): one line that says it, nothing written. */
async function assertRefused(code: number, line: RegExp, content: string | Uint8Array) {
  const result = await labelled(content);
  assertMatch(result.err, line);
  assertEquals(linesOf(result.err).length, 1);
  assertEquals([result.code, result.left], [code, []]);
}

Deno.test("label: plain, gzip, gzip of two members and NDJSON give the same labels", async () => {
  const csv = HEADER + rows(60);
  const ndjson = linesOf(rows(60)).map((line) => {
    const [ts, open, high, low, close, volume] = line.split(",").map(Number);
    return JSON.stringify({ ts, open, high, low, close, volume });
  }).join("\n");
  const members = [csv.slice(0, 100), csv.slice(100)].map((part) => [...gzipSync(part)]).flat();
  const expected = await labelled(csv);
  assertEquals(expected.code, 0);
  assertEquals(linesOf(expected.labels ?? "").length, 61);
  for (const content of [gzipSync(csv), Uint8Array.from(members), ndjson, gzipSync(ndjson)]) {
    const result = await labelled(content);
    assertEquals([result.code, result.err], [0, ""]);
    assertEquals(result.labels, expected.labels);
  }
});

Deno.test("label: --format ndjson says the same as csv", async () => {
  const csv = linesOf((await labelled(HEADER + rows(40))).labels ?? "");
  const ndjson = linesOf((await labelled(HEADER + rows(40), "--format", "ndjson")).labels ?? "");
  assertEquals(ndjson.length, 40);
  for (const [i, line] of ndjson.entries()) {
    const object: Record<string, string | number | null> = JSON.parse(line);
    assertEquals(Object.keys(object), [...COLUMNS]);
    assertEquals(Object.values(object).map((value) => value ?? "").join(","), csv[i + 1]);
  }
});

Deno.test("label: NaN, negative volume, swapped high and low are left out, shown, counted", async () => {
  const bad = "60000,1,2,1,2,NaN\n60000,1,2,1,2,-5\n60000,2,1,3,2,5\n60000,nan,2,1,2,5\n\n1,2\n";
  const result = await labelled(HEADER + rows(30, 2) + bad);
  assertEquals(result.code, 0);
  assertEquals(linesOf(result.labels ?? "").length, 31);
  assertEquals(linesOf(result.err), [
    'in.csv:32: volume "NaN" is not a decimal number: 60000,1,2,1,2,NaN',
    "in.csv:33: volume -5 is below 0: 60000,1,2,1,2,-5",
    "in.csv:34: high 1 is below max(open, close, low) 3: 60000,2,1,3,2,5",
    'in.csv:35: open "nan" is not a decimal number: 60000,nan,2,1,2,5',
    "in.csv:36: the line is empty",
    "in.csv:37: 2 cells instead of 6: 1,2",
    "in.csv: 6 invalid rows of 36 left out (notNumber 2, volumeNegative 1, highTooLow 1, " +
    "lineEmpty 1, cellsMissing 1)",
  ]);
});

Deno.test("label: invalid rows beyond 100 are only counted", async () => {
  const result = await labelled(HEADER + "x\n".repeat(1_234) + rows(3));
  const lines = linesOf(result.err);
  assertEquals(lines.length, 102);
  assertEquals(lines[99], "in.csv:101: 1 cells instead of 6: x");
  assertEquals(lines[100], "in.csv: 1,134 more invalid rows not shown");
  assertEquals(
    lines[101],
    "in.csv: 1,234 invalid rows of 1,237 left out (cellsMissing 1,234)",
  );
  assertEquals(result.code, 0);
});

Deno.test("label: of duplicates the last counts, unordered rows are put in order", async () => {
  const ordered = await labelled(HEADER + rows(40));
  const wrong = `${60_000 * 39},1,1,1,1,1\n`;
  const mixed = await labelled(HEADER + rows(20, 20).replace(/^/, wrong) + rows(20));
  assertEquals(mixed.code, 0);
  assertEquals(linesOf(mixed.err), [
    "in.csv: 1 row repeats the time of another; the last one counts",
    "in.csv: 2 rows out of order were put in order",
  ]);
  const tsOf = (text: string | null) => linesOf(text ?? "").map((line) => line.split(",")[0]);
  assertEquals(tsOf(mixed.labels), tsOf(ordered.labels));
  assert(!mixed.labels?.includes(`${60_000 * 39},1,`));
});

Deno.test("label: a header and no rows gives a header, exit 0", async () => {
  const result = await labelled(HEADER);
  assertEquals([result.code, result.err, result.labels], [0, "", `${COLUMNS.join(",")}\n`]);
  assertEquals((await labelled(HEADER, "--format", "ndjson")).labels, "");
});

Deno.test("label: an empty file is refused", async () => {
  await assertRefused(2, /in\.csv: Cannot read CSV header: .*the input is empty/, "");
  await assertRefused(2, /in\.csv: Cannot read CSV header: .*the input is empty/, gzipSync(""));
});

Deno.test("label: a wrong header is refused, naming what is wrong", async () => {
  await assertRefused(2, /volume missing; "vol" unknown/, "ts,open,high,low,close,vol\n");
  await assertRefused(2, /open there twice/, "ts,open,open,high,low,close,volume\n");
  await assertRefused(2, /there is none of them/, rows(5));
});

Deno.test("label: a binary file, a zip archive and UTF-16 are refused", async () => {
  const binary = Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7919) & 255);
  await assertRefused(2, /expected CSV or NDJSON: current value is binary data/, binary);
  await assertRefused(2, /zip archive/, bytesOf("PK\x03\x04\x00\x00"));
  const utf16 = Uint8Array.from([0xff, 0xfe, ...[...HEADER].flatMap((c) => [c.charCodeAt(0), 0])]);
  await assertRefused(2, /UTF-16/, utf16);
});

Deno.test("label: input that begins like NDJSON and is none is refused", async () => {
  await assertRefused(2, /in\.csv: Cannot read NDJSON: .*line 1/, '{"ts":1,\n');
});

Deno.test("label: truncated and damaged gzip fail with exit 1 and leave no file", async () => {
  const gzip = Uint8Array.from(gzipSync(HEADER + rows(20_000)));
  const damage = /Cannot read in\.csv: the gzip data is damaged or cut short/;
  await assertRefused(1, damage, gzip.subarray(0, -5));
  await assertRefused(1, damage, gzip.subarray(0, gzip.length >> 1));
  await assertRefused(1, damage, gzip.map((byte, i) => i === gzip.length - 5 ? byte ^ 1 : byte));
  await assertRefused(1, damage, Uint8Array.from([...gzip, 1, 2, 3]));
});

Deno.test("label: invalid rows before the damage are shown too", async () => {
  const gzip = Uint8Array.from(gzipSync(HEADER + "x\n" + rows(200_000)));
  const { err, code } = await labelled(gzip.subarray(0, -8));
  const lines = linesOf(err);
  assertEquals(code, 1);
  assertEquals(lines[0], "in.csv:2: 1 cells instead of 6: x");
  assertMatch(lines.at(-1) ?? "", /damaged/);
});

Deno.test("label: a missing file, a folder and the same file twice are refused", () =>
  inFolder(async (folder) => {
    const input = `${folder}/a.csv`;
    await Deno.writeTextFile(input, HEADER + rows(3));
    await Deno.symlink(input, `${folder}/link.csv`);
    const cases: [string[], string][] = [
      [[`${folder}/none.csv`], `Cannot read ${folder}/none.csv: there is no such file`],
      [[folder], `Cannot read ${folder}: it is a folder`],
      [[input, input], `${input} is given twice`],
      [[input, `${folder}/link.csv`], `${folder}/link.csv is given twice, as ${input}`],
      [[input, `${folder}/../${folder.split("/").at(-1)}/a.csv`], "is given twice, as"],
      [["-", "-"], "standard input is given twice"],
    ];
    for (const [files, message] of cases) {
      const { code, err, out } = await run(["label", ...files, "--out", `${folder}/o/`]);
      assert(err.startsWith("wick label: ") && err.includes(message), err);
      assertEquals([linesOf(err).length, code, out], [1, 2, ""]);
    }
    assertEquals(listed(folder), ["a.csv", "link.csv"]);
  }));

Deno.test("label: --json reports each file as one object", async () => {
  const { out, err, code } = await labelled(HEADER + "x\n" + rows(30) + rows(1), "--json");
  assertEquals([code, err], [0, ""]);
  const { tookMs, input, output, ...report } = JSON.parse(out);
  assertEquals([typeof tookMs, typeof input, typeof output], ["number", "string", "string"]);
  assertEquals(report, {
    state: "done",
    labels: 30,
    rows: 32,
    invalid: 1,
    invalidBy: { cellsMissing: 1 },
    duplicates: 1,
    unordered: 1,
    invalidRows: [
      { line: 2, reason: "cellsMissing", message: "1 cells instead of 6", excerpt: "x" },
    ],
    finer: null,
  });
  const refused = await labelled("", "--json");
  assertEquals(refused.code, 2);
  assertEquals(JSON.parse(refused.out).state, "refused");
  assertMatch(JSON.parse(refused.out).message, /the input is empty/);
});

Deno.test("label: a terminal sees when a file is done, and nothing of colours if not wanted", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, HEADER + rows(30));
    const io = fakeIo({ isTerminal: { stdout: true, stderr: true } });
    const words = ["label", `${folder}/a.csv`, "--out", `${folder}/b.csv`];
    assertEquals(await runCommand(words, PARTS, io), 0);
    const text = io.text.err.slice(io.text.err.lastIndexOf("\r\x1b[K") + 1);
    assertMatch(text, /a\.csv: 30 labels to .*\/b\.csv in .* \(.* rows\/s\)\n$/);
    assert(!io.text.err.includes("\x1b[1m"));
  }));
