/**
 * A small seeded generator of numbers for schedules: sfc32 (Chris Doty-Humphrey, PractRand). The
 * same seed gives the same numbers on every machine and for ever, because it uses 32-bit integer
 * operations only.
 *
 * @module
 */

/** Rounds that are thrown away after seeding, so that neighbouring seeds do not look alike. */
const WARM_UP_ROUNDS = 16;

/**
 * A stream of numbers from a 32-bit seed.
 *
 * - equal seeds give equal streams
 * - no call allocates
 */
export class Prng {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  constructor(seed: number) {
    this.reseed(seed);
  }

  /** Begins the stream of another seed. */
  reseed(seed: number): void {
    this.#a = seed | 0;
    this.#b = Math.imul(seed, 0x9e3779b1) | 0;
    this.#c = 0x85ebca6b | 0;
    this.#counter = 1;
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.#next();
  }

  /** An integer 0 ≤ i < bound, for bounds up to 2^31. The bias is at most bound / 2^32. */
  below(bound: number): number {
    return Math.floor((this.#next() >>> 0) * (1 / 0x1_0000_0000) * bound);
  }

  /** An integer low ≤ i ≤ high. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Whether an event of so many percent happens. */
  percent(chance: number): boolean {
    return this.below(100) < chance;
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }
}
