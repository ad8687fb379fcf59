/**
 * What a feed says about itself: the reply of its `status`, on the tree, over HTTP and on the
 * command line.
 *
 * @module
 */

import { z } from "zod";

/** What a feed waits for: its source, the store, the label workers, or room in the pool. */
export const feedWaiting: z.ZodType<FeedWaiting> = z.strictObject({
  for: z.enum(["source", "store", "labels", "pool"]),
  code: z.string(),
  reason: z.string(),
  sinceTs: z.number(),
  nextTryTs: z.number(),
});

/** See {@linkcode feedWaiting}. Times are epoch milliseconds UTC. */
export interface FeedWaiting {
  /** Who has to recover. */
  readonly for: "source" | "store" | "labels" | "pool";
  /** What it said, as `disk_full` or `unreadable`; stable. */
  readonly code: string;
  /** The same in words. */
  readonly reason: string;
  /** When this wait began, however many tries it has had. */
  readonly sinceTs: number;
  /** When the feed tries again by itself; `resume` makes it try at once. */
  readonly nextTryTs: number;
}

/** The status of a feed. */
export interface FeedStatus {
  /** Name of the source, as in the store's table of cursors. */
  readonly source: string;
  /** `paused` on request; `waiting` says for what in `waiting`. */
  readonly state: "running" | "waiting" | "paused" | "ended";
  /** What it waits for, paused or not; null when for nothing. */
  readonly waiting: FeedWaiting | null;
  /** Cursor of the last batch committed by this incarnation, or found in the store. */
  readonly cursor: string | null;
  /** Batches committed since the feed started. */
  readonly batches: number;
  /** Candles of them that were new or changed one. */
  readonly rows: number;
  /** The same a second, over some 10 s. */
  readonly rowsPerSecond: number;
  /** Rows refused because they are no candles; they are in the dead letters. */
  readonly rejected: number;
  /** Batches read and not committed yet. */
  readonly underWay: number;
  /** Times the feed went back to the committed cursor. */
  readonly retries: number;
  /** The breaker of the source; `nextTryTs` while a pause is under way. */
  readonly breaker: {
    readonly state: "closed" | "open" | "half_open";
    readonly failures: number;
    readonly nextTryTs: number | null;
  };
  /** Bars missing against the instruments' calendars, in candles of this feed. */
  readonly holes: {
    readonly count: number;
    readonly missingBars: number;
    readonly filledBars: number;
    /** The latest of those that are still open, newest first. */
    readonly latest: readonly {
      readonly series: string;
      readonly fromTs: number;
      readonly toTs: number;
      readonly missingBars: number;
    }[];
  };
  /** What went wrong last, and when; null = nothing so far. */
  readonly lastError: string | null;
  /** Epoch ms of `lastError`. */
  readonly lastErrorTs: number | null;
  /** Epoch ms of the last commit; null before the first. */
  readonly lastCommitTs: number | null;
  /** What the source says about itself. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}

const time = z.number().nullable();

/** Schema of {@linkcode FeedStatus}. */
export const feedStatus: z.ZodType<FeedStatus> = z.strictObject({
  source: z.string(),
  state: z.enum(["running", "waiting", "paused", "ended"]),
  waiting: feedWaiting.nullable(),
  cursor: z.string().nullable(),
  batches: z.number(),
  rows: z.number(),
  rowsPerSecond: z.number(),
  rejected: z.number(),
  underWay: z.number(),
  retries: z.number(),
  breaker: z.strictObject({
    state: z.enum(["closed", "open", "half_open"]),
    failures: z.number(),
    nextTryTs: time,
  }),
  holes: z.strictObject({
    count: z.number(),
    missingBars: z.number(),
    filledBars: z.number(),
    latest: z.array(z.strictObject({
      series: z.string(),
      fromTs: z.number(),
      toTs: z.number(),
      missingBars: z.number(),
    })),
  }),
  lastError: z.string().nullable(),
  lastErrorTs: time,
  lastCommitTs: time,
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});
