/**
 * The label pool: batches of candles in, commits and labels out (architecture, flow 1).
 *
 * ## One way through
 * A batch is cut into parts, one per series. A part goes to the worker that owns its series, comes
 * back with the labels that became final, and when all parts of a batch are back and all batches
 * before it are committed, the batch is committed, together with whatever else is ready (group
 * commit). Then, in this order: the sender gets its acknowledgement, and the labels are published.
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
 * ## Coalescing
 * Parts for one worker travel as one request, columns of many series in one buffer. While a worker
 * is at work, parts gather until it answers or a large request is full (J. Nagle, RFC 896): the
 * busier the pool, the larger the requests.
 *
 * @module
 */

import {
  actor,
  type Clock,
  type Context,
  type Deferred,
  type Payload,
  type Ref,
  type Reply,
  type TellRef,
  textOf,
} from "../src/actor/mod.ts";
import {
  Admission,
  ADMISSION_DEFAULTS,
  type AdmissionByCount,
  type AdmissionOptions,
} from "../src/label/admission.ts";
import { applyChanges, candlesIn, candlesWhere } from "../src/label/change.ts";
import { compareLabels } from "../src/label/correction.ts";
import { rowObject } from "../src/label/row_object.ts";
import { historyBars, type LabelParams, labelParams, paramHash } from "../src/label/params.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  concatCandles,
  decodeLabels,
  emptyCandles,
  type LabelBlock,
} from "../src/market/block.ts";
import { partitionOf } from "../src/market/partition.ts";
import type { CommitBatch, CommitResult, Rows, SeriesCommit, Tail } from "../src/store/port.ts";
import {
  type Ingest,
  type IngestReply,
  LabelPool,
  type LabelReply,
  type LabelRun,
  type LabelSink,
  type LabelWorker,
  type PublishedLabels,
  type Store,
} from "./protocols.ts";

type WorkerRef = Ref<typeof LabelWorker.definition>;

/** How a pool is set up. */
export interface LabelPoolArgs {
  readonly store: Ref<typeof Store.definition>;
  /** Partition p belongs to worker p mod their number. */
  readonly workers: readonly WorkerRef[];
  readonly params: LabelParams;
  readonly admission?: AdmissionOptions | AdmissionByCount;
  /** Told of every commit's labels, after it. */
  readonly sinks?: readonly TellRef<typeof LabelSink.definition>[];
}

/** Rows under way at a time: about 60 ms of work on two cores, 25 MB with their labels. */
const ROWS_UNDER_WAY_MAX = 131_072;
/** Batches under way at a time. */
const BATCHES_UNDER_WAY_MAX = 10_000;
/** Rows of one request to a worker: 4 ms of work, so that a request is never the long wait. */
const REQUEST_ROWS_MAX = 8_192;
/** Requests a worker has at a time: one it works on, one that waits for it. */
const REQUESTS_PER_WORKER = 2;
/** Rows that are worth a second request: labelling them takes as long as sending them. */
const SECOND_REQUEST_ROWS = 256;
/** Batches of one commit. */
const COMMIT_BATCHES_MAX = 1_024;
/** Series the pool knows the state of; more are a setting away, and 20,000 cost 3 MB. */
const SERIES_MAX = 100_000;
/** A worker or the store that does not answer within this is taken for lost. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Candles read for one request of labels. */
const COMPUTE_BARS_MAX = 200_000;
/** History for estimators that never forget. */
const TAIL_BARS_MAX = 1_000_000;

const IDS_PER_INCARNATION = 2 ** 32;

interface SeriesState {
  readonly key: string;
  readonly worker: number;
  state: "cold" | "warming" | "warm" | "rewriting";
  /** Candles given out so far: the base of the next part. */
  base: number;
  lastTs: number;
  /** Goes with the next part, which rebuilds the worker's state. */
  tail: CandleBlock | null;
  waiting: Part[];
}

interface Part {
  readonly batch: Batch;
  readonly series: SeriesState;
  readonly block: CandleBlock;
  base: number;
  tail: CandleBlock | null;
  labels: Rows<LabelBlock> | null;
  /** Set for a part with late, corrected or deleted candles once it was worked out. */
  rewrite: SeriesCommit | null;
  /** Rows that a rewrite changed or added: what it computed anew and found the same is no news. */
  news: readonly Rows<LabelBlock>[] | null;
  rewrites: boolean;
}

interface Batch {
  readonly ingest: Ingest;
  readonly reply: Deferred<IngestReply>;
  readonly parts: Part[];
  readonly rows: number;
  readonly arrivedMs: number;
  /** Parts that are not labelled yet. */
  left: number;
  rewriting: boolean;
}

/** Parts that travel together. */
interface Request {
  readonly id: number;
  readonly outbox: Outbox;
  readonly parts: Part[];
}

interface Outbox {
  readonly ref: WorkerRef;
  parts: Part[];
  rows: number;
  /** Requests that are not answered yet. */
  sent: Request[];
  /** Memory of earlier requests that came back: columns lie outside the heap, so a thread's garbage
   * collector would let hundreds of megabytes of them gather. */
  spares: Float64Array[];
}

/** See {@linkcode LabelPool}. */
export const labelPool = actor(LabelPool, (ctx, args: LabelPoolArgs) => {
  const pool = new Pool(ctx, args, (series, candles) => {
    const why = new Error(`the store no longer holds what came before these candles of ${series}`);
    ctx.bury("candles", { series, candles }, why);
  });
  return {
    ingest: (ingest) => {
      const refusal = pool.refusal(ingest, ctx.waitedMs);
      if (refusal !== null) return refusal;
      const reply = ctx.defer<IngestReply>();
      pool.take(ingest, reply);
      return reply;
    },
    compute: (request) => {
      const refusal = pool.computeRefusal(request.priority, ctx.waitedMs);
      if (refusal !== null) return refusal;
      const reply = ctx.defer<ComputeReply>();
      pool.compute(request).then((rows) => reply.resolve(rows), (error) => reply.reject(error));
      return reply;
    },
    status: () => pool.status(),
    flush: () => pool.flush(),
    labelled: ({ id, reply }) => pool.labelled(id, reply),
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

type ComputeRequest = Payload<typeof LabelPool.definition, "compute">;
type ComputeReply = Reply<typeof LabelPool.definition, "compute">;

class Pool {
  readonly #args: LabelPoolArgs;
  readonly #params: LabelParams;
  readonly #hash: string;
  readonly #history: number;
  readonly #self: Ref<typeof LabelPool.definition>;
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #bury: (series: string, candles: CandleBlock) => void;
  readonly #series = new Map<string, SeriesState>();
  readonly #outboxes: Outbox[];
  /** Cursor of the last batch taken from each feed; forgotten when batches go back. */
  readonly #taken = new Map<string, string>();
  /** Batches under way in the order of their arrival. */
  #batches: Batch[] = [];
  #rows = 0;
  #toWarm: SeriesState[] = [];
  #committing: Batch[] | null = null;
  #epoch: number;
  #requestId: number;
  #flushAsked = false;
  #delayMs = 0;
  #seq = 0;
  #counts = { candles: 0, labels: 0, revised: 0, failures: 0 };

  constructor(
    ctx: Context<typeof LabelPool.definition>,
    args: LabelPoolArgs,
    bury: (series: string, candles: CandleBlock) => void,
  ) {
    this.#bury = bury;
    this.#clock = ctx.clock;
    // The mailbox outlives an incarnation, and so do answers on their way: none may pass for new.
    this.#epoch = this.#requestId = ctx.incarnation * IDS_PER_INCARNATION;
    this.#args = args;
    this.#self = ctx.self;
    this.#params = labelParams(args.params);
    this.#hash = paramHash(this.#params);
    this.#history = Math.min(TAIL_BARS_MAX, historyBars(this.#params));
    this.#admission = new Admission(args.admission ?? ADMISSION_DEFAULTS);
    this.#outboxes = args.workers.map((ref) => ({ ref, parts: [], rows: 0, sent: [], spares: [] }));
  }

  // ---- in -----------------------------------------------------------------------------------------

  /** Why a batch is not taken now; null when it is. */
  refusal(ingest: Ingest, waitedMs: number): IngestReply | null {
    const rows = rowsOf(ingest);
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
  computeRefusal(priority: number, waitedMs: number) {
    const delayMs = this.#expectedDelayMs(waitedMs);
    const load = this.#admission.measure === "delayMs" ? delayMs : this.#underWay;
    if (this.#admission.admits(load, priority)) return null;
    return {
      state: "refused" as const,
      code: "overload" as const,
      reason: `overload: it would wait ${Math.round(delayMs)} ms`,
      retryAfterMs: this.#admission.retryAfterMs(delayMs),
    };
  }

  /** A batch that follows on one that was not taken must not be taken either. */
  #follows({ feed, after }: Ingest): boolean {
    const taken = feed === null ? undefined : this.#taken.get(feed);
    return taken === undefined || taken === after;
  }

  /** What arrives now waits as long as the oldest one under way has, and as it did itself so far. */
  #expectedDelayMs(waitedMs: number): number {
    const oldest = this.#batches[0];
    const age = oldest === undefined ? 0 : this.#clock.now() - oldest.arrivedMs;
    return this.#delayMs = waitedMs + age;
  }

  get #underWay(): number {
    return this.#batches.length;
  }

  take(ingest: Ingest, reply: Deferred<IngestReply>): void {
    const parts: Part[] = [];
    const batch: Batch = {
      ingest,
      reply,
      parts,
      rows: rowsOf(ingest),
      arrivedMs: this.#clock.now(),
      left: 0,
      rewriting: false,
    };
    // First, so that making room for a new series forgets none of this batch.
    this.#batches.push(batch);
    for (const block of mergedBySeries(ingest.blocks)) {
      if (block.length === 0) continue;
      const series = this.#stateOf(block.series);
      parts.push({
        batch,
        series,
        block,
        base: 0,
        tail: null,
        labels: null,
        rewrite: null,
        news: null,
        rewrites: false,
      });
    }
    batch.left = parts.length;
    if (ingest.feed !== null && ingest.cursor !== null) this.#taken.set(ingest.feed, ingest.cursor);
    this.#rows += batch.rows;
    for (const part of parts) this.#place(part);
    this.#askFlush();
  }

  #stateOf(key: string): SeriesState {
    let series = this.#series.get(key);
    if (series !== undefined) return series;
    if (this.#series.size >= SERIES_MAX) this.#forgetIdleSeries();
    const worker = partitionOf(key) % this.#outboxes.length;
    series = { key, worker, state: "cold", base: 0, lastTs: -Infinity, tail: null, waiting: [] };
    this.#series.set(key, series);
    return series;
  }

  /** Those with nothing under way can be asked for again; the oldest known go first. */
  #forgetIdleSeries(): void {
    const busy = new Set<SeriesState>();
    for (const batch of this.#batches) for (const part of batch.parts) busy.add(part.series);
    let left = SERIES_MAX / 10;
    for (const [key, series] of this.#series) {
      if (busy.has(series)) continue;
      this.#series.delete(key);
      if (--left <= 0) return;
    }
  }

  /** Sends a part on its way, or lets it wait for its series. */
  #place(part: Part): void {
    const { series } = part;
    if (series.state === "warm" && series.waiting.length === 0) return this.#dispatch(part);
    series.waiting.push(part);
    if (series.state === "cold") {
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
    part.base = series.base;
    part.tail = series.tail;
    series.tail = null;
    series.base += block.length;
    series.lastTs = block.ts[block.length - 1] as number;
    const outbox = this.#outboxes[series.worker] as Outbox;
    outbox.parts.push(part);
    outbox.rows += block.length;
  }

  /** Parts that waited for their series, until one of them makes the others wait again. */
  #release(series: SeriesState): void {
    const waiting = series.waiting;
    series.waiting = [];
    for (const part of waiting) this.#place(part);
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
    this.#args.store.ask("tails", { series, bars: this.#history }, ANSWER).then(
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
      const id = ++this.#requestId;
      const epoch = this.#epoch;
      outbox.sent.push({ id, outbox, parts });
      outbox.ref.ask("label", requestOf(parts, rows, outbox.spares.pop()), ANSWER).then(
        (reply) => this.#self.tell("labelled", { id, reply }),
        (error) => {
          // Given up already, and counted, when the pool has failed since.
          this.#takeSent(id);
          this.#fail(epoch, "worker", error);
        },
      );
    }
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
    const request = this.#takeSent(id);
    if (request === null) return;
    request.outbox.spares.push(new Float64Array(reply.data.buffer));
    if (reply.cold.length > 0) {
      this.failed(this.#epoch, "worker", "a worker lost its state");
      return;
    }
    const block = { ...decodeLabels(reply.labels), paramHash: this.#hash };
    let from = 0;
    request.parts.forEach((part, run) => {
      const to = reply.ends[run] as number;
      part.labels = new Stretch(block, from, to);
      part.batch.left--;
      from = to;
    });
    this.#send(request.outbox);
    this.#advance();
  }

  // ---- late, corrected and deleted candles ------------------------------------------------------------

  /** The head of the line may rewrite: everything before it is committed. */
  #rewrite(batch: Batch): void {
    batch.rewriting = false;
    const epoch = this.#epoch;
    for (const part of batch.parts) {
      if (!part.rewrites || part.rewrite !== null) continue;
      this.#rewriteOf(part).then(
        (commit) => this.#self.tell("rewritten", { epoch, part, commit }),
        (error) => this.#fail(epoch, "rewrite", error),
      );
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
    const worker = (this.#outboxes[series.worker] as Outbox).ref;
    const request = { window: { ...before, candles }, changed: range };
    const { labels, range: relabelled } = await worker.ask("rewrite", request, ANSWER);
    const rows = decodeLabels(labels);
    const held = { series: series.key, paramHash: this.#hash, ...relabelled, limit: TAIL_BARS_MAX };
    const was = await store.ask("labelBlock", held, ANSWER);
    const { changed, added } = compareLabels(was.labels, rows);
    part.news = [...changed, ...added].sort((a, b) => a - b)
      .map((row) => ({ block: rows, from: row, to: row + 1 }));
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
    this.#bury(block.series, late.length === 0 ? block : late);
    return kept;
  }

  rewritten({ epoch, part, commit }: Rewritten): void {
    if (epoch !== this.#epoch) return;
    part.rewrite = commit;
    part.batch.left--;
    this.#advance();
  }

  // ---- commit ---------------------------------------------------------------------------------------

  /** Commits what is ready at the head of the line, and lets the next one rewrite. */
  #advance(): void {
    if (this.#committing !== null) return;
    const ready: Batch[] = [];
    while (ready.length < COMMIT_BATCHES_MAX) {
      const batch = this.#batches[ready.length];
      if (batch === undefined || batch.left > 0) break;
      ready.push(batch);
    }
    const head = this.#batches[0];
    if (ready.length === 0) {
      if (head !== undefined && head.rewriting && this.#onlyRewritesLeft(head)) this.#rewrite(head);
      return;
    }
    this.#committing = ready;
    const epoch = this.#epoch;
    this.#args.store.ask("commit", { batches: ready.map(commitOf) }, ANSWER).then(
      (result) => this.#self.tell("committed", { epoch, result }),
      (error) => this.#fail(epoch, "store", error),
    );
  }

  /** Parts that wait behind a rewrite of their own batch's series cannot exist: one part a series. */
  #onlyRewritesLeft(batch: Batch): boolean {
    return batch.parts.every((part) => part.rewrites || part.labels !== null);
  }

  committed(epoch: number, result: CommitResult): void {
    if (epoch !== this.#epoch) return;
    if (result.state === "refused") {
      this.failed(epoch, result.code, result.message);
      return;
    }
    const done = this.#committing as Batch[];
    this.#committing = null;
    // Taken out at once: a done batch must not keep its columns alive.
    this.#batches.splice(0, done.length);
    this.#seq = result.seq;
    done.forEach((batch, i) => {
      const outcome = result.batches[i] as (typeof result.batches)[number];
      this.#rows -= batch.rows;
      this.#counts.candles += outcome.candles;
      this.#counts.labels += outcome.labels;
      this.#counts.revised += outcome.revised;
      batch.reply.resolve({ state: "committed", seq: result.seq, ...outcome });
    });
    this.#publish(result.seq, done);
    for (const batch of done) this.#afterRewrites(batch);
    this.flush();
  }

  #publish(seq: number, done: Batch[]): void {
    const sinks = this.#args.sinks ?? [];
    if (sinks.length === 0) return;
    const runs = new Map<LabelBlock, LabelRun[]>();
    for (const batch of done) {
      for (const part of batch.parts) {
        for (const { block, from, to } of part.news ?? labelsOf(part)) {
          const run = { series: part.series.key, from, to };
          const known = runs.get(block);
          if (known === undefined) runs.set(block, [run]);
          else known.push(run);
        }
      }
    }
    if (runs.size === 0) return;
    const labels = Array.from(runs, ([block, runs]) => ({ block, runs }));
    const published: PublishedLabels = { seq, labels, at: this.#clock.wallNow() };
    for (const sink of sinks) sink.tell("labels", published);
  }

  /** A rewritten series starts from the store again; the worker forgot it when it rewrote. */
  #afterRewrites(batch: Batch): void {
    for (const part of batch.parts) {
      if (!part.rewrites) continue;
      part.series.state = "cold";
      part.series.tail = null;
      this.#release(part.series);
    }
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
    const lost = this.#batches;
    this.#batches = [];
    this.#rows = 0;
    this.#committing = null;
    this.#toWarm = [];
    this.#taken.clear();
    const resets = this.#outboxes.map((): string[] => []);
    // Nothing is under way any more, so every series may start from the store again; which ones a
    // lost worker held need not be known.
    for (const series of this.#series.values()) {
      series.state = "cold";
      series.tail = null;
      series.waiting = [];
    }
    for (const { series } of lost.flatMap((batch) => batch.parts)) {
      resets[series.worker]?.push(series.key);
    }
    this.#outboxes.forEach((outbox, i) => {
      outbox.parts = [];
      outbox.rows = 0;
      outbox.sent = [];
      const series = resets[i] as string[];
      if (series.length > 0) outbox.ref.tell("reset", { series });
    });
    for (const batch of lost) batch.reply.resolve({ state: "failed", code, message });
    return true;
  }

  // ---- requests ---------------------------------------------------------------------------------------

  async compute(request: ComputeRequest): Promise<ComputeReply> {
    const params = labelParams(request.params as Partial<LabelParams>);
    const { series, fromTs, limit } = request;
    const around = Math.min(COMPUTE_BARS_MAX, historyBars(params));
    const { store } = this.#args;
    // One row a candle: what lies beyond the limit need not be read.
    const wanted = await store.ask(
      "candleBlock",
      { series, fromTs, toTs: request.toTs, limit },
      ANSWER,
    );
    const toTs = wanted.length === 0 ? fromTs : (wanted.ts[wanted.length - 1] as number) + 1;
    const window = await store.ask("window", { series, fromTs, toTs, around }, ANSWER);
    const outbox = this.#outboxes.reduce((a, b) => b.rows < a.rows ? b : a);
    const reply = await outbox.ref.ask(
      "compute",
      { candles: window.candles, params: request.params, range: { fromTs, toTs } },
      ANSWER,
    );
    const labels = decodeLabels(reply.labels);
    const rows = [];
    for (let row = 0; row < Math.min(labels.length, request.limit); row++) {
      rows.push(rowObject(labels, row));
    }
    return { state: "ok", rows, tookMs: reply.tookMs, cacheHit: false };
  }

  status() {
    return {
      workers: this.#outboxes.length,
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

function rowsOf(ingest: Ingest): number {
  let rows = 0;
  for (const block of ingest.blocks) rows += block.length;
  return rows;
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

function mayBeSent({ parts, rows, sent }: Outbox): boolean {
  if (sent.length === 0) return parts.length > 0;
  return sent.length < REQUESTS_PER_WORKER && rows >= SECOND_REQUEST_ROWS;
}

/** The parts' rows in one buffer, column by column; `spare` is used if they fit. */
function requestOf(parts: readonly Part[], rows: number, spare: Float64Array | undefined) {
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
    tails.push(part.tail);
  });
  return { data, series, bases, ends, tails };
}

// What a commit is made of comes from constructors: V8 puts literals whose first ones lived long (the
// thousand series of a first batch, say) into the old generation for good, where each keeps its
// columns alive until a full collection.

class Stretch<Block> implements Rows<Block> {
  constructor(readonly block: Block, readonly from: number, readonly to: number) {}
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
  const { feed, after, cursor } = batch.ingest;
  return { feed, after, cursor, series };
}

function labelsOf(part: Part): readonly Rows<LabelBlock>[] {
  if (part.rewrite !== null) return part.rewrite.labels;
  const rows = part.labels;
  return rows === null || rows.from === rows.to ? [] : Array.of(rows);
}
