/**
 * The cache as a part of the tree: the shards, the tier behind them, and the router that everything
 * in this isolate shares.
 *
 * @module
 */

import { child, type ChildSpec, type Ref, type System, textOf } from "../src/actor/mod.ts";
import { threadEntry } from "../src/actor/thread_url.ts";
import { AccessLog } from "../src/cache/access_log.ts";
import { LoadGroups } from "../src/cache/load_groups.ts";
import { SHARDS_DEFAULT } from "../src/cache/rendezvous.ts";
import { CacheRouter } from "../src/cache/router.ts";
import type { ShardBounds, ShardOptions } from "../src/cache/shard_options.ts";
import { guardedTier, SteadyWall } from "../src/cache/shard_tier.ts";
import { CACHE_BYTES_DEFAULT, CACHE_ENTRIES_DEFAULT, type CacheSpec } from "../src/cache/spec.ts";
import { owe, TierCell, tierWithout } from "../src/cache/tier_cell.ts";
import { TouchedIndex } from "../src/cache/touched.ts";
import { PriceVolatility } from "../src/cache/price_volatility.ts";
import { ttlByKey } from "../src/cache/ttl.ts";
import { ttlOptions } from "../src/cache/ttl_rules.ts";
import type {
  Dependency,
  SecondTier,
  TierSelection,
  TierStatus,
  TouchedRange,
} from "../src/cache/types.ts";
import { InvalidationLog } from "../src/store/cache/invalidation_log.ts";
import {
  EVERYTHING,
  type InvalidationMessage,
  type InvalidationStream,
} from "../src/store/cache/invalidation_stream.ts";
import type { InstrumentRegistry } from "../src/market/instrument.ts";
import { isSymbol } from "../src/market/series.ts";
import { cacheShard } from "./cache_shard.ts";
import { cacheTier, type CacheTierArgs, type Coherence } from "./cache_tier.ts";
import { LabelPool, Store } from "./protocols.ts";
import { Provider } from "./protocols_batch.ts";
import { CacheShard, CacheTier, type CacheValue } from "./protocols_cache.ts";

/** The cache of a running tree, as everything in this isolate sees it. */
export interface TreeCache {
  /** Keys to values. */
  readonly router: CacheRouter<CacheValue>;
  /** The tier behind, null for none; it answers when its actor lives. */
  readonly tier: SecondTier | null;
  /** How that tier is; null for none. */
  tierStatus(): Promise<TierStatus | null>;
  readonly spec: CacheSpec;
  readonly cell: TierCell | null;
  readonly coherence: Coherence;
  readonly touched: TouchedIndex;
  /** What is read and stored, for the warmer; nothing is noted while there is none. */
  readonly accesses: AccessLog;
  /** How long a key is good that comes now. */
  readonly ttl: ShardOptions<CacheValue>["ttl"];
  /** What TTLs know of volatility; null where they do not follow it. */
  readonly volatility: PriceVolatility | null;
}

/** Where the parts of the cache lie, below the root. */
export const CACHE_PATHS = { cache: "core/cache", tier: "core/cache/tier" } as const;

/** Name of a shard's actor. */
export function shardName(index: number): string {
  return `shard-${index}`;
}

/** A look at the tier's status does not wait long: a thread that is busy says so by silence. */
const LOOK = { timeoutMs: 1_000 } as const;
/** A read of the tier; the shard gives up earlier. */
const READ = { timeoutMs: 2_000 } as const;
const WRITE = { timeoutMs: 60_000 } as const;

/** The cache of a tree, before the tree is there. */
export function treeCacheOf(
  spec: CacheSpec,
  system: () => System,
  instruments: InstrumentRegistry,
): TreeCache {
  const options = ttlOptions(spec.ttl);
  const volatility = options.followsVolatility ? new PriceVolatility() : null;
  const instrumentOf = (symbol: string) => isSymbol(symbol) ? instruments.get(symbol) : null;
  const ttl = volatility === null
    ? ttlByKey(options, instrumentOf)
    : ttlByKey(options, instrumentOf, (symbol) => volatility.ratio(symbol));
  const touched = new TouchedIndex();
  const { publish, coherence } = coherenceOf(() => router);
  const kind = spec.tier?.kind;
  const shardRef = (shard: number) =>
    system().ref(CacheShard, `${CACHE_PATHS.cache}/${shardName(shard)}`);
  const tierRef = () => system().ref(CacheTier, CACHE_PATHS.tier);
  const cell = kind === undefined ? null : new TierCell(kind);
  if (kind === "sqlite") cell?.attach(threadTier(tierRef));
  const tier = cell === null ? null : guardedTier(cell);
  const router: CacheRouter<CacheValue> = new CacheRouter<CacheValue>({
    shards: spec.shards ?? SHARDS_DEFAULT,
    actor: (shard) => ({
      load: (key, ask) => shardRef(shard).ask("load", { key, ask }, waitOf(ask.timeoutMs)),
      loadMany: (keys, ask) =>
        shardRef(shard).ask("loadMany", { keys, ask }, waitOf(ask.timeoutMs)),
    }),
    touched,
    secondTier: tier,
    onInvalidated: (selection) => publish({ kind: "selection", selection }),
  });
  for (const pattern of spec.protect ?? []) router.protect(pattern);
  const tierStatus = async (): Promise<TierStatus | null> => {
    if (cell === null) return null;
    return await tierRef().ask("status", {}, LOOK)
      .catch((error) => ({ ...cell.status(), state: "down" as const, lastError: textOf(error) }));
  };
  const accesses = new AccessLog();
  return { router, tier, tierStatus, spec, cell, coherence, touched, accesses, ttl, volatility };
}

/** The shards of this process and those of others on the same Redis. */
function coherenceOf(router: () => CacheRouter<CacheValue>) {
  let stream: Pick<InvalidationStream, "publish"> | null = null;
  let isOwing = false;
  const coherence: Coherence = {
    attach: (attached) => {
      stream = attached;
      if (isOwing) attached.publish(EVERYTHING);
      isOwing = false;
      return () => {
        if (stream === attached) stream = null;
      };
    },
    onInvalidation: (message) => {
      // Commits of another process are about its own candles.
      if (message.kind === "selection") router().invalidateHere(message.selection);
    },
    onGap: () => void router().flush(),
  };
  const publish = (message: InvalidationMessage) => {
    if (stream === null) isOwing = true;
    else stream.publish(message);
  };
  return { publish, coherence };
}

/** A load has a deadline of its own; the message waits a little longer than that. */
function waitOf(timeoutMs: number) {
  return { timeoutMs: timeoutMs + 1_000 };
}

/** The tier of a thread, by messages. */
function threadTier(ref: () => Ref<typeof CacheTier.definition>): SecondTier {
  let last: TierStatus = { ...tierWithout("sqlite"), state: "up" };
  // What a full mailbox refused to forget: until it is forgotten nothing may be read.
  let owed: TierSelection[] = [];
  const forget = async (selection: TierSelection): Promise<void> => {
    const isOwed = owed.includes(selection);
    await ref().ask("invalidate", selection, WRITE).then(
      () => owed = owed.filter((one) => one !== selection),
      () => {
        if (!isOwed) owe(owed, selection, OWED_MAX);
      },
    );
  };
  return {
    getMany: async (keys) => {
      if (owed.length > 0) {
        for (const selection of owed) void forget(selection);
        return keys.map(() => null);
      }
      return await ref().ask("getMany", { keys }, READ).catch(() => keys.map(() => null));
    },
    setMany: (entries) => {
      if (owed.length === 0) ref().tell("setMany", { entries });
    },
    invalidate: forget,
    mark: () => 0,
    status: () => {
      ref().ask("status", {}, LOOK).then((found) => last = found, () => {});
      return last;
    },
  };
}

/** Selections that a full mailbox refused, one by one; beyond them everything is forgotten. */
const OWED_MAX = 1_024;

/** Where those lie that shards ask, below the root. */
export interface ShardNeighbours {
  readonly store: string;
  readonly pool: string;
  /** Of the supervisor of all providers. */
  readonly providers: string;
}

/**
 * How much one of the shards may hold of all that the cache may: of its bytes as set, or of other ones
 * with as many entries to them.
 */
export function shardBounds(
  { entriesMax = CACHE_ENTRIES_DEFAULT, bytesMax = CACHE_BYTES_DEFAULT }: CacheSpec,
  shards: number,
  bytes: number = bytesMax,
): ShardBounds {
  const share = (all: number) => Math.max(1, Math.ceil(all / shards));
  return { entriesMax: share(entriesMax * (bytes / bytesMax)), weightMaxBytes: share(bytes) };
}

/**
 * The supervisor of the cache: the tier first, then the shards, each restarted by itself. `isNode`:
 * this process is one node of several.
 */
export function cacheChild(
  cache: TreeCache,
  paths: ShardNeighbours,
  isNode = false,
): ChildSpec {
  const { router, spec, tier, touched, accesses, ttl, volatility } = cache;
  const { shards } = router;
  let wall: SteadyWall | null = null;
  let groups: LoadGroups | null = null;
  const options = {
    ttl,
    secondTier: tier,
    accesses,
    // Seqs are those of one store: processes on one Redis, each with its own, share no candles. Nodes
    // have copies of one store.
    ...(spec.tier?.kind === "redis" && !isNode ? {} : {
      // Until the pool has told of earlier commits nothing is known; and what is as of a later one
      // than there is was made by another store.
      isTouched: (one: Dependency | TouchedRange, seq: number) =>
        router.seq === null || seq > router.seq || touched.isTouched(one, seq),
    }),
    onForgotten: (keys: readonly string[]) =>
      void router.invalidateHere({ dependencies: keys.map((key) => ({ kind: "key", key })) }),
    ...(spec.policy === undefined ? {} : { policy: spec.policy }),
    ...(spec.refreshAhead === false ? { refreshAheadRatio: null } : {}),
  };
  const bounds = Array.from({ length: shards }, () => ({ ...shardBounds(spec, shards) }));
  return {
    name: "cache",
    strategy: "one_for_one",
    intensity: 5,
    children: [
      ...tierChildren(cache),
      ...Array.from({ length: shards }, (_, index) =>
        child(cacheShard, {
          name: shardName(index),
          args: (refs) => ({
            index,
            router,
            bounds: bounds[index] ?? shardBounds(spec, shards),
            options,
            wall: (clock) => wall ??= new SteadyWall(clock),
            groups: (clock) => groups ??= new LoadGroups(clock),
            provider: spec.provider === null
              ? null
              : refs.ask(Provider, `${paths.providers}/${spec.provider}`),
            volatility,
            store: refs.ask(Store, paths.store),
            pool: refs.tell(LabelPool, paths.pool),
          }),
        })),
    ],
  };
}

function tierChildren({ spec: { tier: spec = null }, cell, coherence }: TreeCache): ChildSpec[] {
  if (spec === null || cell === null) return [];
  if (spec.kind === "sqlite") {
    return [child(cacheTier, {
      name: "tier",
      args: spec satisfies CacheTierArgs,
      mailbox: { bound: 8_192, boundBytes: 64 * 1024 * 1024 },
      thread: { entry: threadEntry(new URL("./threads/cache_tier.ts", import.meta.url)) },
    })];
  }
  let log: InvalidationLog | null = null;
  const args: CacheTierArgs = spec.kind === "memory"
    ? { ...spec, cell }
    : { ...spec, cell, coherence, log: (clock) => log ??= new InvalidationLog(clock) };
  return [child(cacheTier, { name: "tier", args })];
}
