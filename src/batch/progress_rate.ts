/**
 * How fast work goes lately, and how sure that is.
 *
 * The last {@linkcode WINDOW_MS} are cut into {@linkcode BLOCKS} blocks of equal length, and what
 * was done in each is counted. The rate is the mean of the blocks; its range is the mean ± t·s/√n
 * with Student's t for 95 %: the method of batch means (A. M. Law, Simulation Modeling and
 * Analysis, 5th ed. 2015, section 9.5.3). Blocks of some seconds hold many items, so that their
 * counts are nearly independent. The range tells how far the rate wanders now; that work changes
 * its nature later (another phase, an outage) is in no such range.
 *
 * @module
 */

/** How far back counts. */
export const WINDOW_MS = 60_000;

/** Blocks of the window. */
export const BLOCKS = 12;

/** Blocks before a rate is said: fewer say nothing about their spread. */
const BLOCKS_MIN = 3;

/** Length of a block of the whole window. */
const BLOCK_MAX_MS = WINDOW_MS / BLOCKS;

/** Blocks are this long at first, and double four times until they make up the window. */
const BLOCK_MIN_MS = BLOCK_MAX_MS / 16;

/** Student's t for 95 % on both sides, by degrees of freedom 2 to 11 (any table). */
const STUDENT_T = [4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201];

/** Items a second with a 95 % range. */
export interface RateRange {
  /** Mean. */
  readonly perSecond: number;
  /** Lower end, ≥ 0. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

/**
 * Rate of the last minute, with a range. O(1) an event, a fixed number of counts; time is handed in
 * and must not go backwards.
 *
 * Until a minute has passed, blocks are short and merge in pairs when there are too many, so that a
 * rate is there after a second.
 */
export class ProgressRate {
  #blockMs = BLOCK_MIN_MS;
  /** Start of the block that is filling. */
  #fromMs: number;
  #filling = 0;
  /** Full blocks, oldest first. */
  #full: number[] = [];

  /** Nothing was done before `nowMs`. */
  constructor(nowMs: number) {
    this.#fromMs = nowMs;
  }

  /** `count` items were done by `nowMs`. */
  add(nowMs: number, count: number): void {
    this.#moveTo(nowMs);
    this.#filling += count;
  }

  /** The rate at `nowMs`; null while there are too few blocks. */
  range(nowMs: number): RateRange | null {
    this.#moveTo(nowMs);
    const counts = this.#full;
    const n = counts.length;
    if (n < BLOCKS_MIN) return null;
    let sum = 0;
    for (const count of counts) sum += count;
    const mean = sum / n;
    let squares = 0;
    for (const count of counts) squares += (count - mean) ** 2;
    const t = STUDENT_T[n - BLOCKS_MIN] ?? 2.201;
    const half = t * Math.sqrt(squares / (n - 1) / n);
    const scale = 1_000 / this.#blockMs;
    return {
      perSecond: mean * scale,
      low: Math.max(0, mean - half) * scale,
      high: (mean + half) * scale,
    };
  }

  #moveTo(nowMs: number): void {
    if (nowMs - this.#fromMs > 2 * WINDOW_MS) {
      // A long silence: all that the window holds is known without walking through it.
      this.#full = new Array<number>(BLOCKS).fill(0);
      this.#blockMs = BLOCK_MAX_MS;
      this.#fromMs = nowMs;
      this.#filling = 0;
    }
    while (nowMs - this.#fromMs >= this.#blockMs) {
      this.#fromMs += this.#blockMs;
      this.#push(this.#filling);
      this.#filling = 0;
    }
  }

  #push(count: number): void {
    this.#full.push(count);
    if (this.#full.length <= BLOCKS) return;
    if (this.#blockMs >= BLOCK_MAX_MS) {
      this.#full.shift();
      return;
    }
    // Thirteen blocks: the six newest pairs stay, each as one block.
    const merged: number[] = [];
    for (let at = 1; at < this.#full.length; at += 2) {
      merged.push((this.#full[at] ?? 0) + (this.#full[at + 1] ?? 0));
    }
    this.#full = merged;
    this.#blockMs *= 2;
  }
}
