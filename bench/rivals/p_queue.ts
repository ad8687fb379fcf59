/**
 * p-queue 10 behind the face of the limiter bench.
 *
 * @module
 */

import PQueue from "p-queue";
import type { LimitRate } from "../../src/batch/limit_rate.ts";
import type { Throttle } from "./bottleneck.ts";

/** A queue by its strict, sliding window, which is its best. */
export function pQueueThrottle({ requests, windowMs }: LimitRate): Throttle {
  const queue = new PQueue({ intervalCap: requests, interval: windowMs, strict: true });
  return async (job) => {
    await queue.add(job);
  };
}
