/**
 * A clock that is read for the price of a field: it asks the real one once per resolution.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";

/** See {@linkcode coarseClock}. */
export interface CoarseClock extends Disposable {
  /** Monotonic ms, at most one resolution behind while the event loop turns. */
  readonly now: () => number;
  /** Stops its timer and reads the real clock from now on; idempotent. */
  close(): void;
}

/**
 * A clock that remembers what it read for `resolutionMs`.
 *
 * - Its one timer is set only while it is used: none is left when nobody asks for the time.
 * - Within one turn of the event loop time stands still once it was read; a turn of 100 ms shows in
 *   the next one.
 * - Never goes back.
 *
 * @throws {RangeError} when the resolution is not above 0.
 */
export function coarseClock(clock: Clock, resolutionMs: number): CoarseClock {
  if (!(resolutionMs > 0)) {
    throw new RangeError(
      `Cannot make a coarse clock: expected a resolution above 0 ms: current value is ` +
        `${resolutionMs}`,
    );
  }
  let readMs = 0;
  let isFresh = false;
  let isClosed = false;
  let cancel: Cancel | null = null;
  const outdate = () => {
    isFresh = false;
    cancel = null;
  };
  const read = () => {
    readMs = clock.now();
    if (!isClosed) {
      isFresh = true;
      cancel = clock.setTimer(resolutionMs, outdate);
    }
    return readMs;
  };
  const close = () => {
    isClosed = true;
    isFresh = false;
    cancel?.();
    cancel = null;
  };
  return { now: () => isFresh ? readMs : read(), close, [Symbol.dispose]: close };
}
