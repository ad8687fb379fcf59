import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Cache } from "../../src/cache/cache.ts";
import type { PolicyName } from "../../src/cache/types.ts";
import { seedOf } from "../actor/seed.ts";

const HOUR_MS = 3_600_000;
const TIMES = { softTtlMs: HOUR_MS, hardTtlMs: HOUR_MS };

function cacheOf(entriesMax: number, policy: PolicyName = "adaptive") {
  return new Cache<number>({ entriesMax, policy, time: { now: () => 0 }, random: seededRandom(1) });
}

/** Hits of the requests from `from` on. */
function hitsOf(cache: Cache<number>, keys: readonly string[], from = 0): number {
  let hits = 0;
  for (const [at, key] of keys.entries()) {
    if (cache.find(key) < 0) cache.set(key, 1, TIMES);
    else if (at >= from) hits++;
  }
  cache.invariant();
  return hits;
}

const keysOf = (count: number, of: (at: number) => number) =>
  Array.from({ length: count }, (_, at) => `key:${of(at)}`);

/** Keys 0 to `below` − 1, the k-th with a weight of 1/(k + 1)^skew. */
function zipf(random: Random, below: number, skew: number): () => number {
  const sums = new Float64Array(below);
  let sum = 0;
  for (let key = 0; key < below; key++) sums[key] = sum += 1 / (key + 1) ** skew;
  return () => {
    const wanted = random.next() * sum;
    let low = 0, high = below - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

for (const entriesMax of [50, 1_000]) {
  Deno.test(`adaptive keeps most of what fits of a loop, ${entriesMax} entries`, () => {
    const loop = 2 * entriesMax;
    const keys = keysOf(30 * loop, (at) => at % loop);
    const cache = cacheOf(entriesMax);
    const share = hitsOf(cache, keys, 20 * loop) / (10 * loop);
    // Belady's optimum has (entries − 1) / (loop − 1) of them, and LRU none.
    assertGreater(share, 0.42);
    assertEquals(hitsOf(cacheOf(entriesMax, "lru"), keys), 0);
    assertEquals(cache.choice, "window 1 %");
  });

  Deno.test(`adaptive widens its window for what was just used, ${entriesMax} entries`, () => {
    const random = seededRandom(seedOf("policy_adaptive_test"));
    let hits = 0, best = 0;
    // One run of few entries is few requests: the share varies by 0.03 / √entries (one sigma around
    // 0.98). As many runs of small caches as make up the requests of one large one vary no more.
    for (let run = 0; run < 1_000 / entriesMax; run++) {
      // Keys of a range that moves on: nothing is popular for long.
      const keys = keysOf(
        60 * entriesMax,
        (at) => Math.floor(at / 4) + Math.floor(random.next() * entriesMax * 0.6),
      );
      const cache = cacheOf(entriesMax);
      hits += hitsOf(cache, keys, 20 * entriesMax);
      best += hitsOf(cacheOf(entriesMax, "lru"), keys, 20 * entriesMax);
      assertEquals(cache.choice, "window 80 %");
    }
    assertGreater(hits / best, 0.97);
  });
}

Deno.test("adaptive hits nearly as much as who knows what is popular", () => {
  const random = seededRandom(seedOf("policy_adaptive_test"));
  const next = zipf(random, 20_000, 0.9);
  const keys = keysOf(400_000, next);
  const from = 200_000;
  const best = keys.slice(from).filter((key) => Number(key.slice(4)) < 2_000).length;
  const cache = cacheOf(2_000);
  assertGreater(hitsOf(cache, keys, from) / best, 0.95);
  assertLess(hitsOf(cacheOf(2_000, "lru"), keys, from) / best, 0.92);
});

Deno.test("adaptive lets a change of what is popular in", () => {
  const random = seededRandom(seedOf("policy_adaptive_test"));
  const next = zipf(random, 5_000, 1);
  const cache = cacheOf(500);
  const before = hitsOf(cache, keysOf(60_000, next), 40_000);
  const after = hitsOf(cache, keysOf(60_000, () => 100_000 + next()), 40_000);
  assertGreater(after / before, 0.95);
});

Deno.test("adaptive is not moved by keys that come once", () => {
  const random = seededRandom(seedOf("policy_adaptive_test"));
  const next = zipf(random, 5_000, 1);
  const cache = cacheOf(500);
  hitsOf(cache, keysOf(60_000, next));
  const popular = keysOf(20_000, next);
  const alone = hitsOf(cache, popular);
  hitsOf(cache, keysOf(20_000, (at) => 1_000_000 + at));
  const after = hitsOf(cache, popular);
  assertGreater(after / alone, 0.95);
});

Deno.test("adaptive.curve() ascends and meets what caches of these sizes hit", () => {
  const random = seededRandom(seedOf("policy_adaptive_test"));
  const next = zipf(random, 100_000, 0.8);
  const keys = keysOf(400_000, next);
  const cache = cacheOf(4_000);
  hitsOf(cache, keys);
  const curve = cache.curve();
  assertEquals(curve.map(({ sizeRatio }) => sizeRatio), [0.5, 1, 2, 4]);
  for (const { sizeRatio, hitRatio, sampled } of curve) {
    assertGreater(sampled, 1_000);
    const real = hitsOf(cacheOf(4_000 * sizeRatio), keys) / keys.length;
    // A sample of 1/32 of the keys has or lacks the few most popular ones.
    assertLess(Math.abs(hitRatio - real), 0.12);
  }
  const ratios = curve.map(({ hitRatio }) => hitRatio);
  assertEquals(ratios, [...ratios].sort((a, b) => a - b));
});

Deno.test("adaptive.curve() counts what has expired as missed", () => {
  let nowMs = 0;
  const cache = new Cache<number>({
    entriesMax: 100,
    time: { now: () => nowMs },
    random: seededRandom(1),
  });
  for (let i = 0; i < 20_000; i++) {
    nowMs++;
    const key = `key:${i % 50}`;
    // Every second request of a key comes after its end.
    if (cache.find(key) < 0) cache.set(key, 1, { softTtlMs: 60, hardTtlMs: 60 });
  }
  for (const { hitRatio } of cache.curve()) assertLess(Math.abs(hitRatio - 0.5), 0.03);
});

Deno.test("adaptive.curve() counts what was invalidated as missed", () => {
  const cache = cacheOf(100);
  for (let i = 0; i < 20_000; i++) {
    const key = `key:${i % 50}`;
    if (cache.find(key) < 0) cache.set(key, 1, TIMES);
    else cache.delete(key);
  }
  for (const { hitRatio } of cache.curve()) assertLess(Math.abs(hitRatio - 0.5), 0.03);
});

Deno.test("adaptive follows a bound on weight that holds fewer entries than allowed", () => {
  const random = seededRandom(seedOf("policy_adaptive_test"));
  const next = zipf(random, 20_000, 0.9);
  const keys = keysOf(200_000, next);
  const weighed = new Cache<number>({
    entriesMax: 100_000,
    weightMaxBytes: 1_000_000,
    weigh: () => 1_000,
    time: { now: () => 0 },
    random: seededRandom(1),
  });
  const ratio = hitsOf(weighed, keys, 100_000) / hitsOf(cacheOf(1_000), keys, 100_000);
  assertLess(Math.abs(ratio - 1), 0.03);
  assert(weighed.curve().length > 0);
});
