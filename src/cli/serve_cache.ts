/**
 * From the configuration to the cache of the tree.
 *
 * @module
 */

import type { CacheSpec, TierSpec } from "../cache/spec.ts";
import type { TtlSettings } from "../cache/ttl_rules.ts";
import { redisPlace } from "../store/nodes/redis_place.ts";
import type { WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";

/**
 * The cache of a configuration.
 *
 * @throws {UsageError} when it names a provider that there is not, or a tier that has no place.
 */
export function cacheOf(
  config: WickConfig,
  providers: readonly { readonly name: string }[],
): Required<CacheSpec> {
  const names = providers.map(({ name }) => name);
  const { cacheProvider: provider } = config;
  if (provider !== null && !names.includes(provider)) {
    throw new UsageError(
      `Cannot set up the cache: expected cacheProvider as one of ${names.join(", ")}: ` +
        `current value is ${provider}`,
    );
  }
  return {
    shards: config.cacheShards,
    entriesMax: config.cacheEntriesMax,
    bytesMax: config.cacheBytesMax,
    policy: config.cachePolicy,
    ttl: ttlOf(config),
    provider,
    protect: config.cacheProtect,
    refreshAhead: config.cacheRefreshAhead,
    tier: tierOf(config),
  };
}

/** The named settings first, so that `cacheTtl` has the last word. */
function ttlOf(config: WickConfig): TtlSettings {
  const { cacheTtlMs, cacheTtlPriceMs, cacheTtlFundamentalsMs, cacheTtl } = config;
  const rules: Record<string, Partial<Record<"openMs" | "closedMs" | "cryptoMs", number>>> = {
    other: { openMs: cacheTtlMs, closedMs: cacheTtlMs, cryptoMs: cacheTtlMs },
    price: { openMs: cacheTtlPriceMs },
    fundamentals: { openMs: cacheTtlFundamentalsMs },
  };
  for (const [kind, rule] of Object.entries(cacheTtl)) rules[kind] = { ...rules[kind], ...rule };
  return {
    rules,
    pauseTtlMaxMs: config.cachePauseTtlMaxMs,
    followsVolatility: config.cacheTtlByVolatility,
  };
}

/** `auto` is Redis where there is one that is no Cluster, a file beside the store, and nothing for a store in memory. */
function tierOf({ cacheTier, cacheTierBytesMax, redisUrl, data }: WickConfig): TierSpec | null {
  const isInMemory = data === ":memory:";
  const kind = cacheTier !== "auto"
    ? cacheTier
    : redisUrl !== null && !redisPlace(redisUrl).isCluster
    ? "redis"
    : isInMemory
    ? "none"
    : "sqlite";
  switch (kind) {
    case "none":
      return null;
    case "memory":
      return { kind, bytesMax: cacheTierBytesMax };
    case "sqlite":
      if (!isInMemory) return { kind, path: `${data}/cache.db`, bytesMax: cacheTierBytesMax };
      throw new UsageError(
        "Cannot put the cache's second tier on disk: expected a folder as data: current value is " +
          ":memory:",
      );
    case "redis":
      if (redisUrl !== null && redisPlace(redisUrl).isCluster) {
        throw new UsageError(
          "Cannot put the cache's second tier on Redis: expected redisUrl of one server: current " +
            "value is a Cluster's",
        );
      }
      if (redisUrl !== null) return { kind, url: redisUrl };
      throw new UsageError(
        "Cannot put the cache's second tier on Redis: expected redisUrl: current value is none",
      );
  }
}
