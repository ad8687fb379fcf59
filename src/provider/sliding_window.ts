/**
 * A strict sliding window as a provider counts it: no window of the length given, wherever it
 * begins, ever holds more than the limit.
 *
 * @module
 */

/**
 * Counts what was accepted within the last window.
 *
 * - the window is open at its begin: what was accepted exactly its length ago is out of it
 * - what is refused is not counted, so that whoever waits as told gets in
 * - time must not run backwards; O(1) amortised, 8 bytes for each of `max`
 */
export class SlidingWindow {
  /** Most accepted within any window. */
  readonly max: number;
  /** Length of the window, ms. */
  readonly windowMs: number;
  /** Ring of the times of what was accepted. */
  readonly #times: Float64Array;
  #oldest = 0;
  #size = 0;
  #peak = 0;

  /** An empty one. @throws {RangeError} unless both are above 0 and `max` is whole. */
  constructor(max: number, windowMs: number) {
    if (!Number.isInteger(max) || max < 1 || !(windowMs > 0)) {
      throw new RangeError(
        `Cannot make a window: expected a whole limit and a length above 0: current value is ` +
          `${max} in ${windowMs} ms`,
      );
    }
    this.max = max;
    this.windowMs = windowMs;
    this.#times = new Float64Array(max);
  }

  /** The most that one window ever held. */
  get peak(): number {
    return this.#peak;
  }

  /** How many more fit at `nowMs`. */
  left(nowMs: number): number {
    while (this.#size > 0 && (this.#times[this.#oldest] as number) + this.windowMs <= nowMs) {
      this.#oldest = (this.#oldest + 1) % this.max;
      this.#size--;
    }
    return this.max - this.#size;
  }

  /** Wait until one more fits, ms; 0 when one does. */
  waitMs(nowMs: number): number {
    if (this.left(nowMs) > 0) return 0;
    return (this.#times[this.#oldest] as number) + this.windowMs - nowMs;
  }

  /** Counts one; only after {@linkcode SlidingWindow.waitMs} was 0. */
  accept(nowMs: number): void {
    this.#times[(this.#oldest + this.#size) % this.max] = nowMs;
    this.#size++;
    if (this.#size > this.#peak) this.#peak = this.#size;
  }
}
