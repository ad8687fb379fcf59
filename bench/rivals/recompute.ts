/**
 * What one writes first: with every candle, the labels of the last H + 1 candles are computed anew,
 * so that whatever became final is found. No state but the candles; O(H²) a candle.
 *
 * @module
 */

import type { CandleBlock } from "../../src/market/block.ts";

const ATR_BARS = 14;
const RV_BARS = 20;

/** Sums over the rows of one run; two implementations that agree on them did the same work. */
export interface LabelSums {
  rows: number;
  /** Of label · (1 + bars). */
  outcomes: number;
  /** Of vol-scaled returns. */
  vsr: number;
  /** Of furthest for less furthest against. */
  reach: number;
}

/** Labels one series without holes, H candles behind its end; defaults of R5 and R7. */
export function recomputeLabels(candles: CandleBlock, horizon: number): LabelSums {
  const sums: LabelSums = { rows: 0, outcomes: 0, vsr: 0, reach: 0 };
  const undecided: LabelSums = { ...sums };
  for (let at = ATR_BARS + 1; at < candles.length; at++) {
    for (let event = Math.max(ATR_BARS, at - horizon); event < at; event++) {
      recomputeLabel(candles, event, at, event === at - horizon ? sums : undecided);
    }
  }
  return sums;
}

/** The label of one event as far as the candles up to `end` decide it, added to `sums`. */
export function recomputeLabel(
  candles: CandleBlock,
  event: number,
  end: number,
  sums: LabelSums,
): void {
  const { open, high, low, close } = candles;
  const atr = averageTrueRange(candles, event);
  if (atr === 0) return;
  realisedVolatility(candles, event);
  const price = close[event] as number;
  const up = price + 2 * atr, down = price - 2 * atr;
  let label = 0, bars = end - event, highest = -Infinity, lowest = Infinity;
  let open_ = true;
  for (let at = event + 1; at <= end; at++) {
    const h = high[at] as number, l = low[at] as number, o = open[at] as number;
    if (h > highest) highest = h;
    if (l < lowest) lowest = l;
    if (!open_) continue;
    const side = o >= up ? 1 : o <= down ? -1 : l <= down ? -1 : h >= up ? 1 : 0;
    if (side === 0) continue;
    open_ = false;
    label = side;
    bars = at - event;
  }
  sums.rows++;
  sums.outcomes += label * (1 + bars);
  sums.vsr += ((close[end] as number) - price) / atr;
  sums.reach += Math.max(0, highest / price - 1) - Math.min(0, lowest / price - 1);
}

function averageTrueRange({ high, low, close }: CandleBlock, event: number): number {
  let total = 0;
  for (let at = event - ATR_BARS + 1; at <= event; at++) {
    const before = close[at - 1] as number, h = high[at] as number, l = low[at] as number;
    total += Math.max(h - l, Math.abs(h - before), Math.abs(l - before));
  }
  return total / ATR_BARS;
}

function realisedVolatility({ close }: CandleBlock, event: number): number {
  if (event < RV_BARS) return NaN;
  let total = 0;
  for (let at = event - RV_BARS + 1; at <= event; at++) {
    const r = Math.log((close[at] as number) / (close[at - 1] as number));
    total += r * r;
  }
  return Math.sqrt(total / RV_BARS);
}
