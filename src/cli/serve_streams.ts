/**
 * From the configuration of a feed of klines or of a Redis Stream to what its source takes.
 *
 * @module
 */

import type { KlineFeedOptions } from "../feed/kline.ts";
import type { RedisStreamFeedOptions } from "../feed/redis_stream.ts";
import type { FeedConfig, WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";

/** Options of the source of a kline feed; whether they can work, `klineFeed` says. */
export function klineOptionsOf(feed: FeedConfig & { readonly kind: "klines" }): KlineFeedOptions {
  const { kind: _, priority: _priority, bulk: _bulk, symbols, ...options } = feed;
  return {
    ...options,
    symbols: symbols.map((text) => {
      const [symbol = "", instrument] = text.split("=", 2);
      return instrument === undefined ? { symbol } : { symbol, instrument };
    }),
  };
}

/**
 * Options of the source of a Redis Stream.
 *
 * @throws {UsageError} when neither the feed nor the service says where Redis is.
 */
export function redisStreamOptionsOf(
  feed: FeedConfig & { readonly kind: "redis" },
  { redisUrl }: Pick<WickConfig, "redisUrl">,
): RedisStreamFeedOptions {
  const { name, key, follow, trim } = feed;
  const url = feed.url ?? redisUrl;
  if (url !== null) return { name, key, follow, trim, url };
  throw new UsageError(
    `Cannot use feed ${name}: expected its url or redisUrl: current value is none`,
  );
}
