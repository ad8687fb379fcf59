import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseCsvCells } from "../../src/feed/csv_cells.ts";
import { FileError } from "../../src/feed/file_bytes.ts";
import { parseInstruments, readInstruments } from "../../src/feed/instrument_file.ts";
import { MarketError } from "../../src/market/error.ts";
import { subscriptionSeries } from "../../src/market/instrument.ts";
import { syntheticFeed } from "../../src/feed/synthetic.ts";
import { VirtualClock } from "../../src/actor/clock.ts";

const SPECS = [
  { symbol: "EUR_USD", granularities: ["H1", "H4"], barOffsetMs: 7_200_000, priceDigits: 5 },
  { symbol: "AAPL", assetClass: "equity", calendar: "nyse", sector: "Technology, consumer" },
  { symbol: "BTC_USD" },
] as const;

const CSV = `\ufeffsymbol,asset_class,calendar,sector,granularities,bar_offset_ms,price_digits\r
EUR_USD,,,,H1 H4,7200000,5\r
AAPL,equity,nyse,"Technology, consumer",,,\r
\r
BTC_USD,,,,,,\r
`;

Deno.test("parseInstruments() reads the same from CSV, a JSON array and a JSON object", () => {
  assertEquals(parseInstruments(CSV), SPECS);
  assertEquals(parseInstruments(JSON.stringify(SPECS)), SPECS);
  assertEquals(parseInstruments(JSON.stringify({ instruments: SPECS }, null, 2)), SPECS);
});

const REFUSED: [string, string][] = [
  ["", "header: expected a column symbol"],
  ["name\nA\n", "header: expected columns of symbol,asset_class"],
  ["calendar\nfx\n", "header: expected a column symbol"],
  ["symbol,calendar\nA\n", "line 2: expected 2 cells"],
  ["symbol,calendar\nA,fx\nB,lse\n", "line 3: calendar: "],
  ['symbol,sector\nA,"two\nlines"\nA,x\n', "line 4: expected every symbol once, it is in line 2"],
  ["symbol,price_digits\nA,many\n", "line 2: priceDigits: "],
  ["symbol,granularities\nA,H1 H2\n", "line 2: granularities.1: "],
  ["[{]", "expected JSON"],
  ['{"list":[]}', "expected an array, or an object"],
  ['[{"symbol":"A"},{"symbol":"B","digits":2}]', "entry 2: "],
  ['[{"symbol":"A"},3]', "entry 2: "],
  ['[{"symbol":"A","__proto__":{"x":1},"constructor":{}}]', "entry 1: "],
];

for (const [text, message] of REFUSED) {
  Deno.test(`parseInstruments() refuses ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => parseInstruments(text, "FILE"), MarketError, message);
    assertEquals(error.code, "instrument");
  });
}

Deno.test("readInstruments() makes a registry of a file, defaults filled in", async () => {
  const path = await Deno.makeTempFile({ prefix: "wick_instruments_" });
  try {
    await Deno.writeTextFile(path, CSV);
    const registry = await readInstruments(path);
    assertEquals(registry.list().map(({ symbol }) => symbol), ["EUR_USD", "AAPL", "BTC_USD"]);
    const { calendar, barOffsetMs, source } = registry.get("EUR_USD");
    assertEquals([calendar, barOffsetMs, source], ["fx", 7_200_000, "registered"]);
    assertEquals(registry.get("AAPL").sector, "Technology, consumer");
    await Deno.writeTextFile(path, "symbol\nA:B\n");
    await assertRejects(() => readInstruments(path), MarketError, "expected a symbol");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readInstruments() says what is wrong with the file", async () => {
  const missing = await assertRejects(() => readInstruments("/no/such/file.csv"), FileError);
  assertEquals(missing.code, "not_found");
});

Deno.test("parseCsvCells() takes quotes, doubled quotes, and line ends in them", () => {
  const text = 'a,"b ""c"", d",\r\n"two\nlines",x\n';
  assertEquals(parseCsvCells(text), [
    { line: 1, cells: ["a", 'b "c", d', ""] },
    { line: 3 - 1, cells: ["two\nlines", "x"] },
  ]);
  assertEquals(parseCsvCells('"not closed\n,'), [{ line: 1, cells: ["not closed\n,"] }]);
  assertEquals(parseCsvCells("a\n\nb"), [
    { line: 1, cells: ["a"] },
    { line: 2, cells: [""] },
    { line: 3, cells: ["b"] },
  ]);
});

Deno.test("subscriptionSeries() is what the synthetic feed sends", () => {
  const expected = ["EUR_USD", "GBP_USD", "USD_JPY", "USD_CHF"]
    .flatMap((symbol) => [`${symbol}:H1`, `${symbol}:H4`]);
  assertEquals(subscriptionSeries(), expected);
  assertEquals(syntheticFeed(new VirtualClock()).series, expected);
  assertEquals(subscriptionSeries(["BTC_USD"], ["M1"]), ["BTC_USD:M1"]);
});
