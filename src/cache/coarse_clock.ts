/**
 * A clock that is read for the price of a field: it asks the real one once per resolution.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import type { TimeSource } from "./cache_options.ts";

/**
 * A clock that remembers what it read for its resolution.
 *
 * - Its one timer is set only while it is used: none is left when nobody asks for the time.
 * - Within one turn of the event loop time stands still once it was read; a turn of 100 ms shows in
 *   the next one.
 * - Never goes back.
 *
 * A class, so that the engine compiles the read into its caller however many there are.
 */
export class CoarseClock implements TimeSource, Disposable {
  readonly #clock: Clock;
  readonly #resolutionMs: number;
  #readMs = 0;
  #isFresh = false;
  #isClosed = false;
  #cancel: Cancel | null = null;

  /**
   * Not read yet.
   *
   * @throws {RangeError} when the resolution is not above 0.
   */
  constructor(clock: Clock, resolutionMs: number) {
    if (!(resolutionMs > 0)) {
      throw new RangeError(
        `Cannot make a coarse clock: expected a resolution above 0 ms: current value is ` +
          `${resolutionMs}`,
      );
    }
    this.#clock = clock;
    this.#resolutionMs = resolutionMs;
  }

  /** Monotonic ms, at most one resolution behind while the event loop turns. */
  now(): number {
    return this.#isFresh ? this.#readMs : this.#read();
  }

  #read(): number {
    this.#readMs = this.#clock.now();
    if (!this.#isClosed) {
      this.#isFresh = true;
      this.#cancel = this.#clock.setTimer(this.#resolutionMs, () => {
        this.#isFresh = false;
        this.#cancel = null;
      });
    }
    return this.#readMs;
  }

  /** Stops its timer and reads the real clock from now on; idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#isFresh = false;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** As {@linkcode CoarseClock.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
