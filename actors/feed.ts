/**
 * A feed: reads one source, hands its batches to the label pool, acknowledges what is committed.
 *
 * ## What it believes
 * A few batches are under way at a time. One that is refused is sent again, and those after it; one
 * that failed makes the feed go back to the cursor that the store has committed: what a feed
 * believes about the past is only what the store says.
 *
 * ## Trouble
 * None of it crashes the feed, and each has its own pause (`src/feed/backoff.ts`):
 * - the *source* cannot be opened, read or acknowledged: 1 s·2^n up to 60 s, and after some failures
 *   in a row its breaker is open and lets one try through now and then;
 * - the *store* cannot write (full disk, busy): 1 s·2^n up to 15 s, then one batch as a trial;
 * - the *labels* of a batch failed (a thread died): 50 ms·2^n, since most of that is over at once;
 * - the *pool* has no room: the pause it asks for, nothing is read meanwhile.
 *
 * @module
 */

import {
  actor,
  type Context,
  type Deferred,
  type Ref,
  type TellRef,
  textOf,
} from "../src/actor/mod.ts";
import { type BackoffBounds, backoffMs } from "../src/feed/backoff.ts";
import { Breaker } from "../src/feed/breaker.ts";
import { type FeedBatch, feedBatchRows, FeedError, type FeedSource } from "../src/feed/port.ts";
import { Rate } from "../src/feed/rate.ts";
import type { FeedStatus, FeedWaiting } from "../src/feed/status.ts";
import { CANDLE_COLUMNS } from "../src/market/block.ts";
import { type HoleNews, HoleWatch } from "../src/market/hole_watch.ts";
import { type Instrument, InstrumentRegistry } from "../src/market/instrument.ts";
import type { Hole } from "../src/market/holes.ts";
import { release } from "../src/market/release.ts";
import { Feed, type IngestReply, type Store } from "./protocols.ts";
import { type Backfill, HOLES_TOLD_MAX } from "./protocols_batch.ts";
import type { IngestRef } from "./protocols_nodes.ts";

/** How a feed is set up. */
export interface FeedArgs {
  readonly store: Ref<typeof Store.definition>;
  readonly pool: IngestRef;
  /** Makes the source; called once per incarnation. */
  readonly source: () => FeedSource;
  /** 0 to 10; default 5. */
  readonly priority?: number;
  /** The source can wait, as a file can: default true. */
  readonly bulk?: boolean;
  /** Whose calendars say which bars are missing; default: those of the asset classes. */
  readonly instruments?: { get(symbol: string): Instrument };
  /** Told of holes once they are committed; default: nobody is. */
  readonly backfill?: TellRef<typeof Backfill.definition>;
}

/** Batches under way: one labelled, one committed, one read, and one for the gap in between. */
const BATCHES_UNDER_WAY_MAX = 4;
/** After the store could not write: a trial. */
const BATCHES_ON_TRIAL_MAX = 1;
/** The pool answers within its own limits; beyond this it is taken for lost. */
const ANSWER_TIMEOUT_MS = 180_000;
const EPOCHS_PER_INCARNATION = 2 ** 32;
/** Most of what fails a batch is over at once: a thread that died has been started again. */
const LABELS_BACKOFF: BackoffBounds = { minMs: 50, maxMs: 60_000 };
/** A disk has room again when somebody has made it; a look every 15 s costs one batch. */
const STORE_BACKOFF: BackoffBounds = { minMs: 1_000, maxMs: 15_000 };
/** What a commit is refused with because the store cannot write at all now. */
const STORE_TROUBLE: ReadonlySet<string> = new Set(["disk_full", "full", "busy", "broken"]);
/** Rows of a batch whose columns are freed at once: small ones are the young generation's work. */
const FREED_ROWS_MIN = 1_024;
/** Holes of one batch that are logged one by one. */
const HOLES_LOGGED_MAX = 3;
/** Holes shown in the status. */
const HOLES_SHOWN_MAX = 16;

interface Sent {
  readonly id: number;
  readonly batch: FeedBatch;
  readonly after: string | null;
  readonly holes: HoleNews;
  state: "under way" | "committed" | "refused";
}

/** What a feed waits for, in milliseconds of its clock. */
interface Trouble {
  readonly for: FeedWaiting["for"];
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly nextTryMs: number;
}

/** See {@linkcode Feed}. */
export const feed = actor(Feed, async (ctx, args: FeedArgs) => {
  const source = args.source();
  const abort = new AbortController();
  ctx.onStop(async () => {
    abort.abort(new Error("the feed stops"));
    await source.close();
  });
  const run = new FeedRun(ctx, args, source, abort.signal);
  await run.start();
  return {
    read: ({ epoch, batch }) => run.read(epoch, batch),
    settled: ({ epoch, id, reply }) => run.settled(epoch, id, reply),
    broke: ({ epoch, message }) => run.broke(epoch, message),
    go: () => run.go(),
    pause: () => run.pause(),
    resume: () => run.resume(),
    ended: () => run.whenEnded(),
    status: () => run.status(),
  };
});

class FeedRun {
  readonly #ctx: Context<typeof Feed.definition>;
  readonly #args: FeedArgs;
  readonly #source: FeedSource;
  readonly #signal: AbortSignal;
  readonly #breaker = new Breaker();
  readonly #holes: HoleWatch;
  readonly #rate: Rate;
  /** What was committed last; where the source stands. */
  #cursor: string | null = null;
  #lastRead: string | null = null;
  // The mailbox outlives an incarnation, and so do answers on their way: none may pass for a new one.
  #epoch: number;
  #ids = 0;
  #sent: Sent[] = [];
  #isOpen = false;
  #isReading = false;
  /** What the read that `broke` tells of failed with. */
  #readError: unknown = null;
  #isPaused = false;
  #sourceDone = false;
  #isGoingBack = false;
  /** The store could not write: one batch at a time until one is committed. */
  #isOnTrial = false;
  #trouble: Trouble | null = null;
  /** Failures in a row of labels or store; what the source does is its breaker's to count. */
  #failedInRow = 0;
  readonly #counts = { batches: 0, rows: 0, rejected: 0, retries: 0 };
  /** Holes that nobody was told of because their batch had too many. */
  #holesLeftOut = 0;
  #lastError: string | null = null;
  #lastErrorTs: number | null = null;
  #lastCommitTs: number | null = null;
  readonly #ending: Deferred<null>[] = [];
  readonly #pausing: Deferred<null>[] = [];

  constructor(
    ctx: Context<typeof Feed.definition>,
    args: FeedArgs,
    source: FeedSource,
    signal: AbortSignal,
  ) {
    const instruments = args.instruments ?? new InstrumentRegistry();
    this.#ctx = ctx;
    this.#args = args;
    this.#source = source;
    this.#signal = signal;
    this.#epoch = ctx.incarnation * EPOCHS_PER_INCARNATION;
    this.#holes = new HoleWatch((symbol) => instruments.get(symbol).calendar);
    this.#rate = new Rate(ctx.clock.now());
  }

  async start(): Promise<void> {
    await this.#askCursor();
    // A source that goes on has candles before its first one, and maybe a hole after them.
    if (this.#cursor !== null) {
      for (const { series, lastTs } of await this.#args.store.ask("series", {})) {
        this.#holes.known(series, lastTs);
      }
    }
    this.#next();
  }

  // ---- reading --------------------------------------------------------------------------------------

  async #askCursor(): Promise<void> {
    this.#cursor = await this.#args.store.ask("cursor", { feed: this.#source.name });
    this.#lastRead = this.#cursor;
  }

  #next(): void {
    this.#answerWaiters();
    if (this.#isReading || this.#isPaused || this.#sourceDone || this.#isGoingBack) return;
    const most = this.#isOnTrial ? BATCHES_ON_TRIAL_MAX : BATCHES_UNDER_WAY_MAX;
    if (this.#hasRefused() || this.#sent.length >= most) return;
    this.#isReading = true;
    if (!this.#isOpen) this.#breaker.trying();
    const epoch = this.#epoch;
    // A batch may begin a trace; it does not go on in that of the one before.
    void this.#ctx.anew(() =>
      this.#readSource(epoch).then(
        (batch) => this.#ctx.self.tell("read", { epoch, batch }),
        (error) => {
          if (epoch === this.#epoch) this.#readError = error;
          this.#ctx.self.tell("broke", { epoch, message: textOf(error) });
        },
      )
    );
  }

  async #readSource(epoch: number): Promise<FeedBatch | null> {
    if (!this.#isOpen) {
      await this.#source.open(this.#cursor);
      if (epoch === this.#epoch) this.#isOpen = true;
    }
    return await this.#source.read(this.#signal);
  }

  read(epoch: number, batch: FeedBatch | null): void {
    if (epoch !== this.#epoch) return;
    this.#isReading = false;
    this.#sourceWorks();
    if (batch !== null) this.#take(batch);
    this.#next();
  }

  #take(batch: FeedBatch): void {
    this.#counts.rejected += batch.rejections.length;
    for (const refused of batch.rejections) {
      this.#ctx.bury("candle", refused, new Error(refused.message));
    }
    for (const note of batch.notes ?? []) this.#ctx.log("warn", note);
    const moved = batch.cursor !== this.#lastRead;
    const after = this.#lastRead;
    this.#lastRead = batch.cursor;
    this.#sourceDone = batch.done;
    if (!moved && feedBatchRows(batch) === 0) return;
    // Looked at now: the columns belong to whoever gets the batch.
    const holes = this.#holes.read(batch.blocks);
    const one: Sent = { id: ++this.#ids, batch, after, holes, state: "under way" };
    this.#sent.push(one);
    this.#send(one);
  }

  /** A read that answered: what failed before is over. */
  #sourceWorks(): void {
    if (this.#breaker.failures === 0) return;
    const wasOpen = this.#breaker.state !== "closed";
    this.#breaker.succeeded();
    if (this.#trouble?.for === "source") this.#trouble = null;
    if (wasOpen) this.#ctx.log("info", "the source can be read again");
  }

  // ---- to the pool and back -------------------------------------------------------------------------

  #send(one: Sent): void {
    one.state = "under way";
    const { batch, after, id } = one;
    const epoch = this.#epoch;
    const settle = (reply: IngestReply) => {
      this.#ctx.self.tell("settled", { epoch, id, reply });
    };
    this.#args.pool.ask("ingest", {
      feed: this.#source.name,
      after,
      cursor: batch.cursor,
      blocks: batch.blocks,
      priority: this.#args.priority ?? 5,
      bulk: this.#args.bulk ?? true,
    }, { timeoutMs: ANSWER_TIMEOUT_MS }).then(
      settle,
      (error) => settle({ state: "failed", code: "no_answer", message: textOf(error) }),
    );
  }

  async settled(epoch: number, id: number, reply: IngestReply): Promise<void> {
    if (epoch !== this.#epoch) return;
    const one = this.#sent.find((candidate) => candidate.id === id);
    if (one === undefined) return;
    if (reply.state === "failed") {
      const who = STORE_TROUBLE.has(reply.code) ? "store" : "labels";
      return this.#goBack(who, reply.code, reply.message);
    }
    // The first one under way follows on nothing that the pool knows: the store knows better.
    if (reply.state === "refused" && reply.code === "order" && this.#sent[0] === one) {
      return this.#goBack("labels", reply.code, reply.reason);
    }
    if (reply.state === "committed") {
      await this.#committed(one, reply);
      // The acknowledgement failed, and with it the source.
      if (epoch !== this.#epoch) return;
    } else {
      one.state = "refused";
      this.#wait("pool", reply.code, reply.reason, reply.retryAfterMs);
    }
    if (this.#hasRefused()) this.#sendAgain();
    this.#next();
  }

  #hasRefused(): boolean {
    return this.#sent.some((one) => one.state === "refused");
  }

  async #committed(one: Sent, reply: IngestReply & { state: "committed" }): Promise<void> {
    one.state = "committed";
    this.#failedInRow = 0;
    this.#isOnTrial = false;
    if (!this.#hasRefused()) this.#trouble = null;
    this.#counts.batches++;
    this.#counts.rows += reply.candles + reply.corrected;
    this.#rate.add(this.#ctx.clock.now(), reply.candles + reply.corrected);
    this.#lastCommitTs = this.#ctx.clock.wallNow();
    while (this.#sent[0]?.state === "committed") {
      const { batch, holes } = this.#sent.shift() as Sent;
      this.#cursor = batch.cursor;
      this.#tellHoles(this.#logHoles(holes));
      freeColumns(batch);
      try {
        await this.#source.ack(batch.cursor);
      } catch (error) {
        return this.#goBack("source", codeOf(error), textOf(error));
      }
    }
  }

  #logHoles(news: HoleNews): readonly Hole[] {
    const holes = this.#holes.committed(news);
    for (const { series, fromTs, toTs, missingBars } of holes.slice(0, HOLES_LOGGED_MAX)) {
      const range = { from: new Date(fromTs).toISOString(), to: new Date(toTs).toISOString() };
      this.#ctx.log("debug", "hole", { series, ...range, missingBars });
    }
    const others = holes.length - HOLES_LOGGED_MAX;
    if (others > 0) this.#ctx.log("debug", "more holes in the same batch", { holes: others });
    return holes;
  }

  #tellHoles(holes: readonly Hole[]): void {
    const { backfill } = this.#args;
    if (backfill === undefined || holes.length === 0) return;
    const told = holes.slice(0, HOLES_TOLD_MAX);
    for (const [series, own] of Map.groupBy(told, (hole) => hole.series)) {
      backfill.tell("holes", {
        series,
        holes: own.map(({ fromTs, toTs }) => ({ fromTs, toTs })),
      });
    }
    const leftOut = holes.length - told.length;
    if (leftOut === 0) return;
    const level = this.#holesLeftOut === 0 ? "warn" : "debug";
    this.#holesLeftOut += leftOut;
    const inAll = this.#holesLeftOut;
    this.#ctx.log(level, "more holes in one batch than are filled", { leftOut, inAll });
  }

  /** Once all answers are there, what was refused is sent again in its order. */
  #sendAgain(): void {
    if (this.#sent.some((one) => one.state === "under way")) return;
    const dueMs = (this.#trouble?.nextTryMs ?? 0) - this.#ctx.clock.now();
    this.#ctx.timer("go", { delayMs: Math.max(0, dueMs) }, "go", {});
  }

  // ---- trouble --------------------------------------------------------------------------------------

  broke(epoch: number, message: string): void {
    if (epoch !== this.#epoch) return;
    this.#isReading = false;
    this.#goBack("source", codeOf(this.#readError), message);
  }

  /** Everything since the committed cursor is read again, after a pause. */
  #goBack(who: "source" | "store" | "labels", code: string, message: string): void {
    if (this.#isGoingBack) return;
    this.#isGoingBack = true;
    this.#isOpen = false;
    this.#isReading = false;
    this.#epoch++;
    this.#counts.retries++;
    this.#lastError = message;
    this.#lastErrorTs = this.#ctx.clock.wallNow();
    const pauseMs = this.#pauseMs(who);
    this.#wait(who, code, message, pauseMs);
    const breaker = this.#breaker.state;
    const level = who === "source" && breaker !== "closed" ? "error" : "warn";
    const fields = { for: who, code, message, pauseMs, breaker };
    this.#ctx.log(level, "goes back to the committed cursor", fields);
    this.#ctx.timer("go", { delayMs: pauseMs }, "go", {});
  }

  #pauseMs(who: "source" | "store" | "labels"): number {
    const { clock, random } = this.#ctx;
    if (who === "source") return this.#breaker.failed(clock.now(), random);
    if (who === "store") this.#isOnTrial = true;
    return backoffMs(this.#failedInRow++, who === "store" ? STORE_BACKOFF : LABELS_BACKOFF, random);
  }

  #wait(who: FeedWaiting["for"], code: string, reason: string, pauseMs: number): void {
    const nowMs = this.#ctx.clock.now();
    const sinceMs = this.#trouble?.for === who ? this.#trouble.sinceMs : nowMs;
    this.#trouble = { for: who, code, reason, sinceMs, nextTryMs: nowMs + pauseMs };
  }

  async go(): Promise<void> {
    if (!this.#isGoingBack) {
      // One that was read meanwhile is under way already.
      for (const one of this.#sent) if (one.state === "refused") this.#send(one);
      return;
    }
    // A failure here crashes the feed: its supervisor starts it again from the store's cursor.
    await this.#askCursor();
    this.#holes.goBack();
    this.#sent = [];
    this.#sourceDone = false;
    this.#isGoingBack = false;
    this.#next();
  }

  // ---- from outside ---------------------------------------------------------------------------------

  get #isEnded(): boolean {
    return this.#sourceDone && this.#sent.length === 0 && !this.#isGoingBack;
  }

  get #isQuiet(): boolean {
    return this.#sent.length === 0 && !this.#isReading && !this.#isGoingBack;
  }

  #answerWaiters(): void {
    const ended = this.#isEnded ? this.#ending.splice(0) : [];
    const quiet = this.#isPaused && this.#isQuiet ? this.#pausing.splice(0) : [];
    for (const waiter of [...ended, ...quiet]) waiter.resolve(null);
  }

  pause(): null | Deferred<null> {
    this.#isPaused = true;
    if (this.#isQuiet) return null;
    const reply = this.#ctx.defer<null>();
    this.#pausing.push(reply);
    return reply;
  }

  resume(): void | Promise<void> {
    this.#isPaused = false;
    // It may never be quiet now; who asked for the pause must not wait for ever.
    for (const waiter of this.#pausing.splice(0)) waiter.resolve(null);
    if (!this.#isGoingBack) return this.#next();
    // Somebody knows that it can go on.
    this.#ctx.cancelTimer("go");
    return this.go();
  }

  whenEnded(): null | Deferred<null> {
    if (this.#isEnded) return null;
    const reply = this.#ctx.defer<null>();
    this.#ending.push(reply);
    return reply;
  }

  status(): FeedStatus {
    const { clock } = this.#ctx;
    const nowMs = clock.now();
    const tsOf = (ms: number) => Math.round(clock.wallNow() + ms - nowMs);
    const { state, failures, nextTryMs } = this.#breaker;
    const nextTryTs = nextTryMs === null ? null : tsOf(nextTryMs);
    return {
      source: this.#source.name,
      state: this.#state(),
      waiting: this.#trouble === null ? null : waitingOf(this.#trouble, tsOf),
      cursor: this.#cursor,
      ...this.#counts,
      rowsPerSecond: this.#rate.perSecond(nowMs),
      underWay: this.#sent.length,
      breaker: { state, failures, nextTryTs },
      holes: { ...this.#holes.counts(), latest: [...this.#holes.latest(HOLES_SHOWN_MAX)] },
      lastError: this.#lastError,
      lastErrorTs: this.#lastErrorTs,
      lastCommitTs: this.#lastCommitTs,
      detail: this.#source.detail?.() ?? {},
    };
  }

  #state(): FeedStatus["state"] {
    if (this.#isEnded) return "ended";
    if (this.#isPaused) return "paused";
    return this.#trouble === null ? "running" : "waiting";
  }
}

function waitingOf(trouble: Trouble, tsOf: (ms: number) => number): FeedWaiting {
  const { sinceMs, nextTryMs, ...rest } = trouble;
  return { ...rest, sinceTs: tsOf(sinceMs), nextTryTs: tsOf(nextTryMs) };
}

/** Frees what was read, once it is committed; the columns are ours, see `FeedBatch`. */
function freeColumns(batch: FeedBatch): void {
  if (feedBatchRows(batch) < FREED_ROWS_MIN) return;
  for (const block of batch.blocks) for (const name of CANDLE_COLUMNS) release(block[name]);
}

function codeOf(error: unknown): string {
  return error instanceof FeedError ? error.code : "source";
}
