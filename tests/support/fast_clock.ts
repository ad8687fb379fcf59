/**
 * The machine's clock, but faster: for waits of a few seconds that are what they are.
 *
 * @module
 */

import { type Clock, systemClock } from "../../src/actor/clock.ts";

/** A clock that runs so many times as fast as the machine's. */
export function fastClock(times: number): Clock {
  const wallMs = systemClock.wallNow(), fromMs = systemClock.now();
  const now = () => fromMs + (systemClock.now() - fromMs) * times;
  return {
    now,
    wallNow: () => Math.floor(wallMs + now() - fromMs),
    setTimer: (delayMs, fire) => systemClock.setTimer(delayMs / times, fire),
  };
}
