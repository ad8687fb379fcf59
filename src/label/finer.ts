/**
 * Finer candles of the same instrument, which decide what a coarse candle left ambiguous (R7).
 *
 * @module
 */

import type { CandleBlock } from "../market/block.ts";
import { Touch, touch } from "./barriers.ts";

/**
 * A canonical series of finer candles with a lookup by coarse candle. It reads only candles inside
 * [ts, ts + barMs): all of them are complete when the coarse candle is, so nothing looks ahead.
 */
export class FinerCandles {
  /** Opens of the finer candles, ascending in time. */
  readonly open: Float64Array;
  /** Their highs. */
  readonly high: Float64Array;
  /** Their lows. */
  readonly low: Float64Array;
  /** Duration of a coarse candle, milliseconds. */
  readonly barMs: number;
  readonly #ts: Float64Array;
  readonly #length: number;

  /**
   * Keeps the block's columns, without copying them.
   *
   * @throws {RangeError} when `barMs` is not a whole number above 0, or the candles are not
   * strictly ascending in ts. O(candles).
   */
  constructor(candles: CandleBlock, barMs: number) {
    if (!Number.isSafeInteger(barMs) || barMs < 1) {
      throw new RangeError(
        `Cannot use finer candles: expected barMs, a whole number of milliseconds above 0: ` +
          `current value is ${barMs}`,
      );
    }
    for (let row = 0; row < candles.length; row++) {
      // Rows are inside the block's length; the row before the first is taken as -Infinity.
      const before = row === 0 ? -Infinity : candles.ts[row - 1] as number;
      const ts = candles.ts[row] as number;
      if (!(ts > before)) {
        throw new RangeError(
          `Cannot use finer candles: expected ts above ${before} at row ${row}: ` +
            `current value is ${ts}`,
        );
      }
    }
    this.open = candles.open;
    this.high = candles.high;
    this.low = candles.low;
    this.barMs = barMs;
    this.#ts = candles.ts;
    this.#length = candles.length;
  }

  /**
   * Index of the first finer candle inside the coarse one at `ts` that touches a barrier, −1 when
   * there is none. O(log candles + candles inside).
   */
  find(ts: number, up: number, down: number): number {
    const times = this.#ts;
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (times[middle] as number < ts) low = middle + 1;
      else high = middle;
    }
    const end = ts + this.barMs;
    for (let at = low; at < this.#length && times[at] as number < end; at++) {
      // `at` is inside the length.
      const code = touch(
        this.open[at] as number,
        this.high[at] as number,
        this.low[at] as number,
        up,
        down,
      );
      if (code !== Touch.none) return at;
    }
    return -1;
  }
}
