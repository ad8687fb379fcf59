/**
 * What is wrong or odd in a file of candles: the report of `wick check`. Nothing is repaired.
 *
 * @module
 */

import type { CandleBlock, SeriesKey } from "./block.ts";
import { canonicalOf } from "./canonical.ts";
import type { ReadCounts } from "./reject.ts";
import { type ExpectedBars, expectedBars } from "./holes_expected.ts";
import { granularityOfMs } from "./granularity.ts";
import type { CalendarName } from "./instrument.ts";
import { MAX_GAP_MS_DEFAULT, segmentsOf } from "./segment.ts";
import { nearestSplit, type SplitGuess } from "./split.ts";

/** A change to the close before that is worth a look, as a ratio of it: 25 %. */
export const JUMP_RATIO_DEFAULT = 0.25;

/** Most jumps that a report lists; `jumpCount` counts all. */
export const JUMPS_LISTED_MAX = 100;

/** A flat candle (open = high = low = close) is a run together with its flat neighbours. */
export interface FlatRuns {
  /** Runs of at least two flat candles. */
  readonly runs: number;
  /** Candles in the longest stretch of flat candles; 0 without any. */
  readonly longest: number;
  /** Open time of its first candle, epoch milliseconds; null without any. */
  readonly longestTs: number | null;
}

/** A candle far from the close before it. */
export interface Jump {
  /** Its open time, epoch milliseconds UTC. */
  readonly ts: number;
  /** close / previous close - 1. */
  readonly closeChangeRatio: number;
  /** open / previous close - 1. */
  readonly openChangeRatio: number;
  /** The simple split ratio nearest to previous close / open. */
  readonly split: SplitGuess;
}

/** A stretch without a long hole (rule R3). */
export interface SegmentReport {
  /** Candles in it, at least 1. */
  readonly candles: number;
  /** Open time of the first one, epoch milliseconds UTC. */
  readonly firstTs: number;
  /** Open time of the last one, epoch milliseconds UTC. */
  readonly lastTs: number;
}

/** The report. Times are epoch milliseconds UTC. */
export interface QualityReport {
  /** Series that the rows were read as. */
  readonly series: SeriesKey;
  /** Lines that should be candles: `accepted` + `invalid`. */
  readonly rows: number;
  /** Rows that are candles (R2), duplicates and deletions included. */
  readonly accepted: number;
  /** Rows that were refused. */
  readonly invalid: number;
  /** Refused rows by reason; reasons that did not occur are left out. */
  readonly invalidBy: ReadCounts["rejectedBy"];
  /** Rows at a time that another row has too, less one per such time. */
  readonly duplicates: number;
  /** Those among them that say bit for bit the same as the row before. */
  readonly identicalDuplicates: number;
  /** Rows earlier than the row before them. */
  readonly unordered: number;
  /** Candles of the canonical series; everything below is about them. */
  readonly candles: number;
  /** Open time of the first candle; null without any. */
  readonly firstTs: number | null;
  /** Open time of the last candle; null without any. */
  readonly lastTs: number | null;
  /** The most common difference of neighbours in milliseconds, the smaller on a tie. */
  readonly stepMs: number | null;
  /** Neighbours further apart than a step; nights and weekends are among them. */
  readonly gaps: number;
  /** Whole steps without a candle between the first and the last one. */
  readonly missingSteps: number;
  /** The largest difference of neighbours in whole steps, and the candle before it. */
  readonly largestGapSteps: number;
  /** Open time of that candle; null without a gap. */
  readonly largestGapTs: number | null;
  /** Holes by a market's calendar; null without a calendar, or when a step is no bar length. */
  readonly expected: ExpectedBars | null;
  /** Candles at times that are no multiple of a step from the epoch. */
  readonly offGrid: number;
  /** The most common remainder of a time by a step in milliseconds, and candles of another. */
  readonly gridOffsetMs: number | null;
  /** Candles whose remainder is another than `gridOffsetMs`. */
  readonly offMainGrid: number;
  /** Candles with open = high = low = close. */
  readonly flat: number;
  /** Flat candles next to one another. */
  readonly flatRuns: FlatRuns;
  /** Candles with a volume of 0. */
  readonly zeroVolume: number;
  /** Candles that open exactly at the close before, and their share of all but the first. */
  readonly stitchedOpens: number;
  /** `stitchedOpens` / (candles − 1), 0 to 1; 0 with fewer than two candles. */
  readonly stitchedShare: number;
  /** All jumps, listed or not. */
  readonly jumpCount: number;
  /** The first {@linkcode JUMPS_LISTED_MAX} jumps. */
  readonly jumps: readonly Jump[];
  /** The segments in order; none without candles. */
  readonly segments: readonly SegmentReport[];
}

/** What a check may be told. */
export interface QualityOptions {
  /** Longest hole inside a segment in milliseconds; 10 days unless said otherwise. */
  readonly maxGapMs?: number;
  /** Change of open or close against the close before that is a jump; 0.25 unless said. */
  readonly jumpRatio?: number;
  /** When the market is open; without it nights, weekends and holidays cannot be told from holes. */
  readonly calendar?: CalendarName;
}

/**
 * The report over the rows of one series as received and the counts of the reader that read them.
 * O(rows · log runs) as `canonicalOf`, and memory for the distinct differences of neighbours.
 */
export function checkQuality(
  received: CandleBlock,
  counts: Pick<ReadCounts, "rejected" | "rejectedBy">,
  options: QualityOptions = {},
): QualityReport {
  const { block, counts: found } = canonicalOf(received);
  const stepMs = stepOf(block.ts);
  const granularity = stepMs === null ? null : granularityOfMs(stepMs);
  const { calendar } = options;
  return {
    series: received.series,
    rows: received.length + counts.rejected,
    accepted: received.length,
    invalid: counts.rejected,
    invalidBy: counts.rejectedBy,
    duplicates: found.duplicates,
    identicalDuplicates: found.identicalDuplicates,
    unordered: found.unordered,
    candles: block.length,
    firstTs: block.ts[0] ?? null,
    lastTs: block.ts.at(-1) ?? null,
    stepMs,
    ...gapsOf(block.ts, stepMs),
    expected: calendar === undefined || granularity === null
      ? null
      : expectedBars(block, granularity, calendar),
    ...gridOf(block.ts, stepMs),
    ...flatOf(block),
    ...jumpsOf(block, options.jumpRatio ?? JUMP_RATIO_DEFAULT),
    segments: segmentsOf(block.ts, options.maxGapMs ?? MAX_GAP_MS_DEFAULT).map((segment) => ({
      candles: segment.to - segment.from,
      firstTs: block.ts[segment.from] as number,
      lastTs: block.ts[segment.to - 1] as number,
    })),
  };
}

/** The key counted most often, the smaller on a tie; null without any. */
function mostCommon(counts: ReadonlyMap<number, number>): number | null {
  let best: number | null = null;
  let bestCount = 0;
  for (const [key, count] of counts) {
    if (count < bestCount || (count === bestCount && best !== null && key > best)) continue;
    best = key;
    bestCount = count;
  }
  return best;
}

function stepOf(ts: Float64Array): number | null {
  const counts = new Map<number, number>();
  for (let i = 1; i < ts.length; i++) {
    const difference = (ts[i] as number) - (ts[i - 1] as number);
    counts.set(difference, (counts.get(difference) ?? 0) + 1);
  }
  return mostCommon(counts);
}

function gapsOf(ts: Float64Array, stepMs: number | null) {
  let gaps = 0;
  let missingSteps = 0;
  let largestMs = 0;
  let largestGapTs: number | null = null;
  for (let i = 1; i < ts.length && stepMs !== null; i++) {
    const differenceMs = (ts[i] as number) - (ts[i - 1] as number);
    if (differenceMs <= stepMs) continue;
    gaps++;
    missingSteps += Math.ceil(differenceMs / stepMs) - 1;
    if (differenceMs <= largestMs) continue;
    largestMs = differenceMs;
    largestGapTs = ts[i - 1] as number;
  }
  const ordinary = stepMs === null ? 0 : 1;
  const largestGapSteps = stepMs !== null && gaps > 0 ? Math.floor(largestMs / stepMs) : ordinary;
  return { gaps, missingSteps, largestGapSteps, largestGapTs };
}

function gridOf(ts: Float64Array, stepMs: number | null) {
  if (stepMs === null) return { offGrid: 0, gridOffsetMs: null, offMainGrid: 0 };
  const counts = new Map<number, number>();
  for (const time of ts) {
    const offsetMs = ((time % stepMs) + stepMs) % stepMs;
    counts.set(offsetMs, (counts.get(offsetMs) ?? 0) + 1);
  }
  const gridOffsetMs = mostCommon(counts) as number;
  return {
    offGrid: ts.length - (counts.get(0) ?? 0),
    gridOffsetMs,
    offMainGrid: ts.length - (counts.get(gridOffsetMs) as number),
  };
}

function flatOf(block: CandleBlock) {
  let flat = 0;
  let zeroVolume = 0;
  let runs = 0;
  let run = 0;
  let longest = 0;
  let longestTs: number | null = null;
  for (let i = 0; i < block.length; i++) {
    if (block.volume[i] === 0) zeroVolume++;
    // Between low and high lie open and close (R2).
    if (block.high[i] !== block.low[i]) {
      run = 0;
      continue;
    }
    flat++;
    run++;
    if (run === 2) runs++;
    if (run <= longest) continue;
    longest = run;
    longestTs = block.ts[i - run + 1] as number;
  }
  return { flat, flatRuns: { runs, longest, longestTs }, zeroVolume };
}

function jumpsOf(block: CandleBlock, jumpRatio: number) {
  let stitchedOpens = 0;
  let jumpCount = 0;
  const jumps: Jump[] = [];
  for (let i = 1; i < block.length; i++) {
    const before = block.close[i - 1] as number;
    const open = block.open[i] as number;
    const close = block.close[i] as number;
    if (open === before) stitchedOpens++;
    const closeChangeRatio = close / before - 1;
    const openChangeRatio = open / before - 1;
    if (Math.max(Math.abs(closeChangeRatio), Math.abs(openChangeRatio)) <= jumpRatio) continue;
    jumpCount++;
    if (jumps.length === JUMPS_LISTED_MAX) continue;
    const split = nearestSplit(before / open);
    jumps.push({ ts: block.ts[i] as number, closeChangeRatio, openChangeRatio, split });
  }
  const stitchedShare = block.length > 1 ? stitchedOpens / (block.length - 1) : 0;
  return { stitchedOpens, stitchedShare, jumpCount, jumps };
}
