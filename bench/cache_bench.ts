/**
 * `deno bench -A bench/cache_bench.ts`: how long one read and one write of the cache take, lru-cache
 * beside it. What each side did is checked in every iteration. The figures with a must are in
 * `cache.ts`.
 *
 * @module
 */

import { OurSide } from "./cache/our_side.ts";
import { flatKeys, quotes, type SpeedSide, uniformOrder, ZipfOrders } from "./cache/speed_side.ts";
import { LruCacheSide } from "./rivals/lru_cache.ts";
import { verify } from "./support/workload.ts";

const ENTRIES = 50_000;
/** Fewer than the bound, where every read must be a hit: keys do not fall into shards evenly. */
const FILLED = 40_000;
/** Operations of one iteration: enough that reading the clock does not count. */
const OPERATIONS = 10_000;
const FOOTPRINT = 10 * ENTRIES;

const getKeys = flatKeys(FOOTPRINT);
const setKeys = flatKeys(FOOTPRINT);
const values = quotes(FOOTPRINT);

type Iteration = (context: Deno.BenchContext) => void;

function group(name: string, prepare: (side: SpeedSide) => Iteration): void {
  for (const [i, side] of [new OurSide(ENTRIES), new LruCacheSide(ENTRIES)].entries()) {
    Deno.bench({ name: side.name, group: name, baseline: i === 0, fn: prepare(side) });
  }
}

group(`${OPERATIONS} hits`, (side) => {
  side.fill(setKeys.slice(0, FILLED), values);
  const order = uniformOrder(OPERATIONS, FILLED, 5);
  const sum = order.reduce((total, id) => total + id, 0);
  return () => verify("sum of hits", side.hits(getKeys, order), sum);
});

group(`${OPERATIONS} of zipf 0.9, set on a miss`, (side) => {
  const zipf = new ZipfOrders(FOOTPRINT, 0.9, 5);
  side.mix(getKeys, setKeys, values, zipf.next(FOOTPRINT));
  return (context) => {
    const order = zipf.next(OPERATIONS);
    context.start();
    const hits = side.mix(getKeys, setKeys, values, order);
    context.end();
    verify("wrong values", Number.isNaN(hits) ? 1 : 0, 0);
  };
});

group(`${OPERATIONS} sets of new keys, each evicts`, (side) => {
  side.fill(setKeys, values);
  let from = FOOTPRINT;
  return (context) => {
    const keys = flatKeys(OPERATIONS, from);
    from += OPERATIONS;
    context.start();
    side.fill(keys, values);
    context.end();
    verify("is full", side.size > 0.99 * ENTRIES ? 1 : 0, 1);
  };
});
