/** A cache that changes its size while it is used: by and by, and without losing what fits. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Cache } from "../../src/cache/cache.ts";
import { POLICY_NAMES } from "../../src/cache/types.ts";
import { seedOf } from "../actor/seed.ts";

const FOREVER = { softTtlMs: Infinity, hardTtlMs: Infinity } as const;

function cacheOf(entriesMax: number, policy: (typeof POLICY_NAMES)[number] = "lru") {
  const removed: string[] = [];
  const cache: Cache<number> = new Cache<number>({
    entriesMax,
    weightMaxBytes: 1_000_000,
    weigh: () => 10,
    time: { now: () => 0 },
    policy,
    onRemoved: (slot, cause) => void removed.push(`${cause} ${cache.keyAt(slot)}`),
  });
  for (let i = 0; i < entriesMax; i++) cache.set(`k${i}`, i, FOREVER);
  return { cache, removed };
}

Deno.test("Cache.resize() evicts at most as many as told, and goes on with the next call", () => {
  const { cache, removed } = cacheOf(1_000);
  const sizes: number[] = [];
  const bounds = { entriesMax: 700, weightMaxBytes: 6_505 };
  while (!cache.resize(bounds, 128)) {
    sizes.push(cache.size);
    cache.invariant();
  }
  assertEquals(sizes, [872, 744]);
  // 6,505 bytes are 650 entries: the last used ones, which `lru` keeps.
  assertEquals([cache.size, cache.entriesMax], [650, 700]);
  assertEquals(removed.length, 350);
  assertEquals(new Set(removed), new Set(Array.from({ length: 350 }, (_, i) => `evicted k${i}`)));
  cache.invariant();
});

Deno.test("Cache.resize() to more room is at once and keeps every entry", () => {
  for (const policy of POLICY_NAMES) {
    const { cache, removed } = cacheOf(300, policy);
    assertEquals(cache.resize({ entriesMax: 2_000 }, 1), true);
    assertEquals(removed, []);
    for (let i = 300; i < 2_000; i++) cache.set(`k${i}`, i, FOREVER);
    for (let i = 0; i < 2_000; i++) assertEquals(cache.get(`k${i}`), i, policy);
    cache.invariant();
  }
});

Deno.test("Cache.resize() that is under way lets nothing in beyond what is left", () => {
  const { cache } = cacheOf(1_000);
  const bounds = { entriesMax: 100 };
  assertEquals(cache.resize(bounds, 50), false);
  for (let i = 0; i < 500; i++) cache.set(`new${i}`, i, FOREVER);
  assertEquals(cache.size, 950);
  while (!cache.resize(bounds, 50)) cache.invariant();
  assertEquals([cache.size, cache.get("new499")], [100, 499]);
});

Deno.test("Cache.resize() of protected entries: they are evicted too where they are too many", () => {
  const { cache } = cacheOf(1_000);
  cache.protect("k1*");
  const before = cache.protection().entries;
  assertEquals(before, 111);
  while (!cache.resize({ entriesMax: 100 }, 64)) cache.invariant();
  // A fifth of the entries may be protected.
  assertEquals([cache.size, cache.protection().entries], [100, 20]);
  cache.invariant();
});

Deno.test("Cache.resize() in slices holds whatever else happens, for every policy", () => {
  const seed = seedOf("resize_test");
  for (const policy of POLICY_NAMES) {
    const random = seededRandom(seed);
    const below = (most: number) => Math.floor(random.next() * most);
    const { cache } = cacheOf(400, policy);
    let wished = { entriesMax: 400, weightMaxBytes: 4_000 };
    let holds = true;
    for (let step = 0; step < 3_000; step++) {
      const what = below(10);
      if (what === 0) {
        wished = { entriesMax: 1 + below(800), weightMaxBytes: 10 + below(8_000) };
        holds = false;
      }
      if (!holds) holds = cache.resize(wished, 1 + below(40));
      const key = `k${below(1_200)}`;
      if (what < 5) cache.set(key, step, FOREVER);
      else if (what < 9) cache.get(key);
      else cache.delete(key);
      if (holds) {
        assertLessOrEqual(cache.size, wished.entriesMax, `seed ${seed}`);
        assertLessOrEqual(cache.weightBytes, wished.weightMaxBytes, `seed ${seed}`);
      }
      if (step % 50 === 0) cache.invariant();
    }
    while (!holds) holds = cache.resize(wished, 40);
    cache.invariant();
    assert(cache.size > 0);
  }
});
