/**
 * What follows what: for every tracked key the few keys that are asked for soon after it, with how
 * often. Six words of 32 bits a key, whatever there is to learn.
 *
 * ```
 * word 0       accesses (8 bits, in quarters) │ generation (4) │ unused (20)
 * word 1 to 5  weight   (8 bits, in quarters) │ generation (4) │ slot (20)
 * ```
 *
 * - Each access follows the last 8 keys of its client (a set, not a sequence: what is read
 *   together comes in many orders), back to the last time it was asked for itself.
 * - A key that is new to a full row wears the lowest weight down by a quarter of an access; the
 *   next one takes the place of a weight that has come to nothing. So of many that follow once,
 *   none drives out what follows often, and what begins to follow often has time to come again.
 * - **Only a key that had to be waited for takes a place.** What is read so often that it is
 *   always in the cache follows everything, and would fill every row though nobody needs to be
 *   told of it.
 *   (As in J. Yang et al., "MITHRIL: Mining Sporadic Associations for Cache Prefetching", SoCC
 *   2017, which records misses only; here what has a place is counted at hits as well, so that its
 *   weight stays comparable with the accesses of its row.)
 * - When a row has counted 32 accesses, all of its counts are halved: what changed is forgotten.
 * - A slot that is given to another key gets another generation, and what pointed to the old one
 *   points nowhere. With 16 generations one in 16 of such words, if they live that long, points to
 *   the wrong key: they cost a wrong guess.
 *
 * @module
 */

import { ClientWindows, WINDOW } from "./association_windows.ts";

/** Most tracked keys: what 20 bits can say. */
export const ASSOCIATION_SLOTS_MAX = 1 << 20;
/** Successors of a row. */
export const SUCCESSORS_MAX = 4;

const ROW_WORDS = 1 + SUCCESSORS_MAX;
const SLOT_MASK = ASSOCIATION_SLOTS_MAX - 1;
const GENERATION_SHIFT = 20;
const GENERATION_ONE = 1 << GENERATION_SHIFT;
const GENERATION_MASK = 15 << GENERATION_SHIFT;
/** Slot and generation: one key for as long as it is tracked. */
const IDENTITY_MASK = SLOT_MASK | GENERATION_MASK;
const COUNT_SHIFT = 24;
const COUNT_ONE = 1 << COUNT_SHIFT;
/** Quarters of an access. */
const QUARTERS = 4;
/** Accesses of a row at which its counts are halved. */
const ACCESSES_MAX = 32;
/** Most quarters that 8 bits can say. */
const WEIGHT_MAX = 255;

/** See the top of the file. */
export class Association {
  readonly slotsMax: number;
  readonly #rows: Uint32Array;
  readonly #windows: ClientWindows;

  /**
   * An empty table of `slotsMax` keys, and the windows of `clientsMax` clients (32 bytes each and
   * their names); the clients that were not heard of for longest give way.
   *
   * @throws {RangeError} for other numbers of slots than 1 to {@linkcode ASSOCIATION_SLOTS_MAX}.
   */
  constructor(slotsMax: number, clientsMax: number) {
    if (!(Number.isInteger(slotsMax) && slotsMax >= 1 && slotsMax <= ASSOCIATION_SLOTS_MAX)) {
      throw new RangeError(
        `Cannot track keys: expected 1 to ${ASSOCIATION_SLOTS_MAX} slots: ` +
          `current value is ${slotsMax}`,
      );
    }
    this.slotsMax = slotsMax;
    this.#rows = new Uint32Array(slotsMax * ROW_WORDS);
    this.#windows = new ClientWindows(clientsMax);
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#rows.byteLength + this.#windows.bytes;
  }

  /**
   * Hears of an access: `isNeeded` says that it was not, or may not have been, in the cache. A key
   * that the same client asks for again at once is nothing new. O(1): eight rows are looked at.
   *
   * @returns whether it was counted.
   */
  accessed(client: string | null, slot: number, isNeeded: boolean): boolean {
    const identity = this.identityOf(slot);
    const windows = this.#windows;
    const window = windows.windowOf(client);
    if (windows.at(window, 1) === identity) return false;
    for (let back = 1; back <= WINDOW; back++) {
      const before = windows.at(window, back);
      if (before === ClientWindows.NONE || before === identity) break;
      if (this.#isCurrent(before)) this.#follows(before & SLOT_MASK, identity, isNeeded);
    }
    windows.push(window, identity);
    this.#count(slot);
    return true;
  }

  /**
   * Writes the successors of a key that followed it at least once lately: their slots, and the
   * share of the accesses of the key that each followed, above 0 to 1. The access that was heard
   * of last is not among those: what follows it is yet to come. O(1).
   *
   * @returns how many, at most {@linkcode SUCCESSORS_MAX}.
   */
  successors(slot: number, slots: Uint32Array, confidences: Float64Array): number {
    const rows = this.#rows;
    const row = slot * ROW_WORDS;
    const accesses = Math.max(QUARTERS, (rows[row] as number >>> COUNT_SHIFT) - QUARTERS);
    let count = 0;
    for (let at = row + 1; at < row + ROW_WORDS; at++) {
      const word = rows[at] as number;
      const weight = word >>> COUNT_SHIFT;
      if (weight < QUARTERS || !this.#isCurrent(word & IDENTITY_MASK)) continue;
      slots[count] = word & SLOT_MASK;
      confidences[count++] = Math.min(1, weight / accesses);
    }
    return count;
  }

  /** Accesses of a key lately, as its row counts them: 0 to 32, in quarters of one. O(1). */
  accessesOf(slot: number): number {
    return (this.#rows[slot * ROW_WORDS] as number >>> COUNT_SHIFT) / QUARTERS;
  }

  /** Slot and generation in one number: another one as soon as the slot is another key's. O(1). */
  identityOf(slot: number): number {
    return (this.#rows[slot * ROW_WORDS] as number) & GENERATION_MASK | slot;
  }

  /** The slot is another key's from now on. O(1). */
  forget(slot: number): void {
    const rows = this.#rows;
    const row = slot * ROW_WORDS;
    const generation = (rows[row] as number + GENERATION_ONE) & GENERATION_MASK;
    rows.fill(0, row, row + ROW_WORDS);
    rows[row] = generation;
  }

  /** The rows as plain data; the windows are not worth keeping. O(slotsMax). */
  snapshot(): Uint32Array {
    return this.#rows.slice();
  }

  /**
   * Goes on from a snapshot of a table of as many slots; whoever restores sees to it that every
   * slot is the same key's. Words that make no sense are left out. O(slotsMax).
   *
   * @returns whether it was taken.
   */
  restore(rows: unknown): boolean {
    if (!(rows instanceof Uint32Array) || rows.length !== this.#rows.length) return false;
    this.#rows.set(rows);
    for (let at = 0; at < rows.length; at++) {
      const slot = (rows[at] as number) & SLOT_MASK;
      if (slot >= this.slotsMax) this.#rows[at] = 0;
    }
    return true;
  }

  /** Throws when a row is not as it must be. O(slotsMax). */
  invariant(): void {
    const rows = this.#rows;
    for (let slot = 0; slot < this.slotsMax; slot++) {
      const seen = new Set<number>();
      for (let place = 1; place < ROW_WORDS; place++) {
        const word = rows[slot * ROW_WORDS + place] as number;
        const identity = word & IDENTITY_MASK;
        const isEmpty = word === 0;
        if (!isEmpty && (seen.has(identity) || (word & SLOT_MASK) >= this.slotsMax)) {
          throw new Error(`Cannot trust row ${slot}: ${word} is there twice or points nowhere`);
        }
        if (!isEmpty) seen.add(identity);
      }
    }
  }

  #isCurrent(identity: number): boolean {
    return this.identityOf(identity & SLOT_MASK) === identity;
  }

  #follows(before: number, identity: number, isNeeded: boolean): void {
    const rows = this.#rows;
    const row = before * ROW_WORDS;
    let lowest = row + 1, lowestWeight = WEIGHT_MAX + 1;
    for (let at = row + 1; at < row + ROW_WORDS; at++) {
      const word = rows[at] as number;
      const weight = word >>> COUNT_SHIFT;
      if ((word & IDENTITY_MASK) === identity && weight > 0) {
        rows[at] = identity | Math.min(WEIGHT_MAX, weight + QUARTERS) << COUNT_SHIFT;
        return;
      }
      if (weight < lowestWeight) [lowest, lowestWeight] = [at, weight];
    }
    if (!isNeeded) return;
    if (lowestWeight === 0) rows[lowest] = identity | QUARTERS << COUNT_SHIFT;
    else rows[lowest] = lowestWeight === 1 ? 0 : (rows[lowest] as number) - COUNT_ONE;
  }

  #count(slot: number): void {
    const rows = this.#rows;
    const row = slot * ROW_WORDS;
    const accesses = ((rows[row] as number) >>> COUNT_SHIFT) + QUARTERS;
    rows[row] = (rows[row] as number) & GENERATION_MASK | accesses << COUNT_SHIFT;
    if (accesses < ACCESSES_MAX * QUARTERS) return;
    rows[row] = halved(rows[row] as number);
    for (let at = row + 1; at < row + ROW_WORDS; at++) {
      const word = halved(rows[at] as number);
      rows[at] = word >>> COUNT_SHIFT === 0 ? 0 : word;
    }
  }
}

function halved(word: number): number {
  return word & IDENTITY_MASK | word >>> COUNT_SHIFT + 1 << COUNT_SHIFT;
}
