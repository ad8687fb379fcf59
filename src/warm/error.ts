/**
 * The one error of this folder: a promise about warming that was broken, with a code that callers
 * may branch on. A load that failed or a run that cannot begin is an answer instead.
 *
 * @module
 */

export { shown } from "../cache/error.ts";

/** What kind of promise was broken; stable, so that callers may branch on it. */
export type WarmErrorCode =
  | "settings"
  | "snapshot"
  | "event"
  | "sector";

/** A broken promise: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class WarmError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "WarmError";
  /** Which promise was broken. */
  readonly code: WarmErrorCode;

  /** An error of that code; `message` is for people. */
  constructor(code: WarmErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
