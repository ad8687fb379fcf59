/**
 * The way from the cache to the provider of the workloads as it is deployed, in virtual time: keys are
 * grouped into calls by `GroupedCalls`, calls wait for the limits and pass the breaker as in
 * `actors/provider.ts`, and what failed is tried again.
 *
 * @module
 */

import { type Cancel, type Clock, type Random, seededRandom } from "../../src/actor/clock.ts";
import type { LimitRate } from "../../src/batch/limit_rate.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { type Lease, LimiterGate, LimitRefused } from "../../src/batch/limiter_gate.ts";
import type { Loaded, LoaderAsk, Origin } from "../../src/cache/types.ts";
import { Breaker } from "../../src/feed/breaker.ts";
import { BATCH_DEFAULTS } from "../../src/provider/batch_status.ts";
import { cacheLinger, keyRequest } from "../../src/provider/cache_request.ts";
import { GroupedCalls } from "../../src/provider/grouped_calls.ts";
import type {
  CallRefusal,
  GroupedAnswer,
  GroupedRequest,
} from "../../src/provider/grouped_ports.ts";
import type { ProviderAnswer, ProviderRequest } from "../../src/provider/port.ts";
import { type SimulatedProvider, simulatedProvider } from "../../src/provider/simulated.ts";
import type { Outage } from "../../src/provider/simulated_options.ts";
import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import { UnderWay } from "../cache/day_upstream.ts";

/** How keys become calls. */
export interface RigUpstreamOptions {
  readonly clock: Clock;
  /** Decides latencies and failures. */
  readonly seed: number;
  /** Most calls of a window, kept to and enforced. */
  readonly limit: LimitRate;
  /** When the provider is out, ms since it was made. */
  readonly outages: readonly Outage[];
}

/** What reached the upstream, beside what the provider counts. */
export interface RigAsked {
  /** Loads that were asked for, and of them, those of warming. */
  readonly loads: number;
  readonly warmLoads: number;
  /** Loads of a key that was being loaded already. */
  readonly doubledLoads: number;
  /** Keys of calls that were under way in another call already. */
  readonly doubledKeys: number;
  /** Calls whose most urgent key was one of warming's. */
  readonly warmCalls: number;
}

/** The right to make one call. */
interface Right {
  readonly lease: Lease;
  readonly user: string;
}

/** Who waits, as the limits know them; others are known by their origin. */
const CACHE = "cache";
const WARM = "warm:";
/** As in `actors/cache_shard.ts`. */
const TOGETHER = "cache";

/** See the head of this file. */
export class RigUpstream {
  readonly #options: RigUpstreamOptions;
  readonly #provider: SimulatedProvider;
  readonly #limiter: Limiter;
  readonly #gate: LimiterGate;
  readonly #breaker = new Breaker();
  readonly #random: Random;
  readonly #grouped: GroupedCalls<Right>;
  readonly #loading = new UnderWay();
  readonly #calling = new UnderWay();
  readonly #abort = new AbortController();
  #timer: Cancel | null = null;
  #warmLoads = 0;
  #warmCalls = 0;

  /** Nobody has used the limit before. */
  constructor(options: RigUpstreamOptions) {
    const { clock, seed, limit, outages } = options;
    this.#options = options;
    this.#random = seededRandom(seed);
    const { requests: max, windowMs } = limit;
    this.#provider = simulatedProvider(clock, { seed, limits: [{ max, windowMs }], outages });
    const limits = [{ name: "limit", rate: limit, begin: "free" as const }];
    this.#limiter = new Limiter({ limits }, clock.now());
    this.#gate = new LimiterGate(this.#limiter, clock);
    this.#grouped = new GroupedCalls<Right>({
      clock,
      random: this.#random,
      source: this.#provider,
      refusal: () => this.#refusal(),
      acquire: async (wanted) => {
        try {
          return { lease: await this.#gate.acquire(wanted), user: wanted.user };
        } catch (error) {
          const retryAfterMs = error instanceof LimitRefused ? error.retryAfterMs : 1_000;
          return { state: "refused", code: "rate", reason: String(error), retryAfterMs };
        }
      },
      unused: ({ lease }) => lease.unused(),
      send: (request, { lease, user }) => this.#send(request, lease, user),
      limits: () => this.#limiter.status(clock.now()),
      wakeIn: (delayMs) => {
        this.#timer?.();
        this.#timer = clock.setTimer(delayMs, () => this.#grouped.flush());
      },
    }, BATCH_DEFAULTS);
  }

  /** What the provider itself counted. */
  stats(): UpstreamStats {
    return this.#provider.stats();
  }

  /** What was asked for. */
  get asked(): RigAsked {
    return {
      loads: this.#loading.entered,
      warmLoads: this.#warmLoads,
      doubledLoads: this.#loading.doubled,
      doubledKeys: this.#calling.doubled,
      warmCalls: this.#warmCalls,
    };
  }

  /** Whether its breaker is open, or the provider has asked for a pause. */
  get isDown(): boolean {
    const { pausedForMs } = this.#limiter.status(this.#options.clock.now());
    return this.#breaker.state !== "closed" || pausedForMs > 0;
  }

  /** Calls that the limit has room for now. */
  callsLeft(): number {
    const [limit] = this.#limiter.status(this.#options.clock.now()).limits;
    return limit === undefined ? Infinity : Math.max(0, limit.requests - limit.used);
  }

  /** Loads a key, `kind:SYMBOL`. */
  readonly load = async (key: string, ask: LoaderAsk): Promise<Loaded<unknown>> => {
    const { origin } = ask;
    if (origin.startsWith(WARM)) this.#warmLoads++;
    this.#loading.enter(key);
    const result = await this.#grouped.want(this.#wanted(key, ask.priority, {
      user: origin === "demand" ? CACHE : origin,
      together: TOGETHER,
      ...cacheLinger(ask),
      timeoutMs: ask.timeoutMs,
    }));
    this.#loading.leave(key);
    if (result.state !== "error") return result;
    const { failure: { code, message, retryAfterMs }, together } = result;
    const failed = { state: "failed", failure: { code, message, retryAfterMs } } as const;
    return together === undefined ? failed : { ...failed, together };
  };

  /** Somebody wants a key that is on its way sooner than who asked for it. */
  readonly raise = (key: string, priority: number, origin: Origin): void => {
    const { lingerMs } = cacheLinger({ origin, timeoutMs: Infinity, lostInMs: null });
    this.#grouped.raise(this.#wanted(key, priority, { user: CACHE, lingerMs }));
  };

  /** Refuses what waits; idempotent. */
  async close(): Promise<void> {
    this.#timer?.();
    this.#abort.abort(new DOMException("The play is over", "AbortError"));
    await this.#gate.close();
    await this.#provider.close();
  }

  #wanted(
    key: string,
    priority: number,
    more: Pick<GroupedRequest, "user" | "lingerMs" | "isBulk" | "timeoutMs" | "together">,
  ): GroupedRequest {
    const request = keyRequest(key, this.#options.clock.wallNow());
    if (typeof request === "string") throw new RangeError(`Cannot load ${key}: ${request}`);
    return { ...request, priority, ...more };
  }

  /** Why no call is made: the breaker is open, and its one trial is not due. */
  #refusal(): CallRefusal | null {
    const { state, nextTryMs } = this.#breaker;
    if (state === "closed") return null;
    const leftMs = (nextTryMs ?? 0) - this.#options.clock.now();
    if (state === "open" && leftMs <= 0) return null;
    const retryAfterMs = Math.max(TRIAL_MS, leftMs);
    return { state: "refused", code: "open", reason: "the provider fails", retryAfterMs };
  }

  async #send(
    request: Omit<ProviderRequest, "signal">,
    lease: Lease,
    user: string,
  ): Promise<GroupedAnswer> {
    using held = lease;
    const refusal = this.#refusal();
    if (refusal !== null) {
      held.unused();
      return refusal;
    }
    const isTrial = this.#breaker.state !== "closed";
    if (isTrial) this.#breaker.trying();
    if (user.startsWith(WARM)) this.#warmCalls++;
    const names = request.symbols.map((symbol) => `${request.kind} ${symbol}`);
    for (const name of names) this.#calling.enter(name);
    const answer = await this.#provider.fetch({ ...request, signal: this.#abort.signal });
    for (const name of names) this.#calling.leave(name);
    if (answer.facts.status !== null) held.release(undefined, answer.facts.status);
    this.#judge(answer, isTrial);
    const isTransient = answer.state === "failed" && answer.failure.class === "transient";
    return { ...answer, isDown: isTransient && this.#breaker.state !== "closed" };
  }

  #judge(answer: ProviderAnswer, isTrial: boolean): void {
    if (answer.state === "answered") {
      this.#breaker.succeeded();
      return;
    }
    const isOpen = this.#breaker.state !== "closed";
    if (answer.failure.class !== "transient" || (isOpen && !isTrial)) {
      if (isTrial) this.#breaker.succeeded();
      return;
    }
    this.#breaker.failed(this.#options.clock.now(), this.#random);
  }
}

/** When to ask again while the one trial of an open breaker is under way, ms. */
const TRIAL_MS = 250;
