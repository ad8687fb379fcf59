/**
 * The second tier in a file of SQLite, for one process.
 *
 * ## What waits
 * Entries wait in memory, at most {@linkcode FLUSH_AFTER_MS}, and are written together; a read looks
 * there first. A killed process loses what waits, and the entry before may then be found until its end.
 * Invalidations never wait.
 *
 * ## Failures
 * A breaker counts them. What could not be written goes on waiting, and while it does it hides the row
 * in the file, which is older. When an invalidation cannot be written, nobody knows which rows it
 * meant, so the file is removed, which needs no room on the disk; and until that is done nothing is
 * read. A damaged file is set aside. No call throws for any of this.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Clock, Random } from "../../actor/clock.ts";
import type { TierEntry, TierSelection, TierStatus } from "../../cache/types.ts";
import { Breaker } from "../../feed/breaker.ts";
import { isDamaged, openCacheFile, removeCacheFile, setAside } from "./sqlite_file.ts";
import { type Row, SqliteRows } from "./sqlite_rows.ts";
import { errorText, tierCounts } from "./tier_counts.ts";
import type { TierEngine } from "./tier_engine.ts";
import {
  endOf,
  isKept,
  isKeptEntry,
  type SelectionMatcher,
  selectionMatcher,
  TIER_BYTES_MAX_DEFAULT,
  type WaitingEntry,
} from "./tier_rules.ts";
import { decodeFrame, encodeFrame } from "./value_frame.ts";

/** Entries that are written without waiting for more: a transaction of some 4 ms. */
const FLUSH_ENTRIES = 512;
/** Entries that may wait while nothing can be written; beyond it their keys only are kept. */
const WAITING_MAX = 8_192;
/** Bytes of frames that may wait. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** Keys that may wait; beyond it the file is begun anew. */
const WAITING_KEYS_MAX = 65_536;
/** Failures in a row after which calls are spared: a disk does not get better by the second. */
const FAILURES_MAX = 3;
/** Pauses of the breaker, ms. */
const BACKOFF = { minMs: 500, maxMs: 30_000 };

/** How a {@linkcode SqliteEngine} is made. */
export interface SqliteEngineOptions {
  /** The file; folders are made. */
  readonly path: string;
  readonly clock: Pick<Clock, "now" | "wallNow">;
  readonly random: Random;
  /** Bound of frames, keys and indexes, bytes; default 500 MB. The file may be a fifth larger. */
  readonly bytesMax?: number;
  /** Opens the file; default `openCacheFile`. Tests hand in one whose disk is full. */
  readonly open?: (path: string) => DatabaseSync;
}

/** See the module's text. */
export class SqliteEngine implements TierEngine {
  readonly #options: SqliteEngineOptions;
  readonly #bytesMax: number;
  /** A disk that is full can be read: reads and writes fail for themselves. */
  readonly #reads = new Breaker({ failuresMax: FAILURES_MAX, backoff: BACKOFF });
  readonly #writes = new Breaker({ failuresMax: FAILURES_MAX, backoff: BACKOFF });
  readonly #counts = tierCounts();
  readonly #waiting = new Map<string, WaitingEntry | null>();
  #waitingBytes = 0;
  #rows: SqliteRows | null = null;
  #mustEmpty = false;
  #isClosed = false;

  /** Opens the file; when that fails the tier is down and tries again later. */
  constructor(options: SqliteEngineOptions) {
    this.#options = options;
    this.#bytesMax = options.bytesMax ?? TIER_BYTES_MAX_DEFAULT;
    this.#open();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  getMany(keys: readonly string[]): (TierEntry | null)[] {
    const wallMs = this.#options.clock.wallNow();
    const asked = keys.filter((key) => !this.#waiting.has(key) && isKept(key));
    const rows = asked.length === 0
      ? NO_ROWS
      : this.#try(this.#reads, (rows) => rows.read(asked)) ?? NO_ROWS;
    return keys.map((key) => {
      const found = this.#waiting.get(key) ?? this.#entryOf(key, rows.get(key));
      const isThere = found !== null && found.endsAtMs > wallMs;
      this.#counts[isThere ? "hits" : "misses"]++;
      return isThere ? found.entry : null;
    });
  }

  #entryOf(key: string, row: Row | undefined): Pick<WaitingEntry, "entry" | "endsAtMs"> | null {
    if (row === undefined) return null;
    const entry = decodeFrame(key, row.frame);
    if (entry !== null) return { entry, endsAtMs: row.endsAtMs };
    this.#counts.failures++;
    this.#counts.lastError = `Cannot read ${JSON.stringify(key)}: its bytes are damaged`;
    this.#wait(key, null);
    return null;
  }

  setMany(entries: readonly TierEntry[]): void {
    if (this.#isClosed) return;
    const wallMs = this.#options.clock.wallNow();
    for (const entry of entries) {
      const endsAtMs = endOf(entry, wallMs);
      const mark = entry.mark ?? 0;
      const frame = isKeptEntry(entry) ? encodeFrame(entry, mark) : null;
      if (frame === null) this.#counts.dropped++;
      // What is not kept takes the place of an older one all the same.
      if (frame !== null && endsAtMs > wallMs) {
        this.#wait(entry.key, { entry, endsAtMs, mark, frame });
      } else if (isKept(entry.key)) this.#wait(entry.key, null);
    }
    if (this.#waiting.size >= FLUSH_ENTRIES) this.flush();
    if (this.#isOverfull()) this.#thinOut();
  }

  invalidate(selection: TierSelection): void {
    const matcher = selectionMatcher(selection);
    for (const [key, waiting] of this.#waiting) {
      // A tombstone stays: it stands for a row that is not deleted yet.
      if (waiting !== null && matcher.matches(key, waiting.entry.tags)) this.#wait(key, null);
    }
    if (this.#isClosed || this.#mustEmpty) return;
    if (this.#rows === null) {
      // Never opened, or closed after a failure: the file may hold them.
      this.#empty();
      return;
    }
    this.#forget(this.#rows, matcher);
  }

  #forget(rows: SqliteRows, matcher: SelectionMatcher): void {
    try {
      rows.forget(matcher);
    } catch (error) {
      this.#failed(this.#writes, error);
      this.#empty();
    }
  }

  flush(): void {
    if (this.#waiting.size === 0 || this.#isClosed) return;
    const wallMs = this.#options.clock.wallNow();
    const evicted = this.#try(this.#writes, (rows) => rows.write(this.#waiting, wallMs));
    if (evicted === null) return;
    this.#counts.evicted += evicted;
    for (const waiting of this.#waiting.values()) if (waiting !== null) this.#counts.written++;
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  info(): TierStatus {
    return {
      kind: "sqlite",
      state: this.#isUp() ? "up" : "down",
      entries: this.#rows?.entries ?? 0,
      bytes: this.#rows?.bytes ?? 0,
      bytesMax: this.#bytesMax,
      waiting: this.#waiting.size,
      ...this.#counts,
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#closeRows();
  }

  #wait(key: string, change: WaitingEntry | null): void {
    this.#waitingBytes += (change?.frame.length ?? 0) -
      (this.#waiting.get(key)?.frame.length ?? 0);
    this.#waiting.set(key, change);
  }

  #isOverfull(): boolean {
    return this.#waiting.size > WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX;
  }

  /** Nothing can be written: keeps only which rows are outdated. */
  #thinOut(): void {
    for (const [key, waiting] of this.#waiting) {
      if (waiting === null) continue;
      this.#wait(key, null);
      this.#counts.dropped++;
    }
    if (this.#waiting.size > WAITING_KEYS_MAX) this.#empty();
  }

  /** Runs `run` with the rows, unless the breaker spares it; null when it was not or failed. */
  #try<T>(breaker: Breaker, run: (rows: SqliteRows) => T): T | null {
    if (this.#isClosed) return null;
    if (this.#rows === null && this.#isDue(this.#reads)) this.#open();
    if (this.#rows === null) return null;
    if (breaker.state !== "closed" && !this.#isDue(breaker)) return null;
    breaker.trying();
    try {
      const result = run(this.#rows);
      breaker.succeeded();
      return result;
    } catch (error) {
      this.#failed(breaker, error);
      return null;
    }
  }

  #isDue({ nextTryMs }: Breaker): boolean {
    return nextTryMs === null || this.#options.clock.now() >= nextTryMs;
  }

  #isUp(): boolean {
    return this.#rows !== null && this.#reads.state === "closed" && this.#writes.state === "closed";
  }

  #open(): void {
    const { path } = this.#options;
    try {
      this.#rows = this.#opened(path);
      this.#reads.succeeded();
      if (!this.#mustEmpty) return;
      // Opened first: only then is it known to be ours, and used by nobody else.
      this.#closeRows();
      removeCacheFile(path);
      this.#rows = this.#opened(path);
      this.#mustEmpty = false;
    } catch (error) {
      this.#failed(this.#reads, error);
    }
  }

  #opened(path: string): SqliteRows {
    try {
      return this.#rowsOf(path);
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.#counts.failures++;
      this.#counts.lastError = errorText(error);
      setAside(path);
      return this.#rowsOf(path);
    }
  }

  #rowsOf(path: string): SqliteRows {
    const db = (this.#options.open ?? openCacheFile)(path);
    try {
      return new SqliteRows(db, this.#bytesMax);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  #failed(breaker: Breaker, error: unknown): void {
    const { clock, random, path } = this.#options;
    this.#counts.failures++;
    this.#counts.lastError = errorText(error);
    breaker.failed(clock.now(), random);
    if (!isDamaged(error) || this.#rows === null) return;
    this.#closeRows();
    try {
      setAside(path);
    } catch {
      // The file cannot be moved either; opening it will say why.
    }
  }

  /** Begins the file anew, now or as soon as that is possible. */
  #empty(): void {
    this.#mustEmpty = true;
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#closeRows();
    this.#open();
  }

  #closeRows(): void {
    try {
      this.#rows?.close();
    } catch (error) {
      this.#counts.lastError = errorText(error);
    }
    this.#rows = null;
  }
}

const NO_ROWS: ReadonlyMap<string, Row> = new Map();
