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
  /** Records that it writes or drops, in this order; none unless given. */
  readonly records?: readonly BatchRecord[];
  /** Dead letters that it keeps, such as items that failed for good; none unless given. */
  readonly letters?: readonly NewLetter[];
}

/** A record that a batch writes (or drops, with null), with its rows and its cursor or not at all. */
export interface BatchRecord {
  /** What it is. */
  readonly kind: string;
  /** Unique within its kind. */
  readonly key: string;
  /** The value as JSON; null drops the record. */
  readonly json: string | null;
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

/**
 * Why something was not written; nothing of it was.
 *
 * | code | why | again? |
 * |---|---|---|
 * | `stale` | made on another state than the committed one | after a new look at the store |
 * | `too_old` | retention gave up the candles around it | never |
 * | `full` | a bound of the store is reached | once something is dropped |
 * | `disk_full` | no room on the disk | once there is room |
 * | `busy` | somebody else holds the file | at once |
 * | `broken` | the disk or the file fails | after a look at the message |
 */
export type RefusalCode = "stale" | "too_old" | "full" | "disk_full" | "busy" | "broken";

/** Nothing was written, and why. */
export interface Refused {
  /** Tells it from what was done. */
  readonly state: "refused";
  /** Why, for programs. */
  readonly code: RefusalCode;
  /** Why, for people. */
  readonly message: string;
}

/** Outcome of a commit: all batches or none. */
export type CommitResult =
  | {
    /** Everything is durable. */
    readonly state: "committed";
    /** Seq of the commit. */
    readonly seq: number;
    /** Epoch ms of the commit. */
    readonly atMs: number;
    /** What each batch came to, in their order. */
    readonly batches: readonly BatchOutcome[];
    /** What it wrote to the label log; to be read, not written to. */
    readonly logged: LoggedRows;
  }
  | Refused;

/** Outcome of a write beside the commits. */
export type WriteResult = { readonly state: "written" } | Refused;

/** Outcome of keeping letters, whose numbers are consecutive. */
export type BuryResult =
  | {
    readonly state: "written";
    /** Number of the last of them. */
    readonly lastId: number;
  }
  | Refused;

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

/** Consecutive rows of one series and one parameter set. */
export interface LoggedRun {
  /** Whose labels they are. */
  readonly series: SeriesKey;
  /** Under which parameters. */
  readonly paramHash: string;
  /** First row of the run. */
  readonly from: number;
  /** Row after its last one. */
  readonly to: number;
}

/**
 * Rows of the label log that one commit wrote, in the order in which it did. A row that was completed
 * within the commit stands there twice, so that what was logged does not depend on grouping.
 */
export interface LoggedRows {
  /**
   * All rows in one block, whose series and parameter hash are empty: the runs say whose they are. A
   * removed row as it was.
   */
  readonly labels: LabelBlock;
  /** Whose rows they are; together the runs hold every row once, in order. */
  readonly runs: readonly LoggedRun[];
  /** Revision of each row; 0 = first. */
  readonly revisions: Uint32Array;
  /** 1 = the row has ceased to be. */
  readonly removed: Uint8Array;
}

/** One commit of the label log. */
export interface LoggedCommit extends LoggedRows {
  /** Seq of the commit. */
  readonly seq: number;
  /** Epoch ms of the commit. */
  readonly atMs: number;
}

/** Candles that a commit may have changed: those of from ≤ ts < to. */
export interface Touched {
  /** Seq of the commit. */
  readonly seq: number;
  /** Whose candles. */
  readonly series: SeriesKey;
  /** First open time. */
  readonly fromTs: number;
  /** End, exclusive. */
  readonly toTs: number;
}

/** Rows as they are, or were. */
export interface StoredLabels {
  /** Rows in ascending time. */
  readonly labels: LabelBlock;
  /** Revision of each row; 0 = first. */
  readonly revisions: Uint32Array;
  /** Seq each row was written at. */
  readonly seqs: Float64Array;
}

/** A dead letter to be kept. */
export interface NewLetter {
  /** Epoch ms of its death. */
  readonly atMs: number;
  /** Absolute path of the actor it was meant for. */
  readonly path: string;
  /** Name of the message. */
  readonly type: string;
  /** Why it was not handled. */
  readonly reason: string;
  /** What was thrown; null when nothing was. */
  readonly error: string | null;
  /** The payload as JSON; null when it cannot be written so, or is above the bound. */
  readonly payload: string | null;
}

/** A dead letter that is kept. */
export interface Letter extends NewLetter {
  /** Number of the letter; a later one has a higher number. */
  readonly id: number;
}

/** Which letters; every given part must match. */
export interface LetterFilter {
  /** Exactly this letter. */
  readonly id?: number;
  /** One of these; at most {@linkcode LETTER_BOUNDS}`.idsMax`. */
  readonly ids?: readonly number[];
  /** Letters with a higher number. */
  readonly afterId?: number;
  /** Letters with a lower number. */
  readonly beforeId?: number;
  /** Highest number first, so that a limit leaves the latest. */
  readonly isLatestFirst?: boolean;
  /** Exactly this path. */
  readonly path?: string;
  /** Messages of this name. */
  readonly type?: string;
  /** Letters with this reason. */
  readonly reason?: string;
}

/** A small thing that must survive, as JSON. */
export interface StoredRecord {
  /** Unique within its kind. */
  readonly key: string;
  /** The value as JSON. */
  readonly json: string;
}

/** Bounds of records: what they are for is settings, registries and checkpoints, not data. */
export const RECORD_BOUNDS = {
  /** Records of one kind. */
  perKind: 100_000,
  /** Characters of one record's JSON: 100,000 levels. */
  jsonChars: 16 * 1024 * 1024,
  /** Characters of a kind or a key. */
  keyChars: 256,
  /** Records, and letters, of one batch: the largest chunk of a backfill in every kind. */
  perBatch: 10_000,
} as const;

/** Bounds of dead letters. */
export const LETTER_BOUNDS = {
  /** Letters kept unless retention says otherwise: more than anybody looks through. */
  kept: 100_000,
  /** Characters of one payload; a longer one is left out. */
  payloadChars: 64 * 1024,
  /** Characters of path, type, reason and error; longer ones are cut. */
  textChars: 4_096,
  /** Numbers that one filter names: a page of letters and some more. */
  idsMax: 1_024,
} as const;

/** How a store is. */
export interface StoreInfo {
  /** Which twin; `redis`: a copy of a log that nodes share. */
  readonly backend: "memory" | "sqlite" | "redis";
  /** Its file; null when there is none. */
  readonly path: string | null;
  /** What a power cut may cost: nothing, the last commits, or all. */
  readonly durability: "full" | "normal" | "none";
  /** Bytes of its files on disk. */
  readonly bytesOnDisk: number;
  /** Seq of the last commit. */
  readonly seq: number;
  /** The label log and the touched ranges can be read after this seq and any later one. */
  readonly oldestSeq: number;
  /** History can be read as of this seq and any later one. */
  readonly oldestAsOf: number;
  /** Series that were ever committed to. */
  readonly series: number;
  /** Candles held. */
  readonly candles: number;
  /** Dead letters held. */
  readonly letters: number;
  /** `full`: the last write found no room; `read_only`: it failed for another reason. */
  readonly state: "ok" | "full" | "read_only";
  /** Message of the last write that failed, null when none did since the last that went well. */
  readonly lastError: string | null;
  /** The log that the store is a copy of; only where there is one. */
  readonly log?: StoreLogInfo;
}

/** How a copy of a shared log is. */
export interface StoreLogInfo {
  /** Where the log is. */
  readonly backend: "memory" | "redis" | "redis_cluster";
  /**
   * `away`: it cannot be reached, and what was committed elsewhere comes later; `stopped`: the copy
   * must not follow it any more, and `lastError` says why.
   */
  readonly state: "ok" | "away" | "stopped";
  /** Which twin the copy is. */
  readonly copy: "memory" | "sqlite";
  /** Last entry that was applied. */
  readonly applied: number;
  /** Last entry that is known of. */
  readonly position: number;
  /** Entries that are known of and not applied. */
  readonly lagEntries: number;
  /** Bytes of the log since its last snapshot, as last looked at. */
  readonly bytes: number;
  /** Position of the last snapshot; null when none is known. */
  readonly snapshotPosition: number | null;
  /** What it ran into last; null when nothing did. */
  readonly lastError: string | null;
}

/** A value now, or a promise of it. */
export type Maybe<T> = T | Promise<T>;

/** What must survive. */
export interface Store {
  /** Seq of the last commit; 0 before the first. */
  readonly seq: number;
  /**
   * Makes all batches durable in one transaction, or none of them. Once it has answered, the columns
   * of the batches are the caller's again.
   */
  commit(batches: readonly CommitBatch[]): Maybe<CommitResult>;
  /** The last `bars` candles of each series, in the order asked for. */
  tails(series: readonly SeriesKey[], bars: number): Maybe<Tail[]>;
  /** The candles with fromTs ≤ ts < toTs and `around` more on each side. */
  window(series: SeriesKey, fromTs: number, toTs: number, around: number): Maybe<Window>;
  /** Committed cursor of a feed, or null. */
  cursor(feed: string): Maybe<string | null>;
  /** Committed cursors of all feeds, sorted. */
  cursors(): Maybe<{ feed: string; cursor: string }[]>;
  /** Series that hold candles, with their counts, sorted. */
  series(): Maybe<{ series: SeriesKey; count: number; lastTs: number }[]>;
  /**
   * Candles with fromTs ≤ ts < toTs, at most `limit`; with `asOf` as they were after that commit.
   * Candles that retention gave up are gone at every seq.
   *
   * @throws {StoreError} code `gone` when history no longer reaches back to `asOf`.
   */
  candles(
    series: SeriesKey,
    fromTs: number,
    toTs: number,
    limit: number,
    asOf?: number,
  ): Maybe<CandleBlock>;
  /**
   * Labels with fromTs ≤ ts < toTs, at most `limit`; with `asOf` as they were after that commit.
   *
   * @throws {StoreError} code `gone` when history no longer reaches back to `asOf`.
   */
  labels(
    series: SeriesKey,
    paramHash: string,
    fromTs: number,
    toTs: number,
    limit: number,
    asOf?: number,
  ): Maybe<StoredLabels>;
  /**
   * The label log after `seq`, oldest first, whole commits, until `limit` rows are passed. Commits
   * without labels are left out.
   *
   * @throws {StoreError} code `gone` when the log no longer reaches back to `seq`.
   */
  labelsAfter(seq: number, limit: number): Maybe<LoggedCommit[]>;
  /**
   * Ranges of candles that the commits after `seq` touched, oldest first, whole commits, until
   * `limit` ranges are passed.
   *
   * @throws {StoreError} code `gone` when the log no longer reaches back to `seq`.
   */
  touched(seq: number, limit: number): Maybe<Touched[]>;
  /** Writes or replaces a record; see {@linkcode RECORD_BOUNDS}. */
  putRecord(kind: string, key: string, json: string): Maybe<WriteResult>;
  /** Drops a record; one that is not there is no failure. */
  dropRecord(kind: string, key: string): Maybe<WriteResult>;
  /** The JSON of one record, or null. */
  record(kind: string, key: string): Maybe<string | null>;
  /** All records of a kind, by key. */
  records(kind: string): Maybe<StoredRecord[]>;
  /** Keeps dead letters; beyond the bound the oldest are given up. See {@linkcode LETTER_BOUNDS}. */
  buryLetters(letters: readonly NewLetter[]): Maybe<BuryResult>;
  /** Letters in the order of their numbers unless the filter turns it, at most `limit`. */
  letters(filter: LetterFilter, limit: number): Maybe<Letter[]>;
  /** Drops letters; says how many. */
  dropLetters(filter: LetterFilter): Maybe<{ readonly state: "dropped"; count: number } | Refused>;
  /** How the store is. O(series). */
  info(): Maybe<StoreInfo>;
  /**
   * A consistent copy in a new file, made while the store goes on. Says its size in bytes.
   *
   * @throws {StoreError} code `exists` when there is such a file, `unsupported` without a disk.
   */
  backup(path: string): Promise<number>;
  /** Lets go of files and connections; the store is not asked anything afterwards. */
  close(): Maybe<void>;
}
