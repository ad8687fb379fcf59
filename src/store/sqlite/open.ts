/**
 * Opening the file: whose it is and whether it is whole is found out before anything is written.
 *
 * @module
 */

import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { StoreError, type StoreErrorCode } from "../error.ts";
import { APPLICATION_ID, migrate, SCHEMA_VERSION, versionOf } from "./schema.ts";
import { isBusy } from "./sqlite_error.ts";

/** What a power cut may cost: nothing, or the last commits (none of them in parts). */
export type Durability = "full" | "normal";

/**
 * Bytes of a page: a blob of columns takes a page per piece, and each page costs two system calls; a
 * commit of 20 candles still fits one.
 */
const PAGE_BYTES = 16384;
/** Pages of the log after which it is moved into the file: 4 MB, during which commits wait some 5 ms. */
const CHECKPOINT_PAGES = 256;
/** The log is cut back to this size when a large transaction made it larger, bytes. */
const LOG_BYTES_KEPT = 64 * 1024 * 1024;
/** Memory of SQLite's page cache, KiB. */
const CACHE_KIB = 16 * 1024;
/** A lock that is not free within this is held by another process, ms. */
const BUSY_TIMEOUT_MS = 500;

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const VERSION_AT = 60;
const APPLICATION_AT = 68;
const MEMORY = ":memory:";
/** End of the name of a file in the making. */
const MAKING = ".new";

/**
 * Opens a file, or makes one, and takes it for this process alone; folders are made. A file that is
 * refused stays as it is, bit for bit.
 *
 * @throws {StoreError} codes `locked`, `foreign`, `newer`, `damaged`, `unreachable`.
 */
export function openDatabase(path: string, durability: Durability, wallMs: number): DatabaseSync {
  if (path === MEMORY) return openedForWriting(path, durability, wallMs);
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (isNew(path)) create(path, wallMs);
    checkHeader(path);
    probe(path);
    const db = openedForWriting(path, durability, wallMs);
    removeHalfMade(path);
    return db;
  } catch (error) {
    throw openError(path, error);
  }
}

function isNew(path: string): boolean {
  return !existsSync(path) || readHeader(path).length === 0;
}

function readHeader(path: string): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const file = openSync(path, "r");
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, HEADER_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * Beside its place and then linked there: a file in the making is never taken for a foreign one, and
 * of two processes that make one, the first wins.
 */
function create(path: string, wallMs: number): void {
  const making = `${path}.${process.pid}${MAKING}`;
  rmSync(making, { force: true });
  try {
    const db = new DatabaseSync(making);
    try {
      db.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
      migrate(db, wallMs);
    } finally {
      db.close();
    }
    if (existsSync(path) && statSync(path).size === 0) rmSync(path);
    linkSync(making, path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  } finally {
    rmSync(making, { force: true });
  }
}

/** Removes what processes left that were killed while they made the file. */
function removeHalfMade(path: string): void {
  const folder = dirname(path), start = `${basename(path)}.`;
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(start) || !/\.new(-journal)?$/.test(name)) continue;
    rmSync(join(folder, name), { force: true });
  }
}

/** Without SQLite, which might begin to recover what is not ours. */
function checkHeader(path: string): void {
  const header = readHeader(path);
  const text = new TextDecoder("latin1").decode(header.subarray(0, MAGIC.length));
  if (text !== MAGIC || header.length < HEADER_BYTES) {
    throw refusal("foreign", path, "a database", "something else", "name another data directory");
  }
  const view = new DataView(header.buffer, header.byteOffset);
  const application = view.getUint32(APPLICATION_AT);
  if (application !== APPLICATION_ID) {
    const found = `application id 0x${application.toString(16)}`;
    throw refusal("foreign", path, "a database of Wick", found, "name another data directory");
  }
  checkVersion(path, view.getUint32(VERSION_AT));
}

function checkVersion(path: string, version: number): void {
  if (version <= SCHEMA_VERSION) return;
  const expected = `version ${SCHEMA_VERSION} at most`;
  throw refusal("newer", path, expected, `version ${version}`, "run a newer Wick");
}

/** Reads what opening needs, without the right to write. */
function probe(path: string): void {
  const sideFiles = ["-shm", "-wal"].map((part) => path + part).filter((at) => !existsSync(at));
  let isRefused = true;
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      checkVersion(path, versionOf(db));
      for (const table of ["meta", "series", "label_sets", "cursors"]) {
        db.prepare(`SELECT * FROM ${table}`).all();
      }
      db.prepare("SELECT max(seq) FROM commits").get();
      db.prepare("SELECT max(id) FROM chunks").get();
      isRefused = false;
    } finally {
      db.close();
    }
  } finally {
    // What the look left behind; with a file that is used they are opened again at once.
    if (isRefused) { for (const at of sideFiles) rmSync(at, { force: true }); }
  }
}

function openedForWriting(path: string, durability: Durability, wallMs: number): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    // Exclusive: a second process is refused, kill -9 frees it, and no shared memory is needed.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    if (path !== MEMORY) db.exec("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
    db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}`);
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    db.exec("BEGIN EXCLUSIVE; COMMIT");
    migrate(db, wallMs);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function openError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isBusy(error)) {
    return refusal(
      "locked",
      path,
      "it for itself",
      "another process has it",
      "stop that one",
      error,
    );
  }
  const isOpenable = existsSync(path) && !reason.includes("unable to open");
  return isOpenable
    ? refusal("damaged", path, "a whole file", reason, "restore it from a backup", error)
    : refusal("unreachable", path, "a place to write to", reason, "check path and rights", error);
}

function refusal(
  code: StoreErrorCode,
  path: string,
  expected: string,
  found: string,
  advice: string,
  cause?: unknown,
): StoreError {
  return new StoreError(
    code,
    `Cannot open ${path}: expected ${expected}: current value is ${found}: ${advice}`,
    cause === undefined ? {} : { cause },
  );
}
