/**
 * The log of how many accesses are to be expected, as a weighted sum of features, learned online.
 *
 * A key that gets μ accesses on average in a window is asked for with chance 1 − exp(−μ); with log
 * μ = w · x this is a generalised linear model with the complementary log-log link (P. McCullagh,
 * J. Nelder, "Generalized Linear Models", 1989, 4.3). The gradient of its log likelihood along η =
 * w · x is μ / (exp(μ) − 1) for a window with an access and −μ for one without.
 *
 * Weights begin where theory has them and move by AdaGrad (J. Duchi, E. Hazan, Y. Singer, "Adaptive
 * Subgradient Methods", JMLR 12, 2011), pulled back a little with each step: what nothing was
 * learned of stays as it was.
 *
 * @module
 */

/** What the sum is made of, in this order; see `chance.ts`. */
export const FEATURES = [
  "one",
  "usual",
  "own",
  "sector",
  "day",
  "hour",
  "minutes",
  "silence",
] as const;

/** Features. */
export const FEATURE_COUNT = FEATURES.length;

/**
 * Where weights begin: μ is the product of its factors, and how long a key is silent says nothing.
 */
const PRIOR: readonly number[] = [0, 1, 1, 1, 1, 1, 1, 0];

/** A step is so many times the gradient, divided by the root of all gradients squared so far. */
const STEP = 0.09;
/** Gradients squared that a weight is taken to have seen: the first sample may not move it far. */
const SEEN_START = 20;
/**
 * Gradient towards the prior for a weight that is off by 1: less than 1 % of what a window says.
 */
const PULL = 1e-3;
/** A single window without an access moves no more than that. */
const SLOPE_MAX = 3;

/** See the head of this file. */
export class ChanceModel {
  /** By feature. */
  readonly weights = Float64Array.from(PRIOR);
  readonly #seen = new Float64Array(FEATURE_COUNT).fill(SEEN_START);

  /** Accesses expected, of the features that begin at `at`. */
  mean(features: Float32Array, at: number): number {
    let eta = 0;
    for (let i = 0; i < FEATURE_COUNT; i++) {
      eta += (this.weights[i] as number) * (features[at + i] as number);
    }
    return Math.exp(Math.min(eta, 20));
  }

  /** Learns that a window with those features had an access, or none. */
  learn(features: Float32Array, at: number, isUsed: boolean): void {
    const mean = this.mean(features, at);
    const slope = isUsed ? mean < 1e-6 ? 1 : mean / Math.expm1(mean) : -Math.min(mean, SLOPE_MAX);
    for (let i = 0; i < FEATURE_COUNT; i++) {
      const gradient = slope * (features[at + i] as number);
      const seen = (this.#seen[i] as number) + gradient * gradient;
      const weight = this.weights[i] as number;
      const pull = PULL * ((PRIOR[i] as number) - weight);
      this.#seen[i] = seen;
      this.weights[i] = weight + STEP * (gradient + pull) / Math.sqrt(seen);
    }
  }

  /** What outlives the process: weights, then what they have seen. */
  snapshot(): Float64Array<ArrayBuffer> {
    return Float64Array.of(...this.weights, ...this.#seen);
  }

  /** Goes on from a snapshot that was checked: 2 × {@linkcode FEATURE_COUNT} finite numbers. */
  restore(saved: Float64Array): void {
    this.weights.set(saved.subarray(0, FEATURE_COUNT));
    this.#seen.set(saved.subarray(FEATURE_COUNT));
  }
}
