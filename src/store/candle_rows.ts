/**
 * Columns of logged candle rows: what a commit did to candles, in one buffer. A row is a candle as it
 * is from that commit on, or the word that there is none any more at its time.
 *
 * @module
 */

import { CANDLE_COLUMNS, type CandleBlock, type CandleColumns } from "../market/block.ts";

/** Logged candles as columns. */
export interface CandleRows {
  /** Rows; every column has as many. */
  readonly length: number;
  /** The candles. */
  readonly columns: CandleColumns;
  /** 1 = the candle at this time has ceased to be. */
  readonly removed: Uint8Array;
}

/** Memory of one logged candle row, bytes. */
export const CANDLE_ROW_BYTES = 8 * 6 + 1;

/** Views of `rows` logged candles that lie in `buffer` from byte `at` (a multiple of 8) on. O(1). */
export function candleViews(buffer: ArrayBufferLike, at: number, rows: number): CandleRows {
  const float = (column: number) => new Float64Array(buffer, at + 8 * column * rows, rows);
  return {
    length: rows,
    columns: {
      ts: float(0),
      open: float(1),
      high: float(2),
      low: float(3),
      close: float(4),
      volume: float(5),
    },
    removed: new Uint8Array(buffer, at + 48 * rows, rows),
  };
}

/** Zeroed columns of `rows` rows in a buffer of their own. */
export function allocateCandles(rows: number): CandleRows {
  return candleViews(new ArrayBuffer(rows * CANDLE_ROW_BYTES), 0, rows);
}

/** Below this many rows a loop over rows beats a `subarray` per column. */
const FEW_ROWS = 64;

/** Copies candles from ≤ row < to to row `at` and on of others. O(rows). */
export function copyCandles(
  source: CandleColumns,
  from: number,
  to: number,
  target: CandleColumns,
  at: number,
): void {
  if (to - from >= FEW_ROWS) {
    for (const name of CANDLE_COLUMNS) target[name].set(source[name].subarray(from, to), at);
    return;
  }
  for (let row = from; row < to; row++, at++) {
    // Inside both lengths by contract; typed arrays give a number there.
    target.ts[at] = source.ts[row] as number;
    target.open[at] = source.open[row] as number;
    target.high[at] = source.high[row] as number;
    target.low[at] = source.low[row] as number;
    target.close[at] = source.close[row] as number;
    target.volume[at] = source.volume[row] as number;
  }
}

const ROWS_MIN = 16;

/** Logged candles of one commit, while it is being worked out. Used once. */
export class CandleRowsBuilder {
  /** Rows so far. */
  length = 0;
  /** The columns; rows from `length` on mean nothing. Replaced when the builder grows. */
  rows: CandleRows;

  /** Empty, with room for `capacity` rows; when that many come, nothing is copied at the end. */
  constructor(capacity: number) {
    this.rows = allocateCandles(capacity);
  }

  /** Adds candles that are from now on. O(rows). */
  write(block: CandleBlock | CandleColumns, from: number, to: number): void {
    const at = this.length;
    const length = at + to - from;
    if (length > this.rows.length) {
      this.#resize(Math.max(ROWS_MIN, length, 2 * this.rows.length));
    }
    copyCandles(block, from, to, this.rows.columns, at);
    this.length = length;
  }

  /** Adds the word that a candle is no more; its values as they were. */
  remove(block: CandleColumns, row: number): void {
    this.write(block, row, row + 1);
    this.rows.removed[this.length - 1] = 1;
  }

  /** The rows, in columns of exactly their number. O(1) when the capacity was right. */
  finish(): CandleRows {
    if (this.rows.length !== this.length) this.#resize(this.length);
    return this.rows;
  }

  #resize(rows: number): void {
    const resized = allocateCandles(rows);
    const kept = Math.min(rows, this.rows.length, this.length);
    copyCandles(this.rows.columns, 0, kept, resized.columns, 0);
    resized.removed.set(this.rows.removed.subarray(0, kept));
    this.rows = resized;
  }
}
