/**
 * What the candle readers (CSV, NDJSON) have in common: the port they are used through, and the
 * place where rows, rejections and counts go.
 *
 * @module
 */

import type { CandleBlock, SeriesKey } from "./block.ts";
import { candleRowReason, describeCandleReason } from "./candle.ts";
import { CANDLE_WIDTH } from "./columns.ts";
import {
  excerptOf,
  type ReadCounts,
  type Rejection,
  type RejectReasonCode,
  rejectReasonName,
} from "./reject.ts";
import { parseSeries } from "./series.ts";
import { RowBuffer } from "./row_buffer.ts";
import { NO_SERIES, SeriesTable } from "./series_table.ts";

/** How a reader is set up. */
export interface ReaderOptions {
  /**
   * Series of rows that do not name one. Null: every row has to. A row that names its own series
   * goes there whatever this says.
   */
  readonly series: SeriesKey | null;
  /** Called for every refused line, in order, while its chunk is pushed. */
  readonly onReject?: (rejection: Rejection) => void;
}

/**
 * Bytes in, candles out.
 *
 * - chunks may be cut anywhere; the rows and rejections do not depend on the cuts
 * - rows keep their order within a series; nothing is sorted or merged (see `canonical.ts`)
 * - memory holds one line and the rows not yet taken
 */
export interface CandleReader {
  /** Reads the next chunk, which is not kept. @throws {MarketError} for input of another format. */
  push(chunk: Uint8Array): void;
  /** Reads a last line without end. @throws {MarketError} as push, and when called twice. */
  finish(): void;
  /**
   * The rows since the last call, one block per series that has some, first seen first. The blocks are
   * views of one buffer: they stay together when they are given away.
   */
  take(): CandleBlock[];
  /** Counts since the start. */
  counts(): ReadCounts;
}

/** Collects what one reader reads. */
export class RowCollector {
  /** The row being read, in the order of `CANDLE_COLUMNS`. */
  readonly row = new Float64Array(CANDLE_WIDTH);
  /** Numbers of the series seen. */
  readonly table = new SeriesTable();
  /** Number of the series of rows that name none, or `NO_SERIES`. */
  readonly own: number;
  /** The line being read, from 1. */
  line = 0;
  #accepted = 0;
  #rejected = 0;
  readonly #rejectedBy = new Map<RejectReasonCode, number>();
  readonly #rows = new RowBuffer();
  readonly #onReject: ((rejection: Rejection) => void) | undefined;

  /** @throws {MarketError} code `series` for a series that is none. */
  constructor(options: ReaderOptions) {
    if (options.series !== null) parseSeries(options.series);
    this.own = options.series === null ? NO_SERIES : this.table.get(options.series);
    this.#onReject = options.onReject;
  }

  /** Adds `row` if it is a candle (R2); otherwise refuses the line from ≤ i < to. */
  add(series: number, bytes: Uint8Array, from: number, to: number): void {
    const reason = candleRowReason(this.row);
    if (reason === 0) {
      this.#rows.push(series, this.row);
      this.#accepted++;
      return;
    }
    this.reject(reason, describeCandleReason(reason, this.row), bytes, from, to);
  }

  /** Refuses the line from ≤ i < to. */
  reject(
    reason: RejectReasonCode,
    message: string,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): void {
    this.#rejected++;
    this.#rejectedBy.set(reason, (this.#rejectedBy.get(reason) ?? 0) + 1);
    if (this.#onReject === undefined) return;
    this.#onReject({ line: this.line, reason, message, excerpt: excerptOf(bytes, from, to) });
  }

  take(): CandleBlock[] {
    return this.#rows.take(this.table.series());
  }

  counts(): ReadCounts {
    const rejectedBy = Object.fromEntries(
      [...this.#rejectedBy].map(([reason, count]) => [rejectReasonName(reason), count]),
    );
    return { lines: this.line, accepted: this.#accepted, rejected: this.#rejected, rejectedBy };
  }
}
