/**
 * The tier behind the shards as an actor: it owns the file or the connection. The file's engine runs in
 * a thread, so that no transaction holds up the main isolate; what is in this isolate puts itself into
 * a cell, and is then called without messages.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { actor, type Clock, type Context } from "../src/actor/mod.ts";
import type { TierCell } from "../src/cache/tier_cell.ts";
import type { SecondTier, TierStatus } from "../src/cache/types.ts";
import type { InvalidationLog } from "../src/store/cache/invalidation_log.ts";
import type {
  InvalidationStream,
  InvalidationSubscriber,
} from "../src/store/cache/invalidation_stream.ts";
import { MemoryEngine } from "../src/store/cache/memory_engine.ts";
import { SqliteEngine } from "../src/store/cache/sqlite_engine.ts";
import { EngineTier, FLUSH_AFTER_MS } from "../src/store/cache/tier_engine.ts";
import { CacheTier } from "./protocols_cache.ts";

/** Which tier. */
export type CacheTierArgs =
  /** A file; plain data, so that it can run in a thread. */
  | { readonly kind: "sqlite"; readonly path: string; readonly bytesMax?: number }
  /** This process's memory: for tests, and for values that are dear and small. */
  | { readonly kind: "memory"; readonly bytesMax?: number; readonly cell: TierCell }
  | {
    readonly kind: "redis";
    readonly url: string;
    readonly prefix?: string;
    readonly cell: TierCell;
    /** Where other processes' invalidations go, and own ones come from. */
    readonly coherence: Coherence;
    /** What is known of invalidations; outlives the actor, since deletions may be owed to Redis. */
    readonly log: (clock: Clock) => InvalidationLog;
  };

/** What keeps the shards of several processes alike. */
export interface Coherence extends InvalidationSubscriber {
  /** A stream to publish on is there; what is returned takes it away. */
  attach(stream: Pick<InvalidationStream, "publish">): () => void;
}

/** Between two looks at whether the tier is up. */
const LOOK_EVERY_MS = 1_000;

/** Says in the log when a tier goes down and when it comes back. */
function watched(ctx: Ctx, status: () => TierStatus): () => void {
  let last = status().state;
  ctx.timer("look", { delayMs: LOOK_EVERY_MS, everyMs: LOOK_EVERY_MS }, "look", {});
  return () => {
    const { kind, state, lastError } = status();
    if (state === last) return;
    last = state;
    if (state === "up") ctx.log("info", "the second tier is up", { kind });
    else ctx.log("warn", "the second tier is down", { kind, reason: lastError ?? "unknown" });
  };
}

/** See {@linkcode CacheTier}. */
export const cacheTier = actor(CacheTier, async (ctx, args: CacheTierArgs) => {
  const { clock, random } = ctx;
  if (args.kind === "sqlite") {
    const { path, bytesMax } = args;
    const bounds = bytesMax === undefined ? {} : { bytesMax };
    const engine = new SqliteEngine({ path, clock, random, ...bounds });
    ctx.onStop(() => engine.close());
    const look = watched(ctx, () => engine.info());
    let isArmed = false;
    const arm = () => {
      if (isArmed || engine.waiting === 0) return;
      isArmed = true;
      ctx.timer("flush", { delayMs: FLUSH_AFTER_MS }, "flush", {});
    };
    return {
      getMany: ({ keys }) => engine.getMany(keys),
      setMany: ({ entries }) => {
        engine.setMany(entries);
        arm();
      },
      invalidate: (selection) => {
        engine.invalidate(selection);
        return null;
      },
      status: () => engine.info(),
      look,
      flush: () => {
        isArmed = false;
        engine.flush();
        // Whatever could not be written waits for the next time.
        arm();
      },
    };
  }
  const tier = args.kind === "memory" ? memoryTier(ctx, args) : await redisTier(ctx, args);
  return {
    getMany: async ({ keys }) => await tier.getMany(keys),
    setMany: ({ entries }) => tier.setMany(entries),
    invalidate: async (selection) => {
      await tier.invalidate(selection);
      return null;
    },
    status: () => tier.status(),
    flush: () => {},
    look: watched(ctx, () => tier.status()),
  };
});

type Ctx = Context<typeof CacheTier.definition>;

function memoryTier(
  ctx: Ctx,
  { bytesMax, cell }: CacheTierArgs & { readonly kind: "memory" },
): SecondTier {
  const bounds = bytesMax === undefined ? {} : { bytesMax };
  const tier = new EngineTier(new MemoryEngine({ clock: ctx.clock, ...bounds }), ctx.clock);
  const detach = cell.attach(tier);
  ctx.onStop(() => {
    detach();
    tier.close();
  });
  return tier;
}

async function redisTier(
  ctx: Ctx,
  { url, prefix, cell, coherence, log }: CacheTierArgs & { readonly kind: "redis" },
): Promise<SecondTier> {
  // Most processes have no Redis, and its client takes as long to load as the rest of the start.
  const { openRedisCache } = await import("../src/store/cache/redis_cache.ts");
  const { tier, stream, close } = openRedisCache({
    url,
    clock: ctx.clock,
    random: ctx.random,
    processId: randomUUID(),
    log: log(ctx.clock),
    ...(prefix === undefined ? {} : { prefix }),
  });
  const leave = [cell.attach(tier), coherence.attach(stream), stream.subscribe(coherence)];
  ctx.onStop(async () => {
    for (const step of leave) step();
    await close();
  });
  return tier;
}
