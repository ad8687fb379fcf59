/**
 * A histogram of the recent past: a ring of histograms, each of a slot of time. What is older than
 * the window is forgotten slot by slot.
 *
 * @module
 */

import { Histogram, type HistogramOptions } from "./histogram.ts";

/** How far back it looks, and in what steps it forgets. */
export interface WindowOptions extends HistogramOptions {
  /** Length of the window, ms. */
  readonly windowMs: number;
  /** Slots of the window; default 6. The window read reaches back one slot less, up to all. */
  readonly slots?: number;
}

/** Slots of a window: each holds a histogram of some 21 kB. */
export const SLOTS_MAX = 64;
const SLOTS_DEFAULT = 6;

/**
 * Counts numbers by size over the last `windowMs`.
 *
 * - Memory is fixed: a {@linkcode Histogram} for each slot, and one more to read from.
 * - Time is handed in; when it goes backwards, numbers count for the latest slot seen.
 * - `record` is O(1), and O(buckets) once per slot.
 */
export class WindowedHistogram {
  readonly #slotMs: number;
  readonly #slots: readonly Histogram[];
  readonly #merged: Histogram;
  /** Number of the latest slot, counted from time 0; none before the first number. */
  #latest = -Infinity;

  /**
   * An empty one.
   *
   * @throws {RangeError} when the window or the number of slots is not positive, there are more
   * slots than {@linkcode SLOTS_MAX}, or the range is not one of a {@linkcode Histogram}.
   */
  constructor(options: WindowOptions) {
    const { windowMs, slots = SLOTS_DEFAULT } = options;
    if (!(windowMs > 0) || !Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX) {
      throw new RangeError(
        `Cannot make a window: expected windowMs above 0 and 1 to ${SLOTS_MAX} slots: ` +
          `current values are ${windowMs} and ${slots}`,
      );
    }
    this.#slotMs = windowMs / slots;
    this.#slots = Array.from({ length: slots }, () => new Histogram(options));
    this.#merged = new Histogram(options);
  }

  /** Records a number at monotonic time `nowMs`. */
  record(value: number, nowMs: number): void {
    this.#moveTo(nowMs);
    this.#slots[this.#latest % this.#slots.length]?.record(value);
  }

  /**
   * All that was recorded within the window before `nowMs`, as one histogram. It is written anew
   * by the next call. O(slots × buckets).
   */
  at(nowMs: number): Histogram {
    this.#moveTo(nowMs);
    this.#merged.reset();
    for (const slot of this.#slots) {
      if (slot.count > 0 || slot.rejected > 0) this.#merged.merge(slot);
    }
    return this.#merged;
  }

  /** Makes the slot of `nowMs` the latest: those it passes over are emptied, each once. */
  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / this.#slotMs);
    if (!(slot > this.#latest)) return;
    const { length } = this.#slots;
    for (let passed = Math.max(this.#latest + 1, slot - length + 1); passed <= slot; passed++) {
      this.#slots[passed % length]?.reset();
    }
    this.#latest = slot;
  }
}
