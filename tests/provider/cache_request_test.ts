/** What is asked of a provider for a key of the cache. */

import { assertEquals } from "@std/assert";
import { keyRequest, PROVIDER_KEY_KINDS } from "../../src/provider/cache_request.ts";

const NOW_MS = Date.UTC(2026, 2, 3, 15, 30);
const END_MS = Date.UTC(2026, 2, 4);
const DAY_MS = 86_400_000;

Deno.test("keyRequest() asks for whole days up to the end of today", () => {
  const days = { price: 1, news: 7, fundamentals: 1, profile: 1, dividends: 396 };
  const kinds = {
    price: "quotes",
    news: "news",
    fundamentals: "fundamentals",
    profile: "profiles",
    dividends: "dividends",
  };
  for (const [kind, count] of Object.entries(days)) {
    assertEquals(keyRequest(`${kind}:AAPL`, NOW_MS), {
      kind: kinds[kind as keyof typeof kinds] as "quotes",
      symbol: "AAPL",
      fromMs: END_MS - count * DAY_MS,
      toMs: END_MS,
      granularity: "D",
    });
  }
  // The same all day: what is asked for at any two moments of it can travel together.
  assertEquals(keyRequest("price:AAPL", END_MS - 1), keyRequest("price:AAPL", NOW_MS));
});

Deno.test("keyRequest() reads granularity and bars of prices", () => {
  const span = (key: string) => {
    const found = keyRequest(key, NOW_MS);
    return typeof found === "string" ? found : [found.granularity, found.toMs - found.fromMs];
  };
  assertEquals(span("prices:AAPL"), ["D", 250 * DAY_MS]);
  assertEquals(span("prices:AAPL:H1"), ["H1", 11 * DAY_MS]);
  assertEquals(span("prices:AAPL:H1?bars=24"), ["H1", DAY_MS]);
  assertEquals(span("prices:AAPL:W?bars=1"), ["W", 7 * DAY_MS]);
});

Deno.test("keyRequest() says what was expected of other keys", () => {
  assertEquals(PROVIDER_KEY_KINDS.length, 6);
  for (
    const key of [
      "",
      "price",
      "price:",
      "price:AA PL",
      "price:AAPL:D",
      "constructor:AAPL",
      "label:EUR_USD:H1",
      "prices:AAPL:H2",
      "prices:AAPL:D?bars=0",
      "prices:AAPL:D?bars=10001",
      "prices:AAPL:D?bars=1e3",
      "prices:AAPL:D?x=1",
    ]
  ) assertEquals(typeof keyRequest(key, NOW_MS), "string", key);
});
