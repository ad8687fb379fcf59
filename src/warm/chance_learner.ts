/**
 * Learns from what became of predictions: a sample of them waits for the end of its windows, then
 * moves the weights of the model and its reliability.
 *
 * @module
 */

import { ChanceModel, FEATURE_COUNT } from "./chance_model.ts";
import { ChanceSamples, SAMPLES_MAX } from "./chance_samples.ts";
import { ticksOf } from "./rates_decay.ts";
import { Reliability } from "./reliability.ts";

/**
 * Longer windows are not learned from: what they teach comes too late, and they fill the sample.
 */
const LEARN_WINDOW_MAX_MS = 2 * 3_600_000;

/** Of so many predictions one is a sample at least. */
const STRIDE_MAX = 1 << 16;

/** See the head of this file. */
export class ChanceLearner {
  readonly model = new ChanceModel();
  readonly reliability = new Reliability();
  readonly #samples = new ChanceSamples();
  /** When a slot's key was asked for last, in ticks. */
  readonly #lastTicks: Uint32Array;
  /** Changes when a slot gets another key. */
  readonly #generations: Uint8Array;
  #predictions = 0;
  /** Every so many predictions one is a sample: doubled while too many wait, halved when few do. */
  #stride = 1;

  /** Sees by these columns, by slot, what became of predictions. */
  constructor(lastTicks: Uint32Array, generations: Uint8Array) {
    this.#lastTicks = lastTicks;
    this.#generations = generations;
  }

  /** Bytes of its columns. */
  get bytes(): number {
    return this.#samples.bytes;
  }

  /** The chance that features speak for. */
  chance(features: Float32Array): number {
    return this.reliability.corrected(this.#raw(features));
  }

  /** The same for a slot's key, noted as a prediction. */
  predict(features: Float32Array, slot: number, atMs: number, windowMs: number): number {
    const raw = this.#raw(features);
    if (++this.#predictions % this.#stride === 0 && windowMs <= LEARN_WINDOW_MAX_MS) {
      this.resolve(atMs);
      this.#note(features, slot, atMs, windowMs, raw);
    }
    return this.reliability.corrected(raw);
  }

  #raw(features: Float32Array): number {
    return -Math.expm1(-this.model.mean(features, 0));
  }

  #note(features: Float32Array, slot: number, atMs: number, windowMs: number, raw: number): void {
    const samples = this.#samples;
    if (samples.size > SAMPLES_MAX / 2) this.#stride = Math.min(this.#stride * 2, STRIDE_MAX);
    else if (samples.size < SAMPLES_MAX / 16 && this.#stride > 1) this.#stride /= 2;
    const place = samples.add(atMs + windowMs);
    if (place < 0) return;
    samples.slots[place] = slot;
    samples.generations[place] = this.#generations[slot] as number;
    samples.atMs[place] = atMs;
    samples.chances[place] = raw;
    samples.features.set(features, place * FEATURE_COUNT);
  }

  /**
   * Learns from the windows that ended before `nowMs`; to be called before an access of that time
   * is counted, so that a slot's last access tells of the window. O(ended · log).
   */
  resolve(nowMs: number): void {
    const samples = this.#samples;
    for (let place; (place = samples.takeEnded(nowMs)) >= 0;) {
      const slot = samples.slots[place] as number;
      if (samples.generations[place] !== this.#generations[slot]) continue;
      const isUsed = (this.#lastTicks[slot] as number) > ticksOf(samples.atMs[place] as number);
      this.model.learn(samples.features, place * FEATURE_COUNT, isUsed);
      this.reliability.add(samples.chances[place] as number, isUsed);
    }
  }
}
