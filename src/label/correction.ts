/**
 * What a late, corrected or deleted candle changes (R11), as pure functions over a window of the
 * series as it is **after** the change.
 *
 * ## How far a change reaches
 * Let the candles with from ≤ ts < to have changed in any way (values, presence), and all others be
 * the same before and after. In the series after the change, let k0 be the first index with
 * ts ≥ from and k1 the first with ts ≥ to (k0 = k1 when all of them were deleted). Then
 * - a row i < k0 − H has the same path i+1 … i+H as before: nothing about it can differ;
 * - a row i ≥ k1 + 14 has an ATR of candles k1 and later only, and stands at least 14 bars into its
 *   segment both before and after, because candle k1 itself was there both times: its barriers,
 *   path and statuses are the same;
 * - a row i ≥ k1 + 20 has, likewise, the same RV.
 *
 * Hence rows k0−H … k1+13 in full and rows k1+14 … k1+19 in `rv` and `zret`: for one corrected
 * candle k (k0 = k, k1 = k+1) that is k−H … k+14 and k+20. Breaks need no case of their own: a
 * deletion that opens one, or an arrival that closes one, shifts the warm-up of exactly these rows
 * after it and turns `final`, `pending` and `broken` into one another for exactly the H before it.
 * A break between two unchanged neighbours is the same before and after and stops the reach.
 *
 * With `ewma`, whose memory is infinite, the reach goes on to the end of the segment.
 *
 * ## Context
 * Recomputing a row needs 20 candles before it and H after it: so H + 20 unchanged candles before
 * the change and as many after it, or all there are ({@linkcode contextBars}).
 *
 * A finer candle that changed (R7) acts like a change of the coarse candle around it.
 *
 * @module
 */

import type { CandleBlock, LabelBlock } from "../market/block.ts";
import { labelCandles } from "./label_candles.ts";
import type { LabelerOptions } from "./labeler.ts";
import { historyBars, type LabelParams, RV_BARS, WARMUP_BARS } from "./params.ts";
import { selectRows } from "./rows.ts";

/** A range of candle open times, from ≤ ts < to, epoch milliseconds UTC. */
export interface TsRange {
  /** First open time, inclusive. */
  readonly fromTs: number;
  /** End, exclusive. */
  readonly toTs: number;
}

/** Consecutive candles of a canonical series, after a change. */
export interface SeriesWindow {
  /** Strictly ascending, nothing deleted. */
  readonly candles: CandleBlock;
  /** Whether the first candle is the first of the series. */
  readonly startsSeries: boolean;
  /** Whether the last candle is the last of the series. */
  readonly endsSeries: boolean;
}

/** Rows of a window that a change may have changed. Indices are half-open. */
export interface Reach {
  /** Index of the first row in reach. */
  readonly from: number;
  /** Rows from here on differ in `rv` and `zret` at most. */
  readonly barrierTo: number;
  /** Index after the last row in reach. */
  readonly to: number;
  /** All label rows to replace, by ts; it spans deleted candles, whose rows are to go. */
  readonly ts: TsRange;
}

/** How two blocks of rows of the same ts range differ; each list holds row indices. */
export interface LabelDifference {
  /** Rows of `after` whose ts is in both and whose bits are not the same: revision + 1. */
  readonly changed: readonly number[];
  /** Rows of `after` whose ts is not in `before`. */
  readonly added: readonly number[];
  /** Rows of `before` whose ts is not in `after`. */
  readonly removed: readonly number[];
  /** Count of rows that are bit-identical. */
  readonly sameCount: number;
}

/**
 * Unchanged candles needed on each side of a change: H + 20 before and after it, or Infinity (the
 * whole segment) with `ewma`.
 */
export function contextBars(params: LabelParams): { before: number; after: number } {
  const bars = Number.isFinite(historyBars(params)) ? params.horizon + RV_BARS : Infinity;
  return { before: bars, after: bars };
}

/**
 * Which rows of the window a change can reach.
 *
 * @param changed Times of the corrected, inserted or deleted candles.
 * @throws {RangeError} when the range is empty or the window too short around it.
 */
export function reachOf(window: SeriesWindow, changed: TsRange, params: LabelParams): Reach {
  if (!(changed.fromTs < changed.toTs)) {
    throw new RangeError(
      `Cannot find reach: expected fromTs below toTs: ` +
        `current value is ${changed.fromTs} to ${changed.toTs}`,
    );
  }
  const { candles } = window;
  const first = lowerBound(candles, changed.fromTs);
  const after = lowerBound(candles, changed.toTs);
  checkContext(window, first, after, params);
  const forgets = Number.isFinite(historyBars(params));
  const from = reachStart(candles, first, params);
  const end = segmentEnd(candles, after, params);
  const to = forgets ? Math.min(end, after + RV_BARS) : end;
  const barrierTo = forgets ? Math.min(end, after + WARMUP_BARS) : end;
  const ts = {
    // Indices between `from` and `to` are inside the window.
    fromTs: from < to ? Math.min(changed.fromTs, candles.ts[from] as number) : changed.fromTs,
    toTs: from < to ? Math.max(changed.toTs, (candles.ts[to - 1] as number) + 1) : changed.toTs,
  };
  return { from, barrierTo, to, ts };
}

/**
 * The rows in reach as they are after the change: bit for bit those of a labeler that saw the whole
 * series. O(window).
 *
 * @throws {RangeError} when the window is not canonical.
 */
export function recompute(
  window: SeriesWindow,
  reach: Reach,
  params: LabelParams,
  paramHash: string,
  options: Omit<LabelerOptions, "emit"> = {},
): LabelBlock {
  const rows = labelCandles(window.candles, params, paramHash, options);
  return selectRows(rows, (row) => row >= reach.from && row < reach.to);
}

/**
 * Whether two rows are the same bit for bit (`Object.is` on doubles, so NaN equals NaN). The keys
 * (series, parameter hash) are the caller's business.
 */
export function sameRow(a: LabelBlock, i: number, b: LabelBlock, j: number): boolean {
  return sameBarrierHalf(a, i, b, j) && a.fhStatus[i] === b.fhStatus[j] &&
    a.tMfe[i] === b.tMfe[j] && a.tMae[i] === b.tMae[j] &&
    Object.is(a.fwdRet[i], b.fwdRet[j]) && Object.is(a.vsr[i], b.vsr[j]) &&
    Object.is(a.zret[i], b.zret[j]) && Object.is(a.mfe[i], b.mfe[j]) &&
    Object.is(a.mae[i], b.mae[j]) && Object.is(a.pf[i], b.pf[j]);
}

/** As {@linkcode sameRow}, without what the fixed horizon decides (R9). */
export function sameBarrierHalf(a: LabelBlock, i: number, b: LabelBlock, j: number): boolean {
  return a.ts[i] === b.ts[j] && a.adj[i] === b.adj[j] && a.tbStatus[i] === b.tbStatus[j] &&
    a.label[i] === b.label[j] && a.hit[i] === b.hit[j] && a.bars[i] === b.bars[j] &&
    a.gap[i] === b.gap[j] && a.amb[i] === b.amb[j] &&
    Object.is(a.close[i], b.close[j]) && Object.is(a.atr[i], b.atr[j]) &&
    Object.is(a.rv[i], b.rv[j]) && Object.is(a.up[i], b.up[j]) && Object.is(a.dn[i], b.dn[j]) &&
    Object.is(a.exit[i], b.exit[j]) && Object.is(a.tbRet[i], b.tbRet[j]);
}

/**
 * Compares two blocks by ts. Both must be in ascending ts, one row per ts; rows outside the range
 * compared must be left out by the caller. O(rows).
 */
export function compareLabels(before: LabelBlock, after: LabelBlock): LabelDifference {
  const changed: number[] = [];
  const added: number[] = [];
  const removed: number[] = [];
  let sameCount = 0;
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const was = i < before.length ? before.ts[i] as number : Infinity;
    const is = j < after.length ? after.ts[j] as number : Infinity;
    if (was < is) {
      removed.push(i++);
    } else if (is < was) {
      added.push(j++);
    } else {
      if (sameRow(before, i, after, j)) sameCount++;
      else changed.push(j);
      i++;
      j++;
    }
  }
  return { changed, added, removed, sameCount };
}

/** First index whose ts is not below `ts`. */
function lowerBound(candles: CandleBlock, ts: number): number {
  let low = 0;
  let high = candles.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (candles.ts[middle] as number < ts) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBreak(candles: CandleBlock, before: number, params: LabelParams): boolean {
  // Both indices are inside the window.
  const hole = (candles.ts[before + 1] as number) - (candles.ts[before] as number);
  return hole > params.maxGapMs;
}

/** The first row that a change from `first` on can reach: H back, or a break between others. */
function reachStart(candles: CandleBlock, first: number, params: LabelParams): number {
  const lowest = Math.max(0, first - params.horizon);
  for (let start = first - 1; start > lowest; start--) {
    if (isBreak(candles, start - 1, params)) return start;
  }
  return lowest;
}

/** End, exclusive, of the segment of candle `after`, which is the first one unchanged. */
function segmentEnd(candles: CandleBlock, after: number, params: LabelParams): number {
  for (let last = after; last < candles.length - 1; last++) {
    if (isBreak(candles, last, params)) return last + 1;
  }
  return candles.length;
}

function checkContext(
  window: SeriesWindow,
  first: number,
  after: number,
  params: LabelParams,
): void {
  const { candles } = window;
  const { before: needBefore, after: needAfter } = contextBars(params);
  const has = `current value is ${first} before and ${candles.length - after} after`;
  const knowsBefore = first >= needBefore || window.startsSeries ||
    hasBreak(candles, 0, first, params);
  const knowsAfter = candles.length - after >= needAfter || window.endsSeries ||
    hasBreak(candles, after, candles.length, params);
  if (!knowsBefore || !knowsAfter) {
    throw new RangeError(
      `Cannot find reach: expected ${needBefore} unchanged candles before and ${needAfter} after ` +
        `the change, or the end of the series or segment: ${has}`,
    );
  }
}

/** Whether a segment ends between two candles of from ≤ index < to. */
function hasBreak(candles: CandleBlock, from: number, to: number, params: LabelParams): boolean {
  for (let at = from; at < to - 1; at++) if (isBreak(candles, at, params)) return true;
  return false;
}
