/**
 * The policy `lru` against the plainest one there is, hit by hit: a Map whose first key is the one
 * that was used least lately. The bench holds the same against lru-cache on real traces.
 */

import { assertEquals } from "@std/assert";
import { uniformOrder, ZipfOrders } from "../../bench/cache/speed_side.ts";
import { Cache } from "../../src/cache/cache.ts";
import { seedOf } from "../actor/seed.ts";

const TIMES = { softTtlMs: 60_000, hardTtlMs: 120_000 };

/** Whether each request was a hit; what is not there is put in. */
function plainHits(ids: Uint32Array, entriesMax: number): boolean[] {
  const kept = new Set<number>();
  return Array.from(ids, (id) => {
    const isHit = kept.delete(id);
    kept.add(id);
    if (kept.size > entriesMax) kept.delete(kept.values().next().value as number);
    return isHit;
  });
}

function cacheHits(ids: Uint32Array, entriesMax: number): boolean[] {
  const cache = new Cache<number>({ entriesMax, policy: "lru", time: { now: () => 0 } });
  return Array.from(ids, (id) => {
    const isHit = cache.get(`price:SYM${id}`) === id;
    if (!isHit) cache.set(`price:SYM${id}`, id, TIMES);
    return isHit;
  });
}

const seed = seedOf("lru_twin_test");

for (const entriesMax of [1, 2, 7, 64, 1_000]) {
  const orders = {
    "uniform": uniformOrder(20_000, 2 * entriesMax, seed),
    "zipf 0.9": new ZipfOrders(10 * entriesMax, 0.9, seed).next(20_000),
    "a loop": Uint32Array.from({ length: 5_000 }, (_, i) => i % (entriesMax + 1)),
  };
  for (const [name, ids] of Object.entries(orders)) {
    Deno.test(`Cache with lru hits as a plain one: ${name}, ${entriesMax} entries`, () => {
      assertEquals(cacheHits(ids, entriesMax), plainHits(ids, entriesMax));
    });
  }
}
