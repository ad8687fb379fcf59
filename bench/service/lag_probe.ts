/**
 * Lag of this isolate's event loop while something runs, by how late timers fire.
 *
 * @module
 */

import { systemClock } from "../../src/actor/mod.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { watchLoopLag } from "../../src/monitor/loop_lag.ts";

/** Often enough for a p99 over seconds; timers in whole milliseconds add up to one of their own. */
const PROBE_EVERY_MS = 5;

/** Waits of all probes, ms. */
export interface LagReport {
  readonly probes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/**
 * Probes the loop until it is stopped. A loop that blocks answers for every probe that fell due
 * meanwhile, so a stall cannot hide by being probed only once.
 */
export class LagProbe {
  readonly #lagMs = new Histogram({ lowest: 1e-3, highest: 1e6 });
  readonly #end = watchLoopLag(systemClock, (ms) => this.#lagMs.record(ms), PROBE_EVERY_MS);

  /** Ends it; gives what it found. */
  stop(): LagReport {
    this.#end();
    const { count, max } = this.#lagMs;
    const [p50Ms = 0, p99Ms = 0] = this.#lagMs.percentiles([0.5, 0.99]);
    return { probes: count, p50Ms, p99Ms, maxMs: Math.max(0, max) };
  }
}
