/**
 * One series each: a counter, a gauge, a histogram. Whoever counts on a hot path keeps its series
 * and pays for an addition.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";

/** Only grows, whatever becomes of what it counts. */
export class Counter {
  #value = 0;
  /** Last total of a source that counts by itself. */
  #seen = 0;

  /** Counted so far. */
  get value(): number {
    return this.#value;
  }

  /**
   * Counts `by` more; default 1.
   *
   * @throws {RangeError} when that is negative or not a number.
   */
  add(by = 1): void {
    if (!(by >= 0 && by < Infinity)) {
      throw new RangeError(
        `Cannot add to a counter: expected a number of at least 0: current value is ${by}`,
      );
    }
    this.#value += by;
  }

  /**
   * Follows a source that counts by itself. A total below the last one means that the source began
   * anew, as an actor does at a restart: what it has counted since is added.
   *
   * @throws {RangeError} as {@linkcode Counter.add}.
   */
  follow(total: number): void {
    this.add(total >= this.#seen ? total - this.#seen : total);
    this.#seen = total;
  }
}

/** A value now. */
export class Gauge {
  /** When it was last set, monotonic ms; Infinity = by whoever holds it, so it does not age. */
  atMs: number = Infinity;
  #value = 0;

  /** As last set; 0 at first. */
  get value(): number {
    return this.#value;
  }

  /**
   * Sets it.
   *
   * @throws {RangeError} when the value is not finite: JSON could not hold it.
   */
  set(value: number): void {
    if (!Number.isFinite(value)) {
      throw new RangeError(
        `Cannot set a gauge: expected a finite number: current value is ${value}`,
      );
    }
    this.#value = value;
  }

  /** Adds to it; `by` may be negative. */
  add(by: number): void {
    this.set(this.#value + by);
  }
}

/** What each kind of metric is made of. */
export interface SeriesOf {
  /** See {@linkcode Counter}. */
  readonly counter: Counter;
  /** See {@linkcode Gauge}. */
  readonly gauge: Gauge;
  /** See {@linkcode Histogram}. */
  readonly histogram: Histogram;
}
