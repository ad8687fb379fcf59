/**
 * A Redis Stream of candles that other programs write, as a source; `redis_stream_entry.ts` says what
 * they write.
 *
 * ## Cursor
 * `r1:MS-NUMBER:ROWS:ADDED`: id of an entry, how many of its rows were read (`*` for all), and how many
 * entries the stream had been given up to it. There is no consumer group: the cursor is committed with
 * the candles, and nothing else says what was read.
 *
 * ## What is lost
 * Nothing that the stream still holds. What it does not hold any more is told in a note:
 * - entries that were trimmed or deleted before they were read, with their number; the stream counts
 *   what it was given (Redis 7), and with it the feed what is missing;
 * - a stream that was emptied, or belongs to a server that lost its end, and has ids below the cursor:
 *   it is read from its start.
 * A server that forgets entries which it had acknowledged (`appendfsync everysec`, a failover) says
 * nothing about it, and neither can the feed: the producer has to add them again.
 *
 * ## Giving up
 * With `trim` the feed removes what is committed, up to the last entry but that one itself, by which
 * the next connection sees that it missed nothing. Off by default: others may read the stream too.
 *
 * @module
 */

import { type Clock, type Random, systemRandom } from "../actor/clock.ts";
import { type CandleBlock, CandleBuilder, type SeriesKey, sliceCandles } from "../market/block.ts";
import { candleReason, describeCandleReason, TS_MS_MAX } from "../market/candle.ts";
import { CANDLE_COLUMNS } from "../market/columns.ts";
import { excerptOf, type Rejection, RejectReason } from "../market/reject.ts";
import { redisPlace } from "../store/nodes/redis_place.ts";
import { assertBatchRows, closedError, FeedGate, orAborted } from "./gate.ts";
import {
  FEED_BATCH_REJECTIONS_MAX,
  FEED_BATCH_ROWS_DEFAULT,
  FEED_IDLE_MS,
  type FeedBatch,
  type FeedDetail,
  FeedError,
  type FeedSource,
} from "./port.ts";
import { readStreamEntry, type StreamEntry, tooLargeEntry } from "./redis_stream_entry.ts";
import {
  compareStreamIds,
  type RawEntry,
  STREAM_START,
  type StreamPage,
  StreamPages,
} from "./redis_stream_pages.ts";

export {
  packCandles,
  STREAM_BLOCK_FIELD,
  STREAM_ENTRY_BYTES_MAX,
  STREAM_ENTRY_ROWS_MAX,
} from "./redis_stream_entry.ts";

/** Longest name of a key, in characters. */
const KEY_CHARS_MAX = 512;

/** Least time between two trims, ms: each removes whole nodes of the stream at little cost. */
const TRIM_EVERY_MS = 1_000;

/** How a {@linkcode redisStreamFeed} is set up. */
export interface RedisStreamFeedOptions {
  /** One server or a Cluster, as `redisPlace` reads it (`redis://[user:password@]host`); never shown. */
  readonly url: string;
  /** Key of the stream. */
  readonly key: string;
  /** Name of the source; `redis:KEY` unless said otherwise. */
  readonly name?: string;
  /** Most rows of a batch. */
  readonly rowsMax?: number;
  /** Whether to wait for what is added later, the default; otherwise its last entry is the end. */
  readonly follow?: boolean;
  /** Whether what is committed is removed from the stream; default false. */
  readonly trim?: boolean;
  /** Chance of the pauses between tries to connect. */
  readonly random?: Random;
}

/** Where the feed stands. */
interface Place {
  readonly id: string;
  /** Rows of that entry that were read; null for all of it. */
  readonly rows: number | null;
  /** Entries that the stream was given up to that one; of an entry half read, before it. */
  readonly added: number;
}

const START: Place = { id: STREAM_START, rows: null, added: 0 };

/** An entry of the page, and where reading it stands. */
interface OpenEntry {
  readonly id: string;
  readonly entry: StreamEntry;
  row: number;
}

/**
 * A Redis Stream as a source.
 *
 * - rows of each series in the order of the entries, and of the rows within one
 * - an entry that cannot be read is a rejection that names its id; of a packed one that can be read,
 *   only the rows that are no candles are refused
 * - the line of a rejection is the number of the row within its entry, from 1
 * - a server that is away is an error of code `unreadable`; opening again goes on at the cursor
 * - one page of some 4 MB is read ahead
 *
 * @throws {FeedError} code `options`.
 */
export function redisStreamFeed(clock: Clock, options: RedisStreamFeedOptions): FeedSource {
  const { url, key, rowsMax = FEED_BATCH_ROWS_DEFAULT } = options;
  assertBatchRows(rowsMax);
  try {
    redisPlace(url);
  } catch (error) {
    throw optionsError(
      "expected a URL of redis or rediss, or several of a Cluster",
      "another",
      error,
    );
  }
  if (key.length < 1 || key.length > KEY_CHARS_MAX) {
    throw optionsError(`expected a key of 1 to ${KEY_CHARS_MAX} characters`, key.length);
  }
  return new RedisStreamFeed(clock, options);
}

class RedisStreamFeed implements FeedSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #options: RedisStreamFeedOptions;
  readonly #rowsMax: number;
  readonly #gate: FeedGate;
  #pages: StreamPages | null = null;
  #place: Place = START;
  /** Entries of the page that were not begun yet, the next one last. */
  #page: RawEntry[] = [];
  #entry: OpenEntry | null = null;
  /** What is under way at the server; an aborted read leaves it to the next one. */
  #work: Promise<StreamPage> | null = null;
  #isDone = false;
  #notes: string[] = [];
  #isTrimming = false;
  #trimmedAtMs = -Infinity;
  /** The cursor was committed but not given up yet. */
  #trimId: string | null = null;
  readonly #counts = { entries: 0, missedEntries: 0, incomplete: 0, trims: 0 };
  #trimError: string | null = null;

  constructor(clock: Clock, options: RedisStreamFeedOptions) {
    this.name = options.name ?? `redis:${options.key}`;
    this.#clock = clock;
    this.#options = options;
    this.#rowsMax = options.rowsMax ?? FEED_BATCH_ROWS_DEFAULT;
    this.#gate = new FeedGate(this.name);
  }

  async open(cursor: string | null): Promise<void> {
    const place = cursor === null ? START : this.#parsed(cursor);
    await this.close();
    const { url, key, random = systemRandom } = this.#options;
    const pages = new StreamPages({ url, key, clock: this.#clock, random });
    this.#pages = pages;
    try {
      await pages.connected();
    } catch (error) {
      if (this.#pages === pages) await this.close();
      throw this.#unreadable(error);
    }
    // Closed, or opened elsewhere, meanwhile.
    if (this.#pages !== pages) throw closedError(this.name);
    this.#place = place;
    this.#isDone = false;
    this.#notes = [];
    this.#trimId = null;
    this.#gate.opened();
  }

  read(signal: AbortSignal): Promise<FeedBatch | null> {
    return this.#gate.read(signal, async (signal) => {
      while (!this.#hasRows() && !this.#isDone && this.#notes.length === 0) {
        const page = await this.#nextPage(signal);
        const isEmpty = page.state === "none" ||
          (page.state === "stream" && page.entries.length === 0);
        this.#accept(page);
        if (isEmpty && this.#options.follow === false) this.#isDone = true;
        else if (isEmpty && this.#notes.length === 0) return null;
      }
      return this.#take();
    });
  }

  // deno-lint-ignore require-await -- what is wrong with the cursor rejects the promise
  async ack(cursor: string): Promise<void> {
    this.#gate.assertOpen("acknowledge");
    const { id } = this.#parsed(cursor);
    if (this.#options.trim !== true || id === STREAM_START) return;
    this.#trimId = id;
    void this.#trim();
  }

  async close(): Promise<void> {
    this.#gate.closed();
    const pages = this.#pages;
    this.#pages = null;
    this.#work = null;
    this.#page = [];
    this.#entry = null;
    await pages?.close();
  }

  detail(): FeedDetail {
    return {
      key: this.#options.key,
      id: this.#place.id,
      ...this.#counts,
      pageEntries: this.#page.length,
      ...(this.#options.trim === true ? { trimError: this.#trimError } : {}),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- from the server ------------------------------------------------------------------------------

  #hasRows(): boolean {
    return this.#entry !== null || this.#page.length > 0;
  }

  async #nextPage(signal: AbortSignal): Promise<StreamPage> {
    const work = this.#work ??= this.#fetch(this.#pages as StreamPages);
    // Nobody may be waiting for it when it fails.
    work.catch(() => {});
    try {
      const page = await orAborted(work, signal);
      if (this.#work === work) this.#work = null;
      return page;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (this.#work === work) this.#work = null;
      throw this.#unreadable(error);
    }
  }

  async #fetch(pages: StreamPages): Promise<StreamPage> {
    const { id, rows } = this.#place;
    const again = rows !== null;
    const page = await pages.page(id, again);
    const isWaiting = this.#options.follow !== false && page.state !== "foreign" &&
      (page.state === "none" || page.entries.length === 0);
    // What was emptied is told before anything is waited for.
    if (!isWaiting || this.#isAnother(page)) return page;
    return await pages.wait(id, FEED_IDLE_MS) ? await pages.page(id, again) : page;
  }

  /** Whether ids of the stream begin anew, so that nothing would ever come after the place. */
  #isAnother(page: StreamPage): boolean {
    const { id, added } = this.#place;
    if (id === STREAM_START || page.state === "foreign") return false;
    if (page.state === "none" || compareStreamIds(page.lastId, id) < 0) return true;
    return page.added !== null && page.added < added;
  }

  #accept(page: StreamPage): void {
    const { key } = this.#options;
    if (page.state === "foreign") {
      throw this.#unreadable(`expected a stream at ${key}: current value is a ${page.kind}`);
    }
    if (this.#isAnother(page)) {
      this.#notes.push(
        `the stream ${key} was emptied or is another one: it is read from its start, and what it ` +
          `held after ${this.#place.id} is lost if nobody adds it again`,
      );
      this.#place = START;
      return;
    }
    if (page.state === "none") return;
    this.#noteGap(page);
    this.#page = page.entries.toReversed();
    // What was read of it already is skipped; it may be gone.
    const { rows, id } = this.#place;
    if (rows === null || this.#page.at(-1)?.id !== id) return;
    this.#entry = { ...this.#opened(this.#page.pop() as RawEntry), row: rows };
  }

  /** Whether anything after the place was given up before it was read. */
  #noteGap(page: StreamPage & { state: "stream" }): void {
    const { key } = this.#options;
    const { id, rows, added } = this.#place;
    const removed = page.added === null ? null : page.added - page.length;
    const isStart = id === STREAM_START;
    if (isStart) {
      // What a stream lost before anybody came is no news.
      this.#place = { ...this.#place, added: removed ?? 0 };
      return;
    }
    if (page.hasAfter) {
      if (page.lastId === id && rows === null && page.added !== null) {
        this.#place = { ...this.#place, added: page.added };
      }
      return;
    }
    const missed = removed === null
      ? page.firstId === null || compareStreamIds(page.firstId, id) > 0 ? null : 0
      : Math.max(0, removed - added);
    if (missed === 0) return;
    this.#counts.missedEntries += missed ?? 1;
    const what = missed === null ? "entries may have been" : `${missed} entries were`;
    this.#notes.push(`gap in the stream ${key}: ${what} removed after ${id} before they were read`);
    this.#place = { ...this.#place, rows: null, added: removed ?? added };
  }

  // ---- into a batch ---------------------------------------------------------------------------------

  #opened({ id, fields }: RawEntry): OpenEntry {
    this.#counts.entries++;
    const entry = "bytes" in fields ? tooLargeEntry(id, fields.bytes) : readStreamEntry(id, fields);
    return { id, entry, row: 0 };
  }

  #take(): FeedBatch {
    const rows = new BatchRows(this.#rowsMax);
    while (this.#hasRows() && !rows.isFull) {
      const open = this.#entry ??= this.#opened(this.#page.pop() as RawEntry);
      const isOver = rows.add(open);
      const { added } = this.#place;
      if (isOver) {
        this.#entry = null;
        if (open.entry.state === "incomplete") this.#counts.incomplete++;
        this.#place = { id: open.id, rows: null, added: added + 1 };
      } else this.#place = { id: open.id, rows: open.row, added };
    }
    const { id, rows: read, added } = this.#place;
    const cursor = `r1:${id}:${read ?? "*"}:${added}`;
    const batch: FeedBatch = { ...rows.finish(), cursor, done: this.#isDone };
    const notes = this.#notes;
    if (notes.length === 0) return batch;
    this.#notes = [];
    return { ...batch, notes };
  }

  // ---- giving up ------------------------------------------------------------------------------------

  /** One trim at a time, and not too often; what it fails with does not end the feed. */
  async #trim(): Promise<void> {
    const id = this.#trimId;
    const pages = this.#pages;
    const nowMs = this.#clock.now();
    if (this.#isTrimming || id === null || pages === null) return;
    if (nowMs - this.#trimmedAtMs < TRIM_EVERY_MS) return;
    this.#isTrimming = true;
    this.#trimmedAtMs = nowMs;
    this.#trimId = null;
    try {
      await pages.trim(id);
      this.#counts.trims++;
      this.#trimError = null;
    } catch (error) {
      this.#trimError = textOf(error);
    } finally {
      this.#isTrimming = false;
    }
  }

  // ---- errors ---------------------------------------------------------------------------------------

  #parsed(cursor: string): Place {
    const found = /^r1:(\d{1,20}-\d{1,20}):(\d{1,5}|\*):(\d{1,15})$/.exec(cursor);
    if (found === null) {
      throw new FeedError(
        "cursor",
        `Cannot open feed ${this.name}: expected r1:MS-NUMBER:ROWS:ADDED: current value is ` +
          JSON.stringify(cursor),
      );
    }
    const [, id, rows, added] = found as unknown as [string, string, string, string];
    return { id, rows: rows === "*" ? null : Number(rows), added: Number(added) };
  }

  #unreadable(cause: unknown): unknown {
    if (cause instanceof FeedError) return cause;
    return new FeedError("unreadable", `Cannot read feed ${this.name}: ${textOf(cause)}`, {
      cause,
    });
  }
}

/** Rows of entries until a batch is full. */
class BatchRows {
  readonly #rowsMax: number;
  readonly #builders = new Map<SeriesKey, CandleBuilder>();
  readonly #rejections: Rejection[] = [];
  #rows = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get isFull(): boolean {
    return this.#room <= 0 || this.#rejections.length >= FEED_BATCH_REJECTIONS_MAX;
  }

  get #room(): number {
    return this.#rowsMax - this.#rows - this.#rejections.length;
  }

  /** Adds what there is room for; whether that was all of it. */
  add(open: OpenEntry): boolean {
    const { entry } = open;
    if (entry.state === "refused") this.#rejections.push(entry.rejection);
    if (entry.state !== "rows") return true;
    const { block } = entry;
    while (open.row < block.length && !this.isFull) {
      const end = Math.min(block.length, open.row + this.#room);
      const bad = firstBad(block, open.row, end);
      if (bad > open.row) {
        this.#builder(block.series).pushBlock(sliceCandles(block, open.row, bad));
        this.#rows += bad - open.row;
      }
      open.row = bad;
      if (bad === end) continue;
      this.#rejections.push(rejectionOf(open.id, block, bad));
      open.row++;
    }
    return open.row >= block.length;
  }

  finish(): { readonly blocks: CandleBlock[]; readonly rejections: Rejection[] } {
    const blocks = Array.from(this.#builders.values(), (builder) => builder.finish());
    return { blocks, rejections: this.#rejections };
  }

  #builder(series: SeriesKey): CandleBuilder {
    const known = this.#builders.get(series);
    if (known !== undefined) return known;
    const builder = new CandleBuilder(series);
    this.#builders.set(series, builder);
    return builder;
  }
}

/** The first row from ≤ i < to that is neither a candle nor deletes one; `to` when all are. */
function firstBad(block: CandleBlock, from: number, to: number): number {
  const { ts, open, high, low, close, volume, deleted } = block;
  for (let i = from; i < to; i++) {
    if (deleted !== null && deleted[i] !== 0) {
      if (deleted[i] !== 1 || !isTime(ts[i] as number)) return i;
      // Whatever the producer left there.
      for (const column of [open, high, low, close, volume]) column[i] = NaN;
      continue;
    }
    const reason = candleReason(
      ts[i] as number,
      open[i] as number,
      high[i] as number,
      low[i] as number,
      close[i] as number,
      volume[i] as number,
    );
    if (reason !== 0) return i;
  }
  return to;
}

function isTime(ts: number): boolean {
  return Number.isInteger(ts) && Math.abs(ts) <= TS_MS_MAX;
}

function rejectionOf(id: string, block: CandleBlock, row: number): Rejection {
  const values = CANDLE_COLUMNS.map((name) => block[name][row] as number);
  const reason = candleReason(...values as [number, number, number, number, number, number]);
  const isDeletion = (block.deleted?.[row] ?? 0) !== 0;
  const why = isDeletion ? "deletes a candle at no time" : describeCandleReason(reason, values);
  return {
    line: row + 1,
    reason: isDeletion || reason === 0 ? RejectReason.tsOutOfRange : reason,
    message: `entry ${id}, row ${row + 1}: ${why}`,
    excerpt: excerptOf(new TextEncoder().encode(`${values.join(",")},${block.series}`)),
  };
}

function optionsError(expected: string, found: unknown, cause?: unknown): FeedError {
  return new FeedError(
    "options",
    `Cannot set up Redis Stream feed: ${expected}: current value is ${found}`,
    { cause },
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
