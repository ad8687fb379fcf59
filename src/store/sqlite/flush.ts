/**
 * Moving rows that wait into chunks. Everything is written within the caller's transaction; what it
 * means in memory is done once that is committed.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { encodeCandleChunk, encodeLabelChunk } from "./chunk_codec.ts";
import type { ChunkTable } from "./chunk_table.ts";
import type { InChunks } from "./commit_row.ts";
import type { Draft } from "./draft.ts";
import type { LabelSets } from "./label_sets.ts";
import type { Piece } from "./pieces.ts";
import { CANDLES_SET, type SeriesState } from "./series_state.ts";

/** A piece that may be of times before the others. */
interface MaybeLate<Columns> extends Piece<Columns> {
  readonly late: boolean;
}

/** See the module's text. */
export class Flusher {
  readonly #chunks: ChunkTable;
  readonly #sets: LabelSets;
  readonly #chunkRows: number;
  readonly #putSeries: StatementSync;
  readonly #putSet: StatementSync;
  /** Flushed in the transaction that is open, up to which seq. */
  readonly #flushed = new Map<SeriesState, number>();

  /** Over an open database with the schema. */
  constructor(db: DatabaseSync, chunks: ChunkTable, sets: LabelSets, chunkRows: number) {
    this.#chunkRows = chunkRows;
    this.#chunks = chunks;
    this.#sets = sets;
    this.#putSeries = db.prepare(
      "INSERT INTO series(id, key, count, dropped, last_ts, floor_ts, flushed_seq) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET count = excluded.count, " +
        "last_ts = excluded.last_ts, flushed_seq = excluded.flushed_seq",
    );
    this.#putSet = db.prepare("INSERT INTO label_sets(id, param_hash) VALUES (?, ?)");
  }

  /** Whether the series is flushed in the transaction that is open. */
  has(state: SeriesState): boolean {
    return this.#flushed.has(state);
  }

  /**
   * Writes the rows of a series that wait into chunks, those of the draft too when one is given.
   * Says where label rows of the draft went.
   *
   * @param seq Seq of the last commit whose rows are written.
   */
  flush(state: SeriesState, seq: number, draft?: Draft): InChunks[] {
    for (const { id, paramHash } of this.#sets.unstored()) this.#putSet.run(id, paramHash);
    this.#sets.stored();
    const candles = withDraft(state.candles, draft?.candleRuns ?? [], state, CANDLES_SET, () => ({
      columns: (draft as Draft).candles.rows,
      seq: (draft as Draft).seq,
    }));
    for (const slice of slicesOf(candles, this.#chunkRows, (columns) => columns.columns.ts)) {
      this.#chunks.insert(state.id, CANDLES_SET, encodeCandleChunk(slice));
    }
    const sets = new Set(state.labels.keys());
    for (const run of draft?.labelRuns ?? []) if (run.state === state) sets.add(run.set);
    const found = [...sets].flatMap((set) => this.#flushLabels(state, set, draft));
    const lastTs = Number.isFinite(state.lastTs) ? state.lastTs : null;
    const floorTs = Number.isFinite(state.floorTs) ? state.floorTs : null;
    const { id, key, count, dropped } = state;
    this.#putSeries.run(id, key, count, dropped, lastTs, floorTs, seq);
    this.#flushed.set(state, seq);
    return found;
  }

  #flushLabels(state: SeriesState, set: number, draft: Draft | undefined): InChunks[] {
    const waiting = state.labels.get(set) ?? [];
    const rows = withDraft(waiting, draft?.labelRuns ?? [], state, set, () => ({
      columns: (draft as Draft).logged.columns,
      seq: (draft as Draft).seq,
    }));
    const found: InChunks[] = [];
    for (const slice of slicesOf(rows, this.#chunkRows, (columns) => columns.labels.ts)) {
      const chunkId = this.#chunks.insert(state.id, set, encodeLabelChunk(slice));
      let to = 0, own = 0;
      for (const piece of slice) {
        to += piece.to - piece.from;
        if (piece.seq === draft?.seq) own += piece.to - piece.from;
      }
      // The draft's rows are the last ones of the log.
      if (own > 0) found.push({ state, set, chunkId, from: to - own, to });
    }
    return found;
  }

  /** The transaction is committed: what was flushed waits no more. */
  committed(): void {
    for (const [state, seq] of this.#flushed) {
      state.clearTail();
      state.flushedSeq = seq;
    }
    this.#sets.committed();
    this.#flushed.clear();
  }

  /** The transaction is not: everything goes on waiting. */
  rolledBack(): void {
    this.#sets.unstoredAgain();
    this.#flushed.clear();
  }
}

/** The rows of a series that wait, and those of the draft after them. */
function withDraft<Columns>(
  waiting: readonly MaybeLate<Columns>[],
  runs: Draft["candleRuns"],
  state: SeriesState,
  set: number,
  columnsOf: () => { columns: Columns; seq: number },
): readonly MaybeLate<Columns>[] {
  const own = runs.filter((run) => run.state === state && run.set === set);
  if (own.length === 0) return waiting;
  return [...waiting, ...own.map(({ from, to, late }) => ({ ...columnsOf(), from, to, late }))];
}

/**
 * Cuts a log into what goes into one chunk each: not too many rows, and late rows from before all
 * others by themselves, so that a chunk spans a narrow range of times. The order stays.
 */
function* slicesOf<Columns>(
  pieces: readonly MaybeLate<Columns>[],
  rowsMax: number,
  tsOf: (columns: Columns) => Float64Array,
): Generator<Piece<Columns>[]> {
  let liveFromTs = Infinity;
  for (const piece of pieces) {
    if (!piece.late) liveFromTs = Math.min(liveFromTs, firstTs(piece, tsOf));
  }
  let slice: Piece<Columns>[] = [], rows = 0, wasEarly = false;
  for (const piece of pieces) {
    const isEarly = piece.late && firstTs(piece, tsOf) < liveFromTs;
    if (rows > 0 && isEarly !== wasEarly) {
      yield slice;
      slice = [];
      rows = 0;
    }
    wasEarly = isEarly;
    for (let from = piece.from; from < piece.to;) {
      const to = Math.min(piece.to, from + rowsMax - rows);
      slice.push({ columns: piece.columns, from, to, seq: piece.seq });
      rows += to - from;
      from = to;
      if (rows < rowsMax) continue;
      yield slice;
      slice = [];
      rows = 0;
    }
  }
  if (rows > 0) yield slice;
}

/** Earliest time of a piece. */
function firstTs<Columns>(
  { columns, from, to }: Piece<Columns>,
  tsOf: (columns: Columns) => Float64Array,
): number {
  const ts = tsOf(columns);
  let first = Infinity;
  for (let row = from; row < to; row++) first = Math.min(first, ts[row] as number);
  return first;
}
