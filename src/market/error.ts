/**
 * The one error of this folder: a promise about market data that was broken, with a code that
 * callers may branch on. A bad row is not an error but a rejection (`reject.ts`).
 *
 * @module
 */

/** What kind of promise was broken; stable, so that callers may branch on it. */
export type MarketErrorCode =
  | "block"
  | "encoding"
  | "csv_header"
  | "ndjson_first_line"
  | "series"
  | "series_count"
  | "granularity"
  | "instrument"
  | "reader_finished";

/** A broken promise: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class MarketError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "MarketError";
  /** Which promise was broken. */
  readonly code: MarketErrorCode;

  /** An error of that code; `message` is for people. */
  constructor(code: MarketErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
