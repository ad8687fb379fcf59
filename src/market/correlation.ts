/**
 * Correlation of two series: Pearson's coefficient of their log returns over bars that both have.
 *
 * @module
 */

import type { CandleBlock } from "./block.ts";

/** Least returns that say anything: with fewer the coefficient is often ±1 by chance. */
export const CORRELATION_BARS_MIN = 10;

/** Most bars of one request: two tails of so many candles are read for it. */
export const CORRELATION_BARS_MAX = 10_000;

/** What two series have in common. */
export interface Correlation {
  /** From -1 to 1; null when there are too few common bars, or one of them does not move. */
  readonly correlation: number | null;
  /** Returns that it is made of. */
  readonly returns: number;
  /** Open times of the first and the last common bar, epoch ms; null without any. */
  readonly fromTs: number | null;
  readonly toTs: number | null;
}

/**
 * Correlation over the last `bars` returns between bars that both series have. Returns are of the
 * natural logarithm of closes, from one common bar to the next (K. Pearson, 1895). O(rows).
 */
export function correlationOf(a: CandleBlock, b: CandleBlock, bars: number): Correlation {
  const common: [ts: number, a: number, b: number][] = [];
  for (let i = a.length - 1, j = b.length - 1; i >= 0 && j >= 0 && common.length <= bars;) {
    const tsA = a.ts[i] as number;
    const tsB = b.ts[j] as number;
    if (tsA === tsB) common.push([tsA, a.close[i] as number, b.close[j] as number]);
    if (tsA >= tsB) i--;
    if (tsB >= tsA) j--;
  }
  common.reverse();
  const returns = Math.max(0, common.length - 1);
  const span = { fromTs: common[0]?.[0] ?? null, toTs: common.at(-1)?.[0] ?? null };
  if (returns < CORRELATION_BARS_MIN) return { correlation: null, returns, ...span };
  const xs: number[] = [], ys: number[] = [];
  for (let i = 1; i < common.length; i++) {
    const [, a0, b0] = common[i - 1] as [number, number, number];
    const [, a1, b1] = common[i] as [number, number, number];
    xs.push(Math.log(a1 / a0));
    ys.push(Math.log(b1 / b0));
  }
  return { correlation: pearson(xs, ys), returns, ...span };
}

function pearson(xs: readonly number[], ys: readonly number[]): number | null {
  const n = xs.length;
  const meanX = sum(xs) / n;
  const meanY = sum(ys) / n;
  let xy = 0, xx = 0, yy = 0;
  for (let i = 0; i < n; i++) {
    const dx = (xs[i] as number) - meanX;
    const dy = (ys[i] as number) - meanY;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  const scale = Math.sqrt(xx * yy);
  // Prices of zero and below have no logarithm.
  if (!(scale > 0) || !Number.isFinite(xy)) return null;
  return Math.max(-1, Math.min(1, xy / scale));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
