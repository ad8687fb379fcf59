/**
 * The one error of this folder: a promise about the cache that was broken, with a code that callers
 * may branch on. What may well happen (a miss, a load that failed, no room) is an answer instead.
 *
 * @module
 */

/** What kind of promise was broken; stable, so that callers may branch on it. */
export type CacheErrorCode =
  | "key"
  | "key_pattern"
  | "protection"
  | "shards"
  | "ttl";

/** Most characters of a value that a message shows. */
const SHOWN_CHARS_MAX = 80;

/** A broken promise: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class CacheError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "CacheError";
  /** Which promise was broken. */
  readonly code: CacheErrorCode;

  /** An error of that code; `message` is for people. */
  constructor(code: CacheErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A value from outside as a message shows it: as JSON, cut short. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? value.slice(0, SHOWN_CHARS_MAX) : value;
  return typeof text === "number" ? String(text) : JSON.stringify(text) ?? String(text);
}
