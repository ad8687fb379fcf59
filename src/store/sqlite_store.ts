/**
 * The SQLite twin of the store: one file, sole writer.
 *
 * ## Where rows are
 * A row per candle would cap a commit at some 20,000 rows a second, so rows lie in columns.
 * - **commits**: one row of the table per commit, with everything in it: the candles and labels it
 *   logged, the touched ranges, the cursors. It is redo log and label stream at once, and the only
 *   thing that a commit writes.
 * - **tail**: the rows of commits that are not in chunks yet, per series, in memory, as pieces of the
 *   commits' own columns. Opening the file builds it again from the table of commits.
 * - **chunks**: many rows of one series' log each. When the tail has grown, it is moved into chunks,
 *   series by series, in steps within the transactions of the next commits. A commit with many rows
 *   of one series writes those into chunks at once, and then not into its own row.
 *
 * Chunks and tail together are the series' log, which only grows: see `sqlite/pieces.ts`.
 *
 * ## What a commit looks at
 * New candles and their labels need the end of the series only, which a window in memory knows
 * (`sqlite/live_part.ts`). Late, corrected and deleted candles are compared with what the log says
 * (`sqlite/rewrite_part.ts`). Memory is changed as the commit is worked out, and put back when it is
 * refused or the transaction fails: nothing is ever half done.
 *
 * @module
 */

import { backup, type DatabaseSync } from "node:sqlite";
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { type Clock, systemClock } from "../actor/clock.ts";
import type { CandleBlock, SeriesKey } from "../market/block.ts";
import { goneError, StoreError } from "./error.ts";
import {
  type BuryResult,
  type CommitBatch,
  type CommitResult,
  type Letter,
  LETTER_BOUNDS,
  type LetterFilter,
  type LoggedCommit,
  type NewLetter,
  type Refused,
  type Store,
  type StoredLabels,
  type StoredRecord,
  type StoreInfo,
  type Tail,
  type Touched,
  type Window,
  type WriteResult,
} from "./port.ts";
import { SQLITE_BOUNDS, type SqliteBounds } from "./sqlite/bounds.ts";
import { CommitWriter } from "./sqlite/commit_writer.ts";
import { type Durability, openDatabase } from "./sqlite/open.ts";
import { RecordTables } from "./sqlite/record_tables.ts";
import type { RetentionOptions } from "./sqlite/retention.ts";
import { SeriesState } from "./sqlite/series_state.ts";
import { refusalOf } from "./sqlite/sqlite_error.ts";

export type { Durability } from "./sqlite/open.ts";
export type { RetentionOptions } from "./sqlite/retention.ts";
export type { SqliteBounds } from "./sqlite/bounds.ts";

/** How a {@linkcode SqliteStore} is opened. */
export interface SqliteStoreOptions {
  /** The file, or `:memory:`. Folders are made. */
  readonly path: string;
  /**
   * `full` (default): a commit is on the disk when it is answered. `normal`: a power cut may cost the
   * last commits, whole ones, from the end; a killed process costs nothing either way.
   */
  readonly durability?: Durability;
  /** What is given up; default: the label log beyond 5,000,000 rows. */
  readonly retention?: RetentionOptions;
  /** Series; default 20,000, at 2 KB each. */
  readonly seriesMax?: number;
  /** Sizes that were measured; default {@linkcode SQLITE_BOUNDS}. */
  readonly bounds?: Partial<SqliteBounds>;
  /** Says when a commit was made; default the machine's. */
  readonly clock?: Pick<Clock, "wallNow">;
}

const WRITTEN = { state: "written" } as const;
const ALL = { limit: Infinity, asOf: Infinity } as const;
const MEMORY = ":memory:";

/** See {@linkcode Store}. */
export class SqliteStore implements Store {
  readonly #path: string;
  readonly #durability: Durability;
  readonly #db: DatabaseSync;
  readonly #writer: CommitWriter;
  readonly #records: RecordTables;
  #state: StoreInfo["state"] = "ok";
  #lastError: string | null = null;

  /**
   * Opens the file, or makes one, and takes it for this process alone. Reads what is not in chunks
   * yet: at most about a second.
   *
   * @param database An open one, as `openDatabase` gives it; the store closes it.
   * @throws {StoreError} codes `locked`, `foreign`, `newer`, `damaged`, `unreachable`; the file stays
   * as it is.
   */
  constructor(options: SqliteStoreOptions, database?: DatabaseSync) {
    const { path, durability = "full", retention = {}, seriesMax = 20_000 } = options;
    const clock = options.clock ?? systemClock;
    const bounds = { ...SQLITE_BOUNDS, ...options.bounds };
    this.#path = path;
    this.#durability = durability;
    this.#db = database ?? openDatabase(path, durability, clock.wallNow());
    try {
      this.#records = new RecordTables(this.#db, retention.letters ?? LETTER_BOUNDS.kept);
      const records = this.#records;
      this.#writer = new CommitWriter(this.#db, { retention, seriesMax, clock, bounds, records });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get seq(): number {
    return this.#writer.seq;
  }

  /** A record that every write from now on writes too, in its transaction. */
  setMark(kind: string, key: string, json: string): void {
    this.#records.mark = { kind, key, json };
  }

  /** Writes the mark alone. */
  putMark(): WriteResult {
    return this.#write("put a mark", () => {}) ?? WRITTEN;
  }

  commit(batches: readonly CommitBatch[]): CommitResult {
    const result = this.#writer.commit(batches);
    if (result.state === "committed") this.#wentWell();
    else if (result.code !== "stale" && result.code !== "too_old") this.#failed(result);
    return result;
  }

  tails(series: readonly SeriesKey[], bars: number): Tail[] {
    return series.map((key) => {
      const state = this.#stateOf(key);
      const candles = this.#writer.reader.lastCandles(state, Infinity, bars);
      return { count: state.count, candles };
    });
  }

  window(series: SeriesKey, fromTs: number, toTs: number, around: number): Window {
    const { reader } = this.#writer;
    const state = this.#stateOf(series);
    const from = Math.min(fromTs, toTs);
    // One more on each side, to know whether there is one.
    const before = reader.lastCandles(state, from, around + 1);
    const after = reader.candles(state, {
      ...ALL,
      fromTs: toTs,
      toTs: Infinity,
      limit: around + 1,
    });
    const first = before.length > around ? before.ts[1] : before.ts[0];
    const last = after.length > around ? after.ts[around - 1] : after.ts[after.length - 1];
    const range = {
      fromTs: around === 0 ? from : first ?? from,
      toTs: around === 0 || last === undefined ? toTs : last + 1,
    };
    const isFirst = before.length <= around;
    return {
      count: state.count,
      candles: reader.candles(state, { ...ALL, ...range }),
      startsSeries: isFirst && state.dropped === 0,
      endsSeries: after.length <= around,
      truncated: isFirst && state.dropped > 0,
    };
  }

  cursor(feed: string): string | null {
    return this.#writer.cursors.get(feed) ?? null;
  }

  cursors(): { feed: string; cursor: string }[] {
    return Array.from(this.#writer.cursors, ([feed, cursor]) => ({ feed, cursor }))
      .sort((a, b) => a.feed < b.feed ? -1 : 1);
  }

  series(): { series: SeriesKey; count: number; lastTs: number }[] {
    return [...this.#writer.series.values()]
      .filter(({ length }) => length > 0)
      .map(({ key, count, lastTs }) => ({ series: key, count, lastTs }))
      .sort((a, b) => a.series < b.series ? -1 : 1);
  }

  candles(
    series: SeriesKey,
    fromTs: number,
    toTs: number,
    limit: number,
    asOf = Infinity,
  ): CandleBlock {
    return this.#writer.reader.candles(this.#stateOf(series), { fromTs, toTs, limit, asOf });
  }

  labels(
    series: SeriesKey,
    paramHash: string,
    fromTs: number,
    toTs: number,
    limit: number,
    asOf = Infinity,
  ): StoredLabels {
    const { reader, sets } = this.#writer;
    const wanted = { fromTs, toTs, limit, asOf };
    const set = sets.known(paramHash) ?? NO_SET;
    const found = reader.labels(this.#stateOf(series), set, paramHash, wanted);
    return { labels: found.labels, revisions: found.revisions, seqs: found.seqs };
  }

  labelsAfter(seq: number, limit: number): LoggedCommit[] {
    this.#assertLog("labels after seq", seq);
    return this.#writer.commits.labelsAfter(seq, limit);
  }

  touched(seq: number, limit: number): Touched[] {
    this.#assertLog("touched ranges after seq", seq);
    return this.#writer.commits.touched(seq, limit);
  }

  putRecord(kind: string, key: string, json: string): WriteResult {
    return this.#records.refusal(kind, key, json) ??
      this.#write("put a record", () => this.#records.put(kind, key, json)) ?? WRITTEN;
  }

  dropRecord(kind: string, key: string): WriteResult {
    return this.#write("drop a record", () => this.#records.drop(kind, key)) ?? WRITTEN;
  }

  record(kind: string, key: string): string | null {
    return this.#records.get(kind, key);
  }

  records(kind: string): StoredRecord[] {
    return this.#records.list(kind);
  }

  buryLetters(letters: readonly NewLetter[]): BuryResult {
    let lastId = 0;
    const refused = this.#write("bury letters", () => {
      lastId = this.#records.bury(letters);
    });
    return refused ?? { state: "written", lastId };
  }

  letters(filter: LetterFilter, limit: number): Letter[] {
    return this.#records.letters(filter, limit);
  }

  dropLetters(filter: LetterFilter): { readonly state: "dropped"; count: number } | Refused {
    let count = 0;
    const refused = this.#write("drop letters", () => {
      count = this.#records.dropLetters(filter);
    });
    return refused ?? { state: "dropped", count };
  }

  info(): StoreInfo {
    let candles = 0;
    for (const { length } of this.#writer.series.values()) candles += length;
    return {
      backend: "sqlite",
      path: this.#path === MEMORY ? null : this.#path,
      durability: this.#path === MEMORY ? "none" : this.#durability,
      bytesOnDisk: this.#bytesOnDisk(),
      seq: this.seq,
      oldestSeq: this.#writer.oldestSeq,
      oldestAsOf: 0,
      series: this.#writer.series.size,
      candles,
      letters: this.#records.lettersHeld,
      state: this.#state,
      lastError: this.#lastError,
    };
  }

  async backup(path: string): Promise<number> {
    if (existsSync(path)) {
      throw new StoreError(
        "exists",
        `Cannot back up to ${path}: expected no file there: current value is one: name another`,
      );
    }
    // Beside its place and then moved there: a backup that was broken off is not taken for one.
    const making = `${path}.part`;
    rmSync(making, { force: true });
    try {
      await backup(this.#db, making);
      renameSync(making, path);
    } catch (error) {
      rmSync(making, { force: true });
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError("unreachable", `Cannot back up to ${path}: ${reason}`, { cause: error });
    }
    return statSync(path).size;
  }

  close(): void {
    this.#db.close();
  }

  #stateOf(series: SeriesKey): SeriesState {
    return this.#writer.series.get(series) ?? new SeriesState(0, series);
  }

  #assertLog(what: string, seq: number): void {
    const { oldestSeq } = this.#writer;
    if (seq < oldestSeq) throw goneError(what, seq, oldestSeq);
  }

  /** Runs a write in a transaction of its own; gives the refusal when it fails. */
  #write(what: string, run: () => void): Refused | null {
    try {
      this.#writer.transaction(() => {
        run();
        this.#records.putMark();
      });
      this.#wentWell();
      return null;
    } catch (error) {
      return this.#failed(refusalOf(what, error));
    }
  }

  #wentWell(): void {
    this.#state = "ok";
    this.#lastError = null;
  }

  #failed(refused: Refused): Refused {
    const { code, message } = refused;
    this.#records.rolledBack();
    if (code !== "full") this.#state = code === "disk_full" ? "full" : "read_only";
    this.#lastError = message;
    return refused;
  }

  #bytesOnDisk(): number {
    if (this.#path === MEMORY) return 0;
    let bytes = 0;
    for (const part of ["", "-wal"]) {
      const stat = statSync(this.#path + part, { throwIfNoEntry: false });
      bytes += stat?.size ?? 0;
    }
    return bytes;
  }
}

/** No parameter set has this number. */
const NO_SET = -1;
