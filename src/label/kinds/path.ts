/**
 * What a further kind of label sees of an event: its candle, its path, and what was known then.
 *
 * @module
 */

/**
 * One event i whose horizon has ended: the candles i … i+H, nothing later, all of one segment. The
 * object and its columns are used again for the next event: a kind takes numbers out and keeps
 * none.
 */
export interface KindPath {
  /** Horizon H, bars. */
  readonly bars: number;
  /** Where candle i stands in the columns; candle i+k stands at `at + k`, k up to `bars`. */
  readonly at: number;
  /** Highest prices. */
  readonly high: Float64Array;
  /** Lowest prices. */
  readonly low: Float64Array;
  /** Last prices; that of candle i is P, at which the event opens. */
  readonly close: Float64Array;
  /**
   * Log returns: ln(c[j] / c[j−1]) at the place of candle j. That of candle i is not of the path.
   */
  readonly logReturn: Float64Array;
  /** The unit of barriers at the event (R4), price units, above 0. */
  readonly atr: number;
  /** Lowest resistance above P that is active at ts[i] (R6); Infinity when there is none. */
  readonly resistance: number;
  /** Highest support below P that is active at ts[i] (R6); −Infinity when there is none. */
  readonly support: number;
  /** Return at the barrier (R8). */
  readonly tbRet: number;
  /** Which barrier was touched first: −1, 0 or +1 (R7). */
  readonly label: number;
  /** Side given for the event, its sign counts; NaN when none was. */
  readonly side: number;
  /**
   * Returns over H bars of the candles before i, events or not, in their order; that of candle i−1
   * stands at `pastEnd` − 1. The last of them ended at candle i+H−1.
   */
  readonly past: Float64Array;
  /** End of `past`, exclusive. */
  readonly pastEnd: number;
  /** How many there are before `pastEnd`: fewer than asked for near the start of a segment. */
  readonly pastCount: number;
}

/** A kind of label: its value for one event, NaN for null. Pure; O(H) unless it says otherwise. */
export type KindFunction = (path: KindPath) => number;

/** Close k bars after the event, k from 0 to H. */
export function closeAfter({ close, at }: KindPath, k: number): number {
  // The columns reach to the end of the path.
  return close[at + k] as number;
}

/** Return over the whole path, c[i+H] / P − 1 (R9: `fwd_ret`). */
export function pathReturn(path: KindPath): number {
  return closeAfter(path, path.bars) / closeAfter(path, 0) - 1;
}
