/**
 * Waiting by a clock.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";

/** Resolves after `ms` of the clock; rejects with the signal's reason when that aborts first. */
export async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => {
    cancel();
    reject(signal.reason);
  };
  const cancel = clock.setTimer(ms, () => {
    signal.removeEventListener("abort", abort);
    resolve();
  });
  signal.addEventListener("abort", abort, { once: true });
  await promise;
}
