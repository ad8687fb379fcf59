/**
 * How often items fail, learned from chunks that fail as a whole.
 *
 * @module
 */

/**
 * Chunks after which an observation counts half: long enough for some ten failures where one chunk
 * in ten fails, short enough that a change of regime is learned within about as many chunks.
 */
export const CHUNK_HALF_LIFE = 100;

const KEPT = 2 ** (-1 / CHUNK_HALF_LIFE);

/** A rate above it is of no use: hardly a chunk of ten would ever get through. */
const RATIO_MAX = 0.5;

/**
 * The probability p that an item fails, pooled over chunks of all sizes, recent ones weighing more.
 *
 * A chunk of n fails when any of its items does, with probability 1 − (1 − p)^n; how many did is not
 * seen. Given that it failed, n·p / (1 − (1 − p)^n) are to be expected, by the p known so far: one
 * step of expectation and maximisation for each chunk (Dempster, Laird and Rubin 1977). Counting each
 * failed chunk as one failed item would hide the rate where most chunks fail.
 */
export class ChunkFailures {
  #failed = 0;
  #items = 0;
  #ratio = 0;

  /** p; 0 until a chunk failed. */
  get ratio(): number {
    return this.#ratio;
  }

  /** What came of a chunk of `items`. O(1). */
  record(items: number, isOk: boolean): void {
    this.#items = this.#items * KEPT + items;
    this.#failed *= KEPT;
    if (!isOk) this.#failed += this.#expectedOf(items);
    this.#ratio = Math.min(RATIO_MAX, this.#failed / this.#items);
  }

  #expectedOf(items: number): number {
    const chance = -Math.expm1(items * Math.log1p(-this.#ratio));
    // The limit for p → 0 is 1.
    return chance > 0 ? items * this.#ratio / chance : 1;
  }
}
