/**
 * Finds that a distribution over categories has moved: labels that used to be a third each are
 * suddenly all the same.
 *
 * Two questions are asked, and both have to say yes:
 * - **Is it large?** The population stability index, Σ (a − e)·ln(a/e) over the categories' shares
 *   now (a) and before (e): the symmetric divergence of H. Jeffreys (1946) as credit scoring uses
 *   it; below 0.1 is no change, above 0.25 is a large one (N. Siddiqi, Credit Risk Scorecards,
 *   2006).
 * - **Is it sure?** Pearson's χ² test of homogeneity of the two rows of counts at a chance of 10⁻⁶,
 *   whose quantile is that of E. Wilson and M. Hilferty (PNAS 17, 1931): with few labels any index
 *   is large.
 *
 * @module
 */

/** How two distributions differ. */
export interface Shift {
  /** Population stability index. */
  readonly psi: number;
  /** Pearson's χ². */
  readonly chiSquare: number;
  /** Degrees of freedom: categories with any count, less one. */
  readonly freedom: number;
  /** Both are beyond their limits, and there are counts enough. */
  readonly moved: boolean;
}

/** From this index on a change is large. */
export const PSI_LARGE = 0.25;
/** Labels that either row needs before it is compared. */
export const COUNTS_MIN = 200;
/** Standard normal quantile of 1 − 10⁻⁶. */
const Z_SURE = 4.7534;
/** Added to every category's count, so that an empty one has a logarithm (H. Jeffreys' prior). */
const PRIOR = 0.5;

/**
 * Compares counts by category; categories that one lacks count 0 there. O(categories).
 *
 * @param before Counts of the past.
 * @param now Counts of late.
 */
export function shiftOf(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): Shift {
  const names = [...new Set([...before.keys(), ...now.keys()])]
    .filter((name) => (before.get(name) ?? 0) + (now.get(name) ?? 0) > 0);
  const sum = (counts: ReadonlyMap<string, number>) =>
    names.reduce((total, name) => total + (counts.get(name) ?? 0), 0);
  const beforeSum = sum(before), nowSum = sum(now);
  const freedom = Math.max(0, names.length - 1);
  let psi = 0, chiSquare = 0;
  for (const name of names) {
    const e = before.get(name) ?? 0, a = now.get(name) ?? 0;
    const eShare = (e + PRIOR) / (beforeSum + PRIOR * names.length);
    const aShare = (a + PRIOR) / (nowSum + PRIOR * names.length);
    psi += (aShare - eShare) * Math.log(aShare / eShare);
    const share = (e + a) / (beforeSum + nowSum);
    for (const [count, total] of [[e, beforeSum], [a, nowSum]] as const) {
      if (total > 0) chiSquare += (count - share * total) ** 2 / (share * total);
    }
  }
  const isEnough = beforeSum >= COUNTS_MIN && nowSum >= COUNTS_MIN;
  const moved = isEnough && freedom > 0 && psi >= PSI_LARGE &&
    chiSquare > chiSquareQuantile(freedom, Z_SURE);
  return { psi, chiSquare, freedom, moved };
}

/**
 * The value that χ² with `freedom` degrees exceeds with the chance with which a standard normal
 * exceeds `z`, by Wilson and Hilferty: within 2 % from 3 degrees on, too high with fewer.
 */
export function chiSquareQuantile(freedom: number, z: number): number {
  const variance = 2 / (9 * freedom);
  return freedom * (1 - variance + z * Math.sqrt(variance)) ** 3;
}

/** Weight that the past loses with each hour: a distribution that stays is the usual one in days. */
const HOURLY_KEPT = 0.97;
const HOUR_MS = 3_600_000;
/** Categories that are told apart; the rest share `other`. */
export const CATEGORIES_MAX = 32;

/**
 * Watches one distribution: the counts since the last comparison against those before, whose weight
 * decays. Compares at every hour, or as soon after as there are counts enough; what moved is put
 * to the past only slowly, so it is said for as long as it differs.
 */
export class ShiftWatch {
  readonly #before = new Map<string, number>();
  #now = new Map<string, number>();
  #sinceMs: number | null = null;
  #last: Shift | null = null;

  /** The last comparison; null before the first. */
  get last(): Shift | null {
    return this.#last;
  }

  /** Counts labels of a category. */
  add(category: string, count: number): void {
    if (!(count > 0 && count < Infinity)) return;
    const isKnown = this.#now.has(category) || this.#now.size < CATEGORIES_MAX;
    const name = isKnown ? category : "other";
    this.#now.set(name, (this.#now.get(name) ?? 0) + count);
  }

  /** Compares when it is time, at monotonic time `nowMs`. Gives the last comparison. */
  look(nowMs: number): Shift | null {
    this.#sinceMs ??= nowMs;
    let total = 0;
    for (const count of this.#now.values()) total += count;
    if (nowMs - this.#sinceMs < HOUR_MS || total < COUNTS_MIN) return this.#last;
    const hours = (nowMs - this.#sinceMs) / HOUR_MS;
    if (this.#before.size > 0) this.#last = shiftOf(this.#before, this.#now);
    for (const [name, count] of this.#before) this.#before.set(name, count * HOURLY_KEPT ** hours);
    for (const [name, count] of this.#now) {
      const isKnown = this.#before.has(name) || this.#before.size < CATEGORIES_MAX;
      const kept = isKnown ? name : "other";
      this.#before.set(kept, (this.#before.get(kept) ?? 0) + count);
    }
    this.#now = new Map();
    this.#sinceMs = nowMs;
    return this.#last;
  }
}
