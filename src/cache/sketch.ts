/**
 * How often keys that are not in the cache were asked for, roughly: a count-min sketch of 4-bit
 * counters (G. Cormode, S. Muthukrishnan, 2005; as in G. Einziger, R. Friedman, B. Manes, "TinyLFU: A
 * Highly Efficient Cache Admission Policy", ACM Transactions on Storage, 2017).
 *
 * A key has four counters, all in one block of 64 bytes so that it costs one cache line, and its
 * count is the smallest of them. `raise` lifts only those below (conservative update), so a count is
 * never too small, and too large only where other keys lie on all four.
 *
 * Neither call branches on what it reads: a counter is nothing that a processor could foresee, and a
 * wrong guess costs more than all the arithmetic.
 *
 * @module
 */

/** Highest count. */
export const COUNT_MAX = 15;
/** Counters of a key. */
const ROWS = 4;
/** Words of a block; each row has a quarter of them, that is 32 counters. */
const BLOCK_WORDS = 16;
const ROW_WORDS = BLOCK_WORDS / ROWS;
const WORD_COUNTERS = 8;
/** Bits that say which counter of a row: two for the word (the upper ones), three within it. */
const ROW_BITS = 5;
/** An odd number whose product with a hash has upper bits that depend on all of it. */
const SPREAD = 0x9e3779b1;
const COUNTERS_OF_BLOCK = BLOCK_WORDS * WORD_COUNTERS;

/** Fewest counters (8 KB): what a tiny cache turned away is a great deal more than what it holds. */
export const COUNTERS_MIN = 16_384;

/** See the top of the file. */
export class Sketch {
  readonly #words: Int32Array;
  readonly #blockMask: number;
  /** Keys that were new to it, those of before a halving at half. */
  #keys = 0;

  /**
   * A sketch of at least so many counters, rounded up to a power of two: half a byte each. Never
   * fewer than {@linkcode COUNTERS_MIN}.
   */
  constructor(counters: number) {
    let blocks = COUNTERS_MIN / COUNTERS_OF_BLOCK;
    while (blocks * COUNTERS_OF_BLOCK < counters) blocks *= 2;
    this.#words = new Int32Array(blocks * BLOCK_WORDS);
    this.#blockMask = blocks - 1;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  /** The count of a hash, 0 to 15, never too small. O(1). */
  count(hash: number): number {
    const words = this.#words;
    const block = (hash & this.#blockMask) * BLOCK_WORDS;
    let bits = Math.imul(hash ^ (hash >>> 15), SPREAD);
    let count = COUNT_MAX;
    for (let row = block; row < block + BLOCK_WORDS; row += ROW_WORDS) {
      const counter = (words[row + (bits >>> 30)] as number) >>> (bits >>> 25 & 28) & COUNT_MAX;
      const less = counter - count;
      count += less & (less >> 31);
      bits <<= ROW_BITS;
    }
    return count;
  }

  /** Makes the count of a hash at least `count`, 0 to 15. O(1). */
  raise(hash: number, count: number): void {
    const words = this.#words;
    const block = (hash & this.#blockMask) * BLOCK_WORDS;
    let bits = Math.imul(hash ^ (hash >>> 15), SPREAD);
    let zeros = 0;
    for (let row = block; row < block + BLOCK_WORDS; row += ROW_WORDS) {
      const at = row + (bits >>> 30), shift = bits >>> 25 & 28;
      const word = words[at] as number;
      const counter = (word >>> shift) & COUNT_MAX;
      const more = count - counter;
      words[at] = word + ((more & ~(more >> 31)) << shift);
      zeros |= counter - 1;
      bits <<= ROW_BITS;
    }
    this.#keys += zeros >>> 31;
  }

  /**
   * Whether so many keys are in it that the next new one is likely to be taken for one that was
   * seen: as many as a row has counters, when one of six is.
   */
  get isCrowded(): boolean {
    return this.#keys * ROWS >= this.#words.length * WORD_COUNTERS;
  }

  /** Halves every count, rounding down. O(counters / 8). */
  halve(): void {
    this.#keys /= 2;
    const words = this.#words;
    for (let at = 0; at < words.length; at++) {
      words[at] = ((words[at] as number) >>> 1) & 0x77777777;
    }
  }
}
