/**
 * A process's part of a cache that it shares through Redis: tier and stream over one log.
 *
 * Loads ioredis, which asks for the environment: import it only where Redis is used.
 *
 * @module
 */

import type { Clock, Random } from "../../actor/clock.ts";
import { InvalidationLog } from "./invalidation_log.ts";
import { EVERYTHING } from "./invalidation_stream.ts";
import { RedisInvalidationStream } from "./redis_stream.ts";
import { RedisTier } from "./redis_tier.ts";

/** How a {@linkcode RedisCache} is opened. */
export interface RedisCacheOptions {
  /** `redis://[[user]:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Names this process, in this life: never the same twice. */
  readonly processId: string;
  /** Of all keys in Redis; processes with one prefix share their entries. Default `wick:cache:`. */
  readonly prefix?: string;
  /** Deadline of a trip to the tier, ms; default 250. */
  readonly deadlineMs?: number;
  /**
   * What this process knows of invalidations; default: nothing yet. Whoever opens the cache again in
   * the same process hands in the one of before, with what was not deleted or published yet.
   */
  readonly log?: InvalidationLog;
}

/** Three connections: of the tier, of the stream's writer and of its reader. */
export interface RedisCache extends AsyncDisposable {
  readonly tier: RedisTier;
  readonly stream: RedisInvalidationStream;
  /** Ends the connections; idempotent. */
  close(): Promise<void>;
}

/** Begins to connect; nothing of it throws or waits for the server. */
export function openRedisCache(options: RedisCacheOptions): RedisCache {
  const { processId, deadlineMs, ...shared } = options;
  const log = options.log ?? new InvalidationLog(options.clock);
  const isOwing = log.giveUpPublishing();
  const tier = new RedisTier({
    ...shared,
    log,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  const stream = new RedisInvalidationStream({ ...shared, log, processId });
  if (isOwing) stream.publish(EVERYTHING);
  const close = async () => {
    await Promise.all([tier.close(), stream.close()]);
  };
  return { tier, stream, close, [Symbol.asyncDispose]: close };
}
