/**
 * How volatility bends the TTL of a price.
 *
 * A price that is a random walk with volatility σ (L. Bachelier, "Théorie de la spéculation", 1900)
 * is off by σ·√(2t/π) on average t after it was loaded. The TTL that keeps this error what it
 * usually is goes with 1/σ²: twice the volatility, a quarter of the TTL.
 *
 * @module
 */

/**
 * Least and most that a TTL is multiplied by: four times the calls at most, twice the age at most.
 */
export const VOLATILITY_FACTOR = { min: 0.25, max: 2 } as const;

/**
 * What to multiply a price's TTL by, given the ratio of the present to the usual volatility of the
 * instrument (both over bars of one length): 1 / ratio², within {@linkcode VOLATILITY_FACTOR}; 1
 * for what is no ratio.
 */
export function volatilityFactor(ratio: number): number {
  if (!(ratio > 0)) return 1;
  const { min, max } = VOLATILITY_FACTOR;
  return Math.min(max, Math.max(min, 1 / (ratio * ratio)));
}
