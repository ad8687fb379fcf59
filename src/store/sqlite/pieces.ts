/**
 * Pieces of a log, and which of their rows stand.
 *
 * The log of a series (its candles, or its labels under one parameter set) is append-only and lies in
 * pieces: chunks on disk, then runs of commits that are not in chunks yet. Put in their order, the
 * last row of a time with a seq of at most `asOf` is what stood then; a removed row says that nothing
 * did. So reading the past costs what reading the present costs, and nothing is changed in place.
 *
 * @module
 */

import type { LoggedColumns } from "../logged.ts";
import type { CandleRows } from "../candle_rows.ts";

/** Rows from ≤ row < to of some columns. */
export interface Piece<Columns> {
  /** Where they lie. */
  readonly columns: Columns;
  /** First row. */
  readonly from: number;
  /** Row after the last one. */
  readonly to: number;
  /** Seq of all rows, or of each. */
  readonly seq: number | Float64Array;
}

/** A piece of the candle log of a series. */
export type CandlePiece = Piece<CandleRows>;
/** A piece of the label log of a series under one parameter set. */
export type LabelPiece = Piece<LoggedColumns>;

/** Which rows are wanted. */
export interface Wanted {
  /** First open time. */
  readonly fromTs: number;
  /** End, exclusive. */
  readonly toTs: number;
  /** Rows at most. */
  readonly limit: number;
  /** As they were after this commit; Infinity = now. */
  readonly asOf: number;
  /** Removed rows too, which say what revision a row that comes back goes on from. */
  readonly withRemoved?: boolean;
}

/** Rows that stand, in ascending time: row `rows[i]` of piece `pieces[i]`. */
export interface Standing {
  /** How many. */
  readonly length: number;
  /** Index of the piece. */
  readonly pieces: Uint32Array;
  /** Row in the piece's columns. */
  readonly rows: Uint32Array;
}

/** Seq of a row. */
export function seqAt(piece: Piece<unknown>, row: number): number {
  return typeof piece.seq === "number" ? piece.seq : piece.seq[row] as number;
}

/** Moves of an insertion sort, per row, after which sorting anew is cheaper. */
const MOVES_PER_ROW_MAX = 64;

/**
 * The rows that stand. O(rows of the pieces) when they are nearly in order, as live rows are.
 *
 * @param pieces In the order of the log.
 */
export function standing<Columns>(
  pieces: readonly Piece<Columns>[],
  tsOf: (columns: Columns) => Float64Array,
  removedOf: (columns: Columns) => Uint8Array,
  wanted: Wanted,
): Standing {
  let most = 0;
  for (const { from, to } of pieces) most += to - from;
  const ts = new Float64Array(most);
  const found = { length: 0, pieces: new Uint32Array(most), rows: new Uint32Array(most) };
  let isAscending = true, hasRemoved = false;
  pieces.forEach((piece, index) => {
    const times = tsOf(piece.columns), removed = removedOf(piece.columns);
    for (let row = piece.from; row < piece.to; row++) {
      const at = times[row] as number;
      if (!(at >= wanted.fromTs && at < wanted.toTs) || seqAt(piece, row) > wanted.asOf) continue;
      const to = found.length++;
      ts[to] = at;
      found.pieces[to] = index;
      found.rows[to] = row;
      if (to > 0 && !(at > (ts[to - 1] as number))) isAscending = false;
      if (removed[row] === 1) hasRemoved = true;
    }
  });
  if (isAscending && (!hasRemoved || wanted.withRemoved === true)) {
    return { ...found, length: Math.min(found.length, wanted.limit) };
  }
  const isRemoved = (at: number) => {
    const piece = pieces[found.pieces[at] as number] as Piece<Columns>;
    return removedOf(piece.columns)[found.rows[at] as number] === 1;
  };
  return lastOfEach(found, ts, wanted, isRemoved);
}

/** Of rows of one time, the last in the order of the log. */
function lastOfEach(
  found: Standing,
  ts: Float64Array,
  wanted: Wanted,
  isRemoved: (at: number) => boolean,
): Standing {
  const order = sortedByTime(ts, found.length);
  const pieces = new Uint32Array(found.length), rows = new Uint32Array(found.length);
  let length = 0;
  for (let i = 0; i < order.length && length < wanted.limit; i++) {
    const at = order[i] as number, next = order[i + 1];
    if (next !== undefined && ts[next] === ts[at]) continue;
    if (wanted.withRemoved !== true && isRemoved(at)) continue;
    pieces[length] = found.pieces[at] as number;
    rows[length++] = found.rows[at] as number;
  }
  return { length, pieces, rows };
}

/** Indices in ascending time, those of one time in ascending index. */
function sortedByTime(ts: Float64Array, length: number): Uint32Array {
  const order = new Uint32Array(length);
  let movesLeft = length * MOVES_PER_ROW_MAX;
  for (let i = 0; i < length; i++) {
    const at = ts[i] as number;
    let to = i;
    for (; to > 0 && (ts[order[to - 1] as number] as number) > at; to--) {
      order[to] = order[to - 1] as number;
    }
    order[to] = i;
    movesLeft -= i - to;
    if (movesLeft < 0) {
      return Uint32Array.from({ length }, (_, index) => index)
        .sort((a, b) => (ts[a] as number) - (ts[b] as number) || a - b);
    }
  }
  return order;
}
