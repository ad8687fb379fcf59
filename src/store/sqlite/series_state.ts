/**
 * What the store holds in memory of one series: where it stands, and the rows of its log that are not
 * in chunks yet.
 *
 * @module
 */

import type { SeriesKey } from "../../market/block.ts";
import { LOGGED_ROW_BYTES } from "../logged.ts";
import { CANDLE_ROW_BYTES } from "../candle_rows.ts";
import type { HotWindow } from "./hot_window.ts";
import type { CandlePiece, LabelPiece, Piece } from "./pieces.ts";

/** Number of the parameter "set" under which candles are filed among the chunks. */
export const CANDLES_SET = 0;

/** Rows of one commit that wait for a chunk. */
export interface TailPiece<Columns> extends Piece<Columns> {
  /** Seq of the commit. */
  readonly seq: number;
  /** They change what was there before: not necessarily near the end of the series. */
  readonly late: boolean;
}

/** Objects of a piece: what it weighs beside its rows. */
const PIECE_BYTES = 64;

/** Where one series stands. */
export class SeriesState {
  /** Candles committed so far, given up ones included. */
  count = 0;
  /** Candles that retention has given up. */
  dropped = 0;
  /** Time of the last candle; −Infinity without one. */
  lastTs = -Infinity;
  /** What lies before this time was given up. */
  floorTs = -Infinity;
  /** Rows of commits up to this one are in chunks. */
  flushedSeq = 0;
  /** Bytes of the rows that wait for a chunk. */
  tailBytes = 0;
  /** Candle rows that wait for a chunk, in the order of the log. */
  candles: TailPiece<CandlePiece["columns"]>[] = [];
  /** Label rows that wait for a chunk, in the order of the log, by parameter set. */
  readonly labels = new Map<number, TailPiece<LabelPiece["columns"]>[]>();
  /** See {@linkcode HotWindow}; null while nobody needed it. */
  window: HotWindow | null = null;

  /** A series of which nothing is known. */
  constructor(readonly id: number, readonly key: SeriesKey) {}

  /** Candles held. */
  get length(): number {
    return this.count - this.dropped;
  }

  /** Adds candle rows that wait for a chunk; says how many bytes they are. */
  addCandles(piece: TailPiece<CandlePiece["columns"]>): number {
    this.candles.push(piece);
    const bytes = PIECE_BYTES + (piece.to - piece.from) * CANDLE_ROW_BYTES;
    this.tailBytes += bytes;
    return bytes;
  }

  /** Adds label rows that wait for a chunk; says how many bytes they are. */
  addLabels(set: number, piece: TailPiece<LabelPiece["columns"]>): number {
    const pieces = this.labels.get(set);
    if (pieces === undefined) this.labels.set(set, [piece]);
    else pieces.push(piece);
    const bytes = PIECE_BYTES + (piece.to - piece.from) * LOGGED_ROW_BYTES;
    this.tailBytes += bytes;
    return bytes;
  }

  /** Forgets the rows that wait: they are in chunks. */
  clearTail(): void {
    this.candles = [];
    this.labels.clear();
    this.tailBytes = 0;
  }

  /** Gives up the window: what it knew may no longer be so. */
  dropWindow(): void {
    this.window?.drop();
    this.window = null;
  }
}
