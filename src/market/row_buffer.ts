/**
 * Candle rows of many series in the order in which they came, and the same rows as one block per
 * series. A builder per series would make a dozen small arrays for each: with 500 series in a request
 * of 6,000 rows that is more memory management than reading.
 *
 * @module
 */

import { BLOCK_ROWS_MAX, type CandleBlock, type SeriesKey } from "./block.ts";
import { CANDLE_WIDTH } from "./columns.ts";
import { MarketError } from "./error.ts";

/** Room at first, in rows: 13 KB. */
const ROWS_FIRST = 256;

/** Rows until they are taken. 52 bytes a row. */
export class RowBuffer {
  #length = 0;
  /** Row by row. */
  #rows = new Float64Array(ROWS_FIRST * CANDLE_WIDTH);
  /** Number of each row's series. */
  #series = new Int32Array(ROWS_FIRST);
  /** Rows of each series by its number, and the numbers of those that have some. */
  #counts = new Int32Array(64);
  #seen: number[] = [];

  /** Rows that are held. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends one row, in the order of `CANDLE_COLUMNS`, to the series of that number.
   *
   * @throws {MarketError} code `block` beyond {@linkcode BLOCK_ROWS_MAX} rows.
   */
  push(series: number, row: Float64Array): void {
    const at = this.#length;
    if (at === this.#series.length) this.#grow();
    const from = at * CANDLE_WIDTH;
    const rows = this.#rows;
    for (let column = 0; column < CANDLE_WIDTH; column++) {
      rows[from + column] = row[column] as number;
    }
    this.#series[at] = series;
    if (series >= this.#counts.length) this.#widen(series);
    const count = this.#counts[series] as number;
    if (count === 0) this.#seen.push(series);
    this.#counts[series] = count + 1;
    this.#length = at + 1;
  }

  /**
   * The rows as one block per series that has some, in the order of their numbers, all of them views of
   * one buffer; none are held afterwards. `keys` by number. O(rows).
   */
  take(keys: readonly SeriesKey[]): CandleBlock[] {
    const length = this.#length;
    const columns = new Float64Array(length * CANDLE_WIDTH);
    const starts = this.#counts;
    const blocks: CandleBlock[] = [];
    let start = 0;
    this.#seen.sort((a, b) => a - b);
    for (const series of this.#seen) {
      const end = start + (starts[series] as number);
      blocks.push(blockOf(keys[series] as SeriesKey, columns, length, start, end));
      starts[series] = start;
      start = end;
    }
    this.#scatter(columns, starts);
    for (const series of this.#seen) this.#counts[series] = 0;
    this.#seen = [];
    this.#length = 0;
    return blocks;
  }

  /** Each row to the next place of its series, in every column. */
  #scatter(columns: Float64Array, places: Int32Array): void {
    const length = this.#length;
    const rows = this.#rows, series = this.#series;
    for (let row = 0, from = 0; row < length; row++) {
      const number = series[row] as number;
      const place = places[number] as number;
      places[number] = place + 1;
      for (let at = place; at < columns.length; at += length) columns[at] = rows[from++] as number;
    }
  }

  #grow(): void {
    if (this.#length >= BLOCK_ROWS_MAX) {
      throw new MarketError(
        "block",
        `Cannot hold candles: expected at most ${BLOCK_ROWS_MAX} rows at a time: ` +
          "current value is one more",
      );
    }
    const rows = new Float64Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
    const series = new Int32Array(this.#series.length * 2);
    series.set(this.#series);
    this.#series = series;
  }

  #widen(series: number): void {
    const counts = new Int32Array(Math.max(series + 1, this.#counts.length * 2));
    counts.set(this.#counts);
    this.#counts = counts;
  }
}

/** Rows from ≤ row < to of columns that are `length` long and lie one after the other. */
function blockOf(
  series: SeriesKey,
  columns: Float64Array,
  length: number,
  from: number,
  to: number,
): CandleBlock {
  const column = (at: number) => columns.subarray(at * length + from, at * length + to);
  return {
    series,
    length: to - from,
    ts: column(0),
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(5),
    deleted: null,
  };
}
