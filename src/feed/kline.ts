/**
 * Klines of an exchange as a source, in the public format of Binance (binance-spot-api-docs,
 * `web-socket-streams.md` and `rest-api.md`): closed candles over the WebSocket, and what was missed
 * over REST.
 *
 * ## No hole, no double
 * The feed knows of every series which bar comes next (`kline_track.ts`). A candle of that bar, from
 * wherever, is yielded; one beyond it waits; one before it is dropped. A bar that is over and not here
 * some seconds later is asked for over REST: this is how a new feed, one that was away, a frame that was
 * lost and one that was damaged all are made good. A bar has no candle when the exchange shows a later
 * one without it, or none within a minute of its end; this is no error.
 *
 * Time is the exchange's, asked for at every connection: this machine's clock may be wrong.
 *
 * ## Order
 * Candles of a series ascend. Over all series, none is more than 63 bars ahead of the slowest, since the
 * cursor (`kline_cursor.ts`) has no more room. A series that waits for REST holds back what is further
 * ahead, and no more than that.
 *
 * ## Trouble
 * - A connection that ends after it worked for a minute, as each does after 24 hours, is made again at
 *   once; otherwise `read` fails with `unreadable`, and whoever reads pauses (`breaker.ts`).
 * - REST that fails, or tells the feed to wait, is left alone as long; live candles go on meanwhile where
 *   nothing is missing before them.
 * - A symbol that the exchange does not know is told in a note, and asked for again every hour; the
 *   others do not wait for it.
 * - A cursor of other series is taken for its time alone: everything from its watermark on comes, for
 *   new series too, and what some of the old ones had yielded beyond it comes again.
 *
 * @module
 */

import { type Clock, type Random, systemRandom } from "../actor/clock.ts";
import { barOpenMs } from "../market/granularity.ts";
import type { Rejection } from "../market/reject.ts";
import { RowBuffer } from "../market/row_buffer.ts";
import { closedError, FeedGate } from "./gate.ts";
import {
  barEndingFrom,
  formatKlineCursor,
  KLINE_AHEAD_BARS_MAX,
  type KlinePlace,
  klinePositions,
  parseKlineCursor,
  watermarkOf,
} from "./kline_cursor.ts";
import { type KlineFrame, readKlineFrame, readKlineRows } from "./kline_message.ts";
import { type KlineFeedOptions, type KlinePlan, klinePlan } from "./kline_options.ts";
import { KLINE_ANSWER_ROWS_MAX, KlineRest, KlineRestError } from "./kline_rest.ts";
import type { KlineSeries } from "./kline_series.ts";
import { KlineSocket } from "./kline_socket.ts";
import { KlineTrack } from "./kline_track.ts";
import {
  FEED_BATCH_REJECTIONS_MAX,
  FEED_IDLE_MS,
  type FeedBatch,
  type FeedDetail,
  FeedError,
  type FeedSource,
} from "./port.ts";
import { sleep } from "./sleep.ts";

export { KLINE_REST_URL, KLINE_WS_URL, type KlineFeedOptions } from "./kline_options.ts";
export { instrumentOfPair, KLINE_SERIES_MAX, type KlineSymbol } from "./kline_series.ts";

/** REST calls at a time: 200 series are asked for in some 10 s at 200 ms each. */
const ASKS_MAX = 4;
/** Rows that are queued over all series before no more are asked for: 15 MB. */
const QUEUED_ROWS_MAX = 65_536;
/** How often a read that waits looks at what is due, ms. */
const LOOK_MS = 100;
/** A connection that worked for so long is made again at once, ms. */
const CALM_MS = 60_000;
/** Most of the pause before that, ms: other clients were disconnected at the same moment. */
const RECONNECT_JITTER_MS = 1_000;
/** Age at which the exchange's time is asked for again, ms: clocks drift by less than 0.1 s in it. */
const TIME_AGE_MS = 600_000;
/** A difference of clocks that is told, ms. */
const SKEW_TOLD_MS = 5_000;
/** Pauses before a bar that an answer did not have is asked for again, ms. */
const ASK_AGAIN_MS = { min: 1_000, max: 30_000 } as const;
/** Pause before an unknown symbol is asked for again, ms. */
const UNKNOWN_PAUSE_MS = 3_600_000;
/** Answers with klines of no known time that are asked for again. */
const MISPLACED_ASKS_MAX = 5;
/** Names in a note. */
const NAMES_SHOWN_MAX = 5;

/**
 * Klines as a source; see the module's text.
 *
 * - without a cursor and `startMs` it begins with the bars that go on when it first connects
 * - a frame that cannot be read is a rejection; the candle that it may have been is asked for
 * - the line of a rejection is 1: its message names the series and the time
 *
 * @throws {FeedError} code `options`.
 */
export function klineFeed(clock: Clock, options: KlineFeedOptions): FeedSource {
  return new KlineFeed(clock, klinePlan(options), options.random ?? systemRandom);
}

class KlineFeed implements FeedSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #plan: KlinePlan;
  readonly #random: Random;
  readonly #rest: KlineRest;
  readonly #gate: FeedGate;
  readonly #byStream: ReadonlyMap<string, KlineSeries>;
  /** Null until it is known where to begin. */
  #tracks: readonly KlineTrack[] | null = null;
  #trackOf: ReadonlyMap<string, KlineTrack> = new Map();
  /** Ends calls and pauses of a life between `open` and `close`. */
  #life = new AbortController();
  #socket: KlineSocket | null = null;
  #failure: FeedError | null = null;
  #isAskingTime = false;
  /** Least that the exchange's time is ahead of the clock, ms, and when it was asked for. */
  #aheadMs: number | null = null;
  #timeAtMs = -Infinity;
  #asks = 0;
  #rejections: Rejection[] = [];
  #notes: string[] = [];
  readonly #told = new Set<string>();
  #cursor: string | null = null;
  #wake = Promise.withResolvers<void>();
  readonly #counts = {
    frames: 0,
    liveRows: 0,
    restRows: 0,
    doubles: 0,
    dropped: 0,
    reconnects: 0,
    rejectionsLost: 0,
  };

  constructor(clock: Clock, plan: KlinePlan, random: Random) {
    const { restUrl: baseUrl, klinesPath, timePath, weightPerMinute, timeoutMs, fetch } = plan;
    this.name = plan.name;
    this.#clock = clock;
    this.#plan = plan;
    this.#random = random;
    this.#gate = new FeedGate(plan.name);
    this.#byStream = new Map(plan.series.map((one) => [one.stream, one]));
    const rest = { clock, random, baseUrl, klinesPath, timePath, weightPerMinute, timeoutMs };
    this.#rest = new KlineRest({ ...rest, fetch });
  }

  async open(cursor: string | null): Promise<void> {
    const place = cursor === null ? null : this.#parsed(cursor);
    await this.close();
    const life = this.#life = new AbortController();
    this.#failure = null;
    this.#rejections = [];
    this.#notes = [];
    this.#cursor = place?.fingerprint === this.#plan.fingerprint ? cursor : null;
    this.#begin(place);
    try {
      await this.#connect(life);
    } catch (error) {
      if (this.#life === life) await this.close();
      throw error;
    }
    // Closed, or opened elsewhere, meanwhile.
    if (this.#life !== life || life.signal.aborted) throw closedError(this.name);
    this.#gate.opened();
  }

  read(signal: AbortSignal): Promise<FeedBatch | null> {
    return this.#gate.read(signal, async (signal) => {
      const untilMs = this.#clock.now() + FEED_IDLE_MS;
      for (;;) {
        this.#work();
        const batch = this.#take();
        if (batch !== null) return batch;
        if (this.#failure !== null) throw this.#failure;
        const leftMs = untilMs - this.#clock.now();
        if (leftMs <= 0) return null;
        await this.#wait(Math.min(leftMs, LOOK_MS), signal);
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
    this.#life.abort(closedError(this.name));
    const socket = this.#socket;
    this.#socket = null;
    this.#tracks = null;
    this.#trackOf = new Map();
    await socket?.close();
  }

  detail(): FeedDetail {
    const { failures, calls, usedWeight, lastError } = this.#rest;
    const nowMs = this.#serverMs();
    const tracks = this.#tracks ?? [];
    return {
      series: this.#plan.series.length,
      isConnected: (this.#socket?.openedAtMs ?? Infinity) < Infinity,
      ...this.#counts,
      watermarkTs: tracks.length === 0 ? null : this.#watermarkMs(tracks),
      missingSeries: nowMs === null
        ? null
        : tracks.filter((one) => this.#isMissing(one, nowMs)).length,
      unknownSymbols: new Set(
        tracks.filter(({ isUnknown }) => isUnknown).map(({ of }) => of.symbol),
      ).size,
      queuedRows: tracks.reduce((sum, { queued }) => sum + queued, 0),
      clockAheadMs: nowMs === null ? null : Math.round(this.#clock.wallNow() - nowMs),
      restCalls: calls,
      restFailures: failures,
      restWaitMs: Math.round(this.#rest.waitMs()),
      restUsedWeight: usedWeight,
      restError: lastError,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- where to begin -------------------------------------------------------------------------------

  #begin(place: KlinePlace | null): void {
    const { series, fingerprint, startMs } = this.#plan;
    if (place !== null) {
      if (place.fingerprint !== fingerprint) {
        const time = new Date(place.watermarkMs).toISOString();
        this.#notes.push(`the series of the feed changed: all of them go on from ${time}`);
      }
      return this.#beginAt(klinePositions(place, fingerprint, series));
    }
    if (startMs === null) return;
    // The first bar that opens at or after it.
    this.#beginAt(series.map((one) => barEndingFrom(one, startMs) + one.lengthMs));
  }

  #beginAt(nextMs: readonly number[]): void {
    const { series, endMs } = this.#plan;
    this.#tracks = series.map((one, i) =>
      new KlineTrack(
        one,
        nextMs[i] as number,
        endMs === null ? Infinity : barOpenMs(endMs, one.granularity),
      )
    );
    this.#trackOf = new Map(this.#tracks.map((track) => [track.of.stream, track]));
  }

  // ---- the connection -------------------------------------------------------------------------------

  async #connect(life: AbortController): Promise<void> {
    let socket: KlineSocket;
    try {
      socket = new KlineSocket({
        clock: this.#clock,
        url: this.#plan.streamsUrl,
        silenceMs: this.#plan.silenceMs,
        onFrame: (data) => this.#frame(socket, data),
        onLost: (reason) => this.#lost(life, socket, reason),
      });
      this.#socket = socket;
      await socket.opened();
    } catch (error) {
      throw this.#unreadable(error instanceof Error ? error.message : String(error));
    }
    // Its time may have been set since.
    this.#timeAtMs = -Infinity;
  }

  #lost(life: AbortController, socket: KlineSocket, reason: string): void {
    if (life.signal.aborted || this.#socket !== socket) return;
    this.#socket = null;
    // One that was never made is told by whoever waits for it.
    if (socket.openedAtMs === Infinity) return;
    if (this.#clock.now() - socket.openedAtMs >= CALM_MS) void this.#reconnect(life);
    else this.#fail(this.#unreadable(reason));
  }

  async #reconnect(life: AbortController): Promise<void> {
    this.#counts.reconnects++;
    try {
      await sleep(this.#clock, this.#random.next() * RECONNECT_JITTER_MS, life.signal);
      await this.#connect(life);
    } catch (error) {
      if (!life.signal.aborted) this.#fail(error as FeedError);
      return;
    }
    // Closed while it was made.
    if (life.signal.aborted) await this.#socket?.close();
  }

  #fail(error: FeedError): void {
    this.#failure ??= error;
    this.#wake.resolve();
  }

  #frame(socket: KlineSocket, data: unknown): void {
    if (this.#socket !== socket) return;
    this.#counts.frames++;
    const frame = readKlineFrame(data, this.#byStream);
    switch (frame.kind) {
      case "other":
        return;
      case "kline":
        this.#live(frame);
        break;
      case "refused":
        this.#reject(frame.rejection);
        break;
      case "streams":
        this.#listed(frame.streams);
        break;
      case "error":
        // A server that does not know the question is alive all the same.
        if (socket.isAnswer(frame.id)) return;
        this.#fail(this.#unreadable(`the subscription was refused: ${frame.message}`));
        break;
      case "shutdown":
        this.#lost(this.#life, socket, "the server shuts down");
        void socket.close();
        return;
    }
    this.#wake.resolve();
  }

  #live({ stream, ts, row }: KlineFrame & { kind: "kline" }): void {
    const track = this.#trackOf.get(stream);
    // Before it is known where to begin, it is known only that this is before it.
    if (track === undefined) return;
    if (track.isUnknown) {
      track.isUnknown = false;
      track.restart(Math.min(ts, barEndingFrom(track.of, this.#watermarkMs(this.#tracks ?? []))));
    }
    const found = track.live(ts, row);
    if (found === "taken") this.#counts.liveRows++;
    else if (found === "double") this.#counts.doubles++;
    else this.#counts.dropped++;
  }

  #listed(streams: ReadonlySet<unknown>): void {
    const missing = [...this.#byStream.keys()].filter((stream) => !streams.has(stream));
    if (missing.length === 0) return;
    const names = missing.slice(0, NAMES_SHOWN_MAX).join(", ");
    this.#tellOnce(
      `the exchange does not list ${missing.length} of the streams that were asked for, as ` +
        `${names}: they are fetched over REST`,
    );
  }

  // ---- REST -----------------------------------------------------------------------------------------

  /** The exchange's time, no later than it is; null before it was asked for. */
  #serverMs(): number | null {
    return this.#aheadMs === null ? null : this.#clock.now() + this.#aheadMs;
  }

  #isMissing(track: KlineTrack, serverMs: number): boolean {
    const settledMs = serverMs - this.#plan.settleMs;
    return track.isMissing(barOpenMs(settledMs, track.of.granularity));
  }

  /** Begins the calls that are due. Called by whoever reads only: who does not read asks for nothing. */
  #work(): void {
    const nowMs = this.#clock.now();
    const serverMs = this.#serverMs();
    const life = this.#life;
    if (nowMs - this.#timeAtMs >= TIME_AGE_MS) this.#askTime(life);
    const tracks = this.#tracks;
    if (tracks === null || serverMs === null) return;
    const due = tracks.filter((track) =>
      !track.isAsked && track.askAtMs <= nowMs && this.#isMissing(track, serverMs)
    );
    if (due.length === 0) return;
    const queued = tracks.reduce((sum, track) => sum + track.queued, 0);
    // The slowest first: it holds the others back.
    due.sort((a, b) => a.nextMs + a.of.lengthMs - b.nextMs - b.of.lengthMs);
    for (const track of due) {
      if (this.#asks >= ASKS_MAX || this.#rest.waitMs() > 0) return;
      if (queued >= QUEUED_ROWS_MAX && track.queued > 0) continue;
      if (track.queued >= KLINE_ANSWER_ROWS_MAX) continue;
      void this.#ask(life, track);
    }
  }

  async #askTime(life: AbortController): Promise<void> {
    if (this.#isAskingTime || this.#rest.waitMs() > 0) return;
    this.#isAskingTime = true;
    try {
      const serverMs = await this.#rest.time(life.signal);
      if (life.signal.aborted) return;
      const nowMs = this.#clock.now();
      // When it was said is unknown but for the order, so this is the least that it can be by now.
      this.#aheadMs = serverMs - nowMs;
      this.#timeAtMs = nowMs;
      this.#tellSkew(this.#clock.wallNow() - serverMs);
      if (this.#tracks === null) {
        this.#beginAt(
          this.#plan.series.map(({ granularity }) => barOpenMs(serverMs, granularity)),
        );
      }
    } catch (error) {
      this.#tellRest(life, error);
    } finally {
      this.#isAskingTime = false;
      this.#wake.resolve();
    }
  }

  #tellSkew(aheadMs: number): void {
    if (Math.abs(aheadMs) < SKEW_TOLD_MS) return;
    const word = aheadMs > 0 ? "ahead of" : "behind";
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    this.#tellOnce(
      `this machine's clock is some ${seconds} s ${word} the exchange's, which counts`,
      "clock",
    );
  }

  async #ask(life: AbortController, track: KlineTrack): Promise<void> {
    this.#asks++;
    track.isAsked = true;
    const beganMs = this.#serverMs() ?? 0;
    const fromMs = track.isUnknown
      ? barEndingFrom(track.of, this.#watermarkMs(this.#tracks ?? []))
      : track.nextMs;
    try {
      const values = await this.#rest.klines(track.of, fromMs, life.signal);
      if (life.signal.aborted) return;
      if (track.isUnknown) {
        track.isUnknown = false;
        track.restart(barEndingFrom(track.of, this.#watermarkMs(this.#tracks ?? [])));
      }
      this.#answered(track, values, fromMs, beganMs);
    } catch (error) {
      if (!life.signal.aborted && isUnknownSymbol(error)) this.#unknown(track);
      else this.#tellRest(life, error);
    } finally {
      this.#asks--;
      track.isAsked = false;
      this.#wake.resolve();
    }
  }

  #answered(
    track: KlineTrack,
    values: readonly unknown[],
    fromMs: number,
    beganMs: number,
  ): void {
    const { lengthMs, granularity } = track.of;
    const { settleMs, absentMs } = this.#plan;
    const { rows, misplaced } = readKlineRows(track.of, values);
    const closed = rows.filter(({ ts }) => ts >= fromMs && ts + lengthMs + settleMs <= beganMs);
    let decidedMs = fromMs;
    // A kline shows that those before it which the answer lacks do not exist; one that is not settled
    // is not decided itself, and nothing after it is.
    const open = rows.find(({ ts }) => ts >= fromMs && ts + lengthMs + settleMs > beganMs);
    const last = closed.at(-1);
    if (open !== undefined) decidedMs = Math.min(open.ts, barOpenMs(beganMs, granularity));
    else if (last !== undefined) decidedMs = last.ts + lengthMs;
    if (values.length < KLINE_ANSWER_ROWS_MAX) {
      decidedMs = Math.max(decidedMs, barOpenMs(beganMs - absentMs, granularity));
    }
    // What has no open time may have been any of them, until that is all that comes.
    if (misplaced.length > 0 && track.idleAsks < MISPLACED_ASKS_MAX) decidedMs = fromMs;
    const nextMs = track.nextMs;
    track.answered(closed, decidedMs);
    this.#counts.restRows += closed.length;
    for (const rejection of misplaced) this.#reject(rejection);
    track.idleAsks = track.nextMs > nextMs ? 0 : track.idleAsks + 1;
    const pauseMs = ASK_AGAIN_MS.min * 2 ** Math.min(track.idleAsks - 1, 10);
    track.askAtMs = track.idleAsks === 0
      ? -Infinity
      : this.#clock.now() + Math.min(pauseMs, ASK_AGAIN_MS.max);
  }

  #unknown(track: KlineTrack): void {
    const tracks = this.#tracks ?? [];
    const { symbol } = track.of;
    for (const one of tracks) {
      if (one.of.symbol !== symbol) continue;
      one.isUnknown = true;
      one.askAtMs = this.#clock.now() + UNKNOWN_PAUSE_MS;
    }
    this.#tellOnce(`the exchange does not know the symbol ${symbol}: the others go on without it`);
    if (tracks.some(({ isUnknown }) => !isUnknown)) return;
    this.#fail(this.#unreadable("the exchange knows none of the symbols"));
  }

  #tellRest(life: AbortController, error: unknown): void {
    if (life.signal.aborted) return;
    const { failures } = this.#rest;
    // The first of a row of failures, and then one now and then.
    if (failures < 1 || (failures & (failures - 1)) !== 0) return;
    const why = error instanceof Error ? error.message : String(error);
    const seconds = Math.ceil(this.#rest.waitMs() / 1_000);
    this.#notes.push(`what was missed cannot be fetched: ${why}; again in ${seconds} s`);
  }

  // ---- into a batch ---------------------------------------------------------------------------------

  #reject(rejection: Rejection): void {
    if (this.#rejections.length < FEED_BATCH_REJECTIONS_MAX) this.#rejections.push(rejection);
    else this.#counts.rejectionsLost++;
  }

  #tellOnce(note: string, about = note): void {
    if (this.#told.has(about)) return;
    this.#told.add(about);
    this.#notes.push(note);
    this.#wake.resolve();
  }

  /** The watermark of what was yielded; unknown symbols do not count. */
  #watermarkMs(tracks: readonly KlineTrack[]): number {
    const known = tracks.filter(({ isUnknown }) => !isUnknown);
    // Nobody is to begin anew because the exchange knew none of them for a while.
    if (known.length === 0) known.push(...tracks);
    return watermarkOf(known.map(({ of }) => of), known.map(({ takenMs }) => takenMs));
  }

  /** What there is, up to the bounds of a batch; null when that is nothing. */
  #take(): FeedBatch | null {
    const tracks = this.#tracks;
    if (tracks === null) return null;
    const { rowsMax, series } = this.#plan;
    const rows = new RowBuffer();
    const rejections = this.#rejections.splice(0, rowsMax);
    const isFull = () =>
      rows.length + rejections.length >= rowsMax || rejections.length >= FEED_BATCH_REJECTIONS_MAX;
    for (let isMoving = true; isMoving && !isFull();) {
      isMoving = false;
      const watermarkMs = this.#watermarkMs(tracks);
      for (const [i, track] of tracks.entries()) {
        if (track.isUnknown) continue;
        const { of } = track;
        const limitMs = barEndingFrom(of, watermarkMs) + KLINE_AHEAD_BARS_MAX * of.lengthMs;
        while (!isFull()) {
          const item = track.take(limitMs);
          if (item === null) break;
          isMoving = true;
          if (item.row !== null) rows.push(i, item.row);
          if (item.rejection !== null) rejections.push(item.rejection);
        }
      }
    }
    const isDone = tracks.some(({ isOver }) => isOver) &&
      tracks.every((track) => track.isUnknown || track.isOver);
    const cursor = this.#formatCursor(tracks);
    const notes = this.#notes;
    // Where it begins is news too: what comes from there on is not to be missed by a crash.
    const isMoved = cursor !== this.#cursor || rows.length + rejections.length > 0;
    if (!isMoved && !isDone && notes.length === 0) return null;
    this.#cursor = cursor;
    this.#notes = [];
    const blocks = rows.length === 0 ? [] : rows.take(series.map((one) => one.series));
    const batch: FeedBatch = { blocks, rejections, cursor, done: isDone };
    return notes.length === 0 ? batch : { ...batch, notes };
  }

  #formatCursor(tracks: readonly KlineTrack[]): string {
    const { series, fingerprint } = this.#plan;
    const watermarkMs = this.#watermarkMs(tracks);
    const nextMs = tracks.map((track) =>
      track.isUnknown ? barEndingFrom(track.of, watermarkMs) : track.takenMs
    );
    return formatKlineCursor(fingerprint, series, nextMs);
  }

  // ---- waiting and errors ---------------------------------------------------------------------------

  /** Until something happens, `ms` at most. */
  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = Promise.withResolvers();
    const over = new AbortController();
    const timer = sleep(this.#clock, ms, AbortSignal.any([signal, over.signal]));
    timer.catch(() => {});
    try {
      await Promise.race([this.#wake.promise, timer]);
    } finally {
      over.abort();
    }
    signal.throwIfAborted();
  }

  #parsed(cursor: string): KlinePlace {
    const place = parseKlineCursor(cursor);
    if (place !== null) return place;
    throw new FeedError(
      "cursor",
      `Cannot open feed ${this.name}: expected k1.SERIES.TIME.OFFSETS: current value is ` +
        JSON.stringify(cursor),
    );
  }

  #unreadable(why: string): FeedError {
    return new FeedError("unreadable", `Cannot read feed ${this.name}: ${why}`);
  }
}

function isUnknownSymbol(error: unknown): boolean {
  return error instanceof KlineRestError && error.code === "unknown_symbol";
}
