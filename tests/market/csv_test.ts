import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { candlesToCsv, csvReader } from "../../src/market/csv.ts";
import { CandleBuilder } from "../../src/market/block.ts";
import { MarketError } from "../../src/market/error.ts";
import { LINE_BYTES_MAX } from "../../src/market/lines.ts";
import {
  EXCERPT_BYTES_MAX,
  type Rejection,
  type RejectReasonName,
  rejectReasonName,
} from "../../src/market/reject.ts";
import { bytesOf, feedInPieces, rowsOf, seededRandom } from "./support.ts";

const HEADER = "ts,open,high,low,close,volume";

interface Read {
  readonly rows: Record<string, number[][]>;
  readonly rejected: [line: number, reason: RejectReasonName, excerpt: string][];
}

function read(text: string | Uint8Array, pieceBytesMax = 1 << 20, random = () => 1): Read {
  const rejections: Rejection[] = [];
  const reader = csvReader({ series: "EUR_USD:H1", onReject: (r) => rejections.push(r) });
  feedInPieces(reader, typeof text === "string" ? bytesOf(text) : text, random, pieceBytesMax);
  const rows = Object.fromEntries(reader.take().map((block) => [block.series, rowsOf(block)]));
  const counts = reader.counts();
  assertStrictEquals(counts.rejected, rejections.length);
  assertStrictEquals(counts.accepted, Object.values(rows).flat().length);
  return {
    rows,
    rejected: rejections.map((r) => [r.line, rejectReasonName(r.reason), r.excerpt]),
  };
}

/** The same by splitting text: what the format says, as plainly as can be. */
function readSlowly(text: string): Read {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const names = (lines[0] as string).replace("\r", "").split(",").map((n) =>
    n.trim().toLowerCase()
  );
  const read: Read = { rows: {}, rejected: [] };
  lines.forEach((raw, i) => {
    if (i === 0) return;
    const line = raw.replace(/\r$/, "");
    const found = slowRow(line, names);
    if (typeof found === "string") read.rejected.push([i + 1, found, line]);
    else (read.rows[found.series] ??= []).push(found.row);
  });
  return read;
}

function slowRow(
  line: string,
  names: string[],
): RejectReasonName | { series: string; row: number[] } {
  if (line.length > LINE_BYTES_MAX) return "lineTooLong";
  if (line === "") return "lineEmpty";
  const cells = line.split(",").map((cell) => cell.replace(/^[ \t]+|[ \t]+$/g, ""));
  if (cells.length !== names.length) {
    return cells.length < names.length ? "cellsMissing" : "cellsExtra";
  }
  for (const [i, cell] of cells.entries()) {
    if (names[i] === "series") {
      if (!/^[A-Z][A-Z0-9_]{0,30}:(M1|M5|M15|M30|H1|H4|D|W)$/.test(cell)) return "seriesInvalid";
      continue;
    }
    if (cell === "") return "cellEmpty";
    if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(cell)) return "notNumber";
    if (names[i] === "ts" && !/^[+-]?\d+$/.test(cell)) return "tsNotInteger";
  }
  const cell = (name: string) => cells[names.indexOf(name)] as string;
  const row = HEADER.split(",").map((name) => Number(cell(name)));
  const [ts, o, h, l, c, v] = row as [number, number, number, number, number, number];
  if (Math.abs(ts) > 8.64e15) return "tsOutOfRange";
  if (![o, h, l, c, v].every(Number.isFinite)) return "notFinite";
  if (Math.min(o, h, l, c) <= 0) return "notPositive";
  if (h < Math.max(o, c, l)) return "highTooLow";
  if (l > Math.min(o, c, h)) return "lowTooHigh";
  if (v < 0) return "volumeNegative";
  return { series: names.includes("series") ? cell("series") : "EUR_USD:H1", row };
}

function randomCsv(random: () => number): string {
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
  const names = HEADER.split(",");
  if (random() < 0.5) names.push("series");
  if (random() < 0.5) names.sort(() => random() - 0.5);
  const odd = [
    "",
    " ",
    "abc",
    "1_0",
    "0x1",
    "NaN",
    "-1",
    "1e2",
    " 7 ",
    "0",
    "1.50000000000000012345",
    "é",
    "99999999999999999999",
  ];
  const bodyOf = () => {
    const price = 1 + random();
    const cell = (name: string) => {
      if (random() < 0.02) return pick(odd);
      if (name === "ts") return String(1_388_613_600_000 + Math.floor(random() * 1e6));
      if (name === "series") return pick(["EUR_USD:H1", "GBP_USD:H1", "A:D", "A:D", "B:X"]);
      if (name === "high") return String(price + 1);
      if (name === "low") return price.toFixed(3).replace(/\d$/, "");
      return name === "volume" ? String(Math.floor(random() * 1e6)) : (price + 0.5).toFixed(5);
    };
    const cells = names.map(cell);
    if (random() < 0.01) cells.pop();
    if (random() < 0.01) cells.push("1");
    if (random() < 0.01) return "";
    return random() < 0.003 ? `${"0".repeat(4080 + random() * 40)}` : cells.join(",");
  };
  const end = pick(["\n", "\r\n"]);
  const lines = Array.from({ length: 60 }, bodyOf).filter((line, i) => line !== "" || i < 59);
  return [names.join(","), ...lines].join(end) + pick(["", end]);
}

Deno.test("csvReader() reads what a split-based twin reads, however the bytes are cut", () => {
  const random = seededRandom("csv");
  for (let round = 0; round < 150; round++) {
    const text = randomCsv(random);
    const expected = readSlowly(text);
    for (const pieceBytesMax of [1, 7, 100, 5000, 1 << 20]) {
      const found = read(text, pieceBytesMax, random);
      assertEquals(found.rows, expected.rows);
      const marks = found.rejected.map(([line, reason]) => [line, reason]);
      assertEquals(marks, expected.rejected.map(([line, reason]) => [line, reason]));
      for (const [i, [, , excerpt]] of found.rejected.entries()) {
        const whole = expected.rejected[i]?.[2] as string;
        const isWhole = excerpt === whole.replaceAll("\t", "\\x09");
        const isHead = excerpt.endsWith("…") && whole.startsWith(excerpt.slice(0, -1));
        assertStrictEquals(isWhole || isHead, true, excerpt);
      }
    }
  }
});

Deno.test("csvReader() accepts the header in any order and case, with a byte order mark", () => {
  const row = [1, 2, 3, 1.5, 2.5, 9];
  for (const end of ["\n", "\r\n"]) {
    const texts = [
      `\ufeff${HEADER}${end}1,2,3,1.5,2.5,9${end}`,
      ` TS , Open,HIGH,low,Close,Volume${end}1,2,3,1.5,2.5,9`,
      `volume,close,low,high,open,ts${end}9,2.5,1.5,3,2,1${end}`,
    ];
    for (const text of texts) assertEquals(read(text).rows, { "EUR_USD:H1": [row] });
  }
});

Deno.test("csvReader() takes the series column over the series it was given", () => {
  const found = read(`series,${HEADER}\nA:D,1,1,1,1,1,1\nB:M1,2,1,1,1,1,1\nA:D,3,1,1,1,1,1\n`);
  assertEquals(Object.keys(found.rows), ["A:D", "B:M1"]);
  assertEquals(found.rows["A:D"]?.map((row) => row[0]), [1, 3]);
});

Deno.test("csvReader() tells thousands of series apart", () => {
  const keys = Array.from({ length: 5000 }, (_, i) => `S${i}:M1`);
  const lines = [...keys, ...keys].map((key, i) => `${key},${i},1,1,1,1,1`);
  const found = read(`series,${HEADER}\n${lines.join("\n")}\n`, 4096);
  assertEquals(Object.keys(found.rows), keys);
  keys.forEach((key, i) => assertEquals(found.rows[key]?.map((row) => row[0]), [i, i + 5000]));
});

const NO_CSV: [string, string | Uint8Array, string][] = [
  ["nothing", "", "the input is empty"],
  ["a blank line", "\n1,1,1,1,1,1\n", 'there is none of them): current value is ""'],
  ["rows without header", "1,1,1,1,1,1\n2,1,1,1,1,1\n", 'current value is "1,1,1,1,1,1"'],
  ["other names", "time,o,h,l,c,v\n", 'current value is "time,o,h,l,c,v"'],
  ["a missing column", "ts,open,high,low,close\n", "(volume missing)"],
  ["an unknown column", `${HEADER},spread\n`, '("spread" unknown)'],
  ["a renamed column", "ts,open,high,low,close,vol\n", '(volume missing; "vol" unknown)'],
  ["a column there twice", `${HEADER},Open\n`, "(open there twice)"],
  ["semicolons", HEADER.replaceAll(",", ";"), "there is none of them"],
  ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0, 10, 65), "this is gzip data"],
  ["JSON", '{"ts":1}\n', "this looks like JSON"],
  ["UTF-16", Uint8Array.of(0xff, 0xfe, 116, 0, 10, 0), "this is UTF-16 text"],
  ["a line without end", "x".repeat(1e6), "the first line is longer than 4096 bytes"],
  ["binary", Uint8Array.from({ length: 999 }, (_, i) => i * 7), "\\x00\\x07\\x0e"],
];

for (const [what, bytes, text] of NO_CSV) {
  Deno.test(`csvReader() refuses ${what} with one error`, () => {
    for (const pieceBytesMax of [3, 1 << 20]) {
      const error = assertThrows(() => read(bytes, pieceBytesMax), MarketError, text);
      assertStrictEquals(error.code, "csv_header");
      assertStrictEquals(error.message.includes(HEADER), true);
      assertStrictEquals(error.message.length < 600, true);
    }
  });
}

Deno.test("csvReader() without series refuses a file that names none", () => {
  const reader = csvReader({ series: null });
  const push = () => reader.push(bytesOf(`${HEADER}\n`));
  assertThrows(push, MarketError, "the series column is missing and no series was named");
});

Deno.test("csvReader() refuses a series that is none at once", () => {
  assertThrows(() => csvReader({ series: "EUR_USD" }), MarketError, "Cannot parse series");
});

Deno.test("csvReader() refuses to go on after finish()", () => {
  const reader = csvReader({ series: "A:D" });
  reader.push(bytesOf(HEADER));
  reader.finish();
  assertThrows(() => reader.push(bytesOf("1")), MarketError, "a finished one");
  assertThrows(() => reader.finish(), MarketError, "a finished one");
});

Deno.test("csvReader() says line, reason and values of a refused line", () => {
  const rejections: Rejection[] = [];
  const reader = csvReader({ series: "A:D", onReject: (r) => rejections.push(r) });
  reader.push(bytesOf(`${HEADER}\r\n1,1.3,1.2,1,1,5\r\n\r\n3,1,,1,1,1\r\n4,1,1\r\n5,1,1,x,1,1`));
  reader.finish();
  assertEquals(rejections.map((r) => `${r.line}: ${r.message} [${r.excerpt}]`), [
    "2: high 1.2 is below max(open, close, low) 1.3 [1,1.3,1.2,1,1,5]",
    "3: the line is empty []",
    "4: high is empty [3,1,,1,1,1]",
    "5: 3 cells instead of 6 [4,1,1]",
    '6: low "x" is not a decimal number [5,1,1,x,1,1]',
  ]);
  assertEquals(reader.counts(), {
    lines: 6,
    accepted: 0,
    rejected: 5,
    rejectedBy: { highTooLow: 1, lineEmpty: 1, cellEmpty: 1, cellsMissing: 1, notNumber: 1 },
  });
});

Deno.test("csvReader() bounds the line length to the byte, whatever the cuts", () => {
  for (const excess of [-1, 0, 1, 2, 3, 9000]) {
    const row = "1,1,1,1,1,";
    const line = row + "0".repeat(LINE_BYTES_MAX + excess - row.length);
    for (const end of ["\n", "\r\n", ""]) {
      for (const pieceBytesMax of [1, 1000, 1 << 20]) {
        const tail = end === "" ? "" : `2,1,1,1,1,1${end}`;
        const found = read(`${HEADER}\n${line}${end}${tail}`, pieceBytesMax, seededRandom("cut"));
        const expected = excess > 0
          ? [[2, "lineTooLong", `${line.slice(0, EXCERPT_BYTES_MAX)}…`]]
          : [];
        assertEquals(found.rejected as unknown[], expected);
        const times = excess > 0 ? [2] : [1, 2];
        const whole = end === "" ? times.filter((ts) => ts === 1) : times;
        assertEquals((found.rows["EUR_USD:H1"] ?? []).map((r) => r[0] as number), whole);
      }
    }
  }
});

Deno.test("csvReader().take() hands out each row once", () => {
  const reader = csvReader({ series: "A:D" });
  reader.push(bytesOf(`${HEADER}\n1,1,1,1,1,1\n2,1,1,1`));
  assertEquals(rowsOf(reader.take()[0]), [[1, 1, 1, 1, 1, 1]]);
  assertEquals(reader.take(), []);
  reader.push(bytesOf(",1,1\n"));
  reader.finish();
  assertEquals(rowsOf(reader.take()[0]), [[2, 1, 1, 1, 1, 1]]);
});

Deno.test("candlesToCsv() writes what csvReader() reads back bit for bit", () => {
  const random = seededRandom("csv write");
  const builder = new CandleBuilder("A:D");
  for (let i = 0; i < 500; i++) {
    const low = random() * 10 ** Math.floor(random() * 20 - 10) + 1e-300;
    builder.push(
      i - 250,
      low * 1.1,
      low * 1.3,
      low,
      low * 1.2,
      random() < 0.5 ? 0 : random() * 1e22,
    );
  }
  const block = builder.finish();
  for (const options of [{}, { series: true }]) {
    const reader = csvReader({ series: options.series ? null : "A:D" });
    reader.push(candlesToCsv(block, options));
    reader.finish();
    assertEquals(reader.take(), [block]);
  }
  const parts = [candlesToCsv(block), candlesToCsv(block, { header: false })];
  assertStrictEquals(parts[1]?.length, (parts[0]?.length as number) - HEADER.length - 1);
});

Deno.test("candlesToCsv() refuses rows that delete", () => {
  const builder = new CandleBuilder("A:D");
  builder.pushDeleted(1);
  assertThrows(() => candlesToCsv(builder.finish()), MarketError, "expected no deleted rows");
});
