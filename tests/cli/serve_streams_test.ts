/** Feeds of klines and of a Redis Stream, from the configuration to their sources. */

import { assertEquals, assertThrows } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { type FeedConfig, feedSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { sourceOf } from "../../src/cli/serve_feeds.ts";
import { NO_FIRESTORE } from "../../src/cli/serve_firestore.ts";
import { klineOptionsOf, redisStreamOptionsOf } from "../../src/cli/serve_streams.ts";
import { klinePlan } from "../../src/feed/kline_options.ts";

type Klines = FeedConfig & { kind: "klines" };
type Stream = FeedConfig & { kind: "redis" };

Deno.test("klineOptionsOf() maps symbols, and what is left out is what the feed has", () => {
  const symbols = ["BTCUSDT", "PEPEXYZ=PEPE_XYZ"];
  const feed = feedSchema.parse({ kind: "klines", name: "binance", symbols }) as Klines;
  const plan = klinePlan(klineOptionsOf(feed));
  assertEquals(plan.series.map(({ series, stream }) => `${series} ${stream}`), [
    "BTC_USDT:H1 btcusdt@kline_1h",
    "BTC_USDT:H4 btcusdt@kline_4h",
    "PEPE_XYZ:H1 pepexyz@kline_1h",
    "PEPE_XYZ:H4 pepexyz@kline_4h",
  ]);
  const { fetch: _, ...given } = plan;
  const { fetch: _fetch, ...own } = klinePlan({
    name: "binance",
    symbols: [{ symbol: "BTCUSDT" }, { symbol: "PEPEXYZ", instrument: "PEPE_XYZ" }],
  });
  assertEquals(given, own);
  assertEquals(
    plan.streamsUrl.href,
    "wss://stream.binance.com:9443/stream?streams=btcusdt@kline_1h/btcusdt@kline_4h/" +
      "pepexyz@kline_1h/pepexyz@kline_4h",
  );
  assertEquals(sourceOf(feed, 256, new VirtualClock()).name, "binance");
});

Deno.test("redisStreamOptionsOf() takes the service's Redis unless the feed has its own", () => {
  const parse = (more: Record<string, unknown>) =>
    feedSchema.parse({ kind: "redis", name: "r", key: "candles", ...more }) as Stream;
  const place = { redisUrl: "redis://:secret@127.0.0.1:1" };
  assertEquals(redisStreamOptionsOf(parse({}), place).url, place.redisUrl);
  const url = "redis://127.0.0.1:2";
  assertEquals(redisStreamOptionsOf(parse({ url }), place).url, url);
  assertEquals(redisStreamOptionsOf(parse({ trim: true }), place).trim, true);
  assertThrows(() => redisStreamOptionsOf(parse({}), { redisUrl: null }), UsageError, "redisUrl");
  // The configuration of feeds is shown, so no password may stand in it.
  assertThrows(() => parse({ url: place.redisUrl }), Error, "without a password");
  const source = sourceOf(parse({}), 256, new VirtualClock(), { ...NO_FIRESTORE, ...place });
  assertEquals(source.name, "r");
});
