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
import { actor, type Context, type Ref, textOf } from "../src/actor/mod.ts";
import type { AccessLog } from "../src/cache/access_log.ts";
import { symbolOfKey } from "../src/cache/key.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import { SteadyWall } from "../src/cache/shard_tier.ts";
import type { EntryTtl } from "../src/cache/shard_options.ts";
import type { Found, Origin } from "../src/cache/types.ts";
import { warmingCalendar, warmingSectors } from "../src/http/warming_input.ts";
import type { InstrumentRegistry } from "../src/market/instrument.ts";
import { isSymbol } from "../src/market/series.ts";
import { keyRequest, PROVIDER_KEY_KINDS } from "../src/provider/cache_request.ts";
import { type ProviderCapabilities, widestEndpoint } from "../src/provider/port.ts";
import type { ProviderStatus } from "../src/provider/status.ts";
import {
  type KeyMarket,
  type MarketEvent,
  STRATEGY_NAMES,
  type StrategyName,
  type WarmOutcome,
} from "../src/warm/types.ts";
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
}

/** Between two drains of the log. */
const DRAIN_EVERY_MS = 100;
/** Between two looks at the provider. */
const LOOK_EVERY_MS = 1_000;
/** Between two saves. */
const SAVE_EVERY_MS = 15 * 60_000;
const LOOK = { timeoutMs: 2_000 } as const;
const WRITE = { timeoutMs: 10_000 } as const;
/** As at the provider of most users. */
const KEYS_PER_CALL = 50;
/** Cron patterns that are kept compiled: one a strategy, the cycle and the clean-up. */
const CRONS_MAX = 32;

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
  ctx.onStop(() => run.stop());
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
    sectors: async ({ sectors }) => {
      run.warming.setSectors(sectors);
      await run.put("sectors", sectors);
      return null;
    },
    calendar: async ({ events }) => {
      run.events = events;
      await run.put("calendar", events);
      return null;
    },
    save: async () => {
      await run.save();
      return null;
    },
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
      ...(args.spec.settings === undefined ? {} : { settings: args.spec.settings }),
      ports: {
        nowMs: () => this.#wall.now(),
        load: (keys, ask) => this.#load(keys, ask),
        freshLeftMs: (key) => router.timeLeft(key)?.softLeftMs ?? 0,
        ttlMs: (key, atMs) => {
          const { softTtlMs, hardTtlMs } = ttl(key, atMs);
          return { freshMs: softTtlMs, servedMs: Math.max(softTtlMs, hardTtlMs) };
        },
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
    this.#endListening = this.#args.accesses.listen();
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
    const written = await this.#args.store.ask("putRecord", { kind: KIND, key, json }, WRITE);
    if (written.state === "refused") throw new Error(written.message);
  }

  /** @throws {Error} when the store does not take it. */
  async save(): Promise<void> {
    const nowMs = this.nowMs();
    try {
      await this.put("statistics", warmingBytes(this.warming.snapshot(nowMs)).toBase64());
      this.#savedAtMs = nowMs;
      this.#saveError = null;
    } catch (error) {
      this.#saveError = textOf(error);
      throw error;
    }
  }

  /** Saves; a store that is full or busy is tried again at the next time. */
  async autosave(): Promise<void> {
    if (this.#isSaving) return;
    this.#isSaving = true;
    try {
      await this.save();
    } catch (error) {
      this.#ctx.log("warn", "the statistics of warming are not saved", { reason: textOf(error) });
    } finally {
      this.#isSaving = false;
    }
  }

  async stop(): Promise<void> {
    this.drain();
    this.warming.stop();
    this.#endListening();
    await this.autosave();
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
  }

  #isDown(): boolean {
    if (this.#args.provider === null || this.#status === null) return true;
    const { breaker, limiter } = this.#status;
    return breaker !== "closed" || (limiter !== null && limiter.pausedForMs > 0);
  }

  #callsLeft(): number | null {
    const limits = this.#status?.limiter?.limits ?? [];
    if (limits.length === 0) return null;
    return Math.min(...limits.map(({ requests, used }) => Math.max(0, requests - used)));
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
    try {
      const found = await this.#args.router.loadAhead(keys, ask);
      return found.map(outcomeOf);
    } catch {
      // A shard has stopped; its keys are wanted again soon enough.
      return keys.map(() => "failed");
    }
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

/** Whether a pattern of cron can be evaluated in a time zone, and is ever due. */
export function isCron(pattern: string, timeZone: string): boolean {
  try {
    return new Cron(pattern, { timezone: timeZone, paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

function strategyOf(origin: Origin): StrategyName | null {
  if (!origin.startsWith(WARM)) return null;
  const name = origin.slice(WARM.length);
  return STRATEGY_NAMES.find((known) => known === name) ?? null;
}

function outcomeOf({ state }: Found<CacheValue>): WarmOutcome {
  switch (state) {
    case "loaded":
      return "loaded";
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
