/**
 * Where a key is: in which table, and in which of its slots. One Map can serve all tables of an
 * isolate, so that a hit finds its table without hashing the key for a route first, which costs more
 * than the rest of a hit.
 *
 * A place is one integer, slot and table together. It is good until the next change of that table.
 *
 * @module
 */

const TABLE_BITS = 8;
/** Longest key that is remembered as missed. */
const MISSED_CHARS_MAX = 256;
/** Tables that one index can serve. */
export const TABLES_MAX = 1 << TABLE_BITS;
/** Slots of a table: places are 31 bits, which the engine keeps without a box. */
export const SLOTS_MAX = 2 ** (31 - TABLE_BITS);

/** See the top of the file. */
export class KeyIndex {
  readonly #places = new Map<string, number>();
  /**
   * The key that was asked for last and not there, until a key is set: what is put in is mostly what
   * was missed just before, and to know that costs less than to look again.
   */
  #missed: string | null = null;

  /** Keys of all tables. */
  get size(): number {
    return this.#places.size;
  }

  /** The place of a key; −1 when no table has it. O(1). */
  placeOf(key: string): number {
    const place = this.#places.get(key);
    if (place !== undefined) return place;
    // A long key would be kept alive by this.
    this.#missed = key.length <= MISSED_CHARS_MAX ? key : null;
    return -1;
  }

  /** As `placeOf`, faster for a key that was just missed; of what it misses it notes nothing. */
  placeAgain(key: string): number {
    return key === this.#missed ? -1 : this.#places.get(key) ?? -1;
  }

  /** Notes where a key is. */
  set(key: string, slot: number, table: number): void {
    this.#missed = null;
    this.#places.set(key, placeAt(slot, table));
  }

  /** Forgets a key. */
  delete(key: string): void {
    this.#places.delete(key);
  }

  /** Forgets the keys of a table that is given up; the others are as they were. O(keys). */
  drop(table: number): void {
    for (const [key, place] of this.#places) {
      if (tableOf(place) === table) this.#places.delete(key);
    }
  }
}

/** The place of a slot of a table. */
export const placeAt = (slot: number, table: number): number => (slot << TABLE_BITS) | table;
/** The table of a place that is not −1. */
export const tableOf = (place: number): number => place & (TABLES_MAX - 1);
/** The slot of a place that is not −1. */
export const slotOf = (place: number): number => place >> TABLE_BITS;
