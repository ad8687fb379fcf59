/**
 * The schema of the file and how it came to be: an ordered list of migrations, each applied once, in
 * a transaction with the note that it was.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";

/** `application_id` of the file: `Wick` in ASCII. */
export const APPLICATION_ID = 0x5769636b;

interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** In order; `user_version` of a file is how many of them it has. None is ever changed. */
const MIGRATIONS: readonly Migration[] = [
  {
    name: "commits, chunks, series, records, letters",
    sql: `
      CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
      CREATE TABLE commits(
        seq INTEGER PRIMARY KEY, at_ms REAL NOT NULL, label_rows INTEGER NOT NULL,
        rows_before INTEGER NOT NULL, crc INTEGER NOT NULL, head BLOB NOT NULL,
        candles BLOB NOT NULL, labels BLOB NOT NULL);
      CREATE TABLE series(
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, count INTEGER NOT NULL,
        dropped INTEGER NOT NULL, last_ts REAL, floor_ts REAL, flushed_seq INTEGER NOT NULL);
      CREATE TABLE label_sets(id INTEGER PRIMARY KEY, param_hash TEXT NOT NULL UNIQUE);
      CREATE TABLE chunks(
        id INTEGER PRIMARY KEY, series_id INTEGER NOT NULL, set_id INTEGER NOT NULL,
        min_ts REAL NOT NULL, max_ts REAL NOT NULL, min_seq INTEGER NOT NULL,
        max_seq INTEGER NOT NULL, rows INTEGER NOT NULL, body BLOB NOT NULL);
      CREATE INDEX chunks_by_time ON chunks(series_id, set_id, max_ts, min_ts);
      CREATE TABLE cursors(feed TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE records(
        kind TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(kind, key));
      CREATE TABLE letters(
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms REAL NOT NULL, path TEXT NOT NULL,
        type TEXT NOT NULL, reason TEXT NOT NULL, error TEXT, payload TEXT);
    `,
  },
];

/** Version of files written by this program. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** Version of an open file; 0 of an empty one. */
export function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}

/**
 * Brings a file up to {@linkcode SCHEMA_VERSION}, one transaction per migration.
 *
 * @param wallMs Epoch ms, for the record.
 */
export function migrate(db: DatabaseSync, wallMs: number): void {
  for (let version = versionOf(db); version < SCHEMA_VERSION; version++) {
    const { name, sql } = MIGRATIONS[version] as Migration;
    db.exec("BEGIN IMMEDIATE");
    try {
      if (version === 0) {
        db.exec("CREATE TABLE migrations(version INTEGER PRIMARY KEY, name TEXT, at_ms REAL)");
        db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      }
      db.exec(sql);
      db.prepare("INSERT INTO migrations VALUES (?, ?, ?)").run(version + 1, name, wallMs);
      db.exec(`PRAGMA user_version = ${version + 1}`);
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}
