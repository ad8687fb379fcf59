/**
 * Entries of the partitions' streams as bytes: candles of several series of one partition. Little
 * endian, as every platform of Deno is.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | magic `WKPE` |
 * | 4 | 1 | encoding version |
 * | 5 | 1 | flags: bit 0, a `deleted` column follows the others |
 * | 6 | 2 | runs, one a series |
 * | 8 | 4 | rows of all runs |
 * | 12 | 4 | bytes of the whole |
 * | 16 | 4 | CRC-32 of everything after it |
 * | 20 | 4 | bytes of the runs' texts |
 * | 24 | … | of each run: rows (4 bytes), bytes of its series key (2), 2 that are zero |
 * | … | … | the series keys (UTF-8), zeros up to a multiple of 8 |
 * | … | … | six columns of all rows, then `deleted`, if there is one |
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { CandleBlock } from "../../market/block.ts";
import { CANDLE_COLUMNS } from "../../market/columns.ts";
import { MarketError } from "../../market/error.ts";
import { partitionOf } from "../../market/partition.ts";
import { PARTITION_BOUNDS } from "./port.ts";

/** Version written; reading refuses any other. */
export const ENTRY_ENCODING_VERSION = 1;

const MAGIC = 0x45504b57;
const HEADER_BYTES = 24;
const RUN_BYTES = 8;
const CHECKED_FROM = 20;
const FLAG_DELETED = 1;
const NUMBER_BYTES = 8;
const ROW_BYTES = NUMBER_BYTES * CANDLE_COLUMNS.length;
/** Rows up to which a loop is faster than a copy of bytes. */
const SHORT_ROWS = 8;
/** Characters of a series key: as many as an instrument and a granularity have, and many more. */
const SERIES_BYTES_MAX = 1_024;
/** Runs of one entry: no more than rows. */
const RUNS_MAX = PARTITION_BOUNDS.entryRows;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** An entry that says it is not what was written. */
export class EntryError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "EntryError";
}

/** Rows from ≤ row < to of a block: part of an entry. */
export interface EntryRun {
  readonly block: CandleBlock;
  readonly from: number;
  readonly to: number;
}

/**
 * The bytes of an entry; consecutive runs of one series become one. O(rows), one copy of 48 bytes a
 * row.
 *
 * @throws {MarketError} code `encoding` for a series key that is too long.
 */
export function encodeEntry(runs: readonly EntryRun[]): Uint8Array<ArrayBuffer> {
  const heads: { series: string; chars: number; rows: number }[] = [];
  let rows = 0, textBytes = 0, hasDeleted = false;
  for (const { block, from, to } of runs) {
    rows += to - from;
    hasDeleted ||= block.deleted !== null;
    const last = heads.at(-1);
    if (last?.series === block.series) {
      last.rows += to - from;
      continue;
    }
    const chars = seriesBytes(block.series);
    textBytes += chars;
    heads.push({ series: block.series, chars, rows: to - from });
  }
  const textAt = HEADER_BYTES + RUN_BYTES * heads.length;
  const columnsAt = padded(textAt + textBytes);
  const total = columnsAt + rows * (ROW_BYTES + (hasDeleted ? 1 : 0));
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, ENTRY_ENCODING_VERSION);
  view.setUint8(5, hasDeleted ? FLAG_DELETED : 0);
  view.setUint16(6, heads.length, true);
  view.setUint32(8, rows, true);
  view.setUint32(12, total, true);
  view.setUint32(20, textBytes, true);
  let at = textAt;
  heads.forEach(({ series, chars, rows }, i) => {
    view.setUint32(HEADER_BYTES + RUN_BYTES * i, rows, true);
    view.setUint16(HEADER_BYTES + RUN_BYTES * i + 4, chars, true);
    if (chars === series.length) writeAscii(bytes, at, series);
    else encoder.encodeInto(series, bytes.subarray(at));
    at += chars;
  });
  writeColumns(bytes, columnsAt, rows, runs, hasDeleted);
  view.setUint32(16, crc32(bytes.subarray(CHECKED_FROM)), true);
  return bytes;
}

function writeColumns(
  bytes: Uint8Array<ArrayBuffer>,
  columnsAt: number,
  rows: number,
  runs: readonly EntryRun[],
  hasDeleted: boolean,
): void {
  const numbers = new Float64Array(bytes.buffer, columnsAt, rows * CANDLE_COLUMNS.length);
  const deletedAt = columnsAt + numbers.byteLength;
  let row = 0;
  for (const { block, from, to } of runs) {
    const whole = from === 0 && to === block.length;
    CANDLE_COLUMNS.forEach((name, column) => {
      const at = column * rows + row;
      if (to - from === 1) numbers[at] = block[name][from] as number;
      else numbers.set(whole ? block[name] : block[name].subarray(from, to), at);
    });
    if (hasDeleted && block.deleted !== null) {
      bytes.set(block.deleted.subarray(from, to), deletedAt + row);
    }
    row += to - from;
  }
}

/**
 * Refuses a series key that no entry can hold.
 *
 * @throws {MarketError} code `encoding`.
 */
export function checkSeries(series: string): void {
  // A UTF-16 unit is at most three bytes of UTF-8.
  if (3 * series.length > SERIES_BYTES_MAX) seriesBytes(series);
}

/** Length of a key in UTF-8. */
function seriesBytes(series: string): number {
  const bytes = isAscii(series) ? series.length : encoder.encode(series).length;
  if (bytes <= SERIES_BYTES_MAX) return bytes;
  throw new MarketError(
    "encoding",
    `Cannot append candles of ${series.slice(0, 64)}…: expected a series key of at most ` +
      `${SERIES_BYTES_MAX} bytes: current value is ${bytes}`,
  );
}

/** Rows of one series in an entry. */
export interface RunRows {
  readonly series: string;
  readonly rows: number;
  /** First row of the run among those of the entry. */
  readonly row: number;
}

/** An entry whose bytes were checked. */
export class Entry {
  /** In the order in which they were written. */
  readonly runs: readonly RunRows[];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rows: number;
  readonly #columnsAt: number;
  readonly #hasDeleted: boolean;

  /**
   * Checks the bytes of an entry of a partition. O(bytes).
   *
   * @throws {EntryError} for bytes that are foreign, of another version, damaged, or of series that
   * belong to another partition.
   */
  constructor(partition: number, bytes: Uint8Array) {
    this.#bytes = bytes;
    const view = this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { runs, rows, hasDeleted, textBytes } = readHeader(view);
    const columnsAt = padded(HEADER_BYTES + RUN_BYTES * runs + textBytes);
    const expected = columnsAt + rows * (ROW_BYTES + (hasDeleted ? 1 : 0));
    expect(expected === bytes.length, `${expected} bytes for ${rows} rows`, bytes.length);
    const sum = crc32(bytes.subarray(CHECKED_FROM));
    expect(sum === view.getUint32(16, true), `checksum ${view.getUint32(16, true)}`, sum);
    this.#rows = rows;
    this.#columnsAt = columnsAt;
    this.#hasDeleted = hasDeleted;
    this.runs = this.#readRuns(partition, runs, textBytes);
  }

  #readRuns(partition: number, count: number, textBytes: number): RunRows[] {
    const view = this.#view;
    let at = HEADER_BYTES + RUN_BYTES * count, row = 0;
    const textEnd = at + textBytes;
    const runs: RunRows[] = [];
    for (let run = 0; run < count; run++) {
      const rows = view.getUint32(HEADER_BYTES + RUN_BYTES * run, true);
      const chars = view.getUint16(HEADER_BYTES + RUN_BYTES * run + 4, true);
      expect(at + chars <= textEnd, "its keys within their bytes", at + chars);
      expect(row + rows <= this.#rows, `${this.#rows} rows in its runs`, row + rows);
      const series = textIn(this.#bytes.subarray(at, at + chars));
      expect(partitionOf(series) === partition, `series of partition ${partition}`, series);
      runs.push({ series, rows, row });
      at += chars;
      row += rows;
    }
    expect(row === this.#rows, `${this.#rows} rows in its runs`, row);
    return runs;
  }

  /** Copies a column of a run to `to`, from `at` on. */
  copyColumn(column: number, { row, rows }: RunRows, to: Float64Array, at: number): void {
    const from = this.#columnsAt + NUMBER_BYTES * (column * this.#rows + row);
    if (rows <= SHORT_ROWS) {
      for (let i = 0; i < rows; i++) {
        to[at + i] = this.#view.getFloat64(from + NUMBER_BYTES * i, true);
      }
      return;
    }
    const bytes = new Uint8Array(to.buffer, to.byteOffset + NUMBER_BYTES * at, NUMBER_BYTES * rows);
    bytes.set(this.#bytes.subarray(from, from + NUMBER_BYTES * rows));
  }

  /** Which rows of a run delete; null when none does. */
  deletedOf({ row, rows }: RunRows): Uint8Array | null {
    if (!this.#hasDeleted) return null;
    const from = this.#columnsAt + ROW_BYTES * this.#rows + row;
    const deleted = this.#bytes.subarray(from, from + rows);
    return deleted.includes(1) ? deleted : null;
  }
}

function readHeader(view: DataView) {
  const { byteLength } = view;
  expect(byteLength >= HEADER_BYTES, `at least ${HEADER_BYTES} bytes`, byteLength);
  const magic = view.getUint32(0, true);
  expect(magic === MAGIC, "the magic WKPE", `0x${magic.toString(16).padStart(8, "0")}`);
  const version = view.getUint8(4);
  expect(version === ENTRY_ENCODING_VERSION, `version ${ENTRY_ENCODING_VERSION}`, version);
  const flags = view.getUint8(5);
  expect((flags & ~FLAG_DELETED) === 0, "no unknown flag", flags);
  const total = view.getUint32(12, true);
  expect(total === byteLength, `${total} bytes`, byteLength);
  const runs = view.getUint16(6, true);
  expect(runs <= RUNS_MAX, `at most ${RUNS_MAX} runs`, runs);
  const rows = view.getUint32(8, true);
  expect(rows <= PARTITION_BOUNDS.entryRows, `at most ${PARTITION_BOUNDS.entryRows} rows`, rows);
  const textBytes = view.getUint32(20, true);
  return { runs, rows, hasDeleted: (flags & FLAG_DELETED) !== 0, textBytes };
}

// Keys are short and as good as always ASCII: a loop is faster than the way to a text encoder.

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function writeAscii(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

function textIn(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte <= 0x7f)) return String.fromCharCode(...bytes);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new EntryError("Cannot read entry: expected a key in UTF-8: current value is none");
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / NUMBER_BYTES) * NUMBER_BYTES;
}

function expect(holds: boolean, expected: string, found: unknown): void {
  if (holds) return;
  throw new EntryError(`Cannot read entry: expected ${expected}: current value is ${found}`);
}
