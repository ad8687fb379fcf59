/**
 * Stock splits guessed from prices.
 *
 * @module
 */

/** A split `newShares:oldShares`, for example 2:1, and how well a price change fits it. */
export interface SplitGuess {
  /** Shares held after the split for every `oldShares` before; below it in a reverse split. */
  readonly newShares: number;
  /** Shares before it. */
  readonly oldShares: number;
  /** Natural logarithm of the price ratio over the split ratio, absolute: 0 fits exactly. */
  readonly logError: number;
  /** Whether the fit is within {@linkcode SPLIT_LOG_ERROR_MAX}. */
  readonly isLikely: boolean;
}

/**
 * How far an opening may be from the exact ratio and still look like the split: 4 %, about the
 * overnight move of a stock. A fall of 47 % is then no 2:1 split.
 */
export const SPLIT_LOG_ERROR_MAX = 0.04;

/** Splits that companies make, as new:old shares; reverse ones last. */
const SPLITS: readonly (readonly [newShares: number, oldShares: number])[] = [
  ...([[3, 2], [4, 3], [5, 3], [5, 2]] as const),
  ...[2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 50, 100].map((n) => [n, 1] as const),
  ...[2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 50, 100].map((n) => [1, n] as const),
];

/**
 * The split nearest to a price ratio (price before / price after, above 0) by logarithm; the
 * first of equally near ones. O(splits).
 */
export function nearestSplit(priceRatio: number): SplitGuess {
  let best: SplitGuess = { newShares: 1, oldShares: 1, logError: Infinity, isLikely: false };
  for (const [newShares, oldShares] of SPLITS) {
    const logError = Math.abs(Math.log(priceRatio * oldShares / newShares));
    if (logError >= best.logError) continue;
    best = { newShares, oldShares, logError, isLikely: logError <= SPLIT_LOG_ERROR_MAX };
  }
  return best;
}
