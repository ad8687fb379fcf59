/**
 * Finds that latency has risen against what it was within the last half hour: a clipped CUSUM on its
 * logarithm.
 *
 * Latencies are skewed and change by factors, so their logarithm is what is near normal, and a
 * shift of it is a factor. What is usual is the median of the last looks, and what it varies by is
 * their median absolute deviation times 1.4826, the standard deviation of a normal: half of the
 * looks may be wild and move neither (P. J. Huber, Robust Statistics, 1981). While there is
 * evidence of a change nothing is learned from the looks that gave it.
 *
 * @module
 */

import { type CusumStep, MeanCusum, type MeanOptions } from "./cusum.ts";

/** Options of {@linkcode LatencyCusum}. */
export interface LatencyOptions extends MeanOptions {
  /** Looks that are remembered; default 360: half an hour of looks of 5 s. */
  readonly looks?: number;
  /** Looks before anything is said; default 60. */
  readonly looksBefore?: number;
  /** Events that a look needs to count; default 20. */
  readonly eventsMin?: number;
  /** Least deviation of the logarithm that is reckoned with; default 0.1: 10 %. */
  readonly deviationMin?: number;
}

/** What a look at latency said. */
export interface LatencyStep extends CusumStep {
  /** How many times the usual latency this look had; null before there is a usual one. */
  readonly factor: number | null;
}

/**
 * The CUSUM unless said otherwise, in deviations. Tuned to a shift of two, 20 %: latency drifts by
 * fractions of one for minutes, and what a spike left in the sum would be completed by that. The
 * threshold gives 30 days of looks of 5 s (`meanArl`), 8 looks take 40 s: enough for a ticket.
 */
export const LATENCY_CUSUM: Required<MeanOptions> = {
  reference: 1,
  threshold: 5.76,
  looksMin: 8,
};
const LOOKS_DEFAULT = 360;
const LOOKS_BEFORE_DEFAULT = 60;
const EVENTS_MIN_DEFAULT = 20;
const DEVIATION_MIN_DEFAULT = 0.1;
/** What is usual is computed anew after so many looks: it sorts all that are remembered. */
const LEARN_EVERY = 12;
/** MAD of a normal distribution in standard deviations, inverted. */
const MAD_TO_DEVIATION = 1.4826;

/** See the module. */
export class LatencyCusum {
  readonly #cusum: MeanCusum;
  readonly #logs: Float64Array;
  readonly #looksBefore: number;
  readonly #eventsMin: number;
  readonly #deviationMin: number;
  #seen = 0;
  #usual: { readonly middle: number; readonly deviation: number } | null = null;

  /**
   * One that knows nothing yet.
   *
   * @throws {RangeError} when the looks are not positive, or see {@linkcode MeanCusum}.
   */
  constructor(options: LatencyOptions = {}) {
    const looks = options.looks ?? LOOKS_DEFAULT;
    this.#looksBefore = options.looksBefore ?? LOOKS_BEFORE_DEFAULT;
    if (!(Number.isInteger(looks) && looks >= this.#looksBefore && this.#looksBefore >= 1)) {
      throw new RangeError(
        `Cannot watch latency: expected looks of at least looksBefore, 1 or more: ` +
          `current values are ${looks} and ${this.#looksBefore}`,
      );
    }
    this.#cusum = new MeanCusum({ ...LATENCY_CUSUM, ...options });
    this.#logs = new Float64Array(looks);
    this.#eventsMin = options.eventsMin ?? EVENTS_MIN_DEFAULT;
    this.#deviationMin = options.deviationMin ?? DEVIATION_MIN_DEFAULT;
  }

  /**
   * Takes the mean latency of one look's events. Looks with few events, or a mean that is not above
   * 0, change nothing. O(1), and O(looks · log looks) once in {@linkcode LEARN_EVERY}.
   */
  step(events: number, meanSeconds: number): LatencyStep {
    if (!(events >= this.#eventsMin && meanSeconds > 0 && meanSeconds < Infinity)) {
      return { ...this.#cusum.step(NaN), factor: null };
    }
    const log = Math.log(meanSeconds);
    const usual = this.#usual;
    const step = this.#cusum.step(usual === null ? NaN : (log - usual.middle) / usual.deviation);
    if (usual === null || step.sum < step.threshold / 2) this.#learn(log);
    return { ...step, factor: usual === null ? null : Math.exp(log - usual.middle) };
  }

  #learn(log: number): void {
    this.#logs[this.#seen % this.#logs.length] = log;
    this.#seen++;
    if (this.#seen < this.#looksBefore || this.#seen % LEARN_EVERY !== 0) return;
    const logs = this.#logs.slice(0, Math.min(this.#seen, this.#logs.length));
    const middle = medianOf(logs);
    const spread = medianOf(logs.map((each) => Math.abs(each - middle)));
    const deviation = Math.max(this.#deviationMin, MAD_TO_DEVIATION * spread);
    this.#usual = { middle, deviation };
  }
}

/** The median of numbers, which are sorted in place; NaN of none. */
export function medianOf(numbers: Float64Array): number {
  numbers.sort();
  const half = numbers.length >> 1;
  const upper = numbers[half] ?? NaN;
  return numbers.length % 2 === 1 ? upper : ((numbers[half - 1] ?? NaN) + upper) / 2;
}
