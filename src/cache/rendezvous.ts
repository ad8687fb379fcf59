/**
 * Which shard has a key: highest random weight, or rendezvous, hashing (D. G. Thaler and C. V.
 * Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
 * Networking 6(1), 1998). Each shard gives each key a weight that looks random; the key goes to the
 * heaviest.
 *
 * - one more shard takes its n-th of the keys from all others, and no other key moves
 * - the same on every machine and in every version: nothing here depends on V8's own hashes
 *
 * Weighed are not keys but {@linkcode SLOTS} slots of their hashes, once: a key is looked up in a
 * table. To weigh it anew each time, with a branch at every shard that nothing can foresee, makes a
 * cache that misses and stores a tenth slower. The price is in the shares: they differ by
 * √((n − 1) / SLOTS) of what they should be, 1.4 % for four shards.
 *
 * @module
 */

import { CacheError, shown } from "./error.ts";
import { hashKey, mix } from "./hash.ts";

/**
 * Shards of a process unless told otherwise: an entry bound of some 12,500 each, four mailboxes.
 */
export const SHARDS_DEFAULT = 4;

/** Most shards: what a byte can say. */
export const SHARDS_MAX = 256;

/** The same in every process; tables hash under seeds of their own. */
const ROUTE_SEED = 0;

/** The golden ratio's 32 bits, odd; the usual step between seeds. */
const GOLDEN = 0x9e3779b9;

/** The table has a byte a slot, so that it stays in the processor's first cache. */
const SLOT_BITS = 14;
/** What keys are told apart by when they are divided. */
export const SLOTS = 1 << SLOT_BITS;

/** Keys to shards; see the head of this file. */
export class Rendezvous {
  /** How many shards there are. */
  readonly shards: number;
  /** By slot. */
  readonly #shardOf = new Uint8Array(SLOTS);

  /**
   * Shards 0 to `shards` - 1.
   *
   * @throws {CacheError} code `shards` for none or more than {@linkcode SHARDS_MAX}.
   */
  constructor(shards: number) {
    if (!Number.isInteger(shards) || shards < 1 || shards > SHARDS_MAX) {
      throw new CacheError(
        "shards",
        `Cannot divide keys: expected 1 to ${SHARDS_MAX} shards: current value is ${shown(shards)}`,
      );
    }
    this.shards = shards;
    const seeds = Int32Array.from({ length: shards }, (_, i) => mix(Math.imul(i + 1, GOLDEN)));
    for (let slot = 0; slot < SLOTS; slot++) this.#shardOf[slot] = heaviestOf(mix(slot), seeds);
  }

  /** The shard of a key. O(characters). */
  shardOf(key: string): number {
    return this.#shardOf[hashKey(key, ROUTE_SEED) >>> (32 - SLOT_BITS)] as number;
  }
}

function heaviestOf(hash: number, seeds: Int32Array): number {
  let shard = 0;
  let heaviest = mix(hash ^ (seeds[0] as number));
  // Two shards never weigh the same: mixing is one to one and the seeds differ.
  for (let i = 1; i < seeds.length; i++) {
    const weight = mix(hash ^ (seeds[i] as number));
    if (weight > heaviest) {
      heaviest = weight;
      shard = i;
    }
  }
  return shard;
}
