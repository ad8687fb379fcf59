/**
 * A provider without a network: seeded latencies, failures, limits and outages, values that depend
 * on what is asked alone, and counts of everything that it served. Under a virtual clock a night of
 * calls takes seconds.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import { bitsAt, keyOf, unit } from "../feed/synthetic_noise.ts";
import { failure } from "./error.ts";
import {
  type CallFacts,
  checkedEndpoint,
  costOf,
  type DataProvider,
  type EndpointInfo,
  type ProviderAnswer,
  type ProviderCapabilities,
  type ProviderDetail,
  type ProviderRequest,
  type SymbolResult,
} from "./port.ts";
import { type SimulatedOptions, type SimulatedPlan, simulatedPlan } from "./simulated_options.ts";
import { type Arrival, SimulatedUpstream, type UpstreamStats } from "./simulated_upstream.ts";
import { SimulatedValues } from "./simulated_values.ts";
import type { ProviderKind } from "./values.ts";

/** The simulated provider; `stats` is the oracle of what reached it. */
export interface SimulatedProvider extends DataProvider {
  /** What reached the far end so far. O(endpoints). */
  stats(): UpstreamStats;
}

/**
 * A simulated provider; its time begins now.
 *
 * - a call that is aborted or times out counts at the far end all the same
 * - the n-th call made meets the same latency and failure whatever it asks for
 *
 * @throws {ProviderError} code `options`.
 */
export function simulatedProvider(clock: Clock, options: SimulatedOptions = {}): SimulatedProvider {
  return new Simulated(clock, simulatedPlan(options));
}

class Simulated implements SimulatedProvider {
  readonly name: string;
  readonly capabilities: ProviderCapabilities;
  readonly #clock: Clock;
  readonly #plan: SimulatedPlan;
  readonly #upstream: SimulatedUpstream;
  readonly #values: SimulatedValues;
  readonly #failureKey: number;
  /** How to end each call under way. */
  readonly #underWay = new Set<() => void>();

  constructor(clock: Clock, plan: SimulatedPlan) {
    this.name = plan.name;
    this.#clock = clock;
    this.#plan = plan;
    this.#upstream = new SimulatedUpstream(plan, clock.now());
    this.#values = new SimulatedValues(plan);
    this.#failureKey = keyOf(plan.seed, "key failure");
    this.capabilities = {
      endpoints: plan.endpoints,
      limits: plan.limits.map((limit) => ({ counts: "calls", ...limit })),
    };
  }

  async fetch<K extends ProviderKind>(request: ProviderRequest<K>): Promise<ProviderAnswer<K>> {
    const endpoint = checkedEndpoint(this, this.#plan.endpoints, request);
    request.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<ProviderAnswer<K>>();
    const startMs = this.#clock.now();
    const number = this.#upstream.next();
    const cancels: Cancel[] = [];
    let isOnItsWay = true;
    const settle = (arrival: Arrival | "timeout") => {
      try {
        resolve(this.#answer(request, endpoint, number, arrival, startMs));
      } catch (error) {
        reject(error);
      }
    };
    const arrive = () => {
      isOnItsWay = false;
      const arrival = this.#arrival(number, endpoint, request.symbols);
      if (arrival.state === "hangs") return;
      cancels.push(this.#clock.setTimer(arrival.afterMs, () => settle(arrival)));
    };
    const transitMs = this.#upstream.transitMs(number);
    const abort = () => reject(request.signal.reason);
    const close = () => reject(new DOMException("The provider was closed", "AbortError"));
    request.signal.addEventListener("abort", abort, { once: true });
    this.#underWay.add(close);
    const timeoutMs = request.timeoutMs ?? this.#plan.timeoutMs;
    cancels.push(this.#clock.setTimer(timeoutMs, () => settle("timeout")));
    if (transitMs === 0) arrive();
    else cancels.push(this.#clock.setTimer(transitMs, arrive));
    try {
      return await promise;
    } finally {
      // What is on its way arrives even if nobody waits for it any more.
      if (isOnItsWay) this.#arrival(number, endpoint, request.symbols);
      for (const cancel of cancels) cancel();
      request.signal.removeEventListener("abort", abort);
      this.#underWay.delete(close);
    }
  }

  groupOf(): string {
    return "";
  }

  detail(): ProviderDetail {
    const { calls, limited, failed, keys } = this.#upstream.stats();
    return { seed: this.#plan.seed, calls, limited, failed, keys, underWay: this.#underWay.size };
  }

  stats(): UpstreamStats {
    return this.#upstream.stats();
  }

  close(): Promise<void> {
    for (const end of this.#underWay) end();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #arrival(number: number, endpoint: EndpointInfo, symbols: readonly string[]): Arrival {
    const isPoisoned = this.#plan.poisonFailsCall && this.#poisonIn(symbols) !== undefined;
    const nowMs = this.#clock.now();
    return this.#upstream.arrive(number, endpoint, symbols.length, nowMs, isPoisoned);
  }

  #poisonIn(symbols: readonly string[]): "transient" | "permanent" | undefined {
    const poisons = symbols.map((symbol) => this.#plan.poison.get(symbol));
    return poisons.find((poison) => poison !== undefined);
  }

  #answer<K extends ProviderKind>(
    request: ProviderRequest<K>,
    endpoint: EndpointInfo,
    number: number,
    arrival: Arrival | "timeout",
    startMs: number,
  ): ProviderAnswer<K> {
    const { symbols } = request;
    const facts = (status: number | null, headers: Readonly<Record<string, string>> = {}) => ({
      endpoint: endpoint.name,
      keys: symbols.length,
      cost: costOf(endpoint, symbols.length),
      tookMs: this.#clock.now() - startMs,
      status,
      limitHeaders: headers,
    } satisfies CallFacts);
    const what = `Cannot fetch ${endpoint.name} of ${symbols.length} symbols from ${this.name}`;
    if (arrival === "timeout") {
      const timeoutMs = request.timeoutMs ?? this.#plan.timeoutMs;
      const message = `${what}: expected an answer within ${timeoutMs} ms: current value is none`;
      return { state: "failed", failure: failure("timeout", message), facts: facts(null) };
    }
    if (arrival.state === "limited") {
      const { retryAfterMs } = arrival;
      const message = `${what}: expected fewer calls: current value is status 429`;
      const headers = { ...this.#limitHeaders(), "retry-after": secondsText(retryAfterMs) };
      return {
        state: "failed",
        failure: failure("rate", message, retryAfterMs),
        facts: facts(429, headers),
      };
    }
    if (arrival.state !== "answered") {
      const isPermanent = this.#plan.poisonFailsCall && this.#poisonIn(symbols) === "permanent";
      const status = isPermanent ? 422 : 503;
      const message = `${what}: expected status 200: current value is ${status}`;
      const code = isPermanent ? "refused" : "unavailable";
      return { state: "failed", failure: failure(code, message), facts: facts(status) };
    }
    const results = symbols.map((symbol, place) =>
      this.#keyFails(number, place)
        ? this.#keyFailure<K>(symbol)
        : this.#values.result(symbol, request)
    );
    return { state: "answered", results, facts: facts(200, this.#limitHeaders()) };
  }

  #keyFails(number: number, place: number): boolean {
    const ratio = this.#plan.keyTransientRatio;
    return ratio > 0 && unit(bitsAt(bitsAt(this.#failureKey, number), place)) < ratio;
  }

  #keyFailure<K extends ProviderKind>(symbol: string): SymbolResult<K> {
    const message = `Cannot fetch ${symbol}: expected data: current value is a passing failure`;
    return { state: "error", failure: failure("unavailable", message) };
  }

  #limitHeaders(): Readonly<Record<string, string>> {
    const [limit] = this.#plan.limits;
    if (limit === undefined) return {};
    return {
      "x-ratelimit-limit": String(limit.max),
      "x-ratelimit-remaining": String(this.#upstream.left(this.#clock.now())),
    };
  }
}

/** As HTTP says it: whole seconds, never too few. */
function secondsText(ms: number): string {
  return String(Math.ceil(ms / 1_000));
}
