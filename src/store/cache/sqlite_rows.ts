/**
 * The rows of the second tier in an open file: reading, writing in one transaction, and giving up what
 * is past its end or beyond the bound. Everything throws what SQLite throws.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type SelectionMatcher, TIER_ENTRY_BYTES, type WaitingEntry } from "./tier_rules.ts";

/** Keys of one statement; more are several. */
const KEYS_PER_STATEMENT_MAX = 1_000;
/** Rows past their end that one write gives up, so that none waits long behind a mass expiry. */
const EXPIRED_PER_WRITE_MAX = 500;
/** Rows that one step of eviction looks at. */
const EVICTED_PER_STEP = 256;
/** Share of the bound that eviction leaves, so that not every write evicts. */
const KEPT_RATIO = 0.98;

/** What a row holds. */
export interface Row {
  readonly frame: Uint8Array;
  readonly endsAtMs: number;
}

/** Changes by key: what to write, or null for what to delete. */
export type Changes = ReadonlyMap<string, WaitingEntry | null>;

interface Totals {
  entries: number;
  bytes: number;
}

/** See the module's text. */
export class SqliteRows {
  readonly #db: DatabaseSync;
  readonly #bytesMax: number;
  readonly #statements: Statements;
  #totals: Totals;
  #hasTags: boolean;

  /** Over an open file; counts what is in it, O(rows) once. */
  constructor(db: DatabaseSync, bytesMax: number) {
    this.#db = db;
    this.#bytesMax = bytesMax;
    this.#statements = prepare(db);
    const totals = db.prepare("SELECT count(*) AS n, total(bytes) AS bytes FROM entries").get();
    this.#totals = { entries: Number(totals?.n), bytes: Number(totals?.bytes) };
    this.#hasTags = db.prepare("SELECT 1 FROM tags LIMIT 1").get() !== undefined;
  }

  /** Rows in the file. */
  get entries(): number {
    return this.#totals.entries;
  }

  /** Bytes that they are counted with. */
  get bytes(): number {
    return this.#totals.bytes;
  }

  /** The rows of keys, by key; one statement for all of them. */
  read(keys: readonly string[]): Map<string, Row> {
    const found = new Map<string, Row>();
    const add = (row: Record<string, unknown>, key: string) =>
      found.set(key, { frame: row.frame as Uint8Array, endsAtMs: row.ends_ms as number });
    const [first] = keys;
    if (keys.length === 1 && first !== undefined) {
      const row = this.#statements.get.get(first);
      if (row !== undefined) add(row, first);
      return found;
    }
    for (const part of parts(keys)) {
      for (const row of this.#statements.getMany.all(JSON.stringify(part))) {
        add(row, row.key as string);
      }
    }
    return found;
  }

  /**
   * Makes changes, gives up what is past its end and then, oldest end first, what is beyond the
   * bound; all or nothing. Says how many were evicted.
   */
  write(changes: Changes, wallMs: number): number {
    return this.#inTransaction((totals) => {
      this.#delete([...changes.keys()].filter((key) => changes.get(key) === null), totals);
      const written = [...changes.values()].filter((change) => change !== null);
      this.#forgetSizes(written.map(({ entry }) => entry.key), totals);
      for (const one of written) this.#put(one, totals);
      this.#take(this.#statements.expire, [wallMs, EXPIRED_PER_WRITE_MAX], totals);
      return this.#evict(totals);
    });
  }

  /** Deletes what a selection holds, on the disk for good when it returns. */
  forget(selection: SelectionMatcher): void {
    // A power cut must not bring back what was invalidated; a lost write is only a miss.
    this.#db.exec("PRAGMA synchronous = FULL");
    try {
      this.#inTransaction((totals) => {
        for (const part of parts([...this.#keysOf(selection)])) this.#delete(part, totals);
      });
    } finally {
      this.#db.exec("PRAGMA synchronous = NORMAL");
    }
  }

  /** Lets go of the file. */
  close(): void {
    this.#db.close();
  }

  #keysOf({ keys, patterns, tags }: SelectionMatcher): Set<string> {
    const found = new Set(keys);
    for (const pattern of patterns) {
      const { prefix, isExact } = pattern;
      if (isExact) found.add(prefix);
      else {
        for (const row of this.#statements.keysFrom.iterate(prefix, prefix)) {
          const key = row.key as string;
          if (pattern.matches(key)) found.add(key);
        }
      }
    }
    for (const tag of tags) {
      for (const row of this.#statements.keysOfTag.iterate(tag)) found.add(row.key as string);
    }
    return found;
  }

  #inTransaction<T>(run: (totals: Totals) => T): T {
    const totals = { ...this.#totals };
    const hadTags = this.#hasTags;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = run(totals);
      this.#db.exec("COMMIT");
      this.#totals = totals;
      return result;
    } catch (error) {
      this.#hasTags = hadTags;
      // SQLite has rolled back by itself after some errors.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #put({ entry, endsAtMs, frame }: WaitingEntry, totals: Totals): void {
    const bytes = frame.length + entry.key.length + TIER_ENTRY_BYTES;
    this.#statements.put.run(entry.key, endsAtMs, bytes, frame);
    totals.entries++;
    totals.bytes += bytes;
    if (this.#hasTags) this.#statements.untag.run(entry.key);
    for (const tag of entry.tags) this.#statements.tag.run(tag, entry.key);
    if (entry.tags.length > 0) this.#hasTags = true;
  }

  /** Takes rows that are about to be replaced out of the sums. */
  #forgetSizes(keys: readonly string[], totals: Totals): void {
    for (const part of parts(keys)) {
      const row = this.#statements.sizes.get(JSON.stringify(part));
      totals.entries -= Number(row?.n);
      totals.bytes -= Number(row?.bytes);
    }
  }

  #delete(keys: readonly string[], totals: Totals): void {
    for (const part of parts(keys)) {
      this.#take(this.#statements.deleteMany, [JSON.stringify(part)], totals);
    }
  }

  /** Runs a statement that deletes rows and returns their bytes. */
  #take(statement: StatementSync, args: (string | number)[], totals: Totals): number {
    const gone = statement.all(...args);
    totals.entries -= gone.length;
    for (const { bytes } of gone) totals.bytes -= Number(bytes);
    return gone.length;
  }

  #evict(totals: Totals): number {
    let evicted = 0;
    if (totals.bytes <= this.#bytesMax) return 0;
    while (totals.bytes > this.#bytesMax * KEPT_RATIO && totals.entries > 0) {
      const oldest = this.#statements.oldest.all(EVICTED_PER_STEP);
      let leftBytes = totals.bytes - this.#bytesMax * KEPT_RATIO, count = 0;
      while (leftBytes > 0 && count < oldest.length) leftBytes -= Number(oldest[count++]?.bytes);
      evicted += this.#take(this.#statements.evict, [count], totals);
    }
    return evicted;
  }
}

function* parts(keys: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < keys.length; from += KEYS_PER_STATEMENT_MAX) {
    yield keys.slice(from, from + KEYS_PER_STATEMENT_MAX);
  }
}

type Statements = ReturnType<typeof prepare>;

function prepare(db: DatabaseSync) {
  const given = "(SELECT value FROM json_each(?))";
  const byEnd = "SELECT id FROM entries ORDER BY ends_ms, id LIMIT ?";
  return {
    get: db.prepare("SELECT ends_ms, frame FROM entries WHERE key = ?"),
    getMany: db.prepare(`SELECT key, ends_ms, frame FROM entries WHERE key IN ${given}`),
    // Keys are in the order of their bytes, and no byte of UTF-8 is as large as 255.
    keysFrom: db.prepare(
      "SELECT key FROM entries WHERE key >= ? AND key < CAST(CAST(? AS BLOB) || x'ff' AS TEXT)",
    ),
    keysOfTag: db.prepare("SELECT key FROM tags JOIN entries ON id = entry_id WHERE tag = ?"),
    put: db.prepare(
      "INSERT INTO entries(key, ends_ms, bytes, frame) VALUES (?, ?, ?, ?) " +
        "ON CONFLICT(key) DO UPDATE SET ends_ms = excluded.ends_ms, bytes = excluded.bytes, " +
        "frame = excluded.frame",
    ),
    tag: db.prepare("INSERT OR IGNORE INTO tags SELECT ?, id FROM entries WHERE key = ?"),
    untag: db.prepare("DELETE FROM tags WHERE entry_id = (SELECT id FROM entries WHERE key = ?)"),
    sizes: db.prepare(
      `SELECT count(*) AS n, total(bytes) AS bytes FROM entries WHERE key IN ${given}`,
    ),
    deleteMany: db.prepare(`DELETE FROM entries WHERE key IN ${given} RETURNING bytes`),
    expire: db.prepare(
      "DELETE FROM entries WHERE id IN " +
        "(SELECT id FROM entries WHERE ends_ms <= ? ORDER BY ends_ms LIMIT ?) RETURNING bytes",
    ),
    oldest: db.prepare("SELECT bytes FROM entries ORDER BY ends_ms, id LIMIT ?"),
    evict: db.prepare(`DELETE FROM entries WHERE id IN (${byEnd}) RETURNING bytes`),
  };
}
