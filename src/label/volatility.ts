/**
 * Volatility in price units, one candle at a time: the simple-mean ATR of R4, and estimators that
 * can take its place as the unit of barriers and of `vsr`.
 *
 * Guarantees shared by all of them:
 * - `push` returns NaN for the first 14 candles of a segment, whatever the estimator could do, so
 *   that the choice of estimator never changes which rows are `warmup`;
 * - window sums are taken afresh each time, oldest term first, so a value depends only on the
 *   candles inside its window and a restart reproduces it bit for bit;
 * - except {@linkcode Ewma}, no value depends on more than 15 candles.
 *
 * Estimators of relative volatility σ (per bar, over log prices) are returned as σ · close, an
 * amount of price like the ATR: a relative number is never used as a price.
 *
 * @module
 */

import { RV_BARS, type VolatilityName, WARMUP_BARS } from "./params.ts";

/** A streaming estimator over the candles of one segment. */
export interface Volatility {
  /** Takes one candle; its volatility in price units, NaN while warming up. O(window). */
  push(open: number, high: number, low: number, close: number): number;
  /** Forgets everything: a new segment begins. */
  reset(): void;
}

/** The estimator of that name, empty. */
export function createVolatility(name: VolatilityName): Volatility {
  switch (name) {
    case "atr":
      return new Atr();
    case "parkinson":
      return new Parkinson();
    case "garman-klass":
      return new GarmanKlass();
    case "yang-zhang":
      return new YangZhang();
    case "ewma":
      return new Ewma();
  }
}

/**
 * The last `size` numbers, oldest first. Each is written twice, `size` apart, so that the window is
 * always one contiguous run: no wrap inside the summing loop.
 */
export class Window {
  readonly size: number;
  readonly values: Float64Array;
  /** Where the oldest value stands once the window is full; also the next place to write. */
  start = 0;

  constructor(size: number) {
    this.size = size;
    this.values = new Float64Array(2 * size);
  }

  /** Replaces the oldest value. O(1). */
  push(value: number): void {
    const at = this.start;
    this.values[at] = value;
    this.values[at + this.size] = value;
    this.start = at + 1 === this.size ? 0 : at + 1;
  }

  /** Sum of the window, oldest first. O(size). */
  sum(): number {
    const { values, start } = this;
    const end = start + this.size;
    let total = 0;
    // Indices stay below 2 · size, so the reads are never undefined.
    for (let at = start; at < end; at++) total += values[at] as number;
    return total;
  }
}

/**
 * Average true range, R4: (TR[i−13] + … + TR[i]) / 14 with TR[j] = max(h−l, |h−c[j−1]|,
 * |l−c[j−1]|). True range: J. W. Wilder, *New Concepts in Technical Trading Systems* (1978), p. 21;
 * the mean here is the simple one, not Wilder's recursive one, whose memory is infinite.
 */
export class Atr implements Volatility {
  readonly #ranges = new Window(WARMUP_BARS);
  #count = 0;
  #before = 0;

  push(_open: number, high: number, low: number, close: number): number {
    const before = this.#before;
    this.#before = close;
    if (this.#count === 0) {
      this.#count = 1;
      return NaN;
    }
    let range = high - low;
    const rise = Math.abs(high - before);
    const fall = Math.abs(low - before);
    if (rise > range) range = rise;
    if (fall > range) range = fall;
    this.#ranges.push(range);
    if (this.#count < WARMUP_BARS) {
      this.#count++;
      return NaN;
    }
    return this.#ranges.sum() / WARMUP_BARS;
  }

  reset(): void {
    this.#count = 0;
  }
}

/**
 * Realised volatility, R4: sqrt((r[i−19]² + … + r[i]²) / 20), r[j] = ln(c[j] / c[j−1]). Relative,
 * per bar. Feeds the columns `rv` and `zret`, whatever the estimator.
 */
export class RealisedVolatility {
  readonly #squares = new Window(RV_BARS);
  #count = 0;
  #before = 0;

  /** Takes one close; NaN for the first 20 candles of a segment. O(20). */
  push(close: number): number {
    const before = this.#before;
    this.#before = close;
    if (this.#count === 0) {
      this.#count = 1;
      return NaN;
    }
    const r = Math.log(close / before);
    this.#squares.push(r * r);
    if (this.#count < RV_BARS) {
      this.#count++;
      return NaN;
    }
    return Math.sqrt(this.#squares.sum() / RV_BARS);
  }

  /** Forgets everything: a new segment begins. */
  reset(): void {
    this.#count = 0;
  }
}

/**
 * σ² = Σ ln(h/l)² / (4 · 14 · ln 2), over the last 14 candles; returned as σ · close.
 * M. Parkinson, "The Extreme Value Method for Estimating the Variance of the Rate of Return",
 * *Journal of Business* 53 (1980), pp. 61–65. Blind to gaps between candles.
 */
export class Parkinson implements Volatility {
  readonly #terms = new Window(WARMUP_BARS);
  #count = 0;

  push(_open: number, high: number, low: number, close: number): number {
    const span = Math.log(high / low);
    this.#terms.push(span * span);
    if (this.#count < WARMUP_BARS) {
      this.#count++;
      return NaN;
    }
    return Math.sqrt(this.#terms.sum() / (4 * WARMUP_BARS * Math.LN2)) * close;
  }

  reset(): void {
    this.#count = 0;
  }
}

/**
 * σ² = Σ (½ ln(h/l)² − (2 ln 2 − 1) ln(c/o)²) / 14, over the last 14 candles; returned as
 * σ · close. M. B. Garman and M. J. Klass, "On the Estimation of Security Price Volatilities from
 * Historical Data", *Journal of Business* 53 (1980), pp. 67–78, the practical estimator. Blind to
 * gaps between candles. Each term is ≥ 0 because |ln(c/o)| ≤ ln(h/l).
 */
export class GarmanKlass implements Volatility {
  readonly #terms = new Window(WARMUP_BARS);
  #count = 0;

  push(open: number, high: number, low: number, close: number): number {
    const span = Math.log(high / low);
    const body = Math.log(close / open);
    this.#terms.push(0.5 * span * span - (2 * Math.LN2 - 1) * body * body);
    if (this.#count < WARMUP_BARS) {
      this.#count++;
      return NaN;
    }
    return Math.sqrt(this.#terms.sum() / WARMUP_BARS) * close;
  }

  reset(): void {
    this.#count = 0;
  }
}

/** Weight of the open-to-close variance in {@linkcode YangZhang} for a window of 14. */
const YZ_WEIGHT = 0.34 / (1.34 + (WARMUP_BARS + 1) / (WARMUP_BARS - 1));

/**
 * σ² = V(overnight) + k · V(open to close) + (1 − k) · RS over the last 14 candles, returned as
 * σ · close: V are sample variances (divided by 13) of ln(o[j]/c[j−1]) and ln(c[j]/o[j]), RS the
 * mean of u(u−x) + d(d−x) with u = ln(h/o), d = ln(l/o), x = ln(c/o) (Rogers and Satchell), and
 * k = 0.34 / (1.34 + 15/13). D. Yang and Q. Zhang, "Drift-Independent Volatility Estimation Based
 * on High, Low, Open, and Close Prices", *Journal of Business* 73 (2000), pp. 477–491. Sees gaps;
 * needs the close before its window, hence 15 candles.
 */
export class YangZhang implements Volatility {
  readonly #overnight = new Window(WARMUP_BARS);
  readonly #body = new Window(WARMUP_BARS);
  readonly #rogersSatchell = new Window(WARMUP_BARS);
  #count = 0;
  #before = 0;

  push(open: number, high: number, low: number, close: number): number {
    const before = this.#before;
    this.#before = close;
    if (this.#count === 0) {
      this.#count = 1;
      return NaN;
    }
    const u = Math.log(high / open);
    const d = Math.log(low / open);
    const x = Math.log(close / open);
    this.#overnight.push(Math.log(open / before));
    this.#body.push(x);
    this.#rogersSatchell.push(u * (u - x) + d * (d - x));
    if (this.#count < WARMUP_BARS) {
      this.#count++;
      return NaN;
    }
    const variance = sampleVariance(this.#overnight) + YZ_WEIGHT * sampleVariance(this.#body) +
      (1 - YZ_WEIGHT) * this.#rogersSatchell.sum() / WARMUP_BARS;
    // Rogers and Satchell's terms are ≥ 0 up to rounding: never the root of a negative.
    return variance > 0 ? Math.sqrt(variance) * close : 0;
  }

  reset(): void {
    this.#count = 0;
  }
}

/** Decay per bar of {@linkcode Ewma}: a span of 14 bars, λ = 1 − 2 / (14 + 1). */
export const EWMA_DECAY = 1 - 2 / (WARMUP_BARS + 1);

/**
 * σ²[i] = λ σ²[i−1] + (1 − λ) r[i]², σ²[1] = r[1]², λ = 13/15 (a span of 14 bars; RiskMetrics'
 * daily λ is 0.94); returned as σ · close. J.P. Morgan/Reuters, *RiskMetrics Technical Document*,
 * 4th ed. (1996), section 5.2.
 *
 * **Its memory is infinite**: every value depends on all candles since the segment began. So
 * - a restart needs the whole current segment, not H + 21 candles (`Labeler.hydrate` refuses less);
 * - a correction of candle k reaches every label from k − H to the end of k's segment.
 */
export class Ewma implements Volatility {
  #count = 0;
  #before = 0;
  #variance = 0;

  push(_open: number, _high: number, _low: number, close: number): number {
    const before = this.#before;
    this.#before = close;
    if (this.#count === 0) {
      this.#count = 1;
      return NaN;
    }
    const r = Math.log(close / before);
    this.#variance = this.#count === 1
      ? r * r
      : EWMA_DECAY * this.#variance + (1 - EWMA_DECAY) * (r * r);
    if (this.#count < WARMUP_BARS) {
      this.#count++;
      return NaN;
    }
    return Math.sqrt(this.#variance) * close;
  }

  reset(): void {
    this.#count = 0;
  }
}

function sampleVariance(window: Window): number {
  const { values, start, size } = window;
  const mean = window.sum() / size;
  let total = 0;
  for (let at = start; at < start + size; at++) {
    const off = (values[at] as number) - mean;
    total += off * off;
  }
  return total / (size - 1);
}
