/**
 * The far end of a simulated provider: it takes calls, enforces its limits, fails now and then, and
 * counts everything. It neither waits nor knows values; the provider on the port and the HTTP
 * server both stand on it.
 *
 * @module
 */

import { bitsAt, keyOf, mix, unit } from "../feed/synthetic_noise.ts";
import { costOf, type EndpointInfo } from "./port.ts";
import type { SimulatedPlan } from "./simulated_options.ts";
import { SlidingWindow } from "./sliding_window.ts";

/** What the far end counted: the oracle of every figure about calls. */
export interface UpstreamCounts {
  /** Calls that arrived, refused ones included. */
  readonly calls: number;
  /** Calls that were answered. */
  readonly answered: number;
  /** Calls that failed: by chance, by a poison symbol, or in an outage. */
  readonly failed: number;
  /** Calls refused with 429: violations of a limit by whoever calls. */
  readonly limited: number;
  /** Keys of the calls that were answered. */
  readonly keys: number;
  /** Cost of the calls that were answered or failed. */
  readonly cost: number;
  /** Time from arrival to answer of the calls that were answered, ms together. */
  readonly servedMs: number;
}

/** Counts in total and by endpoint. */
export interface UpstreamStats extends UpstreamCounts {
  /** By the endpoint's name; those never called are left out. */
  readonly byEndpoint: Readonly<Record<string, UpstreamCounts>>;
  /** The most calls that one window of the first limit ever held. */
  readonly windowPeak: number;
}

/** What happens to a call that has arrived. */
export type Arrival =
  /** Refused: no slot in some window for that long. */
  | { readonly state: "limited"; readonly afterMs: number; readonly retryAfterMs: number }
  /** Fails after a time. */
  | { readonly state: "failed"; readonly afterMs: number }
  /** Is never answered. */
  | { readonly state: "hangs" }
  /** Is answered after a time. */
  | { readonly state: "answered"; readonly afterMs: number };

type Counts = { -readonly [K in keyof UpstreamCounts]: UpstreamCounts[K] };

const zero = (): Counts => ({
  calls: 0,
  answered: 0,
  failed: 0,
  limited: 0,
  keys: 0,
  cost: 0,
  servedMs: 0,
});

/**
 * See the head of this file.
 *
 * - chance belongs to the number of a call: the same calls in the same order meet the same fate
 * - 429 comes before anything else, and takes no slot
 */
export class SimulatedUpstream {
  readonly #plan: SimulatedPlan;
  readonly #windows: readonly SlidingWindow[];
  readonly #startMs: number;
  readonly #latencyKey: number;
  readonly #failureKey: number;
  readonly #transitKey: number;
  readonly #total = zero();
  readonly #byEndpoint = new Map<string, Counts>();
  #number = 0;

  /** `startMs` is the time on the clock from which outages are counted. */
  constructor(plan: SimulatedPlan, startMs: number) {
    this.#plan = plan;
    this.#startMs = startMs;
    this.#windows = plan.limits.map(({ max, windowMs }) => new SlidingWindow(max, windowMs));
    this.#latencyKey = keyOf(plan.seed, "latency");
    this.#failureKey = keyOf(plan.seed, "failure");
    this.#transitKey = keyOf(plan.seed, "transit");
  }

  /** Number of a call about to be made, from 0. */
  next(): number {
    return this.#number++;
  }

  /** How long that call is on its way, ms. */
  transitMs(number: number): number {
    return this.#plan.transitMsMax * unit(bitsAt(this.#transitKey, number));
  }

  /** That call arrives at `nowMs`; `isPoisoned` when one of its symbols fails it. O(limits). */
  arrive(
    number: number,
    endpoint: EndpointInfo,
    keys: number,
    nowMs: number,
    isPoisoned = false,
  ): Arrival {
    const retryAfterMs = Math.max(0, ...this.#windows.map((window) => window.waitMs(nowMs)));
    this.#count(endpoint, "calls", 1);
    if (retryAfterMs > 0) {
      this.#count(endpoint, "limited", 1);
      return { state: "limited", afterMs: this.#plan.refusalMs, retryAfterMs };
    }
    for (const window of this.#windows) window.accept(nowMs);
    this.#count(endpoint, "cost", costOf(endpoint, keys));
    const sinceMs = nowMs - this.#startMs;
    const outage = this.#plan.outages.find(({ fromMs, toMs }) =>
      fromMs <= sinceMs && sinceMs < toMs
    );
    const latencyMs = this.#latencyMs(number, keys);
    if (outage === undefined && !isPoisoned && !this.#fails(number)) {
      this.#count(endpoint, "answered", 1);
      this.#count(endpoint, "keys", keys);
      this.#count(endpoint, "servedMs", latencyMs);
      return { state: "answered", afterMs: latencyMs };
    }
    this.#count(endpoint, "failed", 1);
    if (outage?.kind === "hang") return { state: "hangs" };
    return { state: "failed", afterMs: outage === undefined ? latencyMs : this.#plan.refusalMs };
  }

  /** How many more calls the tightest limit takes now; Infinity without limits. */
  left(nowMs: number): number {
    return Math.min(...this.#windows.map((window) => window.left(nowMs)));
  }

  /** What was counted so far. O(endpoints). */
  stats(): UpstreamStats {
    return {
      ...this.#total,
      byEndpoint: Object.fromEntries(
        [...this.#byEndpoint].map(([name, counts]) => [name, { ...counts }]),
      ),
      windowPeak: this.#windows[0]?.peak ?? 0,
    };
  }

  /** Lognormal: e^(ln median + σ·normal), the normal number by Box and Muller (1958). */
  #latencyMs(number: number, keys: number): number {
    const { medianMs, sigma, perKeyMs } = this.#plan;
    const bits = bitsAt(this.#latencyKey, number);
    const radius = Math.sqrt(-2 * Math.log(1 - unit(bits)));
    const normal = radius * Math.cos(2 * Math.PI * unit(mix(bits + 1)));
    return medianMs * Math.exp(sigma * normal) + perKeyMs * (keys - 1);
  }

  #fails(number: number): boolean {
    return unit(bitsAt(this.#failureKey, number)) < this.#plan.transientRatio;
  }

  #count(endpoint: EndpointInfo, what: keyof Counts, by: number): void {
    let counts = this.#byEndpoint.get(endpoint.name);
    if (counts === undefined) this.#byEndpoint.set(endpoint.name, counts = zero());
    counts[what] += by;
    this.#total[what] += by;
  }
}
