import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MarketError } from "../../src/market/error.ts";
import { GRANULARITIES } from "../../src/market/granularity.ts";
import {
  assetClassOf,
  InstrumentRegistry,
  INSTRUMENTS_MAX,
  type InstrumentSpec,
} from "../../src/market/instrument.ts";

const CLASSES: Record<string, string[]> = {
  fx: ["EUR_USD", "USD_JPY", "EURUSD", "EUR-CHF"],
  crypto: ["BTC_USD", "BTCUSD", "ETH-USDT", "DOGEUSD", "ETH_BTC"],
  commodity: ["XAU_USD", "XAGUSD"],
  index: ["^GSPC"],
  equity: ["AAPL", "A", "BRK.B", "EURO", "USD", "EUR_AAPL", "BTC", "BF-B"],
};

for (const [assetClass, symbols] of Object.entries(CLASSES)) {
  Deno.test(`assetClassOf() takes ${symbols.join(" ")} for ${assetClass}`, () => {
    for (const symbol of symbols) assertStrictEquals(assetClassOf(symbol), assetClass, symbol);
  });
}

Deno.test("InstrumentRegistry.get() gives defaults for unknown symbols and says so", () => {
  assertEquals(new InstrumentRegistry().get("USD_JPY"), {
    symbol: "USD_JPY",
    assetClass: "fx",
    calendar: "fx",
    sector: null,
    granularities: GRANULARITIES,
    barOffsetMs: 0,
    priceDigits: 3,
    source: "default",
  });
  assertStrictEquals(new InstrumentRegistry().get("EUR_USD").priceDigits, 5);
  assertStrictEquals(new InstrumentRegistry().get("AAPL").calendar, "nyse");
  assertStrictEquals(new InstrumentRegistry().get("BTC_USD").calendar, "always");
});

Deno.test("InstrumentRegistry.register() keeps what is said and fills in the rest", () => {
  const registry = new InstrumentRegistry([
    { symbol: "EURUSD", barOffsetMs: 7_200_000, granularities: ["H1", "H4"] },
    { symbol: "GOLD", assetClass: "commodity", sector: "metals" },
  ]);
  assertEquals(registry.get("EURUSD").granularities, ["H1", "H4"]);
  assertStrictEquals(registry.get("EURUSD").calendar, "fx");
  assertStrictEquals(registry.get("EURUSD").source, "registered");
  assertEquals([registry.get("GOLD").sector, registry.get("GOLD").priceDigits], ["metals", 3]);
  registry.register({ symbol: "GOLD", priceDigits: 1 });
  assertEquals([registry.get("GOLD").sector, registry.get("GOLD").assetClass], [null, "equity"]);
  assertEquals(registry.list().map((i) => i.symbol), ["EURUSD", "GOLD"]);
});

const REFUSED: [object, string][] = [
  [{ symbol: "A:B" }, "expected a symbol"],
  [{ symbol: "A", assetClass: "stock" }, "expected an asset class of equity"],
  [{ symbol: "A", calendar: "lse" }, "expected a calendar of nyse"],
  [{ symbol: "A", granularities: [] }, "expected granularities of M1"],
  [{ symbol: "A", granularities: ["H2"] }, "expected granularities of M1"],
  [{ symbol: "A", barOffsetMs: 0.5 }, "expected a bar offset"],
  [{ symbol: "A", priceDigits: 16 }, "expected 0 to 15 price digits"],
];

for (const [spec, text] of REFUSED) {
  Deno.test(`InstrumentRegistry.register() refuses ${JSON.stringify(spec)}`, () => {
    const registry = new InstrumentRegistry();
    assertThrows(() => registry.register(spec as InstrumentSpec), MarketError, text);
    assertEquals(registry.list(), []);
  });
}

Deno.test("InstrumentRegistry holds at most INSTRUMENTS_MAX, and replaces when full", () => {
  const registry = new InstrumentRegistry();
  for (let i = 0; i < INSTRUMENTS_MAX; i++) registry.register({ symbol: `S${i}` });
  assertThrows(() => registry.register({ symbol: "ONE" }), MarketError, "expected at most 100000");
  assertStrictEquals(registry.register({ symbol: "S1", sector: "x" }).sector, "x");
});
