/** From the configuration to the cache of the service. */

import { assertEquals, assertThrows } from "@std/assert";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { cacheOf } from "../../src/cli/serve_cache.ts";
import { ttlOptions } from "../../src/cache/ttl_rules.ts";

const PROVIDERS = [{ name: "simulated" }, { name: "eodhd" }];
const of = (settings: Record<string, unknown>) => cacheOf(configSchema.parse(settings), PROVIDERS);

Deno.test("cacheOf() without settings is four shards of 50,000 entries, a file behind, nobody to ask", () => {
  const { shards, entriesMax, policy, provider, tier, refreshAhead } = of({});
  assertEquals([shards, entriesMax, policy, provider, refreshAhead], [
    4,
    50_000,
    "adaptive",
    null,
    true,
  ]);
  assertEquals(tier, { kind: "sqlite", path: "data/cache.db", bytesMax: 500_000_000 });
});

Deno.test("cacheOf() puts the second tier where the configuration says, and says what is missing", () => {
  const redisUrl = "redis://localhost:6379/1";
  assertEquals(of({ redisUrl }).tier, { kind: "redis", url: redisUrl });
  assertEquals(of({ redisUrl, cacheTier: "none" }).tier, null);
  assertEquals(of({ data: ":memory:" }).tier, null);
  assertEquals(of({ redisUrl, data: "d", cacheTier: "sqlite" }).tier?.kind, "sqlite");
  assertEquals(of({ cacheTier: "memory", cacheTierBytesMax: 7 }).tier, {
    kind: "memory",
    bytesMax: 7,
  });
  assertThrows(() => of({ cacheTier: "redis" }), UsageError, "expected redisUrl");
  const redisCluster = "redis+cluster://a:1,b:2";
  assertEquals(of({ redisUrl: redisCluster, data: "d" }).tier?.kind, "sqlite");
  assertThrows(() => of({ redisUrl: redisCluster, cacheTier: "redis" }), UsageError, "Cluster");
  assertThrows(
    () => of({ cacheTier: "sqlite", data: ":memory:" }),
    UsageError,
    "expected a folder",
  );
});

Deno.test("cacheOf() takes a provider that there is, and names those there are", () => {
  assertEquals(of({ cacheProvider: "eodhd" }).provider, "eodhd");
  assertThrows(() => of({ cacheProvider: "bloom" }), UsageError, "one of simulated, eodhd");
});

Deno.test("cacheOf() fills the table of TTLs from the named settings and then from cacheTtl", () => {
  const { ttl } = of({
    cacheTtlMs: 1_000,
    cacheTtlPriceMs: 2_000,
    cacheTtlFundamentalsMs: 3_000,
    cacheTtl: {
      price: { closedMs: 4_000 },
      fundamentals: { openMs: 5_000 },
      mine: { openMs: 6_000 },
    },
    cachePauseTtlMaxMs: 7_000,
    cacheTtlByVolatility: true,
  });
  const { rules, pauseTtlMaxMs, followsVolatility } = ttlOptions(ttl);
  const byDefault = ttlOptions().rules;
  assertEquals(rules.price, { ...byDefault.price, openMs: 2_000, closedMs: 4_000 });
  assertEquals(rules.fundamentals, { ...byDefault.fundamentals, openMs: 5_000 });
  assertEquals([rules.other.openMs, rules.other.closedMs, rules.other.cryptoMs], [
    1_000,
    1_000,
    1_000,
  ]);
  assertEquals([rules.mine?.openMs, rules.mine?.closedMs], [6_000, 1_000]);
  assertEquals([pauseTtlMaxMs, followsVolatility], [7_000, true]);
  // The defaults of the settings are those of the table.
  const plain = ttlOptions(of({}).ttl).rules;
  assertEquals([plain.price, plain.fundamentals, plain.news], [
    byDefault.price,
    byDefault.fundamentals,
    byDefault.news,
  ]);
});
