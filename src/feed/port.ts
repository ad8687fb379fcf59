/**
 * The port behind which every source of candles stands: files, the synthetic feed, pushed
 * requests, streams. A source yields batches, each with a cursor; whoever commits a batch stores
 * its cursor in the same transaction and acknowledges it afterwards. After a crash the source is
 * opened at the stored cursor, so that no row is lost and none comes twice.
 *
 * Every implementation passes one suite: `tests/feed/conformance.ts`.
 *
 * @module
 */

import type { CandleBlock } from "../market/block.ts";
import type { Rejection } from "../market/reject.ts";

/** Most rows of a batch, refused ones included: 3 MB of columns, some 20 ms of labelling. */
export const FEED_BATCH_ROWS_MAX = 65_536;

/** Rows of a batch unless a source is told otherwise. */
export const FEED_BATCH_ROWS_DEFAULT = 8_192;

/** Most refused rows of a batch: with message and excerpt they take up to 2 kB each. */
export const FEED_BATCH_REJECTIONS_MAX = 1_024;

/** Most bytes of a batch as {@linkcode feedBatchBytes} counts them: twice what rows can take. */
export const FEED_BATCH_BYTES_MAX = 8 * 1024 * 1024;

/** Longest cursor in characters: it is a column of the store and a field of messages. */
export const FEED_CURSOR_CHARS_MAX = 256;

/** How long `read` waits for rows before it answers null, in milliseconds: a heartbeat. */
export const FEED_IDLE_MS = 1_000;

/** What a source read since the batch before. */
export interface FeedBatch {
  /**
   * Rows as received, valid by rule R2, of bars that are over: a source leaves out those that still
   * go on. At most one block per series, rows in the order in which they came. They may be late, come twice, correct or delete earlier ones (`canonical.ts`).
   * May be empty although the cursor moved. The columns belong to the receiver and may be
   * transferred.
   */
  readonly blocks: readonly CandleBlock[];
  /** Every refused row, in the order in which they came. */
  readonly rejections: readonly Rejection[];
  /** Where the source stands after this batch; at most {@linkcode FEED_CURSOR_CHARS_MAX} long. */
  readonly cursor: string;
  /** Whether the source has ended with this batch. */
  readonly done: boolean;
  /** What a person should know about this batch, as that a file was replaced; rarely any. */
  readonly notes?: readonly string[];
}

/** What a source says about itself, by names that carry their unit last (`readBytes`). */
export type FeedDetail = Readonly<Record<string, string | number | boolean | null>>;

/**
 * A source of candles.
 *
 * - After `open(cursor)` the source yields exactly the rows that followed the batch of that
 *   cursor, each series in the same order, in batches that may be cut elsewhere.
 * - A batch is bounded by {@linkcode FEED_BATCH_ROWS_MAX}, {@linkcode FEED_BATCH_REJECTIONS_MAX}
 *   and {@linkcode FEED_BATCH_BYTES_MAX}; at a bound it ends early, nothing is left out.
 * - Nothing is read ahead of `read` but one piece of input: whoever does not ask is not flooded.
 * - An aborted or failed `read` takes nothing: the rows come with the next one.
 * - Reading after the end answers an empty batch that is `done`, with the cursor unchanged.
 * - `open` may be called at any time: on an open source it moves to the cursor, a closed one it
 *   opens again. `close` is idempotent.
 */
export interface FeedSource extends AsyncDisposable {
  /** Name in logs, metrics and the store's table of cursors. */
  readonly name: string;
  /**
   * Moves to right after the batch of `cursor`; null is the beginning.
   *
   * @throws {FeedError} code `cursor` for a cursor of another source or of changed options.
   */
  open(cursor: string | null): Promise<void>;
  /**
   * The next batch, or null when none came within {@linkcode FEED_IDLE_MS}. One call at a time.
   *
   * @throws The signal's reason when it aborts; {@linkcode FeedError} code `not_open`, `busy`, or
   * what the source ran into.
   */
  read(signal: AbortSignal): Promise<FeedBatch | null>;
  /**
   * Tells the source that everything up to `cursor` is committed and will not be asked for again.
   * Cursors are acknowledged in order; repeating one does nothing.
   *
   * @throws {FeedError} code `not_open`, or `cursor` for one that is not of this source.
   */
  ack(cursor: string): Promise<void>;
  /** Lets go of files, connections and timers; a `read` in flight ends as if aborted. */
  close(): Promise<void>;
  /** Where it stands in terms of its own, for a person who looks; O(1), at any time. */
  detail?(): FeedDetail;
}

/** What went wrong with a source; stable, so that callers may branch on it. */
export type FeedErrorCode =
  /** The source is set up with values that cannot work. */
  | "options"
  /** The cursor is not one of this source, or the source is not what it was at that cursor. */
  | "cursor"
  /** `read` or `ack` before `open` or after `close`. */
  | "not_open"
  /** A second `read` before the first one ended. */
  | "busy"
  /** `close` or `open` came during a `read`. */
  | "closed"
  /** The input breaks off or is not what it says; what came before was delivered. */
  | "damaged"
  /** The input cannot be reached or read. */
  | "unreadable";

/** A source that cannot go on: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class FeedError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "FeedError";
  /** What kind of problem it is. */
  readonly code: FeedErrorCode;

  /** An error of that code; `options.cause` is what the source ran into. */
  constructor(code: FeedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Rows of a batch that are candles or delete one. O(blocks). */
export function feedBatchRows(batch: FeedBatch): number {
  return batch.blocks.reduce((rows, block) => rows + block.length, 0);
}

/** Bytes that the columns and texts of a batch hold, a character as one. O(blocks + rejections). */
export function feedBatchBytes(batch: FeedBatch): number {
  let bytes = 0;
  for (const block of batch.blocks) {
    bytes += block.length * 48 + (block.deleted?.length ?? 0) + block.series.length;
  }
  for (const { message, excerpt } of batch.rejections) bytes += message.length + excerpt.length;
  return bytes;
}
