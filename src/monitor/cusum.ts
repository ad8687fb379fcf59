/**
 * Clipped CUSUM: finds the change of a rate or a mean within seconds, and is not moved by spikes.
 *
 * ## How it works
 * A CUSUM (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954) adds up evidence: each
 * look gives a score that is negative while all is well and positive after the change; the sum
 * never falls below 0, and an alarm is given when it reaches the threshold h. Of all tests with as
 * few false alarms it finds the change soonest (G. Lorden, Annals of Mathematical Statistics 42,
 * 1971).
 *
 * - **Counts** ({@linkcode BadCountCusum}): bad events among all, n of them in a look. The score is
 *   the log-likelihood ratio of the share p₁ to be found against the share p₀ that is well:
 *   b·ln(p₁/p₀) + (n − b)·ln((1 − p₁)/(1 − p₀)). For a steady n this is the Poisson CUSUM of
 *   J. M. Lucas ("Counted data CUSUM's", Technometrics 27, 1985) with its reference value
 *   k = n(p₁ − p₀)/ln(p₁/p₀), scaled by ln(p₁/p₀); as a likelihood ratio it stays right when n
 *   changes by day and night.
 * - **Means** ({@linkcode MeanCusum}): numbers in units of their standard deviation less their mean,
 *   z. The score is z − k, Page's for a normal mean that moves by 2k.
 *
 * **Clipping.** One look adds at most a share of h, so that an alarm takes `looksMin` looks of
 * evidence in a row, however large it is. A disturbance that touches fewer looks than that never
 * alarms by itself: looks of 5 s and `looksMin` 5 leave out every spike of up to 15 s. The price is
 * that the largest change takes `looksMin` looks too: 20 to 30 s here. Several spikes within half a
 * minute add up: of 600 simulated days with 40 spikes of 1 to 8 s at random times, 11 have an alarm.
 *
 * ## How often it is wrong
 * ARL₀, the mean number of looks to a false alarm, is at least e^h for the log-likelihood ratio at a
 * true share p₀ (Lorden's bound; clipping lowers scores, so it holds all the more). For means, D.
 * Siegmund's approximation (Sequential Analysis, 1985) is (e^(2kB) − 2kB − 1)/(2k²) with B = h +
 * 1.166 without clipping, for one side; {@linkcode meanArl} has it.
 *
 * After an alarm the sum begins at 0 again, so a change that stays alarms again and again.
 *
 * @module
 */

import type { EventCounts } from "./burn_rate_events.ts";

/** What a look said. */
export interface CusumStep {
  /** The sum, before it is reset by an alarm; the threshold is at {@linkcode CusumStep.threshold}. */
  readonly sum: number;
  /** h. */
  readonly threshold: number;
  /** The sum reached the threshold; it is 0 now. */
  readonly alarm: boolean;
}

/** State of a CUSUM for a restart. */
export interface CusumState {
  /** The sum. */
  readonly sum: number;
  /** Events since the sum was 0. */
  readonly events: number;
}

/** Options of all CUSUMs. */
export interface CusumOptions {
  /** h; the default gives an ARL₀ of 30 days of looks of 5 s. */
  readonly threshold?: number;
  /** Looks that an alarm takes at least; default {@linkcode LOOKS_MIN_DEFAULT}. */
  readonly looksMin?: number;
}

/** Options of {@linkcode BadCountCusum}. */
export interface BadCountOptions extends CusumOptions {
  /** Share of bad events that is well, above 0. */
  readonly wellRatio: number;
  /** Share of bad events that is to be found, above `wellRatio` and below 1. */
  readonly badRatio: number;
  /** Events since the sum was 0 that an alarm takes: 8 of 8 in a quiet night page nobody. */
  readonly eventsMin?: number;
}

/** 30 days of looks of 5 s, the ARL₀ of the default thresholds. */
export const ARL_DEFAULT = 518_400;
/** ln of {@linkcode ARL_DEFAULT}. */
export const COUNT_THRESHOLD_DEFAULT: number = Math.log(ARL_DEFAULT);
/** Looks that an alarm takes unless said otherwise: 25 s of looks of 5 s. */
export const LOOKS_MIN_DEFAULT = 5;
const EVENTS_MIN_DEFAULT = 100;

/**
 * How far below `looksMin` full clips the threshold lies, in clips: enough that what noise left in
 * the sum does not make up for a missing look, and the last of `looksMin` need not be full.
 */
const SLACK_LOOKS = 0.1;

const clipOf = (threshold: number, looksMin: number) => threshold / (looksMin - SLACK_LOOKS);

/** Finds that the share of bad events has risen; see the module. */
export class BadCountCusum {
  readonly #threshold: number;
  readonly #clip: number;
  readonly #ofBad: number;
  readonly #ofGood: number;
  readonly #eventsMin: number;
  #sum = 0;
  #events = 0;

  /**
   * One without evidence.
   *
   * @throws {RangeError} when the shares do not ascend within 0 to 1, or the threshold or looks are
   * not positive.
   */
  constructor(options: BadCountOptions) {
    const { wellRatio, badRatio, threshold = COUNT_THRESHOLD_DEFAULT } = options;
    if (!(wellRatio > 0 && badRatio > wellRatio && badRatio < 1)) {
      throw new RangeError(
        `Cannot make a CUSUM: expected 0 < wellRatio < badRatio < 1: ` +
          `current values are ${wellRatio} and ${badRatio}`,
      );
    }
    const looksMin = options.looksMin ?? LOOKS_MIN_DEFAULT;
    assertThreshold(threshold, looksMin);
    this.#threshold = threshold;
    this.#clip = clipOf(threshold, looksMin);
    this.#ofBad = Math.log(badRatio / wellRatio);
    this.#ofGood = Math.log((1 - badRatio) / (1 - wellRatio));
    this.#eventsMin = options.eventsMin ?? EVENTS_MIN_DEFAULT;
  }

  /** Takes the events of one look. A look without events changes nothing. O(1). */
  step({ events, bad }: EventCounts): CusumStep {
    const threshold = this.#threshold;
    const score = bad * this.#ofBad + (events - bad) * this.#ofGood;
    const sum = this.#sum + Math.min(this.#clip, score);
    if (!(sum > 0)) {
      this.reset();
      return { sum: 0, threshold, alarm: false };
    }
    this.#events += events;
    this.#sum = Math.min(sum, threshold);
    const alarm = sum >= threshold && this.#events >= this.#eventsMin;
    if (alarm) this.reset();
    return { sum, threshold, alarm };
  }

  /** Forgets the evidence: after an alarm, or a pause too long to be added across. */
  reset(): void {
    this.#sum = 0;
    this.#events = 0;
  }

  /** State for a restart. */
  snapshot(): CusumState {
    return { sum: this.#sum, events: this.#events };
  }

  /** Goes on from a snapshot; one that cannot be is taken as no evidence. */
  restore({ sum, events }: CusumState): void {
    const isSound = sum >= 0 && sum <= this.#threshold && events >= 0 && events < Infinity;
    this.#sum = isSound ? sum : 0;
    this.#events = isSound ? events : 0;
  }
}

/** Options of {@linkcode MeanCusum}. */
export interface MeanOptions extends CusumOptions {
  /** k, in standard deviations; default 0.5: tuned to a shift of one. */
  readonly reference?: number;
}

/** Page's usual reference value. */
export const REFERENCE_DEFAULT = 0.5;
/** Threshold at which {@linkcode meanArl} of 0.5 is {@linkcode ARL_DEFAULT}, in deviations. */
export const MEAN_THRESHOLD_DEFAULT = 11.3;

/** Finds that the mean of standardised numbers has risen; see the module. */
export class MeanCusum {
  readonly #threshold: number;
  readonly #clip: number;
  readonly #reference: number;
  #sum = 0;

  /**
   * One without evidence.
   *
   * @throws {RangeError} when the threshold, the looks or the reference are not positive.
   */
  constructor(options: MeanOptions = {}) {
    const { threshold = MEAN_THRESHOLD_DEFAULT, reference = REFERENCE_DEFAULT } = options;
    const looksMin = options.looksMin ?? LOOKS_MIN_DEFAULT;
    assertThreshold(threshold, looksMin);
    if (!(reference > 0)) {
      throw new RangeError(
        `Cannot make a CUSUM: expected a reference above 0: current value is ${reference}`,
      );
    }
    this.#threshold = threshold;
    this.#clip = clipOf(threshold, looksMin);
    this.#reference = reference;
  }

  /** The sum now. */
  get sum(): number {
    return this.#sum;
  }

  /** Takes one number in standard deviations from its mean; NaN changes nothing. O(1). */
  step(deviations: number): CusumStep {
    const threshold = this.#threshold;
    if (Number.isNaN(deviations)) return { sum: this.#sum, threshold, alarm: false };
    const sum = Math.max(0, this.#sum + Math.min(this.#clip, deviations - this.#reference));
    const alarm = sum >= threshold;
    this.#sum = alarm ? 0 : sum;
    return { sum, threshold, alarm };
  }

  /** Forgets the evidence. */
  reset(): void {
    this.#sum = 0;
  }
}

/**
 * Siegmund's approximation of the mean number of looks to an alarm of a one-sided CUSUM of normal
 * numbers without clipping, whose mean is `shift` deviations from what it is taken for.
 */
export function meanArl(threshold: number, reference: number, shift = 0): number {
  const b = threshold + 1.166;
  const drift = shift - reference;
  if (Math.abs(drift) < 1e-9) return b * b;
  return (Math.exp(-2 * drift * b) + 2 * drift * b - 1) / (2 * drift * drift);
}

function assertThreshold(threshold: number, looksMin: number): void {
  if (threshold > 0 && threshold < Infinity && Number.isInteger(looksMin) && looksMin >= 1) return;
  throw new RangeError(
    `Cannot make a CUSUM: expected a threshold above 0 and at least one look: ` +
      `current values are ${threshold} and ${looksMin}`,
  );
}
