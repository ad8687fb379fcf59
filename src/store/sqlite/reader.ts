/**
 * Reading series: chunks, the tail that waits for chunks, and a commit that is being worked out, as
 * one log.
 *
 * @module
 */

import { allocateLabels } from "../../label/rows.ts";
import { type CandleBlock, candleBlock, type LabelBlock } from "../../market/block.ts";
import { allocateCandles, type CandleRows, copyCandles } from "../candle_rows.ts";
import { copyLogged } from "../logged.ts";
import { type ChunkTable } from "./chunk_table.ts";
import type { Draft } from "./draft.ts";
import {
  type CandlePiece,
  type LabelPiece,
  type Piece,
  type Standing,
  standing,
  type Wanted,
} from "./pieces.ts";
import { CANDLES_SET, type SeriesState } from "./series_state.ts";

/** Labels that stand, with what the log says about each. */
export interface FoundLabels {
  /** The rows, in ascending time. */
  readonly labels: LabelBlock;
  /** Revision of each. */
  readonly revisions: Uint32Array;
  /** 1 = it says that there is none any more; only where such were wanted. */
  readonly removed: Uint8Array;
  /** Seq of each. */
  readonly seqs: Float64Array;
}

const candleTs = (columns: CandleRows) => columns.columns.ts;
const candleRemoved = (columns: CandleRows) => columns.removed;
const labelTs = (columns: LabelPiece["columns"]) => columns.labels.ts;
const labelRemoved = (columns: LabelPiece["columns"]) => columns.removed;

/** Share of a chunk's label rows that still stand, at a guess; the others were completed later. */
const STANDING_SHARE = 0.7;
/** Times more chunks at each further guess. */
const GUESS_FACTOR = 4;

/** See the module's text. All it gives is the caller's own. */
export class Reader {
  readonly #chunks: ChunkTable;

  /** Over the chunks of an open database. */
  constructor(chunks: ChunkTable) {
    this.#chunks = chunks;
  }

  /** Candles that stand. O(rows of the chunks that hold them). */
  candles(state: SeriesState, wanted: Wanted, draft?: Draft): CandleBlock {
    return this.#limited(state, CANDLES_SET, wanted, (part) => {
      const pieces = this.#candlePieces(state, part.fromTs, part.toTs, draft);
      return gatherCandles(state, pieces, standing(pieces, candleTs, candleRemoved, part));
    });
  }

  /** Labels that stand. O(rows of the chunks that hold them). */
  labels(
    state: SeriesState,
    set: number,
    paramHash: string,
    wanted: Wanted,
    draft?: Draft,
  ): FoundLabels {
    return this.#limited(state, set, wanted, (part) => {
      const pieces = this.#labelPieces(state, set, part.fromTs, part.toTs, draft);
      const found = standing(pieces, labelTs, labelRemoved, part);
      return gatherLabels(state, paramHash, pieces, found);
    });
  }

  /** The last `count` candles before `toTs`, ascending. O(rows of the chunks that hold them). */
  lastCandles(state: SeriesState, toTs: number, count: number, draft?: Draft): CandleBlock {
    const all = { toTs, limit: Infinity, asOf: Infinity };
    const tailTs = state.candles[0]?.columns.columns.ts[state.candles[0].from];
    let fromTs = tailTs ?? toTs;
    for (let chunks = 1;; chunks *= GUESS_FACTOR) {
      const from = Math.max(state.floorTs, fromTs);
      const found = this.candles(state, { ...all, fromTs: from }, draft);
      if (found.length >= count || from === state.floorTs) {
        return lastRows(found, count);
      }
      fromTs = state.flushedSeq === 0
        ? -Infinity
        : this.#chunks.timeBefore(state.id, CANDLES_SET, toTs, chunks) ?? -Infinity;
    }
  }

  /** Reads no more chunks than the limit asks for: a little further each time until it is reached. */
  #limited<Found extends { readonly labels?: LabelBlock; readonly length?: number }>(
    state: SeriesState,
    set: number,
    wanted: Wanted,
    read: (part: Wanted) => Found,
  ): Found {
    const whole = { ...wanted, fromTs: Math.max(wanted.fromTs, state.floorTs) };
    if (state.flushedSeq === 0 || !Number.isFinite(wanted.limit)) return read(whole);
    const rows = this.#chunks.rowsOfFirst(state.id, set, whole.fromTs);
    const first = 2 + Math.ceil(wanted.limit / (rows * STANDING_SHARE));
    for (let chunks = first;; chunks *= GUESS_FACTOR) {
      const toTs = this.#chunks.timeAfter(state.id, set, whole.fromTs, chunks);
      if (toTs === null || toTs >= whole.toTs) return read(whole);
      const found = read({ ...whole, toTs });
      if ((found.labels?.length ?? found.length ?? 0) >= wanted.limit) return found;
    }
  }

  #candlePieces(state: SeriesState, fromTs: number, toTs: number, draft?: Draft): CandlePiece[] {
    const stored = state.flushedSeq === 0 ? [] : this.#chunks.candles(state.id, fromTs, toTs);
    return stored.concat(state.candles, draft?.candlePieces(state) ?? []);
  }

  #labelPieces(
    state: SeriesState,
    set: number,
    fromTs: number,
    toTs: number,
    draft?: Draft,
  ): LabelPiece[] {
    const stored = state.flushedSeq === 0 ? [] : this.#chunks.labels(state.id, set, fromTs, toTs);
    return stored.concat(state.labels.get(set) ?? [], draft?.labelPieces(state, set) ?? []);
  }
}

/** Calls `each` with stretches of consecutive rows of one piece. */
function inStretches<Columns>(
  pieces: readonly Piece<Columns>[],
  { length, pieces: pieceOf, rows }: Standing,
  each: (piece: Piece<Columns>, from: number, to: number, at: number) => void,
): void {
  for (let at = 0; at < length;) {
    const index = pieceOf[at] as number, from = rows[at] as number;
    let to = from + 1, next = at + 1;
    while (next < length && pieceOf[next] === index && rows[next] === to) {
      next++;
      to++;
    }
    each(pieces[index] as Piece<Columns>, from, to, at);
    at = next;
  }
}

function gatherCandles(
  state: SeriesState,
  pieces: readonly CandlePiece[],
  found: Standing,
): CandleBlock {
  const { columns } = allocateCandles(found.length);
  inStretches(pieces, found, (piece, from, to, at) => {
    copyCandles(piece.columns.columns, from, to, columns, at);
  });
  return candleBlock(state.key, columns);
}

function gatherLabels(
  state: SeriesState,
  paramHash: string,
  pieces: readonly LabelPiece[],
  found: Standing,
): FoundLabels {
  const { length } = found;
  const labels = allocateLabels(state.key, paramHash, length);
  const revisions = new Uint32Array(length);
  const removed = new Uint8Array(length);
  const seqs = new Float64Array(length);
  const logged = { labels, revisions, removed };
  inStretches(pieces, found, (piece, from, to, at) => {
    copyLogged(piece.columns, from, to, logged, at);
    const { seq } = piece;
    if (typeof seq === "number") seqs.fill(seq, at, at + to - from);
    else for (let row = from; row < to; row++) seqs[at + row - from] = seq[row] as number;
  });
  return { ...logged, seqs };
}

function lastRows(block: CandleBlock, count: number): CandleBlock {
  if (block.length <= count) return block;
  const { columns } = allocateCandles(count);
  copyCandles(block, block.length - count, block.length, columns, 0);
  return candleBlock(block.series, columns);
}
