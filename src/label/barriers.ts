/**
 * What one candle does to a pair of barriers (R7).
 *
 * @module
 */

/** What a candle did: nothing, opened beyond a barrier, touched one, or touched both. */
export const Touch = { none: 0, gapUp: 1, gapDown: 2, both: 3, up: 4, down: 5 } as const;

/** A value of {@linkcode Touch}. */
export type TouchCode = typeof Touch[keyof typeof Touch];

/**
 * The first of R7's cases that applies to a candle. Touching counts. Prices and barriers in price
 * units; the candle must be valid (R2), the close plays no part. O(1).
 */
export function touch(
  open: number,
  high: number,
  low: number,
  up: number,
  down: number,
): TouchCode {
  if (high < up) {
    // A valid candle opens at or under its high, so no case of the upper barrier is left.
    if (low > down) return Touch.none;
    return open <= down ? Touch.gapDown : Touch.down;
  }
  if (open >= up) return Touch.gapUp;
  if (low > down) return Touch.up;
  return open <= down ? Touch.gapDown : Touch.both;
}
