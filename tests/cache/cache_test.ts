import { assert, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Cache, type CacheOptions, type SetOptions } from "../../src/cache/cache.ts";
import { CacheError } from "../../src/cache/error.ts";
import { KeyIndex, slotOf, tableOf } from "../../src/cache/key_index.ts";
import { TTL_MAX_MS } from "../../src/cache/ttl_code.ts";
import type { RemovalCause } from "../../src/cache/types.ts";
import { seedOf } from "../actor/seed.ts";

const FOREVER: SetOptions = { softTtlMs: Infinity, hardTtlMs: Infinity };
const times = (softTtlMs: number, hardTtlMs: number): SetOptions => ({ softTtlMs, hardTtlMs });
const DAY_MS = 86_400_000;

class Time {
  nowMs = 0;
  now() {
    return this.nowMs;
  }
}

function cacheOf<V = number>(options: Partial<CacheOptions<V>> = {}) {
  const time = new Time();
  const removed: [string, RemovalCause, V][] = [];
  const cache: Cache<V> = new Cache<V>({
    entriesMax: 100,
    time,
    onRemoved: (slot, cause) => removed.push([cache.keyAt(slot), cause, cache.valueAt(slot)]),
    ...options,
  });
  return { cache, time, removed };
}

Deno.test("Cache.get() gives what was set", () => {
  const { cache } = cacheOf();
  assertEquals(cache.set("a", 1, FOREVER), "added");
  assertEquals(cache.set("b", 2, FOREVER), "added");
  assertEquals(cache.set("a", 3, FOREVER), "replaced");
  assertEquals([cache.get("a"), cache.get("b"), cache.get("c")], [3, 2, undefined]);
  assertEquals([cache.size, [...cache.keys()].sort()], [2, ["a", "b"]]);
  cache.invariant();
});

Deno.test("Cache.find() is stale after the soft TTL and nothing after the hard one, to the ms", () => {
  const { cache, time, removed } = cacheOf();
  cache.set("a", 1, times(100, 250));
  const slot = cache.find("a");
  const states = (nowMs: number) => {
    time.nowMs = nowMs;
    return cache.find("a") < 0 ? "gone" : cache.isStaleAt(slot) ? "stale" : "fresh";
  };
  assertEquals([99.9, 100, 249].map(states), ["fresh", "stale", "stale"]);
  assertEquals(removed, []);
  assertEquals(states(250), "gone");
  assertEquals(removed, [["a", "expired", 1]]);
  assertEquals(cache.size, 0);
});

Deno.test("Cache says how old an entry is and what time it has left", () => {
  const { cache, time } = cacheOf();
  for (const [softTtlMs, hardTtlMs] of [[60_000, 300_000], [61_234.5, 777_777], [40_000, 1e9]]) {
    time.nowMs = Math.ceil(time.nowMs);
    cache.set("a", 1, times(softTtlMs as number, hardTtlMs as number));
    time.nowMs += 50_000;
    const slot = cache.locate("a");
    assertEquals(cache.ageMsAt(slot), 50_000);
    assertEquals(cache.softLeftMsAt(slot), Math.max(0, Math.floor(softTtlMs as number) - 50_000));
    assertEquals(cache.hardLeftMsAt(slot), (hardTtlMs as number) - 50_000);
  }
  cache.set("b", 1, times(5_000, Infinity));
  cache.set("c", 1, FOREVER);
  time.nowMs += 7_000;
  const [b, c] = [cache.locate("b"), cache.locate("c")];
  assertEquals([cache.isStaleAt(b), cache.hardLeftMsAt(b), cache.ageMsAt(b)], [
    true,
    Infinity,
    7_000,
  ]);
  assertEquals([cache.isStaleAt(c), cache.softLeftMsAt(c), cache.ageMsAt(c)], [
    false,
    Infinity,
    7_000,
  ]);
});

Deno.test("Cache.set() begins the times anew", () => {
  const { cache, time } = cacheOf();
  cache.set("a", 1, times(10, 20));
  time.nowMs = 15;
  assertEquals(cache.set("a", 2, times(10, 20)), "replaced");
  time.nowMs = 24;
  assertEquals([cache.get("a"), cache.isStaleAt(cache.locate("a"))], [2, false]);
  time.nowMs = 35;
  assertEquals(cache.expire(), 1);
});

Deno.test("Cache.set() of a key past its end adds it", () => {
  const { cache, time, removed } = cacheOf();
  cache.set("a", 1, times(10, 20));
  time.nowMs = 20;
  assertEquals(cache.set("a", 2, times(10, 20)), "added");
  assertEquals(removed, [["a", "expired", 1]]);
});

Deno.test("Cache.expire() removes what is past its end and nothing else", () => {
  const { cache, time, removed } = cacheOf();
  for (let i = 0; i < 50; i++) cache.set(`${i}`, i, times(i, i * 1_000));
  cache.set("for ever", 0, FOREVER);
  time.nowMs = 25_000;
  assertEquals(cache.expire(), 26);
  assertEquals(cache.expire(), 0);
  assertEquals(cache.size, 25);
  assert(removed.every(([, cause, value]) => cause === "expired" && value <= 25));
  cache.invariant();
});

Deno.test("Cache keeps its times over many rebases of its clock", () => {
  const { cache, time } = cacheOf();
  cache.set("for ever", 1, FOREVER);
  for (let day = 0; day < 100; day++) {
    cache.set("a", day, times(DAY_MS / 2, 2 * DAY_MS));
    time.nowMs += DAY_MS;
    assertEquals([cache.get("a"), cache.isStaleAt(cache.locate("a"))], [day, true]);
    assertEquals(cache.ageMsAt(cache.locate("a")), DAY_MS);
    cache.invariant();
  }
  assertEquals(cache.get("for ever"), 1);
  assertEquals(cache.isStaleAt(cache.locate("for ever")), false);
});

Deno.test("Cache cuts TTLs that are longer than it can keep", () => {
  const { cache, time } = cacheOf();
  cache.set("a", 1, times(30 * DAY_MS, 60 * DAY_MS));
  assertEquals(cache.hardLeftMsAt(cache.locate("a")), TTL_MAX_MS);
  time.nowMs = TTL_MAX_MS;
  assertEquals(cache.get("a"), undefined);
});

Deno.test("Cache.locate() and has() do not count as a read", () => {
  const { cache } = cacheOf();
  cache.set("a", 1, FOREVER);
  const slot = cache.locate("a");
  assertEquals([cache.has("a"), cache.wasReadAt(slot)], [true, false]);
  const reads = cache.readsAt(slot);
  cache.find("a");
  assertEquals([cache.wasReadAt(slot), cache.readsAt(slot)], [true, reads + 1]);
  cache.set("a", 2, FOREVER);
  assertEquals(cache.wasReadAt(cache.locate("a")), false);
});

Deno.test("Cache keeps type, origin and commit of a value", () => {
  const { cache } = cacheOf();
  cache.set("a", 1, { ...FOREVER, type: 255, origin: 200, seq: 2 ** 40 });
  cache.set("b", 1, FOREVER);
  const of = (key: string) => {
    const slot = cache.locate(key);
    return [cache.typeAt(slot), cache.originAt(slot), cache.seqAt(slot)];
  };
  assertEquals([of("a"), of("b")], [[255, 200, 2 ** 40], [0, 0, -1]]);
  cache.set("a", 2, { ...FOREVER, type: 1 });
  assertEquals(of("a"), [1, 0, -1]);
});

Deno.test("Cache.markStale() ends the freshness of a value, until it is replaced", () => {
  const { cache } = cacheOf();
  assertEquals(cache.markStale("a"), false);
  cache.set("a", 1, FOREVER);
  assertEquals(cache.markStale("a"), true);
  const slot = cache.locate("a");
  assertEquals([cache.isStaleAt(slot), cache.softLeftMsAt(slot), cache.get("a")], [true, 0, 1]);
  cache.set("a", 2, FOREVER);
  assertEquals(cache.isStaleAt(cache.locate("a")), false);
});

Deno.test("Cache.delete() and clear() say why entries leave", () => {
  const { cache, time, removed } = cacheOf();
  for (const key of ["a", "b", "c", "d"]) cache.set(key, 1, times(5, key === "c" ? 5 : 99));
  assertEquals(cache.delete("a"), true);
  assertEquals(cache.delete("a"), false);
  assertEquals(cache.delete("b", "flushed"), true);
  time.nowMs = 5;
  assertEquals(cache.delete("c"), false);
  cache.clear();
  assertEquals(removed.map(([key, cause]) => [key, cause]), [
    ["a", "invalidated"],
    ["b", "flushed"],
    ["c", "expired"],
    ["d", "flushed"],
  ]);
  assertEquals(cache.counts.removed, {
    evicted: 0,
    expired: 1,
    invalidated: 1,
    replaced: 0,
    flushed: 2,
  });
  cache.invariant();
});

Deno.test("Cache tells of a replaced value while it can still be read", () => {
  const { cache, removed } = cacheOf();
  cache.set("a", 1, FOREVER);
  cache.set("a", 2, FOREVER);
  assertEquals(removed, [["a", "replaced", 1]]);
  assertEquals(cache.counts, {
    added: 1,
    replaced: 1,
    refused: 0,
    removed: { evicted: 0, expired: 0, invalidated: 0, replaced: 1, flushed: 0 },
  });
});

Deno.test("Cache never exceeds its bounds, not even while it is told of removals", () => {
  const random = seededRandom(seedOf("cache_test"));
  const { cache } = cacheOf<number>({
    entriesMax: 50,
    weightMaxBytes: 1_000,
    weigh: (value) => value,
    onRemoved: () => {
      assert(cache.size <= 50);
      assert(cache.weightBytes <= 1_000);
    },
  });
  for (let i = 0; i < 20_000; i++) {
    cache.set(`${Math.floor(random.next() * 200)}`, Math.floor(random.next() * 200), FOREVER);
    assert(cache.size <= 50 && cache.weightBytes <= 1_000);
  }
  cache.invariant();
});

Deno.test("Cache.set() refuses what is heavier than the bound, and the old value goes", () => {
  const { cache, removed } = cacheOf<number>({ weightMaxBytes: 100, weigh: (value) => value });
  cache.set("a", 60, FOREVER);
  cache.set("b", 40, FOREVER);
  assertEquals(cache.set("c", 101, FOREVER), "refused");
  assertEquals([cache.size, cache.weightBytes, cache.counts.refused], [2, 100, 1]);
  assertEquals(cache.set("a", 101, FOREVER), "refused");
  assertEquals([cache.has("a"), cache.weightBytes], [false, 40]);
  assertEquals(removed, [["a", "replaced", 60]]);
});

Deno.test("Cache.set() of a heavier value evicts others, not the key itself", () => {
  const { cache } = cacheOf<number>({ weightMaxBytes: 100, weigh: (value) => value });
  for (const key of ["a", "b", "c", "d"]) cache.set(key, 25, FOREVER);
  assertEquals(cache.set("b", 90, FOREVER), "replaced");
  assertEquals([[...cache.keys()], cache.weightBytes], [["b"], 90]);
  cache.invariant();
});

Deno.test("Cache.resize() evicts what no longer fits, and lets more in", () => {
  const { cache } = cacheOf<number>({ weightMaxBytes: 1_000, weigh: () => 10 });
  for (let i = 0; i < 100; i++) cache.set(`${i}`, i, FOREVER);
  cache.resize({ entriesMax: 40 });
  assertEquals([cache.size, cache.entriesMax], [40, 40]);
  cache.resize({ weightMaxBytes: 100 });
  assertEquals([cache.size, cache.weightBytes], [10, 100]);
  cache.resize({ entriesMax: 5_000, weightMaxBytes: 50_000 });
  for (let i = 0; i < 6_000; i++) cache.set(`${i}`, i, FOREVER);
  assertEquals(cache.size, 5_000);
  cache.invariant();
});

Deno.test("Cache.protect() keeps what matches, now and later, as far as there is room", () => {
  const { cache, time } = cacheOf({ entriesMax: 100, protectedRatioMax: 0.2 });
  for (let i = 0; i < 10; i++) cache.set(`price:A${i}`, i, times(1_000, 5_000));
  assertEquals(cache.protect("price:A*"), { isAccepted: true, entries: 10, refused: 0 });
  for (let i = 10; i < 30; i++) cache.set(`price:A${i}`, i, times(1_000, 9_000));
  const { entries, entriesMax, patterns, refused } = cache.protection();
  assertEquals([entries, entriesMax, patterns, refused], [20, 20, ["price:A*"], 10]);
  for (let i = 0; i < 5_000; i++) cache.set(`news:${i}`, i, times(1_000, 9_000));
  for (let i = 0; i < 20; i++) assert(cache.has(`price:A${i}`));
  assertEquals(cache.segmentAt(cache.locate("price:A0")), "pinned");
  cache.invariant();
  time.nowMs = 5_000;
  cache.expire();
  assertEquals(cache.protection().entries, 10);
  assertEquals(cache.unprotect("price:A*"), { entries: 10 });
  assertEquals(cache.unprotect("price:A*"), { entries: 0 });
  for (let i = 0; i < 5_000; i++) cache.set(`news:${i}`, i, times(1_000, 9_000));
  assertEquals(cache.protection().entries, 0);
  cache.invariant();
});

Deno.test("Cache.protect() is bounded in bytes too, and a smaller cache protects less", () => {
  const { cache } = cacheOf<number>({ weightMaxBytes: 1_000, weigh: (value) => value });
  cache.protect("p:*");
  for (let i = 0; i < 5; i++) cache.set(`p:${i}`, 80, FOREVER);
  assertEquals(cache.protection().entries, 2);
  cache.set("p:0", 150, FOREVER);
  assertEquals(cache.protection().entries, 1);
  cache.invariant();
  cache.resize({ weightMaxBytes: 300 });
  assertEquals(cache.protection().entries, 0);
  cache.invariant();
});

Deno.test("Cache.protect() refuses what is no pattern, and more patterns than it can try", () => {
  const { cache } = cacheOf();
  assertThrows(() => cache.protect(""), CacheError);
  for (let i = 0; i < 64; i++) assertEquals(cache.protect(`p${i}`).isAccepted, true);
  assertEquals(cache.protect("p64"), { isAccepted: false, entries: 0, refused: 0 });
});

Deno.test("Cache takes any string for a key", () => {
  const keys = [
    "",
    "__proto__",
    "constructor",
    "toString",
    "a\0b",
    "a\0",
    "line\nbreak",
    "{}*\\",
    "\ud800",
    "\udfff\ud800",
    "é",
    "e\u0301",
    "x".repeat(1_000_000),
    `${"x".repeat(1_000_000)}y`,
  ];
  const { cache } = cacheOf();
  keys.forEach((key, at) => assertEquals(cache.set(key, at, FOREVER), "added"));
  keys.forEach((key, at) => assertEquals(cache.get(key), at));
  cache.invariant();
  keys.forEach((key) => assertEquals(cache.delete(key), true));
  assertEquals(cache.size, 0);
});

Deno.test("Cache is no slower for keys whose hashes collide", () => {
  const { cache } = cacheOf({ entriesMax: 20_000 });
  // Long keys are hashed by their ends.
  const [head, tail] = ["h".repeat(200), "t".repeat(200)];
  const keys = Array.from({ length: 60_000 }, (_, i) => `${head}${String(i).padStart(9)}${tail}`);
  const startMs = performance.now();
  for (const key of keys) cache.set(key, 1, FOREVER);
  // 60 s if it were quadratic.
  assertLess(performance.now() - startMs, 5_000);
  cache.invariant();
});

Deno.test("Cache of a million entries takes little while it is empty", () => {
  const before = Deno.memoryUsage().heapTotal + Deno.memoryUsage().external;
  const caches = Array.from({ length: 20 }, () => cacheOf({ entriesMax: 1_000_000 }).cache);
  const after = Deno.memoryUsage().heapTotal + Deno.memoryUsage().external;
  assertLess((after - before) / caches.length, 1_000_000);
});

Deno.test("Cache grows to its bound and keeps what it has", () => {
  const { cache } = cacheOf({ entriesMax: 70_000, policy: "lru" });
  for (let i = 0; i < 71_000; i++) cache.set(`${i}`, i, times(1_234_567, 2_345_678));
  assertEquals([cache.size, cache.get("999"), cache.get("1000")], [70_000, undefined, 1_000]);
  assertEquals(cache.softLeftMsAt(cache.locate("1000")), 1_234_567);
  cache.invariant();
});

Deno.test("Cache shares an index with other tables", () => {
  const index = new KeyIndex();
  const [a, b] = [0, 7].map((table) => cacheOf({ index, table, entriesMax: 3 }).cache);
  assert(a !== undefined && b !== undefined);
  for (let i = 0; i < 10; i++) (i % 2 === 0 ? a : b).set(`${i}`, i, FOREVER);
  assertEquals([a.size, b.size, index.size], [3, 3, 6]);
  for (const table of [a, b]) {
    table.invariant();
    for (const key of table.keys()) {
      const place = index.placeOf(key);
      assertEquals(tableOf(place), table === a ? 0 : 7);
      assertEquals(table.getAt(slotOf(place)), Number(key));
      assertEquals([(table === a ? b : a).find(key), table.find(key)], [-1, slotOf(place)]);
    }
  }
  a.clear();
  assertEquals(index.size, 3);
});

Deno.test("Cache.findAt() removes what is past its end", () => {
  const index = new KeyIndex();
  const { cache, time } = cacheOf({ index });
  cache.set("a", 1, times(5, 10));
  time.nowMs = 10;
  assertEquals(cache.findAt(slotOf(index.placeOf("a"))), -1);
  assertEquals(index.placeOf("a"), -1);
});

Deno.test("Cache is the same twice with the same seed", () => {
  const seed = seedOf("cache_test");
  const run = () => {
    const random = seededRandom(seed);
    const { cache } = cacheOf({ entriesMax: 500, random: seededRandom(seed) });
    let hits = 0;
    for (let i = 0; i < 30_000; i++) {
      const key = `${Math.floor(random.next() ** 3 * 5_000)}`;
      if (cache.find(key) >= 0) hits++;
      else cache.set(key, i, FOREVER);
    }
    return [hits, cache.choice, JSON.stringify(cache.curve())];
  };
  assertEquals(run(), run());
  assertGreater(run()[0] as number, 0);
});

Deno.test("Cache refuses options and times that are none", () => {
  const weigh = () => 1;
  for (
    const options of [
      { entriesMax: 0 },
      { entriesMax: 1.5 },
      { entriesMax: 2 ** 23 },
      { weightMaxBytes: 100 },
      { weightMaxBytes: 0, weigh },
      { weightMaxBytes: NaN, weigh },
      { protectedRatioMax: 1 },
      { protectedRatioMax: -0.1 },
      { table: 256 },
      { table: -1 },
    ]
  ) assertThrows(() => cacheOf(options), RangeError, "Cannot set up a cache");
  const { cache } = cacheOf();
  for (const [softTtlMs, hardTtlMs] of [[-1, 5], [5, -1], [NaN, 5], [5, NaN]]) {
    assertThrows(
      () => cache.set("a", 1, times(softTtlMs as number, hardTtlMs as number)),
      RangeError,
      "Cannot set an entry",
    );
  }
  const weighed = cacheOf<number>({ weightMaxBytes: 100, weigh: (value) => value }).cache;
  for (const weight of [-1, NaN, Infinity]) {
    assertThrows(() => weighed.set("a", weight, FOREVER), RangeError, "weight");
  }
  assertEquals([cache.size, weighed.size], [0, 0]);
});

Deno.test("Cache.set() brings back a key that was evicted a moment ago, and keeps to its bound", () => {
  const index = new KeyIndex();
  const cache = new Cache<number>({
    entriesMax: 640,
    time: { now: () => 0 },
    policy: "lru",
    index,
  });
  const times = { softTtlMs: 1_000, hardTtlMs: 1_000 };
  for (let i = 0; i < 643; i++) cache.set(`${i}`, i, times);
  // Evicted, and their keys may still be in the index.
  const found = ["0", "1", "2"].map((key) => [cache.get(key), cache.has(key), cache.delete(key)]);
  assertEquals(found, [[undefined, false, false], [undefined, false, false], [
    undefined,
    false,
    false,
  ]]);
  assertEquals(cache.set("1", 7, times), "added");
  for (let i = 643; i < 700; i++) cache.set(`${i}`, i, times);
  assertEquals([cache.get("1"), cache.size, cache.get("642")], [7, 640, 642]);
  cache.invariant();
  assertEquals(index.size, 640);
});
