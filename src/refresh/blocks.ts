/**
 * Maxima per block of 64 sets, and per 64 such blocks, so that the best set is found without
 * looking at all.
 *
 * A key (a score, or an upper bound of one) is written without looking at maxima; its block is
 * touched. Whoever asks for the best makes touched blocks anew: of 100,000 sets that is at most one
 * pass over 800 kB, and after one set 64 + 64 + 25 numbers.
 *
 * Of equal keys the set with the lowest id is ahead, by UTF-16 code units: the order of `<` on
 * text. So the best does not depend on which handles sets got, or on who was evaluated first.
 *
 * @module
 */

import { DirtyBits } from "./dirty.ts";
import { assertInvariant } from "./error.ts";

const BLOCK_BITS = 6;
const BLOCK = 1 << BLOCK_BITS;
/** The key of a set that cannot be best: it has no score, or does not exist. */
export const NO_KEY: number = -Infinity;

/** See the head of this file. */
export class Blocks {
  readonly #ids: readonly string[];
  #keys = new Float64Array(0);
  #bestOfBlock = new Int32Array(0);
  #bestOfGroup = new Int32Array(0);
  readonly #touched = new DirtyBits();
  readonly #touchedGroups = new DirtyBits();

  /** No keys yet. `ids` is read later: the id of each handle, and it may grow. */
  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  /** Keys by handle; to be read only. Another array after each growth. */
  get keys(): Float64Array {
    return this.#keys;
  }

  /** Makes room for handles below `size`; new ones have no key. */
  reserve(size: number): void {
    const before = this.#keys.length;
    if (size <= before) return;
    // Whole groups, so that no loop has to look for the end.
    const groups = Math.ceil(Math.max(size, 2 * before) / (BLOCK * BLOCK));
    const keys = new Float64Array(groups * BLOCK * BLOCK).fill(NO_KEY);
    keys.set(this.#keys);
    this.#keys = keys;
    this.#bestOfBlock = grown(this.#bestOfBlock, groups * BLOCK);
    this.#bestOfGroup = grown(this.#bestOfGroup, groups);
    this.#touched.reserve(groups * BLOCK);
    this.#touchedGroups.reserve(groups);
  }

  /** Sets the key of a set, no NaN. O(1). */
  set(handle: number, key: number): void {
    this.#keys[handle] = key;
    this.#touched.mark(handle >>> BLOCK_BITS);
  }

  /** Sets no key of any set. O(size). */
  clear(): void {
    this.#keys.fill(NO_KEY);
    this.#bestOfBlock.fill(-1);
    this.#bestOfGroup.fill(-1);
    this.#touched.clearAll();
    this.#touchedGroups.clearAll();
  }

  /** Makes all maxima anew when they are asked for next. O(size / 64). */
  touchAll(): void {
    this.#bestOfBlock.fill(-1);
    this.#bestOfGroup.fill(-1);
    for (let block = 0; block < this.#bestOfBlock.length; block++) this.#touched.mark(block);
  }

  /** Handle of the set with the highest key, of equal ones the lowest id; -1 without any. */
  best(): number {
    this.#settle();
    let best = -1;
    for (const at of this.#bestOfGroup) best = this.#ahead(best, at);
    return best;
  }

  /**
   * Compares all maxima with the keys. O(size).
   *
   * @throws {RefreshError} code `invariant`, when one is not the maximum.
   */
  invariant(): void {
    this.#settle();
    this.#touched.invariant();
    const keys = this.#keys;
    for (let block = 0; block < this.#bestOfBlock.length; block++) {
      let best = -1;
      for (let i = block << BLOCK_BITS; i < (block + 1) << BLOCK_BITS; i++) {
        const key = keys[i] as number;
        assertInvariant(key === key, "keys", "no NaN");
        if (key > NO_KEY) best = this.#ahead(best, i);
      }
      assertInvariant(best === this.#bestOfBlock[block], `block ${block}`, `set ${best} ahead`);
    }
    for (let group = 0; group < this.#bestOfGroup.length; group++) {
      const from = group << BLOCK_BITS;
      let best = -1;
      for (const at of this.#bestOfBlock.subarray(from, from + BLOCK)) best = this.#ahead(best, at);
      assertInvariant(best === this.#bestOfGroup[group], `group ${group}`, `set ${best} ahead`);
    }
  }

  #settle(): void {
    const touched = this.#touched, groups = this.#touchedGroups;
    for (let block = touched.next(0); block >= 0; block = touched.next(block + 1)) {
      touched.clear(block);
      this.#bestOfBlock[block] = this.#bestIn(block);
      groups.mark(block >>> BLOCK_BITS);
    }
    for (let group = groups.next(0); group >= 0; group = groups.next(group + 1)) {
      groups.clear(group);
      const from = group << BLOCK_BITS;
      let best = -1;
      for (let i = from; i < from + BLOCK; i++) {
        best = this.#ahead(best, this.#bestOfBlock[i] as number);
      }
      this.#bestOfGroup[group] = best;
    }
  }

  #bestIn(block: number): number {
    const keys = this.#keys, ids = this.#ids, from = block << BLOCK_BITS;
    let best = -1, bestKey = NO_KEY;
    for (let i = from; i < from + BLOCK; i++) {
      const key = keys[i] as number;
      if (key > bestKey) {
        best = i;
        bestKey = key;
      } else if (key === bestKey && best >= 0 && (ids[i] as string) < (ids[best] as string)) {
        best = i;
      }
    }
    return best;
  }

  #ahead(a: number, b: number): number {
    if (a < 0) return b;
    if (b < 0) return a;
    const keyA = this.#keys[a] as number, keyB = this.#keys[b] as number;
    if (keyA !== keyB) return keyA > keyB ? a : b;
    return (this.#ids[a] as string) <= (this.#ids[b] as string) ? a : b;
  }
}

function grown(before: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const after = new Int32Array(size).fill(-1);
  after.set(before);
  return after;
}
