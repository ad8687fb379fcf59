/**
 * Blocks as bytes, for SQLite, Redis and threads: a header, then one column after the other.
 * Little endian, as every platform of Deno is.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | magic `WICK` |
 * | 4 | 1 | encoding version |
 * | 5 | 1 | kind: 1 candles, 2 labels |
 * | 6 | 2 | flags: bit 0, a `deleted` column follows the others |
 * | 8 | 4 | rows |
 * | 12 | 4 | bytes of the whole, this header included |
 * | 16 | 2 | bytes of the series key (UTF-8) |
 * | 18 | 2 | bytes of the parameter hash (UTF-8); 0 for candles |
 * | 20 | 4 | zero |
 * | 24 | … | series key, parameter hash |
 *
 * The text and every column are padded with zeros to a multiple of 8 bytes, so that columns can be
 * read where they lie when the whole starts at a multiple of 8.
 *
 * @module
 */

import type { CandleBlock, LabelBlock } from "./block.ts";
import {
  CANDLE_COLUMNS,
  COLUMN_BYTES,
  type ColumnType,
  LABEL_COLUMNS,
  type LabelColumn,
} from "./columns.ts";
import { MarketError } from "./error.ts";

/** Version written; decoding refuses a newer one. */
export const BLOCK_ENCODING_VERSION = 1;

const MAGIC = 0x4b434957;
const HEADER_BYTES = 24;
const KIND_CANDLES = 1;
const KIND_LABELS = 2;
const FLAG_DELETED = 1;
const TEXT_BYTES_MAX = 0xffff;
const ENCODED_BYTES_MAX = 0xffffffff;
const LABEL_TYPES = LABEL_COLUMNS.map(([, type]) => type);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Column = Float64Array | Uint8Array | Int8Array | Uint16Array;

interface Layout {
  readonly kind: number;
  readonly flags: number;
  readonly rows: number;
  readonly series: string;
  readonly paramHash: string;
  readonly columns: readonly Column[];
}

/**
 * The bytes of a candle block. O(rows), one allocation of 48 bytes a row (49 with deletions).
 *
 * @throws {MarketError} code `encoding` when the series key or the whole is too long.
 */
export function encodeCandles(block: CandleBlock): Uint8Array {
  const columns: Column[] = CANDLE_COLUMNS.map((name) => block[name]);
  if (block.deleted !== null) columns.push(block.deleted);
  return encode({
    kind: KIND_CANDLES,
    flags: block.deleted === null ? 0 : FLAG_DELETED,
    rows: block.length,
    series: block.series,
    paramHash: "",
    columns,
  });
}

/**
 * The candle block of `encodeCandles`. O(1) when `bytes` starts at a multiple of 8 in its buffer:
 * the columns are then views of it, so changing one changes the other; O(rows) otherwise.
 *
 * @throws {MarketError} code `encoding` for bytes that are foreign, of another kind, of a newer
 * version, truncated or damaged in their header.
 */
export function decodeCandles(bytes: Uint8Array): CandleBlock {
  const header = readHeader(bytes, KIND_CANDLES, "candles");
  const hasDeleted = (header.flags & FLAG_DELETED) !== 0;
  const types: ColumnType[] = CANDLE_COLUMNS.map(() => "f64");
  if (hasDeleted) types.push("u8");
  const columns = readColumns(bytes, header, types);
  const [ts, open, high, low, close, volume] = columns as Float64Array[];
  const deleted = hasDeleted ? columns[CANDLE_COLUMNS.length] as Uint8Array : null;
  return {
    series: header.series,
    length: header.rows,
    ts,
    open,
    high,
    low,
    close,
    volume,
    deleted,
  } as CandleBlock;
}

/**
 * The bytes of a label block. O(rows), one allocation of 125 bytes a row.
 *
 * @throws {MarketError} code `encoding` when the series key, hash or whole is too long.
 */
export function encodeLabels(block: LabelBlock): Uint8Array {
  return encodeLabelRows(block, block.length, block.series, block.paramHash);
}

/** As {@linkcode encodeLabels}, of the first `rows` rows of columns that may hold more. */
export function encodeLabelRows(
  columns: Pick<LabelBlock, LabelColumn>,
  rows: number,
  series: string,
  paramHash: string,
): Uint8Array {
  return encode({
    kind: KIND_LABELS,
    flags: 0,
    rows,
    series,
    paramHash,
    columns: LABEL_COLUMNS.map(([name]) => {
      const column = columns[name];
      return column.length === rows ? column : column.subarray(0, rows);
    }),
  });
}

/**
 * The label block of `encodeLabels`; cost, sharing of memory and errors as `decodeCandles`.
 *
 * @throws {MarketError} code `encoding`.
 */
export function decodeLabels(bytes: Uint8Array): LabelBlock {
  const header = readHeader(bytes, KIND_LABELS, "labels");
  const columns = readColumns(bytes, header, LABEL_TYPES);
  // A literal, so that all label blocks have one shape and reading a column costs one load.
  return {
    series: header.series,
    paramHash: header.paramHash,
    length: header.rows,
    ts: columns[0],
    close: columns[1],
    atr: columns[2],
    rv: columns[3],
    up: columns[4],
    dn: columns[5],
    adj: columns[6],
    tbStatus: columns[7],
    label: columns[8],
    hit: columns[9],
    bars: columns[10],
    gap: columns[11],
    amb: columns[12],
    exit: columns[13],
    tbRet: columns[14],
    fhStatus: columns[15],
    fwdRet: columns[16],
    vsr: columns[17],
    zret: columns[18],
    mfe: columns[19],
    tMfe: columns[20],
    mae: columns[21],
    tMae: columns[22],
    pf: columns[23],
  } as LabelBlock;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function encode(layout: Layout): Uint8Array {
  const series = encoder.encode(layout.series);
  const paramHash = encoder.encode(layout.paramHash);
  const textBytes = Math.max(series.length, paramHash.length);
  if (textBytes > TEXT_BYTES_MAX) {
    throw encodingError("encode", `expected a key of at most ${TEXT_BYTES_MAX} bytes`, textBytes);
  }
  let total = HEADER_BYTES + padded(series.length + paramHash.length);
  for (const column of layout.columns) {
    if (column.length !== layout.rows) {
      throw encodingError("encode", `expected ${layout.rows} rows in each column`, column.length);
    }
    total += padded(column.byteLength);
  }
  if (total > ENCODED_BYTES_MAX) {
    throw encodingError("encode", `expected at most ${ENCODED_BYTES_MAX} bytes`, total);
  }
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, BLOCK_ENCODING_VERSION);
  view.setUint8(5, layout.kind);
  view.setUint16(6, layout.flags, true);
  view.setUint32(8, layout.rows, true);
  view.setUint32(12, total, true);
  view.setUint16(16, series.length, true);
  view.setUint16(18, paramHash.length, true);
  bytes.set(series, HEADER_BYTES);
  bytes.set(paramHash, HEADER_BYTES + series.length);
  let at = HEADER_BYTES + padded(series.length + paramHash.length);
  for (const column of layout.columns) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
    at += padded(column.byteLength);
  }
  return bytes;
}

interface Header {
  readonly flags: number;
  readonly rows: number;
  readonly series: string;
  readonly paramHash: string;
  readonly columnsAt: number;
}

function readHeader(bytes: Uint8Array, kind: number, what: string): Header {
  const fail = (expected: string, found: unknown) =>
    encodingError(`decode ${what}`, expected, found);
  if (bytes.length < HEADER_BYTES) {
    throw fail(`expected at least ${HEADER_BYTES} bytes`, `${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, true);
  if (magic !== MAGIC) {
    throw fail("expected the magic WICK (0x4b434957)", `0x${magic.toString(16).padStart(8, "0")}`);
  }
  const version = view.getUint8(4);
  if (version < 1 || version > BLOCK_ENCODING_VERSION) {
    throw fail(`expected encoding version 1 to ${BLOCK_ENCODING_VERSION}`, version);
  }
  const foundKind = view.getUint8(5);
  if (foundKind !== kind) throw fail(`expected kind ${kind}`, foundKind);
  const total = view.getUint32(12, true);
  if (total !== bytes.length) throw fail(`expected ${total} bytes`, `${bytes.length} bytes`);
  const flags = view.getUint16(6, true);
  if ((flags & ~(kind === KIND_CANDLES ? FLAG_DELETED : 0)) !== 0) {
    throw fail("expected no unknown flag", flags);
  }
  const seriesBytes = view.getUint16(16, true);
  const columnsAt = HEADER_BYTES + padded(seriesBytes + view.getUint16(18, true));
  if (columnsAt > total) throw fail("expected the keys inside the bytes", columnsAt);
  // slice, not subarray: TextDecoder refuses shared memory.
  const text = bytes.slice(HEADER_BYTES, HEADER_BYTES + seriesBytes + view.getUint16(18, true));
  return {
    flags,
    rows: view.getUint32(8, true),
    series: decoder.decode(text.subarray(0, seriesBytes)),
    paramHash: decoder.decode(text.subarray(seriesBytes)),
    columnsAt,
  };
}

function readColumns(bytes: Uint8Array, header: Header, types: readonly ColumnType[]): Column[] {
  const expected = types.reduce(
    (sum, type) => sum + padded(header.rows * COLUMN_BYTES[type]),
    header.columnsAt,
  );
  if (expected !== bytes.length) {
    throw encodingError(
      "decode columns",
      `expected ${expected} bytes for ${header.rows} rows`,
      `${bytes.length} bytes`,
    );
  }
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  let at = aligned.byteOffset + header.columnsAt;
  return types.map((type) => {
    const column = columnView(type, aligned.buffer, at, header.rows);
    at += padded(column.byteLength);
    return column;
  });
}

function columnView(type: ColumnType, buffer: ArrayBufferLike, at: number, rows: number): Column {
  switch (type) {
    case "f64":
      return new Float64Array(buffer, at, rows);
    case "u8":
      return new Uint8Array(buffer, at, rows);
    case "i8":
      return new Int8Array(buffer, at, rows);
    case "u16":
      return new Uint16Array(buffer, at, rows);
  }
}

function encodingError(verb: string, expected: string, found: unknown): MarketError {
  return new MarketError("encoding", `Cannot ${verb}: ${expected}: current value is ${found}`);
}
