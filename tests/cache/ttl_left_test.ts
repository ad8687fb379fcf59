/** How long entries are fresh: classes, sums over shards, what a shard counts, and samples. */

import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { cacheReport } from "../../src/cache/report.ts";
import {
  TTL_LEFT_BELOW_MS,
  TTL_LEFT_LOOKS_MAX,
  ttlLeftReport,
  TtlLeftSums,
} from "../../src/cache/ttl_left.ts";
import { seedOf } from "../actor/seed.ts";
import { countsOf, figuresOf, shardOf } from "./report_support.ts";
import { bench } from "./shard_support.ts";

const SEED = seedOf("ttl_left_test");

Deno.test("TtlLeftSums puts each time into the span that holds it", () => {
  const random = seededRandom(SEED);
  const edges = [0, 1, 999, 1_000, 59_999.5, 86_400_000, Infinity, -Infinity, -1];
  const lefts = [...edges, ...Array.from({ length: 500 }, () => 10 ** (9 * random.next()))];
  const sums = new TtlLeftSums();
  for (const leftMs of lefts) sums.add(7, leftMs, 2);
  const [only, ...others] = sums.read((type) => `type ${type}`);
  assert(only !== undefined && others.length === 0);
  assertEquals(only.type, "type 7");
  const report = ttlLeftReport([only]);
  const count = (isIn: (leftMs: number) => boolean) => 2 * lefts.filter(isIn).length;
  assertEquals(report.stale, count((ms) => ms <= 0));
  assertEquals(report.never, count((ms) => ms === Infinity));
  const lower = [0, ...TTL_LEFT_BELOW_MS];
  for (const [i, { belowMs, entries }] of report.spans.entries()) {
    const isIn = (ms: number) =>
      ms > 0 && ms !== Infinity && ms >= (lower[i] ?? 0) && ms < (belowMs ?? Infinity);
    assertEquals(entries, count(isIn), `below ${belowMs}`);
  }
});

Deno.test("cacheReport() adds times left up by type and over all", () => {
  const sums = (leftMs: number, entries: number) => {
    const one = new TtlLeftSums();
    one.add(0, leftMs, entries);
    return one.read(() => "price");
  };
  const shard = (leftMs: number, entries: number) =>
    shardOf({ types: [countsOf("price"), countsOf("news")], ttlLeft: sums(leftMs, entries) });
  const report = cacheReport(figuresOf([shard(500, 3), shard(700, 4), shard(Infinity, 5)]));
  const [first, second] = ["price", "news"].map((type) =>
    report.types.find((one) => one.type === type)?.ttlLeft
  );
  assertEquals(first?.spans[0], { belowMs: 1_000, entries: 7 });
  assertEquals(first?.never, 5);
  assertEquals(second?.spans.every(({ entries }) => entries === 0), true);
  assertEquals(report.total.ttlLeft, first);
});

Deno.test("CacheShard.status() says how long entries are fresh, and which are stale", async () => {
  const { shard, clock, fill } = bench();
  await fill("price:A", 1);
  await fill("price:B", 2);
  await fill("news:A", 3);
  const left = (type: string) =>
    ttlLeftReport(shard.status().ttlLeft.filter((one) => one.type === type));
  // A minute fresh, so at its beginning at least that.
  assertEquals(left("price").spans.find(({ belowMs }) => belowMs === 600_000)?.entries, 2);
  await clock.advance(55_000);
  assertEquals(left("price").spans.find(({ belowMs }) => belowMs === 10_000)?.entries, 2);
  await clock.advance(5_000);
  assertEquals(left("price").stale, 2);
  assertEquals(left("news").stale, 1);
  shard.close();
});

Deno.test("CacheShard.status() looks at no more entries than it may, and counts about all", async () => {
  const entries = 3 * TTL_LEFT_LOOKS_MAX;
  const { shard } = bench({ entriesMax: entries, weightMaxBytes: Infinity });
  for (let i = 0; i < entries; i++) {
    shard.set(`${i % 3 === 0 ? "news" : "price"}:S${i}`, i);
  }
  const { ttlLeft } = shard.status();
  const sum = ttlLeft.flatMap(({ counts }) => counts).reduce((all, one) => all + one, 0);
  const held = shard.status().entries;
  assert(Math.abs(sum - held) <= 0.05 * held, `${sum} of ${held}`);
  await Promise.resolve();
  shard.close();
});
