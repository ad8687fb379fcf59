/** What is asked of a provider for a key of the cache. */

import { assertEquals } from "@std/assert";
import type { Origin } from "../../src/cache/types.ts";
import { cacheLinger, keyRequest, PROVIDER_KEY_KINDS } from "../../src/provider/cache_request.ts";

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

const ASKED = { timeoutMs: 90_000, lostInMs: null } as const;

Deno.test("cacheLinger() lets users wait hardly, renewals some seconds, bulk a minute", () => {
  const lingerOf = (origin: Origin) => cacheLinger({ ...ASKED, origin });
  assertEquals(lingerOf("demand"), { lingerMs: null, isBulk: false });
  assertEquals(lingerOf("refresh"), { lingerMs: 8_000, isBulk: false });
  assertEquals(lingerOf("warm:renewal"), { lingerMs: 8_000, isBulk: false });
  assertEquals(lingerOf("warm:popular"), { lingerMs: 60_000, isBulk: true });
  assertEquals(lingerOf("warm:predictive"), { lingerMs: 2_000, isBulk: true });
});

Deno.test("cacheLinger() lets nothing wait so long that its entry is lost, or its load given up", () => {
  const lingerOf = (more: { lostInMs?: number; timeoutMs?: number }) =>
    cacheLinger({ ...ASKED, origin: "warm:popular", ...more }).lingerMs;
  assertEquals(lingerOf({ lostInMs: 30_000 }), 20_000);
  assertEquals(lingerOf({ lostInMs: 8_000 }), 5);
  assertEquals(lingerOf({ timeoutMs: 25_000 }), 15_000);
  // It is lost already.
  assertEquals(lingerOf({ lostInMs: 0 }), 60_000);
});
