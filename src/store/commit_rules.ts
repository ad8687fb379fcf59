/**
 * What both twins say of a commit: which parts do nothing, how many rows come, why it is refused.
 *
 * @module
 */

import type { CommitBatch, RefusalCode, Refused, SeriesCommit } from "./port.ts";

/** Whether a part leaves its series as it is. */
export function isEmpty({ append, replace, labels, relabelled }: SeriesCommit): boolean {
  return append === null && replace === null && labels.length === 0 && relabelled === null;
}

/** Candle and label rows that batches bring, which is most often what they log. O(parts). */
export function rowsOf(batches: readonly CommitBatch[]): { candles: number; labels: number } {
  let candles = 0, labels = 0;
  for (const { series } of batches) {
    for (const { append, replace, labels: found } of series) {
      if (append !== null) candles += append.to - append.from;
      if (replace !== null) candles += replace.candles.length;
      for (const { from, to } of found) labels += to - from;
    }
  }
  return { candles, labels };
}

/** Refuses a batch that does not follow on where its feed stands; null when it does. */
export function cursorRefusal({ feed, after }: CommitBatch, stands: string | null): Refused | null {
  if (stands === after) return null;
  return refused("stale", `feed ${feed} stands at ${stands}, the batch follows ${after}`);
}

/** Refuses a part that was made on another count of candles than its series has; null otherwise. */
export function countRefusal({ series, baseSeq }: SeriesCommit, count: number): Refused | null {
  if (count === baseSeq) return null;
  return refused("stale", `${series} has ${count} candles, the batch was made on ${baseSeq}`);
}

/** Retention gave up what a part would need. */
export function tooOld({ series }: SeriesCommit): Refused {
  return refused("too_old", `${series} no longer holds what came before`);
}

/** One series more than may be. */
export function tooManySeries(seriesMax: number): Refused {
  return refused("full", `at most ${seriesMax} series`);
}

function refused(code: RefusalCode, message: string): Refused {
  return { state: "refused", code, message: `Cannot commit: ${message}` };
}
