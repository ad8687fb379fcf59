/**
 * What SQLite's errors mean here. Statements give a result code, `exec` and the constructor only a
 * message, which SQLite promises to keep.
 *
 * @module
 */

import { StoreError } from "../error.ts";
import type { RefusalCode, Refused } from "../port.ts";

/** Primary result codes (sqlite.org/rescode.html) with their texts. */
const FULL = { code: 13, text: "database or disk is full" };
const BUSY = { code: 5, text: "database is locked" };
const LOCKED = { code: 6, text: "database table is locked" };

function is(error: unknown, { code, text }: { code: number; text: string }): boolean {
  if (!(error instanceof Error)) return false;
  const { errcode } = error as { errcode?: unknown };
  // Extended codes carry the primary one in their low byte.
  return typeof errcode === "number" ? (errcode & 0xff) === code : error.message.includes(text);
}

/** Somebody else holds the file. */
export function isBusy(error: unknown): boolean {
  return is(error, BUSY) || is(error, LOCKED);
}

/** There is no room on the disk, or the file may not grow. */
export function isFull(error: unknown): boolean {
  return is(error, FULL) || (error instanceof Error && error.message.includes("ENOSPC"));
}

/** Whether it is the file's fault: anything else is a mistake of this program. */
export function isOfTheFile(error: unknown): boolean {
  if (error instanceof StoreError) return true;
  return error instanceof Error && (error as { code?: unknown }).code === "ERR_SQLITE_ERROR";
}

/** The refusal of a write that failed. */
export function refusalOf(what: string, error: unknown): Refused {
  const code: RefusalCode = isFull(error) ? "disk_full" : isBusy(error) ? "busy" : "broken";
  const advice = {
    disk_full: "free some room on the disk; nothing accepted is lost and work goes on by itself",
    busy: "another connection holds the file",
    broken: "the disk or the file fails",
  }[code];
  const reason = error instanceof Error ? error.message : String(error);
  return { state: "refused", code, message: `Cannot ${what}: ${advice}: ${reason}` };
}
