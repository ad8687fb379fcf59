/**
 * bottleneck 2 behind the face of the limiter bench.
 *
 * @module
 */

import Bottleneck from "bottleneck";
import type { LimitRate } from "../../src/batch/limit_rate.ts";

/** Runs a job when its limit lets it. */
export type Throttle = (job: () => Promise<void>) => Promise<void>;

/** The two ways that its README knows to keep a rate: a refilled reservoir, or evenly spaced starts. */
export function bottleneckThrottles(rate: LimitRate): Record<string, Throttle> {
  const { requests, windowMs } = rate;
  const reservoir = new Bottleneck({
    reservoir: requests,
    reservoirRefreshAmount: requests,
    reservoirRefreshInterval: windowMs,
  });
  const spaced = new Bottleneck({ minTime: windowMs / requests });
  return {
    "bottleneck, reservoir": (job) => reservoir.schedule(job),
    "bottleneck, minTime": (job) => spaced.schedule(job),
  };
}
