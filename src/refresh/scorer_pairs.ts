/**
 * Correlations of pairs of edges by handle, of those pairs whose correlation is known: a hash table
 * in typed arrays with linear probing. A byte per slot says whether it is empty, else seven bits of
 * the pair's hash, so that an unknown pair, the usual case, is known from a table that fits the
 * caches. A pair takes 34 to 68 bytes.
 *
 * @module
 */

import { assertInvariant, RefreshError } from "./error.ts";

/** Most pairs: as many as 2,000 edges have, some 100 MB. */
export const PAIRS_MAX = 2_000_000;

const FIRST_SIZE = 1_024;
const EMPTY = 0;

/** Correlation of two edges by handle; NaN where it is unknown. */
export interface PairCorrelations {
  /** From -1 to 1, or NaN; the order of the two is of no matter. */
  of(a: number, b: number): number;
  /** An edge was removed, its handle may be given to another: drop what is kept about it. */
  forget?(edge: number): void;
}

/** See the head of this file. */
export class PairTable implements PairCorrelations {
  /** 0 where a slot is empty, else {@linkcode tagOf} its pair. */
  #tags = new Uint8Array(FIRST_SIZE);
  /** Lower and higher handle of a slot. */
  #pairs = new Int32Array(2 * FIRST_SIZE);
  #rhos = new Float64Array(FIRST_SIZE);
  #count = 0;

  /** Pairs whose correlation is known. */
  get count(): number {
    return this.#count;
  }

  /** See {@linkcode PairCorrelations}. O(1). */
  of(a: number, b: number): number {
    const low = a < b ? a : b, high = a < b ? b : a;
    const tags = this.#tags, pairs = this.#pairs, mask = tags.length - 1;
    const mixed = hash(low, high), tag = tagOf(mixed);
    let at = mixed & mask;
    for (let found = tags[at]; found !== EMPTY; found = tags[at]) {
      if (found === tag && pairs[2 * at] === low && pairs[2 * at + 1] === high) {
        return this.#rhos[at] as number;
      }
      at = (at + 1) & mask;
    }
    return NaN;
  }

  /**
   * Sets the correlation of a pair.
   *
   * @throws {RefreshError} code `correlation` (not from -1 to 1, or an edge with itself), `bound`.
   */
  set(a: number, b: number, rho: number): void {
    if (!(Math.abs(rho) <= 1) || a === b) {
      throw new RefreshError(
        "correlation",
        "Cannot set a correlation: expected two edges and a number from -1 to 1: " +
          `current value is ${rho} of ${a} and ${b}`,
      );
    }
    const low = Math.min(a, b), high = Math.max(a, b);
    const known = Number.isNaN(this.of(low, high)) ? 0 : 1;
    if (this.#count + 1 - known > PAIRS_MAX) {
      throw new RefreshError(
        "bound",
        `Cannot set a correlation: expected at most ${PAIRS_MAX} pairs: ` +
          `current value is ${this.#count + 1}`,
      );
    }
    if (2 * (this.#count + 1) > this.#rhos.length) this.#rewrite(2 * this.#rhos.length, () => true);
    this.#put(low, high, rho);
  }

  /** Drops all pairs of an edge. O(pairs). */
  forget(edge: number): void {
    this.#rewrite(this.#rhos.length, (low, high) => low !== edge && high !== edge);
  }

  /**
   * Looks every pair up. O(pairs).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    let count = 0;
    for (let at = 0; at < this.#rhos.length; at++) {
      const low = this.#pairs[2 * at] as number, high = this.#pairs[2 * at + 1] as number;
      if (this.#tags[at] === EMPTY) continue;
      count++;
      assertInvariant(low < high, "a pair", "the lower handle first");
      assertInvariant(Object.is(this.of(low, high), this.#rhos[at]), "a pair", "to be found");
    }
    assertInvariant(count === this.#count, "pairs", `${count} counted`);
  }

  #put(low: number, high: number, rho: number): void {
    const tags = this.#tags, pairs = this.#pairs, mask = tags.length - 1;
    const mixed = hash(low, high);
    let at = mixed & mask;
    while (tags[at] !== EMPTY) {
      if (pairs[2 * at] === low && pairs[2 * at + 1] === high) break;
      at = (at + 1) & mask;
    }
    if (tags[at] === EMPTY) this.#count++;
    tags[at] = tagOf(mixed);
    pairs[2 * at] = low;
    pairs[2 * at + 1] = high;
    this.#rhos[at] = rho;
  }

  #rewrite(size: number, keeps: (low: number, high: number) => boolean): void {
    const tags = this.#tags, pairs = this.#pairs, rhos = this.#rhos;
    this.#tags = new Uint8Array(size);
    this.#pairs = new Int32Array(2 * size);
    this.#rhos = new Float64Array(size);
    this.#count = 0;
    for (let at = 0; at < rhos.length; at++) {
      const low = pairs[2 * at] as number, high = pairs[2 * at + 1] as number;
      if (tags[at] !== EMPTY && keeps(low, high)) this.#put(low, high, rhos[at] as number);
    }
  }
}

/** The upper bits of a hash, of which slots use the lower ones; never 0. */
const tagOf = (mixed: number) => (mixed >>> 25) | 0x80;

/** Mixes two handles; multipliers of MurmurHash3's finaliser (A. Appleby, 2011). */
function hash(low: number, high: number): number {
  let mixed = Math.imul(low, 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35);
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}
