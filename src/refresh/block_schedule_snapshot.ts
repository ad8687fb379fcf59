/**
 * What outlives the process of a schedule of blocks, and its check.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";

/** Counts of a schedule. */
export interface BlockTotals {
  /** Blocks that were warmed. */
  readonly warmed: number;
  /** Blocks that could not be. */
  readonly failed: number;
  /** Reads that found a block. */
  readonly hits: number;
  /** Reads that did not. */
  readonly misses: number;
  /** Wishes for a block that waited already. */
  readonly waiting: number;
  /** Wishes for a block that was being warmed. */
  readonly running: number;
  /** Wishes for a block that was begun a short time ago. */
  readonly recent: number;
  /** Wishes for a cluster with too few members. */
  readonly small: number;
  /** Wishes for which there was no room. */
  readonly full: number;
}

/** What must survive of a schedule: plain data. */
export interface BlockScheduleSnapshot {
  /** Of this layout. */
  readonly version: 1;
  /** Number of the next job. */
  readonly nextJobId: number;
  /** Last start by cluster, epoch ms, the oldest first. */
  readonly startedAt: readonly (readonly [clusterId: string, at: number])[];
  /** Counts so far. */
  readonly totals: BlockTotals;
}

const TOTALS: readonly (keyof BlockTotals)[] = [
  "warmed",
  "failed",
  "hits",
  "misses",
  "waiting",
  "running",
  "recent",
  "small",
  "full",
];

/**
 * A snapshot that was checked; of more clusters than `clustersMax` it is none.
 *
 * @throws {RefreshError} code `snapshot`.
 */
export function checkedSchedule(value: unknown, clustersMax: number): BlockScheduleSnapshot {
  if (typeof value !== "object" || value === null) throw wrong("expected an object", value);
  const given = value as Partial<Record<keyof BlockScheduleSnapshot, unknown>>;
  if (given.version !== 1) throw wrong("expected version 1", given.version);
  const { startedAt } = given;
  if (!Array.isArray(startedAt) || startedAt.length > clustersMax) {
    throw wrong(`expected starts of at most ${clustersMax} clusters`, startedAt);
  }
  const starts = startedAt.map((start): [string, number] => {
    const [id, at] = Array.isArray(start) ? start : [];
    if (typeof id !== "string") throw wrong("expected ids of clusters", id);
    return [id, countOf("startedAt", at)];
  });
  const totals = (given.totals ?? {}) as Readonly<Record<string, unknown>>;
  return {
    version: 1,
    nextJobId: countOf("nextJobId", given.nextJobId),
    startedAt: starts.sort(([, a], [, b]) => a - b),
    totals: Object.fromEntries(
      TOTALS.map((name) => [name, countOf(name, totals[name])]),
    ) as Record<keyof BlockTotals, number>,
  };
}

function countOf(what: string, value: unknown): number {
  if (typeof value === "number" && value >= 0 && Number.isFinite(value)) return value;
  throw wrong(`expected a number from 0 for ${what}`, value);
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "snapshot",
    `Cannot restore a schedule of blocks: ${expected}: current value is ${shown(value)}`,
  );
