/**
 * lru-cache 11 with a bound and a TTL, its other settings as they are by default (it looks at the
 * clock at most once in a millisecond, and in a loop that never yields once): hit by hit on traces,
 * and in loops of its own for its speed.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { KIND, type Quote, type SpeedSide } from "../cache/speed_side.ts";

/** As long as ours. */
const TTL_MS = 20 * 3_600_000;

/** A cache of whole numbers that says of each request whether it was a hit. */
export function lruCacheRequest(
  keys: readonly string[],
  entriesMax: number,
): (id: number) => boolean {
  const cache = new LRUCache<string, number>({ max: entriesMax, ttl: TTL_MS });
  return (id) => {
    const key = keys[id] as string;
    if (cache.get(key) !== undefined) return true;
    cache.set(key, id);
    return false;
  };
}

/** See {@linkcode SpeedSide}. */
export class LruCacheSide implements SpeedSide {
  readonly name = "lru-cache";
  readonly #cache: LRUCache<string, Quote>;

  constructor(entriesMax: number) {
    this.#cache = new LRUCache<string, Quote>({ max: entriesMax, ttl: TTL_MS });
  }

  get size(): number {
    return this.#cache.size;
  }

  fill(keys: readonly string[], values: readonly Quote[]): void {
    const cache = this.#cache;
    for (let i = 0; i < keys.length; i++) cache.set(keys[i] as string, values[i] as Quote);
  }

  hits(keys: readonly string[], order: Uint32Array): number {
    const cache = this.#cache;
    let sum = 0;
    for (let i = 0; i < order.length; i++) {
      const found = cache.get(keys[order[i] as number] as string);
      if (found === undefined) return NaN;
      sum += found.id;
    }
    return sum;
  }

  builtHits(symbols: readonly string[], order: Uint32Array): number {
    const cache = this.#cache;
    let sum = 0;
    for (let i = 0; i < order.length; i++) {
      const found = cache.get(`${KIND}:${symbols[order[i] as number]}`);
      if (found === undefined) return NaN;
      sum += found.id;
    }
    return sum;
  }

  mix(
    keys: readonly string[],
    setKeys: readonly string[],
    values: readonly Quote[],
    order: Uint32Array,
  ): number {
    const cache = this.#cache;
    let hits = 0;
    for (let i = 0; i < order.length; i++) {
      const at = order[i] as number;
      const found = cache.get(keys[at] as string);
      if (found === undefined) cache.set(setKeys[at] as string, values[at] as Quote);
      else if (found.id === at) hits++;
      else return NaN;
    }
    return hits;
  }

  close(): void {}
}
