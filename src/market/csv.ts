/**
 * Candles from and to CSV: a header line, then `ts,open,high,low,close,volume` and, in files of
 * many series, `series`.
 *
 * The reader works on bytes. A line is first read by a straight scan that knows plain decimals
 * (and asks `decimal.ts` for a cell that is none); at the first byte that does not fit, the whole
 * line is read again by code that knows all that can be wrong and says it. Both give the same
 * numbers.
 *
 * @module
 */

import type { CandleBlock } from "./block.ts";
import { CANDLE_COLUMNS } from "./columns.ts";
import { type CsvHeader, csvHeaderError, parseCsvHeader, SERIES_COLUMN } from "./csv_header.ts";
import { parseDecimal, parseInteger, scanDecimal, scanInteger, trimmed } from "./decimal.ts";
import { MarketError } from "./error.ts";
import { LINE_BYTES_MAX, type LineSink, LineSplitter } from "./lines.ts";
import { type CandleReader, type ReaderOptions, RowCollector } from "./reader.ts";
import { excerptOf, type ReadCounts, RejectReason, type RejectReasonCode } from "./reject.ts";
import { NO_SERIES } from "./series_table.ts";

const LF = 10;
const CR = 13;
const COMMA = 44;
const TS_COLUMN = 0;

/**
 * A streaming reader of candle CSV.
 *
 * - header names in any order and case, an optional byte order mark, LF or CRLF
 * - a line that is no candle is rejected with its number, reason and beginning; reading goes on
 * - a blank line is rejected too, as the reference counts it
 * - O(bytes), without allocation per line while numbers have at most 15 digits
 *
 * ```ts
 * import { csvReader } from "./csv.ts";
 *
 * const reader = csvReader({ series: "EUR_USD:H1" });
 * reader.push(new TextEncoder().encode("ts,open,high,low,close,volume\n0,1,2,1,2,10\n"));
 * reader.finish();
 * console.log(reader.take()[0]?.length, reader.counts().rejected); // 1 0
 * ```
 *
 * @throws {MarketError} code `series` for a series that is none; `push` and `finish` throw code
 * `csv_header` for input that is no candle CSV and `series_count` for too many series.
 */
export function csvReader(options: ReaderOptions): CandleReader {
  return new CsvReader(options);
}

class CsvReader implements CandleReader, LineSink {
  readonly #rows: RowCollector;
  readonly #splitter = new LineSplitter(this);
  #header: CsvHeader | null = null;
  #isFinished = false;

  constructor(options: ReaderOptions) {
    this.#rows = new RowCollector(options);
  }

  push(chunk: Uint8Array): void {
    if (this.#isFinished) throw finishedError();
    this.#splitter.push(chunk);
  }

  finish(): void {
    if (this.#isFinished) throw finishedError();
    this.#isFinished = true;
    this.#splitter.finish();
    if (this.#header === null) throw csvHeaderError("the input is empty", new Uint8Array(0));
  }

  take(): CandleBlock[] {
    return this.#rows.take();
  }

  counts(): ReadCounts {
    return this.#rows.counts();
  }

  lines(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    if (this.#header === null) {
      at = bytes.indexOf(LF, from) + 1;
      this.#readHeader(bytes.subarray(from, contentEnd(bytes, from, at - 1)));
    }
    while (at < to) {
      this.#rows.line++;
      const next = this.#scanLine(bytes, at);
      at = next > 0 ? next : this.#parseLine(bytes, at);
    }
  }

  longLine(head: Uint8Array): void {
    if (this.#header === null) {
      throw csvHeaderError(`the first line is longer than ${LINE_BYTES_MAX} bytes`, head);
    }
    this.#rows.line++;
    this.#rejectLong(head, 0, head.length);
  }

  #readHeader(line: Uint8Array): void {
    this.#rows.line++;
    const header = parseCsvHeader(line);
    if (this.#rows.own === NO_SERIES && !header.includes(SERIES_COLUMN)) {
      throw csvHeaderError("the series column is missing and no series was named", line);
    }
    this.#header = header;
  }

  /** Reads a plain line; the position after it, or 0 when it is not plain: nothing was added. */
  #scanLine(bytes: Uint8Array, from: number): number {
    const header = this.#header as CsvHeader;
    const row = this.#rows.row;
    const last = header.length - 1;
    let series = this.#rows.own;
    let at = from;
    for (let cell = 0; cell <= last; cell++) {
      const column = header[cell] as number;
      const start = at;
      if (column === TS_COLUMN) at = scanInteger(bytes, at, row, column);
      else if (column !== SERIES_COLUMN) {
        at = scanDecimal(bytes, at, row, column);
        if (at < 0) at = this.#parseCell(bytes, start, column);
      } else {
        at = scanText(bytes, at);
        series = this.#rows.table.find(bytes, start, at);
        if (series === NO_SERIES) return 0;
      }
      if (at < 0) return 0;
      if (cell < last) {
        if (bytes[at] !== COMMA) return 0;
        at++;
      }
    }
    const feedAt = bytes[at] === CR ? at + 1 : at;
    if (bytes[feedAt] !== LF || at - from > LINE_BYTES_MAX) return 0;
    this.#rows.add(series, bytes, from, at);
    return feedAt + 1;
  }

  /** Reads one number that the scan cannot (17 digits, say); the position after it, or -1. */
  #parseCell(bytes: Uint8Array, from: number, column: number): number {
    const to = scanText(bytes, from);
    if (to - from > LINE_BYTES_MAX) return -1;
    return parseDecimal(bytes, from, to, this.#rows.row, column) === 0 ? to : -1;
  }

  /** Reads any line; the position after it. */
  #parseLine(bytes: Uint8Array, from: number): number {
    const feedAt = bytes.indexOf(LF, from);
    const to = contentEnd(bytes, from, feedAt);
    if (to - from > LINE_BYTES_MAX) this.#rejectLong(bytes, from, to);
    else if (from === to) {
      this.#reject(RejectReason.lineEmpty, "the line is empty", bytes, from, to);
    } else this.#parseCells(bytes, from, to);
    return feedAt + 1;
  }

  #parseCells(bytes: Uint8Array, from: number, to: number): void {
    const header = this.#header as CsvHeader;
    let cells = 1;
    for (let i = from; i < to; i++) if (bytes[i] === COMMA) cells++;
    if (cells !== header.length) {
      const isShort = cells < header.length;
      const reason = isShort ? RejectReason.cellsMissing : RejectReason.cellsExtra;
      this.#reject(reason, `${cells} cells instead of ${header.length}`, bytes, from, to);
      return;
    }
    let series = this.#rows.own;
    let start = from;
    for (const column of header) {
      const commaAt = bytes.indexOf(COMMA, start);
      const end = commaAt < 0 || commaAt > to ? to : commaAt;
      if (column === SERIES_COLUMN) {
        series = this.#rows.table.find(bytes, ...trimmed(bytes, start, end));
        if (series === NO_SERIES) {
          const message = `series "${excerptOf(bytes, start, end)}" is not INSTRUMENT:GRANULARITY`;
          this.#reject(RejectReason.seriesInvalid, message, bytes, from, to);
          return;
        }
      } else {
        const parse = column === TS_COLUMN ? parseInteger : parseDecimal;
        const reason = parse(bytes, start, end, this.#rows.row, column);
        if (reason !== 0) {
          const message = cellMessage(reason, column, excerptOf(bytes, start, end));
          this.#reject(reason, message, bytes, from, to);
          return;
        }
      }
      start = end + 1;
    }
    this.#rows.add(series, bytes, from, to);
  }

  #rejectLong(bytes: Uint8Array, from: number, to: number): void {
    const message = `the line is longer than ${LINE_BYTES_MAX} bytes`;
    this.#reject(RejectReason.lineTooLong, message, bytes, from, to);
  }

  #reject(reason: RejectReasonCode, message: string, bytes: Uint8Array, from: number, to: number) {
    this.#rows.reject(reason, message, bytes, from, to);
  }
}

/** End of the text of a line without its carriage return. */
function contentEnd(bytes: Uint8Array, from: number, feedAt: number): number {
  return feedAt > from && bytes[feedAt - 1] === CR ? feedAt - 1 : feedAt;
}

function scanText(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] !== COMMA && bytes[at] !== LF && bytes[at] !== CR) at++;
  return at;
}

function cellMessage(reason: RejectReasonCode, column: number, text: string): string {
  const name = CANDLE_COLUMNS[column] ?? "cell";
  if (reason === RejectReason.cellEmpty) return `${name} is empty`;
  if (reason === RejectReason.tsNotInteger) {
    return `ts "${text}" is not an integer of milliseconds`;
  }
  return `${name} "${text}" is not a decimal number`;
}

function finishedError(): MarketError {
  return new MarketError(
    "reader_finished",
    "Cannot read CSV: expected a reader that goes on: current value is a finished one",
  );
}

/** What {@linkcode candlesToCsv} writes besides the rows. */
export interface CsvWriteOptions {
  /** Whether the header line comes first; true unless said otherwise. */
  readonly header?: boolean;
  /** Whether each row ends with its series; false unless said otherwise. */
  readonly series?: boolean;
}

/**
 * A block as CSV in UTF-8, LF after every line; numbers as the shortest text that reads back to
 * the same double. O(rows), some 60 bytes a row held at once.
 *
 * @throws {MarketError} code `block` when rows delete candles: CSV has no word for that.
 */
export function candlesToCsv(block: CandleBlock, options: CsvWriteOptions = {}): Uint8Array {
  const { header = true, series = false } = options;
  if (block.deleted?.includes(1)) {
    throw new MarketError(
      "block",
      `Cannot write CSV of ${block.series}: expected no deleted rows: current value is ` +
        `row ${block.deleted.indexOf(1)}`,
    );
  }
  const { ts, open, high, low, close, volume } = block;
  const end = series ? `,${block.series}\n` : "\n";
  let text = header ? `${CANDLE_COLUMNS.join(",")}${series ? ",series" : ""}\n` : "";
  for (let i = 0; i < block.length; i++) {
    text += `${ts[i]},${open[i]},${high[i]},${low[i]},${close[i]},${volume[i]}${end}`;
  }
  return new TextEncoder().encode(text);
}
