/**
 * How long a chunk of each size takes, learned from few and noisy trials.
 *
 * Chunk times scatter by a quarter and more, and neighbouring sizes differ by a few per cent: the
 * mean of one size's own trials would tell them apart only after hundreds. So the estimate for a size
 * rests on two legs.
 *
 * - A straight line through the logarithm of time per item over the logarithm of size, fitted to all
 *   trials, those of near sizes weighing more (local linear regression; Cleveland 1979). It also says
 *   what to expect of a size that was never tried. Where there is a single size, the slope is taken
 *   from {@linkcode SLOPE_PRIOR}.
 * - The mean of its own trials, which wins as they become many: a line cannot follow a knee.
 *
 * Means are taken of time per item, not of its logarithm, so that T is the mean time of a chunk,
 * which is what goodput is made of.
 *
 * @module
 */

import { CHUNK_HALF_LIFE } from "./chunk_failures.ts";
import { SIZE_STEP } from "./chunk_sizes.ts";

/** Steps at which the weight of a neighbour's trials has fallen to 61 %: a factor of two. */
const BANDWIDTH_STEPS = 4;

/** Trials of its own that weigh as much as the line. */
const LINE_TRIALS = 5;

/**
 * Slope while nothing is known: −1 would be overhead only, 0 none. In the middle, so that larger
 * chunks are tried without being taken for granted.
 */
const SLOPE_PRIOR = -0.5;

/** Weight of the prior slope: that of two trials a step away. */
const SLOPE_PRIOR_WEIGHT = 2 * Math.log(SIZE_STEP) ** 2;

/** Below it a size counts as not tried, ten half-lives after its last trial. */
const WEIGHT_MIN = 1e-3;

/** Shortest time of a chunk, ms: what a clock can show; its logarithm must exist. */
const TOOK_MIN_MS = 1e-3;

/** Mean times by size; O(sizes) memory, `record` O(1), `chunkMs` O(sizes). */
export class ChunkTimes {
  readonly #logSizes: Float64Array;
  /** Trials, as if their decay had stopped at `#at`. */
  readonly #weights: Float64Array;
  readonly #at: Float64Array;
  readonly #itemMs: Float64Array;
  #recorded = 0;

  /** Nothing known of `sizes`. */
  constructor(sizes: readonly number[]) {
    this.#logSizes = Float64Array.from(sizes, Math.log);
    this.#weights = new Float64Array(sizes.length);
    this.#at = new Float64Array(sizes.length);
    this.#itemMs = new Float64Array(sizes.length);
  }

  /** A chunk of `items`, filed under the size of that index, took `tookMs`. */
  record(index: number, items: number, tookMs: number): void {
    this.#recorded++;
    const weight = this.trials(index);
    const itemMs = Math.max(TOOK_MIN_MS, tookMs) / items;
    this.#itemMs[index] = (weight * (this.#itemMs[index] ?? 0) + itemMs) / (weight + 1);
    this.#weights[index] = weight + 1;
    this.#at[index] = this.#recorded;
  }

  /** Trials of a size, each halved every {@linkcode CHUNK_HALF_LIFE} chunks of any size. */
  trials(index: number): number {
    const age = this.#recorded - (this.#at[index] ?? 0);
    return (this.#weights[index] ?? 0) * 2 ** (-age / CHUNK_HALF_LIFE);
  }

  /** Mean of the trials of that size alone, ms; NaN without any. */
  ownChunkMs(index: number): number {
    if (this.trials(index) === 0) return NaN;
    return (this.#itemMs[index] as number) * Math.exp(this.#logSizes[index] as number);
  }

  /** Mean time of a chunk of that size, ms; NaN while nothing is known of any. */
  chunkMs(index: number): number {
    const trials = this.trials(index);
    const own = trials > WEIGHT_MIN ? Math.log(this.#itemMs[index] as number) : 0;
    const logItemMs = (trials * own + LINE_TRIALS * this.#lineAt(index)) / (trials + LINE_TRIALS);
    return Math.exp(logItemMs + (this.#logSizes[index] as number));
  }

  /** Logarithm of time per item, by the line fitted around a size. */
  #lineAt(index: number): number {
    const centre = this.#logSizes[index] as number;
    const scale = 1 / (BANDWIDTH_STEPS * Math.log(SIZE_STEP));
    let w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (let i = 0; i < this.#logSizes.length; i++) {
      const trials = this.trials(i);
      if (trials <= WEIGHT_MIN) continue;
      const x = (this.#logSizes[i] as number) - centre;
      const y = Math.log(this.#itemMs[i] as number);
      // The second term: far trials are better than none at all.
      const weight = trials * (Math.exp(-0.5 * (x * scale) ** 2) + 1e-9);
      w += weight;
      wx += weight * x;
      wy += weight * y;
      wxx += weight * x * x;
      wxy += weight * x * y;
    }
    const meanX = wx / w, meanY = wy / w;
    const slope = (wxy - wy * meanX + SLOPE_PRIOR_WEIGHT * SLOPE_PRIOR) /
      (wxx - wx * meanX + SLOPE_PRIOR_WEIGHT);
    return meanY - slope * meanX;
  }
}
