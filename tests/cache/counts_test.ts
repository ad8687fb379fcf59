/** What a shard counts. */

import { assert, assertEquals } from "@std/assert";
import { Counter, ShardCounts } from "../../src/cache/counts.ts";
import { KEY_KINDS } from "../../src/cache/key.ts";
import { ORIGINS_MAX, TYPES_MAX } from "../../src/cache/status.ts";
import { Histogram } from "../../src/monitor/histogram.ts";

Deno.test("ShardCounts tells types apart by what stands before the first colon", () => {
  const counts = new ShardCounts();
  const names = ["price:A", "price:B:x", "news:A", ":x", "plain", "", `${"x".repeat(40)}:A`];
  assertEquals(names.map((key) => counts.typeName(counts.typeOf(key))), [
    "price",
    "price",
    "news",
    "other",
    "other",
    "other",
    "other",
  ]);
});

Deno.test("ShardCounts keeps its bounds however many types and origins come", () => {
  const counts = new ShardCounts();
  for (let i = 0; i < 10 * TYPES_MAX; i++) {
    const type = counts.typeOf(`t${i}:A`), origin = counts.originOf(`warm:s${i}`);
    assert(type < TYPES_MAX && origin < ORIGINS_MAX);
    counts.inserted(type, origin, 1);
  }
  const types = counts.read();
  assertEquals(types.length, TYPES_MAX - KEY_KINDS.length);
  // However many made-up ones come, those of the table are told apart.
  assertEquals(KEY_KINDS.map((kind) => counts.typeName(counts.typeOf(`${kind}:A`))), [
    ...KEY_KINDS,
  ]);
  assertEquals(types.reduce((sum, { entries }) => sum + entries, 0), 10 * TYPES_MAX);
  assertEquals(counts.originName(counts.originOf("warm:late")), "warm:other");
  assertEquals(counts.originName(counts.originOf("demand")), "demand");
});

Deno.test("ShardCounts counts requests as the sum of how they were answered", () => {
  const counts = new ShardCounts();
  const type = counts.typeOf("price:A");
  const answers = ["fresh", "stale", "negative", "joined", "miss", "refused"] as const;
  answers.forEach((name, i) => {
    for (let times = 0; times <= i; times++) counts.add(type, Counter[name]);
  });
  const [price] = counts.read();
  assertEquals(price?.requests, 1 + 2 + 3 + 4 + 5 + 6);
  assertEquals([price?.freshHits, price?.staleHits, price?.negativeHits], [1, 2, 3]);
  assertEquals([price?.joined, price?.misses, price?.refused], [4, 5, 6]);
});

Deno.test("ShardCounts tells pollution by origin: what was evicted or expired unread", () => {
  const counts = new ShardCounts();
  const type = counts.typeOf("price:A"), warm = counts.originOf("warm:popular");
  for (let i = 0; i < 5; i++) counts.inserted(type, warm, 10);
  counts.removed(type, warm, 10, "evicted", false);
  counts.removed(type, warm, 10, "evicted", true);
  counts.removed(type, warm, 10, "expired", false);
  counts.removed(type, warm, 10, "invalidated", false);
  const [price] = counts.read();
  assertEquals(price?.byOrigin, [
    { origin: "warm:popular", inserted: 5, evictedUnread: 1, expiredUnread: 1 },
  ]);
  assertEquals(price?.removed, {
    evicted: 2,
    expired: 1,
    invalidated: 1,
    replaced: 0,
    flushed: 0,
  });
  assertEquals([price?.entries, price?.weightBytes], [1, 10]);
});

Deno.test("ShardCounts keeps waits as a histogram that can be merged", () => {
  const counts = new ShardCounts();
  const type = counts.typeOf("price:A");
  counts.add(type, Counter.miss);
  for (let i = 1; i <= 100; i++) counts.waited(type, i / 100);
  const [price] = counts.read();
  assertEquals(price?.waitSeconds.count, 100);
  const waits = Histogram.decode(price?.waitSeconds.histogram ?? new Float64Array());
  assert(Math.abs(waits.percentile(0.95) - 0.95) < 0.01);
});
