/**
 * The one error of this folder: a promise about stored data that cannot be kept. What a write comes to
 * is no error but a result (`port.ts`).
 *
 * @module
 */

import { causesOf } from "../actor/errors.ts";

/**
 * What cannot be done; stable, so that callers may branch on it.
 *
 * - `gone`: retention gave up what was asked for
 * - `exists`: a file is in the way and stays as it is
 * - `unsupported`: this backend has no such thing
 * - `locked`: another process has the data directory
 * - `foreign`: the file belongs to another program
 * - `newer`: the file was written by a newer version
 * - `damaged`: the file or a part of it is not what was written
 * - `unreachable`: the file cannot be opened or made
 */
export type StoreErrorCode =
  | "gone"
  | "exists"
  | "unsupported"
  | "locked"
  | "foreign"
  | "newer"
  | "damaged"
  | "unreachable";

/** A broken promise: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class StoreError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "StoreError";
  /** What cannot be done. */
  readonly code: StoreErrorCode;

  /** An error of that code; `message` is for people and says what to do. */
  constructor(code: StoreErrorCode, message: string, options: ErrorOptions = {}) {
    super(`${message} (${code})`, options);
    this.code = code;
  }
}

/**
 * The code of a store's error, or null for any other. It is found among the causes too, and after the
 * way over a thread's border, which keeps names and texts of errors only.
 */
export function storeErrorCode(error: unknown): StoreErrorCode | null {
  for (const cause of causesOf(error)) {
    if (cause instanceof StoreError) return cause.code;
    const code = cause.name === "StoreError" ? /\((\w+)\)$/.exec(cause.message)?.[1] : undefined;
    if (code !== undefined) return code as StoreErrorCode;
  }
  return null;
}

/** The error for a seq that retention no longer reaches. */
export function goneError(what: string, seq: number, oldest: number): StoreError {
  return new StoreError(
    "gone",
    `Cannot read ${what} ${seq}: expected at least ${oldest}, since what is older was given up: ` +
      `current value is ${seq}`,
  );
}
