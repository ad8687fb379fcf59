/**
 * The label pool: batches of candles in, commits and labels out (architecture, flow 1).
 *
 * ## One way through
 * A batch is cut into parts, one per series. A part goes to the worker that owns its series, comes
 * back with the labels that became final, and when all parts of a batch are back and all batches
 * before it are committed, the batch is committed, together with whatever else is ready (group
 * commit). Then, in this order: the sender gets its acknowledgement, what the cache made of the
 * candles ends, and the labels are published.
 *
 * ## Series
 * - *warm*: the worker's state stands at `base`, the count of candles given out so far. Rows after
 *   its last time go straight to the worker.
 * - *cold*: nobody knows. The store is asked for the count and the last H + 21 candles, which travel
 *   with the next part and rebuild the worker's state. Parts wait meanwhile.
 * - *rewriting*: a part holds late, corrected or deleted candles (R11). It waits until everything
 *   before it is committed, then the candles around it are read from the store, the labels in reach
 *   are computed anew, and the series is cold again. Later parts of the series wait.
 *
 * ## One way back
 * Whatever fails (a thread dies, a commit is refused, an answer does not come) ends the same way: all
 * batches under way are answered `failed`, their series are cold, their workers forget them, and
 * whoever sent a batch reads it again from the last committed cursor. The epoch tells answers to
 * what was given up from answers that count.
 *
 * ## Who labels
 * The threads share 256 partitions of the series, evenly. How many of them do is changed while the
 * pool runs (`setWorkers`): those beyond the number give their series away and end, and are started
 * again when they are wanted. A series moves as all do, by being cold with its new worker once
 * nothing of it is under way; its parts wait meanwhile.
 *
 * Labelling a candle takes a third of a microsecond, a message to a thread and back some seventy of
 * this isolate's time. So series that come in small batches are labelled by the *live* worker, an
 * actor in this isolate, and those that come in large ones by the threads. A series whose batches
 * change their habit moves once nothing of it is under way: it is cold with its new worker.
 *
 * ## Coalescing
 * Parts for one worker travel as one request, columns of many series in one buffer. While a worker
 * is at work, parts gather until it answers or a large request is full (J. Nagle, RFC 896): the
 * busier the pool, the larger the requests.
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
  type Trail,
} from "../src/actor/mod.ts";
import {
  Admission,
  ADMISSION_DEFAULTS,
  type AdmissionByCount,
  type AdmissionOptions,
  type Door,
  Pace,
  type Refusal,
} from "../src/label/admission.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import type { TouchedRange } from "../src/cache/types.ts";
import { applyChanges, candlesIn, candlesWhere } from "../src/label/change.ts";
import type { TsRange } from "../src/label/correction.ts";
import { kindCells, unpackKinds } from "../src/label/kinds/columns.ts";
import { kindHistoryBars, kindRowsMax } from "../src/label/kinds/kind_labeler.ts";
import { type AskedKind, parseKinds } from "../src/label/kinds/registry.ts";
import { rowObject } from "../src/label/row_object.ts";
import { LABEL_ROW_BYTES, labelsIn } from "../src/label/rows.ts";
import { LabelTally, OUTCOMES } from "../src/label/label_tally.ts";
import { historyBars, type LabelParams, labelParams, paramHash } from "../src/label/params.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  concatCandles,
  decodeLabels,
  emptyCandles,
  type LabelBlock,
} from "../src/market/block.ts";
import { WorkerSlots } from "../src/label/worker_slots.ts";
import { Reporter } from "../src/monitor/reporter.ts";
import { partitionOf } from "../src/market/partition.ts";
import { partitionOwners } from "../src/market/spread.ts";
import { packCommit, unpackResult, unpackTails } from "../src/store/commit_codec.ts";
import { levels } from "../src/store/records.ts";
import { release } from "../src/market/release.ts";
import { partitionFeed } from "../src/store/partitions/port.ts";
import { Stretch } from "../src/store/stretch.ts";
import type {
  CommitBatch,
  CommitResult,
  Rows,
  SeriesCommit,
  Tail,
  Window,
} from "../src/store/port.ts";
import {
  type CommitSink,
  type ComputedBlock,
  type ComputeFor,
  type ComputeRequest,
  type Ingest,
  type IngestReply,
  type LabelParts,
  type LabelPartsReply,
  LabelPool,
  type LabelReply,
  type LabelSink,
  type LabelWorker,
  type Monitor,
  type PublishedLabels,
  rowsOf,
  type Store,
  type WorkersReply,
} from "./protocols.ts";
import type { CacheShard } from "./protocols_cache.ts";

type WorkerRef = Ref<typeof LabelWorker.definition>;

/** Where the cache is told of commits, before anyone else is; see `src/cache/router.ts`. */
export type CommittedCandles = Pick<
  CacheRouter<unknown>,
  "seq" | "touched" | "caughtUp" | "missed"
>;

/** The threads of the workers, as a pool has them started and ended. */
export interface WorkerThreads {
  /** Workers to be in use; null = all. It lies here to outlive incarnations of the pool. */
  count: number | null;
  /** Starts worker `index` unless it runs; false when it cannot be started. */
  start(index: number): Promise<boolean>;
  /** Ends worker `index` once it has done what it was sent. */
  stop(index: number): Promise<void>;
}

/** How a pool is set up. */
export interface LabelPoolArgs {
  readonly store: Ref<typeof Store.definition>;
  /** The store is in a thread: commits and tails travel as one buffer each. */
  readonly packed?: boolean;
  /** Those in threads: the most there can be, all of which are in use at first. */
  readonly workers: readonly WorkerRef[];
  /** Ends those that are not in use; without it they are left running. */
  readonly threads?: WorkerThreads;
  /** The one in this isolate; without it the threads label everything. */
  readonly live?: WorkerRef;
  readonly params: LabelParams;
  readonly admission?: AdmissionOptions | AdmissionByCount;
  /** Told how long commits took. */
  readonly monitor?: TellRef<typeof Monitor.definition>;
  /** Whether labels are counted and times recorded, for whoever asks; default yes. */
  readonly isMeasured?: boolean;
  /** Where senders can look whether they would be refused. */
  readonly door?: Door;
  /** Told of every commit's labels, after it. */
  readonly sinks?: readonly TellRef<typeof LabelSink.definition>[];
  /** Told that there was one. */
  readonly commitSinks?: readonly TellRef<typeof CommitSink.definition>[];
  /** The cache, if there is one, and its shards, which get the labels they ask for. */
  readonly cache?: CommittedCandles;
  /**
   * Commits come from other nodes too, and somebody who follows the log tells of all of them: sinks
   * and cache hear nothing from the pool.
   */
  readonly isFollowed?: boolean;
  readonly shards?: readonly TellRef<typeof CacheShard.definition>[];
}

/** Rows under way at a time: about 100 ms of this isolate's work, 12 MB with their labels. */
const ROWS_UNDER_WAY_MAX = 65_536;
/** Batches under way at a time. */
const BATCHES_UNDER_WAY_MAX = 10_000;
/** Rows of one request to a worker: 4 ms of work, so that a request is never the long wait. */
const REQUEST_ROWS_MAX = 8_192;
/** Requests a worker has at a time: one it works on, one that waits for it. */
const REQUESTS_PER_WORKER = 2;
/** Rows of a batch up to which it is labelled in this isolate: less than the way to a thread costs. */
const LIVE_ROWS_MAX = 128;
/**
 * Rows that go to the live worker without waiting for more. What is under way should be little: the
 * objects of a batch that is answered within a few milliseconds never reach the old generation.
 */
const LIVE_REQUEST_ROWS = 256;
/** Parts in a row of the other kind after which a series moves: a move costs a read of its tail. */
const MOVE_AFTER_PARTS = 8;
/** Spare memory of replies of a worker: what it has under way when all of it is bulk; 6 MB. */
const REPLY_SPARES_MAX = 4;
/** Rows of a request from which on memory is kept for its reply; that of smaller ones is freed. */
const REPLY_SPARE_ROWS = REQUEST_ROWS_MAX / 2;
/** Rows that are worth a second request: labelling them takes as long as sending them. */
const SECOND_REQUEST_ROWS = 256;
/** Batches of one commit. */
const COMMIT_BATCHES_MAX = 1_024;
/** Rows above which no further batch joins a commit: packing so many takes some 3 ms. */
const COMMIT_ROWS_MAX = 8_192;
/** Commits under way where the log is elsewhere: one on its way there, one that is applied. */
const FOLLOWED_COMMITS_MAX = 2;
/** Rows that are worth a second commit; fewer wait, and go together with what comes meanwhile. */
const SECOND_COMMIT_ROWS = 2_048;
/** A first commit that takes longer than most do, ms: fewer rows wait for it no longer. */
const SECOND_COMMIT_MS = 4;
/** Series the pool knows the state of; more are a setting away, and 20,000 cost 3 MB. */
const SERIES_MAX = 100_000;
/** A worker or the store that does not answer within this is taken for lost. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Candles read for one request of labels. */
const COMPUTE_BARS_MAX = 200_000;
/** History for estimators that never forget. */
const TAIL_BARS_MAX = 1_000_000;

/** Commits that are read again for the cache at a start: at a candle a second a series, minutes. */
const CAUGHT_UP_COMMITS_MAX = 1_000;
/** Ranges of all of them: one read of some 10 ms; beyond, what was made of candles goes. */
const CAUGHT_UP_RANGES_MAX = 10_000;

/** Between reports to the monitor. */
const REPORT_EVERY_MS = 1_000;

const IDS_PER_INCARNATION = 2 ** 32;

interface SeriesState {
  readonly key: string;
  worker: number;
  state: "cold" | "warming" | "warm" | "rewriting" | "moving";
  /** Parts given out and not committed. */
  underWay: number;
  /** Parts in a row that the other kind of worker should have. */
  misplaced: number;
  /** Candles given out so far: the base of the next part. */
  base: number;
  lastTs: number;
  /** Seq of the last commit that was about it. */
  touchedSeq: number;
  /** Goes with the next part, which rebuilds the worker's state. */
  tail: CandleBlock | null;
  waiting: Part[];
}

// Constructors and no literals: V8 puts literals whose first ones lived long (the thousand series of
// a first batch, say) into the old generation for good, where each keeps its columns alive until a
// full collection.

class Part {
  base = 0;
  tail: CandleBlock | null = null;
  labels: Rows<LabelBlock> | null = null;
  /** Where the labels lie, when they came from a thread. */
  memory: ReplyMemory | null = null;
  /** Set for a part with late, corrected or deleted candles once it was worked out. */
  rewrite: SeriesCommit | null = null;
  rewrites = false;
  constructor(readonly batch: Batch, readonly series: SeriesState, readonly block: CandleBlock) {}
}

class Batch {
  /** Parts that are not labelled yet. */
  left = 0;
  /** When its last part went to a worker, and when its last part was labelled. */
  sentMs: number;
  labelledMs: number;
  rewriting = false;
  constructor(
    readonly ingest: Ingest,
    readonly reply: Deferred<IngestReply>,
    readonly parts: Part[],
    readonly rows: number,
    readonly arrivedMs: number,
    /** Where it is in a trace. */
    readonly trail: Trail | null,
  ) {
    this.sentMs = this.labelledMs = arrivedMs;
  }
}

/** Memory of a reply, which goes back once all parts that have labels in it are committed. */
class ReplyMemory {
  constructor(readonly outbox: Outbox, readonly bytes: Uint8Array, public left: number) {}
}

/** Parts that travel together. */
interface Request {
  readonly id: number;
  readonly outbox: Outbox;
  readonly parts: Part[];
}

interface Outbox {
  readonly ref: WorkerRef;
  readonly live: boolean;
  /** Series that are this worker's, whatever their state. */
  series: number;
  parts: Part[];
  rows: number;
  /** Requests that are not answered yet. */
  sent: Request[];
  /** Memory of earlier requests that came back: columns lie outside the heap, so a thread's garbage
   * collector would let hundreds of megabytes of them gather. */
  spares: Float64Array[];
  /** The same for replies whose labels are committed. */
  replySpares: Uint8Array[];
}

/** See {@linkcode LabelPool}. */
export const labelPool = actor(LabelPool, async (ctx, args: LabelPoolArgs) => {
  const seq = args.cache === undefined || args.isFollowed === true
    ? await args.store.ask("seq", {}, ANSWER)
    : await catchUp(args.cache, args.store);
  const count = await workersUp(args);
  const pool = new Pool(ctx, args, seq, count, (series, candles) => {
    const why = new Error(`the store no longer holds what came before these candles of ${series}`);
    ctx.bury("candles", { series, candles }, why);
  });
  if (args.door !== undefined) {
    ctx.onStop(args.door.open((priority) => pool.refusalAhead(priority)));
  }
  /** Labels on request; `shape` makes of them what the answer holds. */
  const computed = <Shape>(request: ComputeRequest, shape: (found: ComputedBlock) => Shape) => {
    const refusal = pool.computeRefusal(request.priority, ctx.waitedMs);
    if (refusal !== null) return refusal;
    const reply = ctx.defer<Shape>();
    pool.compute(request).then(
      (found) => reply.resolve(shape(found)),
      (error) => reply.reject(error),
    );
    return reply;
  };
  /** The same for a shard of the cache, which has started earlier and cannot ask. */
  const computeFor = async ({ shard, id, request }: ComputeFor) => {
    const to = args.shards?.[shard];
    const result = pool.computeRefusal(request.priority, ctx.waitedMs) ??
      await pool.compute(request).catch((error) =>
        ({ state: "error", message: textOf(error) }) as const
      );
    to?.tell("computed", { id, result });
  };
  if (args.monitor !== undefined) {
    ctx.timer("report", { delayMs: REPORT_EVERY_MS, everyMs: REPORT_EVERY_MS }, "report", {});
  }
  return {
    ingest: (ingest) => {
      const refusal = pool.refusal(ingest, ctx.waitedMs);
      if (refusal !== null) return refusal;
      const reply = ctx.defer<IngestReply>();
      pool.take(ingest, reply);
      return reply;
    },
    compute: (request) =>
      computed(request, ({ state, block, kinds, tookMs, cacheHit }) => {
        const names = request.kinds === undefined
          ? []
          : parseKinds(request.kinds).map(({ name }) => name);
        const rows = Array.from(
          { length: block.length },
          (_, row) => ({ ...rowObject(block, row), ...kindCells(names, kinds, row) }),
        );
        return { state, rows, tookMs, cacheHit };
      }),
    computeBlock: (request) => computed(request, (found) => found),
    // Not awaited in the message: what it asks for needs the actor's turns.
    computeFor: (wanted) => void computeFor(wanted),
    setWorkers: ({ count }) => {
      const refusal = pool.countRefusal(count);
      if (refusal !== null) return refusal;
      const reply = ctx.defer<WorkersReply>();
      pool.setWorkers(count, reply);
      return reply;
    },
    workerStarted: ({ life, index, isRunning }) => {
      if (life === ctx.incarnation) pool.workerStarted(index, isRunning);
    },
    workerStopped: ({ life, index }) => {
      if (life === ctx.incarnation) pool.workerStopped(index);
    },
    status: () => pool.status(),
    tally: () => pool.tally(),
    touchedSeq: ({ series }) => pool.touchedSeq(series),
    applied: ({ seq }) => pool.applied(seq),
    forget: ({ partitions }) => pool.forget(new Set(partitions)),
    report: () => pool.report(),
    flush: () => pool.flush(),
    labelled: ({ id, reply }) => pool.labelled(id, reply),
    labelledParts: ({ id, reply }) => pool.labelledParts(id, reply),
    warmed: ({ epoch, series, tails }) => pool.warmed(epoch, series, tails),
    rewritten: (done) => pool.rewritten(done as Rewritten),
    committed: ({ epoch, result }) => pool.committed(epoch, result),
    failed: ({ epoch, code, message }) => {
      if (pool.failed(epoch, code, message)) ctx.log("warn", "batches go back", { code, message });
    },
  };
});

interface Rewritten {
  readonly epoch: number;
  readonly part: Part;
  readonly commit: SeriesCommit;
}

type Committed = CommitResult & { readonly state: "committed" };

class Pool {
  readonly #args: LabelPoolArgs;
  readonly #params: LabelParams;
  readonly #hash: string;
  readonly #history: number;
  readonly #self: Ref<typeof LabelPool.definition>;
  readonly #ctx: Context<typeof LabelPool.definition>;
  readonly #admission: Admission;
  readonly #bury: (series: string, candles: CandleBlock) => void;
  readonly #series = new Map<string, SeriesState>();
  readonly #outboxes: Outbox[];
  readonly #slots: WorkerSlots;
  /** Worker of each partition; null without threads. */
  #owners: Readonly<Uint16Array> | null;
  /** Whoever waits for a change of the number of workers. */
  #resizing: Deferred<WorkersReply> | null = null;
  /** Cursor of the last batch taken from each feed; forgotten when batches go back. */
  readonly #taken = new Map<string, string>();
  /** Batches under way in the order of their arrival. */
  #batches: Batch[] = [];
  #rows = 0;
  #toWarm: SeriesState[] = [];
  /** Commits under way, in their order; they are the first of the batches. */
  #committing: Batch[][] = [];
  /** When the last of them began. */
  #committingSinceMs = -Infinity;
  #epoch: number;
  #requestId: number;
  #flushAsked = false;
  #delayMs = 0;
  #queuedMs = 0;
  readonly #pace = new Pace();
  readonly #reporter = new Reporter();
  readonly #commitSeconds = this.#reporter.histogram("wick_ingest_commit_seconds");
  readonly #queueSeconds = this.#stage("queue");
  readonly #computeSeconds = this.#stage("compute");
  readonly #storeSeconds = this.#stage("store");
  #lastRefusal: Refusal | null = null;
  #lastDelayMs = 0;
  #seq: number;
  /** Commits up to it may have been about a series that is not known. */
  #knownSeq: number;
  readonly #tally: LabelTally;
  readonly #outcomes = OUTCOMES.map(({ kind, outcome }) =>
    this.#reporter.counter("wick_label_outcomes_total", { kind, outcome })
  );
  #counts = { candles: 0, labels: 0, revised: 0, failures: 0, moves: 0, busyMs: 0 };

  constructor(
    ctx: Context<typeof LabelPool.definition>,
    args: LabelPoolArgs,
    seq: number,
    count: number,
    bury: (series: string, candles: CandleBlock) => void,
  ) {
    this.#seq = seq;
    this.#knownSeq = seq;
    this.#bury = bury;
    this.#ctx = ctx;
    // The mailbox outlives an incarnation, and so do answers on their way: none may pass for new.
    this.#epoch = this.#requestId = ctx.incarnation * IDS_PER_INCARNATION;
    this.#args = args;
    this.#self = ctx.self;
    this.#params = labelParams(args.params);
    this.#hash = paramHash(this.#params);
    this.#history = Math.min(TAIL_BARS_MAX, historyBars(this.#params));
    this.#tally = new LabelTally(this.#params.horizon, ctx.clock.now());
    this.#admission = new Admission(args.admission ?? ADMISSION_DEFAULTS);
    this.#outboxes = args.workers.map((ref) => emptyOutbox(ref, false));
    if (args.live !== undefined) this.#outboxes.push(emptyOutbox(args.live, true));
    this.#slots = new WorkerSlots(args.workers.length);
    this.#owners = this.#slots.max === 0 ? null : partitionOwners(this.#slots.max);
    if (count < this.#slots.max) this.#want(count);
  }

  #stage(stage: string) {
    return this.#reporter.histogram("wick_ingest_stage_seconds", { stage });
  }

  // ---- in -----------------------------------------------------------------------------------------

  /** Why a batch is not taken now; null when it is. */
  refusal(ingest: Ingest, waitedMs: number): IngestReply | null {
    const rows = rowsOf(ingest.blocks);
    const room = this.#rows === 0 || this.#rows + rows <= ROWS_UNDER_WAY_MAX;
    if (!this.#follows(ingest)) {
      const reason = "the batch before it was not taken";
      return { state: "refused", code: "order", reason, retryAfterMs: 1 };
    }
    if (!room || this.#underWay >= BATCHES_UNDER_WAY_MAX) {
      const reason = "as much is under way as may be";
      return { state: "refused", code: "room", reason, retryAfterMs: 5 };
    }
    return ingest.bulk ? null : this.computeRefusal(ingest.priority, waitedMs);
  }

  /** Why work of this priority is not taken now; null when it is. */
  computeRefusal(priority: number, waitedMs: number): Refusal | null {
    const load = this.#measure(waitedMs);
    const admits = this.#admission.admits(load, priority, this.#ctx.turnMs, this.#queuedMs);
    return admits ? null : this.#overload(this.#delayMs);
  }

  /** Why work of this priority that is not sent yet would be refused; null when it would not be. */
  refusalAhead(priority: number): Refusal | null {
    const load = this.#measure(this.#ctx.oldestWaitMs);
    if (!this.#admission.refuses(load, priority, this.#ctx.turnMs, this.#queuedMs)) return null;
    // Those of one turn have the same answer.
    const last = this.#lastRefusal;
    return last !== null && this.#lastDelayMs === this.#delayMs
      ? last
      : this.#overload(this.#delayMs);
  }

  /** Measures the delay and the work before what comes now; the load in the unit of admission. */
  #measure(waitedMs: number): number {
    this.#queuedMs = (this.#underWay + this.#ctx.depth) * this.#pace.msPerPiece;
    const oldest = this.#batches[0];
    const age = oldest === undefined ? 0 : this.#ctx.turnMs - oldest.arrivedMs;
    // The one sees a stall, the other a burst.
    this.#delayMs = Math.max(waitedMs + age, this.#queuedMs);
    return this.#admission.measure === "delayMs" ? this.#delayMs : this.#underWay;
  }

  #overload(delayMs: number): Refusal {
    this.#lastDelayMs = delayMs;
    return this.#lastRefusal = {
      state: "refused",
      code: "overload",
      reason: `overload: it would wait ${Math.round(delayMs)} ms`,
      retryAfterMs: this.#admission.retryAfterMs(delayMs),
    };
  }

  /** A batch that follows on one that was not taken must not be taken either. */
  #follows({ feed, after }: Ingest): boolean {
    const taken = feed === null ? undefined : this.#taken.get(feed);
    return taken === undefined || taken === after;
  }

  get #underWay(): number {
    return this.#batches.length;
  }

  take(ingest: Ingest, reply: Deferred<IngestReply>): void {
    const parts: Part[] = [];
    const { turnMs, trail } = this.#ctx;
    const batch = new Batch(ingest, reply, parts, rowsOf(ingest.blocks), turnMs, trail);
    if (this.#batches.length === 0) this.#pace.begin(batch.arrivedMs);
    // First, so that making room for a new series forgets none of this batch.
    this.#batches.push(batch);
    for (const block of mergedBySeries(ingest.blocks)) {
      if (block.length === 0) continue;
      parts.push(new Part(batch, this.#stateOf(block.series, batch.rows), block));
    }
    batch.left = parts.length;
    if (ingest.feed !== null && ingest.cursor !== null) this.#taken.set(ingest.feed, ingest.cursor);
    this.#rows += batch.rows;
    for (const part of parts) {
      if (this.#args.live !== undefined) this.#mayMove(part.series, batch.rows);
      this.#place(part);
    }
    this.#askFlush();
  }

  #stateOf(key: string, rows: number): SeriesState {
    let series = this.#series.get(key);
    if (series !== undefined) return series;
    if (this.#series.size >= SERIES_MAX) this.#forgetIdleSeries();
    const worker = this.#workerFor(key, rows);
    (this.#outboxes[worker] as Outbox).series++;
    series = {
      key,
      worker,
      state: "cold",
      underWay: 0,
      misplaced: 0,
      base: 0,
      lastTs: -Infinity,
      touchedSeq: this.#knownSeq,
      tail: null,
      waiting: [],
    };
    this.#series.set(key, series);
    return series;
  }

  /** Index of the worker that should have a series that comes in batches of so many rows. */
  #workerFor(key: string, rows: number): number {
    return this.#isLive(rows) ? this.#slots.max : this.#threadFor(key);
  }

  /** Whether the live worker should have a series that comes in batches of so many rows. */
  #isLive(rows: number): boolean {
    return this.#args.live !== undefined && (rows <= LIVE_ROWS_MAX || this.#owners === null);
  }

  /** Index of the thread that has the series, were it to be one of a thread. */
  #threadFor(key: string): number {
    return this.#owners?.[partitionOf(key)] ?? 0;
  }

  /** Lets a series whose parts have long been of the other kind go to the worker they belong to. */
  #mayMove(series: SeriesState, rows: number): void {
    if (this.#isLive(rows) === (series.worker === this.#slots.max)) series.misplaced = 0;
    else if (++series.misplaced >= MOVE_AFTER_PARTS && series.state === "warm") {
      series.state = "moving";
    }
  }

  /**
   * Moves a series once nothing of it is under way. Its first waiting part says where to; without
   * one it stays with its kind of worker.
   */
  #move(series: SeriesState): void {
    if (series.underWay > 0) return;
    const first = series.waiting[0];
    const to = first === undefined
      ? this.#threadFor(series.key)
      : this.#workerFor(series.key, first.batch.rows);
    this.#reset(series.worker, [series.key]);
    this.#assign(series, to);
    series.misplaced = 0;
    series.state = "cold";
    series.tail = null;
    this.#release(series);
  }

  #assign(series: SeriesState, worker: number): void {
    if (worker === series.worker) return;
    (this.#outboxes[series.worker] as Outbox).series--;
    (this.#outboxes[worker] as Outbox).series++;
    series.worker = worker;
    this.#counts.moves++;
  }

  /** Has a worker forget series; one that is to end does so anyway. */
  #reset(worker: number, series: string[]): void {
    const isSpare = worker >= this.#slots.used && worker < this.#slots.max;
    if (series.length > 0 && !isSpare) this.#outboxes[worker]?.ref.tell("reset", { series });
  }

  /** Those with nothing under way can be asked for again; the oldest known go first. */
  #forgetIdleSeries(): void {
    const busy = new Set<SeriesState>();
    for (const batch of this.#batches) for (const part of batch.parts) busy.add(part.series);
    this.#knownSeq = this.#seq;
    let left = SERIES_MAX / 10;
    for (const [key, series] of this.#series) {
      if (busy.has(series)) continue;
      (this.#outboxes[series.worker] as Outbox).series--;
      this.#series.delete(key);
      if (--left <= 0) return;
    }
  }

  /** Sends a part on its way, or lets it wait for its series. */
  #place(part: Part): void {
    const { series } = part;
    if (series.state === "warm" && series.waiting.length === 0) return this.#dispatch(part);
    series.waiting.push(part);
    if (series.state === "moving") this.#move(series);
    else if (series.state === "cold") {
      series.state = "warming";
      this.#toWarm.push(series);
    }
  }

  #dispatch(part: Part): void {
    const { series, block } = part;
    if (!isAppend(block, series.lastTs)) {
      part.rewrites = true;
      part.batch.rewriting = true;
      series.state = "rewriting";
      return;
    }
    series.underWay++;
    part.base = series.base;
    part.tail = series.tail;
    series.tail = null;
    series.base += block.length;
    series.lastTs = block.ts[block.length - 1] as number;
    const outbox = this.#outboxes[series.worker] as Outbox;
    outbox.parts.push(part);
    outbox.rows += block.length;
    if (outbox.live && outbox.rows >= LIVE_REQUEST_ROWS) this.#send(outbox);
  }

  /** Parts that waited for their series, until one of them makes the others wait again. */
  #release(series: SeriesState): void {
    const waiting = series.waiting;
    series.waiting = [];
    for (const part of waiting) this.#place(part);
  }

  // ---- more and fewer workers -------------------------------------------------------------------------

  /** Why there cannot be so many workers; null when there can. */
  countRefusal(count: number): WorkersReply | null {
    if (this.#slots.mayBe(count)) return null;
    return this.#workersReply(
      `Cannot change workers: expected 1 to ${this.#slots.max}: current value is ${count}`,
    );
  }

  /** Uses so many threads; answers once they are, or another number is asked for. */
  setWorkers(count: number, reply: Deferred<WorkersReply>): void {
    this.#resizing?.resolve(this.#workersReply("another number was asked for meanwhile"));
    this.#resizing = reply;
    this.#want(count);
  }

  workerStarted(index: number, isRunning: boolean): void {
    this.#slots.started(index, isRunning);
    if (!isRunning) {
      const reason = `worker ${index} cannot be started`;
      this.#ctx.log("error", "stays with fewer workers", { index, wanted: this.#slots.wanted });
      this.#resizing?.resolve(this.#workersReply(reason));
      this.#resizing = null;
    }
    this.#resize();
  }

  workerStopped(index: number): void {
    this.#slots.stopped(index);
    this.#resize();
  }

  #want(count: number): void {
    this.#slots.want(count);
    this.#resize();
  }

  /** Does what the slots say: series to where they belong, then ends and starts. */
  #resize(): void {
    const { threads } = this.#args;
    const slots = this.#slots;
    if (threads !== undefined) threads.count = slots.wanted;
    if (this.#owners !== null && this.#owners !== partitionOwners(slots.used)) {
      this.#owners = partitionOwners(slots.used);
      this.#spread();
    }
    const life = this.#ctx.incarnation;
    for (const index of slots.takeToStart()) {
      (threads?.start(index) ?? Promise.resolve(true)).then((isRunning) =>
        this.#self.tell("workerStarted", { life, index, isRunning })
      );
    }
    this.#endSpare();
    if (!slots.isSettled || this.#resizing === null) return;
    this.#resizing.resolve(this.#workersReply(null));
    this.#resizing = null;
  }

  /** Ends workers beyond the number that have nothing left to do. */
  #endSpare(): void {
    const spare = this.#slots.takeToStop((index) => {
      const { series, parts, sent } = this.#outboxes[index] as Outbox;
      return series === 0 && parts.length === 0 && sent.length === 0;
    });
    const life = this.#ctx.incarnation;
    for (const index of spare) {
      const outbox = this.#outboxes[index] as Outbox;
      for (const columns of [...outbox.spares, ...outbox.replySpares]) release(columns);
      outbox.spares = [];
      outbox.replySpares = [];
      (this.#args.threads?.stop(index) ?? Promise.resolve()).then(() =>
        this.#self.tell("workerStopped", { life, index })
      );
    }
  }

  /**
   * Gives each series of a thread to the one that has its partition now: at once where nothing of
   * it is under way, the others when that is committed.
   */
  #spread(): void {
    const resets = this.#outboxes.map((): string[] => []);
    for (const series of this.#series.values()) {
      const { worker, state } = series;
      if (worker === this.#slots.max || this.#threadFor(series.key) === worker) continue;
      if (state === "moving" || state === "rewriting") continue;
      if (series.underWay > 0) {
        series.state = "moving";
        continue;
      }
      resets[worker]?.push(series.key);
      this.#assign(series, this.#threadFor(series.key));
      if (state === "warm") {
        series.state = "cold";
        series.tail = null;
      }
    }
    resets.forEach((series, worker) => this.#reset(worker, series));
  }

  #workersReply(refused: string | null): WorkersReply {
    const { used: active, max } = this.#slots;
    return refused === null
      ? { state: "set", active, max }
      : { state: "refused", reason: refused, active, max };
  }

  // ---- other nodes --------------------------------------------------------------------------------------

  /** The store has commits up to this one, whoever made them. */
  applied(seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
  }

  /**
   * Forgets series of partitions that are this node's again: others may have committed to them. Those
   * with something under way are found out by its commit, which is refused when it is so. O(series).
   */
  forget(partitions: ReadonlySet<number>): void {
    const resets = this.#outboxes.map((): string[] => []);
    for (const [key, { state, underWay, waiting, worker }] of this.#series) {
      const isIdle = underWay === 0 && waiting.length === 0 &&
        (state === "warm" || state === "cold");
      if (!isIdle || !partitions.has(partitionOf(key))) continue;
      resets[worker]?.push(key);
      (this.#outboxes[worker] as Outbox).series--;
      this.#series.delete(key);
    }
    resets.forEach((series, worker) => this.#reset(worker, series));
    // Others may have moved their cursors, too.
    for (const partition of partitions) this.#taken.delete(partitionFeed(partition));
    // What is not known any more may have been touched by commits that were told of here.
    this.#knownSeq = this.#seq;
  }

  // ---- to the workers and back ----------------------------------------------------------------------

  #askFlush(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#self.tell("flush", {});
  }

  flush(): void {
    this.#flushAsked = false;
    this.#warm();
    for (const outbox of this.#outboxes) this.#send(outbox);
    this.#advance();
  }

  #warm(): void {
    if (this.#toWarm.length === 0) return;
    const series = this.#toWarm.map(({ key }) => key);
    this.#toWarm = [];
    const epoch = this.#epoch;
    this.#tails(series).then(
      (tails) => this.#self.tell("warmed", { epoch, series, tails }),
      (error) => this.#fail(epoch, "store", error),
    );
  }

  warmed(epoch: number, keys: string[], tails: Tail[]): void {
    if (epoch !== this.#epoch) return;
    keys.forEach((key, i) => {
      const series = this.#series.get(key);
      const tail = tails[i];
      if (series?.state !== "warming" || tail === undefined) return;
      const { candles, count } = tail;
      series.state = "warm";
      series.base = count;
      series.tail = candles;
      series.lastTs = candles.length === 0 ? -Infinity : candles.ts[candles.length - 1] as number;
      this.#release(series);
    });
    this.flush();
  }

  #send(outbox: Outbox): void {
    while (mayBeSent(outbox)) {
      let rows = 0, count = 0;
      while (count < outbox.parts.length && (count === 0 || rows < REQUEST_ROWS_MAX)) {
        rows += (outbox.parts[count++] as Part).block.length;
      }
      const parts = outbox.parts.splice(0, count);
      outbox.rows -= rows;
      this.#ask(outbox, parts, rows);
    }
  }

  #ask(outbox: Outbox, parts: Part[], rows: number): void {
    const id = ++this.#requestId;
    const epoch = this.#epoch;
    const sentMs = this.#ctx.clock.now();
    // What goes on for several batches is part of the trace of the first that is in one.
    let trail: Trail | null = null;
    for (const { batch } of parts) {
      batch.sentMs = sentMs;
      trail ??= batch.trail;
    }
    outbox.sent.push({ id, outbox, parts });
    const failed = (error: unknown) => {
      // Given up already, and counted, when the pool has failed since.
      this.#takeSent(id);
      this.#fail(epoch, "worker", error);
    };
    this.#ctx.follow(trail, () => {
      if (outbox.live) {
        outbox.ref.ask("labelParts", partsOf(parts), ANSWER).then(
          (reply) => this.#self.tell("labelledParts", { id, reply }),
          failed,
        );
      } else {
        outbox.ref.ask("label", requestOf(parts, rows, outbox), ANSWER).then(
          (reply) => this.#self.tell("labelled", { id, reply }),
          failed,
        );
      }
    });
  }

  /**
   * Takes out the request with this id; null when it was given up. Lists and no map: a small map
   * that is always written to is made anew all the time, and those that reached the old generation
   * keep what came after them alive until it is collected.
   */
  #takeSent(id: number): Request | null {
    for (const { sent } of this.#outboxes) {
      const at = sent.findIndex((request) => request.id === id);
      if (at >= 0) return sent.splice(at, 1)[0] as Request;
    }
    return null;
  }

  labelled(id: number, reply: LabelReply): void {
    this.#counts.busyMs += reply.tookMs;
    const request = this.#takeSent(id);
    if (request === null) return;
    request.outbox.spares.push(new Float64Array(reply.data.buffer));
    const block = labelsIn(reply.labels, "", this.#hash);
    const { outbox, parts } = request;
    const memory = new ReplyMemory(outbox, reply.labels, parts.length);
    for (const part of parts) part.memory = memory;
    this.#found(request, block, 0, reply.ends, reply.cold);
  }

  labelledParts(id: number, { block, from, ends, cold }: LabelPartsReply): void {
    const request = this.#takeSent(id);
    if (request !== null) this.#found(request, block, from, ends, cold);
  }

  /** A request came back: its parts have the rows of `block` up to their ends. */
  #found(
    { outbox, parts }: Request,
    block: LabelBlock,
    fromRow: number,
    ends: ArrayLike<number>,
    cold: readonly number[],
  ): void {
    if (cold.length > 0) {
      this.failed(this.#epoch, "worker", "a worker lost its state");
      return;
    }
    let from = fromRow;
    const nowMs = this.#ctx.clock.now();
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part;
      const to = ends[i] as number;
      part.labels = new Stretch(block, from, to);
      part.batch.left--;
      part.batch.labelledMs = nowMs;
      from = to;
    }
    this.#send(outbox);
    this.#advance();
  }

  // ---- late, corrected and deleted candles ------------------------------------------------------------

  /** The head of the line may rewrite: everything before it is committed. */
  #rewrite(batch: Batch): void {
    batch.rewriting = false;
    batch.sentMs = this.#ctx.clock.now();
    const epoch = this.#epoch;
    for (const part of batch.parts) {
      if (!part.rewrites || part.rewrite !== null) continue;
      this.#ctx.follow(batch.trail, () => {
        this.#rewriteOf(part).then(
          (commit) => this.#self.tell("rewritten", { epoch, part, commit }),
          (error) => this.#fail(epoch, "rewrite", error),
        );
      });
    }
  }

  async #rewriteOf(part: Part, block: CandleBlock = part.block): Promise<SeriesCommit> {
    const { series } = part;
    const { store } = this.#args;
    const fromTs = block.ts.reduce((least, ts) => Math.min(least, ts), Infinity);
    const toTs = block.ts.reduce((most, ts) => Math.max(most, ts), -Infinity) + 1;
    const around = this.#history;
    const before = await store.ask("window", { series: series.key, fromTs, toTs, around }, ANSWER);
    const empty: SeriesCommit = {
      series: series.key,
      baseSeq: before.count,
      append: null,
      replace: null,
      labels: [],
      relabelled: null,
    };
    const { candles, range } = applyChanges(before.candles, block);
    if (range === null) return empty;
    if (before.truncated) {
      const rest = this.#withoutTooOld(block, before.candles.ts[around + 1] ?? Infinity);
      return rest.length === 0 ? empty : this.#rewriteOf(part, rest);
    }
    // Taken out first: the window's columns go to the worker.
    const replace = { ...range, candles: candlesIn(candles, range) };
    const worker = this.#outboxes[series.worker] as Outbox;
    const request = { window: { ...before, candles }, changed: range };
    const reply = await worker.ref.ask("rewrite", request, ANSWER);
    const { labels, range: relabelled } = reply;
    if (!worker.live) this.#counts.busyMs += reply.tookMs;
    const rows = decodeLabels(labels);
    return {
      ...empty,
      replace,
      labels: [{ block: rows, from: 0, to: rows.length }],
      relabelled: { ...relabelled, paramHash: this.#hash },
    };
  }

  /**
   * Buries late candles from before what the store keeps, since their labels cannot be computed any
   * more; gives those from `fromTs` on, which can.
   */
  #withoutTooOld(block: CandleBlock, fromTs: number): CandleBlock {
    const late = candlesWhere(block, (ts) => ts < fromTs);
    const kept = late.length === 0
      ? emptyCandles(block.series)
      : candlesWhere(block, (ts) => ts >= fromTs);
    // A copy: the columns of a batch are its sender's again once it is committed.
    this.#bury(block.series, concatCandles([late.length === 0 ? block : late]));
    return kept;
  }

  rewritten({ epoch, part, commit }: Rewritten): void {
    if (epoch !== this.#epoch) return;
    part.rewrite = commit;
    part.batch.left--;
    part.batch.labelledMs = this.#ctx.clock.now();
    this.#advance();
  }

  // ---- commit ---------------------------------------------------------------------------------------

  /** Commits what is ready at the head of the line, and lets the next one rewrite. */
  #advance(): void {
    const most = this.#args.isFollowed === true ? FOLLOWED_COMMITS_MAX : 1;
    while (this.#committing.length < most) {
      const isFirst = this.#committing.length === 0;
      const { ready, rows } = this.#ready();
      if (ready.length === 0) {
        if (isFirst) this.#rewriteHead();
        return;
      }
      const nowMs = this.#ctx.clock.now();
      const isSoon = nowMs - this.#committingSinceMs < SECOND_COMMIT_MS;
      if (!isFirst && rows < SECOND_COMMIT_ROWS && isSoon) return;
      this.#committing.push(ready);
      this.#committingSinceMs = nowMs;
      const epoch = this.#epoch;
      this.#ctx.follow(trailOf(ready), () => {
        this.#commit(ready.map(commitOf)).then(
          (result) => this.#self.tell("committed", { epoch, result }),
          (error) => this.#fail(epoch, "store", error),
        );
      });
    }
  }

  /** The batches of the next commit. */
  #ready(): { readonly ready: Batch[]; readonly rows: number } {
    const begun = this.#committing.reduce((sum, { length }) => sum + length, 0);
    const ready: Batch[] = [];
    let rows = 0;
    while (ready.length < COMMIT_BATCHES_MAX && rows < COMMIT_ROWS_MAX) {
      const batch = this.#batches[begun + ready.length];
      if (batch === undefined || batch.left > 0) break;
      ready.push(batch);
      rows += batch.rows;
    }
    return { ready, rows };
  }

  #rewriteHead(): void {
    const head = this.#batches[0];
    if (head !== undefined && head.rewriting && this.#onlyRewritesLeft(head)) this.#rewrite(head);
  }

  async #commit(batches: readonly CommitBatch[]): Promise<CommitResult> {
    const { store, packed } = this.#args;
    if (packed !== true) return await store.ask("commit", { batches }, ANSWER);
    return unpackResult(await store.ask("commitPacked", packCommit(batches), ANSWER));
  }

  async #tails(series: readonly string[]): Promise<Tail[]> {
    const { store, packed } = this.#args;
    const wanted = { series, bars: this.#history };
    if (packed !== true) return await store.ask("tails", wanted, ANSWER);
    return unpackTails(await store.ask("tailsPacked", wanted, ANSWER));
  }

  /** Parts that wait behind a rewrite of their own batch's series cannot exist: one part a series. */
  #onlyRewritesLeft(batch: Batch): boolean {
    return batch.parts.every((part) => part.rewrites || part.labels !== null);
  }

  committed(epoch: number, result: CommitResult): void {
    if (epoch !== this.#epoch) {
      // Its batches were given back, but what it touched is touched.
      if (result.state === "committed") this.#tellCache();
      return;
    }
    if (result.state === "refused") {
      this.failed(epoch, result.code, result.message);
      return;
    }
    // They are answered in their order: the store makes them so.
    const done = this.#committing.shift() as Batch[];
    // Taken out at once: a done batch must not keep its columns alive.
    this.#batches.splice(0, done.length);
    const nowMs = this.#ctx.clock.now();
    const { isMeasured = true } = this.#args;
    this.#pace.done(done.length, nowMs);
    if (isMeasured) this.#record(done, nowMs);
    this.#seq = Math.max(this.#seq, result.seq);
    done.forEach((batch, i) => {
      const outcome = result.batches[i] as (typeof result.batches)[number];
      this.#rows -= batch.rows;
      this.#counts.candles += outcome.candles;
      this.#counts.labels += outcome.labels;
      this.#counts.revised += outcome.revised;
      batch.reply.resolve({ state: "committed", seq: result.seq, ...outcome });
    });
    if (this.#args.isFollowed !== true) {
      this.#args.cache?.touched(result.seq, touchedBy(done));
      this.#publish(result);
    }
    if (isMeasured) this.#tally.committed(result, done, nowMs);
    for (const batch of done) this.#afterCommit(batch);
    if (this.#slots.hasSpare) this.#endSpare();
    this.flush();
  }

  /** The times of batches that are committed. Those that went together are recorded together. */
  #record(done: readonly Batch[], nowMs: number): void {
    for (let from = 0, to = 0; from < done.length; from = to) {
      const first = done[from] as Batch;
      while (to < done.length && wentTogether(first, done[to] as Batch)) to++;
      const { arrivedMs, sentMs, labelledMs } = first;
      const times = to - from;
      this.#commitSeconds.record(Math.max(0, nowMs - arrivedMs) / 1_000, times);
      this.#queueSeconds.record(Math.max(0, sentMs - arrivedMs) / 1_000, times);
      this.#computeSeconds.record(Math.max(0, labelledMs - sentMs) / 1_000, times);
      this.#storeSeconds.record(Math.max(0, nowMs - labelledMs) / 1_000, times);
    }
  }

  /** Tells the cache of commits whose answers did not count; nobody waits for it. */
  #tellCache(): void {
    const { cache, store, isFollowed } = this.#args;
    if (cache === undefined || isFollowed === true) return;
    catchUp(cache, store).then(
      (seq) => this.#seq = Math.max(this.#seq, seq),
      (error) => {
        // Nobody knows what was touched.
        cache.missed(Math.max(this.#seq, cache.seq ?? 0));
        this.#ctx.log("warn", "cannot tell the cache of commits", { reason: textOf(error) });
      },
    );
  }

  /**
   * What the store wrote to the label log, as it did: revisions and rows that ceased included. A
   * commit that wrote nothing to it is told of too: what is read then has its seq.
   */
  #publish(result: Committed): void {
    const { sinks = [], commitSinks = [] } = this.#args;
    const { seq, atMs, batches } = result;
    // A store may put the rows together only when they are looked at.
    if (sinks.length > 0) {
      const { labels, runs, revisions, removed } = result.logged;
      const published: PublishedLabels = { seq, atMs, labels, runs, revisions, removed };
      for (const sink of sinks) sink.tell("labels", published);
    }
    if (commitSinks.length === 0) return;
    const rows = batches.reduce((sum, { labels, revised }) => sum + labels + revised, 0);
    for (const sink of commitSinks) sink.tell("committed", { seq, atMs, rows });
  }

  /**
   * A rewritten series starts from the store again; the worker forgot it when it rewrote. One that
   * is to move may do so now.
   */
  #afterCommit(batch: Batch): void {
    for (const part of batch.parts) {
      part.series.touchedSeq = this.#seq;
      if (part.memory !== null) giveBack(part.memory);
      if (!part.rewrites) {
        part.series.underWay--;
        if (part.series.state === "moving") this.#move(part.series);
        continue;
      }
      part.series.state = "cold";
      part.series.tail = null;
      this.#stayWithKind(part.series);
      this.#release(part.series);
    }
  }

  /** A series that is cold goes to the thread that has its partition now, unless it is live. */
  #stayWithKind(series: SeriesState): void {
    const to = this.#threadFor(series.key);
    if (series.worker === this.#slots.max || series.worker === to) return;
    this.#reset(series.worker, [series.key]);
    this.#assign(series, to);
  }

  // ---- failure ----------------------------------------------------------------------------------------

  #fail(epoch: number, code: string, error: unknown): void {
    this.#self.tell("failed", { epoch, code, message: textOf(error) });
  }

  /** Gives everything under way back to whoever sent it; false when that has happened already. */
  failed(epoch: number, code: string, message: string): boolean {
    if (epoch !== this.#epoch) return false;
    this.#epoch++;
    this.#counts.failures++;
    // A commit on its way may be made all the same, and its answer may never come.
    if (this.#committing.length > 0) this.#tellCache();
    const lost = this.#batches;
    this.#batches = [];
    this.#rows = 0;
    this.#committing = [];
    this.#toWarm = [];
    this.#taken.clear();
    const resets = this.#outboxes.map((): string[] => []);
    // Nothing is under way any more, so every series may start from the store again; which ones a
    // lost worker held need not be known.
    for (const series of this.#series.values()) {
      series.state = "cold";
      series.underWay = 0;
      series.tail = null;
      series.waiting = [];
    }
    for (const { series } of lost.flatMap((batch) => batch.parts)) {
      // Its commit may have been made, as the next one.
      series.touchedSeq = this.#seq + 1;
      resets[series.worker]?.push(series.key);
    }
    this.#outboxes.forEach((outbox, i) => {
      outbox.parts = [];
      outbox.rows = 0;
      outbox.sent = [];
      this.#reset(i, resets[i] as string[]);
    });
    this.#spread();
    this.#endSpare();
    for (const batch of lost) batch.reply.resolve({ state: "failed", code, message });
    return true;
  }

  // ---- requests ---------------------------------------------------------------------------------------

  /** Labels of stored candles under any parameters, as columns. */
  async compute(request: ComputeRequest): Promise<ComputedBlock> {
    // Before anything is read: a commit from here on counts as one that the answer does not know.
    const seq = this.#seq;
    const params = labelParams(request.params);
    const { series, fromTs } = request;
    const kinds = request.kinds === undefined ? [] : parseKinds(request.kinds);
    const limit = Math.min(request.limit, kindRowsMax(params, kinds));
    const around = Math.min(COMPUTE_BARS_MAX, kindHistoryBars(params, kinds));
    const { store } = this.#args;
    // One row a candle: what lies beyond the limit need not be read.
    const wanted = await store.ask(
      "candleBlock",
      { series, fromTs, toTs: request.toTs, limit },
      ANSWER,
    );
    const toTs = wanted.length === 0 ? fromTs : (wanted.ts[wanted.length - 1] as number) + 1;
    const window = await store.ask("window", { series, fromTs, toTs, around }, ANSWER);
    const usedTs = usedRange(window, wanted.length < limit ? request.toTs : toTs);
    const asked = await this.#kindsOf(request, kinds);
    // Nothing is awaited from here to the question: a worker could be ended meanwhile.
    const threads = this.#outboxes.slice(0, this.#slots.used);
    const outbox = (threads.length > 0 ? threads : this.#outboxes).reduce((a, b) =>
      b.rows < a.rows ? b : a
    );
    const reply = await outbox.ref.ask(
      "compute",
      {
        candles: window.candles,
        params: request.params,
        range: { fromTs, toTs },
        ...asked,
      },
      ANSWER,
    );
    if (!outbox.live) this.#counts.busyMs += reply.tookMs;
    const columns = reply.kinds === null ? [] : unpackKinds(reply.kinds, kinds.length);
    return {
      state: "ok",
      block: decodeLabels(reply.labels),
      kinds: columns,
      tookMs: reply.tookMs,
      cacheHit: false,
      seq,
      usedTs,
    };
  }

  /** What a request for kinds adds to that of a worker: the instrument's levels, if need be. */
  async #kindsOf({ kinds, series }: ComputeRequest, parsed: readonly AskedKind[]) {
    if (kinds === undefined) return {};
    if (!parsed.some(({ needsLevels }) => needsLevels)) return { kinds };
    const symbol = series.split(":")[0] ?? "";
    const record = (kind: string, key: string) =>
      this.#args.store.ask("record", { kind, key }, ANSWER);
    return { kinds, levels: await levels({ record }, symbol) };
  }

  /** Tells the monitor what was measured since the last time. */
  report(): void {
    this.#tally.takeAdded().forEach((count, at) => this.#outcomes[at]?.add(count));
    const samples = this.#reporter.take();
    if (samples !== null) this.#args.monitor?.tell("report", samples);
  }

  /** What the labels came to. */
  tally() {
    const { clock } = this.#ctx;
    return { atMs: clock.wallNow(), seq: this.#seq, ...this.#tally.view(clock.now()) };
  }

  /** A seq after which no commit was about the series. */
  touchedSeq(series: string): number {
    return this.#series.get(series)?.touchedSeq ?? this.#knownSeq;
  }

  status() {
    return {
      workers: this.#slots.used,
      workersMax: this.#slots.max,
      series: this.#series.size,
      queuedBatches: this.#underWay,
      queuedRows: this.#rows,
      delayMs: this.#underWay === 0 ? 0 : this.#delayMs,
      accepted: this.#admission.accepted,
      refused: this.#admission.refused,
      committedSeq: this.#seq,
      ...this.#counts,
    };
  }
}

const ANSWER = { timeoutMs: ANSWER_TIMEOUT_MS } as const;

/** Workers in use at the start: those that were wished for in an earlier life, as far as they run. */
async function workersUp({ workers, threads }: LabelPoolArgs): Promise<number> {
  const count = threads?.count ?? null;
  if (threads === undefined || count === null) return workers.length;
  const wished = Array.from({ length: Math.min(count, workers.length) }, (_, index) => index);
  const isUp = await Promise.all(wished.map((index) => threads.start(index)));
  const failed = isUp.indexOf(false);
  return failed < 0 ? wished.length : Math.max(1, failed);
}

/** Of the first that is in a trace; null when none is. */
function trailOf(batches: readonly Batch[]): Trail | null {
  for (const { trail } of batches) if (trail !== null) return trail;
  return null;
}

/** Whether two batches came, were sent and were labelled at the same times. */
function wentTogether(a: Batch, b: Batch): boolean {
  return a.arrivedMs === b.arrivedMs && a.sentMs === b.sentMs && a.labelledMs === b.labelledMs;
}

/** One block per series: a source may send a series in several blocks of one batch. */
function mergedBySeries(blocks: readonly CandleBlock[]): readonly CandleBlock[] {
  if (blocks.length < 2) return blocks;
  const seen = new Set<string>();
  for (const block of blocks) seen.add(block.series);
  if (seen.size === blocks.length) return blocks;
  const groups = Map.groupBy(blocks, (block) => block.series);
  return [...groups.values()].map((group) =>
    group.length === 1 ? group[0] as CandleBlock : concatCandles(group)
  );
}

/** Strictly ascending, after `lastTs`, nothing deleted. */
function isAppend(block: CandleBlock, lastTs: number): boolean {
  if (block.deleted !== null) return false;
  let before = lastTs;
  for (let i = 0; i < block.length; i++) {
    const ts = block.ts[i] as number;
    if (!(ts > before)) return false;
    before = ts;
  }
  return true;
}

function emptyOutbox(ref: WorkerRef, live: boolean): Outbox {
  return { ref, live, series: 0, parts: [], rows: 0, sent: [], spares: [], replySpares: [] };
}

/** One part less needs its labels; the last one gives their memory back. */
function giveBack(memory: ReplyMemory): void {
  if (--memory.left > 0) return;
  const { bytes, outbox: { replySpares } } = memory;
  const isLarge = bytes.length >= REPLY_SPARE_ROWS * LABEL_ROW_BYTES;
  if (isLarge && replySpares.length < REPLY_SPARES_MAX) replySpares.push(bytes);
  else release(bytes);
}

function partsOf(parts: readonly Part[]): LabelParts {
  const blocks: CandleBlock[] = [], bases: number[] = [], tails: (CandleBlock | null)[] = [];
  for (const { block, base, tail } of parts) {
    blocks.push(block);
    bases.push(base);
    tails.push(tail);
  }
  return { blocks, bases, tails };
}

function mayBeSent({ parts, rows, sent }: Outbox): boolean {
  if (sent.length === 0) return parts.length > 0;
  return sent.length < REQUESTS_PER_WORKER && rows >= SECOND_REQUEST_ROWS;
}

/** The parts' rows in one buffer, column by column; spares are used where they fit. */
function requestOf(parts: readonly Part[], rows: number, { spares, replySpares }: Outbox) {
  const spare = spares.pop();
  const numbers = rows * CANDLE_COLUMNS.length;
  const fits = spare !== undefined && spare.length >= numbers;
  const data = fits ? spare.subarray(0, numbers) : new Float64Array(numbers);
  const bases = new Float64Array(parts.length);
  const ends = new Int32Array(parts.length);
  const series: string[] = [];
  const tails: (CandleBlock | null)[] = [];
  let at = 0;
  parts.forEach((part, run) => {
    const { block } = part;
    CANDLE_COLUMNS.forEach((name, column) => {
      if (block.length === 1) data[column * rows + at] = block[name][0] as number;
      else data.set(block[name], column * rows + at);
    });
    at += block.length;
    bases[run] = part.base;
    ends[run] = at;
    series.push(part.series.key);
    // In memory of its own: tails of many series may be views of one buffer, which can be given away
    // to one thread only.
    tails.push(part.tail === null ? null : concatCandles([part.tail]));
  });
  const memory = rows < REPLY_SPARE_ROWS ? null : replySpares.pop() ?? null;
  return { data, series, bases, ends, tails, memory };
}

class AppendCommit implements SeriesCommit {
  readonly series: string;
  readonly baseSeq: number;
  readonly append: Rows<CandleBlock>;
  readonly replace = null;
  readonly labels: readonly Rows<LabelBlock>[];
  readonly relabelled = null;

  constructor(part: Part) {
    this.series = part.series.key;
    this.baseSeq = part.base;
    this.append = new Stretch(part.block, 0, part.block.length);
    this.labels = labelsOf(part);
  }
}

function commitOf(batch: Batch): CommitBatch {
  const series = batch.parts.map((part) => part.rewrite ?? new AppendCommit(part));
  const { feed, after, cursor, records, letters } = batch.ingest;
  if (records === undefined && letters === undefined) return { feed, after, cursor, series };
  return { feed, after, cursor, series, records: records ?? [], letters: letters ?? [] };
}

/**
 * Tells the cache what it may not know: a former incarnation may have died between a commit and telling
 * of it, and entries of an earlier process may be older than commits of that. The last commit's seq.
 */
async function catchUp(
  cache: CommittedCandles,
  store: Ref<typeof Store.definition>,
): Promise<number> {
  const known = cache.seq;
  const { seq, oldestSeq } = await store.ask("info", {}, ANSWER);
  const fromSeq = known ?? Math.max(oldestSeq, seq - CAUGHT_UP_COMMITS_MAX);
  const isFar = fromSeq < oldestSeq || seq - fromSeq > CAUGHT_UP_COMMITS_MAX;
  const ranges = isFar || fromSeq >= seq
    ? []
    : await store.ask("touched", { seq: fromSeq, limit: CAUGHT_UP_RANGES_MAX }, ANSWER);
  // A later commit was told of meanwhile: the gap before it has ended everything made of candles.
  if (cache.seq !== known) return seq;
  if (isFar || ranges.length >= CAUGHT_UP_RANGES_MAX) cache.missed(seq);
  else {
    const commits = Map.groupBy(ranges, (range) => range.seq);
    cache.caughtUp(fromSeq, seq, [...commits].map(([seq, ranges]) => ({ seq, ranges })));
  }
  return seq;
}

/** Ranges of candles that batches touched, one a series and batch. */
function touchedBy(batches: readonly Batch[]): TouchedRange[] {
  const ranges: TouchedRange[] = [];
  for (const { parts } of batches) {
    for (const { series: { key: series }, block, rewrite } of parts) {
      if (rewrite === null) {
        const fromTs = block.ts[0] as number;
        ranges.push({ series, fromTs, toTs: (block.ts[block.length - 1] as number) + 1 });
      } else if (rewrite.replace !== null) {
        const { fromTs, toTs } = rewrite.replace;
        ranges.push({ series, fromTs, toTs });
      }
    }
  }
  return ranges;
}

/** Where a candle that comes, goes or changes makes another answer than that of this window. */
function usedRange({ candles, startsSeries, endsSeries }: Window, toTs: number): TsRange {
  const { ts, length } = candles;
  return {
    fromTs: startsSeries || length === 0 ? -Infinity : ts[0] as number,
    toTs: endsSeries || length === 0 ? Infinity : Math.max(toTs, (ts[length - 1] as number) + 1),
  };
}

function labelsOf(part: Part): readonly Rows<LabelBlock>[] {
  if (part.rewrite !== null) return part.rewrite.labels;
  const rows = part.labels;
  return rows === null || rows.from === rows.to ? [] : Array.of(rows);
}
