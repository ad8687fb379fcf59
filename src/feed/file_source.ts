/**
 * A file of candles as a source: CSV or NDJSON, plain or gzip, of one series or of many.
 *
 * ## Cursor
 * `1:BYTE:LINE:ROWS:HEAD`: plain bytes, lines and rows read, and a hash of the file's first bytes,
 * by which another file under the same name is refused. Opening at a cursor reads the file from its
 * start up to that byte, because gzip cannot be entered in the middle, but parses only the header:
 * O(bytes before the cursor), some 0.3 s/GB plain and 2 s/GB unpacked from gzip.
 *
 * ## Damage
 * A file that is cut short or damaged ends in an error; whole lines unpacked before it are delivered
 * first, and an unfinished one never is. Of a file cut short they are exact, so that once the whole
 * file is there the feed goes on from its cursor. A flipped bit inside gzip data can go unnoticed
 * until the checksum at its end, so rows before such damage may be wrong: replace the file and read
 * it from the start; rows that differ then correct what was committed.
 *
 * ## Following
 * A followed file is entered in the middle: O(1) whatever lies before the cursor. The last line of a
 * file that was truncated or replaced is not taken unless it has its end: nobody can know whether
 * it is whole.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { MarketError } from "../market/error.ts";
import { FileError, STDIN_PATH } from "./file_bytes.ts";
import {
  type ChunkState,
  FileReading,
  type FileSourceOptions,
  HEAD_BYTES,
  type Position,
} from "./file_reading.ts";
import { type FileChange, FollowedFile } from "./followed_file.ts";
import { assertBatchRows, closedError, FeedGate } from "./gate.ts";
import {
  FEED_BATCH_ROWS_DEFAULT,
  FEED_IDLE_MS,
  type FeedBatch,
  type FeedDetail,
  FeedError,
  type FeedSource,
} from "./port.ts";
import { replaySource } from "./replay.ts";

export type { FileSourceOptions } from "./file_reading.ts";

/** How long a batch that has rows waits for more of them, in milliseconds. */
const LINGER_MS = 10;

/** How often a followed file is looked at, in milliseconds: well below what a person notices. */
const POLL_MS_DEFAULT = 50;

const CHANGED: Readonly<Record<FileChange, string>> = {
  truncated: "has become shorter",
  replaced: "was replaced by another",
  rewritten: "was written anew",
};

interface ParsedCursor {
  readonly position: Position;
  readonly head: string;
}

/**
 * A file as a source.
 *
 * - a rejection's line is the line in the file, from wherever reading began
 * - lines are read as `csvReader` and `ndjsonReader` read them; a batch ends only between lines
 * - after an error every `read` throws it again, until the source is opened anew
 * - the end is the file's size when it is reached; bytes written later are read from that cursor
 * - with `follow` there is no end; a file that is another than that of the cursor is read from its
 *   start, which a note says: rows that come again do no harm
 * - with `speed` rows come when they are due; a cursor is exact to the row, as without
 *
 * @throws {FeedError} code `options`; `open` code `cursor` also when the file is another one or has
 * become shorter; `read` code `damaged` also for input that is not of its format.
 */
export function fileSource(clock: Clock, options: FileSourceOptions): FeedSource {
  const { speed = null, rowsMax = FEED_BATCH_ROWS_DEFAULT } = options;
  assertBatchRows(rowsMax);
  assertPoll(options.pollMs ?? POLL_MS_DEFAULT);
  if (options.path === STDIN_PATH) {
    throw new FeedError(
      "options",
      "Cannot set up file feed: expected a path that can be read again: current value is " +
        "standard input",
    );
  }
  if (speed === null) return new FileSource(clock, options);
  // Line by line, so that the cursor of what is due is exact.
  const lines = new FileSource(clock, { ...options, rowsMax: 1 });
  return replaySource(clock, lines, { speed, rowsMax });
}

function assertPoll(pollMs: number): void {
  if (pollMs >= 1 && pollMs <= FEED_IDLE_MS) return;
  throw new FeedError(
    "options",
    `Cannot set up file feed: expected a look at the file every 1 to ${FEED_IDLE_MS} ms: ` +
      `current value is ${pollMs}`,
  );
}

class FileSource implements FeedSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #options: FileSourceOptions;
  readonly #rowsMax: number;
  readonly #gate: FeedGate;
  #reading: FileReading | null = null;
  #followed: FollowedFile | null = null;
  #isDone = false;
  #failure: unknown = null;
  #notes: string[] = [];
  /** Times that a followed file was begun again. */
  #restarts = 0;

  constructor(clock: Clock, options: FileSourceOptions) {
    this.name = options.name ?? `file:${options.path}`;
    this.#clock = clock;
    this.#options = options;
    this.#rowsMax = options.rowsMax ?? FEED_BATCH_ROWS_DEFAULT;
    this.#gate = new FeedGate(this.name);
  }

  async open(cursor: string | null): Promise<void> {
    const parsed = cursor === null ? null : this.#parsed(cursor);
    await this.close();
    this.#isDone = false;
    this.#failure = null;
    this.#notes = [];
    if (this.#options.follow) await this.#openFollowed(parsed);
    else {
      const reading = new FileReading(this.#clock, this.#options, this.name);
      this.#reading = reading;
      if (parsed !== null) await this.#skip(reading, parsed, cursor as string);
      // Closed, or opened elsewhere, meanwhile.
      if (this.#reading !== reading) throw closedError(this.name);
    }
    this.#gate.opened();
  }

  read(signal: AbortSignal): Promise<FeedBatch | null> {
    return this.#gate.read(signal, async (signal) => {
      if (this.#failure !== null) throw this.#failure;
      try {
        return await this.#next(this.#reading as FileReading, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        this.#failure = this.#feedError(error);
        throw this.#failure;
      }
    });
  }

  // deno-lint-ignore require-await -- what is wrong with the cursor rejects the promise
  async ack(cursor: string): Promise<void> {
    this.#gate.assertOpen("acknowledge");
    this.#parsed(cursor);
  }

  async close(): Promise<void> {
    this.#gate.closed();
    const reading = this.#reading;
    this.#reading = null;
    this.#followed?.stop();
    this.#followed = null;
    await reading?.close();
  }

  detail(): FeedDetail {
    const reading = this.#reading;
    const followed = this.#followed;
    return {
      path: this.#options.path,
      readBytes: reading?.readBytes ?? 0,
      ...(this.#options.follow
        ? {
          isThere: followed?.isThere ?? false,
          sizeBytes: followed?.sizeBytes ?? null,
          unfinishedBytes: reading?.unfinishedBytes ?? 0,
          restarts: this.#restarts,
        }
        : {}),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Goes on at the cursor if the file is still that of the cursor, otherwise from its start. */
  async #openFollowed(to: ParsedCursor | null): Promise<void> {
    const file = this.#follow();
    if (to === null || to.position.byte === 0) return this.#readFollowed(file, 0);
    const { position, head } = to;
    let start: Uint8Array | null;
    try {
      start = await file.look(Math.min(HEAD_BYTES, position.byte), position.byte);
    } catch (error) {
      throw this.#feedError(error);
    }
    if (this.#followed !== file) throw closedError(this.name);
    this.#readFollowed(file, position.byte);
    if (start !== null && this.#reading?.resumeAt(position, start, head) === null) return;
    this.#note(file.isThere ? "is not that of the cursor any more" : "is not there");
    file.stop();
    await this.#reading?.close();
    this.#readFollowed(this.#follow(), 0);
  }

  #follow(): FollowedFile {
    const { path, pollMs = POLL_MS_DEFAULT } = this.#options;
    return this.#followed = new FollowedFile(this.#clock, path, pollMs);
  }

  #readFollowed(file: FollowedFile, offset: number): void {
    const options = { ...this.#options, bytes: () => file.bytes(offset) };
    this.#reading = new FileReading(this.#clock, options, this.name);
  }

  #note(what: string): void {
    this.#restarts++;
    this.#notes.push(`the file ${this.#options.path} ${what}: it is read from its start`);
  }

  /** What was read of a file that has changed is the end of a batch; the next is of the new one. */
  async #beginAgain(reading: FileReading): Promise<FeedBatch> {
    const change = this.#followed?.change ?? "truncated";
    const unfinished = reading.unfinishedBytes;
    const cut = unfinished > 0 ? ` without the ${unfinished} bytes of a line that has no end` : "";
    this.#note(`${CHANGED[change]}${cut}`);
    const batch = this.#taken(reading, false);
    await reading.close();
    if (this.#reading === reading) this.#readFollowed(this.#follow(), 0);
    return batch;
  }

  #taken(reading: FileReading, isDone: boolean): FeedBatch {
    const batch = reading.take(isDone);
    const notes = this.#notes;
    if (notes.length === 0) return batch;
    this.#notes = [];
    return { ...batch, notes };
  }

  async #skip(reading: FileReading, to: ParsedCursor, cursor: string): Promise<void> {
    try {
      const problem = await reading.skipTo(to.position, to.head);
      if (problem !== null) throw this.#cursorError(problem, cursor);
    } catch (error) {
      if (this.#reading === reading) await this.close();
      throw this.#feedError(error);
    }
  }

  async #next(reading: FileReading, signal: AbortSignal): Promise<FeedBatch | null> {
    while (!this.#isDone && !reading.isFull(this.#rowsMax)) {
      let state: ChunkState;
      try {
        state = await reading.chunk(reading.isEmpty ? FEED_IDLE_MS : LINGER_MS, signal);
      } catch (error) {
        // Whole lines before the damage come first, then the damage.
        if (signal.aborted || reading.isEmpty) throw error;
        this.#failure = this.#feedError(error);
        break;
      }
      if (state === "late" && reading.isEmpty && this.#notes.length === 0) return null;
      if (state === "late") break;
      if (state === "end" && this.#options.follow) return await this.#beginAgain(reading);
      if (state === "end") {
        reading.finish();
        this.#isDone = true;
      } else reading.push(this.#rowsMax);
    }
    return this.#taken(reading, this.#isDone);
  }

  #parsed(cursor: string): ParsedCursor {
    const found = /^1:(\d{1,15}):(\d{1,15}):(\d{1,15}):([0-9a-f]{16})$/.exec(cursor);
    if (found === null) {
      throw this.#cursorError("expected 1:BYTE:LINE:ROWS:HEAD", cursor);
    }
    const [byte, line, rows] = found.slice(1, 4).map(Number) as [number, number, number];
    return { position: { byte, line, rows }, head: found[4] as string };
  }

  #cursorError(problem: string, cursor: string): FeedError {
    return new FeedError(
      "cursor",
      `Cannot open feed ${this.name}: ${problem}: current value is ${JSON.stringify(cursor)}`,
    );
  }

  #feedError(error: unknown): unknown {
    const options = { cause: error };
    const inFeed = (text: string) => `Cannot read feed ${this.name}: ${text}`;
    if (error instanceof MarketError) {
      return new FeedError("damaged", inFeed(error.message), options);
    }
    if (!(error instanceof FileError)) return error;
    const code = error.code === "damaged" ? "damaged" : "unreadable";
    return new FeedError(code, inFeed(error.message), options);
  }
}
