/**
 * The way from a cache to the provider of the workloads, in virtual time: keys are grouped into calls
 * and calls wait for the limit as in `actors/provider.ts`, with the same parts and the same bounds.
 *
 * @module
 */

import type { Cancel, Clock } from "../../src/actor/clock.ts";
import type { LimitRate } from "../../src/batch/limit_rate.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { LimiterGate } from "../../src/batch/limiter_gate.ts";
import type { LoadAsk, Loaded } from "../../src/cache/types.ts";
import { failure } from "../../src/provider/error.ts";
import { type GroupedCall, Grouping, type WantedKey } from "../../src/provider/grouping.ts";
import type { SymbolResult } from "../../src/provider/port.ts";
import { type SimulatedProvider, simulatedProvider } from "../../src/provider/simulated.ts";
import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import type { ProviderKind } from "../../src/provider/values.ts";

/** How keys become calls. */
export interface UpstreamOptions {
  readonly clock: Clock;
  /** Decides latencies and failures. */
  readonly seed: number;
  /** End of the time asked for, epoch ms; one for all, so that keys of a kind fit into one call. */
  readonly toMs: number;
  /** Most keys of a call; 1 = every key is a call. */
  readonly keysMax: number;
  /** How long a key may wait for others, by who asks, ms. */
  readonly lingerMs: { readonly demand: number; readonly refresh: number };
  /** Most calls of a window, kept to and enforced; as the provider of the workloads unless given. */
  readonly limit?: LimitRate;
  /** Share of calls that fail; as at the provider of the workloads unless given. */
  readonly transientRatio?: number;
}

/** What is under way, and what came twice at a time. */
export class UnderWay {
  readonly #keys = new Map<string, number>();
  /** That came. */
  entered = 0;
  /** Of them, those that were under way already. */
  doubled = 0;

  /** It begins. */
  enter(key: string): void {
    const already = this.#keys.get(key) ?? 0;
    this.entered++;
    if (already > 0) this.doubled++;
    this.#keys.set(key, already + 1);
  }

  /** It ends. */
  leave(key: string): void {
    const left = (this.#keys.get(key) ?? 1) - 1;
    if (left === 0) this.#keys.delete(key);
    else this.#keys.set(key, left);
  }
}

/** What reached the upstream, beside what the provider counts. */
export interface UpstreamAsked {
  /** Loads that were asked for. */
  readonly loads: number;
  /** Of them, those of a key that was being loaded already. */
  readonly doubledLoads: number;
  /** Keys of calls that were under way in another call already. */
  readonly doubledKeys: number;
}

/** Kind at the provider of each type of key. */
const KINDS: Readonly<Record<string, ProviderKind>> = {
  price: "quotes",
  news: "news",
  fundamentals: "fundamentals",
  profile: "profiles",
};

const TYPES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(KINDS).map(([type, kind]) => [kind, type]),
);

/** What somebody who waits says. */
export const DEMAND_PRIORITY = 5;
/** As the provider of the workloads: 750 calls in any minute. */
const LIMIT = { requests: 750, windowMs: 60_000 };
/** As in `actors/provider.ts`. */
const GROUPED_CALLS_MAX = 256;
const DAY_MS = 86_400_000;

type Settle = (result: SymbolResult) => void;

/** See the head of this file. */
export class DayUpstream {
  readonly #options: UpstreamOptions;
  readonly #provider: SimulatedProvider;
  readonly #gate: LimiterGate;
  readonly #grouping = new Grouping<Settle>();
  /** Keys in the grouping. */
  readonly #waiting = new Map<string, WantedKey>();
  readonly #loading = new UnderWay();
  readonly #calling = new UnderWay();
  readonly #abort = new AbortController();
  #underWay = 0;
  #flushTimer: Cancel | null = null;
  #flushAtMs = Infinity;

  /** Nobody has used the limit before. */
  constructor(options: UpstreamOptions) {
    const { clock, seed, keysMax, limit = LIMIT, transientRatio = 0.005 } = options;
    this.#options = options;
    const symbolsMax = Object.fromEntries(Object.values(KINDS).map((kind) => [kind, keysMax]));
    const { requests: max, windowMs } = limit;
    this.#provider = simulatedProvider(clock, {
      seed,
      symbolsMax,
      transientRatio,
      limits: [{ max, windowMs }],
    });
    const limits = [{ name: "limit", rate: limit, begin: "free" as const }];
    this.#gate = new LimiterGate(new Limiter({ limits }, clock.now()), clock);
  }

  /** What the provider itself counted. */
  stats(): UpstreamStats {
    return this.#provider.stats();
  }

  /** What was asked for. */
  get asked(): UpstreamAsked {
    return {
      loads: this.#loading.entered,
      doubledLoads: this.#loading.doubled,
      doubledKeys: this.#calling.doubled,
    };
  }

  /** Loads a key, `kind:SYMBOL`. */
  readonly load = async (key: string, ask: LoadAsk): Promise<Loaded<unknown>> => {
    this.#loading.enter(key);
    const result = await this.#result(key, ask);
    this.#loading.leave(key);
    if (result.state !== "error") return result;
    const { code, message, retryAfterMs } = result.failure;
    return { state: "failed", failure: { code, message, retryAfterMs } };
  };

  /** Somebody waits now for a key that is asked for ahead of need: it may linger no more. */
  readonly raise = (key: string, priority: number): void => {
    const wanted = this.#waiting.get(key);
    if (wanted === undefined) return;
    const lingerMs = priority >= DEMAND_PRIORITY ? this.#options.lingerMs.demand : wanted.lingerMs;
    this.#grouping.add({ ...wanted, priority, lingerMs }, () => {}, this.#options.clock.now());
    this.#armFlush();
  };

  /** Refuses what waits; idempotent. */
  async close(): Promise<void> {
    this.#flushTimer?.();
    this.#abort.abort(new DOMException("The day is over", "AbortError"));
    await this.#gate.close();
    await this.#provider.close();
  }

  #result(key: string, { priority, origin }: LoadAsk): Promise<SymbolResult> {
    const { clock, toMs, keysMax, lingerMs } = this.#options;
    const colon = key.indexOf(":");
    const kind = KINDS[key.slice(0, colon)];
    if (kind === undefined) throw new RangeError(`Cannot load ${key}: expected a known type`);
    const { promise, resolve } = Promise.withResolvers<SymbolResult>();
    const symbol = key.slice(colon + 1);
    const nowMs = clock.now();
    const wanted: WantedKey = {
      kind,
      endpoint: kind,
      group: "",
      fromMs: toMs - DAY_MS,
      toMs,
      granularity: "D",
      symbol,
      priority,
      lingerMs: origin === "demand" ? lingerMs.demand : lingerMs.refresh,
      symbolsMax: keysMax,
    };
    if (keysMax === 1) {
      void this.#send({ ...wanted, symbols: [symbol], waiters: [[resolve]], sinceMs: nowMs });
      return promise;
    }
    const added = this.#grouping.add(wanted, resolve, nowMs);
    if (added === "full") return Promise.resolve(failed("rate", "too many keys wait"));
    this.#waiting.set(key, wanted);
    this.#armFlush();
    return promise;
  }

  #armFlush(): void {
    if (this.#grouping.size === 0 || this.#underWay >= GROUPED_CALLS_MAX) return;
    const { clock } = this.#options;
    const atMs = Math.max(clock.now(), this.#grouping.nextDueMs());
    if (this.#flushTimer !== null && this.#flushAtMs <= atMs) return;
    this.#flushTimer?.();
    this.#flushAtMs = atMs;
    this.#flushTimer = clock.setTimer(atMs - clock.now(), () => {
      this.#flushTimer = null;
      this.#flush();
    });
  }

  #flush(): void {
    const nowMs = this.#options.clock.now();
    for (const call of this.#grouping.take(nowMs, GROUPED_CALLS_MAX - this.#underWay)) {
      this.#underWay++;
      for (const symbol of call.symbols) this.#waiting.delete(`${TYPES[call.kind]}:${symbol}`);
      void this.#send(call).finally(() => {
        this.#underWay--;
        this.#armFlush();
      });
    }
    this.#armFlush();
  }

  /** Waits for the limit, calls once and tells everybody who waits; never rejects. */
  async #send(call: GroupedCall<Settle>): Promise<void> {
    const results = await this.#answers(call);
    call.waiters.forEach((waiters, i) => {
      for (const settle of waiters) settle(results[i] ?? { state: "missing" });
    });
  }

  async #answers(call: GroupedCall<Settle>): Promise<readonly SymbolResult[]> {
    const { kind, endpoint, symbols, fromMs, toMs, granularity, priority } = call;
    const { signal } = this.#abort;
    try {
      using lease = await this.#gate.acquire({ user: "cache", priority, signal });
      const request = { kind, endpoint, symbols, fromMs, toMs, granularity, signal };
      for (const symbol of symbols) this.#calling.enter(`${kind} ${symbol}`);
      const answer = await this.#provider.fetch(request);
      for (const symbol of symbols) this.#calling.leave(`${kind} ${symbol}`);
      if (answer.facts.status !== null) lease.release(undefined, answer.facts.status);
      if (answer.state === "answered") return answer.results;
      return symbols.map(() => ({ state: "error", failure: answer.failure }));
    } catch (error) {
      return symbols.map(() => failed("unavailable", String(error)));
    }
  }
}

function failed(code: "rate" | "unavailable", message: string): SymbolResult {
  return { state: "error", failure: failure(code, message) };
}
