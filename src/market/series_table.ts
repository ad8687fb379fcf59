/**
 * Series keys found in bytes, without a string per row.
 *
 * @module
 */

import type { SeriesKey } from "./block.ts";
import { MarketError } from "./error.ts";
import { isSeries } from "./series.ts";

/** Most series in one file: a bound on the memory that a file can ask for (about 150 MB). */
export const SERIES_PER_FILE_MAX = 65_536;

/** Keys in the table are at most this long, longer ones are no series: see `series.ts`. */
const KEY_BYTES_MAX = 40;

/** Stands for what is no series key. */
export const NO_SERIES = -1;

/**
 * Numbers of series keys in the order in which they were first seen, found by the bytes of the key: a
 * hash table with open addressing over the keys' own bytes, so that a known key costs no allocation.
 * O(bytes of a key).
 */
export class SeriesTable {
  readonly #series: SeriesKey[] = [];
  /** Key bytes, `KEY_BYTES_MAX` apart, and their lengths, by number. */
  #keys = new Uint8Array(64 * KEY_BYTES_MAX);
  #keyBytes = new Uint8Array(64);
  /** Number + 1, or 0; a power of two, at most half full. */
  #slots = new Int32Array(128);

  /** Number of a key held as bytes from ≤ i < to; {@linkcode NO_SERIES} when they are no series key. */
  find(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length > KEY_BYTES_MAX) return NO_SERIES;
    const mask = this.#slots.length - 1;
    let slot = hashOf(bytes, from, to) & mask;
    for (;; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] as number) - 1;
      if (index < 0) return this.#add(bytes, from, to);
      if (this.#isKey(index, bytes, from, length)) return index;
    }
  }

  /** Number of a key held as text; {@linkcode NO_SERIES} when it is no series key. */
  get(key: string): number {
    const bytes = ENCODER.encode(key);
    return this.find(bytes, 0, bytes.length);
  }

  /** All keys, in the order in which they were first seen: their places are their numbers. */
  series(): readonly SeriesKey[] {
    return this.#series;
  }

  #isKey(index: number, bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#keyBytes[index] !== length) return false;
    const at = index * KEY_BYTES_MAX;
    for (let i = 0; i < length; i++) {
      if (this.#keys[at + i] !== bytes[from + i]) return false;
    }
    return true;
  }

  #add(bytes: Uint8Array, from: number, to: number): number {
    // Keys are ASCII, and no character that stands for another byte may be in one.
    const text = String.fromCharCode(...bytes.subarray(from, to));
    if (!isSeries(text)) return NO_SERIES;
    const index = this.#series.length;
    if (index === SERIES_PER_FILE_MAX) {
      throw new MarketError(
        "series_count",
        `Cannot read candles: expected at most ${SERIES_PER_FILE_MAX} series in one input: ` +
          `current value is one more, ${text}`,
      );
    }
    if (index === this.#keyBytes.length) this.#grow();
    this.#keys.set(bytes.subarray(from, to), index * KEY_BYTES_MAX);
    this.#keyBytes[index] = to - from;
    this.#insert(index);
    this.#series.push(text);
    return index;
  }

  #insert(index: number): void {
    const at = index * KEY_BYTES_MAX;
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.#keys, at, at + (this.#keyBytes[index] as number)) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #grow(): void {
    const keys = new Uint8Array(this.#keys.length * 2);
    keys.set(this.#keys);
    const keyBytes = new Uint8Array(this.#keyBytes.length * 2);
    keyBytes.set(this.#keyBytes);
    this.#keys = keys;
    this.#keyBytes = keyBytes;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let index = 0; index < this.#series.length; index++) this.#insert(index);
  }
}

const ENCODER = new TextEncoder();

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
