/**
 * The way from a cache to the provider of the workloads, in virtual time: keys are grouped into calls
 * and calls wait for the limit as in `actors/provider.ts`, with the same parts and the same bounds.
 *
 * @module
 */

import { type Cancel, type Clock, type Random, seededRandom } from "../../src/actor/clock.ts";
import type { LimitRate } from "../../src/batch/limit_rate.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { LimiterGate } from "../../src/batch/limiter_gate.ts";
import type { LoadAsk, Loaded } from "../../src/cache/types.ts";
import { Breaker } from "../../src/feed/breaker.ts";
import { failure } from "../../src/provider/error.ts";
import { type GroupedCall, Grouping, type WantedKey } from "../../src/provider/grouping.ts";
import type { ProviderAnswer, SymbolResult } from "../../src/provider/port.ts";
import { type SimulatedProvider, simulatedProvider } from "../../src/provider/simulated.ts";
import type { Outage } from "../../src/provider/simulated_options.ts";
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
  /** When the provider is out, ms since it was made. */
  readonly outages?: readonly Outage[];
}

/** What is under way, and what came twice at a time. */
class UnderWay {
  readonly #keys = new Map<string, number>();
  /** That came. */
  entered = 0;
  /** Of them, those that were under way already. */
  doubled = 0;

  enter(key: string): void {
    const already = this.#keys.get(key) ?? 0;
    this.entered++;
    if (already > 0) this.doubled++;
    this.#keys.set(key, already + 1);
  }

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
  /** Loads that a strategy of warming asked for. */
  readonly warmLoads: number;
  /** Calls all of whose keys were asked for by warming. */
  readonly warmCalls: number;
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

/** Who waits for a key. */
interface Asker {
  readonly settle: (result: SymbolResult) => void;
  readonly isWarm: boolean;
}

/** See the head of this file. */
export class DayUpstream {
  readonly #options: UpstreamOptions;
  readonly #provider: SimulatedProvider;
  readonly #limiter: Limiter;
  readonly #gate: LimiterGate;
  readonly #breaker = new Breaker();
  readonly #random: Random;
  readonly #grouping = new Grouping<Asker>();
  /** Keys in the grouping. */
  readonly #waiting = new Map<string, WantedKey>();
  readonly #loading = new UnderWay();
  readonly #calling = new UnderWay();
  readonly #abort = new AbortController();
  #underWay = 0;
  #warmLoads = 0;
  #warmCalls = 0;
  #flushTimer: Cancel | null = null;
  #flushAtMs = Infinity;

  /** Nobody has used the limit before. */
  constructor(options: UpstreamOptions) {
    const { clock, seed, keysMax, limit = LIMIT, transientRatio = 0.005, outages = [] } = options;
    this.#options = options;
    this.#random = seededRandom(seed);
    const symbolsMax = Object.fromEntries(Object.values(KINDS).map((kind) => [kind, keysMax]));
    const { requests: max, windowMs } = limit;
    this.#provider = simulatedProvider(clock, {
      seed,
      symbolsMax,
      transientRatio,
      limits: [{ max, windowMs }],
      outages,
    });
    const limits = [{ name: "limit", rate: limit, begin: "free" as const }];
    this.#limiter = new Limiter({ limits }, clock.now());
    this.#gate = new LimiterGate(this.#limiter, clock);
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
      warmLoads: this.#warmLoads,
      warmCalls: this.#warmCalls,
    };
  }

  /** Whether its breaker is open: calls are refused. */
  get isDown(): boolean {
    return this.#breaker.state !== "closed";
  }

  /** Calls that the limit has room for now. */
  callsLeft(): number {
    const [limit] = this.#limiter.status(this.#options.clock.now()).limits;
    return limit === undefined ? Infinity : limit.requests - limit.used;
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
    const nobody = { settle: () => {}, isWarm: false };
    this.#grouping.add({ ...wanted, priority, lingerMs }, nobody, this.#options.clock.now());
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
    const asker = { settle: resolve, isWarm: origin.startsWith("warm:") };
    if (asker.isWarm) this.#warmLoads++;
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
      void this.#send({ ...wanted, symbols: [symbol], waiters: [[asker]], sinceMs: nowMs });
      return promise;
    }
    const added = this.#grouping.add(wanted, asker, nowMs);
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
  async #send(call: GroupedCall<Asker>): Promise<void> {
    const results = await this.#answers(call);
    call.waiters.forEach((waiters, i) => {
      for (const { settle } of waiters) settle(results[i] ?? { state: "missing" });
    });
  }

  async #answers(call: GroupedCall<Asker>): Promise<readonly SymbolResult[]> {
    const { kind, endpoint, symbols, fromMs, toMs, granularity, priority } = call;
    const { signal } = this.#abort;
    try {
      using lease = await this.#gate.acquire({ user: "cache", priority, signal });
      if (!this.#admits()) {
        lease.unused();
        return symbols.map(() => failed("open", "the provider fails"));
      }
      if (call.waiters.every((askers) => askers.every(({ isWarm }) => isWarm))) this.#warmCalls++;
      const request = { kind, endpoint, symbols, fromMs, toMs, granularity, signal };
      for (const symbol of symbols) this.#calling.enter(`${kind} ${symbol}`);
      const answer = await this.#provider.fetch(request);
      for (const symbol of symbols) this.#calling.leave(`${kind} ${symbol}`);
      if (answer.facts.status !== null) lease.release(undefined, answer.facts.status);
      this.#judge(answer);
      if (answer.state === "answered") return answer.results;
      return symbols.map(() => ({ state: "error", failure: answer.failure }));
    } catch (error) {
      return symbols.map(() => failed("unavailable", String(error)));
    }
  }

  /** Whether the breaker lets a call through; of those that come while it is open one is the trial. */
  #admits(): boolean {
    const { state, nextTryMs } = this.#breaker;
    if (state === "closed") return true;
    if (state === "half_open" || this.#options.clock.now() < (nextTryMs ?? 0)) return false;
    this.#breaker.trying();
    return true;
  }

  #judge(answer: ProviderAnswer): void {
    const isTrial = this.#breaker.state === "half_open";
    if (answer.state === "answered") this.#breaker.succeeded();
    else if (answer.failure.class === "transient" && (isTrial || !this.isDown)) {
      this.#breaker.failed(this.#options.clock.now(), this.#random);
    }
  }
}

function failed(code: "rate" | "unavailable" | "open", message: string): SymbolResult {
  return { state: "error", failure: failure(code, message) };
}
