/**
 * Commits for practice: under a token that nobody has, so that the log refuses them.
 *
 * @module
 */

import { partitionOf } from "../../market/partition.ts";
import { allocateLabels } from "../../label/rows.ts";
import type { CommitBatch, CommitResult, LoggedRows } from "../port.ts";
import type { Fence } from "./port.ts";

/** Tokens begin at 1. */
const NOBODYS_TOKEN = -1;

const NOTHING_LOGGED: LoggedRows = {
  labels: allocateLabels("", "", 0),
  runs: [],
  revisions: new Uint32Array(0),
  removed: new Uint8Array(0),
};

/** Fences of all partitions of these batches that no log lets through. O(parts). */
export function nobodysFences(batches: readonly CommitBatch[]): Fence[] {
  const partitions = new Set<number>();
  for (const { series } of batches) {
    for (const part of series) partitions.add(partitionOf(part.series));
  }
  return Array.from(partitions, (partition) => ({ partition, token: NOBODYS_TOKEN }));
}

/** What a commit of candles that are all new might have come to. O(parts). */
export function madeUpResult(
  batches: readonly CommitBatch[],
  seq: number,
  atMs: number,
): CommitResult {
  return {
    ...{ state: "committed", seq, atMs },
    batches: batches.map(({ series }) => {
      const candles = series.reduce(
        (sum, { append }) => sum + (append === null ? 0 : append.to - append.from),
        0,
      );
      return { candles, corrected: 0, labels: 0, revised: 0 };
    }),
    logged: NOTHING_LOGGED,
  };
}
