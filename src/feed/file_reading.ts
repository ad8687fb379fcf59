/**
 * One pass over a file of candles: bytes in, bounded batches out, with a cursor after each.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Clock } from "../actor/clock.ts";
import type { SeriesKey } from "../market/block.ts";
import { csvReader } from "../market/csv.ts";
import { LINE_BYTES_MAX } from "../market/lines.ts";
import { ndjsonReader } from "../market/ndjson.ts";
import type { CandleReader } from "../market/reader.ts";
import type { Rejection } from "../market/reject.ts";
import { fileBytes } from "./file_bytes.ts";
import { closedError, orAborted } from "./gate.ts";
import { FEED_BATCH_REJECTIONS_MAX, type FeedBatch } from "./port.ts";

/** How a file source is set up. */
export interface FileSourceOptions {
  /** Not `-`: standard input cannot be read again from a cursor. */
  readonly path: string;
  /** Name of the source; `file:PATH` unless said otherwise. */
  readonly name?: string;
  /** Series of rows that name none; null, the default: every row names its own. */
  readonly series?: SeriesKey | null;
  /** What the first character says unless given: `{` begins NDJSON. */
  readonly format?: "csv" | "ndjson";
  /** Most lines of a batch. */
  readonly rowsMax?: number;
  /**
   * Reads on when the end is reached, as the file grows, and begins again when it was truncated or
   * replaced; false unless said otherwise. Then the source never ends, only whole lines are taken,
   * and a file that is not there is waited for. Gzip data cannot be followed.
   */
  readonly follow?: boolean;
  /** Between two looks at a followed file that does not grow, milliseconds; 50 unless said. */
  readonly pollMs?: number;
  /**
   * Speed of a replay: 60 passes an hour of candles in a minute of the clock. Null, the default: as
   * fast as rows are asked for. See `replaySource`.
   */
  readonly speed?: number | null;
  /**
   * The plain bytes of the path from its start; `fileBytes` unless given. Bytes that end late, as
   * those of a file that grows, make a source that ends late.
   */
  readonly bytes?: (
    path: string,
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<Uint8Array>;
}

/** How much of the file's beginning is kept: its first line, by which it is also recognised. */
export const HEAD_BYTES = LINE_BYTES_MAX + 2;

/** How long closing waits for a read of the file that is under way, in milliseconds. */
const CLOSE_WAIT_MS = 100;

const LF = 10;

/** Where reading is: plain bytes, lines and rows (refused ones included) before it. */
export interface Position {
  readonly byte: number;
  readonly line: number;
  readonly rows: number;
}

/** Whether bytes are there, did not come in time, or are over. */
export type ChunkState = "ready" | "late" | "end";

const START: Position = { byte: 0, line: 0, rows: 0 };

/** One pass over the file, from its start or from a cursor, and the batch in the making. */
export class FileReading {
  readonly #clock: Clock;
  readonly #options: FileSourceOptions;
  readonly #name: string;
  readonly #life = new AbortController();
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** The chunk that was asked for and did not come yet: an aborted wait must not lose it. */
  #pending: Promise<IteratorResult<Uint8Array>> | null = null;
  #isClosed = false;
  /** What of the last chunk is not read yet. */
  #chunk: Uint8Array = new Uint8Array(0);
  #reader: CandleReader | null = null;
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headBytes = 0;
  #headHash: string | null = null;
  /** Plain bytes given to the reader, and those of them in whole lines. */
  #pushedBytes = 0;
  #position = START;
  /** Where the reader, which may have begun at a cursor, counts from. */
  #lineOffset = 0;
  #rowOffset = 0;
  #batchLines = 0;
  #rejections: Rejection[] = [];

  constructor(clock: Clock, options: FileSourceOptions, name: string) {
    this.#clock = clock;
    this.#options = options;
    this.#name = name;
    // A chunk is used up before the next is asked for.
    const lent = { signal: this.#life.signal, lend: true };
    const bytes = (options.bytes ?? fileBytes)(options.path, lent);
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  get isEmpty(): boolean {
    return this.#batchLines === 0;
  }

  /** Plain bytes of the line that has begun and not ended. */
  get unfinishedBytes(): number {
    return this.#pushedBytes - this.#position.byte;
  }

  /** Plain bytes before the end of the last whole line. */
  get readBytes(): number {
    return this.#position.byte;
  }

  isFull(rowsMax: number): boolean {
    return this.#room(rowsMax) === 0;
  }

  /**
   * Makes bytes ready to be pushed. `late`: none came within `waitMs`. Once it has thrown or said
   * `end` it must not be called again.
   */
  async chunk(waitMs: number, signal: AbortSignal): Promise<ChunkState> {
    if (this.#chunk.length > 0) return "ready";
    this.#pending ??= this.#chunks.next();
    const late = Promise.withResolvers<null>();
    const cancel = this.#clock.setTimer(waitMs, () => late.resolve(null));
    let result: IteratorResult<Uint8Array> | null;
    try {
      result = await orAborted(Promise.race([this.#pending, late.promise]), signal);
    } finally {
      cancel();
    }
    if (result === null) return "late";
    this.#pending = null;
    if (result.done) return "end";
    this.#chunk = result.value;
    this.#keepHead(result.value);
    return "ready";
  }

  /** Gives lines to the reader until the chunk is used up or the batch is full. */
  push(rowsMax: number): void {
    const chunk = this.#chunk;
    this.#reader ??= this.#newReader();
    let at = 0;
    while (at < chunk.length) {
      const room = this.#room(rowsMax);
      if (room === 0) break;
      let end = at;
      let lines = 0;
      while (lines < room) {
        const feedAt = chunk.indexOf(LF, end);
        if (feedAt < 0) break;
        end = feedAt + 1;
        lines++;
      }
      const line = this.#position.line + lines;
      if (lines > 0) this.#position = { ...this.#position, byte: this.#pushedBytes + end, line };
      this.#batchLines += lines;
      // The beginning of a line that ends in the next chunk waits in the reader.
      if (lines < room) end = chunk.length;
      this.#reader.push(chunk.subarray(at, end));
      at = end;
    }
    this.#pushedBytes += at;
    this.#chunk = chunk.subarray(at);
  }

  /** The last line, if it has no end, is one too. */
  finish(): void {
    this.#reader ??= this.#newReader();
    this.#reader.finish();
    if (this.#pushedBytes === this.#position.byte) return;
    this.#position = {
      ...this.#position,
      byte: this.#pushedBytes,
      line: this.#position.line + 1,
    };
    this.#batchLines++;
  }

  take(done: boolean): FeedBatch {
    const reader = this.#reader;
    const counts = reader?.counts();
    if (counts !== undefined) {
      const rows = this.#rowOffset + counts.accepted + counts.rejected;
      this.#position = { ...this.#position, rows };
    }
    const { byte, line, rows } = this.#position;
    const rejections = this.#rejections;
    this.#rejections = [];
    this.#batchLines = 0;
    return {
      blocks: reader?.take() ?? [],
      rejections,
      cursor: `1:${byte}:${line}:${rows}:${this.#hashOfHead(byte)}`,
      done,
    };
  }

  /**
   * Goes on at a position from which its bytes begin; `start` is the beginning of the file. What is
   * wrong with it, or null.
   */
  resumeAt(position: Position, start: Uint8Array, head: string): string | null {
    this.#keepHead(start);
    if (this.#hashOfHead(position.byte) !== head) return "expected the file of that cursor";
    this.#prime(position);
    return null;
  }

  /** Reads up to a position without parsing; what is wrong with it, or null. */
  async skipTo(position: Position, head: string): Promise<string | null> {
    let lastByte = LF;
    for (let left = position.byte; left > 0;) {
      if (this.#chunk.length === 0) {
        const result = await this.#chunks.next();
        if (this.#isClosed) throw closedError(this.#name);
        if (result.done) {
          return `expected a file of at least ${position.byte} bytes, it has ` +
            `${position.byte - left}`;
        }
        this.#chunk = result.value;
        this.#keepHead(result.value);
      }
      const bytes = Math.min(left, this.#chunk.length);
      lastByte = this.#chunk[bytes - 1] as number;
      this.#chunk = this.#chunk.subarray(bytes);
      left -= bytes;
    }
    if (this.#hashOfHead(position.byte) !== head) return "expected the file of that cursor";
    if (lastByte !== LF) {
      if (this.#chunk.length === 0) {
        const result = await this.#chunks.next();
        this.#chunk = result.done ? this.#chunk : result.value;
      }
      if (this.#chunk.length > 0) return "expected the last line of the file not to grow";
    }
    this.#prime(position);
    return null;
  }

  /**
   * Lets go of the file. A read of it under way ends by itself, at once but for a pipe that nobody
   * writes to: that is given up after {@linkcode CLOSE_WAIT_MS}.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    // Nobody waits for it any more, nor is what goes wrong from here on anybody's concern.
    this.#pending?.catch(() => {});
    const ended = Promise.resolve(this.#chunks.return?.()).then(() => {}, () => {});
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.setTimer(CLOSE_WAIT_MS, () => {
      this.#life.abort(closedError(this.#name));
      late.resolve();
    });
    await Promise.race([ended, late.promise]);
    cancel();
  }

  #room(rowsMax: number): number {
    const rejections = FEED_BATCH_REJECTIONS_MAX - this.#rejections.length;
    return Math.min(rowsMax - this.#batchLines, rejections);
  }

  #format(): "csv" | "ndjson" {
    const head = this.#head.subarray(0, this.#headBytes);
    return this.#options.format ?? (firstCharacter(head) === "{" ? "ndjson" : "csv");
  }

  #newReader(): CandleReader {
    return (this.#format() === "csv" ? csvReader : ndjsonReader)({
      series: this.#options.series ?? null,
      onReject: (rejection) => {
        const line = rejection.line + this.#lineOffset;
        this.#rejections.push({ ...rejection, line });
      },
    });
  }

  /** Brings a new reader into the state in which one is that has read up to the position. */
  #prime(position: Position): void {
    this.#position = position;
    this.#pushedBytes = position.byte;
    if (position.line === 0) return;
    const reader = this.#newReader();
    if (this.#format() === "ndjson") {
      // Until the first object, a line that is none means another format; `{}` is refused.
      reader.push(new TextEncoder().encode(position.rows > 0 ? "{}\n" : "\n"));
    } else {
      const head = this.#head.subarray(0, this.#headBytes);
      const feedAt = head.indexOf(LF);
      reader.push(head.subarray(0, feedAt < 0 ? head.length : feedAt + 1));
    }
    this.#rejections = [];
    this.#lineOffset = position.line - 1;
    const { accepted, rejected } = reader.counts();
    this.#rowOffset = position.rows - accepted - rejected;
    this.#reader = reader;
  }

  #keepHead(chunk: Uint8Array): void {
    if (this.#headBytes === HEAD_BYTES) return;
    const kept = chunk.subarray(0, HEAD_BYTES - this.#headBytes);
    this.#head.set(kept, this.#headBytes);
    this.#headBytes += kept.length;
  }

  /** Hash of the first bytes, at most `byte` of them. */
  #hashOfHead(byte: number): string {
    if (byte < HEAD_BYTES) return hashOf(this.#head.subarray(0, byte));
    return this.#headHash ??= hashOf(this.#head);
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** The first character that is no blank and no byte order mark. */
function firstCharacter(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trimStart().charAt(0);
}
