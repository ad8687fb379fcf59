/**
 * How alike symbols are in what is asked of them: how many accesses it takes until a symbol's own
 * mix of kinds is believed rather than that of all.
 *
 * The share of a kind is (count + m × usual share) / (accesses + m), the mean under a Dirichlet
 * prior of weight m. Where everybody asks for prices first and news second, m is large; where one
 * symbol is watched for its news and another for its price, it is small, and a kind that was never
 * asked of a busy symbol is not going to be. Some weights are tried at once: each foretells the
 * kind of an access before it is counted, and the one under which they were likeliest is taken (A.
 * P. Dawid, "The Prequential Approach", JRSS A 147, 1984).
 *
 * @module
 */

/** Weights that are tried, in accesses. */
const WEIGHTS = [2, 8, 30, 120, 500] as const;

/** Before anything is known: half believed after 30 accesses. */
const WEIGHT_START = 30;

/** One of so many accesses is foretold: logarithms cost more than the rest of an access. */
const EVERY = 8;

/** What was likely is forgotten over so many of those. */
const MEMORY_COUNT = 20_000;

/** See the head of this file. */
export class ChanceMix {
  /** Log likelihood by weight, fading. */
  readonly #scores = new Float64Array(WEIGHTS.length);
  #accesses = 0;
  #weight: number = WEIGHT_START;

  /** The weight that is taken. */
  get weight(): number {
    return this.#weight;
  }

  /** Share of a kind with `count` of a symbol's `all` accesses; `usual` is that of all symbols. */
  share(count: number, all: number, usual: number): number {
    return shareUnder(this.#weight, count, all, usual);
  }

  /** An access of a kind that had those counts before. O(1), 1 of 8 times. */
  accessed(count: number, all: number, usual: number): void {
    if (++this.#accesses % EVERY !== 0) return;
    let best = 0;
    for (let at = 0; at < WEIGHTS.length; at++) {
      const share = shareUnder(WEIGHTS[at] as number, count, all, usual);
      const score = (this.#scores[at] as number) * (1 - 1 / MEMORY_COUNT) + Math.log(share);
      this.#scores[at] = score;
      if (score > (this.#scores[best] as number)) best = at;
    }
    this.#weight = WEIGHTS[best] as number;
  }

  /** What outlives the process: {@linkcode MIX_NUMBERS} numbers. */
  snapshot(): Float64Array<ArrayBuffer> {
    return Float64Array.of(this.#weight, ...this.#scores);
  }

  /** Goes on from a snapshot that was checked. */
  restore(saved: Float64Array): void {
    this.#weight = Math.max(saved[0] as number, WEIGHTS[0]);
    this.#scores.set(saved.subarray(1));
  }
}

/** Numbers of a snapshot. */
export const MIX_NUMBERS = 1 + WEIGHTS.length;

const shareUnder = (weight: number, count: number, all: number, usual: number) =>
  // A key that is counted apart from its symbol, after a change of slots, may be ahead of it.
  (count + weight * usual) / (Math.max(all, count) + weight);
