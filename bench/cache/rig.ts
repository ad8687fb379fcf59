/**
 * Router and shards as deployed, in this process and without actors: a shard stands for its actor.
 *
 * @module
 */

import { type Clock, seededRandom } from "../../src/actor/clock.ts";
import type { TimeSource } from "../../src/cache/cache.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import { CacheShard, type EntryTtl } from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type { LoadAsk, Loader } from "../../src/cache/types.ts";

/** Somebody who waits. */
export const DEMAND: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 10_000 };

/** Of all shards together, as the service has it by default. */
const WEIGHT_MAX_BYTES = 512 * 2 ** 20;

/** What a rig is made of. */
export interface RigOptions<V> {
  /** Of all shards together. */
  readonly entriesMax: number;
  readonly clock: Clock;
  /** A coarse clock for hits; the clock itself unless given. */
  readonly time?: TimeSource;
  readonly ttl: EntryTtl;
  readonly load: Loader<V>;
}

/** A router with its shards. */
export class Rig<V> implements Disposable {
  readonly router: CacheRouter<V>;
  readonly shards: readonly CacheShard<V>[];

  constructor({ entriesMax, ttl, ...options }: RigOptions<V>) {
    const random = seededRandom(1);
    this.router = new CacheRouter<V>({
      shards: SHARDS_DEFAULT,
      actor: (shard) => this.shards[shard] as CacheShard<V>,
      touched: new TouchedIndex(),
    });
    this.shards = Array.from({ length: SHARDS_DEFAULT }, (_, index) =>
      new CacheShard<V>({
        ...options,
        index,
        random,
        keys: this.router.keysOf(index),
        entriesMax: Math.ceil(entriesMax / SHARDS_DEFAULT),
        weightMaxBytes: WEIGHT_MAX_BYTES / SHARDS_DEFAULT,
        ttl: () => ttl,
      }));
    this.shards.forEach((shard, index) => this.router.attach(index, shard));
  }

  /** Entries that were served from memory within their soft TTL, as the statistics have it. */
  get freshHits(): number {
    return this.router.status().flatMap(({ types }) => types)
      .reduce((sum, { freshHits }) => sum + freshHits, 0);
  }

  [Symbol.dispose](): void {
    for (const shard of this.shards) shard.close();
  }
}
