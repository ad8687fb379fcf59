/**
 * A set of small whole numbers as bits, walked in memory order: which candidate sets are dirty,
 * which blocks were touched.
 *
 * - mark and clear are O(1), idempotent, and keep the count
 * - the walk skips 32 numbers at a time and finds the next one with `Math.clz32`
 *
 * @module
 */

import { assertInvariant } from "./error.ts";

/** See the head of this file. */
export class DirtyBits {
  #words: Uint32Array;
  #count = 0;

  /** Empty, with room for numbers below `size`. */
  constructor(size = 0) {
    this.#words = new Uint32Array((size + 31) >>> 5);
  }

  /** How many are marked. O(1). */
  get count(): number {
    return this.#count;
  }

  /** Makes room for numbers below `size`. */
  reserve(size: number): void {
    const length = (size + 31) >>> 5;
    if (length <= this.#words.length) return;
    const words = new Uint32Array(Math.max(length, 2 * this.#words.length));
    words.set(this.#words);
    this.#words = words;
  }

  /** Whether `at` is marked. */
  has(at: number): boolean {
    return ((this.#words[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  /** Marks `at`, for which there must be room. Returns whether it was not marked. */
  mark(at: number): boolean {
    const words = this.#words, word = words[at >>> 5] as number, bit = 1 << (at & 31);
    if ((word & bit) !== 0) return false;
    words[at >>> 5] = word | bit;
    this.#count++;
    return true;
  }

  /** Marks the first `length` of `all`. O(length). */
  markAll(all: Uint32Array, length: number): void {
    const words = this.#words;
    let count = 0;
    for (let i = 0; i < length; i++) {
      const at = all[i] as number, word = words[at >>> 5] as number, bit = 1 << (at & 31);
      count += (word >>> (at & 31) & 1) ^ 1;
      words[at >>> 5] = word | bit;
    }
    this.#count += count;
  }

  /** Clears `at`. Returns whether it was marked. */
  clear(at: number): boolean {
    const words = this.#words, word = words[at >>> 5] ?? 0, bit = 1 << (at & 31);
    if ((word & bit) === 0) return false;
    words[at >>> 5] = word & ~bit;
    this.#count--;
    return true;
  }

  /** Clears all. O(size / 32). */
  clearAll(): void {
    if (this.#count > 0) this.#words.fill(0);
    this.#count = 0;
  }

  /** The first that is marked at or after `from`, else -1. O(numbers passed over / 32). */
  next(from: number): number {
    const words = this.#words;
    let index = from >>> 5;
    if (this.#count === 0 || index >= words.length) return -1;
    let word = (words[index] as number) & (-1 << (from & 31));
    while (word === 0) {
      if (++index >= words.length) return -1;
      word = words[index] as number;
    }
    // `word & -word` is its lowest bit alone.
    return (index << 5) + 31 - Math.clz32(word & -word);
  }

  /** Lists up to `max` that are marked at or after `from` in `out`, ascending; returns how many. */
  list(from: number, out: Uint32Array, max: number): number {
    let count = 0;
    for (let at = this.next(from); at >= 0 && count < max; at = this.next(at + 1)) {
      out[count++] = at;
    }
    return count;
  }

  /**
   * Counts anew. O(size / 32).
   *
   * @throws {RefreshError} code `invariant`, when the count is wrong.
   */
  invariant(): void {
    let count = 0;
    for (const word of this.#words) {
      for (let rest = word; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
    }
    assertInvariant(count === this.#count, "dirty bits", `${this.#count} bits, not ${count}`);
  }
}
