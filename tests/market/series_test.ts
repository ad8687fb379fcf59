import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MarketError } from "../../src/market/error.ts";
import {
  barOpenMs,
  GRANULARITIES,
  granularityMs,
  granularityOfMs,
  parseGranularity,
} from "../../src/market/granularity.ts";
import { formatSeries, isSeries, parseSeries } from "../../src/market/series.ts";

Deno.test("granularityMs() is the length of each bar", () => {
  const minutes = [1, 5, 15, 30, 60, 240, 1440, 10_080];
  assertEquals(GRANULARITIES.map(granularityMs), minutes.map((m) => m * 60_000));
});

Deno.test("granularityOfMs() is the inverse and null for other lengths", () => {
  for (const name of GRANULARITIES) assertStrictEquals(granularityOfMs(granularityMs(name)), name);
  for (const ms of [0, -60_000, 90_000, 7_200_000, NaN]) {
    assertStrictEquals(granularityOfMs(ms), null);
  }
});

Deno.test("parseGranularity() takes no other spelling", () => {
  for (const text of ["h1", "1H", "H2", "", "D ", "toString", "M1\n"]) {
    assertThrows(() => parseGranularity(text), MarketError, "expected one of M1 M5 M15 M30 H1 H4");
  }
});

Deno.test("barOpenMs() is the open of the bar that holds the time", () => {
  const at = Date.UTC(2022, 1, 16, 13, 47, 12, 345);
  assertStrictEquals(barOpenMs(at, "M15"), Date.UTC(2022, 1, 16, 13, 45));
  assertStrictEquals(barOpenMs(at, "H4"), Date.UTC(2022, 1, 16, 12));
  assertStrictEquals(barOpenMs(at, "H4", 2 * 3_600_000), Date.UTC(2022, 1, 16, 10));
  assertStrictEquals(barOpenMs(at, "D"), Date.UTC(2022, 1, 16));
  assertStrictEquals(new Date(barOpenMs(at, "W")).toISOString(), "2022-02-14T00:00:00.000Z");
  assertStrictEquals(barOpenMs(-1, "H1"), -3_600_000);
});

Deno.test("parseSeries() parts what formatSeries() joins", () => {
  for (const symbol of ["EUR_USD", "BRK.B", "BTC-USD", "^GSPC", "a", "ES=F", "X".repeat(32)]) {
    for (const granularity of GRANULARITIES) {
      const key = formatSeries(symbol, granularity);
      assertStrictEquals(key, `${symbol}:${granularity}`);
      assertEquals(parseSeries(key), { symbol, granularity });
    }
  }
});

const REFUSED: [string, string][] = [
  ["EUR_USD", "expected INSTRUMENT:GRANULARITY"],
  ["", "expected INSTRUMENT:GRANULARITY"],
  [":H1", "expected an instrument"],
  ["EUR/USD:H1", "expected an instrument"],
  ["EUR USD:H1", "expected an instrument"],
  ["..:H1", "expected an instrument"],
  ["X".repeat(33) + ":H1", "expected an instrument"],
  ["ÄUR:H1", "expected an instrument"],
  ["EUR_USD:", "expected a granularity of M1"],
  ["EUR_USD:h1", "expected a granularity of M1"],
  ["EUR_USD:H1:H1", "expected a granularity of M1"],
  ["EUR_USD:H1\n", "expected a granularity of M1"],
];

for (const [text, expected] of REFUSED) {
  Deno.test(`parseSeries() refuses ${JSON.stringify(text)}`, () => {
    assertThrows(() => parseSeries(text), MarketError, expected);
    assertStrictEquals(isSeries(text), false);
  });
}

Deno.test("formatSeries() refuses a symbol that would change the key", () => {
  assertThrows(() => formatSeries("A:B", "H1"), MarketError, "Cannot format series");
});
