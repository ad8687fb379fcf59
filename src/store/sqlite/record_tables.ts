/**
 * Records and dead letters in the file.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type {
  CommitBatch,
  Letter,
  LetterFilter,
  NewLetter,
  Refused,
  StoredRecord,
} from "../port.ts";
import { RECORD_BOUNDS } from "../port.ts";
import { cutLetter, recordRefusal } from "../records.ts";

/** Kinds whose records are counted once and then followed. */
const KINDS_COUNTED_MAX = 256;

/** What the file keeps beside candles and labels. The caller wraps writes in transactions. */
export class RecordTables {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #countKind: StatementSync;
  readonly #bury: StatementSync;
  readonly #giveUp: StatementSync;
  readonly #countLetters: StatementSync;
  readonly #lettersMax: number;
  readonly #counts = new Map<string, number>();
  /** Written again with every write, in its transaction: what a copy of a log stands at. */
  mark: (StoredRecord & { readonly kind: string }) | null = null;

  /** Over an open database with the schema; keeps at most `lettersMax` letters. */
  constructor(db: DatabaseSync, lettersMax: number) {
    this.#db = db;
    this.#lettersMax = lettersMax;
    this.#put = db.prepare(
      "INSERT INTO records(kind, key, json) VALUES (?, ?, ?) " +
        "ON CONFLICT(kind, key) DO UPDATE SET json = excluded.json",
    );
    this.#drop = db.prepare("DELETE FROM records WHERE kind = ? AND key = ?");
    this.#get = db.prepare("SELECT json FROM records WHERE kind = ? AND key = ?");
    this.#list = db.prepare("SELECT key, json FROM records WHERE kind = ? ORDER BY key");
    this.#countKind = db.prepare("SELECT count(*) AS n FROM records WHERE kind = ?");
    this.#bury = db.prepare(
      "INSERT INTO letters(at_ms, path, type, reason, error, payload) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#giveUp = db.prepare(
      "DELETE FROM letters WHERE id IN (SELECT id FROM letters ORDER BY id LIMIT ?)",
    );
    this.#countLetters = db.prepare("SELECT count(*) AS n FROM letters");
  }

  /** Records of a kind. O(records), of an index, the first time. */
  count(kind: string): number {
    let count = this.#counts.get(kind);
    if (count === undefined) {
      count = Number(this.#countKind.get(kind)?.n ?? 0);
      // Kinds are few; whoever makes them up must not fill the memory.
      if (this.#counts.size >= KINDS_COUNTED_MAX) this.#counts.clear();
      this.#counts.set(kind, count);
    }
    return count;
  }

  /** A transaction was rolled back: what was counted within it counts no more. */
  rolledBack(): void {
    this.#counts.clear();
  }

  /** Whether there is such a record. */
  has(kind: string, key: string): boolean {
    return this.#get.get(kind, key) !== undefined;
  }

  /** Writes what batches bring beside their rows. */
  putBeside(batches: readonly CommitBatch[]): void {
    for (const { records = [], letters = [] } of batches) {
      for (const { kind, key, json } of records) {
        if (json === null) this.drop(kind, key);
        else this.put(kind, key, json);
      }
      if (letters.length > 0) this.bury(letters);
    }
    this.putMark();
  }

  /** Writes the mark. */
  putMark(): void {
    if (this.mark !== null) this.#put.run(this.mark.kind, this.mark.key, this.mark.json);
  }

  /** Why a record is not taken; null when it is. */
  refusal(kind: string, key: string, json: string): Refused | null {
    const isFull = this.count(kind) >= RECORD_BOUNDS.perKind && !this.has(kind, key);
    return recordRefusal(kind, key, json, isFull);
  }

  /** Writes or replaces a record. */
  put(kind: string, key: string, json: string): void {
    const count = this.#counts.get(kind);
    if (count !== undefined && !this.has(kind, key)) this.#counts.set(kind, count + 1);
    this.#put.run(kind, key, json);
  }

  /** Drops a record. */
  drop(kind: string, key: string): void {
    const count = this.#counts.get(kind);
    const { changes } = this.#drop.run(kind, key);
    if (count !== undefined) this.#counts.set(kind, count - Number(changes));
  }

  /** One record's JSON. */
  get(kind: string, key: string): string | null {
    const found = this.#get.get(kind, key);
    return found === undefined ? null : String(found.json);
  }

  /** All records of a kind, by key. */
  list(kind: string): StoredRecord[] {
    return this.#list.all(kind).map(({ key, json }) => ({ key: String(key), json: String(json) }));
  }

  /** Letters held. O(letters), of an index. */
  get lettersHeld(): number {
    return Number(this.#countLetters.get()?.n ?? 0);
  }

  /** Keeps letters; the oldest make room. Says the number of the last one. */
  bury(letters: readonly NewLetter[]): number {
    let lastId = 0;
    for (const letter of letters) {
      const { atMs, path, type, reason, error, payload } = cutLetter(letter);
      const { lastInsertRowid } = this.#bury.run(atMs, path, type, reason, error, payload);
      lastId = Number(lastInsertRowid);
    }
    const excess = this.lettersHeld - this.#lettersMax;
    if (excess > 0) this.#giveUp.run(excess);
    return lastId;
  }

  /** Letters that match, in the order of their numbers, or the latest first. O(letters). */
  letters(filter: LetterFilter, limit: number): Letter[] {
    const { where, values } = conditionOf(filter);
    const order = filter.isLatestFirst === true ? "DESC" : "ASC";
    const found = this.#db.prepare(`SELECT * FROM letters ${where} ORDER BY id ${order} LIMIT ?`)
      .all(...values, Math.min(limit, Number.MAX_SAFE_INTEGER));
    return found.map((row) => ({
      id: Number(row.id),
      atMs: Number(row.at_ms),
      path: String(row.path),
      type: String(row.type),
      reason: String(row.reason),
      error: row.error === null ? null : String(row.error),
      payload: row.payload === null ? null : String(row.payload),
    }));
  }

  /** Drops letters that match; says how many. */
  dropLetters(filter: LetterFilter): number {
    const { where, values } = conditionOf(filter);
    return Number(this.#db.prepare(`DELETE FROM letters ${where}`).run(...values).changes);
  }
}

function conditionOf(filter: LetterFilter): { where: string; values: SQLInputValue[] } {
  const parts: [string, SQLInputValue | undefined][] = [
    ["id = ?", filter.id],
    ["id IN (SELECT value FROM json_each(?))", filter.ids && JSON.stringify(filter.ids)],
    ["id > ?", filter.afterId],
    ["id < ?", filter.beforeId],
    ["path = ?", filter.path],
    ["type = ?", filter.type],
    ["reason = ?", filter.reason],
  ];
  const given = parts.filter((part): part is [string, SQLInputValue] => part[1] !== undefined);
  const where = given.length === 0 ? "" : `WHERE ${given.map(([text]) => text).join(" AND ")}`;
  return { where, values: given.map(([, value]) => value) };
}
