/**
 * The port for what must survive: candles, labels with their revisions, and the cursors of feeds.
 * Every backend is a twin of the others and passes one conformance suite.
 *
 * @module
 */

import type { CandleBlock, LabelBlock, SeriesKey } from "../market/block.ts";

/** Rows from ≤ row < to of a block. */
export interface Rows<Block> {
  /** Candles or labels; it may hold other rows. */
  readonly block: Block;
  /** First row that is meant. */
  readonly from: number;
  /** Row after the last one that is meant. */
  readonly to: number;
}

/** What one batch does to one series. */
export interface SeriesCommit {
  /** Which series. */
  readonly series: SeriesKey;
  /**
   * Count of candles the series must have before: labels computed on any other state are refused,
   * which is what makes a commit safe whatever happened to the process that computed it.
   */
  readonly baseSeq: number;
  /** New candles, strictly ascending, after the last one. */
  readonly append: Rows<CandleBlock> | null;
  /** The canonical candles of a time range from now on, instead of those it held (R11). */
  readonly replace: {
    readonly fromTs: number;
    readonly toTs: number;
    readonly candles: CandleBlock;
  } | null;
  /** Rows with a final half. */
  readonly labels: readonly Rows<LabelBlock>[];
  /**
   * Rows in this range that are not among `labels` cease to be, with revision + 1, those of candles
   * that `replace` takes out too. One that comes back goes on counting.
   */
  readonly relabelled: {
    readonly fromTs: number;
    readonly toTs: number;
    readonly paramHash: string;
  } | null;
}

/** Everything that becomes durable together. */
export interface CommitBatch {
  /** Whose cursor moves; null = nobody's (a push over HTTP, say). */
  readonly feed: string | null;
  /**
   * Cursor that must be committed before; a batch that follows on one that was given up is refused,
   * so no cursor ever passes rows that are not there.
   */
  readonly after: string | null;
  /** Where the feed stands after it; null = the cursor stays. */
  readonly cursor: string | null;
  /** What it does, series by series. */
  readonly series: readonly SeriesCommit[];
}

/** What a batch came to. */
export interface BatchOutcome {
  /** Candles added. */
  readonly candles: number;
  /** Candles whose values were replaced or that were taken out. */
  readonly corrected: number;
  /** Label rows that are new or were completed. */
  readonly labels: number;
  /** Label rows that changed: revision + 1. */
  readonly revised: number;
}

/** Why a commit was not made; nothing of it was. */
export type RefusalCode = "stale" | "too_old" | "full" | "busy" | "broken";

/** Outcome of a commit: all batches or none. */
export type CommitResult =
  | { readonly state: "committed"; readonly seq: number; readonly batches: readonly BatchOutcome[] }
  | { readonly state: "refused"; readonly code: RefusalCode; readonly message: string };

/** The end of a series. */
export interface Tail {
  /** Candles committed so far. */
  readonly count: number;
  /** The last of them, ascending. */
  readonly candles: CandleBlock;
}

/** A part of a series with its surroundings. */
export interface Window {
  /** Candles committed so far, given up ones included. */
  readonly count: number;
  /** The candles asked for with those around them, ascending. */
  readonly candles: CandleBlock;
  /** Whether the first of them is the first of the series. */
  readonly startsSeries: boolean;
  /** Whether the last of them is the last of the series. */
  readonly endsSeries: boolean;
  /** Older candles were given up by retention: what would need them cannot be recomputed. */
  readonly truncated: boolean;
}

/** Rows of the label log of one commit and one series. */
export interface LoggedLabels {
  /** Seq of the commit. */
  readonly seq: number;
  /** Rows as the commit left them; of a removed one, as it was. */
  readonly labels: LabelBlock;
  /** Revision of each row; 0 = first. */
  readonly revisions: Uint32Array;
  /** 1 = the row has ceased to be. */
  readonly removed: Uint8Array;
}

/** Rows as they are now. */
export interface StoredLabels {
  /** Rows in ascending time. */
  readonly labels: LabelBlock;
  /** Revision of each row; 0 = first. */
  readonly revisions: Uint32Array;
  /** Seq each row was written at. */
  readonly seqs: Float64Array;
}

/** A value now, or a promise of it. */
export type Maybe<T> = T | Promise<T>;

/** What must survive. */
export interface Store {
  /** Seq of the last commit; 0 before the first. */
  readonly seq: number;
  /** Makes all batches durable in one transaction, or none of them. */
  commit(batches: readonly CommitBatch[]): Maybe<CommitResult>;
  /** The last `bars` candles of each series, in the order asked for. */
  tails(series: readonly SeriesKey[], bars: number): Maybe<Tail[]>;
  /** The candles with fromTs ≤ ts < toTs and `around` more on each side. */
  window(series: SeriesKey, fromTs: number, toTs: number, around: number): Maybe<Window>;
  /** Committed cursor of a feed, or null. */
  cursor(feed: string): Maybe<string | null>;
  /** Series that hold candles, with their counts, sorted. */
  series(): Maybe<{ series: SeriesKey; count: number; lastTs: number }[]>;
  /** Candles with fromTs ≤ ts < toTs, at most `limit`. */
  candles(series: SeriesKey, fromTs: number, toTs: number, limit: number): Maybe<CandleBlock>;
  /** Labels with fromTs ≤ ts < toTs, at most `limit`. */
  labels(
    series: SeriesKey,
    paramHash: string,
    fromTs: number,
    toTs: number,
    limit: number,
  ): Maybe<StoredLabels>;
  /** The log after `seq`, oldest first, whole commits, until `limit` rows are passed. */
  labelsAfter(seq: number, limit: number): Maybe<LoggedLabels[]>;
  /** Lets go of files and connections; the store is not asked anything afterwards. */
  close(): Maybe<void>;
}
