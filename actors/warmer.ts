/**
 * The warmer as an actor: it hears what is read and stored in the cache, and loads ahead of need. What
 * it decides stands in `src/warm/warming.ts`.
 *
 * ## Hearing
 * The shards of this isolate note reads and stored entries in a log that is emptied every 100 ms. The
 * log holds as much as a day's peak brings in that time: of a flood it is a sample, and what was lost
 * is counted. No reader ever waits for the warmer.
 *
 * ## Loading
 * Through the router, at a priority below that of anyone who waits; the provider's actor groups keys
 * into calls. How the provider is, and what its limits have left, is looked at every second: when it
 * fails, limits or does not answer, warming stops first.
 *
 * ## Restart
 * Statistics are saved every 15 minutes and at the stop, sectors and dates when they are put. After a
 * crash the statistics are those of the last save.
 *
 * @module
 */

import { Cron } from "croner";
import { actor, type Context, pause, type Ref, textOf } from "../src/actor/mod.ts";
import type { AccessLog } from "../src/cache/access_log.ts";
import { kindOfKey, symbolOfKey } from "../src/cache/key.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import { SteadyWall } from "../src/cache/shard_tier.ts";
import type { EntryTtl } from "../src/cache/shard_options.ts";
import type { Found, Origin } from "../src/cache/types.ts";
import { warmingCalendar, warmingSectors } from "../src/http/warming_input.ts";
import { LABEL_KIND } from "../src/label/label_key.ts";
import type { InstrumentRegistry } from "../src/market/instrument.ts";
import { isSymbol } from "../src/market/series.ts";
import type { KnobAnswer } from "../src/monitor/tuning_view.ts";
import { keyRequest, PROVIDER_KEY_KINDS } from "../src/provider/cache_request.ts";
import { type ProviderCapabilities, widestEndpoint } from "../src/provider/port.ts";
import type { ProviderStatus } from "../src/provider/status.ts";
import { recordStored } from "../src/store/record_stored.ts";
import {
  type KeyMarket,
  type MarketEvent,
  STRATEGY_NAMES,
  type StrategyName,
  type WarmOutcome,
} from "../src/warm/types.ts";
import { WarmError } from "../src/warm/error.ts";
import { readWarmingBytes, warmingBytes } from "../src/warm/snapshot_bytes.ts";
import { type WarmAsk, Warming, type WarmingOverrides } from "../src/warm/warming.ts";
import type { Store } from "./protocols.ts";
import type { Provider } from "./protocols_batch.ts";
import type { CacheValue } from "./protocols_cache.ts";
import { Warmer } from "./protocols_warm.ts";

/** How warming is set up. */
export interface WarmingSpec {
  /** What is left out is as by default. */
  readonly settings?: WarmingOverrides;
  /** Five fields of cron, UTC: when all strategies run once, beside their own times; null = never. */
  readonly cycleCron?: string | null;
  /** Most keys of one load; default 50. */
  readonly keysPerCallMax?: number;
}

/** What the warmer is made of. */
export interface WarmerArgs {
  readonly spec: WarmingSpec;
  readonly router: CacheRouter<CacheValue>;
  /** Where the shards note what happens. */
  readonly accesses: AccessLog;
  /** How long a key is good that is loaded at a time. */
  readonly ttl: (key: string, nowWallMs: number) => EntryTtl;
  readonly instruments: InstrumentRegistry;
  readonly store: Ref<typeof Store.definition>;
  /** Who knows the market; null = nobody: then there is nothing to load. */
  readonly provider: Ref<typeof Provider.definition> | null;
  /**
   * When calls began, on the monotonic clock: kept by whoever starts it, since the budget of a minute
   * holds over a crash.
   */
  readonly calls: number[];
  /** Calls a minute as changed since the start; null = as set. Kept over a crash like the calls. */
  readonly tuned: { callsPerMinute: number | null };
}

/** Between two drains of the log. */
const DRAIN_EVERY_MS = 100;
/** Between two looks at the provider. */
const LOOK_EVERY_MS = 1_000;
/** Between two saves. */
const SAVE_EVERY_MS = 15 * 60_000;
const LOOK = { timeoutMs: 2_000 } as const;
const WRITE = { timeoutMs: 10_000 } as const;
/** Calls of so long ago are in no budget any more. */
const CALLS_KEPT_MS = 60_000;
/**
 * A provider's open breaker lets a call through at the latest after a pause of that, ms. At night there
 * may be nobody else who makes it.
 */
const TRIAL_AFTER_MS = 60_000;
/** Calls that the provider seems to have left for a trial, of which warming takes half. */
const TRIAL_CALLS = 2;
/** As at the provider of most users. */
const KEYS_PER_CALL = 50;
/** Cron patterns that are kept compiled: one a strategy, the cycle and the clean-up. */
const CRONS_MAX = 32;

/** Kinds of keys that this process computes. */
const OWN_KINDS: readonly string[] = [LABEL_KIND, "levels", "correlation"];

const KIND = "warming";
const WARM = "warm:";
/** The clean-up is at midnight where most of what is warmed is traded. */
const DAILY = { pattern: "0 0 * * *", timeZone: "America/New_York" } as const;

/** See {@linkcode Warmer}. */
export const warmer = actor(Warmer, async (ctx, args: WarmerArgs) => {
  const run = new WarmerRun(ctx, args);
  await run.start();
  const every = (type: "drain" | "look" | "autosave", everyMs: number) =>
    ctx.timer(type, { delayMs: everyMs, everyMs }, type, {});
  every("drain", DRAIN_EVERY_MS);
  every("look", LOOK_EVERY_MS);
  every("autosave", SAVE_EVERY_MS);
  ctx.onStop((reason) => run.stop(reason === "crash"));
  /** Not awaited in the message, and no crash when the store is full: whoever asks is told so. */
  const written = (writing: Promise<void>) => {
    const reply = ctx.defer<null>();
    writing.then(() => reply.resolve(null), (error) => reply.reject(error));
    return reply;
  };
  return {
    run: ({ strategy }) => run.run(strategy),
    stats: () => run.stats(),
    status: () => run.warming.status(run.nowMs()),
    patterns: () => run.warming.patterns(run.nowMs()),
    accesses: ({ accesses }) => {
      for (const { key, at, user = null, sector = null } of accesses) {
        const nowMs = run.nowMs();
        const atMs = Math.min(nowMs, at ?? nowMs);
        run.warming.accessed({ key, atMs, answer: "elsewhere", user, sector });
      }
      return { taken: accesses.length };
    },
    sectors: ({ sectors }) => {
      run.warming.setSectors(sectors);
      return written(run.put("sectors", sectors));
    },
    calendar: ({ events }) => {
      run.events = events;
      return written(run.put("calendar", events));
    },
    setBudget: ({ callsPerMinute }): KnobAnswer => {
      try {
        run.warming.setCallsPerMinute(callsPerMinute, run.nowMs());
      } catch (error) {
        if (error instanceof WarmError) return { state: "refused", reason: error.message };
        throw error;
      }
      args.tuned.callsPerMinute = callsPerMinute;
      return { state: "set" };
    },
    save: () => written(run.save()),
    drain: () => run.drain(),
    // Not awaited in the message: what is read is heard meanwhile.
    look: () => void run.look(),
    autosave: () => void run.autosave(),
  };
});

class WarmerRun {
  readonly warming: Warming;
  events: readonly MarketEvent[] = [];
  readonly #ctx: Context<typeof Warmer.definition>;
  readonly #args: WarmerArgs;
  readonly #wall: SteadyWall;
  readonly #crons = new Map<string, Cron>();
  #endListening: () => void = () => {};
  #capabilities: ProviderCapabilities | null = null;
  #status: ProviderStatus | null = null;
  /** Since when, or since which trial, the provider's breaker is open; null: it is not. */
  #openSinceMs: number | null = null;
  #isLooking = false;
  #isSaving = false;
  #nextDailyMs: number;
  #nextCycleMs: number;
  #savedAtMs: number | null = null;
  #saveError: string | null = null;

  constructor(ctx: Context<typeof Warmer.definition>, args: WarmerArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.#wall = new SteadyWall(ctx.clock);
    const nowMs = this.#wall.now();
    this.#nextDailyMs = this.#cronNextMs(DAILY.pattern, DAILY.timeZone, nowMs) ?? Infinity;
    this.#nextCycleMs = this.#cycleAfter(nowMs);
    const { instruments, router, ttl } = args;
    this.warming = new Warming({
      random: ctx.random,
      nowMs,
      callsBeganMs: args.calls.map((atMs) => nowMs - (ctx.clock.now() - atMs)),
      settings: {
        ...args.spec.settings,
        ...(args.tuned.callsPerMinute === null
          ? {}
          : { callsPerMinute: args.tuned.callsPerMinute }),
      },
      ports: {
        nowMs: () => this.#wall.now(),
        load: (keys, ask) => this.#load(keys, ask),
        freshLeftMs: (key) => router.timeLeft(key)?.softLeftMs ?? 0,
        ttlMs: (key, atMs) => {
          const { softTtlMs, hardTtlMs } = ttl(key, atMs);
          return { freshMs: softTtlMs, servedMs: Math.max(softTtlMs, hardTtlMs) };
        },
        canLoad: (key) => this.#canLoad(key),
        keysPerCall: (kind) => this.#keysPerCall(kind),
        callsLeft: () => this.#callsLeft(),
        isDown: () => this.#isDown(),
        marketOf: (key) => marketOf(key, instruments),
        events: () => this.events,
        cronNextMs: (pattern, timeZone, afterMs) => this.#cronNextMs(pattern, timeZone, afterMs),
      },
    });
  }

  nowMs(): number {
    return this.#wall.now();
  }

  // ---- what outlives it ---------------------------------------------------------------------------

  /** Goes on with what a former one has saved. */
  async start(): Promise<void> {
    // What is read from now on is heard when it is ready.
    this.#endListening = this.#args.accesses.listen();
    await this.#restored("statistics", (json) => {
      const bytes = Uint8Array.fromBase64(JSON.parse(json) as string);
      this.warming.restore(readWarmingBytes(bytes), this.nowMs());
    });
    await this.#restored("sectors", (json) => {
      this.warming.setSectors(warmingSectors.parse(JSON.parse(json)));
    });
    await this.#restored("calendar", (json) => {
      this.events = warmingCalendar.parse(JSON.parse(json));
    });
    await this.look();
  }

  /** What cannot be read costs what was learned, not the service. */
  async #restored(key: string, restore: (json: string) => void): Promise<void> {
    const json = await this.#args.store.ask("record", { kind: KIND, key }, WRITE);
    if (json === null) return;
    try {
      restore(json);
    } catch (error) {
      this.#ctx.log("warn", "what warming had saved cannot be read", {
        key,
        reason: textOf(error),
      });
    }
  }

  /** @throws {Error} when the store does not take it. */
  async put(key: string, value: unknown): Promise<void> {
    const json = JSON.stringify(value);
    await recordStored(this.#args.store.ask("putRecord", { kind: KIND, key, json }, WRITE));
  }

  /**
   * In steps of some 5 ms for 20,000 keys, with a turn for others between them, unless `isAtOnce`.
   *
   * @throws {Error} when the store does not take it.
   */
  async save(isAtOnce = false): Promise<void> {
    const nowMs = this.nowMs();
    const turn = () => isAtOnce ? Promise.resolve() : pause(this.#ctx.clock, 0);
    try {
      const snapshot = this.warming.snapshot(nowMs);
      await turn();
      const bytes = warmingBytes(snapshot);
      await turn();
      await this.put("statistics", bytes.toBase64());
      this.#savedAtMs = nowMs;
      this.#saveError = null;
    } catch (error) {
      this.#saveError = textOf(error);
      throw error;
    }
  }

  /** Saves; a store that is full or busy is tried again at the next time. */
  async autosave(isAtOnce = false): Promise<void> {
    if (this.#isSaving) return;
    this.#isSaving = true;
    try {
      await this.save(isAtOnce);
    } catch (error) {
      this.#ctx.log("warn", "the statistics of warming are not saved", { reason: textOf(error) });
    } finally {
      this.#isSaving = false;
    }
  }

  /** After a crash nothing is saved: what is in memory may be what crashed it. */
  async stop(isCrash: boolean): Promise<void> {
    if (!isCrash) this.drain();
    this.#endListening();
    this.warming.stop();
    if (!isCrash) await this.autosave(true);
  }

  // ---- what happens -------------------------------------------------------------------------------

  drain(): void {
    const nowMs = this.nowMs();
    const { warming } = this;
    this.#args.accesses.drain({
      accessed: (key, answer, user, sector) =>
        warming.accessed({ key, atMs: nowMs, answer, user, sector }),
      stored: ({ key, origin, softLeftMs, hardLeftMs, weightBytes }) =>
        warming.stored({
          key,
          atMs: nowMs,
          softAtMs: nowMs + softLeftMs,
          hardAtMs: nowMs + hardLeftMs,
          weightBytes,
          strategy: strategyOf(origin),
        }),
    });
    if (nowMs >= this.#nextDailyMs) {
      // One clean-up however many midnights a jump of the clock has passed.
      this.#nextDailyMs = this.#cronNextMs(DAILY.pattern, DAILY.timeZone, nowMs) ?? Infinity;
      warming.daily(nowMs);
    }
    if (nowMs >= this.#nextCycleMs) {
      this.#nextCycleMs = this.#cycleAfter(nowMs);
      if (this.#args.spec.settings?.isEnabled !== false) void this.run("all");
    }
    warming.tick(nowMs);
  }

  run(strategy: "all" | StrategyName) {
    const nowMs = this.nowMs();
    const { strategies } = this.warming.status(nowMs).settings;
    const names = strategy === "all"
      ? STRATEGY_NAMES.filter((name) => strategies[name].isEnabled)
      : [strategy];
    return names.map((name) => this.warming.run(name, nowMs));
  }

  stats() {
    const { readsLost, storedLost } = this.#args.accesses;
    return {
      ...this.warming.stats(this.nowMs()),
      accessesLost: readsLost,
      storedLost,
      savedAtMs: this.#savedAtMs,
      saveError: this.#saveError,
    };
  }

  // ---- the provider -------------------------------------------------------------------------------

  /** How the provider is; a look that is not over when the next begins is that one too. */
  async look(): Promise<void> {
    const { provider } = this.#args;
    if (provider === null || this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#capabilities ??= await provider.ask("capabilities", {}, LOOK);
      this.#status = await provider.ask("status", {}, LOOK);
    } catch {
      // It restarts, or has too much to do: no time for guesses.
      this.#status = null;
    } finally {
      this.#isLooking = false;
    }
    const isOpen = this.#status !== null && this.#status.breaker !== "closed";
    this.#openSinceMs = isOpen ? this.#openSinceMs ?? this.nowMs() : null;
  }

  #isDown(): boolean {
    if (this.#args.provider === null || this.#status === null) return true;
    const { limiter } = this.#status;
    if (limiter !== null && limiter.pausedForMs > 0) return true;
    return this.#openSinceMs !== null && this.nowMs() < this.#openSinceMs + TRIAL_AFTER_MS;
  }

  #callsLeft(): number | null {
    const limits = this.#status?.limiter?.limits ?? [];
    const left = limits.map(({ requests, used }) => Math.max(0, requests - used));
    if (this.#openSinceMs !== null) left.push(TRIAL_CALLS);
    return left.length === 0 ? null : Math.min(...left);
  }

  /** Keys of other kinds, and those that no call can be made of, are only what somebody puts in. */
  #canLoad(key: string): boolean {
    const kind = kindOfKey(key);
    return PROVIDER_KEY_KINDS.includes(kind)
      ? typeof keyRequest(key, this.nowMs()) !== "string"
      : OWN_KINDS.includes(kind);
  }

  #keysPerCall(kind: string): number {
    const most = this.#args.spec.keysPerCallMax ?? KEYS_PER_CALL;
    const capabilities = this.#capabilities;
    if (capabilities === null || !PROVIDER_KEY_KINDS.includes(kind)) return 1;
    // Any symbol: endpoints differ by kind.
    const request = keyRequest(`${kind}:A`, this.#wall.now());
    if (typeof request === "string") return 1;
    const endpoint = widestEndpoint(capabilities.endpoints, request);
    return typeof endpoint === "string" ? 1 : Math.max(1, Math.min(most, endpoint.symbolsMax));
  }

  async #load(keys: readonly string[], ask: WarmAsk): Promise<readonly WarmOutcome[]> {
    this.#noteCall();
    try {
      const found = await this.#args.router.loadAhead(keys, ask);
      return found.map((one, at) => outcomeOf(one, kindOfKey(keys[at] ?? "")));
    } catch {
      // A shard has stopped; its keys are wanted again soon enough.
      return keys.map(() => "failed");
    }
  }

  #noteCall(): void {
    const { calls } = this.#args;
    const nowMs = this.#ctx.clock.now();
    while (calls.length > 0 && (calls[0] as number) < nowMs - CALLS_KEPT_MS) calls.shift();
    calls.push(nowMs);
    if (this.#openSinceMs !== null) this.#openSinceMs = this.nowMs();
  }

  // ---- times --------------------------------------------------------------------------------------

  #cycleAfter(nowMs: number): number {
    const { cycleCron = null } = this.#args.spec;
    return cycleCron === null ? Infinity : this.#cronNextMs(cycleCron, "UTC", nowMs) ?? Infinity;
  }

  #cronNextMs(pattern: string, timeZone: string, afterMs: number): number | null {
    const name = `${timeZone} ${pattern}`;
    let cron = this.#crons.get(name);
    if (cron === undefined) {
      cron = new Cron(pattern, { timezone: timeZone, paused: true });
      if (this.#crons.size < CRONS_MAX) this.#crons.set(name, cron);
    }
    return cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  }
}

/** Minute, hour, day, month, weekday: with seconds all strategies could run each second. */
const CRON_FIELDS = 5;

/** Whether a pattern of cron has five fields, can be evaluated in a time zone, and is ever due. */
export function isCron(pattern: string, timeZone: string): boolean {
  try {
    const isOfMinutes = pattern.trim().split(/\s+/).length === CRON_FIELDS;
    return isOfMinutes &&
      new Cron(pattern, { timezone: timeZone, paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

function strategyOf(origin: Origin): StrategyName | null {
  if (!origin.startsWith(WARM)) return null;
  const name = origin.slice(WARM.length);
  return STRATEGY_NAMES.find((known) => known === name) ?? null;
}

function outcomeOf(found: Found<CacheValue>, kind: string): WarmOutcome {
  const { state } = found;
  // It says nothing of the provider, whose failures make all of warming pause.
  if (OWN_KINDS.includes(kind) && (state === "failed" || state === "stale")) return "missing";
  switch (state) {
    case "loaded":
      // The second tier had it: no call was made.
      return found.tier === "l2" ? "fresh" : "loaded";
    case "fresh":
      return "fresh";
    case "stale":
      // The load failed, and the old one is still served.
      return "failed";
    default:
      return state;
  }
}

/** Null for what names no instrument. */
function marketOf(key: string, instruments: InstrumentRegistry): KeyMarket | null {
  const symbol = symbolOfKey(key);
  if (!isSymbol(symbol)) return null;
  const { calendar, sector } = instruments.get(symbol);
  return { calendar, sector };
}
