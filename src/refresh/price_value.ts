/**
 * What the last candles of a series say of it as an edge: how much its price moves, and its value.
 *
 * @module
 */

import { WARMUP_BARS } from "../label/params.ts";
import { Atr } from "../label/volatility.ts";
import type { CandleBlock } from "../market/block.ts";

/** Bars over which volatility and trend are taken. */
export const TREND_BARS: number = WARMUP_BARS;

/** Candles that both take: as many bars, and the close before them. */
export const TREND_CANDLES: number = TREND_BARS + 1;

/**
 * How far values stay away from 0 and 1. A product of 64 values, the most members of a set, is then
 * not below 1e-128, which is still a normal double; and no edge decides alone over a set's product.
 */
export const VALUE_MARGIN = 0.01;

/** Value of an edge of whose trend nothing is known: as likely up as down. */
export const VALUE_UNKNOWN = 0.5;

/**
 * The average true range of the last 14 candles, in price: that of labels, see `Atr` of
 * `src/label/volatility.ts`. NaN with fewer than 15 candles, or when one of them is no number.
 * O(14), however long the block is.
 */
export function atrOf({ length, open, high, low, close }: CandleBlock): number {
  const atr = new Atr();
  let value = NaN;
  for (let i = Math.max(0, length - TREND_CANDLES); i < length; i++) {
    value = atr.push(
      open[i] as number,
      high[i] as number,
      low[i] as number,
      close[i] as number,
    );
  }
  return Number.isFinite(value) ? value : NaN;
}

/**
 * Strength of the trend as something like a chance, in [{@linkcode VALUE_MARGIN},
 * 1 − {@linkcode VALUE_MARGIN}]:
 *
 *     Φ((close − close 14 bars ago) / (ATR · √14))
 *
 * If changes from bar to bar were independent, of one size, and as likely up as down, their sum over
 * n bars would have √n times the deviation of one (L. Bachelier, "Théorie de la spéculation",
 * *Annales scientifiques de l'É.N.S.* 17, 1900). The ATR stands for that deviation; the mean range of
 * such a bar is √(8/π) ≈ 1.6 of them (W. Feller, "The Asymptotic Distribution of the Range of Sums of
 * Independent Random Variables", *Annals of Mathematical Statistics* 22, 1951). So values lie nearer
 * to ½ than chances would: they say which of two trends is the stronger, and are no forecast.
 * {@linkcode VALUE_UNKNOWN} without an ATR, or where nothing moves.
 */
export function trendValue({ length, close }: CandleBlock, atr: number): number {
  const last = close[length - 1] ?? NaN;
  const first = close[length - TREND_CANDLES] ?? NaN;
  const chance = normalCdf((last - first) / (atr * Math.sqrt(TREND_BARS)));
  if (!(atr > 0) || Number.isNaN(chance)) return VALUE_UNKNOWN;
  return Math.min(1 - VALUE_MARGIN, Math.max(VALUE_MARGIN, chance));
}

/**
 * Φ, the distribution function of the standard normal, to within 1e-7: M. Abramowitz and I. Stegun,
 * *Handbook of Mathematical Functions* (1964), 26.2.17.
 */
export function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.319381530 +
    t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) * series;
  return x >= 0 ? 1 - tail : tail;
}
