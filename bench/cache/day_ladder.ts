/**
 * The steps from the baseline of the workloads to the cache as it is deployed, each with one feature
 * more, and what a day looks like on each.
 *
 * @module
 */

import { CACHE_LINGER_MS } from "../../src/provider/cache_request.ts";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import type { PolicyName } from "../../src/cache/types.ts";
import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import { verify } from "../support/workload.ts";
import type { Day } from "./day1.ts";
import { type DaySeen, playDay } from "./day_run.ts";
import { ShardsCache } from "./day_shards.ts";
import { type DayTable, plainLru, shardedTable, TableCache } from "./day_table.ts";
import { DayUpstream } from "./day_upstream.ts";

/** What is on; everything that is not given is off. */
export interface Step {
  readonly name: string;
  /** What holds the entries: the baseline's table, the cache's tables alone, or its shards. */
  readonly holder: "plain" | "tables" | "shards";
  readonly policy: PolicyName;
  readonly isStaleServed?: boolean;
  /** Share of the TTL after which a read renews ahead. */
  readonly aheadRatio?: number;
  /** Most keys of a call; 1 unless given. */
  readonly keysMax?: number;
}

/** Keys of a call, as at the provider of the workloads. */
const KEYS_MAX = 50;

/** As the README has it: an LRU in which every miss is a call. */
export const BASELINE: Step = { name: "baseline", holder: "plain", policy: "lru" };
const POLICY: Step = { name: "+ policy", holder: "tables", policy: "adaptive" };
const FLIGHT: Step = { ...POLICY, name: "+ single flight", holder: "shards" };
const STALE: Step = { ...FLIGHT, name: "+ stale while revalidate", isStaleServed: true };
const AHEAD: Step = { ...STALE, name: "+ refresh ahead at 80 %", aheadRatio: 0.8 };
const BATCH: Step = { ...AHEAD, name: "+ batch calls", keysMax: KEYS_MAX };

/** From the baseline on, each with all before it. */
export const LADDER: readonly Step[] = [BASELINE, POLICY, FLIGHT, STALE, AHEAD, BATCH];

/** All on. */
export const ALL_ON: Step = BATCH;

/** How the day was. */
export interface StepResult {
  readonly step: Step;
  readonly seen: DaySeen;
  /** By the provider's own count. */
  readonly upstream: UpstreamStats;
  readonly meanWaitMs: number;
}

/** What is not part of a step. */
export interface StepOptions {
  readonly entriesMax: number;
  /** Decides latencies, failures and the hash of the tables. */
  readonly seed: number;
  readonly shards?: number;
  readonly lingerMs?: { readonly demand: number; readonly refresh: number };
}

/**
 * Plays the day on one step. Deterministic by its seed.
 *
 * @throws {Error} when cache, provider and users did not count the same.
 */
export async function playStep(day: Day, step: Step, options: StepOptions): Promise<StepResult> {
  const { entriesMax, seed, shards = SHARDS_DEFAULT, lingerMs = CACHE_LINGER_MS } = options;
  const { holder, policy, isStaleServed = false, aheadRatio = null, keysMax = 1 } = step;
  const startMs = day.atMs[0] ?? 0;
  const clock = new VirtualClock(0, startMs);
  const random = seededRandom(seed);
  const toMs = day.atMs.at(-1) ?? startMs;
  const upstream = new DayUpstream({ clock, seed, toMs, keysMax, lingerMs });
  const parts = { clock, random, entriesMax, policy, shards };
  const inFrontOf = (table: DayTable) => new TableCache(day, clock, upstream, table);
  const made = {
    plain: () => inFrontOf(plainLru(entriesMax, clock)),
    tables: () => inFrontOf(shardedTable(parts)),
    shards: () =>
      new ShardsCache(day, {
        ...parts,
        upstream,
        staleWhileRevalidate: isStaleServed,
        refreshAheadRatio: aheadRatio,
      }),
  };
  const cache = made[holder]();
  const seen = await playDay(day, clock, cache);
  const stats = upstream.stats();
  verify("calls over the limit", stats.limited, 0);
  if (cache instanceof ShardsCache) verifyShards(cache, seen, upstream);
  await upstream.close();
  let waitedMs = 0;
  for (const ms of seen.waitMs) waitedMs += ms;
  return { step, seen, upstream: stats, meanWaitMs: waitedMs / seen.requests };
}

/** The shards counted the same as the users, and loaded no key twice at a time. */
function verifyShards(cache: ShardsCache, seen: DaySeen, upstream: DayUpstream): void {
  const types = cache.shards.flatMap((shard) => shard.status().types);
  const sum = (of: (one: (typeof types)[number]) => number) =>
    types.reduce((total, one) => total + of(one), 0);
  const { doubledLoads, doubledKeys } = upstream.asked;
  verify("keys loaded twice at a time", doubledLoads + doubledKeys, 0);
  verify("fresh hits by the shards", sum(({ freshHits }) => freshHits), seen.fresh);
  verify("stale hits by the shards", sum(({ staleHits }) => staleHits), seen.served - seen.fresh);
  for (const shard of cache.shards) shard.invariant();
  cache.close();
}
