/**
 * Must show 2: a hit through router, shard, policy, TTL and statistics, as callers in this process
 * have it.
 *
 * @module
 */

import { systemClock } from "../../src/actor/clock.ts";
import { CoarseClock } from "../../src/cache/coarse_clock.ts";
import { LruCacheSide } from "../rivals/lru_cache.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { Rig } from "./rig.ts";
import { flatKeys, type Quote, quotes, uniformOrder } from "./speed_side.ts";

const ENTRIES = 50_000;
/** Fewer than the bound, where every read must be a hit: keys do not fall into shards evenly. */
const FILLED = 40_000;
const HOUR_MS = 3_600_000;
const TTL = { softTtlMs: 20 * HOUR_MS, hardTtlMs: 40 * HOUR_MS, staleIfErrorMs: 0 };
const SEED = 5;

/** Throws, through `verify`, when a read was no hit or was not counted. */
export function routerFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const rounds = quick ? 3 : 15, reads = quick ? 200_000 : 1_000_000;
  using clock = new CoarseClock(systemClock, 1);
  using rig = new Rig<Quote>({
    entriesMax: ENTRIES,
    clock: systemClock,
    time: clock,
    ttl: TTL,
    load: () => Promise.reject(new Error("Cannot load: expected hits only")),
  });
  const values = quotes(FILLED);
  const setKeys = flatKeys(FILLED), getKeys = flatKeys(FILLED);
  const kept = rig.router.setMany(setKeys.map((key, i) => ({ key, value: values[i] as Quote })));
  verify("entries", kept, FILLED);
  const rival = new LruCacheSide(ENTRIES);
  rival.fill(setKeys, values);
  const order = uniformOrder(reads, FILLED, SEED);
  const sum = order.reduce((total, id) => total + id, 0);
  const rates: number[] = [], ratios: number[] = [];
  for (let round = -3; round < rounds; round++) {
    const counted = rig.freshHits;
    const oursMs = timed(() => verify("sum of hits", peekAll(rig, getKeys, order), sum));
    verify("hits in the statistics", rig.freshHits - counted, reads);
    const rivalMs = timed(() => verify("sum of hits", rival.hits(getKeys, order), sum));
    if (round < 0) continue;
    rates.push(reads / oursMs / 1_000);
    ratios.push(rivalMs / oursMs);
  }
  figures.add("hit through the router", spreadOf(rates), {
    unit: " M/s",
    must: 2,
    better: "higher",
  });
  figures.note(
    `${digits(spreadOf(ratios).median)}× the rate of lru-cache alone, of ${FILLED} keys`,
  );
}

function peekAll({ router }: Rig<Quote>, keys: readonly string[], order: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    const found = router.peek(keys[order[i] as number] as string);
    if (found === undefined) return NaN;
    sum += found.id;
  }
  return sum;
}

function timed(run: () => void): number {
  const startMs = performance.now();
  run();
  return performance.now() - startMs;
}
