/**
 * What is given up: commits at the old end of the log, and candles at the old end of series with
 * their labels and all their history. It happens in small steps within the transactions of commits,
 * so that none of them waits for it.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Reader } from "./reader.ts";
import type { SeriesState } from "./series_state.ts";

/** What is kept; what is left out has the default. */
export interface RetentionOptions {
  /** Candles per series, at least; default: all. */
  readonly candles?: number;
  /** Label rows in the log, at least; default 5,000,000 (about 0.7 GB). */
  readonly logRows?: number;
  /** Age of commits in the log, ms, at least; default: any. */
  readonly logAgeMs?: number;
  /** Dead letters; default 100,000. */
  readonly letters?: number;
}

const LOG_ROWS_DEFAULT = 5_000_000;
/** Commits given up by one commit: more than one, so that a log over its bound shrinks. */
const COMMITS_PER_STEP = 4;
/** Chunks given up when one series is flushed. */
const CHUNKS_PER_STEP = 32;
/** Candles above the bound by which it is worth looking: what one chunk holds, or a part. */
const EXCESS_MIN = 256;
const EXCESS_SHARE = 8;
/** Candles given up at once at most: a bound on what is read for it. */
const EXCESS_MAX = 8_192;

const EVERYTHING = { fromTs: -Infinity, toTs: Infinity, asOf: Infinity } as const;

interface OldestCommit {
  readonly seq: number;
  readonly atMs: number;
  readonly rowsBefore: number;
}

/** A series of which candles were given up. */
interface Retired {
  readonly dropped: number;
  readonly floorTs: number;
}

/** See the module's text. */
export class Retention {
  /** Seq of the last commit given up. */
  oldestSeq: number;
  readonly #candles: number;
  readonly #logRows: number;
  readonly #logAgeMs: number;
  readonly #reader: Reader;
  readonly #oldest: StatementSync;
  readonly #dropCommit: StatementSync;
  readonly #dropChunks: StatementSync;
  readonly #putFloor: StatementSync;
  #first: OldestCommit | null = null;
  /** What the open transaction gives up. */
  #trimmedTo: number | null = null;
  readonly #retired = new Map<SeriesState, Retired>();

  /** Over an open database with the schema. */
  constructor(db: DatabaseSync, reader: Reader, options: RetentionOptions, oldestSeq: number) {
    this.#candles = options.candles ?? Infinity;
    this.#logRows = options.logRows ?? LOG_ROWS_DEFAULT;
    this.#logAgeMs = options.logAgeMs ?? Infinity;
    this.oldestSeq = oldestSeq;
    this.#reader = reader;
    this.#oldest = db.prepare(
      "SELECT seq, at_ms, rows_before FROM commits WHERE seq > ? ORDER BY seq LIMIT 1",
    );
    this.#dropCommit = db.prepare("DELETE FROM commits WHERE seq = ?");
    this.#dropChunks = db.prepare(
      "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks " +
        "WHERE series_id = ? AND set_id = ? AND max_ts < ? AND max_seq <= ? LIMIT ?)",
    );
    this.#putFloor = db.prepare("UPDATE series SET dropped = ?, floor_ts = ? WHERE id = ?");
  }

  /**
   * Gives up commits that the log need not keep.
   *
   * @param flushedSeq Later commits are needed to build the tail again.
   * @param rowsLogged Label rows ever logged.
   */
  trimLog(flushedSeq: number, rowsLogged: number, wallMs: number): void {
    for (let left = COMMITS_PER_STEP; left > 0; left--) {
      const first = this.#first ??= this.#commitAfter(this.#trimmedTo ?? this.oldestSeq);
      if (first === null || first.seq > flushedSeq) return;
      const isOver = rowsLogged - first.rowsBefore > this.#logRows ||
        wallMs - first.atMs > this.#logAgeMs;
      const second = isOver ? this.#commitAfter(first.seq) : null;
      // The last commit stays: it says where the sequence stands.
      if (second === null) return;
      const isStillEnough = rowsLogged - second.rowsBefore >= this.#logRows ||
        wallMs - first.atMs > this.#logAgeMs;
      if (!isStillEnough) return;
      this.#dropCommit.run(first.seq);
      this.#trimmedTo = first.seq;
      this.#first = second;
    }
  }

  #commitAfter(seq: number): OldestCommit | null {
    const row = this.#oldest.get(seq);
    if (row === undefined) return null;
    const { seq: at, at_ms: atMs, rows_before: rowsBefore } = row;
    return { seq: Number(at), atMs: Number(atMs), rowsBefore: Number(rowsBefore) };
  }

  /** Gives up candles of a series that was flushed in the open transaction. */
  retire(state: SeriesState, sets: Iterable<number>): void {
    const excess = Math.min(EXCESS_MAX, state.length - this.#candles);
    if (excess < Math.max(EXCESS_MIN, Math.min(EXCESS_MAX, this.#candles / EXCESS_SHARE))) return;
    const oldest = this.#reader.candles(state, { ...EVERYTHING, limit: excess + 1 });
    const floorTs = oldest.ts[excess];
    if (floorTs === undefined) return;
    const dropped = state.dropped + excess;
    this.#putFloor.run(dropped, floorTs, state.id);
    // Chunks that the log still points at stay until it is cut.
    for (const set of sets) {
      this.#dropChunks.run(state.id, set, floorTs, this.oldestSeq, CHUNKS_PER_STEP);
    }
    this.#retired.set(state, { dropped, floorTs });
  }

  /** The transaction is committed. */
  committed(): void {
    this.oldestSeq = this.#trimmedTo ?? this.oldestSeq;
    this.#trimmedTo = null;
    for (const [state, { dropped, floorTs }] of this.#retired) {
      state.dropped = dropped;
      state.floorTs = floorTs;
      state.dropWindow();
    }
    this.#retired.clear();
  }

  /** The transaction is not. */
  rolledBack(): void {
    this.#trimmedTo = null;
    this.#first = null;
    this.#retired.clear();
  }
}
