/**
 * What goes wrong with the bars of the synthetic feed: which of them are missing, late, sent twice,
 * corrected, deleted or no candle at all, and when the whole instrument falls silent.
 *
 * @module
 */

import { bitsAt, keyAt, keyOf, unit } from "./synthetic_noise.ts";

/** What happens to a bar; a bar has one fate. */
export const Fate = {
  /** Sent once, in time. */
  clean: 0,
  /** Never sent. */
  missing: 1,
  /** Sent only after later ones. */
  late: 2,
  /** Sent, and again later, the same. */
  duplicate: 3,
  /** Sent, and again later with another close, high, low and volume. */
  corrected: 4,
  /** Sent, and deleted later. */
  deleted: 5,
  /** Sent as a row that is no candle, every other time followed by the right one later. */
  bad: 6,
} as const;

/** A value of {@linkcode Fate}. */
export type FateCode = (typeof Fate)[keyof typeof Fate];

/** Shares of bars by fate, each in [0, 1], together at most 1; and how often an instrument rests. */
export interface SyntheticFaults {
  /** Never sent. */
  readonly missing: number;
  /** Sent only after later bars. */
  readonly late: number;
  /** Sent, and again later, the same. */
  readonly duplicate: number;
  /** Sent, and again later with other values. */
  readonly corrected: number;
  /** Sent, and deleted later. */
  readonly deleted: number;
  /** Sent as a row that is no candle, every other time followed by the right one later. */
  readonly bad: number;
  /** Chance that an instrument is silent for 11 to 20 days in a stretch of 180 days. */
  readonly silent: number;
}

/** Shares as a middling provider has them: two bars in a hundred, one silence in ten years. */
export const SYNTHETIC_FAULTS_DEFAULT: SyntheticFaults = {
  missing: 0.006,
  late: 0.004,
  duplicate: 0.004,
  corrected: 0.003,
  deleted: 0.001,
  bad: 0.002,
  silent: 0.05,
};

/** Every row in time, in order, once; sessions still close. */
export const SYNTHETIC_FAULTS_NONE: SyntheticFaults = {
  missing: 0,
  late: 0,
  duplicate: 0,
  corrected: 0,
  deleted: 0,
  bad: 0,
  silent: 0,
};

/** Most bars by which a second row of a bar comes later. */
export const LATER_BARS_MAX = 16;

const DAY_MS = 86_400_000;

/** Stretch in which at most one silence falls, in its middle so that two are never neighbours. */
const SILENCE_EVERY_MS = 180 * DAY_MS;
const SILENCE_FROM_DAYS = { min: 30, span: 100 } as const;
const SILENCE_DAYS = { min: 11, span: 9 } as const;

/** The longest silence in milliseconds. */
export const SILENCE_MS_MAX = (SILENCE_DAYS.min + SILENCE_DAYS.span) * DAY_MS;

/** Fates of the bars of one series. */
export class FateDealer {
  readonly #key: number;
  readonly #laterKey: number;
  /** Upper ends of the fates from `missing` on, as 32-bit numbers. */
  readonly #ends: Float64Array;

  constructor(seed: number, series: string, faults: SyntheticFaults) {
    this.#key = keyOf(seed, `fate ${series}`);
    this.#laterKey = keyOf(seed, `later ${series}`);
    const { missing, late, duplicate, corrected, deleted, bad } = faults;
    let end = 0;
    this.#ends = Float64Array.from(
      [missing, late, duplicate, corrected, deleted, bad],
      (share) => (end += share) * 4_294_967_296,
    );
  }

  /** Fate of bar number `bar`. O(1), mostly one hash and one comparison. */
  fateOf(bar: number): FateCode {
    const bits = bitsAt(this.#key, bar) >>> 0;
    const ends = this.#ends;
    if (bits >= (ends[5] as number)) return Fate.clean;
    let fate = 1;
    while (bits >= (ends[fate - 1] as number)) fate++;
    return fate as FateCode;
  }

  /** Further random bits for a bar whose fate is not clean; `draw` tells draws apart. */
  bitsOf(bar: number, draw: number): number {
    return bitsAt(keyAt(this.#laterKey, draw), bar);
  }

  /** Bars until the second row of a bar, 1 to {@linkcode LATER_BARS_MAX}. */
  laterBars(bar: number): number {
    return 1 + Math.floor(unit(this.bitsOf(bar, 0)) * LATER_BARS_MAX);
  }
}

/** Silences of one instrument: the time from ≤ t < to in which it sends nothing. */
export class Silences {
  readonly #key: number;
  readonly #chance: number;
  /** The stretch looked at last and its silence. */
  #stretch = NaN;
  #fromMs = Infinity;
  #toMs = Infinity;

  constructor(seed: number, symbol: string, chance: number) {
    this.#key = keyOf(seed, `silence ${symbol}`);
    this.#chance = chance;
  }

  /** Whether the instrument is silent at `ts`. O(1). */
  has(ts: number): boolean {
    const stretch = Math.floor(ts / SILENCE_EVERY_MS);
    if (stretch !== this.#stretch) this.#lookAt(stretch);
    return ts >= this.#fromMs && ts < this.#toMs;
  }

  #lookAt(stretch: number): void {
    this.#stretch = stretch;
    this.#fromMs = this.#toMs = Infinity;
    if (unit(bitsAt(this.#key, 3 * stretch)) >= this.#chance) return;
    const fromDays = SILENCE_FROM_DAYS.min +
      unit(bitsAt(this.#key, 3 * stretch + 1)) * SILENCE_FROM_DAYS.span;
    const days = SILENCE_DAYS.min + unit(bitsAt(this.#key, 3 * stretch + 2)) * SILENCE_DAYS.span;
    this.#fromMs = stretch * SILENCE_EVERY_MS + Math.floor(fromDays) * DAY_MS;
    this.#toMs = this.#fromMs + Math.floor(days * DAY_MS);
  }
}
