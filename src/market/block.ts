/**
 * Columns of candles and labels: the one shape that travels between threads, into stores and out
 * to files. A block holds one series; every column has `length` rows.
 *
 * @module
 */

import { CANDLE_COLUMNS, type CandleColumn } from "./columns.ts";
import { MarketError } from "./error.ts";

export { CANDLE_COLUMNS, type CandleColumn, LABEL_COLUMNS, type LabelColumn } from "./columns.ts";
export {
  BLOCK_ENCODING_VERSION,
  decodeCandles,
  decodeLabels,
  encodeCandles,
  encodeLabelRows,
  encodeLabels,
} from "./block_codec.ts";

/** One series = `INSTRUMENT:GRANULARITY`, for example `EUR_USD:H1`. */
export type SeriesKey = string;

/** Candles of one series as columns, in the order they were received (not necessarily sorted). */
export interface CandleBlock {
  /** Series that all rows belong to. */
  readonly series: SeriesKey;
  /** Rows; every column has as many. */
  readonly length: number;
  /** Open time, epoch milliseconds UTC. */
  readonly ts: Float64Array;
  /** First price of the bar; NaN, as the other prices, in a row that deletes. */
  readonly open: Float64Array;
  /** Highest price. */
  readonly high: Float64Array;
  /** Lowest price. */
  readonly low: Float64Array;
  /** Last price. */
  readonly close: Float64Array;
  /** Volume of the bar in the unit of its source, 0 or more; NaN in a row that deletes. */
  readonly volume: Float64Array;
  /** 1 where the row deletes the candle at its `ts`; null where no row does. */
  readonly deleted: Uint8Array | null;
}

/** Status of one half of a label (R10). Only `final` carries values. */
export const LabelStatus = { warmup: 0, novol: 1, pending: 2, final: 3, broken: 4 } as const;

/** Text of each {@linkcode LabelStatus}, indexed by its number. */
export const LABEL_STATUS_NAMES = ["warmup", "novol", "pending", "final", "broken"] as const;

/** What ended a path (R7); `none` while nothing did. */
export const LabelHit = { none: 0, upper: 1, lower: 2, vertical: 3 } as const;

/** Text of each {@linkcode LabelHit}, indexed by its number. */
export const LABEL_HIT_NAMES = ["", "upper", "lower", "vertical"] as const;

/**
 * Label rows of one series under one parameter hash, as columns. NaN is null in every float
 * column; an integer column means something only where its status is `final`.
 */
export interface LabelBlock {
  /** Series that all rows belong to. */
  readonly series: SeriesKey;
  /** First 16 hex digits of SHA-256 over the parameters as JSON with sorted keys. */
  readonly paramHash: string;
  /** Rows; every column has as many. */
  readonly length: number;
  /** Open time of the event's candle, epoch milliseconds UTC. */
  readonly ts: Float64Array;
  /** Close P of that candle, at which the event opens. */
  readonly close: Float64Array;
  /** ATR: mean of the last 14 true ranges, price units (R4), or the estimator asked for. */
  readonly atr: Float64Array;
  /** RV: root mean square of the last 20 log returns (R4). */
  readonly rv: Float64Array;
  /** Upper barrier U, price (R5). */
  readonly up: Float64Array;
  /** Lower barrier D, price (R5). */
  readonly dn: Float64Array;
  /** 1 where a level moved a barrier (R6). */
  readonly adj: Uint8Array;
  /** {@linkcode LabelStatus} of the barrier half. */
  readonly tbStatus: Uint8Array;
  /** -1, 0 or +1. */
  readonly label: Int8Array;
  /** {@linkcode LabelHit}. */
  readonly hit: Uint8Array;
  /** Bars from the event to its exit, 1 to H. */
  readonly bars: Uint16Array;
  /** 1 where the exit is the open of a bar that began beyond the barrier. */
  readonly gap: Uint8Array;
  /** 1 where one bar touched both barriers. */
  readonly amb: Uint8Array;
  /** Price of the exit: the barrier, the open of a gap, or the close of bar H. */
  readonly exit: Float64Array;
  /** exit / P − 1 (R8). */
  readonly tbRet: Float64Array;
  /** {@linkcode LabelStatus} of the fixed-horizon half. */
  readonly fhStatus: Uint8Array;
  /** Close after H bars / P − 1 (R9). */
  readonly fwdRet: Float64Array;
  /** (close after H bars − P) / ATR (R9). */
  readonly vsr: Float64Array;
  /** ln(close after H bars / P) / (RV · √H) (R9). */
  readonly zret: Float64Array;
  /** Furthest in favour within H bars: max(0, highest high / P − 1). */
  readonly mfe: Float64Array;
  /** First bar that attains `mfe`, 1 to H; 0 if it is 0. */
  readonly tMfe: Uint16Array;
  /** Furthest against within H bars: min(0, lowest low / P − 1). */
  readonly mae: Float64Array;
  /** First bar that attains `mae`, 1 to H; 0 if it is 0. */
  readonly tMae: Uint16Array;
  /** Profit factor: mfe / −mae; NaN if `mae` is 0. */
  readonly pf: Float64Array;
}

/**
 * The longest block that may be built or encoded, in rows: 2^24 candles are 0.8 GB, far above any
 * batch, and keep every byte offset inside 32 bits.
 */
export const BLOCK_ROWS_MAX = 1 << 24;

/** The six number columns of a candle block. */
export type CandleColumns = Pick<CandleBlock, CandleColumn>;

/**
 * A candle block over the columns given. O(1): the columns are kept, not copied.
 *
 * @throws {MarketError} code `block` when the columns differ in length.
 */
export function candleBlock(
  series: SeriesKey,
  columns: CandleColumns,
  deleted: Uint8Array | null = null,
): CandleBlock {
  const { ts, open, high, low, close, volume } = columns;
  const length = ts.length;
  for (const name of CANDLE_COLUMNS) {
    const found = columns[name].length;
    if (found !== length) throw columnLengthError(series, name, length, found);
  }
  if (deleted !== null && deleted.length !== length) {
    throw columnLengthError(series, "deleted", length, deleted.length);
  }
  return { series, length, ts, open, high, low, close, volume, deleted };
}

function columnLengthError(series: SeriesKey, name: string, length: number, found: number) {
  return new MarketError(
    "block",
    `Cannot build a candle block of ${series}: expected ${length} rows in column ${name}: ` +
      `current value is ${found}`,
  );
}

/** A block without rows. */
export function emptyCandles(series: SeriesKey): CandleBlock {
  return new CandleBuilder(series, 0).finish();
}

/**
 * Rows from ≤ i < to of a block. O(1): the columns are views of the same memory.
 *
 * @throws {MarketError} code `block` unless 0 ≤ from ≤ to ≤ length.
 */
export function sliceCandles(block: CandleBlock, from: number, to = block.length): CandleBlock {
  if (!(from >= 0 && from <= to && to <= block.length)) {
    throw new MarketError(
      "block",
      `Cannot slice candles of ${block.series}: expected 0 <= from <= to <= ${block.length}: ` +
        `current value is [${from}, ${to})`,
    );
  }
  return {
    series: block.series,
    length: to - from,
    ts: block.ts.subarray(from, to),
    open: block.open.subarray(from, to),
    high: block.high.subarray(from, to),
    low: block.low.subarray(from, to),
    close: block.close.subarray(from, to),
    volume: block.volume.subarray(from, to),
    deleted: block.deleted === null ? null : block.deleted.subarray(from, to),
  };
}

/**
 * All rows of blocks of one series, in the order given, in fresh memory. O(rows).
 *
 * @throws {MarketError} code `block` when there is no block or the series differ.
 */
export function concatCandles(blocks: readonly CandleBlock[]): CandleBlock {
  const first = blocks[0];
  if (first === undefined) {
    throw new MarketError("block", "Cannot join candles: expected a block: current value is none");
  }
  const other = blocks.find((block) => block.series !== first.series);
  if (other !== undefined) {
    throw new MarketError(
      "block",
      `Cannot join candles: expected series ${first.series}: current value is ${other.series}`,
    );
  }
  const builder = new CandleBuilder(first.series, blocks.reduce((sum, b) => sum + b.length, 0));
  for (const block of blocks) builder.pushBlock(block);
  return builder.finish();
}

/**
 * A growing candle block.
 *
 * - rows keep the order in which they were pushed
 * - pushing is amortised O(1) and allocates only when the columns double
 * - `finish` hands out columns of exact length that share no memory with the builder, so that
 *   they can be transferred to a thread; the builder is then empty and can be used again
 */
export class CandleBuilder {
  /** Series of the blocks it finishes. */
  readonly series: SeriesKey;
  #length = 0;
  #ts: Float64Array;
  #open: Float64Array;
  #high: Float64Array;
  #low: Float64Array;
  #close: Float64Array;
  #volume: Float64Array;
  #deleted: Uint8Array | null = null;

  /** `capacityRows` is the room at first; 48 bytes a row. */
  constructor(series: SeriesKey, capacityRows = 256) {
    this.series = series;
    this.#ts = new Float64Array(capacityRows);
    this.#open = new Float64Array(capacityRows);
    this.#high = new Float64Array(capacityRows);
    this.#low = new Float64Array(capacityRows);
    this.#close = new Float64Array(capacityRows);
    this.#volume = new Float64Array(capacityRows);
  }

  /** Rows pushed since the last `finish`. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends one row. The values are not checked: that is `candleReason` in `candle.ts`.
   *
   * @throws {MarketError} code `block` beyond {@linkcode BLOCK_ROWS_MAX} rows.
   */
  push(ts: number, open: number, high: number, low: number, close: number, volume: number): void {
    const i = this.#next();
    this.#ts[i] = ts;
    this.#open[i] = open;
    this.#high[i] = high;
    this.#low[i] = low;
    this.#close[i] = close;
    this.#volume[i] = volume;
  }

  /** Appends one row held as six numbers in the order of `CANDLE_COLUMNS`: no number is boxed. */
  pushRow(row: Float64Array): void {
    const i = this.#next();
    this.#ts[i] = row[0] as number;
    this.#open[i] = row[1] as number;
    this.#high[i] = row[2] as number;
    this.#low[i] = row[3] as number;
    this.#close[i] = row[4] as number;
    this.#volume[i] = row[5] as number;
  }

  /** Appends a row that deletes the candle at `ts`; its prices are NaN. */
  pushDeleted(ts: number): void {
    this.push(ts, NaN, NaN, NaN, NaN, NaN);
    this.#deleted ??= new Uint8Array(this.#ts.length);
    this.#deleted[this.#length - 1] = 1;
  }

  /** Appends all rows of a block; its series is not looked at. O(rows of the block). */
  pushBlock(block: CandleBlock): void {
    const at = this.#length;
    this.#reserve(at + block.length);
    this.#ts.set(block.ts, at);
    this.#open.set(block.open, at);
    this.#high.set(block.high, at);
    this.#low.set(block.low, at);
    this.#close.set(block.close, at);
    this.#volume.set(block.volume, at);
    if (block.deleted !== null) {
      this.#deleted ??= new Uint8Array(this.#ts.length);
      this.#deleted.set(block.deleted, at);
    }
    this.#length = at + block.length;
  }

  /** The rows so far as a block of exact length; the builder is empty afterwards. O(rows). */
  finish(): CandleBlock {
    const length = this.#length;
    const block: CandleBlock = {
      series: this.series,
      length,
      ts: this.#ts.slice(0, length),
      open: this.#open.slice(0, length),
      high: this.#high.slice(0, length),
      low: this.#low.slice(0, length),
      close: this.#close.slice(0, length),
      volume: this.#volume.slice(0, length),
      deleted: this.#deleted === null ? null : this.#deleted.slice(0, length),
    };
    this.#length = 0;
    this.#deleted = null;
    return block;
  }

  #next(): number {
    const i = this.#length;
    if (i === this.#ts.length) this.#reserve(i + 1);
    this.#length = i + 1;
    return i;
  }

  #reserve(rows: number): void {
    if (rows <= this.#ts.length) return;
    if (rows > BLOCK_ROWS_MAX) {
      throw new MarketError(
        "block",
        `Cannot grow candles of ${this.series}: expected at most ${BLOCK_ROWS_MAX} rows: ` +
          `current value is ${rows}`,
      );
    }
    const capacity = Math.min(BLOCK_ROWS_MAX, Math.max(16, rows, this.#ts.length * 2));
    this.#ts = grown(this.#ts, capacity);
    this.#open = grown(this.#open, capacity);
    this.#high = grown(this.#high, capacity);
    this.#low = grown(this.#low, capacity);
    this.#close = grown(this.#close, capacity);
    this.#volume = grown(this.#volume, capacity);
    if (this.#deleted !== null) {
      const wider = new Uint8Array(capacity);
      wider.set(this.#deleted);
      this.#deleted = wider;
    }
  }
}

function grown(column: Float64Array, capacity: number): Float64Array {
  const wider = new Float64Array(capacity);
  wider.set(column);
  return wider;
}
