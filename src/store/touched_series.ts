/**
 * Which series commits touched, each once: for who follows the ends of series and has no use for every
 * range, of which a bulk load makes tens of thousands a second.
 *
 * @module
 */

import type { Touched } from "./port.ts";

/** Series that a run of commits touched. */
export interface TouchedSeries {
  /** Seq of the last commit among them that touched candles; null when none did. */
  readonly seq: number | null;
  /** Ranges there were; fewer than were asked for when there are no more. */
  readonly ranges: number;
  /** Each series once. */
  readonly series: readonly string[];
  /** End of the latest range of each, exclusive, epoch ms. */
  readonly toTs: readonly number[];
}

/** The series of ranges that are in the order of their commits. O(ranges). */
export function touchedSeries(ranges: readonly Touched[]): TouchedSeries {
  const ends = new Map<string, number>();
  for (const { series, toTs } of ranges) {
    const before = ends.get(series);
    if (before === undefined || before < toTs) ends.set(series, toTs);
  }
  return {
    seq: ranges.at(-1)?.seq ?? null,
    ranges: ranges.length,
    series: [...ends.keys()],
    toTs: [...ends.values()],
  };
}
