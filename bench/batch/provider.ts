/**
 * A provider in virtual time: it answers after a while, fails now and then, and enforces its limit
 * on what arrives, counting for itself.
 *
 * Latency as in `data/workloads/README.md`: lognormal, median 150 ms, p99 800 ms, and 2 ms for each
 * further symbol of a batch. A request arrives at a random time of its way, so the provider's
 * window sees another order and other distances than the sender.
 *
 * @module
 */

import { type Clock, pause, type Random } from "../../src/actor/clock.ts";

const MEDIAN_MS = 150;
/** ln(800 / 150) over the 99th percentile of the standard normal distribution. */
const SIGMA = Math.log(800 / 150) / 2.326;
const MS_PER_FURTHER_SYMBOL = 2;

/** Mean of the latency of one symbol: that of the lognormal distribution. */
export const LATENCY_MEAN_MS: number = MEDIAN_MS * Math.exp(SIGMA ** 2 / 2);

/** A latency, ms. */
export function latencyMs(random: Random): number {
  // Box and Muller, 1958.
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return MEDIAN_MS * Math.exp(SIGMA * radius * Math.cos(2 * Math.PI * random.next()));
}

/** A call that the provider refused for its limit. */
export class TooManyRequests extends Error {
  /** As in an HTTP response. */
  readonly status = 429;
}

/** A call that failed and may go well next time. */
export class Unavailable extends Error {
  /** As in an HTTP response. */
  readonly status = 503;
}

/** What the provider counted. */
export interface Served {
  /** Calls that arrived. */
  calls: number;
  /** Of these, failed by chance. */
  failed: number;
  /** Of these, refused because a window held more than the limit. */
  refused: number;
  /** Answered well, by endpoint and symbol: how often. */
  readonly symbols: Map<string, number>;
}

/** How it behaves. */
export interface ProviderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly requests: number;
  readonly windowMs: number;
  /** Share of calls that fail, 0 to 1. */
  readonly failures: number;
}

/** The provider. */
export class BenchProvider {
  readonly served: Served = { calls: 0, failed: 0, refused: 0, symbols: new Map() };
  readonly #options: ProviderOptions;
  /** Ring of the arrival times of the last `requests` calls. */
  readonly #arrivals: Float64Array;

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.#arrivals = new Float64Array(options.requests).fill(-Infinity);
  }

  /** Answers a call: resolves or rejects with one of the errors above. */
  async fetch(endpoint: string, symbols: readonly string[]): Promise<void> {
    const { clock, random, failures, windowMs } = this.#options;
    const tookMs = latencyMs(random) + MS_PER_FURTHER_SYMBOL * (symbols.length - 1);
    const onWayMs = tookMs * random.next();
    const isFailure = random.next() < failures;
    await pause(clock, onWayMs);
    const { served } = this;
    const at = served.calls++ % this.#arrivals.length;
    const isOver = clock.now() - (this.#arrivals[at] ?? 0) < windowMs;
    this.#arrivals[at] = clock.now();
    await pause(clock, tookMs - onWayMs);
    if (isOver) {
      served.refused++;
      throw new TooManyRequests("429");
    }
    if (isFailure) {
      served.failed++;
      throw new Unavailable("503");
    }
    for (const symbol of symbols) {
      const key = `${endpoint} ${symbol}`;
      served.symbols.set(key, (served.symbols.get(key) ?? 0) + 1);
    }
  }
}
