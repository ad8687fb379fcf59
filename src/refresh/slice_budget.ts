/**
 * How many sets a slice of work looks at, so that it takes about as long as it may: learned from
 * how long slices took. It begins small, since nothing is known of a scorer before it was called.
 *
 * A slice is not cut within one set: a scorer that takes a second for a set holds up everything for
 * that second, and one that never returns for ever. Nothing in one isolate can stop it.
 *
 * @module
 */

/** How long a slice takes, ms: others wait so long at the most. */
export const SLICE_MS = 2;
/** Sets of the first slice: 6 ms with a scorer of 100 µs. */
const FIRST_SETS = 64;
/** Most sets of a slice: 1 ms of looking at sets that cost nothing. */
const SETS_MAX = 32_768;
/** A slice is at most so many times the one before: a coarse clock may say that it took no time. */
const GROWTH = 2;

/** See the head of this file. */
export class SliceBudget {
  #sets = FIRST_SETS;

  /** Sets of the next slice. */
  get sets(): number {
    return this.#sets;
  }

  /**
   * A slice took `ms`. Only one that looked at all its sets tells how many more there may be: the
   * last slice of an evaluation has fewer.
   */
  took(ms: number, isWhole: boolean): void {
    const fits = ms > 0 ? Math.floor(this.#sets * SLICE_MS / ms) : SETS_MAX;
    if (!isWhole && fits >= this.#sets) return;
    this.#sets = Math.max(1, Math.min(fits, GROWTH * this.#sets, SETS_MAX));
  }
}
