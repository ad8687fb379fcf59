/**
 * A source at the speed of its candles: history replayed as if it were live.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { type CandleBlock, concatCandles, type SeriesKey } from "../market/block.ts";
import type { Rejection } from "../market/reject.ts";
import { FeedGate, orAborted } from "./gate.ts";
import {
  FEED_BATCH_REJECTIONS_MAX,
  FEED_BATCH_ROWS_DEFAULT,
  FEED_IDLE_MS,
  type FeedBatch,
  feedBatchRows,
  type FeedDetail,
  FeedError,
  type FeedSource,
} from "./port.ts";
import { sleep } from "./sleep.ts";

/** Fastest replay: a year in 32 ms, which is as fast as rows can be read. */
export const REPLAY_SPEED_MAX = 1_000_000_000;

/** What may be made up for after a pause, in milliseconds of the clock. */
const BURST_MS = 1_000;

/** How long a batch that has rows waits for more that are due, in milliseconds. */
const LINGER_MS = 5;

/** How a replay is set up. */
export interface ReplayOptions {
  /** Candle time that passes in a unit of the clock's: 1 = as it was, 60 = an hour in a minute. */
  readonly speed: number;
  /** Longest stretch between two candles, of candle time; Infinity unless said: nights are waited for. */
  readonly gapMaxMs?: number;
  /** Most rows of a batch. */
  readonly rowsMax?: number;
}

/**
 * A source whose rows come when they are due.
 *
 * - the first row after `open` is due at once, each later one as much later as its open time is, by
 *   the speed; one that is not later than those before it is due with them
 * - batches of `inner` are held back whole: give it batches of one row for cursors exact to the row
 * - after a pause at most a second of the clock is made up for; the rest is as if time had stood still
 * - the rest of the contract is that of `inner`
 *
 * @throws {FeedError} code `options` unless 0 < speed ≤ {@linkcode REPLAY_SPEED_MAX}.
 */
export function replaySource(clock: Clock, inner: FeedSource, options: ReplayOptions): FeedSource {
  const { speed } = options;
  if (!(speed > 0 && speed <= REPLAY_SPEED_MAX)) {
    throw new FeedError(
      "options",
      `Cannot set up replay of feed ${inner.name}: expected a speed above 0 and at most ` +
        `${REPLAY_SPEED_MAX}: current value is ${speed}`,
    );
  }
  return new ReplaySource(clock, inner, options);
}

class ReplaySource implements FeedSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #inner: FeedSource;
  readonly #rowsMax: number;
  readonly #pace: ReplayPace;
  readonly #gate: FeedGate;
  /** The batch that was asked for and did not come yet: an aborted wait must not lose it. */
  #pending: Promise<FeedBatch | null> | null = null;
  /** The batch that is due next. */
  #held: FeedBatch | null = null;
  /** What is due and not answered yet: an aborted read must not lose it. */
  #due: DueBatches;
  /** The last batch, once it was read. */
  #last: FeedBatch | null = null;
  #life = new AbortController();

  constructor(clock: Clock, inner: FeedSource, options: ReplayOptions) {
    this.name = inner.name;
    this.#clock = clock;
    this.#inner = inner;
    this.#rowsMax = options.rowsMax ?? FEED_BATCH_ROWS_DEFAULT;
    this.#pace = new ReplayPace(clock, options.speed, options.gapMaxMs ?? Infinity);
    this.#gate = new FeedGate(inner.name);
    this.#due = new DueBatches(this.#rowsMax);
  }

  async open(cursor: string | null): Promise<void> {
    this.#letGo();
    await this.#inner.open(cursor);
    this.#pace.restart();
    this.#gate.opened();
  }

  read(signal: AbortSignal): Promise<FeedBatch | null> {
    return this.#gate.read(signal, (signal) => this.#next(signal));
  }

  ack(cursor: string): Promise<void> {
    return this.#inner.ack(cursor);
  }

  async close(): Promise<void> {
    this.#letGo();
    await this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  detail(): FeedDetail {
    return { ...this.#inner.detail?.(), speed: this.#pace.speed };
  }

  #letGo(): void {
    this.#gate.closed();
    // Nobody waits for it any more.
    this.#pending?.catch(() => {});
    this.#life.abort(new Error("the replay was closed"));
    this.#life = new AbortController();
    this.#pending = this.#held = this.#last = null;
    this.#due = new DueBatches(this.#rowsMax);
  }

  async #next(signal: AbortSignal): Promise<FeedBatch | null> {
    if (this.#last !== null) return { ...this.#last, blocks: [], rejections: [] };
    const untilMs = this.#clock.now() + FEED_IDLE_MS;
    for (;;) {
      const leftMs = this.#due.isEmpty ? untilMs - this.#clock.now() : LINGER_MS;
      if (leftMs <= 0) return null;
      try {
        this.#held ??= await this.#peek(leftMs, signal);
      } catch (error) {
        // What is due comes first; after a failure the source fails again.
        if (this.#due.isEmpty || signal.aborted) throw error;
        return this.#takeDue();
      }
      if (this.#held === null) return this.#takeDue();
      const waitMs = this.#pace.dueInMs(this.#held);
      if (waitMs <= 0 && this.#due.fits(this.#held)) {
        this.#takeHeld(this.#held);
        if (this.#last !== null) return this.#takeDue();
      } else if (!this.#due.isEmpty) return this.#takeDue();
      else await sleep(this.#clock, Math.min(waitMs, leftMs), signal);
    }
  }

  #takeHeld(held: FeedBatch): void {
    this.#pace.taken(held);
    this.#due.add(held);
    if (held.done) this.#last = held;
    this.#held = null;
  }

  #takeDue(): FeedBatch | null {
    const batch = this.#due.merged();
    this.#due = new DueBatches(this.#rowsMax);
    return batch;
  }

  /** The next batch of the inner source; null when none came in time. */
  async #peek(waitMs: number, signal: AbortSignal): Promise<FeedBatch | null> {
    const pending = this.#pending ??= this.#inner.read(this.#life.signal);
    const late = Promise.withResolvers<"late">();
    const cancel = this.#clock.setTimer(waitMs, () => late.resolve("late"));
    try {
      const batch = await orAborted(Promise.race([pending, late.promise]), signal);
      if (batch === "late") return null;
      this.#pending = null;
      return batch;
    } catch (error) {
      if (!signal.aborted) this.#pending = null;
      throw error;
    } finally {
      cancel();
    }
  }
}

/** When candles are due. */
class ReplayPace {
  readonly #clock: Clock;
  readonly speed: number;
  readonly #gapMaxMs: number;
  /** Latest open time taken, and when it was due; null before the first. */
  #last: { readonly ts: number; readonly dueMs: number } | null = null;

  constructor(clock: Clock, speed: number, gapMaxMs: number) {
    this.#clock = clock;
    this.speed = speed;
    this.#gapMaxMs = gapMaxMs;
  }

  restart(): void {
    this.#last = null;
  }

  /** Milliseconds of the clock until the batch is due; 0 or less = it is. */
  dueInMs(batch: FeedBatch): number {
    return this.#dueMs(lastTsOf(batch)) - this.#clock.now();
  }

  taken(batch: FeedBatch): void {
    const ts = lastTsOf(batch);
    if (ts === -Infinity || (this.#last !== null && ts <= this.#last.ts)) return;
    this.#last = { ts, dueMs: Math.max(this.#dueMs(ts), this.#clock.now() - BURST_MS) };
  }

  #dueMs(ts: number): number {
    if (this.#last === null) return this.#clock.now();
    const stepMs = Math.min(this.#gapMaxMs, Math.max(0, ts - this.#last.ts));
    return this.#last.dueMs + stepMs / this.speed;
  }
}

function lastTsOf({ blocks }: FeedBatch): number {
  let last = -Infinity;
  for (const { ts, length } of blocks) {
    for (let i = 0; i < length; i++) last = Math.max(last, ts[i] as number);
  }
  return last;
}

/** Batches that are due, as one. */
class DueBatches {
  readonly #rowsMax: number;
  readonly #blocks = new Map<SeriesKey, CandleBlock[]>();
  readonly #rejections: Rejection[] = [];
  readonly #notes: string[] = [];
  #rows = 0;
  #last: FeedBatch | null = null;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get isEmpty(): boolean {
    return this.#last === null;
  }

  fits(batch: FeedBatch): boolean {
    const rejections = this.#rejections.length + batch.rejections.length;
    const rows = this.#rows + feedBatchRows(batch) + rejections;
    return this.isEmpty || (rows <= this.#rowsMax && rejections <= FEED_BATCH_REJECTIONS_MAX);
  }

  add(batch: FeedBatch): void {
    for (const block of batch.blocks) {
      const known = this.#blocks.get(block.series);
      if (known === undefined) this.#blocks.set(block.series, [block]);
      else known.push(block);
    }
    this.#rows += feedBatchRows(batch);
    this.#rejections.push(...batch.rejections);
    this.#notes.push(...batch.notes ?? []);
    this.#last = batch;
  }

  /** One batch with the cursor of the last one; null when there is none. */
  merged(): FeedBatch | null {
    if (this.#last === null) return null;
    const { cursor, done } = this.#last;
    const blocks = Array.from(this.#blocks.values(), (parts) => concatCandles(parts));
    const batch = { blocks, rejections: this.#rejections, cursor, done };
    return this.#notes.length === 0 ? batch : { ...batch, notes: this.#notes };
  }
}
