/**
 * Chunks as bytes: many rows of one series' log in columns, with a checksum that is verified when
 * they are read. Little endian, as every platform of Deno is.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | magic `WCHK` |
 * | 4 | 1 | encoding version |
 * | 5 | 1 | kind: 1 candles, 2 labels |
 * | 6 | 2 | flags: bit 0, a seq for each row follows |
 * | 8 | 4 | rows |
 * | 12 | 4 | CRC-32 of everything after the header |
 * | 16 | 8 | seq of all rows, where there is no column of them |
 * | 24 | … | columns, then seqs |
 *
 * Compressing was measured and left out: zstd at level 1 halves a label row (125 to 65 bytes) for
 * 0.4 µs, which is more than everything else that a row costs.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { StoreError } from "../error.ts";
import { copyLogged, LOGGED_ROW_BYTES, loggedViews } from "../logged.ts";
import { CANDLE_ROW_BYTES, candleViews, copyCandles } from "../candle_rows.ts";
import type { CandlePiece, LabelPiece, Piece } from "./pieces.ts";

const MAGIC = 0x4b484357;
const VERSION = 1;
const HEADER_BYTES = 24;
const FLAG_SEQS = 1;
const KIND_CANDLES = 1;
const KIND_LABELS = 2;

/** A chunk ready to be written. */
export interface Chunk {
  /** Its bytes. */
  readonly body: Uint8Array;
  /** Rows in it. */
  readonly rows: number;
  /** Earliest open time of a row. */
  readonly minTs: number;
  /** Latest open time of a row. */
  readonly maxTs: number;
  /** Seq of the first row. */
  readonly minSeq: number;
  /** Seq of the last row. */
  readonly maxSeq: number;
}

/** A chunk of candle rows. O(rows). */
export function encodeCandleChunk(pieces: readonly CandlePiece[]): Chunk {
  const rows = rowsOf(pieces);
  const { bytes, seqs } = layout(pieces, KIND_CANDLES, rows, CANDLE_ROW_BYTES);
  const target = candleViews(bytes.buffer, HEADER_BYTES, rows);
  let at = 0;
  for (const { columns, from, to } of pieces) {
    copyCandles(columns.columns, from, to, target.columns, at);
    for (let row = from; row < to; row++) target.removed[at++] = columns.removed[row] as number;
  }
  return sealed(bytes, rows, target.columns.ts, pieces, seqs);
}

/** A chunk of label rows. O(rows). */
export function encodeLabelChunk(pieces: readonly LabelPiece[]): Chunk {
  const rows = rowsOf(pieces);
  const { bytes, seqs } = layout(pieces, KIND_LABELS, rows, LOGGED_ROW_BYTES);
  const target = loggedViews(bytes.buffer, HEADER_BYTES, rows);
  let at = 0;
  for (const { columns, from, to } of pieces) {
    copyLogged(columns, from, to, target, at);
    at += to - from;
  }
  return sealed(bytes, rows, target.labels.ts, pieces, seqs);
}

/**
 * The candle rows of a chunk, as views of it. O(1) beside the checksum.
 *
 * @throws {StoreError} code `damaged`.
 */
export function decodeCandleChunk(bytes: Uint8Array, id: number): CandlePiece {
  const { rows, seq, buffer, at } = opened(bytes, id, KIND_CANDLES, CANDLE_ROW_BYTES);
  return { columns: candleViews(buffer, at, rows), from: 0, to: rows, seq };
}

/**
 * The label rows of a chunk, as views of it. O(1) beside the checksum.
 *
 * @throws {StoreError} code `damaged`.
 */
export function decodeLabelChunk(bytes: Uint8Array, id: number): LabelPiece {
  const { rows, seq, buffer, at } = opened(bytes, id, KIND_LABELS, LOGGED_ROW_BYTES);
  return { columns: loggedViews(buffer, at, rows), from: 0, to: rows, seq };
}

function rowsOf(pieces: readonly Piece<unknown>[]): number {
  let rows = 0;
  for (const { from, to } of pieces) rows += to - from;
  return rows;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function layout(
  pieces: readonly Piece<unknown>[],
  kind: number,
  rows: number,
  rowBytes: number,
): { bytes: Uint8Array<ArrayBuffer>; seqs: Float64Array | null } {
  const seq = pieces[0]?.seq ?? 0;
  const isUniform = typeof seq === "number" && pieces.every((piece) => piece.seq === seq);
  const seqsAt = HEADER_BYTES + padded(rows * rowBytes);
  const bytes = new Uint8Array(seqsAt + (isUniform ? 0 : 8 * rows));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, kind);
  view.setUint16(6, isUniform ? 0 : FLAG_SEQS, true);
  view.setUint32(8, rows, true);
  view.setFloat64(16, isUniform ? seq : 0, true);
  if (isUniform) return { bytes, seqs: null };
  const seqs = new Float64Array(bytes.buffer, seqsAt, rows);
  let at = 0;
  for (const { from, to, seq } of pieces) {
    if (typeof seq === "number") seqs.fill(seq, at, at + to - from);
    else seqs.set(seq.subarray(from, to), at);
    at += to - from;
  }
  return { bytes, seqs };
}

function sealed(
  bytes: Uint8Array<ArrayBuffer>,
  rows: number,
  ts: Float64Array,
  pieces: readonly Piece<unknown>[],
  seqs: Float64Array | null,
): Chunk {
  const sum = crc32(bytes.subarray(HEADER_BYTES));
  new DataView(bytes.buffer).setUint32(12, sum, true);
  let minTs = Infinity, maxTs = -Infinity;
  for (let row = 0; row < rows; row++) {
    const at = ts[row] as number;
    if (at < minTs) minTs = at;
    if (at > maxTs) maxTs = at;
  }
  const only = pieces[0]?.seq as number;
  const minSeq = seqs === null ? only : seqs[0] as number;
  const maxSeq = seqs === null ? only : seqs[rows - 1] as number;
  return { body: bytes, rows, minTs, maxTs, minSeq, maxSeq };
}

function opened(bytes: Uint8Array, id: number, kind: number, rowBytes: number) {
  const damaged = (what: string) =>
    new StoreError(
      "damaged",
      `Cannot read chunk ${id}: expected ${what}: restore the file from a backup`,
    );
  if (bytes.length < HEADER_BYTES) throw damaged("a header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC || view.getUint8(4) !== VERSION) {
    throw damaged(`magic WCHK and version ${VERSION}`);
  }
  if (view.getUint8(5) !== kind) throw damaged(`kind ${kind}`);
  const rows = view.getUint32(8, true);
  const hasSeqs = (view.getUint16(6, true) & FLAG_SEQS) !== 0;
  const seqsAt = HEADER_BYTES + padded(rows * rowBytes);
  if (bytes.length !== seqsAt + (hasSeqs ? 8 * rows : 0)) {
    throw damaged(`the bytes of ${rows} rows`);
  }
  if (crc32(bytes.subarray(HEADER_BYTES)) !== view.getUint32(12, true)) {
    throw damaged("the checksum it was written with");
  }
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  const seq = hasSeqs
    ? new Float64Array(buffer, byteOffset + seqsAt, rows)
    : view.getFloat64(16, true);
  return { rows, seq, buffer, at: byteOffset + HEADER_BYTES };
}
