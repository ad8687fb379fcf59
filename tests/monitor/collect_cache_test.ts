/** What the monitor makes of the shards of the cache and the tier behind them. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { WAIT_SECONDS } from "../../src/cache/counts.ts";
import type { ShardStatus, TypeCounts } from "../../src/cache/status.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  CACHE_METRICS,
  CACHE_TYPES_MAX,
  type CacheFinderFigures,
  cacheFinding,
  CacheTotals,
} from "../../src/monitor/collect_cache.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { type MetricsSnapshot, valueIn } from "../../src/monitor/snapshot.ts";
import { countsOf, shardOf, tierOf, waitsOf } from "../cache/report_support.ts";

/** A registry that looks at the cache again and again. */
class Watch {
  readonly registry = new Registry();
  readonly totals = new CacheTotals();

  constructor() {
    for (const spec of WICK_METRICS) this.registry.register(spec);
  }

  look(shards: readonly ShardStatus[], more: Partial<CacheFinderFigures> = {}): MetricsSnapshot {
    const figures = { shards, shardsMax: shards.length, tier: null, ...more };
    const { samples } = cacheFinding("core/cache", figures, this.totals);
    assertEquals(applySamples(this.registry, samples, 0), []);
    return this.registry.snapshot(0, 0);
  }
}

const removed = { evicted: 7, expired: 3, invalidated: 2, replaced: 1, flushed: 9 };

const PRICE: Partial<TypeCounts> = {
  requests: 100,
  freshHits: 60,
  staleHits: 10,
  negativeHits: 5,
  joined: 5,
  misses: 18,
  refused: 2,
  secondTierHits: 8,
  loads: { demand: 10, refresh: 4, warm: 1 },
  loadFailures: 2,
  removed,
  entries: 40,
  weightBytes: 4_000,
};

const price = (more: Partial<TypeCounts> = {}) => countsOf("price", { ...PRICE, ...more });

Deno.test("cacheFinding() measures by type and tier, all shards together", () => {
  const watch = new Watch();
  const tier = tierOf({ entries: 500, bytes: 9_000, evicted: 3, failures: 1, dropped: 2 });
  const shards = [0, 1].map((shard) =>
    shardOf({ shard, entries: 40, flights: 3, types: [price()] })
  );
  const snapshot = watch.look(shards, { tier });
  const type = "price";
  const expected: [string, Record<string, string>, number][] = [
    ["hits_total", { type, tier: "l1" }, 140],
    ["hits_total", { type, tier: "l2" }, 16],
    // Joined ones, those that loaded, and those that could not.
    ["misses_total", { type, tier: "l1" }, 50],
    ["misses_total", { type, tier: "l2" }, 20],
    ["stale_hits_total", { type }, 20],
    ["negative_hits_total", { type }, 10],
    ["joined_total", { type }, 10],
    ["refused_total", { type }, 4],
    ["loads_total", { type, reason: "demand" }, 20],
    ["loads_total", { type, reason: "refresh" }, 8],
    ["loads_total", { type, reason: "warm" }, 2],
    ["load_failures_total", { type }, 4],
    ["evictions_total", { type, tier: "l1" }, 14],
    ["evictions_total", { type: "all", tier: "l2" }, 3],
    ["expirations_total", { type }, 6],
    ["invalidations_total", { type }, 4],
    ["hit_ratio", { type, tier: "l1" }, 0.7],
    ["size_bytes", { type, tier: "l1" }, 8_000],
    ["size_bytes", { type: "all", tier: "l2" }, 9_000],
    ["entries", { type, tier: "l1" }, 80],
    ["entries", { type: "all", tier: "l2" }, 500],
    ["shard_entries", { shard: "1" }, 40],
    ["flights", {}, 6],
    ["tier_up", { tier: "l2" }, 1],
    ["tier_failures_total", { tier: "l2" }, 1],
    ["tier_dropped_total", { tier: "l2" }, 2],
  ];
  for (const [name, labels, value] of expected) {
    assertEquals(valueIn(snapshot, `wick_cache_${name}`, labels), value, name);
  }
  assertAlmostEquals(valueIn(snapshot, "wick_cache_hit_ratio", { type, tier: "l2" }) ?? 0, 16 / 36);
});

Deno.test("hits and misses of the shards and negative hits are all requests", () => {
  const snapshot = new Watch().look([shardOf({ types: [price()] })]);
  const value = (name: string, labels: Record<string, string>) =>
    valueIn(snapshot, `wick_cache_${name}_total`, { type: "price", ...labels }) ?? 0;
  const l1 = { tier: "l1" };
  assertEquals(
    value("hits", l1) + value("misses", l1) + value("negative_hits", {}),
    PRICE.requests,
  );
});

Deno.test("CacheTotals follows each shard on its own when it restarts", () => {
  const watch = new Watch();
  const at = (first: number, second: number) => {
    const shards = [first, second].map((requests, shard) =>
      shardOf({ shard, types: [countsOf("price", { requests, freshHits: requests })] })
    );
    return valueIn(watch.look(shards), "wick_cache_hits_total", { type: "price", tier: "l1" });
  };
  assertEquals(at(100, 1_000), 1_100);
  assertEquals(at(150, 1_010), 1_160);
  // The second begins anew: the sum of the totals falls to 205, what was counted grows by 55.
  assertEquals(at(200, 5), 1_215);
  assertEquals(at(200, 6), 1_216);
});

Deno.test("CacheTotals keeps what a shard counted while it is away", () => {
  const watch = new Watch();
  const shard = (index: number, hits: number) =>
    shardOf({ shard: index, types: [countsOf("price", { requests: hits, freshHits: hits })] });
  const hits = (shards: ShardStatus[]) =>
    valueIn(watch.look(shards, { shardsMax: 2 }), "wick_cache_hits_total", {
      type: "price",
      tier: "l1",
    });
  assertEquals(hits([shard(0, 10), shard(1, 10)]), 20);
  assertEquals(hits([shard(0, 11)]), 21);
  assertEquals(hits([]), 21);
  assertEquals(hits([shard(0, 12), shard(1, 11)]), 23);
});

Deno.test("waits are counted once, also over a restart", () => {
  const watch = new Watch();
  const latency = (...waits: number[][]) => {
    const shards = waits.map((own, shard) =>
      shardOf({ shard, types: [countsOf("price", { waitSeconds: waitsOf(own) })] })
    );
    const { families } = watch.look(shards);
    const family = families.find(({ name }) => name === "wick_cache_latency_seconds");
    const series = family?.kind === "histogram" ? family.series[0] : undefined;
    return [series?.count ?? 0, Number((series?.sum ?? 0).toFixed(6))];
  };
  assertEquals(latency([], []), [0, 0]);
  assertEquals(latency([0.1], [0.2, 0.3]), [3, 0.6]);
  assertEquals(latency([0.1], [0.2, 0.3]), [3, 0.6]);
  assertEquals(latency([0.1, 0.5], [0.2, 0.3]), [4, 1.1]);
  // The second restarts and has seen one wait since.
  assertEquals(latency([0.1, 0.5], [0.4]), [5, 1.5]);
  // The same number of waits, but not the same ones: a restart too.
  assertEquals(latency([0.1, 0.5], [0.05]), [6, 1.55]);
});

Deno.test("waits that several shards have at the first look are counted once", () => {
  const watch = new Watch();
  const shards = [[0.1], [0.2, 0.3]].map((own, shard) =>
    shardOf({ shard, types: [countsOf("price", { waitSeconds: waitsOf(own) })] })
  );
  for (let look = 0; look < 3; look++) {
    const { families } = watch.look(shards);
    const family = families.find(({ name }) => name === "wick_cache_latency_seconds");
    assertEquals(family?.kind === "histogram" && family.series[0]?.count, 3);
  }
});

Deno.test("the range of the metric is that in which shards record", () => {
  const latency = CACHE_METRICS.find(({ name }) => name === "wick_cache_latency_seconds");
  assertEquals(latency?.range, WAIT_SECONDS);
});

Deno.test("types beyond the bound share one series, and lose nothing", () => {
  const watch = new Watch();
  const types = Array.from(
    { length: 3 * CACHE_TYPES_MAX },
    (_, i) => countsOf(`kind${i}`, { requests: 1, freshHits: 1, entries: 2 }),
  );
  const snapshot = watch.look([shardOf({ types })]);
  const family = snapshot.families.find(({ name }) => name === "wick_cache_hits_total");
  assert(family !== undefined && family.kind === "counter");
  assertEquals(family.series.length, CACHE_TYPES_MAX + 1);
  const rest = { type: "other", tier: "l1" };
  assertEquals(valueIn(snapshot, "wick_cache_hits_total", rest), 2 * CACHE_TYPES_MAX);
  assertEquals(valueIn(snapshot, "wick_cache_entries", rest), 4 * CACHE_TYPES_MAX);
  assertEquals(snapshot.overflowed, []);
});

Deno.test("without requests there is no ratio, without a second tier none of its series", () => {
  const snapshot = new Watch().look([shardOf({ types: [countsOf("price")] })]);
  const seriesOf = (name: string) =>
    snapshot.families.find((family) => family.name === `wick_cache_${name}`)?.series ?? [];
  assertEquals(seriesOf("hit_ratio"), []);
  assertEquals(seriesOf("tier_up"), []);
  assertEquals(seriesOf("hits_total").map(({ labels }) => labels), [{ type: "price", tier: "l1" }]);
});

Deno.test("the cache is degraded while its second tier is down or a shard is missing", () => {
  const partOf = (more: Partial<CacheFinderFigures>) =>
    cacheFinding(
      "core/cache",
      { shards: [shardOf({ entries: 5 })], shardsMax: 1, tier: null, ...more },
      new CacheTotals(),
    ).parts?.[0];
  assertEquals(partOf({}), {
    name: "core/cache",
    state: "ok",
    detail: { entries: 5, entriesMax: 1_000, flights: 0 },
  });
  const up = tierOf({ lastError: "long ago" });
  assertEquals([partOf({ tier: up })?.state, partOf({ tier: up })?.detail.tier], [
    "ok",
    "sqlite up",
  ]);
  assertEquals(partOf({ tier: up })?.detail.lastError, undefined);
  const down = partOf({ tier: tierOf({ kind: "redis", state: "down", lastError: "refused" }) });
  assertEquals([down?.state, down?.detail.tier, down?.detail.lastError], [
    "degraded",
    "redis down",
    "refused",
  ]);
  const missing = partOf({ shardsMax: 4 });
  assertEquals([missing?.state, missing?.detail.shards], ["degraded", "1 of 4"]);
});

Deno.test("CacheTotals tells the kinds apart that it was given, whatever came before them", () => {
  const totals = new CacheTotals(["price"]);
  const made = Array.from({ length: 3 * CACHE_TYPES_MAX }, (_, i) => countsOf(`made${i}`));
  totals.take([shardOf({ types: [...made, price()] })]);
  assertEquals(totals.types.get("price")?.total.requests, 100);
  assert(totals.types.has("other") && totals.types.size <= CACHE_TYPES_MAX + 1);
});

Deno.test("cacheFinding() says how much all shards may hold, when all of them said", () => {
  const shards = [0, 1].map((shard) => shardOf({ shard, weightMaxBytes: 5_000 }));
  const capacity = (snapshot: MetricsSnapshot) => valueIn(snapshot, "wick_cache_capacity_bytes");
  assertEquals(capacity(new Watch().look(shards)), 10_000);
  assertEquals(capacity(new Watch().look(shards, { shardsMax: 3 })), null);
  const without = [shardOf({ weightMaxBytes: Infinity })];
  assertEquals(capacity(new Watch().look(without)), null);
});
