/**
 * Candles from and to NDJSON: one object a line,
 * `{"ts":0,"open":1,"high":2,"low":1,"close":2,"volume":10,"series":"EUR_USD:H1"}`, `series` if
 * wanted.
 *
 * @module
 */

import type { CandleBlock } from "./block.ts";
import { CANDLE_COLUMNS } from "./columns.ts";
import { scanDecimal, scanInteger } from "./decimal.ts";
import { MarketError } from "./error.ts";
import { LINE_BYTES_MAX, type LineSink, LineSplitter } from "./lines.ts";
import { type CandleReader, type ReaderOptions, RowCollector } from "./reader.ts";
import { NO_SERIES } from "./series_table.ts";
import { excerptOf, type ReadCounts, RejectReason, type RejectReasonCode } from "./reject.ts";

const LF = 10;
const CR = 13;
const QUOTE = 34;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const BACKSLASH = 92;
const CLOSE = 125;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Column of each key; an object without prototype, so that `toString` is an unknown key. */
const COLUMN_OF: Readonly<Record<string, number>> = Object.assign(
  Object.create(null),
  Object.fromEntries(CANDLE_COLUMNS.map((name, column) => [name, column])),
);

const ALL_COLUMNS_MASK = (1 << CANDLE_COLUMNS.length) - 1;
const TS_COLUMN = 0;

/** What stands before each number of a plain line, and before the name of its series. */
const BEFORE = CANDLE_COLUMNS.map((name, column) =>
  new TextEncoder().encode(`${column === 0 ? "{" : ","}"${name}":`)
);
const BEFORE_SERIES = new TextEncoder().encode(`,"series":"`);

/**
 * A streaming reader of candle NDJSON.
 *
 * - every object has exactly the keys ts, open, high, low, close, volume, all numbers, and
 *   optionally series, a text; a number as text is refused, as is an unknown key
 * - a key there twice counts as its last value (`JSON.parse`)
 * - blank lines and a byte order mark are ignored; LF or CRLF
 * - a line that is no candle is rejected with its number, reason and beginning; reading goes on,
 *   unless the first line is no JSON object at all: then the input is no NDJSON
 * - O(bytes); a plain line (keys in the order above, `series` last, no blanks, plain decimals) is
 *   scanned as bytes, any other goes through `JSON.parse`; both give the same
 *
 * @throws {MarketError} code `series` for a series that is none; `push` and `finish` throw code
 * `ndjson_first_line` for input that is no NDJSON and `series_count` for too many series.
 */
export function ndjsonReader(options: ReaderOptions): CandleReader {
  return new NdjsonReader(options);
}

class NdjsonReader implements CandleReader, LineSink {
  readonly #rows: RowCollector;
  readonly #splitter = new LineSplitter(this);
  /** Bytes that are not UTF-8 become U+FFFD, which no key and no series may hold. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #hasObject = false;
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
  }

  take(): CandleBlock[] {
    return this.#rows.take();
  }

  counts(): ReadCounts {
    return this.#rows.counts();
  }

  lines(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const next = this.#scanLine(bytes, at);
      if (next > 0) {
        at = next;
        continue;
      }
      const feedAt = bytes.indexOf(LF, at);
      this.#rows.line++;
      const isMarked = this.#rows.line === 1 &&
        BYTE_ORDER_MARK.every((b, i) => bytes[at + i] === b);
      this.#readLine(bytes, isMarked ? at + BYTE_ORDER_MARK.length : at, feedAt);
      at = feedAt + 1;
    }
  }

  longLine(head: Uint8Array): void {
    this.#rows.line++;
    this.#rejectLong(head, 0, head.length);
  }

  /** Reads a plain line; the position after it, or 0 when it is not plain: nothing was added. */
  #scanLine(bytes: Uint8Array, from: number): number {
    const { row, own, table } = this.#rows;
    let at = from;
    for (let column = 0; column < BEFORE.length; column++) {
      const start = after(bytes, at, BEFORE[column] as Uint8Array);
      if (start < 0) return 0;
      at = column === TS_COLUMN
        ? scanInteger(bytes, start, row, column)
        : scanDecimal(bytes, start, row, column);
      if (at < 0 || !isJsonNumber(bytes, start, at)) return 0;
    }
    const nameAt = after(bytes, at, BEFORE_SERIES);
    const nameEnd = nameAt < 0 ? at : textEnd(bytes, nameAt);
    if (nameAt >= 0) at = nameEnd + 1;
    if (bytes[at] !== CLOSE) return 0;
    const to = at + 1;
    const feedAt = bytes[to] === CR ? to + 1 : to;
    if (bytes[feedAt] !== LF || to - from > LINE_BYTES_MAX) return 0;
    const series = nameAt < 0 ? own : table.find(bytes, nameAt, nameEnd);
    if (series === NO_SERIES) return 0;
    this.#hasObject = true;
    this.#rows.line++;
    this.#rows.add(series, bytes, from, to);
    return feedAt + 1;
  }

  #readLine(bytes: Uint8Array, from: number, feedAt: number): void {
    const to = feedAt > from && bytes[feedAt - 1] === 13 ? feedAt - 1 : feedAt;
    if (to - from > LINE_BYTES_MAX) return this.#rejectLong(bytes, from, to);
    const text = this.#decoder.decode(unshared(bytes, from, to));
    if (text.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#refuse(RejectReason.notJson, "the line is not JSON", bytes, from, to);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.#refuse(RejectReason.notObject, "the line is no object", bytes, from, to);
    }
    this.#hasObject = true;
    this.#readObject(value as Record<string, unknown>, bytes, from, to);
  }

  #readObject(value: Record<string, unknown>, bytes: Uint8Array, from: number, to: number): void {
    let series = this.#rows.own;
    let isNamed = false;
    let seen = 0;
    for (const key in value) {
      const cell = value[key];
      const column = COLUMN_OF[key];
      if (column !== undefined) {
        if (typeof cell !== "number") {
          const message = `${key} ${shown(cell)} is not a number`;
          return this.#rows.reject(RejectReason.notNumber, message, bytes, from, to);
        }
        this.#rows.row[column] = cell;
        seen |= 1 << column;
      } else if (key === "series") {
        isNamed = true;
        series = typeof cell === "string" ? this.#rows.table.get(cell) : NO_SERIES;
        if (series === NO_SERIES) {
          const message = `series ${shown(cell)} is not INSTRUMENT:GRANULARITY`;
          return this.#rows.reject(RejectReason.seriesInvalid, message, bytes, from, to);
        }
      } else {
        const message = `key ${shown(key)} is unknown`;
        return this.#rows.reject(RejectReason.keyUnknown, message, bytes, from, to);
      }
    }
    if (seen !== ALL_COLUMNS_MASK || series === NO_SERIES) {
      const missing: string[] = CANDLE_COLUMNS.filter((_, column) => (seen & (1 << column)) === 0);
      if (series === NO_SERIES && !isNamed) missing.push("series");
      const message = `${missing.join(", ")} missing`;
      return this.#rows.reject(RejectReason.keyMissing, message, bytes, from, to);
    }
    this.#rows.row[0] = (this.#rows.row[0] as number) + 0;
    this.#rows.add(series, bytes, from, to);
  }

  #rejectLong(bytes: Uint8Array, from: number, to: number): void {
    const message = `the line is longer than ${LINE_BYTES_MAX} bytes`;
    this.#refuse(RejectReason.lineTooLong, message, bytes, from, to);
  }

  /** Rejects a line that is no object; before any object was seen, the input is another format. */
  #refuse(reason: RejectReasonCode, message: string, bytes: Uint8Array, from: number, to: number) {
    if (this.#hasObject) return this.#rows.reject(reason, message, bytes, from, to);
    throw new MarketError(
      "ndjson_first_line",
      `Cannot read NDJSON: expected an object with ${CANDLE_COLUMNS.join(", ")} in line ` +
        `${this.#rows.line} (${message}): current value is "${excerptOf(bytes, from, to)}"`,
    );
  }
}

/** The position after `text` at `at`, or -1 when something else stands there. */
function after(bytes: Uint8Array, at: number, text: Uint8Array): number {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return -1;
  return at + text.length;
}

/** Where a text without escapes ends: at its quote, or where it cannot go on. */
function textEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] !== QUOTE && bytes[at] !== BACKSLASH && bytes[at] !== LF) at++;
  return at;
}

/** Whether JSON has a number that was scanned: none begins with 01 or a point, or ends with one. */
function isJsonNumber(bytes: Uint8Array, from: number, to: number): boolean {
  if (bytes[from] === POINT || bytes[to - 1] === POINT) return false;
  const second = bytes[from + 1] as number;
  return bytes[from] !== ZERO || second < ZERO || second > NINE;
}

/** A view to decode; TextDecoder refuses shared memory, so that is copied. */
function unshared(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const isShared = bytes.buffer instanceof SharedArrayBuffer;
  return isShared ? bytes.slice(from, to) : bytes.subarray(from, to);
}

/** A value for a message, short and printable. */
function shown(value: unknown): string {
  return excerptOf(new TextEncoder().encode(JSON.stringify(value)?.slice(0, 64) ?? "undefined"));
}

function finishedError(): MarketError {
  return new MarketError(
    "reader_finished",
    "Cannot read NDJSON: expected a reader that goes on: current value is a finished one",
  );
}

/**
 * A block as NDJSON in UTF-8, one object a row; with `series`, each names it. Numbers as the
 * shortest text that reads back to the same double. O(rows), some 100 bytes a row held at once.
 *
 * @throws {MarketError} code `block` when rows delete candles: the format has no word for that.
 */
export function candlesToNdjson(
  block: CandleBlock,
  options: { readonly series?: boolean } = {},
): Uint8Array {
  if (block.deleted?.includes(1)) {
    throw new MarketError(
      "block",
      `Cannot write NDJSON of ${block.series}: expected no deleted rows: current value is ` +
        `row ${block.deleted.indexOf(1)}`,
    );
  }
  const { ts, open, high, low, close, volume } = block;
  const end = options.series ? `,"series":${JSON.stringify(block.series)}}\n` : "}\n";
  let text = "";
  for (let i = 0; i < block.length; i++) {
    text += `{"ts":${ts[i]},"open":${open[i]},"high":${high[i]},"low":${low[i]},` +
      `"close":${close[i]},"volume":${volume[i]}${end}`;
  }
  return new TextEncoder().encode(text);
}
