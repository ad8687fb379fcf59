/**
 * Every actor's messages: the only vocabulary that actors share.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import type { CandleBlock, LabelBlock } from "../src/market/block.ts";
import type { FeedBatch } from "../src/feed/port.ts";
import type { KeptAlerts } from "../src/monitor/alert_desk.ts";
import type { TuningNews } from "../src/monitor/tuning_desk.ts";
import type { Finding, Health } from "../src/monitor/finding.ts";
import type { Sample } from "../src/monitor/samples.ts";
import type { HistogramFamily, MetricsSnapshot, NumberFamily } from "../src/monitor/snapshot.ts";
import { feedStatus } from "../src/feed/status.ts";
import type {
  KeptLetter,
  LetterCounts,
  LetterQuery,
  PlannedReplay,
  Replayed,
} from "../src/http/port.ts";
import {
  ackReply,
  alertAck,
  alertId,
  alertsQuery,
  alertsReply,
} from "../src/http/alert_schemas.ts";
import { figuresQuery, figuresReply } from "../src/http/live_schemas.ts";
import { tuningReply } from "../src/http/tuning_schemas.ts";
import { healthScore } from "../src/http/health_schemas.ts";
import { kinds, streamCursor } from "../src/http/schemas.ts";
import type { GroupNews } from "../src/monitor/alert_group_desk.ts";
import type { ToldAlerts, ToldMark } from "../src/monitor/alert_outbox.ts";
import type { CallFailure, CallOutcome } from "../src/http/webhook/call.ts";
import { alertSinkStatus, type AlertTestResult } from "../src/http/webhook/alert_sink_status.ts";
import { webhookStatus } from "../src/http/webhook/status.ts";
import type { Refusal } from "../src/label/admission.ts";
import type { TsRange } from "../src/label/correction.ts";
import type { KindColumns } from "../src/label/kinds/columns.ts";
import type { TallyView } from "../src/label/label_tally.ts";
import type {
  LabelPage,
  LabelPageQuery,
  LabelPieceQuery,
  TextMemory,
} from "../src/store/label_text.ts";
import type { Fence, LogPosition } from "../src/store/log/port.ts";
import type { TouchedNews } from "../src/store/nodes/followed_store.ts";
import {
  type BatchOutcome,
  type BatchRecord,
  type BuryResult,
  type CommitBatch,
  type CommitResult,
  LETTER_BOUNDS,
  type LoggedCommit,
  type NewLetter,
  type Refused,
  type StoredLabels,
  type StoreInfo,
  type Tail,
  type Window,
} from "../src/store/port.ts";
import type { TouchedSeries } from "../src/store/touched_series.ts";
import {
  type LabelParamsInput,
  labelParamsInput,
  type LabelPartsReply,
  type LabelReply,
  PART_BYTES,
} from "./protocols_label.ts";

export {
  type LabelParamsInput,
  type LabelParts,
  type LabelPartsReply,
  type LabelReply,
  type LabelRequest,
  LabelWorker,
} from "./protocols_label.ts";

const nothing = z.strictObject({});

// What messages between parts of the ingest path are accounted with: their columns were accounted
// for when they came in, and walking all of a commit would cost more than making it.
const BATCH_BYTES = 512;
const seriesKey = z.string().min(1).max(64);
const recordKey = z.string().min(1).max(256);
const time = z.number().min(-8.64e15).max(8.64e15);

// ---- store ----------------------------------------------------------------------------------------

const wallMs = z.number().min(-8.64e15).max(8.64e15);
const seq = z.number().min(0);
const letterFilter = z.strictObject({
  id: z.int().optional(),
  ids: z.array(z.int()).max(LETTER_BOUNDS.idsMax).optional(),
  afterId: z.int().optional(),
  beforeId: z.int().optional(),
  isLatestFirst: z.boolean().optional(),
  path: z.string().max(4_096).optional(),
  type: z.string().max(4_096).optional(),
  reason: z.string().max(64).optional(),
});
const letter = z.strictObject({
  id: z.number(),
  atMs: wallMs,
  path: z.string(),
  type: z.string(),
  reason: z.string(),
  error: z.string().nullable(),
  payload: z.string().nullable(),
});
const written = z.union([
  z.strictObject({ state: z.literal("written") }),
  z.strictObject({
    state: z.literal("refused"),
    code: z.enum(["stale", "too_old", "full", "disk_full", "busy", "broken"]),
    message: z.string(),
  }),
]);

type SeriesRange = { readonly series: string } & TsRange;
type AsOf = { readonly limit: number; readonly asOf?: number };

/** Sole writer of what must survive. */
export const Store = protocol("store", {
  commit: {
    payload: z.custom<{ readonly batches: readonly CommitBatch[] }>(),
    reply: z.custom<CommitResult>(),
    internal: true,
    priority: "high",
    bytesOf: ({ batches }: { batches: readonly CommitBatch[] }) => BATCH_BYTES * batches.length,
  },
  // As one buffer each, for the way to a thread; see `src/store/commit_codec.ts`.
  commitPacked: {
    payload: z.custom<Uint8Array>(),
    reply: z.custom<Uint8Array>(),
    internal: true,
    priority: "high",
    columns: true,
  },
  tailsPacked: {
    payload: z.custom<{ readonly series: readonly string[]; readonly bars: number }>(),
    reply: z.custom<Uint8Array>(),
    internal: true,
    priority: "high",
    columns: true,
  },
  labelsAfterPacked: {
    payload: z.custom<{ readonly seq: number; readonly limit: number }>(),
    reply: z.custom<Uint8Array>(),
    internal: true,
    columns: true,
  },
  tails: {
    payload: z.custom<{ readonly series: readonly string[]; readonly bars: number }>(),
    reply: z.custom<Tail[]>(),
    internal: true,
    priority: "high",
  },
  window: {
    payload: z.custom<SeriesRange & { readonly around: number }>(),
    reply: z.custom<Window>(),
    internal: true,
    columns: true,
    priority: "high",
  },
  candleBlock: {
    payload: z.custom<SeriesRange & AsOf>(),
    reply: z.custom<CandleBlock>(),
    internal: true,
    columns: true,
  },
  labelBlock: {
    payload: z.custom<SeriesRange & AsOf & { readonly paramHash: string }>(),
    reply: z.custom<StoredLabels>(),
    internal: true,
    columns: true,
  },
  // Their text; the memory that it is written into goes there and back.
  labelPage: {
    payload: z.custom<LabelPageQuery>(),
    reply: z.custom<LabelPage>(),
    internal: true,
    columns: true,
  },
  labelPiece: {
    payload: z.custom<LabelPieceQuery>(),
    reply: z.custom<TextMemory>(),
    internal: true,
    columns: true,
  },
  labelsAfter: {
    payload: z.custom<{ readonly seq: number; readonly limit: number }>(),
    reply: z.custom<LoggedCommit[]>(),
    internal: true,
  },
  buryLetters: {
    payload: z.custom<{ readonly letters: readonly NewLetter[] }>(),
    reply: z.custom<BuryResult>(),
    internal: true,
  },
  cursor: {
    about: "Committed cursor of a feed, or null",
    payload: z.strictObject({ feed: z.string().min(1).max(128) }),
    reply: z.string().nullable(),
  },
  cursors: {
    about: "Committed cursors of all feeds",
    payload: nothing,
    reply: z.array(z.strictObject({ feed: z.string(), cursor: z.string() })),
  },
  series: {
    about: "Series that hold candles, with their counts and last times",
    payload: nothing,
    reply: z.array(z.strictObject({ series: seriesKey, count: z.number(), lastTs: z.number() })),
  },
  seq: { about: "Seq of the last commit", payload: nothing, reply: z.number() },
  touched: {
    about: "Ranges of candles that commits after a seq touched",
    payload: z.strictObject({ seq, limit: z.int().min(1).max(100_000).default(1_000) }),
    reply: z.array(
      z.strictObject({
        seq: z.number(),
        series: z.string(),
        fromTs: z.number(),
        toTs: z.number(),
      }),
    ),
  },
  touchedSeries: {
    payload: z.custom<{ readonly seq: number; readonly limit: number }>(),
    reply: z.custom<TouchedSeries>(),
    internal: true,
  },
  putRecord: {
    about: "Keeps a small thing as JSON under a kind and a key",
    payload: z.strictObject({ kind: recordKey, key: recordKey, json: z.string().max(2 ** 24) }),
    reply: written,
  },
  dropRecord: {
    about: "Drops a record",
    payload: z.strictObject({ kind: recordKey, key: recordKey }),
    reply: written,
  },
  record: {
    about: "One record, or null",
    payload: z.strictObject({ kind: recordKey, key: recordKey }),
    reply: z.string().nullable(),
  },
  records: {
    about: "All records of a kind",
    payload: z.strictObject({ kind: recordKey }),
    reply: z.array(z.strictObject({ key: z.string(), json: z.string() })),
  },
  letters: {
    about: "Dead letters that are kept, oldest first",
    payload: z.strictObject({
      filter: letterFilter.default({}),
      limit: z.int().min(1).max(10_000).default(100),
    }),
    reply: z.array(letter),
  },
  dropLetters: {
    about: "Drops kept dead letters",
    payload: z.strictObject({ filter: letterFilter }),
    reply: z.custom<{ readonly state: "dropped"; readonly count: number } | Refused>(),
  },
  // In a node, whose store is a copy that follows a log: the tokens it writes under, all of them.
  setFences: {
    payload: z.custom<{ readonly fences: readonly Fence[] }>(),
    reply: z.null(),
    internal: true,
    priority: "high",
  },
  // Replies once the copy has applied the log up to there: with the cursors of feeds.
  caughtUp: {
    payload: z.custom<{ readonly position: LogPosition; readonly feeds: readonly string[] }>(),
    reply: z.custom<readonly (string | null)[]>(),
    internal: true,
    priority: "high",
  },
  // What a commit does, as `commitPacked`, but the log refuses it: for a node that is starting.
  rehearse: {
    payload: z.custom<Uint8Array>(),
    reply: z.custom<Uint8Array>(),
    internal: true,
    priority: "high",
    columns: true,
  },
  // Where the copy stands in the log.
  appliedPosition: {
    payload: nothing,
    reply: z.custom<LogPosition>(),
    internal: true,
    priority: "high",
  },
  // The copy is behind what the log still holds: it crashes, and begins at the snapshot.
  reopen: {
    payload: z.custom<{ readonly reason: string }>(),
    internal: true,
  },
  // Replies once there is a commit after the seq, or a record after so many changes, and after about
  // a second in any case.
  appliedAfter: {
    payload: z.custom<
      { readonly seq: number; readonly changes: number; readonly ranges: number }
    >(),
    reply: z.custom<TouchedNews>(),
    internal: true,
  },
  info: {
    about: "Seq, sizes, state and how far back history reaches",
    payload: nothing,
    reply: z.custom<StoreInfo>(),
    priority: "high",
  },
  backup: {
    about: "Makes a consistent copy in a new file; its size in bytes",
    payload: z.strictObject({ path: z.string().min(1).max(4_096) }),
    reply: z.number(),
  },
});

// ---- label pool -----------------------------------------------------------------------------------

/**
 * Labels of one commit, published after it: what the store wrote to its log, seqs ascending. None
 * when it wrote nothing to it.
 */
export type PublishedLabels = LoggedCommit;

/** Answer to a batch of candles. */
export type IngestReply =
  | ({ readonly state: "committed"; readonly seq: number } & BatchOutcome)
  | {
    readonly state: "refused";
    /** `order`: the feed's batch before it was not taken; the others go by themselves. */
    readonly code: "room" | "overload" | "order";
    readonly reason: string;
    readonly retryAfterMs: number;
  }
  | { readonly state: "failed"; readonly code: string; readonly message: string };

/** An ingest without its rows. */
const INGEST_BYTES = 512;
/** Six numbers. */
const CANDLE_BYTES = 48;

/** Rows of all blocks. */
export function rowsOf(blocks: readonly CandleBlock[]): number {
  let rows = 0;
  for (const block of blocks) rows += block.length;
  return rows;
}

/** A batch of candles as received; see `src/feed/port.ts`. */
export interface Ingest {
  /** Whose cursor moves with it; null = nobody's. */
  readonly feed: string | null;
  /** Cursor of the feed's batch before this one; batches of a feed are taken in their order. */
  readonly after: string | null;
  readonly cursor: string | null;
  readonly blocks: readonly CandleBlock[];
  /** Records and dead letters that are committed with it; none unless given. */
  readonly records?: readonly BatchRecord[];
  readonly letters?: readonly NewLetter[];
  /** 0 to 10; 10 is refused last. */
  readonly priority: number;
  /** The sender waits as long as it takes: only the bound on rows refuses it. */
  readonly bulk: boolean;
}

/** A request for labels. */
export interface ComputeRequest extends TsRange {
  readonly series: string;
  readonly params: LabelParamsInput;
  /** Further kinds, as `parseKinds` reads them. */
  readonly kinds?: string | undefined;
  /** 0 to 10; 10 is refused last. */
  readonly priority: number;
  /** Most rows. */
  readonly limit: number;
}

/** Labels that were asked for. */
export interface ComputedBlock {
  readonly state: "ok";
  readonly block: LabelBlock;
  /** Columns of the kinds asked for. */
  readonly kinds: KindColumns;
  /** Time the labelling took, ms. */
  readonly tookMs: number;
  /** Whether it was known already. */
  readonly cacheHit: boolean;
  /** It knows every commit up to this one. */
  readonly seq: number;
  /** Commits that touch candles outside of this range do not change it. */
  readonly usedTs: TsRange;
}

/** What the labels of commits came to. */
export interface PoolTally extends TallyView {
  /** Epoch ms. */
  readonly atMs: number;
  /** Seq of the last commit that is counted. */
  readonly seq: number;
}

/** What a shard of the cache asks for: it starts before the pool, and so it cannot `ask`. */
export interface ComputeFor {
  /** Index of the shard that is told. */
  readonly shard: number;
  /** The shard's own number of this request. */
  readonly id: number;
  readonly request: ComputeRequest;
}

const labelRow = z.record(z.string(), z.union([z.number(), z.string(), z.null()]));

const workers = { active: z.number(), max: z.number() };
const workersReply = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("set"), ...workers }),
  z.strictObject({ state: z.literal("refused"), reason: z.string(), ...workers }),
]);

/** What became of a wish for so many label workers, how many are in use now, and how many can be. */
export type WorkersReply = z.output<typeof workersReply>;

/** Routes series to workers, commits what they find, and answers requests for labels. */
export const LabelPool = protocol("label_pool", {
  ingest: {
    payload: z.custom<Ingest>(),
    reply: z.custom<IngestReply>(),
    internal: true,
    bytesOf: ({ blocks }: Ingest) => INGEST_BYTES + CANDLE_BYTES * rowsOf(blocks),
  },
  compute: {
    about: "Labels of stored candles under any parameters, with further kinds",
    payload: z.strictObject({
      series: seriesKey,
      fromTs: time,
      toTs: time,
      params: labelParamsInput.default({}),
      kinds: kinds.optional(),
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
  // The same as columns.
  computeBlock: {
    payload: z.custom<ComputeRequest>(),
    reply: z.custom<ComputedBlock | Refusal>(),
    internal: true,
  },
  // The same for a shard of the cache, which gets it as a message.
  computeFor: { payload: z.custom<ComputeFor>(), internal: true },
  status: {
    about: "Queue, delay and counts of the pool",
    payload: nothing,
    reply: z.strictObject({
      workers: z.number(),
      workersMax: z.number(),
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
      moves: z.number(),
      busyMs: z.number(),
    }),
  },
  setWorkers: {
    about: "Sets how many of its threads the pool uses; those beyond end",
    payload: z.strictObject({ count: z.int() }),
    reply: workersReply,
  },
  // How the start, and the end, of a thread went; `life` is the incarnation that wished for it.
  workerStarted: {
    payload: z.custom<
      { readonly life: number; readonly index: number; readonly isRunning: boolean }
    >(),
    internal: true,
  },
  workerStopped: {
    payload: z.custom<{ readonly life: number; readonly index: number }>(),
    internal: true,
  },
  // What the labels of commits came to, since the pool started.
  tally: { payload: nothing, reply: z.custom<PoolTally>(), internal: true },
  // A seq after which no commit was about a series.
  touchedSeq: {
    payload: z.custom<{ readonly series: string }>(),
    reply: z.custom<number>(),
    internal: true,
  },
  // In a node: the store has commits up to this one; and partitions that may not be as they were.
  applied: {
    payload: z.custom<{ readonly seq: number }>(),
    internal: true,
    priority: "high",
  },
  forget: {
    payload: z.custom<{ readonly partitions: readonly number[] }>(),
    internal: true,
    priority: "high",
  },
  // What the pool tells itself: answers of workers and store, as messages, one at a time.
  flush: { payload: nothing, internal: true, priority: "low" },
  report: { payload: nothing, internal: true },
  labelled: {
    payload: z.custom<{ readonly id: number; readonly reply: LabelReply }>(),
    internal: true,
    priority: "high",
  },
  labelledParts: {
    payload: z.custom<{ readonly id: number; readonly reply: LabelPartsReply }>(),
    internal: true,
    priority: "high",
    bytesOf: ({ reply }: { reply: LabelPartsReply }) => PART_BYTES * reply.ends.length,
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
  labels: {
    payload: z.custom<PublishedLabels>(),
    internal: true,
    bytesOf: ({ labels }: PublishedLabels) => PART_BYTES * (1 + labels.length),
  },
});

/** See {@linkcode CommitNews}. */
export const commitNews = z.strictObject({ seq: z.number(), atMs: wallMs, rows: z.number() });

/** What can be read from the store by now: `rows` label rows were logged under `seq` at `atMs`. */
export type CommitNews = z.output<typeof commitNews>;

/** Anyone who wants to know that there is something new, and not what. */
export const CommitSink = protocol("commit_sink", {
  committed: { payload: commitNews, internal: true },
});

// ---- feeds ----------------------------------------------------------------------------------------

/** One source of candles. */
export const Feed = protocol("feed", {
  status: {
    about: "Where the source stands and what became of its rows",
    payload: nothing,
    reply: feedStatus,
  },
  pause: {
    about: "Stops reading; replies when what was read is committed",
    payload: nothing,
    reply: z.null(),
  },
  resume: { about: "Goes on reading; a feed that waits tries at once", payload: nothing },
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

// ---- webhooks -------------------------------------------------------------------------------------

/** What one turn of a webhook came to. */
export type WebhookOutcome =
  | { readonly state: "nothing" | "taken" }
  | { readonly state: "store"; readonly message: string }
  // `isSmaller`: the same rows come again at once, in smaller batches.
  | (CallFailure & { readonly isSmaller: boolean });

/** Delivers labels to one URL. */
export const Webhook = protocol("webhook", {
  status: {
    about: "Where it stands and what became of its deliveries",
    payload: nothing,
    reply: webhookStatus,
  },
  pause: { about: "Delivers nothing until resume; a call under way ends", payload: nothing },
  resume: { about: "Goes on delivering; one that waits tries at once", payload: nothing },
  seek: {
    about: "Goes on behind a place, SEQ or SEQ-ROW, 0 for the beginning: to skip or to repeat; " +
      "one beyond the last commit means that one",
    payload: z.strictObject({ after: streamCursor }),
    reply: z.strictObject({ after: z.string() }),
  },
  // Where several nodes share it: a duty moved, a record of it was written.
  duties: { payload: nothing, internal: true },
  changed: { payload: nothing, internal: true },
  // What it tells itself: it is time, and what a turn came to.
  go: { payload: nothing, internal: true },
  done: {
    payload: z.custom<{ readonly epoch: number; readonly outcome: WebhookOutcome }>(),
    internal: true,
  },
});

// ---- monitor --------------------------------------------------------------------------------------

const labelValues = z.record(z.string(), z.string());
const numberFamily: z.ZodType<NumberFamily> = z.strictObject({
  name: z.string(),
  help: z.string(),
  kind: z.enum(["counter", "gauge"]),
  series: z.array(z.strictObject({ labels: labelValues, value: z.number() })),
});
const histogramFamily: z.ZodType<HistogramFamily> = z.strictObject({
  name: z.string(),
  help: z.string(),
  kind: z.literal("histogram"),
  series: z.array(z.strictObject({
    labels: labelValues,
    count: z.number(),
    sum: z.number(),
    min: z.number().nullable(),
    max: z.number().nullable(),
    p50: z.number().nullable(),
    p95: z.number().nullable(),
    p99: z.number().nullable(),
    buckets: z.array(z.strictObject({ le: z.number(), count: z.number() })),
  })),
});
const metricsSnapshot: z.ZodType<MetricsSnapshot> = z.strictObject({
  at: z.number(),
  nowMs: z.number(),
  families: z.array(z.union([numberFamily, histogramFamily])),
  series: z.number(),
  overflowed: z.array(z.strictObject({ name: z.string(), times: z.number() })),
});
const partState = z.enum(["ok", "degraded", "down"]);
const health: z.ZodType<Health> = z.strictObject({
  state: partState,
  parts: z.array(z.strictObject({
    name: z.string(),
    state: partState,
    detail: z.record(z.string(), z.unknown()),
  })),
});

const ownSample = { name: z.string().min(1).max(64), labels: labelValues.exactOptional() };
/** Measurements of metrics of one's own, as JSON. */
const ownSamples = z.array(z.union([
  z.strictObject({ ...ownSample, add: z.number().min(0).meta({ description: "To a counter" }) }),
  z.strictObject({ ...ownSample, value: z.number().meta({ description: "Of a gauge, now" }) }),
  z.strictObject({
    ...ownSample,
    observe: z.array(z.number().min(0)).max(1_000).meta({ description: "For a histogram" }),
  }),
])).min(1).max(1_000);

/** Looks at every part and gives metrics, health and alerts. */
export const Monitor = protocol("monitor", {
  report: {
    payload: z.custom<readonly Sample[]>(),
    internal: true,
    columns: true,
    priority: "low",
  },
  measure: {
    about: "Takes measurements of own metrics, those of the setting metrics",
    payload: z.strictObject({ samples: ownSamples }),
    reply: z.strictObject({
      taken: z.number(),
      refused: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
    }),
  },
  snapshot: { about: "All metrics as they are now", payload: nothing, reply: metricsSnapshot },
  health: { about: "How every part is", payload: nothing, reply: health, priority: "high" },
  score: {
    about: "How well the service does, 0 to 100, and what limits it; null before the first look",
    payload: nothing,
    reply: healthScore.nullable(),
    priority: "high",
  },
  figures: {
    about: "The last hour of the figures that charts draw, as columns",
    payload: figuresQuery.omit({ watch: true }),
    reply: figuresReply,
  },
  alerts: {
    about: "What is wrong, and what was lately",
    payload: alertsQuery,
    reply: alertsReply,
    priority: "high",
  },
  acknowledge: {
    about: "Says that somebody cares about an alert that fires; idempotent",
    payload: alertAck.extend({ id: alertId }),
    reply: ackReply,
    priority: "high",
  },
  // What sinks of alerts ask: those that were told, and those that have ended since; null while it is
  // not known what was kept.
  told: {
    payload: z.custom<{ readonly endedSince: number }>(),
    reply: z.custom<ToldAlerts | null>(),
    internal: true,
    priority: "high",
  },
  // Writes a test alert to the log.
  test: { payload: nothing, reply: z.null(), internal: true, priority: "high" },
  tuning: {
    about: "What the monitor changes by itself: knobs, and the log of changes",
    payload: nothing,
    reply: tuningReply,
    priority: "high",
  },
  // What the monitor tells itself: what was kept of tuning, and how a change went.
  tuned: { payload: z.custom<TuningNews>(), internal: true },
  // What the monitor tells itself: it is time, and what a look at a part came to.
  tick: { payload: nothing, internal: true },
  // Somebody watches the figures: for some seconds there is a look each second.
  watched: { payload: nothing, internal: true },
  extraTick: { payload: nothing, internal: true },
  late: { payload: z.custom<{ readonly name: string }>(), internal: true },
  // What the store had kept; `error`: it did not answer.
  restored: { payload: z.custom<KeptAlerts>(), internal: true },
  // Where several nodes are judged together: what they have kept.
  groupLook: { payload: nothing, internal: true },
  group: { payload: z.custom<GroupNews>(), internal: true },
  collected: {
    payload: z.custom<
      { readonly name: string; readonly finding: Finding | null; readonly error: string | null }
    >(),
    internal: true,
  },
});

// ---- alert sinks ----------------------------------------------------------------------------------

/** Tells one receiver of alerts. */
export const AlertSink = protocol("alert_sink", {
  status: {
    about: "What its receiver has been told, and what became of it",
    payload: nothing,
    reply: alertSinkStatus,
  },
  resume: { about: "Tries at once, if it waits", payload: nothing },
  test: { payload: nothing, reply: z.custom<AlertTestResult>(), internal: true },
  // Something began, ended or was acknowledged.
  news: { payload: nothing, internal: true, priority: "high" },
  // What it tells itself: it is time, what the monitor answered, what a delivery came to.
  look: { payload: nothing, internal: true },
  looked: {
    payload: z.custom<
      | { readonly told: ToldAlerts; readonly marks: readonly ToldMark[]; readonly isCut: boolean }
      | null
    >(),
    internal: true,
  },
  go: { payload: nothing, internal: true },
  done: { payload: z.custom<CallOutcome>(), internal: true },
});

// ---- admin ----------------------------------------------------------------------------------------

/** The admin HTTP. */
export const Admin = protocol("admin", {
  status: {
    about: "Where it listens and what is open",
    payload: nothing,
    reply: z.strictObject({ url: z.string(), connections: z.number(), streams: z.number() }),
  },
});

// ---- letters --------------------------------------------------------------------------------------

/** Keeps dead letters in the store. */
export const Letters = protocol("letters", {
  status: {
    about: "Letters kept, and left out because they could not be written",
    payload: nothing,
    reply: z.strictObject({ written: z.number(), left: z.number(), waiting: z.number() }),
  },
  write: { payload: nothing, internal: true },
  // What the admin HTTP asks, which shows payloads cut and in pages.
  list: {
    payload: z.custom<LetterQuery>(),
    reply: z.custom<KeptLetter[]>(),
    internal: true,
  },
  get: {
    payload: z.custom<{ readonly id: number }>(),
    reply: z.custom<KeptLetter | null>(),
    internal: true,
  },
  replay: {
    payload: z.custom<{ readonly ids: readonly number[] }>(),
    reply: z.custom<Replayed[]>(),
    internal: true,
  },
  plan: {
    payload: z.custom<{ readonly ids: readonly number[] }>(),
    reply: z.custom<PlannedReplay[]>(),
    internal: true,
  },
  drop: {
    payload: z.custom<{ readonly ids: readonly number[] }>(),
    reply: z.number(),
    internal: true,
  },
  counts: { payload: nothing, reply: z.custom<LetterCounts>(), internal: true },
});
