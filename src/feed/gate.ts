/**
 * What all sources share: they are open or not, read by one caller at a time, and a read ends when
 * they are closed.
 *
 * @module
 */

import { FEED_BATCH_ROWS_MAX, FeedError } from "./port.ts";

/** What a call in flight is told when its source is closed, or opened elsewhere. */
export function closedError(name: string): FeedError {
  return new FeedError(
    "closed",
    `Cannot read feed ${name}: expected it to stay open: current value is closed`,
  );
}

/** Rejects with the signal's reason once it aborts, otherwise settles as `work` does. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Whether a source is open and being read: the part of the contract that all sources share.
 *
 * - one `read` at a time; `opened` and `closed` abort the one in flight
 */
export class FeedGate {
  readonly #name: string;
  #isOpen = false;
  #reading: AbortController | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  /** The source is about to be opened, here or elsewhere than before. */
  opened(): void {
    this.closed();
    this.#isOpen = true;
  }

  /** The source is about to be closed; idempotent. */
  closed(): void {
    this.#isOpen = false;
    this.#reading?.abort(closedError(this.#name));
    this.#reading = null;
  }

  /** @throws {FeedError} code `not_open`. */
  assertOpen(verb: string): void {
    if (this.#isOpen) return;
    throw new FeedError(
      "not_open",
      `Cannot ${verb} feed ${this.#name}: expected an open one: current value is closed`,
    );
  }

  /**
   * Runs one read with a signal that aborts with the caller's or when the source closes.
   *
   * @throws {FeedError} code `not_open` or `busy`; the reason of the signal; what `read` throws.
   */
  async read<T>(signal: AbortSignal, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.assertOpen("read");
    if (this.#reading !== null) {
      throw new FeedError(
        "busy",
        `Cannot read feed ${this.#name}: expected one read at a time: current value is 2`,
      );
    }
    signal.throwIfAborted();
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#reading = controller;
    try {
      return await read(controller.signal);
    } finally {
      signal.removeEventListener("abort", abort);
      if (this.#reading === controller) this.#reading = null;
    }
  }
}

/** @throws {FeedError} code `options` unless 1 ≤ rows ≤ {@linkcode FEED_BATCH_ROWS_MAX}. */
export function assertBatchRows(rowsMax: number): void {
  if (Number.isInteger(rowsMax) && rowsMax >= 1 && rowsMax <= FEED_BATCH_ROWS_MAX) return;
  throw new FeedError(
    "options",
    `Cannot set up feed: expected batches of 1 to ${FEED_BATCH_ROWS_MAX} rows: ` +
      `current value is ${rowsMax}`,
  );
}
