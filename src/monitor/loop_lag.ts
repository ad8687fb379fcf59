/**
 * Lag of the event loop, by how late timers fire. Nothing that a runtime says about itself is
 * needed: prom-client's own figure is wrong on Deno.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";

/** How often the loop is probed unless told otherwise: 50 timers a second cost nothing. */
export const LAG_EVERY_DEFAULT_MS = 20;

/**
 * Probes that one late timer answers for: 20 s of a blocked loop at the default. A machine that
 * slept for hours is not a loop that was late a million times.
 */
export const LAG_CATCH_UP_MAX = 1_000;

/**
 * Calls `found` with how late each probe was, in ms, until cancelled.
 *
 * Probes are due at times fixed beforehand. A loop that blocks answers for every probe that fell due
 * meanwhile, each with its own wait, so a pause of a second weighs as what it is and not as one slow
 * probe among many (coordinated omission).
 *
 * @throws {RangeError} when `everyMs` is not above 0.
 */
export function watchLoopLag(
  clock: Clock,
  found: (lagMs: number) => void,
  everyMs: number = LAG_EVERY_DEFAULT_MS,
): Cancel {
  if (!(everyMs > 0)) {
    throw new RangeError(
      `Cannot watch the loop: expected everyMs above 0: current value is ${everyMs}`,
    );
  }
  let dueMs = clock.now() + everyMs;
  const probe = () => {
    const nowMs = clock.now();
    // Timers round to whole milliseconds and may be early by less than one.
    found(Math.max(0, nowMs - dueMs));
    dueMs += everyMs;
    for (let more = 1; dueMs <= nowMs && more < LAG_CATCH_UP_MAX; more++) {
      found(nowMs - dueMs);
      dueMs += everyMs;
    }
    if (dueMs <= nowMs) dueMs = nowMs + everyMs;
    cancel = clock.setTimer(dueMs - nowMs, probe);
  };
  let cancel = clock.setTimer(everyMs, probe);
  return () => cancel();
}
