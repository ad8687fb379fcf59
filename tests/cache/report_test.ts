/** The report on the cache: sums, ratios, waits, curve, and its text. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { cacheReport, cacheReportText } from "../../src/cache/report.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { RELATIVE_ERROR } from "../../src/monitor/histogram.ts";
import { exactPercentile } from "../monitor/support.ts";
import { seedOf } from "../actor/seed.ts";
import { countsOf, figuresOf, shardOf, tierOf, waitsOf } from "./report_support.ts";

const SEED = seedOf("report_test");

/** Two shards that have both seen prices, and one of them news. */
function twoShards() {
  const price = {
    requests: 100,
    freshHits: 60,
    staleHits: 10,
    negativeHits: 5,
    joined: 5,
    misses: 20,
    secondTierHits: 8,
    loads: { demand: 12, refresh: 4, warm: 1 },
    byOrigin: [
      { origin: "demand", inserted: 12, evictedUnread: 3, expiredUnread: 1 },
      { origin: "refresh", inserted: 4, evictedUnread: 0, expiredUnread: 2 },
    ],
    entries: 40,
    weightBytes: 4_000,
  };
  const removed = { evicted: 7, expired: 3, invalidated: 2, replaced: 1, flushed: 0 };
  return [
    shardOf({
      shard: 0,
      entries: 40,
      weightBytes: 4_000,
      flights: 1,
      types: [countsOf("price", { ...price, removed, waitSeconds: waitsOf([0.1, 0.2]) })],
      ttlLeft: [{ type: "price", counts: [0, 0, 0, 0, 7, 0, 0, 0, 5] }],
    }),
    shardOf({
      shard: 1,
      entries: 50,
      weightBytes: 6_000,
      types: [
        countsOf("news", {
          requests: 300,
          freshHits: 150,
          misses: 150,
          loads: { demand: 150, refresh: 0, warm: 0 },
          loadFailures: 2,
          entries: 10,
        }),
        countsOf("price", { ...price, waitSeconds: waitsOf([0.3]) }),
      ],
    }),
  ];
}

Deno.test("cacheReport() adds shards up by type, the one most asked for first", () => {
  const { types, total, shards } = cacheReport(figuresOf(twoShards()));
  assertEquals(types.map(({ type, requests }) => [type, requests]), [["news", 300], [
    "price",
    200,
  ]]);
  const price = types[1];
  assert(price !== undefined);
  assertEquals([price.freshRatio, price.servedRatio], [0.6, 0.7]);
  assertEquals([price.joined, price.misses, price.negativeHits], [10, 40, 10]);
  assertEquals(price.loads, { demand: 24, refresh: 8, warm: 2, all: 34 });
  assertEquals(price.keysPer100, 17);
  assertEquals(price.removed.evicted, 7);
  assertEquals([price.entries, price.weightBytes], [80, 8_000]);
  // 16 of the second tier beside 140 of the shards.
  assertAlmostEquals(price.secondTierShare ?? 0, 16 / 156);
  assertEquals([total.requests, total.freshHits, total.staleHits], [500, 270, 20]);
  assertEquals([total.servedRatio, total.keysPer100], [0.58, 36.8]);
  assertEquals(shards.map(({ requests, servedRatio }) => [requests, servedRatio]), [
    [100, 0.7],
    [400, 0.55],
  ]);
});

Deno.test("cacheReport() tells pollution by type and origin, as a share of what was put in", () => {
  const { types, total } = cacheReport(figuresOf(twoShards()));
  const price = types.find(({ type }) => type === "price");
  assertEquals(price?.inserted, 32);
  assertEquals(price?.pollutionRatio, 6 / 32);
  assertEquals(price?.origins, [
    { origin: "demand", inserted: 24, evictedUnread: 6, expiredUnread: 2, pollutionRatio: 0.25 },
    { origin: "refresh", inserted: 8, evictedUnread: 0, expiredUnread: 4, pollutionRatio: 0 },
  ]);
  assertEquals(total.pollutionRatio, 6 / 32);
});

Deno.test("cacheReport() of nothing has no ratio, no curve and no advice", () => {
  for (const shards of [[], [shardOf()], [shardOf({ types: [countsOf("price")] })]]) {
    const { total, curve, advice, upstream } = cacheReport(figuresOf(shards));
    assertEquals([total.freshRatio, total.servedRatio, total.keysPer100], [null, null, null]);
    assertEquals([total.pollutionRatio, total.secondTierShare], [null, null]);
    assertEquals([total.wait.meanSeconds, total.wait.p99Seconds], [null, null]);
    assertEquals([upstream.callsPer100, upstream.keysPer100], [null, null]);
    assertEquals([curve, advice], [[], []]);
  }
});

Deno.test("cacheReport() sets calls and keys of the upstream beside the requests", () => {
  const upstream = [
    { endpoint: "quotes", calls: 40, failed: 1, keys: 400 },
    { endpoint: "news", calls: 10, failed: 0, keys: 10 },
  ];
  const report = cacheReport(figuresOf(twoShards(), null, upstream));
  assertEquals([report.upstream.calls, report.upstream.failed, report.upstream.keys], [50, 1, 410]);
  assertEquals([report.upstream.callsPer100, report.upstream.keysPer100], [10, 82]);
  // A provider's counts say more, which is not the report's.
  const counted = upstream.map((one) => ({ ...one, meanMs: 5 }));
  assertEquals(cacheReport(figuresOf(twoShards(), null, counted)).upstream.endpoints, upstream);
});

Deno.test(`cacheReport() merges waits of shards into percentiles (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const all: number[] = [];
  const shards = [0, 1, 2].map((shard) => {
    const own = Array.from({ length: 500 }, () => 0.01 * Math.exp(4 * random.next()));
    all.push(...own);
    return shardOf({ shard, types: [countsOf("price", { waitSeconds: waitsOf(own) })] });
  });
  const { wait } = cacheReport(figuresOf(shards)).total;
  const sorted = Float64Array.from(all).sort();
  assertEquals(wait.count, 1_500);
  assertAlmostEquals(wait.meanSeconds ?? 0, all.reduce((sum, one) => sum + one, 0) / 1_500, 1e-9);
  for (const [share, found] of [[0.5, wait.p50Seconds], [0.95, wait.p95Seconds]] as const) {
    const exact = exactPercentile(sorted, share);
    assert(
      Math.abs((found ?? 0) - exact) <= RELATIVE_ERROR * exact,
      `${share}: ${found}, ${exact}`,
    );
  }
});

Deno.test("cacheReport() weighs the curves of shards by what they sampled", () => {
  const shards = [
    shardOf({
      curve: [
        { sizeRatio: 2, hitRatio: 0.9, sampled: 3_000 },
        { sizeRatio: 1, hitRatio: 0.8, sampled: 3_000 },
        { sizeRatio: 0.5, hitRatio: 0, sampled: 0 },
      ],
    }),
    shardOf({
      curve: [
        { sizeRatio: 1, hitRatio: 0.4, sampled: 1_000 },
        { sizeRatio: 2, hitRatio: 0.5, sampled: 1_000 },
        { sizeRatio: 4, hitRatio: 0.5, sampled: 500 },
      ],
    }),
  ];
  const { curve } = cacheReport(figuresOf(shards));
  assertEquals(curve.map(({ sizeRatio, sampled }) => [sizeRatio, sampled]), [
    [1, 4_000],
    [2, 4_000],
    [4, 500],
  ]);
  assertEquals(curve.map(({ hitRatio }) => hitRatio.toFixed(3)), ["0.700", "0.800", "0.500"]);
  assertEquals(curve.map(({ text }) => text), [
    "with the memory as it is",
    "with 2× the memory: +10.0 points",
    "with 4× the memory: −20.0 points (few samples)",
  ]);
});

Deno.test("cacheReport() has no curve without a shadow of the present size", () => {
  const curve = [{ sizeRatio: 2, hitRatio: 0.9, sampled: 5_000 }];
  assertEquals(cacheReport(figuresOf([shardOf({ curve })])).curve, []);
});

Deno.test("cacheReport() names every pattern once and adds protected entries up", () => {
  const protectedPatterns = ["price:AAPL*", "news:*"];
  const shard = shardOf({ protectedEntries: 3, protectedPatterns, protectionRefused: 1 });
  const { protection } = cacheReport(figuresOf([shard, { ...shard, shard: 1 }]));
  assertEquals(protection, {
    entries: 6,
    entriesMax: 400,
    patterns: ["news:*", "price:AAPL*"],
    refused: 2,
  });
});

Deno.test("cacheReportText() says what was served, at what price, by type and shard", () => {
  const upstream = [{ endpoint: "quotes", calls: 40, failed: 1, keys: 184 }];
  const report = cacheReport(figuresOf(twoShards(), tierOf({ entries: 12 }), upstream));
  const lines = cacheReportText(report);
  assertEquals(lines.slice(0, 4), [
    "500 requests: 58.0 % served at once (54.0 % fresh), 190 misses, 36.8 keys loaded for 100 " +
    "requests",
    "90 of 2,000 entries, 8.0 kB, in 2 shards; 1 load under way",
    "Provider, for all who ask it: 40 calls (1 failed) for 184 keys: 8.0 calls and 36.8 keys for " +
    "100 requests here",
    "Second tier: sqlite, up, 12 entries, 0 B of 500 MB; 5.2 % of the hits",
  ]);
  const text = lines.join("\n");
  assertMatch(text, /^ {2}price +200 +70\.0 % +60\.0 % +20 +40 +34 +0 +17\.0 +\d+ ms /m);
  assertMatch(text, /^ {2}price +32 +7 +3 +2 +1 +0 +18\.8 %$/m);
  assertMatch(text, /^ {2}type +stale +1 s +10 s +1 min +10 min +1 h +1 d +longer +no end$/m);
  assertMatch(text, /^ {2}price +0 +0 +0 +0 +7 +0 +0 +0 +5$/m);
  assertMatch(text, /^ {2}price +demand +24 +6 +2 +25\.0 %$/m);
  assertMatch(text, /^ {2}1 +adaptive +window 1 % +400 +55\.0 % +50 +1,000 +6\.0 kB$/m);
  // Nothing but what tables hold: no line ends inside, no blanks at ends.
  assert(lines.every((line) => line === line.trimEnd() && !line.includes("\n")));
});

Deno.test("cacheReportText() of nothing is two lines", () => {
  assertEquals(cacheReportText(cacheReport(figuresOf([]))), [
    "0 requests: – served at once (– fresh), 0 misses, – keys loaded for 100 requests",
    "0 of 0 entries, 0 B, in 0 shards; 0 loads under way",
  ]);
});
