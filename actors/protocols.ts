/**
 * Every actor's messages: the only vocabulary that actors share.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import type { CandleBlock, LabelBlock } from "../src/market/block.ts";
import type { FeedBatch } from "../src/feed/port.ts";
import type { TsRange } from "../src/label/correction.ts";
import type {
  CommitBatch,
  CommitResult,
  LoggedLabels,
  StoredLabels,
  Tail,
  Window,
} from "../src/store/port.ts";

const nothing = z.strictObject({});
const seriesKey = z.string().min(1).max(64);
const time = z.number().min(-8.64e15).max(8.64e15);

// ---- store ----------------------------------------------------------------------------------------

/** Sole writer of candles, labels and cursors. */
export const Store = protocol("store", {
  commit: {
    payload: z.custom<{ readonly batches: readonly CommitBatch[] }>(),
    reply: z.custom<CommitResult>(),
    internal: true,
    priority: "high",
  },
  tails: {
    payload: z.custom<{ readonly series: readonly string[]; readonly bars: number }>(),
    reply: z.custom<Tail[]>(),
    internal: true,
    priority: "high",
  },
  window: {
    payload: z.custom<{ readonly series: string; readonly around: number } & TsRange>(),
    reply: z.custom<Window>(),
    internal: true,
    priority: "high",
  },
  candleBlock: {
    payload: z.custom<{ readonly series: string; readonly limit: number } & TsRange>(),
    reply: z.custom<CandleBlock>(),
    internal: true,
  },
  labelBlock: {
    payload: z.custom<
      { readonly series: string; readonly paramHash: string; readonly limit: number } & TsRange
    >(),
    reply: z.custom<StoredLabels>(),
    internal: true,
  },
  labelsAfter: {
    payload: z.custom<{ readonly seq: number; readonly limit: number }>(),
    reply: z.custom<LoggedLabels[]>(),
    internal: true,
  },
  cursor: {
    about: "Committed cursor of a feed, or null",
    payload: z.strictObject({ feed: z.string().min(1).max(128) }),
    reply: z.string().nullable(),
  },
  series: {
    about: "Series that hold candles, with their counts and last times",
    payload: nothing,
    reply: z.array(z.strictObject({ series: seriesKey, count: z.number(), lastTs: z.number() })),
  },
  seq: { about: "Seq of the last commit", payload: nothing, reply: z.number() },
});

// ---- label workers --------------------------------------------------------------------------------

/**
 * Rows of many series in one buffer: column by column `ts, open, high, low, close, volume`, each
 * `rows` long. Run i covers the rows up to `ends[i]` and belongs to `series[i]`.
 */
export interface LabelRequest {
  readonly data: Float64Array;
  readonly series: string[];
  /** Candles of each series before its run. */
  readonly bases: Float64Array;
  readonly ends: Int32Array;
  /** Last committed candles of series whose state has to be built anew; null for the others. */
  readonly tails: (CandleBlock | null)[];
}

/** Rows of all runs in one encoded label block; run i covers the rows up to `ends[i]`. */
export interface LabelReply {
  readonly labels: Uint8Array;
  readonly ends: Int32Array;
  /** Runs that were left out: the worker's state is not at their base. */
  readonly cold: number[];
  /** Time the labelling took, ms. */
  readonly tookMs: number;
  /** The memory of the request's columns, given back for the next one. */
  readonly data: Float64Array;
}

const labelParams = z.strictObject({
  horizon: z.int().min(1).max(10_000).optional(),
  up: z.number().positive().optional(),
  down: z.number().positive().optional(),
  tie: z.enum(["lower", "upper"]).optional(),
  vertical: z.enum(["zero", "sign"]).optional(),
  maxGapMs: z.int().positive().optional(),
  volatility: z.enum(["atr", "parkinson", "garman-klass", "yang-zhang", "ewma"]).optional(),
});

/** Parameters of a request for labels; what is left out has the default. */
export type LabelParamsInput = z.output<typeof labelParams>;

/** Holds the labelers of the series that are routed to it. */
export const LabelWorker = protocol("label_worker", {
  label: {
    payload: z.custom<LabelRequest>(),
    reply: z.custom<LabelReply>(),
    internal: true,
    columns: true,
  },
  rewrite: {
    payload: z.custom<
      { readonly window: Window; readonly changed: TsRange }
    >(),
    reply: z.custom<{ readonly labels: Uint8Array; readonly range: TsRange }>(),
    internal: true,
    columns: true,
  },
  compute: {
    payload: z.custom<{
      readonly candles: CandleBlock;
      readonly params: LabelParamsInput;
      /** Rows wanted; the candles reach further on both sides. */
      readonly range: TsRange;
    }>(),
    reply: z.custom<{ readonly labels: Uint8Array; readonly tookMs: number }>(),
    internal: true,
    columns: true,
  },
  reset: { payload: z.custom<{ readonly series: readonly string[] }>(), internal: true },
  status: {
    about: "Series held and candles labelled since the thread started",
    payload: nothing,
    reply: z.strictObject({ series: z.number(), candles: z.number(), labels: z.number() }),
  },
});

// ---- label pool -----------------------------------------------------------------------------------

/** Rows from ≤ row < to of a block, all of one series. */
export interface LabelRun {
  /** Series key of the rows. */
  readonly series: string;
  /** First row of the run. */
  readonly from: number;
  /** Row after the last one. */
  readonly to: number;
}

/** Labels of one commit, published after it. */
export interface PublishedLabels {
  /** Seq of the commit in the store; ascending from one call to the next. */
  readonly seq: number;
  /** Each block once, with the rows in it that are meant; it may hold others. */
  readonly labels: readonly { readonly block: LabelBlock; readonly runs: readonly LabelRun[] }[];
  /** Epoch ms of the commit. */
  readonly at: number;
}

/** Answer to a batch of candles. */
export type IngestReply =
  | {
    readonly state: "committed";
    readonly seq: number;
    readonly candles: number;
    readonly corrected: number;
    readonly labels: number;
    readonly revised: number;
  }
  | {
    readonly state: "refused";
    /** `order`: the feed's batch before it was not taken; the others go by themselves. */
    readonly code: "room" | "overload" | "order";
    readonly reason: string;
    readonly retryAfterMs: number;
  }
  | { readonly state: "failed"; readonly code: string; readonly message: string };

/** A batch of candles as received; see `src/feed/port.ts`. */
export interface Ingest {
  /** Whose cursor moves with it; null = nobody's. */
  readonly feed: string | null;
  /** Cursor of the feed's batch before this one; batches of a feed are taken in their order. */
  readonly after: string | null;
  readonly cursor: string | null;
  readonly blocks: readonly CandleBlock[];
  /** 0 to 10; 10 is refused last. */
  readonly priority: number;
  /** The sender waits as long as it takes: only the bound on rows refuses it. */
  readonly bulk: boolean;
}

const labelRow = z.record(z.string(), z.union([z.number(), z.string(), z.null()]));

/** Routes series to workers, commits what they find, and answers requests for labels. */
export const LabelPool = protocol("label_pool", {
  ingest: { payload: z.custom<Ingest>(), reply: z.custom<IngestReply>(), internal: true },
  compute: {
    about: "Labels of stored candles under any parameters",
    payload: z.strictObject({
      series: seriesKey,
      fromTs: time,
      toTs: time,
      params: labelParams.default({}),
      priority: z.int().min(0).max(10).default(5),
      limit: z.int().min(1).max(10_000).default(1_000),
    }),
    reply: z.discriminatedUnion("state", [
      z.strictObject({
        state: z.literal("ok"),
        rows: z.array(labelRow),
        tookMs: z.number(),
        cacheHit: z.boolean(),
      }),
      z.strictObject({
        state: z.literal("refused"),
        code: z.literal("overload"),
        reason: z.string(),
        retryAfterMs: z.number(),
      }),
    ]),
  },
  status: {
    about: "Queue, delay and counts of the pool",
    payload: nothing,
    reply: z.strictObject({
      workers: z.number(),
      series: z.number(),
      queuedBatches: z.number(),
      queuedRows: z.number(),
      delayMs: z.number(),
      accepted: z.number(),
      refused: z.number(),
      committedSeq: z.number(),
      candles: z.number(),
      labels: z.number(),
      revised: z.number(),
      failures: z.number(),
    }),
  },
  // What the pool tells itself: answers of workers and store, as messages, one at a time.
  flush: { payload: nothing, internal: true, priority: "low" },
  labelled: {
    payload: z.custom<{ readonly id: number; readonly reply: LabelReply }>(),
    internal: true,
    priority: "high",
  },
  warmed: {
    payload: z.custom<
      { readonly epoch: number; readonly series: string[]; readonly tails: Tail[] }
    >(),
    internal: true,
    priority: "high",
  },
  rewritten: { payload: z.custom<unknown>(), internal: true, priority: "high" },
  committed: {
    payload: z.custom<{ readonly epoch: number; readonly result: CommitResult }>(),
    internal: true,
    priority: "high",
  },
  failed: {
    payload: z.custom<
      { readonly epoch: number; readonly code: string; readonly message: string }
    >(),
    internal: true,
    priority: "high",
  },
});

/** Anyone who wants labels as they are committed. */
export const LabelSink = protocol("label_sink", {
  labels: { payload: z.custom<PublishedLabels>(), internal: true },
});

// ---- feeds ----------------------------------------------------------------------------------------

/** One source of candles. */
export const Feed = protocol("feed", {
  status: {
    about: "Where the source stands and what became of its rows",
    payload: nothing,
    reply: z.strictObject({
      state: z.enum(["running", "waiting", "paused", "ended"]),
      cursor: z.string().nullable(),
      batches: z.number(),
      rows: z.number(),
      rejected: z.number(),
      retries: z.number(),
      lastError: z.string().nullable(),
    }),
  },
  pause: {
    about: "Stops reading; replies when what was read is committed",
    payload: nothing,
    reply: z.null(),
  },
  resume: { about: "Goes on reading", payload: nothing },
  ended: {
    about: "Replies when the source has ended and all is committed",
    payload: nothing,
    reply: z.null(),
  },
  // What the feed tells itself: answers of its source and of the pool.
  go: { payload: nothing, internal: true },
  read: {
    payload: z.custom<{ readonly epoch: number; readonly batch: FeedBatch | null }>(),
    internal: true,
  },
  settled: {
    payload: z.custom<
      { readonly epoch: number; readonly id: number; readonly reply: IngestReply }
    >(),
    internal: true,
  },
  broke: {
    payload: z.custom<{ readonly epoch: number; readonly message: string }>(),
    internal: true,
  },
});
