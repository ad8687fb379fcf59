/**
 * Series keys found in bytes, without a string per row.
 *
 * @module
 */

import { CandleBuilder, type SeriesKey } from "./block.ts";
import { MarketError } from "./error.ts";
import { isSeries } from "./series.ts";

/** Most series in one file: a bound on the memory that a file can ask for (about 150 MB). */
export const SERIES_PER_FILE_MAX = 65_536;

/** Rows a builder starts with: small, because there may be as many builders as series. */
const BUILDER_ROWS = 16;

/** Keys in the table are at most this long, longer ones are no series: see `series.ts`. */
const KEY_BYTES_MAX = 40;

/**
 * One candle builder per series key, found by the bytes of the key: a hash table with open
 * addressing over the keys' own bytes, so that a known key costs no allocation. O(bytes of a key).
 */
export class SeriesTable {
  readonly #builders: CandleBuilder[] = [];
  readonly #byKey = new Map<SeriesKey, CandleBuilder>();
  /** Key bytes, `KEY_BYTES_MAX` apart, and their lengths, by index of the builder. */
  #keys = new Uint8Array(64 * KEY_BYTES_MAX);
  #keyBytes = new Uint8Array(64);
  /** Index of the builder + 1, or 0; a power of two, at most half full. */
  #slots = new Int32Array(128);

  /** Builder of a key held as bytes from ≤ i < to; null when they are no series key. */
  find(bytes: Uint8Array, from: number, to: number): CandleBuilder | null {
    const length = to - from;
    if (length > KEY_BYTES_MAX) return null;
    const mask = this.#slots.length - 1;
    let slot = hashOf(bytes, from, to) & mask;
    for (;; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] as number) - 1;
      if (index < 0) return this.#add(bytes, from, to);
      if (this.#isKey(index, bytes, from, length)) return this.#builders[index] as CandleBuilder;
    }
  }

  /** Builder of a key held as text; null when it is no series key. */
  get(key: string): CandleBuilder | null {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(key);
    return this.find(bytes, 0, bytes.length);
  }

  /** All builders, in the order in which their keys were first seen. */
  builders(): readonly CandleBuilder[] {
    return this.#builders;
  }

  #isKey(index: number, bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#keyBytes[index] !== length) return false;
    const at = index * KEY_BYTES_MAX;
    for (let i = 0; i < length; i++) {
      if (this.#keys[at + i] !== bytes[from + i]) return false;
    }
    return true;
  }

  #add(bytes: Uint8Array, from: number, to: number): CandleBuilder | null {
    // With a byte order mark kept: a key that begins with one is no key, not that of another series.
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.slice(from, to));
    if (!isSeries(text)) return null;
    const index = this.#builders.length;
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
    const builder = new CandleBuilder(text, BUILDER_ROWS);
    this.#builders.push(builder);
    this.#byKey.set(text, builder);
    return builder;
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
    for (let index = 0; index < this.#builders.length; index++) this.#insert(index);
  }
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
