/**
 * An upstream provider as an actor: the one owner of its limits and its breaker, for backfill,
 * warmer and users alike, and the place where keys that are wanted at the same time are grouped
 * into calls.
 *
 * ## Ways in
 * - `permit`, then `call`: for who groups by himself and wants to know how long the limit took. A
 *   permit that is not used in time is taken back; nothing was sent with it.
 * - `fetch`: one key, which waits a moment for others of its kind and travels with them; how, when,
 *   and what becomes of a call that fails, stands in `src/provider/grouped_calls.ts`.
 *
 * ## Restart
 * What the limits have let through is written to the store before it counts, see
 * `src/batch/limiter.ts`, so that neither a crash nor a restart breaks a limit of the provider.
 *
 * @module
 */

import { actor, type Context, type Deferred, type Ref, textOf } from "../src/actor/mod.ts";
import { type LimitSpec, reserveFor } from "../src/batch/limit_options.ts";
import { formatRate } from "../src/batch/limit_rate.ts";
import { Limiter } from "../src/batch/limiter.ts";
import { type Lease, LimiterGate, LimitRefused } from "../src/batch/limiter_gate.ts";
import type { BudgetTerms, SharedBudget } from "../src/batch/shared_budget.ts";
import { SharedPermits } from "../src/batch/shared_permits.ts";
import { Breaker } from "../src/feed/breaker.ts";
import { CANDLE_COLUMNS, type CandleBlock } from "../src/market/block.ts";
import type { KnobAnswer } from "../src/monitor/tuning_view.ts";
import { BATCH_DEFAULTS, type BatchSettings, LINGER_MAX_MS } from "../src/provider/batch_status.ts";
import type { ProviderFailure } from "../src/provider/error.ts";
import { GroupedCalls } from "../src/provider/grouped_calls.ts";
import type {
  CallRefusal,
  GroupedAnswer,
  GroupedCallsPorts,
  GroupedRequest,
  GroupedResult,
} from "../src/provider/grouped_ports.ts";
import type {
  DataProvider,
  ProviderAnswer,
  ProviderRequest,
  SymbolResult,
} from "../src/provider/port.ts";
import type { Store } from "./protocols.ts";
import type { EndpointCounts } from "../src/provider/status.ts";
import { recordStored } from "../src/store/record_stored.ts";
import {
  type PermitReply,
  type PermitRequest,
  type PermittedAnswer,
  type PermittedCall,
  Provider,
  type ProviderStatus,
} from "./protocols_batch.ts";

/** How a provider is set up. */
export interface ProviderArgs {
  readonly store: Ref<typeof Store.definition>;
  /** Makes the provider; called once per incarnation. */
  readonly open: () => DataProvider | Promise<DataProvider>;
  /**
   * How its limits begin when nothing is known of a former process: `full` waits a whole window
   * first, which is strict, `free` does not, for a provider that nobody else can have used. Default
   * `full`.
   */
  readonly begin?: "full" | "free";
  /** Where several nodes share its limits; default: this process has them for itself. */
  readonly shared?: {
    /** Names this node in its sessions. */
    readonly node: string;
    /** The budget of the provider of this name. */
    readonly budget: (provider: string, terms: BudgetTerms) => SharedBudget;
  };
  /** How keys are grouped into calls; what is left out is as by default. */
  readonly batch?: Partial<BatchSettings>;
  /** Linger as changed since the start; null = as set. Kept over a restart by whoever starts it. */
  readonly tuned?: { lingerMs: number | null };
}

/** A permit that was not used by then is taken back. */
const PERMIT_MS = 30_000;
const EXPIRE_EVERY_MS = 5_000;
/** Longest wait for others when somebody asks from outside, ms. */
const LINGER_MS = 20;
/** When to ask again while the one trial of an open breaker is under way, ms. */
const TRIAL_MS = 250;
/** Writes of the limits' state. */
const ANSWER = { timeoutMs: 10_000 } as const;
/**
 * A limit of so long is begun free: waiting a day for a key that may never have been used helps
 * nobody.
 */
const BEGIN_FREE_WINDOW_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** See {@linkcode Provider}. */
export const provider = actor(Provider, async (ctx, args: ProviderArgs) => {
  const source = await args.open();
  const gate = await gateOf(ctx, args, source);
  const { tuned = { lingerMs: null } } = args;
  const batch = { ...BATCH_DEFAULTS, ...args.batch };
  const { lingerMs } = tuned;
  const run = new ProviderRun(
    ctx,
    source,
    gate,
    lingerMs === null ? batch : { ...batch, lingerMs },
  );
  ctx.onStop(() => run.stop());
  ctx.timer("expire", { delayMs: EXPIRE_EVERY_MS, everyMs: EXPIRE_EVERY_MS }, "expire", {});
  return {
    permit: (wanted) => run.permit(wanted),
    giveBack: ({ permit }) => run.giveBack(permit),
    call: (call) => run.call(call),
    fetch: (wanted) => run.fetch(wanted),
    raise: (wanted) => run.raise(wanted),
    capabilities: () => source.capabilities,
    groups: ({ endpoint, symbols }) => {
      const info = source.capabilities.endpoints.find(({ name }) => name === endpoint);
      return symbols.map((symbol) => info === undefined ? "" : source.groupOf(info, symbol));
    },
    get: ({ kind, symbols, granularity, priority, fromMs, toMs }) => {
      const to = toMs ?? Math.ceil(ctx.clock.wallNow() / DAY_MS) * DAY_MS;
      const range = { fromMs: fromMs ?? to - DAY_MS, toMs: to };
      const key = { kind, granularity, ...range, priority, user: "get", lingerMs: LINGER_MS };
      const reply = ctx.defer<Shown[]>();
      const wanted = [...new Set(symbols)];
      // Not awaited in the message: the answers need the actor's turns.
      Promise.all(wanted.map((symbol) => run.result({ ...key, symbol })))
        .then((found) => reply.resolve(found.map((one, i) => shown(wanted[i] as string, one))))
        .catch((error) => reply.reject(error));
      return reply;
    },
    setLinger: ({ lingerMs }): KnobAnswer => {
      if (!(Number.isInteger(lingerMs) && lingerMs >= 0 && lingerMs <= LINGER_MAX_MS)) {
        const reason = `Cannot set the linger: expected 0 to ${LINGER_MAX_MS} ms: ` +
          `current value is ${lingerMs}`;
        return { state: "refused", reason };
      }
      tuned.lingerMs = lingerMs;
      run.setLinger(lingerMs);
      return { state: "set" };
    },
    status: () => run.status(),
    flush: () => run.flush(),
    expire: () => run.expire(),
  };
});

interface Gate {
  readonly gate: LimiterGate;
  readonly limiter: Limiter;
}

/** The limits with what a former process left of them; null when the provider has none. */
async function gateOf(
  ctx: Context<typeof Provider.definition>,
  args: ProviderArgs,
  { name, capabilities }: DataProvider,
): Promise<Gate | null> {
  const { store, begin = "full", shared } = args;
  const { clock } = ctx;
  const limits = capabilities.limits.map(({ max, windowMs }): LimitSpec => {
    const rate = { requests: max, windowMs };
    const isFree = begin === "free" || windowMs >= BEGIN_FREE_WINDOW_MS;
    return { name: formatRate(rate), rate, begin: isFree ? "free" : "full" };
  });
  if (limits.length === 0) return null;
  if (shared !== undefined) return sharedGateOf(ctx, shared, name, limits);
  const limiter = new Limiter({ limits, reserve: reserveFor(limits) }, clock.now());
  const before = await store.ask("record", { kind: KIND_LIMITER, key: name }, ANSWER);
  if (before !== null) {
    const taken = limiter.restore(JSON.parse(before), clock.now(), clock.wallNow());
    if (taken.state === "rejected") {
      ctx.log("warn", "the limits begin as if full", { reason: taken.reason });
    }
  }
  const gate = new LimiterGate(limiter, clock, {
    save: async (snapshot) => {
      const json = JSON.stringify(snapshot);
      await recordStored(store.ask("putRecord", { kind: KIND_LIMITER, key: name, json }, ANSWER));
    },
    onSaveError: (error) =>
      ctx.log("warn", "cannot keep what the limits let through", { reason: textOf(error) }),
  });
  return { gate, limiter };
}

/**
 * Limits that are shared. The budget knows what all nodes have sent, so nothing is kept here; the
 * limiter in front of it says who goes first.
 */
function sharedGateOf(
  ctx: Context<typeof Provider.definition>,
  { node, budget }: NonNullable<ProviderArgs["shared"]>,
  name: string,
  specs: readonly LimitSpec[],
): Gate {
  const { clock, random } = ctx;
  const limits = specs.map((spec): LimitSpec => ({ ...spec, begin: "free" }));
  const limiter = new Limiter({ limits, strayMs: STRAY_MS }, clock.now());
  const terms: BudgetTerms = {
    limits: specs.map(({ name, rate, begin = "full" }) => ({ name, ...rate, begin })),
    strayMs: STRAY_MS,
    sessionMs: SESSION_MS,
    driftRatio: DRIFT_RATIO,
  };
  const permits = new SharedPermits({
    budget: budget(name, terms),
    clock,
    random,
    node,
    onState: (error) =>
      error === null
        ? ctx.log("info", "the limit that nodes share can be reached again")
        : ctx.log("warn", "the limit that nodes share cannot be reached: nothing is sent", {
          reason: textOf(error),
        }),
  });
  return { limiter, gate: new LimiterGate(limiter, clock, { permits }) };
}

const KIND_LIMITER = "limiter";
/** How long a request without a response may be on its way, ms. */
const STRAY_MS = 10_000;
/** A node that has heard nothing of the shared limit for so long sends nothing, ms. */
const SESSION_MS = 5_000;
/** Clocks of servers are within. */
const DRIFT_RATIO = 1e-4;

type Refusal = Extract<PermitReply, { state: "refused" }>;

const VOID: Refusal = {
  state: "refused",
  reason: "the limit that nodes share was out of reach for too long",
  retryAfterMs: 1_000,
};

interface Permit {
  /** Null where the provider has no limits. */
  readonly lease: Lease | null;
  readonly grantedMs: number;
  readonly isTrial: boolean;
}

class ProviderRun {
  readonly #ctx: Context<typeof Provider.definition>;
  readonly #source: DataProvider;
  readonly #limits: Gate | null;
  readonly #breaker = new Breaker();
  readonly #grouped: GroupedCalls<Lease | null>;
  readonly #permits = new Map<number, Permit>();
  readonly #abort = new AbortController();
  readonly #counts = new Map<
    string,
    { -readonly [K in keyof EndpointCounts]: EndpointCounts[K] }
  >();
  #permitId = 0;
  #lastError: string | null = null;
  /** The provider's own circuit lets nothing through until then. */
  #openUntilMs = -Infinity;

  constructor(
    ctx: Context<typeof Provider.definition>,
    source: DataProvider,
    limits: Gate | null,
    batch: BatchSettings,
  ) {
    this.#ctx = ctx;
    this.#source = source;
    this.#limits = limits;
    // Permits of a former incarnation must not pass for new ones.
    this.#permitId = ctx.incarnation * 2 ** 32;
    this.#grouped = new GroupedCalls(this.#portsOfGrouped(), batch, this.#permitId);
  }

  async stop(): Promise<void> {
    this.#abort.abort(new DOMException("The provider stops", "AbortError"));
    this.#grouped.close();
    await this.#source.close();
    await this.#limits?.gate.close();
  }

  // ---- permits and calls
  // --------------------------------------------------------------------------

  permit(wanted: PermitRequest): PermitReply | Deferred<PermitReply> {
    const refusal = this.#refusal();
    if (refusal !== null) return refusal;
    if (this.#limits === null) return this.#granted(null);
    const reply = this.#ctx.defer<PermitReply>();
    this.#acquire(wanted).then(
      (lease) => reply.resolve(this.#granted(lease)),
      (error) => reply.resolve(refusalOf(error)),
    );
    return reply;
  }

  #granted(lease: Lease | null): PermitReply {
    const admitted = this.#admit(lease);
    if ("state" in admitted) return admitted;
    const permit = ++this.#permitId;
    this.#permits.set(permit, admitted);
    return { state: "granted", permit, waitedMs: lease?.waitedMs ?? 0 };
  }

  /**
   * Lets a call go that the limits let through: looked at only now, since the provider may have
   * begun to fail while it waited. Of those that wait for an open breaker the first is the trial.
   */
  #admit(lease: Lease | null): Permit | Refusal {
    const refusal = lease?.isValid() === false ? VOID : this.#refusal();
    if (refusal !== null) {
      lease?.unused();
      return refusal;
    }
    const isTrial = this.#breaker.state !== "closed";
    if (isTrial) this.#breaker.trying();
    return { lease, grantedMs: this.#ctx.clock.now(), isTrial };
  }

  #refusal(): Refusal | null {
    const retryAfterMs = this.#closedForMs();
    if (retryAfterMs === 0) return null;
    const reason = `the provider fails: ${this.#lastError ?? "no answer"}`;
    return { state: "refused", reason, retryAfterMs };
  }

  async #acquire({ user, priority, cost }: PermitRequest): Promise<Lease> {
    const { gate } = this.#limits as Gate;
    return await gate.acquire({ user, priority, cost, signal: this.#abort.signal });
  }

  /** Nothing was sent. */
  giveBack(permit: number): void {
    const held = this.#permits.get(permit);
    if (held === undefined) return;
    this.#permits.delete(permit);
    held.lease?.unused();
    if (held.isTrial) this.#breaker.abandoned(this.#ctx.clock.now());
  }

  expire(): void {
    const untilMs = this.#ctx.clock.now() - PERMIT_MS;
    for (const [permit, { grantedMs }] of this.#permits) {
      if (grantedMs > untilMs) break;
      this.giveBack(permit);
    }
  }

  call({ permit, request }: PermittedCall): Deferred<PermittedAnswer> {
    const held = this.#permits.get(permit);
    const reply = this.#ctx.defer<PermittedAnswer>();
    this.#permits.delete(permit);
    // The node was held up, and its part of a shared limit may be another's by now.
    const isVoid = held?.lease?.isValid() === false;
    if (held !== undefined && isVoid) {
      held.lease?.unused();
      if (held.isTrial) this.#breaker.abandoned(this.#ctx.clock.now());
    }
    if (held === undefined || isVoid) {
      reply.reject(new Error(`Cannot call ${this.#source.name}: expected a permit that is held`));
      return reply;
    }
    this.#send(request, held).then(
      (answer) => reply.resolve(answer),
      (error) => reply.reject(error),
    );
    return reply;
  }

  /** Calls; tells limits, breaker and counts what came of it. */
  async #send(
    request: Omit<ProviderRequest, "signal">,
    { lease, isTrial }: Permit,
  ): Promise<PermittedAnswer> {
    let answer: ProviderAnswer;
    try {
      answer = await this.#source.fetch({ ...request, signal: this.#abort.signal });
    } catch (error) {
      lease?.lost();
      if (isTrial) this.#breaker.abandoned(this.#ctx.clock.now());
      throw error;
    }
    const { facts } = answer;
    const isUnsent = answer.state === "failed" && answer.failure.code === "open";
    if (isUnsent) lease?.unused();
    else if (facts.status === null) lease?.lost();
    else lease?.release(new Headers(facts.limitHeaders), facts.status);
    if (!isUnsent) this.#count(answer);
    this.#judge(answer, isTrial);
    const isTransient = answer.state === "failed" && answer.failure.class === "transient";
    return { ...answer, isDown: isTransient && this.#breaker.state !== "closed" };
  }

  #count({ state, facts }: ProviderAnswer): void {
    const { endpoint, keys, tookMs } = facts;
    const known = this.#counts.get(endpoint) ??
      { endpoint, calls: 0, failed: 0, keys: 0, meanMs: null };
    const sumMs = (known.meanMs ?? 0) * known.calls + tookMs;
    known.calls++;
    known.meanMs = sumMs / known.calls;
    if (state === "failed") known.failed++;
    else known.keys += keys;
    this.#counts.set(endpoint, known);
  }

  /** Only a provider that fails by itself opens the breaker: a limit has its own pause. */
  #judge(answer: ProviderAnswer, isTrial: boolean): void {
    if (answer.state === "answered") {
      if (this.#breaker.failures > 0) this.#breaker.succeeded();
      return;
    }
    const { failure } = answer;
    if (failure.code === "open") {
      const { retryAfterMs } = failure;
      this.#openUntilMs = this.#ctx.clock.now() + Math.max(TRIAL_MS, retryAfterMs ?? 0);
      if (isTrial) this.#breaker.succeeded();
      return;
    }
    this.#lastError = failure.message;
    const isOpen = this.#breaker.state !== "closed";
    // Calls that were under way when it opened say nothing new.
    if (failure.class !== "transient" || (isOpen && !isTrial)) {
      if (isTrial) this.#breaker.succeeded();
      return;
    }
    const pauseMs = this.#breaker.failed(this.#ctx.clock.now(), this.#ctx.random);
    if (this.#breaker.state === "open") {
      this.#ctx.log("warn", "the provider fails", { reason: failure.message, pauseMs });
    }
  }

  /** Ms until the breaker lets one through; 0 = now. */
  #closedForMs(): number {
    const { state, nextTryMs } = this.#breaker;
    const nowMs = this.#ctx.clock.now();
    const openMs = Math.max(0, this.#openUntilMs - nowMs);
    if (state === "closed" || openMs > 0) return openMs;
    return state === "half_open" ? TRIAL_MS : Math.max(0, (nextTryMs ?? 0) - nowMs);
  }

  // ---- grouping
  // -----------------------------------------------------------------------------------

  fetch(wanted: GroupedRequest): Deferred<GroupedResult> {
    const reply = this.#ctx.defer<GroupedResult>();
    this.result(wanted).then((found) => reply.resolve(found), (error) => reply.reject(error));
    return reply;
  }

  /** The result of one key, once a call that it travels in has come back. */
  result(wanted: GroupedRequest): Promise<GroupedResult> {
    return this.#grouped.want(wanted);
  }

  raise(wanted: GroupedRequest): void {
    this.#grouped.raise(wanted);
  }

  setLinger(lingerMs: number): void {
    this.#grouped.setLinger(lingerMs);
  }

  flush(): void {
    this.#grouped.flush();
  }

  #portsOfGrouped(): GroupedCallsPorts<Lease | null> {
    const { clock, random } = this.#ctx;
    const refusedAs = (code: CallRefusal["code"], refusal: Refusal): CallRefusal => ({
      ...refusal,
      code,
    });
    return {
      clock,
      random,
      source: this.#source,
      refusal: () => {
        const refusal = this.#refusal();
        return refusal === null ? null : refusedAs("open", refusal);
      },
      acquire: async (wanted) => {
        if (this.#limits === null) return null;
        try {
          return await this.#limits.gate.acquire(wanted);
        } catch (error) {
          return refusedAs("rate", refusalOf(error));
        }
      },
      unused: (lease) => lease?.unused(),
      send: async (request, lease): Promise<GroupedAnswer> => {
        const admitted = this.#admit(lease);
        if ("state" in admitted) return refusedAs("open", admitted);
        return await this.#send(request, admitted);
      },
      limits: () => this.#limits?.limiter.status(clock.now()) ?? null,
      wakeIn: (delayMs) => void this.#ctx.timer("flush", { delayMs }, "flush", {}),
    };
  }

  status(): ProviderStatus {
    const nowMs = this.#ctx.clock.now();
    return {
      name: this.#source.name,
      breaker: this.#breaker.state,
      failures: this.#breaker.failures,
      waitingKeys: this.#grouped.size,
      batch: this.#grouped.status(),
      permits: this.#permits.size,
      endpoints: [...this.#counts.values()].map((counts) => ({ ...counts })),
      limiter: this.#limits?.limiter.status(nowMs) ?? null,
      detail: this.#source.detail(),
      lastError: this.#lastError,
    };
  }
}

function refusalOf(error: unknown): Refusal {
  const retryAfterMs = error instanceof LimitRefused ? Math.min(error.retryAfterMs, DAY_MS) : 1_000;
  return { state: "refused", reason: textOf(error), retryAfterMs };
}

interface Shown {
  symbol: string;
  state: "ok" | "missing" | "error";
  value: unknown;
  failure: ProviderFailure | null;
}

/** A result for JSON: candles as rows. */
function shown(symbol: string, result: SymbolResult): Shown {
  if (result.state !== "ok") {
    const failed = result.state === "error" ? result.failure : null;
    return { symbol, state: result.state, value: null, failure: failed };
  }
  const { value } = result;
  const isPrices = typeof value === "object" && "candles" in value;
  return {
    symbol,
    state: "ok",
    value: isPrices ? { ...value, candles: rowsOf(value.candles) } : value,
    failure: null,
  };
}

function rowsOf(block: CandleBlock): Record<string, number>[] {
  return Array.from(
    { length: block.length },
    (_, row) =>
      Object.fromEntries(CANDLE_COLUMNS.map((name) => [name, block[name][row] as number])),
  );
}
