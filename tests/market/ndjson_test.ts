import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CandleBuilder } from "../../src/market/block.ts";
import { MarketError } from "../../src/market/error.ts";
import { candlesToNdjson, ndjsonReader } from "../../src/market/ndjson.ts";
import { type Rejection, rejectReasonName } from "../../src/market/reject.ts";
import { bytesOf, feedInPieces, rowsOf, seededRandom } from "./support.ts";

const GOOD = '{"ts":1,"open":2,"high":3,"low":1.5,"close":2.5,"volume":9}';

function read(text: string | Uint8Array, pieceBytesMax = 1 << 20, random = () => 1) {
  const rejections: Rejection[] = [];
  const reader = ndjsonReader({ series: "EUR_USD:H1", onReject: (r) => rejections.push(r) });
  feedInPieces(reader, typeof text === "string" ? bytesOf(text) : text, random, pieceBytesMax);
  const rows = Object.fromEntries(reader.take().map((block) => [block.series, rowsOf(block)]));
  return { rows, rejections, counts: reader.counts() };
}

Deno.test("ndjsonReader() reads keys in any order, LF or CRLF, blank lines and a mark", () => {
  const other = '{"volume":9,"close":2.5,"low":1.5,"high":3,"open":2,"ts":1}';
  const row = [1, 2, 3, 1.5, 2.5, 9];
  for (const end of ["\n", "\r\n"]) {
    for (const pieceBytesMax of [1, 5, 1000]) {
      const text = `\ufeff${end}${GOOD}${end}${end} ${other} ${end}${GOOD}`;
      const found = read(text, pieceBytesMax, seededRandom("ndjson"));
      assertEquals(found.rows, { "EUR_USD:H1": [row, row, row] });
      assertStrictEquals(found.counts.lines, 5);
    }
  }
});

Deno.test("ndjsonReader() puts rows into the series they name", () => {
  const named = (series: string) => GOOD.replace("{", `{"series":"${series}",`);
  const found = read([named("A:D"), GOOD, named("B:M1"), named("EUR_USD:H1")].join("\n"));
  assertEquals(Object.entries(found.rows).map(([series, rows]) => [series, rows.length]), [
    ["EUR_USD:H1", 2],
    ["A:D", 1],
    ["B:M1", 1],
  ]);
});

const BAD: [string, string, string][] = [
  ["{", "notJson", "the line is not JSON"],
  ["[1,2]", "notObject", "the line is no object"],
  ["null", "notObject", "the line is no object"],
  ["7", "notObject", "the line is no object"],
  [GOOD.replace('"open"', '"o"'), "keyUnknown", 'key "o" is unknown'],
  [GOOD.replace("{", '{"toString":1,'), "keyUnknown", 'key "toString" is unknown'],
  [GOOD.replace("{", '{"__proto__":1,'), "keyUnknown", 'key "__proto__" is unknown'],
  [GOOD.replace(',"volume":9', ""), "keyMissing", "volume missing"],
  ["{}", "keyMissing", "ts, open, high, low, close, volume missing"],
  [GOOD.replace(":2,", ':"2",'), "notNumber", 'open "2" is not a number'],
  [GOOD.replace(":2,", ":null,"), "notNumber", "open null is not a number"],
  [GOOD.replace(":1,", ":1.5,"), "tsNotInteger", "ts 1.5 is not an integer"],
  [GOOD.replace(":9", ":1e999"), "notFinite", "volume Infinity is not finite"],
  [GOOD.replace(":3,", ":2.2,"), "highTooLow", "high 2.2 is below max(open, close, low) 2.5"],
  [GOOD.replace("{", '{"series":"A",'), "seriesInvalid", 'series "A" is not INSTRUMENT'],
  [GOOD.replace("{", '{"series":7,'), "seriesInvalid", "series 7 is not INSTRUMENT"],
  [GOOD + " ".repeat(4096), "lineTooLong", "the line is longer than 4096 bytes"],
];

for (const [line, reason, message] of BAD) {
  Deno.test(`ndjsonReader() rejects ${line.trim()} as ${reason}`, () => {
    for (const pieceBytesMax of [10, 1 << 20]) {
      const found = read(`${GOOD}\n${line}\n${GOOD}\n`, pieceBytesMax);
      assertStrictEquals(found.counts.accepted, 2);
      assertEquals(found.rejections.map((r) => [r.line, rejectReasonName(r.reason)]), [
        [2, reason],
      ]);
      assertStrictEquals(found.rejections[0]?.message.startsWith(message), true);
    }
  });
}

Deno.test("ndjsonReader() rejects bytes that are not UTF-8", () => {
  const line = bytesOf(GOOD.replace("{", '{"series":"A?:D",'));
  line[line.indexOf(63)] = 0xff;
  const found = read(Uint8Array.from([...bytesOf(`${GOOD}\n`), ...line, 10]));
  assertStrictEquals(found.counts.rejectedBy.seriesInvalid, 1);
});

Deno.test("ndjsonReader() without series needs one in every row", () => {
  const rejections: Rejection[] = [];
  const reader = ndjsonReader({ series: null, onReject: (r) => rejections.push(r) });
  reader.push(bytesOf(`${GOOD}\n`));
  assertEquals(rejections.map((r) => r.message), ["series missing"]);
});

for (const text of ["ts,open,high,low,close,volume\n1,1,1,1,1,1\n", "\0\x01\x02\n", "[]\n"]) {
  Deno.test(`ndjsonReader() refuses ${JSON.stringify(text)} with one error`, () => {
    const error = assertThrows(() => read(text, 4), MarketError, "Cannot read NDJSON");
    assertStrictEquals(error.code, "ndjson_first_line");
  });
}

Deno.test("candlesToNdjson() writes what ndjsonReader() reads back bit for bit", () => {
  const random = seededRandom("ndjson write");
  const builder = new CandleBuilder("A:D");
  for (let i = 0; i < 300; i++) {
    const low = random() * 10 ** Math.floor(random() * 20 - 10) + 1e-300;
    builder.push(i, low * 1.1, low * 1.3, low, low * 1.2, random());
  }
  const block = builder.finish();
  for (const series of [false, true]) {
    const reader = ndjsonReader({ series: series ? null : "A:D" });
    reader.push(candlesToNdjson(block, { series }));
    reader.finish();
    assertEquals(reader.take(), [block]);
  }
});

const NUMBERS = ["0", "1", "2.5", "0.5", "1e3", "1E-2", "-1", "-0", "9007199254740993", "0.1", "10"]
  .concat(["01", "1.", ".5", "+1", "1e", "0x1", "1_0", "", "00.5", "1.5.2", "NaN", "123456.789"]);
const NAMES = [`"A:D"`, `"A\\u003aD"`, `"A"`, `"A:D`, `"é:D"`, "7", `""`, `"A:D" `];

/** A line that is plain but for a few places, if any. */
function nearlyPlain(random: () => number): string {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const odd = <T>(usual: T, list: readonly T[]): T => random() < 0.06 ? one(list) : usual;
  const keys = ["ts", "open", "high", "low", "close", "volume"];
  const usual = ["1577836800000", "2", "3.25", "1.5", "2.5", "900"];
  const members = keys.map((key, i) => `"${odd(key, keys)}":${odd(usual[i] ?? "", NUMBERS)}`);
  if (random() < 0.5) members.push(`"series":${odd(`"B:M1"`, NAMES)}`);
  const text = `${odd("{", ["", " {", "{ ", "{{"])}${members.join(odd(",", [", ", ",,", ";"]))}`;
  return `${text}${odd("}", ["", "} ", "}}", ",}"])}${odd("", ["\r"])}`;
}

Deno.test("ndjsonReader() reads a line the same, plain or by JSON.parse", () => {
  const random = seededRandom("plain or not");
  let accepted = 0;
  for (let round = 0; round < 3_000; round++) {
    const line = nearlyPlain(random);
    const plain = read(`${GOOD}\n${line}\n`);
    // A blank before the first key is never plain, and says the same in JSON.
    const other = read(`${GOOD}\n${line.replace(/^( *)\{/, "$1{ ")}\n`);
    const told = ({ rows, counts, rejections }: ReturnType<typeof read>) => ({
      rows,
      counts,
      why: rejections.map(({ line, reason, message }) => ({ line, reason, message })),
    });
    assertEquals(told(plain), told(other), line);
    accepted += plain.counts.accepted - 1;
  }
  assertStrictEquals(accepted > 300 && accepted < 2_700, true);
});
