/**
 * The file of the second tier: opening it, making it, and putting it out of the way when it is damaged.
 * It is a cache, so nothing in it is worth a repair.
 *
 * @module
 */

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../error.ts";

/** `application_id` of the file: `WicC` in ASCII. */
const APPLICATION_ID = 0x57696343;

/** `user_version` of the file. One of another version is begun anew. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE entries(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, ends_ms REAL NOT NULL,
    bytes INTEGER NOT NULL, frame BLOB NOT NULL);
  CREATE INDEX entries_by_end ON entries(ends_ms, bytes);
  CREATE TABLE tags(
    tag TEXT NOT NULL, entry_id INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
    PRIMARY KEY(tag, entry_id)) WITHOUT ROWID;
  CREATE INDEX tags_by_entry ON tags(entry_id);
`;

/** A lock that is not free within this is held by another process, ms. */
const BUSY_TIMEOUT_MS = 200;
/** The log is cut back to this size when a large transaction made it larger, bytes. */
const LOG_BYTES_KEPT = 16 * 1024 * 1024;
/** Memory of SQLite's page cache, KiB. */
const CACHE_KIB = 16 * 1024;

/** Results of SQLite that mean a damaged file: SQLITE_CORRUPT, SQLITE_NOTADB. */
const DAMAGED_CODES = [11, 26];
const DAMAGED_TEXT = /malformed|not a database|corrupt/;

/** Whether an error says that the file is not what was written. */
export function isDamaged(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { errcode } = error as { errcode?: unknown };
  return (typeof errcode === "number" && DAMAGED_CODES.includes(errcode & 0xff)) ||
    DAMAGED_TEXT.test(error.message);
}

/**
 * Opens the file for this process alone, or makes it; folders are made too. A file of an older or newer
 * version is emptied.
 *
 * @throws {StoreError} code `foreign` for a database of another program; it stays as it is.
 * @throws What SQLite says: `isDamaged` tells whether setting it aside helps.
 */
export function openCacheFile(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    checkOwner(db, path);
    // Exclusive: a second process is refused, kill -9 frees it, and no shared memory is needed.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = NORMAL");
    db.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}`);
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    db.exec("BEGIN EXCLUSIVE; COMMIT");
    if (pragma(db, "user_version") !== SCHEMA_VERSION) makeSchema(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function checkOwner(db: DatabaseSync, path: string): void {
  const owner = pragma(db, "application_id");
  const isEmpty = pragma(db, "schema_version") === 0;
  if (owner === APPLICATION_ID || isEmpty) return;
  throw new StoreError(
    "foreign",
    `Cannot open ${path}: expected a cache of Wick: current value is application id ` +
      `0x${owner.toString(16)}: move it away`,
  );
}

function makeSchema(db: DatabaseSync): void {
  db.exec("BEGIN EXCLUSIVE");
  try {
    for (const table of ["tags", "entries"]) db.exec(`DROP TABLE IF EXISTS ${table}`);
    db.exec(SCHEMA);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

/** What SQLite keeps beside a file. */
const SIDE_FILES = ["-wal", "-shm", "-journal"];

/** Moves a damaged file to `PATH.damaged`, in the place of the one before. The file must be closed. */
export function setAside(path: string): void {
  removeSideFiles(path);
  if (existsSync(path)) renameSync(path, `${path}.damaged`);
}

/** Removes the file, which works also on a full disk. It must be closed. */
export function removeCacheFile(path: string): void {
  rmSync(path, { force: true });
  removeSideFiles(path);
}

function removeSideFiles(path: string): void {
  for (const part of SIDE_FILES) rmSync(path + part, { force: true });
}
