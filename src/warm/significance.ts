/**
 * Whether two shares differ by more than chance makes them differ.
 *
 * Two tests, both two-sided:
 *
 * - {@linkcode twoProportionTest}, for trials that are independent, as entries warmed and used
 *   nearly are: z = (p₂ − p₁) / √(p̂ (1 − p̂) (1/n₁ + 1/n₂)) with the pooled share p̂ (J. L. Fleiss,
 *   B. Levin, M. C. Paik, *Statistical Methods for Rates and Proportions*, 3rd ed., 2003, ch. 3)
 * - {@linkcode ratioTest}, for trials in clusters: variants part keys, and accesses of one key are
 *   answered alike, so that a million accesses of a hundred keys are a hundred observations. The
 *   variance of Σhits / Σaccesses over keys is that of the delta method (A. Deng, U. Knoblich, J.
 *   Lu, *Applying the Delta Method in Metric Analytics*, KDD 2018, eq. 5).
 *
 * @module
 */

/** A difference of two shares. */
export interface Difference {
  /** Second minus first. */
  readonly difference: number;
  /** In standard errors. */
  readonly z: number;
  /** Chance of |z| that large where nothing differs. */
  readonly pValue: number;
}

/** Independent trials. */
export interface Trials {
  readonly successes: number;
  readonly count: number;
}

/** Trials in clusters, as sums over the clusters. */
export interface ClusterSums {
  /** Clusters. */
  readonly clusters: number;
  /** Σ trials. */
  readonly n: number;
  /** Σ successes. */
  readonly x: number;
  /** Σ trials². */
  readonly nn: number;
  /** Σ successes². */
  readonly xx: number;
  /** Σ trials · successes. */
  readonly nx: number;
}

/** The normal approximation is good from about five expected successes and failures on each side. */
const EXPECTED_MIN = 5;

/** Fewer clusters make a variance of chance finds. */
const CLUSTERS_MIN = 30;

/** See the head of this file; null while there is too little to say. */
export function twoProportionTest(first: Trials, second: Trials): Difference | null {
  const pooled = (first.successes + second.successes) / (first.count + second.count);
  const least = Math.min(first.count, second.count) * Math.min(pooled, 1 - pooled);
  // NaN without any trial fails too.
  if (!(least >= EXPECTED_MIN)) return null;
  const variance = pooled * (1 - pooled) * (1 / first.count + 1 / second.count);
  return difference(
    second.successes / second.count - first.successes / first.count,
    variance,
  );
}

/** See the head of this file; null while there is too little to say. */
export function ratioTest(first: ClusterSums, second: ClusterSums): Difference | null {
  if (Math.min(first.clusters, second.clusters) < CLUSTERS_MIN) return null;
  const variance = ratioVariance(first) + ratioVariance(second);
  if (!(variance > 0)) return null;
  return difference(second.x / second.n - first.x / first.n, variance);
}

/** Variance of Σx / Σn over clusters. */
export function ratioVariance({ clusters, n, x, nn, xx, nx }: ClusterSums): number {
  const ratio = x / n;
  // Σ (x − r n)²: the clusters' residuals, whose mean is zero by the choice of r.
  const residuals = xx - 2 * ratio * nx + ratio * ratio * nn;
  return (clusters / (clusters - 1)) * Math.max(0, residuals) / (n * n);
}

function difference(value: number, variance: number): Difference {
  const z = value / Math.sqrt(variance);
  return { difference: value, z, pValue: normalTails(z) };
}

/**
 * Chance that a standard normal number is at least |z| from zero: erfc(|z| / √2), by the rational
 * Chebyshev fit of W. H. Press et al., *Numerical Recipes*, 2nd ed., 1992, § 6.2; relative error
 * below 1.2e-7.
 */
export function normalTails(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  const coefficients = [
    0.17087277,
    -0.82215223,
    1.48851587,
    -1.13520398,
    0.27886807,
    -0.18628806,
    0.09678418,
    0.37409196,
    1.00002368,
    -1.26551223,
  ];
  const power = coefficients.reduce((sum, c) => sum * t + c, 0);
  return t * Math.exp(-x * x + power);
}
