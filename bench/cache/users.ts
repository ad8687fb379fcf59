/**
 * A thousand users at once in real time, in front of the router and its shards (spec: cache, "Must
 * show" 4): TTLs of a second and a table that is too small, so that keys are missing, stale, renewed
 * ahead and evicted all the time. The provider counts for itself which keys are under way twice.
 *
 * @module
 */

import { pause, seededRandom, systemClock } from "../../src/actor/clock.ts";
import { SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import { KeyIndex } from "../../src/cache/key_index.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { CacheShard } from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import { type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { DEMAND } from "./day_table.ts";
import { DayUpstream, type UpstreamAsked } from "./day_upstream.ts";

const USERS = 1_000;
/** Between the answer a user got and his next question, evenly spread, ms. */
const THINK_MS = { min: 20, max: 80 };
const SYMBOLS = 2_000;
const TYPES = ["price", "news", "profile"] as const;
/** Of all shards together; a third of the keys fits. */
const ENTRIES = 2_000;
const SOFT_TTL_MS = 1_000;
const EXPIRE_EVERY_MS = 250;
/** Far more than is asked for: nothing waits for a limit here. */
const LIMIT = { requests: 100_000, windowMs: 1_000 };
const LINGER_MS = { demand: 5, refresh: 50 };

interface Seen {
  readonly waitMs: number[];
  fresh: number;
  stale: number;
  loaded: number;
  errors: number;
}

/** Must show 4, its last sentence. */
export async function usersFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const forMs = quick ? 2_000 : 30_000;
  const { seen, asked, tookMs } = await usersFor(forMs);
  const requests = seen.fresh + seen.stale + seen.loaded + seen.errors;
  const none = { better: "lower", unit: "", must: 0 } as const;
  figures.add(`${USERS} users, ${forMs / 1_000} s: errors`, spreadOf([seen.errors]), none);
  figures.add(
    `${USERS} users, ${forMs / 1_000} s: keys loaded twice at a time`,
    spreadOf([asked.doubledLoads + asked.doubledKeys]),
    none,
  );
  const share = (part: number) => `${(part / requests * 100).toFixed(1)} %`;
  figures.note(
    `${requests} requests, ${(requests / tookMs).toFixed(1)} k/s: ${share(seen.fresh)} fresh, ` +
      `${share(seen.stale)} stale, ${share(seen.loaded)} waited ` +
      `(p99 of all ${percentileOf(seen.waitMs, 0.99).toFixed(0)} ms); ${asked.loads} loads`,
  );
}

async function usersFor(
  forMs: number,
): Promise<{ readonly seen: Seen; readonly asked: UpstreamAsked; readonly tookMs: number }> {
  const clock = systemClock;
  const upstream = new DayUpstream({
    clock,
    seed: 1,
    toMs: clock.wallNow(),
    keysMax: 50,
    lingerMs: LINGER_MS,
    limit: LIMIT,
    transientRatio: 0,
  });
  const keys = new KeyIndex();
  const shards = shardsOn(upstream, keys);
  const router = new CacheRouter<unknown>({
    shards: shards.length,
    keys,
    actor: (shard) => shards[shard] as CacheShard<unknown>,
    touched: new TouchedIndex(),
  });
  shards.forEach((shard, index) => router.attach(index, shard));
  const seen: Seen = { waitMs: [], fresh: 0, stale: 0, loaded: 0, errors: 0 };
  const startMs = clock.now();
  const endMs = startMs + forMs;
  const expiring = expireUntil(endMs, shards);
  await Promise.all(
    Array.from({ length: USERS }, (_, user) => useUntil(endMs, user, router, seen)),
  );
  const tookMs = clock.now() - startMs;
  await expiring;
  verifyCounts(shards, seen);
  for (const shard of shards) shard.close();
  await upstream.close();
  return { seen, asked: upstream.asked, tookMs };
}

function shardsOn(upstream: DayUpstream, keys: KeyIndex): CacheShard<unknown>[] {
  return Array.from({ length: SHARDS_DEFAULT }, (_, index) =>
    new CacheShard<unknown>({
      index,
      keys,
      entriesMax: ENTRIES / SHARDS_DEFAULT,
      weightMaxBytes: Infinity,
      clock: systemClock,
      random: seededRandom(index + 1),
      ttl: () => ({ softTtlMs: SOFT_TTL_MS, hardTtlMs: 2 * SOFT_TTL_MS, staleIfErrorMs: 0 }),
      load: upstream.load,
      raise: upstream.raise,
    }));
}

/** One user: asks, waits for the answer, thinks, asks again. */
async function useUntil(
  endMs: number,
  user: number,
  router: CacheRouter<unknown>,
  seen: Seen,
): Promise<void> {
  const random = seededRandom(user + 1);
  const thinkMs = () => THINK_MS.min + random.next() * (THINK_MS.max - THINK_MS.min);
  await pause(systemClock, random.next() * THINK_MS.max);
  while (systemClock.now() < endMs) {
    // Cubed: a tenth of the symbols gets nearly half of the requests.
    const symbol = `S${Math.floor(SYMBOLS * random.next() ** 3)}`;
    const type = TYPES[Math.floor(TYPES.length * random.next())] ?? "price";
    const sinceMs = systemClock.now();
    try {
      const { state } = await router.get(`${type}:${symbol}`, DEMAND);
      if (state === "failed" || state === "missing") seen.errors++;
      else seen[state]++;
    } catch {
      seen.errors++;
    }
    seen.waitMs.push(systemClock.now() - sinceMs);
    await pause(systemClock, thinkMs());
  }
}

async function expireUntil(
  endMs: number,
  shards: readonly CacheShard<unknown>[],
): Promise<void> {
  while (systemClock.now() < endMs) {
    await pause(systemClock, EXPIRE_EVERY_MS);
    for (const shard of shards) shard.expire();
  }
}

/** The shards counted every request, and are sound. */
function verifyCounts(shards: readonly CacheShard<unknown>[], seen: Seen): void {
  const types = shards.flatMap((shard) => shard.status().types);
  const requests = types.reduce((sum, one) => sum + one.requests, 0);
  verify("requests by the shards", requests, seen.waitMs.length);
  for (const shard of shards) shard.invariant();
}
