/**
 * The copy of the log that a node holds: a store of its own, and which entry it applied last.
 *
 * The SQLite copy stores that with every entry, in the same transaction; what a power cut costs it
 * (`durability` is `normal` here unless said otherwise) it reads again from the log. The memory copy
 * begins anew each time, and can neither be backed up nor restored: a group needs at least one node
 * with a data directory to make snapshots, or its log becomes full; and a node without one cannot join
 * once the log was trimmed.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { existsSync, renameSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Clock } from "../../actor/clock.ts";
import { StoreError } from "../error.ts";
import { MemoryStore, type MemoryStoreOptions } from "../memory.ts";
import type { WriteResult } from "../port.ts";
import { SqliteStore, type SqliteStoreOptions } from "../sqlite_store.ts";
import { LOG_BOUNDS, type LogMark } from "./port.ts";

/** Where the mark lies in the file: kind and key of a record, which is no one else's. */
export const MARK_KIND = "log";
const MARK_KEY = "applied";

const markText = z.strictObject({
  log: z.string().min(1).max(64),
  position: z.int().min(0),
  writer: z.string().max(256),
  number: z.int().min(0),
});

/** A copy that is open. Its store answers at once: no call of it is a promise, except backups. */
export interface Copy {
  readonly store: MemoryStore | SqliteStore;
  /** What it was left with; null when it is a copy of no log. */
  readonly mark: LogMark | null;
  /** The entry that the next writes belong to, and which they store. */
  setMark(mark: LogMark): void;
  /** Stores the mark when an entry came to nothing. */
  putMark(): WriteResult;
}

/** Where a copy is. */
export interface CopyHome {
  readonly kind: "memory" | "sqlite";
  /** Its file; null when there is none. */
  readonly path: string | null;
  /** Opens it, as it was left or empty. */
  open(clock: Pick<Clock, "wallNow">): Copy;
  /** Puts a snapshot in its place, while it is not open; null where that cannot be. */
  readonly restore: ((pieces: AsyncIterable<Uint8Array>) => Promise<void>) | null;
  /** Moves a file that is damaged out of the way; says where to. */
  setAside(): string;
}

/** A copy in memory. */
export function memoryHome(options: Omit<MemoryStoreOptions, "clock"> = {}): CopyHome {
  return {
    kind: "memory",
    path: null,
    restore: null,
    setAside: () => "",
    open: (clock) => ({
      store: new MemoryStore({ ...options, clock }),
      mark: null,
      setMark: () => {},
      putMark: () => ({ state: "written" }),
    }),
  };
}

/**
 * A copy in a file.
 *
 * @throws {TypeError} When it is to give up candles: when it does depends on when the file was opened,
 * so a late correction would be refused by one copy and taken by another. The log of labels and its
 * letters may be given up.
 */
export function sqliteHome(options: Omit<SqliteStoreOptions, "clock">): CopyHome {
  const { path, retention } = options;
  if (retention?.candles !== undefined && retention.candles !== Infinity) {
    throw new TypeError(
      "Cannot follow the log of several nodes: expected no retention of candles: current value is " +
        `${retention.candles} per series`,
    );
  }
  return {
    kind: "sqlite",
    path,
    open: (clock) => openSqlite({ durability: "normal", ...options }, clock),
    restore: path === ":memory:" ? null : (pieces) => restore(path, pieces),
    setAside: () => setAside(path),
  };
}

function openSqlite(
  options: Omit<SqliteStoreOptions, "clock">,
  clock: Pick<Clock, "wallNow">,
): Copy {
  const store = new SqliteStore({ ...options, clock });
  try {
    const json = store.record(MARK_KIND, MARK_KEY);
    return {
      store,
      mark: json === null ? null : parsedMark(options.path, json),
      setMark: (mark) => store.setMark(MARK_KIND, MARK_KEY, JSON.stringify(mark)),
      putMark: () => store.putMark(),
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/**
 * The mark in a file that nobody has open, a backup say; null when there is none.
 *
 * @throws {StoreError} code `damaged`.
 */
export function markIn(path: string): LogMark | null {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const found = db.prepare("SELECT json FROM records WHERE kind = ? AND key = ?")
      .get(MARK_KIND, MARK_KEY);
    return found === undefined ? null : parsedMark(path, String(found.json));
  } finally {
    db.close();
  }
}

function parsedMark(path: string, json: string): LogMark {
  try {
    return markText.parse(JSON.parse(json));
  } catch (error) {
    const message = `Cannot open ${path}: expected a place in a log: current value is ` +
      json.slice(0, 100);
    throw new StoreError("damaged", message, { cause: error });
  }
}

/** Beside its place and then moved there: what was broken off is not taken for a copy. */
async function restore(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const making = `${path}.restore`;
  rmSync(making, { force: true });
  const file = await open(making, "wx");
  try {
    for await (const piece of pieces) await writeAll(file, piece);
    await file.sync();
  } catch (error) {
    await file.close();
    rmSync(making, { force: true });
    throw error;
  }
  await file.close();
  for (const part of ["-wal", "-shm"]) rmSync(path + part, { force: true });
  renameSync(making, path);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

function setAside(path: string): string {
  let to = `${path}.damaged`;
  for (let count = 2; existsSync(to); count++) to = `${path}.damaged-${count}`;
  for (const part of ["-wal", "-shm"]) {
    if (existsSync(path + part)) renameSync(path + part, to + part);
  }
  renameSync(path, to);
  return to;
}

/** A file in pieces of `LOG_BOUNDS.snapshotPieceBytes`. */
export async function* piecesOf(path: string): AsyncIterable<Uint8Array> {
  const file = await open(path, "r");
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(LOG_BOUNDS.snapshotPieceBytes);
      let length = 0;
      while (length < piece.length) {
        const { bytesRead } = await file.read(piece, length, piece.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > 0) yield piece.subarray(0, length);
      if (length < piece.length) return;
    }
  } finally {
    await file.close();
  }
}
