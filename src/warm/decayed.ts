/**
 * Counts by slot that fade: each access counts 2^(-age / half-life).
 *
 * Nothing is done to a count when time passes. Instead a later access weighs more (forward decay: G.
 * Cormode, V. Shkapenyuk, D. Srivastava, B. Xu, "Forward Decay: A Practical Time Decay Model for
 * Streaming Systems", ICDE 2009): it adds 2^(time since a landmark / half-life), and a count is read
 * by dividing by what an access weighs now. The order of slots needs not even that. Before weights
 * become too large for 32-bit floats all of them are divided by a power of two, which loses nothing,
 * and the landmark moves on.
 *
 * @module
 */

/** The landmark moves when weights reach 2 to that: counts up to 2^63 still fit. */
const WEIGHT_EXPONENT_MAX = 64;
/**
 * Weights are worked out once for a time of this length: with a half-life of an hour they are off by
 * less than 0.02 %.
 */
const STEP_MS = 1_000;

/** What a snapshot has of {@linkcode DecayedCounts}. */
export interface DecayedSnapshot {
  readonly values: Float32Array<ArrayBuffer>;
  readonly total: number;
  readonly landmarkMs: number;
}

/** See the top of the file. */
export class DecayedCounts {
  /** By slot, times the weight of an access at the time it is read. For ranking only. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly #halfLifeMs: number;
  #landmarkMs: number;
  #step = NaN;
  #weight = 1;
  #total = 0;

  /** All are 0. */
  constructor(slots: number, halfLifeMs: number, nowMs: number) {
    this.values = new Float32Array(slots);
    this.#halfLifeMs = halfLifeMs;
    this.#landmarkMs = Math.floor(nowMs / STEP_MS) * STEP_MS;
    this.advance(nowMs);
  }

  /** Sum over all accesses, those to slots that were cleared included. */
  get total(): number {
    return this.#total / this.#weight;
  }

  /** What an access adds to `values` now. */
  get weight(): number {
    return this.#weight;
  }

  /** Lets time pass. O(1) but for one call in 64 half-lives, which is O(slots). */
  advance(nowMs: number): void {
    const step = Math.floor(nowMs / STEP_MS);
    if (step === this.#step) return;
    this.#step = step;
    let exponent = (step * STEP_MS - this.#landmarkMs) / this.#halfLifeMs;
    if (exponent > WEIGHT_EXPONENT_MAX) {
      const whole = Math.floor(exponent);
      const factor = 2 ** -whole;
      for (let at = 0; at < this.values.length; at++) {
        this.values[at] = (this.values[at] as number) * factor;
      }
      this.#total *= factor;
      this.#landmarkMs += whole * this.#halfLifeMs;
      exponent -= whole;
    }
    this.#weight = 2 ** exponent;
  }

  /** Counts an access to a slot now. O(1). */
  add(slot: number): void {
    this.values[slot] = (this.values[slot] as number) + this.#weight;
    this.#total += this.#weight;
  }

  /** Counts an access that belongs to no slot. O(1). */
  addElsewhere(): void {
    this.#total += this.#weight;
  }

  /** Makes a slot 0; the total keeps what it was. */
  clear(slot: number): void {
    this.values[slot] = 0;
  }

  /** Count of a slot now. */
  at(slot: number): number {
    return (this.values[slot] ?? 0) / this.#weight;
  }

  /** A copy of what it is made of. */
  snapshot(): DecayedSnapshot {
    return { values: this.values.slice(), total: this.#total, landmarkMs: this.#landmarkMs };
  }

  /**
   * Takes the place of a snapshot's counts, those of slot i from its slot `from[i]`, and lets the
   * time since pass.
   */
  restore(given: DecayedSnapshot, from: Int32Array, nowMs: number): void {
    for (let slot = 0; slot < from.length; slot++) {
      const old = from[slot] as number;
      this.values[slot] = old < 0 ? 0 : given.values[old] ?? 0;
    }
    this.#total = given.total;
    this.#landmarkMs = given.landmarkMs;
    this.#step = NaN;
    this.advance(nowMs);
  }
}
