/**
 * Remembers the hashes of keys that left, the last so many of them: a ring in order of leaving, and
 * an open-addressed table (linear probing, deletion by shifting back) that finds them.
 *
 * - `add`, `take` are O(1) expected; 12 to 20 bytes for each hash of the capacity, taken when the
 *   first one comes.
 * - Two keys of one hash are one to it, which a policy can bear.
 *
 * @module
 */

import { mix } from "./hash.ts";

const EMPTY = 0;

/** See the top of the file. */
export class Ghost {
  #capacity: number;
  /** Hashes in order; where one was taken, its table entry no longer points here. */
  #ring: Int32Array;
  /** Place in the ring plus one, by hash. */
  #table: Int32Array;
  #mask: number;
  #next = 0;
  #size = 0;

  /** An empty one. */
  constructor(capacity: number) {
    this.#capacity = Math.max(1, capacity);
    this.#ring = new Int32Array(0);
    this.#table = new Int32Array(0);
    this.#mask = 0;
  }

  /** Hashes that it remembers. */
  get size(): number {
    return this.#size;
  }

  /** Forgets everything and takes another capacity. */
  resize(capacity: number): void {
    this.#capacity = Math.max(1, capacity);
    this.#ring = new Int32Array(0);
    this.#table = new Int32Array(0);
    this.#next = 0;
    this.#size = 0;
  }

  /** Remembers a hash as the latest; forgets the earliest if there are too many. */
  add(hash: number): void {
    if (this.#ring.length === 0) this.#allocate();
    this.take(hash);
    const at = this.#next;
    this.#next = at + 1 === this.#capacity ? 0 : at + 1;
    const overwritten = this.#find(this.#ring[at] as number);
    if (overwritten >= 0 && this.#table[overwritten] === at + 1) this.#delete(overwritten);
    this.#ring[at] = hash;
    let place = mix(hash) & this.#mask;
    while (this.#table[place] !== EMPTY) place = (place + 1) & this.#mask;
    this.#table[place] = at + 1;
    this.#size++;
  }

  #allocate(): void {
    this.#ring = new Int32Array(this.#capacity);
    let places = 4;
    while (places < this.#capacity * 2) places *= 2;
    this.#table = new Int32Array(places);
    this.#mask = places - 1;
  }

  /** Whether a hash is remembered; it no longer is. */
  take(hash: number): boolean {
    if (this.#size === 0) return false;
    const place = this.#find(hash);
    if (place < 0) return false;
    this.#delete(place);
    return true;
  }

  #find(hash: number): number {
    let place = mix(hash) & this.#mask;
    for (;;) {
      const at = this.#table[place] as number;
      if (at === EMPTY) return -1;
      if (this.#ring[at - 1] === hash) return place;
      place = (place + 1) & this.#mask;
    }
  }

  /** Empties a place and moves back what was pushed past it (D. Knuth, TAOCP 6.4, Algorithm R). */
  #delete(place: number): void {
    this.#size--;
    let hole = place, at = place;
    for (;;) {
      at = (at + 1) & this.#mask;
      const entry = this.#table[at] as number;
      if (entry === EMPTY) break;
      const home = mix(this.#ring[entry - 1] as number) & this.#mask;
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      this.#table[hole] = entry;
      hole = at;
    }
    this.#table[hole] = EMPTY;
  }

  /** Throws unless exactly `size` hashes are found in the table where they belong. */
  invariant(): void {
    let found = 0;
    for (const entry of this.#table) {
      if (entry === EMPTY) continue;
      found++;
      const place = this.#find(this.#ring[entry - 1] as number);
      if (this.#table[place] !== entry) throw new Error("The ghost is broken: a lost hash");
    }
    if (found === this.#size && found <= this.#capacity) return;
    throw new Error(`The ghost is broken: ${found} hashes, counted ${this.#size}`);
  }
}
