/**
 * Rows of many series in the order in which they come, put together to one block per series.
 *
 * @module
 */

import { type CandleBlock, candleBlock, type SeriesKey } from "../market/block.ts";
import { candleRowReason, describeCandleReason } from "../market/candle.ts";
import { CANDLE_WIDTH } from "../market/columns.ts";
import { excerptOf, type Rejection } from "../market/reject.ts";

/**
 * A batch in the making.
 *
 * - rows that are no candle (R2) become rejections, numbered like lines
 * - memory is bounded by the rows it may hold, not by the number of series
 * - O(1) a row; `finish` copies each row once
 */
export class BatchBuilder {
  readonly #series: readonly SeriesKey[];
  /** Rows as they came, `CANDLE_WIDTH` numbers each, and the series of each. */
  readonly #rows: Float64Array;
  readonly #seriesOf: Uint16Array;
  readonly #isDeleted: Uint8Array;
  /** Rows, and rows that delete, by series; zero for all that are not in `#present`. */
  readonly #countOf: Uint32Array;
  readonly #deletedOf: Uint32Array;
  readonly #placeOf: Uint32Array;
  #present: number[] = [];
  #rejections: Rejection[] = [];
  #length = 0;
  #line: number;

  /** `rowsBefore` rows came before: the next one is line `rowsBefore + 1`. */
  constructor(series: readonly SeriesKey[], rowsMax: number, rowsBefore: number) {
    this.#series = series;
    this.#rows = new Float64Array(rowsMax * CANDLE_WIDTH);
    this.#seriesOf = new Uint16Array(rowsMax);
    this.#isDeleted = new Uint8Array(rowsMax);
    this.#countOf = new Uint32Array(series.length);
    this.#deletedOf = new Uint32Array(series.length);
    this.#placeOf = new Uint32Array(series.length);
    this.#line = rowsBefore;
  }

  /** Rows that came since the last `finish`, refused ones included. */
  get rows(): number {
    return this.#length + this.#rejections.length;
  }

  /** Refused rows since the last `finish`. */
  get rejected(): number {
    return this.#rejections.length;
  }

  /** Rows that came since the beginning of the source. */
  get line(): number {
    return this.#line;
  }

  /** Adds a row in the order of `CANDLE_COLUMNS`. */
  row(series: number, row: Float64Array): void {
    this.#line++;
    const reason = candleRowReason(row);
    if (reason === 0) return this.#add(series, row, 0);
    const text = `${row.join(",")},${this.#series[series]}`;
    this.#rejections.push({
      line: this.#line,
      reason,
      message: describeCandleReason(reason, row),
      excerpt: excerptOf(new TextEncoder().encode(text)),
    });
  }

  /** Adds a row that deletes the candle at `ts`. */
  deletion(series: number, ts: number): void {
    this.#line++;
    this.#add(series, Float64Array.of(ts, NaN, NaN, NaN, NaN, NaN), 1);
  }

  /** The rows since the last call, one block per series, first come first, and the refused ones. */
  finish(): { readonly blocks: CandleBlock[]; readonly rejections: Rejection[] } {
    const columnsOf = this.#present.map((series) => this.#columns(series));
    const indexOf = this.#placeOf;
    this.#present.forEach((series, index) => indexOf[series] = index);
    this.#scatter(columnsOf);
    const blocks = columnsOf.map(({ key, columns, deleted }) => {
      const [ts, open, high, low, close, volume] = columns as Six;
      return candleBlock(key, { ts, open, high, low, close, volume }, deleted);
    });
    for (const series of this.#present) this.#countOf[series] = this.#deletedOf[series] = 0;
    const rejections = this.#rejections;
    this.#present = [];
    this.#rejections = [];
    this.#length = 0;
    return { blocks, rejections };
  }

  #add(series: number, row: Float64Array, isDeleted: 0 | 1): void {
    const at = this.#length++;
    this.#seriesOf[at] = series;
    this.#isDeleted[at] = isDeleted;
    const rows = this.#rows;
    const from = at * CANDLE_WIDTH;
    for (let i = 0; i < CANDLE_WIDTH; i++) rows[from + i] = row[i] as number;
    if (this.#countOf[series] === 0) this.#present.push(series);
    this.#countOf[series] = (this.#countOf[series] as number) + 1;
    this.#deletedOf[series] = (this.#deletedOf[series] as number) + isDeleted;
  }

  #columns(series: number): Columns {
    const length = this.#countOf[series] as number;
    return {
      key: this.#series[series] as SeriesKey,
      columns: Array.from({ length: CANDLE_WIDTH }, () => new Float64Array(length)),
      deleted: this.#deletedOf[series] === 0 ? null : new Uint8Array(length),
      filled: 0,
    };
  }

  #scatter(columnsOf: readonly Columns[]): void {
    for (let at = 0; at < this.#length; at++) {
      const index = this.#placeOf[this.#seriesOf[at] as number] as number;
      const target = columnsOf[index] as Columns;
      const [ts, open, high, low, close, volume] = target.columns as Six;
      const from = at * CANDLE_WIDTH;
      const into = target.filled++;
      ts[into] = this.#rows[from] as number;
      open[into] = this.#rows[from + 1] as number;
      high[into] = this.#rows[from + 2] as number;
      low[into] = this.#rows[from + 3] as number;
      close[into] = this.#rows[from + 4] as number;
      volume[into] = this.#rows[from + 5] as number;
      if (target.deleted !== null) target.deleted[into] = this.#isDeleted[at] as number;
    }
  }
}

interface Columns {
  readonly key: SeriesKey;
  readonly columns: readonly Float64Array[];
  readonly deleted: Uint8Array | null;
  filled: number;
}

type Six = readonly [
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
];
