/**
 * Making commits: working one out, writing it, and what has to happen in memory before and after.
 *
 * @module
 */

import {
  countRefusal,
  cursorRefusal,
  isEmpty,
  rowsOf,
  tooManySeries,
  tooOld,
} from "../commit_rules.ts";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Clock } from "../../actor/clock.ts";
import type { SeriesKey } from "../../market/block.ts";
import type { BatchOutcome, CommitBatch, CommitResult, Refused, SeriesCommit } from "../port.ts";
import type { SqliteBounds } from "./bounds.ts";
import { ChunkTable } from "./chunk_table.ts";
import { type CommitRow, commitRow } from "./commit_row.ts";
import { CommitTable } from "./commit_table.ts";
import { Draft } from "./draft.ts";
import { Flusher } from "./flush.ts";
import { LabelSets } from "./label_sets.ts";
import { LiveParts } from "./live_part.ts";
import { Reader } from "./reader.ts";
import type { RecordTables } from "./record_tables.ts";
import { besideRefusal } from "../records.ts";
import { restore } from "./restore.ts";
import { Retention, type RetentionOptions } from "./retention.ts";
import { RewriteParts } from "./rewrite_part.ts";
import { CANDLES_SET, SeriesState } from "./series_state.ts";
import { isOfTheFile, refusalOf } from "./sqlite_error.ts";
import { TailRounds } from "./tail.ts";

/** Settings of a {@linkcode CommitWriter}. */
export interface CommitWriterOptions {
  /** What is given up. */
  readonly retention: RetentionOptions;
  /** Series at most. */
  readonly seriesMax: number;
  /** Says when a commit was made. */
  readonly clock: Pick<Clock, "wallNow">;
  /** Sizes that were measured. */
  readonly bounds: SqliteBounds;
  /** Where records and letters of a commit go. */
  readonly records: RecordTables;
}

/** Sole writer of candles, labels and cursors, and what it knows of them. */
export class CommitWriter {
  /** Seq of the last commit. */
  seq: number;
  /** Where every series stands. */
  readonly series: Map<SeriesKey, SeriesState>;
  /** Cursors by feed. */
  readonly cursors: Map<string, string>;
  /** Parameter sets that were ever used. */
  readonly sets = new LabelSets();
  /** Reads what is committed. */
  readonly reader: Reader;
  /** The log of commits. */
  readonly commits: CommitTable;
  readonly #db: DatabaseSync;
  readonly #options: CommitWriterOptions;
  readonly #live: LiveParts;
  readonly #rewrites: RewriteParts;
  readonly #retention: Retention;
  readonly #tail: TailRounds;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  /** Label rows ever logged. */
  #rowsLogged: number;
  #nextSeriesId: number;

  /** Takes over what an open database holds. */
  constructor(db: DatabaseSync, options: CommitWriterOptions) {
    this.#db = db;
    this.#options = options;
    const chunks = new ChunkTable(db);
    this.reader = new Reader(chunks);
    this.commits = new CommitTable(db, chunks);
    this.#live = new LiveParts(this.reader, this.sets, options.bounds.windowBars);
    this.#rewrites = new RewriteParts(this.reader, this.sets);
    const flusher = new Flusher(db, chunks, this.sets, options.bounds.chunkRows);
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
    const found = restore(db, this.commits, this.sets);
    this.seq = found.seq;
    this.series = found.series;
    this.cursors = found.cursors;
    this.#rowsLogged = found.rowsLogged;
    this.#nextSeriesId = found.nextSeriesId;
    const { flushedSeq } = found;
    this.#tail = new TailRounds(
      db,
      flusher,
      this.series,
      this.cursors,
      flushedSeq,
      options.bounds,
    );
    this.#retention = new Retention(db, this.reader, options.retention, found.oldestSeq);
  }

  /** Seq of the last commit that retention gave up. */
  get oldestSeq(): number {
    return this.#retention.oldestSeq;
  }

  /** Makes all batches durable in one transaction, or none of them. */
  commit(batches: readonly CommitBatch[]): CommitResult {
    const refusal = besideRefusal(batches, this.#options.records);
    if (refusal !== null) return refusal;
    const draft = new Draft(this.seq + 1, rowsOf(batches));
    const outcomes: BatchOutcome[] = [];
    try {
      for (const batch of batches) {
        const outcome = this.#apply(batch, draft);
        if ("state" in outcome) {
          this.#undo(draft);
          return outcome;
        }
        outcomes.push(outcome);
      }
      return this.#write(draft, outcomes, batches);
    } catch (error) {
      this.#undo(draft);
      if (!isOfTheFile(error)) throw error;
      return refusalOf("commit", error);
    }
  }

  /** Runs a write in a transaction. */
  transaction<Result>(run: () => Result): Result {
    this.#begin.run();
    try {
      const result = run();
      this.#commit.run();
      return result;
    } catch (error) {
      // SQLite may have rolled back already, as it does when the disk is full.
      if (this.#db.isTransaction) this.#rollback.run();
      throw error;
    }
  }

  #apply(batch: CommitBatch, draft: Draft): BatchOutcome | Refused {
    const { feed, cursor } = batch;
    if (feed !== null && cursor !== null) {
      const stands = draft.cursors.get(feed) ?? this.cursors.get(feed) ?? null;
      const refusal = cursorRefusal(batch, stands);
      if (refusal !== null) return refusal;
      draft.cursors.set(feed, cursor);
    }
    const outcome = { candles: 0, corrected: 0, labels: 0, revised: 0 };
    for (const part of batch.series) {
      const refusal = this.#applyPart(part, draft, outcome);
      if (refusal !== null) return refusal;
    }
    return outcome;
  }

  #applyPart(part: SeriesCommit, draft: Draft, outcome: BatchOutcome): Refused | null {
    const known = this.series.get(part.series);
    const refusal = countRefusal(part, known?.count ?? 0);
    if (refusal !== null) return refusal;
    if (isEmpty(part)) return null;
    const state = known ?? this.#newSeries(part.series, draft);
    if (state === null) return tooManySeries(this.#options.seriesMax);
    if (this.#rewrites.isTooOld(part, state)) return tooOld(part);
    draft.enter(state);
    const parts = part.replace === null && part.relabelled === null ? this.#live : this.#rewrites;
    parts.apply(part, state, draft, outcome);
    return null;
  }

  #newSeries(key: SeriesKey, draft: Draft): SeriesState | null {
    if (this.series.size >= this.#options.seriesMax) return null;
    const state = new SeriesState(this.#nextSeriesId++, key);
    this.series.set(key, state);
    draft.created.push(state);
    return state;
  }

  #undo(draft: Draft): void {
    draft.undo();
    for (const { key } of draft.created) this.series.delete(key);
    this.#nextSeriesId -= draft.created.length;
  }

  #write(
    draft: Draft,
    outcomes: BatchOutcome[],
    batches: readonly CommitBatch[],
  ): CommitResult {
    const { seq } = draft;
    const atMs = this.#options.clock.wallNow();
    const logged = draft.logged.finish();
    const rows = logged.labels.length;
    let row: CommitRow;
    try {
      row = this.transaction(() => {
        const inChunks = this.#tail.moveDirect(draft);
        const direct = new Set(this.#tail.moved);
        const made = commitRow(draft, (set) => this.sets.hash(set), direct, inChunks);
        this.commits.insert(seq, atMs, rows, this.#rowsLogged, made);
        this.#tail.step(this.seq, made, draft);
        const sets = [CANDLES_SET, ...this.sets.ids()];
        for (const state of this.#tail.moved) this.#retention.retire(state, sets);
        this.#retention.trimLog(this.#tail.flushedSeq, this.#rowsLogged + rows, atMs);
        this.#options.records.putBeside(batches);
        return made;
      });
    } catch (error) {
      this.#tail.rolledBack();
      this.#retention.rolledBack();
      throw error;
    }
    this.#tail.committed(seq, row);
    this.#retention.committed();
    for (const [feed, cursor] of draft.cursors) this.cursors.set(feed, cursor);
    this.#rowsLogged += rows;
    this.seq = seq;
    return { state: "committed", seq, atMs, batches: outcomes, logged };
  }
}
