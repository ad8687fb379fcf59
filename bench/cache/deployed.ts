/**
 * The tables of the cache as they are deployed: the default policy in the default number of shards,
 * TTLs and statistics on, time from a coarse clock.
 *
 * @module
 */

import { Cache, type SetOptions, type TimeSource } from "../../src/cache/cache.ts";
import { KeyIndex, slotOf, tableOf } from "../../src/cache/key_index.ts";
import { Rendezvous, SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import type { PolicyName } from "../../src/cache/types.ts";
import { type Random, seededRandom } from "../../src/actor/clock.ts";

/** Long enough that no entry of a bench ends. */
export const TIMES: SetOptions = { softTtlMs: 20 * 3_600_000, hardTtlMs: 40 * 3_600_000 };

/** How the tables are made. */
export interface DeployedOptions {
  /** Of all shards together. */
  readonly entriesMax: number;
  readonly time: TimeSource;
  readonly policy?: PolicyName;
  /** Seeded, so that a run can be repeated. */
  readonly random?: Random;
}

/** Tables with one index of their keys, as the router has them. */
export class Deployed<V> {
  readonly shards: readonly Cache<V>[];
  readonly #index = new KeyIndex();
  readonly #rendezvous: Rendezvous;

  constructor(options: DeployedOptions, shards = SHARDS_DEFAULT) {
    this.shards = tablesOf(options, shards, this.#index);
    this.#rendezvous = new Rendezvous(shards);
  }

  get(key: string): V | undefined {
    const place = this.#index.placeOf(key);
    if (place < 0) return undefined;
    return (this.shards[tableOf(place)] as Cache<V>).getAt(slotOf(place));
  }

  /** Never refused: the tables have no bound by weight. */
  set(key: string, value: V): void {
    (this.shards[this.#rendezvous.shardOf(key)] as Cache<V>).set(key, value, TIMES);
  }

  /** What a shard does by a timer. */
  expire(): void {
    for (const shard of this.shards) shard.expire();
  }

  /** Entries of all shards. */
  get size(): number {
    return this.shards.reduce((sum, shard) => sum + shard.size, 0);
  }
}

/** Tables whose bounds add up to `entriesMax`. */
function tablesOf<V>(options: DeployedOptions, shards: number, index: KeyIndex): Cache<V>[] {
  const { entriesMax, random = seededRandom(1) } = options;
  return Array.from({ length: shards }, (_, table) =>
    new Cache<V>({
      ...options,
      random,
      index,
      table,
      entriesMax: Math.max(1, Math.floor((entriesMax + table) / shards)),
    }));
}
