/**
 * The rows that wait for chunks, of all series, and moving them there in rounds: a round begins when
 * enough of them wait, and moves series after series, a few with each commit. When it ends, no
 * commit up to the one at which it began is needed any more to build the tail again.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { LOGGED_ROW_BYTES } from "../logged.ts";
import type { SqliteBounds } from "./bounds.ts";
import { CANDLE_ROW_BYTES } from "../candle_rows.ts";
import type { CommitRow, InChunks } from "./commit_row.ts";
import type { Draft } from "./draft.ts";
import type { Flusher } from "./flush.ts";
import type { SeriesState } from "./series_state.ts";

/** Times the bytes of a round that may be committed, straight into chunks most of it, before one. */
const ROUND_FACTOR = 8;
/** Commits before a round, however small: opening the file reads the head of each. */
const ROUND_COMMITS_MAX = 32_768;
/** Times what a commit adds that it moves, so that the tail shrinks while it grows. */
const STEP_FACTOR = 3;

/** A round under way. */
interface Round {
  readonly queue: SeriesState[];
  /** Commits up to this one will be in chunks. */
  readonly seq: number;
}

/** See the module's text. */
export class TailRounds {
  /** Commits up to this one are in chunks altogether. */
  flushedSeq: number;
  readonly #bounds: SqliteBounds;
  readonly #flusher: Flusher;
  readonly #series: ReadonlyMap<string, SeriesState>;
  readonly #cursors: ReadonlyMap<string, string>;
  readonly #putMeta: StatementSync;
  readonly #putCursor: StatementSync;
  #bytes = 0;
  #round: Round | null = null;
  /** Bytes committed since a round ended. */
  #sinceRound = 0;
  /** What the open transaction moves. */
  #moved: SeriesState[] = [];
  #endedAt: number | null = null;

  /** Takes over the tail of the series given. */
  constructor(
    db: DatabaseSync,
    flusher: Flusher,
    series: ReadonlyMap<string, SeriesState>,
    cursors: ReadonlyMap<string, string>,
    flushedSeq: number,
    bounds: SqliteBounds,
  ) {
    this.#bounds = bounds;
    this.#flusher = flusher;
    this.#series = series;
    this.#cursors = cursors;
    this.flushedSeq = flushedSeq;
    this.#putMeta = db.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)");
    this.#putCursor = db.prepare("INSERT OR REPLACE INTO cursors(feed, cursor) VALUES (?, ?)");
    for (const { tailBytes } of series.values()) this.#bytes += tailBytes;
  }

  /** Moves series of which the draft has many rows, those rows included. Within a transaction. */
  moveDirect(draft: Draft): InChunks[] {
    const rows = new Map<SeriesState, number>();
    for (const { state, from, to } of draft.candleRuns) {
      rows.set(state, (rows.get(state) ?? 0) + to - from);
    }
    const found: InChunks[] = [];
    for (const [state, count] of rows) {
      if (count < this.#bounds.directRows) continue;
      found.push(...this.#flusher.flush(state, draft.seq, draft));
      this.#moved.push(state);
    }
    return found;
  }

  /**
   * Moves a part of the tail, when a round is under way or due. Within the transaction of a commit.
   *
   * @param seq Seq of the last commit whose rows are in the tail.
   * @param row What the commit adds, and `draft` all that it does.
   */
  step(seq: number, row: CommitRow, draft: Draft): void {
    const added = row.candles.length * CANDLE_ROW_BYTES +
      row.labels.labels.length * LOGGED_ROW_BYTES;
    this.#sinceRound += draft.candles.length * CANDLE_ROW_BYTES +
      draft.logged.length * LOGGED_ROW_BYTES;
    if (this.#round === null) {
      if (!this.#isDue(seq)) return;
      const queue = [...this.#series.values()].filter(({ tailBytes }) => tailBytes > 0);
      this.#round = { queue, seq };
    }
    const { queue } = this.#round;
    let left = Math.max(this.#bounds.stepBytes, STEP_FACTOR * added);
    while (left > 0 && queue.length > 0) {
      const state = queue.pop() as SeriesState;
      if (state.tailBytes === 0 || this.#flusher.has(state)) continue;
      left -= state.tailBytes;
      this.#flusher.flush(state, seq);
      this.#moved.push(state);
    }
    if (queue.length > 0) return;
    this.#endedAt = this.#round.seq;
    this.#putMeta.run("flushed_seq", this.#endedAt);
    for (const [feed, cursor] of this.#cursors) this.#putCursor.run(feed, cursor);
  }

  /** Whether enough waits, or enough was committed that the log has to be kept for. */
  #isDue(seq: number): boolean {
    const { roundBytes } = this.#bounds;
    return this.#bytes >= roundBytes || this.#sinceRound >= ROUND_FACTOR * roundBytes ||
      seq - this.flushedSeq >= ROUND_COMMITS_MAX;
  }

  /** Series moved by the open transaction. */
  get moved(): readonly SeriesState[] {
    return this.#moved;
  }

  /** The transaction is committed: its rows wait, what was moved does not. */
  committed(seq: number, row: CommitRow): void {
    for (const { tailBytes } of this.#moved) this.#bytes -= tailBytes;
    this.#moved = [];
    this.#flusher.committed();
    if (this.#endedAt !== null) {
      this.flushedSeq = this.#endedAt;
      this.#endedAt = this.#round = null;
      this.#sinceRound = 0;
    }
    for (const { state, from, to, late } of row.candleRuns) {
      this.#bytes += state.addCandles({ columns: row.candles, from, to, seq, late });
    }
    for (const { state, set, from, to, late } of row.labelRuns) {
      this.#bytes += state.addLabels(set, { columns: row.labels, from, to, seq, late });
    }
  }

  /** The transaction is not. */
  rolledBack(): void {
    // Whatever it had taken from its queue: the next one begins with all that waits.
    this.#round = null;
    this.#moved = [];
    this.#endedAt = null;
    this.#flusher.rolledBack();
  }
}
