/**
 * The one error of this folder: a promise about edges, sets, scorers or runs that was broken, with
 * a code that callers may branch on. What may well happen (a set that cannot be scored, a refresh
 * that fell back) is an answer instead.
 *
 * @module
 */

/** What kind of promise was broken; stable, so that callers may branch on it. */
export type RefreshErrorCode =
  | "bound"
  | "busy"
  | "correlation"
  | "edge"
  | "edge_in_use"
  | "invariant"
  | "options"
  | "scorer"
  | "set"
  | "snapshot"
  | "state"
  | "value";

/** Most characters of a value that a message shows. */
const SHOWN_CHARS_MAX = 80;

/** A broken promise: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class RefreshError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "RefreshError";
  /** Which promise was broken. */
  readonly code: RefreshErrorCode;

  /** An error of that code; `message` is for people. */
  constructor(code: RefreshErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A value from outside as a message shows it: as JSON, cut short. */
export function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return (JSON.stringify(value) ?? String(value)).slice(0, SHOWN_CHARS_MAX);
}

/**
 * Throws unless `holds`: a structure contradicts itself.
 *
 * @throws {RefreshError} code `invariant`.
 */
export function assertInvariant(holds: boolean, thing: string, expected: string): asserts holds {
  if (holds) return;
  throw new RefreshError(
    "invariant",
    `Cannot trust ${thing}: expected ${expected}: current value is otherwise`,
  );
}

/**
 * Most characters of an id: hundreds of thousands of ids are kept, and they travel in URLs and keys of
 * the cache.
 */
const ID_CHARS_MAX = 256;

/** Whether a value can name an edge or a set. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= ID_CHARS_MAX;
}

/**
 * An id as it came.
 *
 * @throws {RefreshError} code `edge` or `set`, when it is no text of 1 to 256 characters.
 */
export function checkedId(kind: "edge" | "set", id: string): string {
  if (isId(id)) return id;
  throw new RefreshError(
    kind,
    `Cannot take the id of ${kind === "edge" ? "an edge" : "a set"}: ` +
      `expected text of 1 to ${ID_CHARS_MAX} characters: current value is ${shown(id)}`,
  );
}
