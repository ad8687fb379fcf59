/**
 * Whether something is asked for more than usual, and how sure that is.
 *
 * @module
 */

/** Of a normal distribution: 97.7 % of what is usual lies below. */
const Z = 2;
/**
 * Accesses that may always come without meaning anything: without it the first access to a key that
 * nobody has asked for in a day would be beyond all measure.
 */
const PRIOR = 1;

/**
 * What a decayed count surely stands for: the lower end of the score interval of a Poisson mean (n +
 * z²/2 - z √(n + z²/4), one-sided 97.7 %). A count decayed exponentially varies half as much as a
 * Poisson count of the same mean, so twice of it is taken for n.
 */
export function surelyAtLeast(decayedCount: number): number {
  const n = 2 * decayedCount;
  return (n + Z * Z / 2 - Z * Math.sqrt(n + Z * Z / 4)) / 2;
}

/**
 * How many times as often as usual it is asked for of late, at least: above 1 it surely is more. Two
 * accesses out of nothing make 0.8, five 2.7.
 *
 * @param recent Decayed count of late.
 * @param usual The count that would be as usual, decayed alike.
 */
export function trendRatio(recent: number, usual: number): number {
  return surelyAtLeast(recent) / (usual + PRIOR);
}
