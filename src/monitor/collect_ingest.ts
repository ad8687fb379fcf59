/**
 * What the parts on the way from candle to label say about themselves: label pool, feeds, store.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Answer of the label pool to `status`, as far as it is looked at. */
export interface PoolFigures {
  /** Threads that label. */
  readonly workers: number;
  /** Threads that there can be. */
  readonly workersMax: number;
  /** Series whose state it knows. */
  readonly series: number;
  /** Batches under way. */
  readonly queuedBatches: number;
  /** Candles under way. */
  readonly queuedRows: number;
  /** Expected delay of a batch that comes now. */
  readonly delayMs: number;
  /** Batches and requests taken in. */
  readonly accepted: number;
  /** Those refused for lack of room. */
  readonly refused: number;
  /** Seq of the last commit. */
  readonly committedSeq: number;
  /** Candles committed. */
  readonly candles: number;
  /** Label rows written. */
  readonly labels: number;
  /** Label rows that changed. */
  readonly revised: number;
  /** Times that everything under way was given back. */
  readonly failures: number;
  /** Times that a series went to another worker. */
  readonly moves: number;
  /** Time that threads worked, all together, ms. */
  readonly busyMs: number;
}

/** Answer of a feed to `status`, as far as it is looked at; `FeedStatus` is one. */
export interface FeedFigures {
  /** `running`, `waiting`, `paused` or `ended`. */
  readonly state: string;
  /** What it waits for; null = nothing. */
  readonly waiting: { readonly for: string; readonly code: string; readonly reason: string } | null;
  /** Batches committed. */
  readonly batches: number;
  /** Candles committed. */
  readonly rows: number;
  /** Rows refused. */
  readonly rejected: number;
  /** Batches read and not committed yet. */
  readonly underWay: number;
  /** Times that it went back to its committed cursor. */
  readonly retries: number;
  /** `closed` while its source is asked. */
  readonly breaker: { readonly state: string };
  /** Holes against calendars, and the bars missing in them. */
  readonly holes: { readonly count: number; readonly missingBars: number };
  /** What went wrong last. */
  readonly lastError: string | null;
}

/** What a store says about itself, as far as it is looked at; `StoreInfo` is one. */
export interface StoreFigures {
  /** `ok`; anything else means that it cannot write. */
  readonly state: string;
  /** Seq of the last commit. */
  readonly seq: number;
  /** The label log can be read after this seq. */
  readonly oldestSeq: number;
  /** Series that were ever committed to. */
  readonly series: number;
  /** Candles held. */
  readonly candles: number;
  /** Dead letters held. */
  readonly letters: number;
  /** Bytes of its files. */
  readonly bytesOnDisk: number;
  /** What the last write failed with; null = it went well. */
  readonly lastError: string | null;
}

const plain = <K extends "gauge" | "counter">(kind: K) => (name: string, help: string) =>
  ({ name, kind, help }) as const;
const gauge = plain("gauge");
const counter = plain("counter");

/** Edges of the stages' times: few, for each is a line of `/metrics` three times. */
const STAGE_EDGES: readonly number[] = [0.005, 0.05, 0.5];

/** Metrics of the label pool. */
export const POOL_METRICS: readonly MetricSpec[] = [
  gauge("wick_pool_workers", "Threads that label"),
  gauge("wick_pool_workers_max", "Threads that there can be; those not in use have ended"),
  gauge("wick_pool_series", "Series whose state the pool knows"),
  gauge("wick_pool_queued_batches", "Batches under way"),
  gauge("wick_pool_queued_rows", "Candles under way"),
  gauge("wick_pool_delay_seconds", "Expected delay of a batch that comes now"),
  gauge("wick_pool_committed_seq", "Seq of the last commit"),
  counter("wick_pool_accepted_total", "Batches and requests taken in"),
  counter("wick_pool_refused_total", "Batches and requests refused for lack of room"),
  counter("wick_pool_candles_total", "Candles committed"),
  counter("wick_pool_labels_total", "Label rows written"),
  counter("wick_pool_revised_total", "Label rows that changed: revision + 1"),
  counter("wick_pool_failures_total", "Times that all batches under way were given back"),
  counter("wick_pool_moves_total", "Times that a series went to another worker"),
  counter("wick_pool_busy_seconds_total", "Time that threads labelled, all together"),
  {
    name: "wick_ingest_commit_seconds",
    kind: "histogram",
    help: "From a batch's arrival at the pool to its commit",
  },
  {
    name: "wick_ingest_stage_seconds",
    kind: "histogram",
    help: "The same in its parts: queue, to a worker; compute, labelled; store, committed",
    labels: ["stage"],
    edges: STAGE_EDGES,
    seriesMax: 3,
  },
];

const ofFeed = <K extends "gauge" | "counter">(kind: K) => (name: string, help: string) =>
  ({ name, kind, help, labels: ["feed"] }) as const;
const feedGauge = ofFeed("gauge");
const feedCounter = ofFeed("counter");

/** Metrics of the feeds. */
export const FEED_METRICS: readonly MetricSpec[] = [
  feedGauge("wick_feed_running", "1 while it reads, 0 while it waits, is paused or has ended"),
  feedGauge("wick_feed_breaker_closed", "1 while its source is asked, 0 while it is given a pause"),
  feedGauge("wick_feed_batches_under_way", "Batches read and not committed yet"),
  feedGauge("wick_feed_holes", "Holes against the calendars of its instruments"),
  feedGauge("wick_feed_missing_bars", "Bars missing in those holes"),
  feedCounter("wick_feed_batches_total", "Batches committed"),
  feedCounter("wick_feed_rows_total", "Candles committed, corrections among them"),
  feedCounter("wick_feed_rejected_total", "Rows refused, each a dead letter"),
  feedCounter("wick_feed_retries_total", "Times that it went back to its committed cursor"),
];

/** Metrics of the store. */
export const STORE_METRICS: readonly MetricSpec[] = [
  gauge("wick_store_writable", "1 while commits can be made, else 0"),
  gauge("wick_store_seq", "Seq of the last commit"),
  gauge("wick_store_oldest_seq", "The label log can be read after this seq"),
  gauge("wick_store_series", "Series that were ever committed to"),
  gauge("wick_store_candles", "Candles held"),
  gauge("wick_store_letters", "Dead letters held"),
  gauge("wick_store_disk_bytes", "Size of its files"),
];

/** Measurements of the label pool; `part` is its path below the root. */
export function poolFinding(part: string, figures: PoolFigures): Finding {
  const { workers, workersMax, queuedBatches, queuedRows, delayMs, failures } = figures;
  return {
    samples: [
      { name: "wick_pool_workers", value: workers },
      { name: "wick_pool_workers_max", value: workersMax },
      { name: "wick_pool_series", value: figures.series },
      { name: "wick_pool_queued_batches", value: queuedBatches },
      { name: "wick_pool_queued_rows", value: queuedRows },
      { name: "wick_pool_delay_seconds", value: delayMs / 1_000 },
      { name: "wick_pool_committed_seq", value: figures.committedSeq },
      { name: "wick_pool_accepted_total", total: figures.accepted },
      { name: "wick_pool_refused_total", total: figures.refused },
      { name: "wick_pool_candles_total", total: figures.candles },
      { name: "wick_pool_labels_total", total: figures.labels },
      { name: "wick_pool_revised_total", total: figures.revised },
      { name: "wick_pool_failures_total", total: failures },
      { name: "wick_pool_moves_total", total: figures.moves },
      { name: "wick_pool_busy_seconds_total", total: figures.busyMs / 1_000 },
    ],
    parts: [{
      name: part,
      state: "ok",
      detail: { workers, workersMax, queuedBatches, queuedRows, delayMs, failures },
    }],
  };
}

/**
 * Measurements of one feed; `part` is its path below the root, its last step the feed's name. A
 * feed whose source is given a pause is down, one that waits for something else than room in the
 * pool is degraded. Paused or ended is as somebody wished.
 */
export function feedFinding(part: string, figures: FeedFigures): Finding {
  const labels = { feed: part.slice(part.lastIndexOf("/") + 1) };
  const total = (name: string, value: number): Sample => ({ name, labels, total: value });
  const value = (name: string, value: number): Sample => ({ name, labels, value });
  const { state, waiting, rows, rejected, retries, breaker, holes } = figures;
  const isClosed = breaker.state === "closed";
  const waits = waiting !== null && waiting.for !== "pool";
  return {
    samples: [
      value("wick_feed_running", state === "running" ? 1 : 0),
      value("wick_feed_breaker_closed", isClosed ? 1 : 0),
      value("wick_feed_batches_under_way", figures.underWay),
      value("wick_feed_holes", holes.count),
      value("wick_feed_missing_bars", holes.missingBars),
      total("wick_feed_batches_total", figures.batches),
      total("wick_feed_rows_total", rows),
      total("wick_feed_rejected_total", rejected),
      total("wick_feed_retries_total", retries),
    ],
    parts: [{
      name: part,
      state: !isClosed ? "down" : waits ? "degraded" : "ok",
      detail: {
        feed: state,
        rows,
        rejected,
        retries,
        ...(waiting === null ? {} : { waitsFor: waiting.for, code: waiting.code }),
        ...errorOf(isClosed && !waits ? null : figures.lastError),
      },
    }],
  };
}

/**
 * Measurements of the store; `part` is its path below the root. One that cannot write is down:
 * nothing is taken in, what it holds can still be read.
 */
export function storeFinding(part: string, figures: StoreFigures): Finding {
  const { state, seq, oldestSeq, bytesOnDisk, lastError } = figures;
  const isWritable = state === "ok";
  return {
    samples: [
      { name: "wick_store_writable", value: isWritable ? 1 : 0 },
      { name: "wick_store_seq", value: seq },
      { name: "wick_store_oldest_seq", value: oldestSeq },
      { name: "wick_store_series", value: figures.series },
      { name: "wick_store_candles", value: figures.candles },
      { name: "wick_store_letters", value: figures.letters },
      { name: "wick_store_disk_bytes", value: bytesOnDisk },
    ],
    parts: [{
      name: part,
      state: isWritable ? "ok" : "down",
      detail: { store: state, seq, bytesOnDisk, ...errorOf(isWritable ? null : lastError) },
    }],
  };
}

const errorOf = (lastError: string | null) => lastError === null ? {} : { lastError };
