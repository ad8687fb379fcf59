/**
 * A workload in virtual time with everything as it is deployed: shards, log of accesses, grouping into
 * calls, limit, provider, and between them somebody who warms. What users, cache, provider and warming
 * have counted is compared before anybody quotes it.
 *
 * @module
 */

import { type Cancel, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { KeyIndex, slotOf, tableOf } from "../../src/cache/key_index.ts";
import { LoadGroups } from "../../src/cache/load_groups.ts";
import { SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import type { Found, Origin } from "../../src/cache/types.ts";
import type { Outage } from "../../src/provider/simulated_options.ts";
import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import {
  type Access,
  type MarketEvent,
  type StoredEntry,
  STRATEGY_NAMES,
  type StrategyName,
  type WarmOutcome,
} from "../../src/warm/types.ts";
import type { WarmAsk, WarmingPorts } from "../../src/warm/warming.ts";
import { type DaySeen, playDay } from "../cache/day_run.ts";
import { ShardsCache } from "../cache/day_shards.ts";
import { verify } from "../support/workload.ts";
import { type RigAsked, RigUpstream } from "./upstream.ts";
import { type CreditCount, WarmCredit } from "./warm_credit.ts";
import { WarmLog } from "./warm_log.ts";
import { CALENDAR_OF, kindOf, symbolOf, TtlTable, type Workload } from "./workloads.ts";

/** Somebody who warms: what of `Warming` the rig calls. */
export interface Warmer {
  accessed(access: Access): void;
  stored(entry: StoredEntry): void;
  tick(nowMs: number): void;
}

/** How the rig is set up. */
export interface RigOptions {
  /** Entries of all shards together; Infinity for more than there are keys. */
  readonly entriesMax: number;
  readonly seed: number;
  /** Whether what is past its TTL is served for as long again while it is renewed; default yes. */
  readonly isStaleServed?: boolean;
  /** Share of the TTL after which a read renews ahead; null for never; default as deployed. */
  readonly aheadRatio?: number | null;
  /** Most calls in any minute; default 750. */
  readonly callsPerMinute?: number;
  /** When the provider is out, ms since the first request. */
  readonly outages?: readonly Outage[];
  /** Where the play begins, epoch ms; at the first request unless given. */
  readonly startMs?: number;
  /** Who warms; nobody unless given. */
  readonly warmer?: (ports: WarmingPorts) => Warmer;
}

/** How it went. */
export interface RigResult {
  readonly seen: DaySeen;
  /** How each request was answered: 0 waited, 1 fresh, 2 stale. */
  readonly answers: Uint8Array;
  /** By the provider's own count. */
  readonly upstream: UpstreamStats;
  readonly asked: RigAsked;
  readonly meanWaitMs: number;
  /** What became of warmed entries, counted by the bench. */
  readonly credit: CreditCount;
  readonly byStrategy: ReadonlyMap<StrategyName | "other", CreditCount>;
  /** Epoch ms at its end. */
  readonly endMs: number;
  /** Process time in the warmer's calls, s. */
  readonly warmS: number;
  /** Process time of the whole play, s. */
  readonly totalS: number;
}

/** As many as there can be keys: four kinds of 2,000 symbols. */
const ENTRIES_ALL = 16_384;
const AHEAD_RATIO = 0.8;
const KEYS_PER_CALL = 50;
const TICK_MS = 1_000;
const CALLS_PER_MINUTE = 750;
const WINDOW_MS = 60_000;

/**
 * Plays a workload from its first request on. Deterministic by its seed but for `warmS` and `totalS`.
 *
 * @throws {Error} when users, cache, provider and credit did not count the same.
 */
export async function playRig(workload: Workload, options: RigOptions): Promise<RigResult> {
  const beganMs = performance.now();
  const rig = new Rig(workload, options);
  const result = await rig.play();
  return { ...result, totalS: (performance.now() - beganMs) / 1_000 };
}

class Rig {
  readonly #workload: Workload;
  readonly #options: RigOptions;
  readonly #clock: VirtualClock;
  readonly #upstream: RigUpstream;
  readonly #cache: ShardsCache;
  readonly #keys = new KeyIndex();
  readonly #groups: LoadGroups;
  readonly #log: WarmLog;
  readonly #ttls = new TtlTable();
  readonly #credit = new WarmCredit();
  readonly #warmer: Warmer | null;
  readonly #answers: Uint8Array;
  #ticking: Cancel | null = null;
  #warmMs = 0;
  #accesses = 0;

  constructor(workload: Workload, options: RigOptions) {
    const { entriesMax, seed, isStaleServed = true, aheadRatio = AHEAD_RATIO } = options;
    const { callsPerMinute = CALLS_PER_MINUTE, outages = [] } = options;
    this.#workload = workload;
    this.#options = options;
    const firstMs = options.startMs ?? workload.atMs[0] ?? 0;
    const clock = new VirtualClock(0, firstMs);
    this.#clock = clock;
    this.#groups = new LoadGroups(clock);
    const limit = { requests: callsPerMinute, windowMs: WINDOW_MS };
    this.#upstream = new RigUpstream({ clock, seed, limit, outages });
    this.#log = new WarmLog(clock, {
      accessed: (key, answer, user) => this.#accessed({ key, answer, user, atMs: this.#now() }),
      stored: ({ key, origin, softLeftMs, hardLeftMs, weightBytes }) => {
        const atMs = this.#now();
        const times = { atMs, softAtMs: atMs + softLeftMs, hardAtMs: atMs + hardLeftMs };
        this.#stored({ key, ...times, weightBytes, strategy: strategyOf(origin) });
      },
    });
    const users = Array.from(
      { length: workload.userOf.reduce((most, user) => Math.max(most, user), 0) + 1 },
      (_, user) => String(user),
    );
    this.#cache = new ShardsCache(workload, {
      clock,
      random: seededRandom(seed),
      upstream: this.#upstream,
      entriesMax: Math.min(entriesMax, ENTRIES_ALL),
      shards: SHARDS_DEFAULT,
      policy: "adaptive",
      staleWhileRevalidate: isStaleServed,
      refreshAheadRatio: aheadRatio,
      accesses: this.#log,
      keys: this.#keys,
      groups: this.#groups,
      userOf: (request) => users[workload.userOf[request] as number] as string,
      assetOf: (key) => workload.universe.get(symbolOf(key))?.asset ?? "equity",
    });
    this.#answers = new Uint8Array(workload.atMs.length);
    this.#warmer = options.warmer?.(this.#ports()) ?? null;
  }

  async play(): Promise<Omit<RigResult, "totalS">> {
    const { find, load } = {
      find: (place: number, request: number) => {
        const found = this.#cache.find(place, request);
        this.#answers[request] = found === null ? 0 : found === "fresh" ? 1 : 2;
        return found;
      },
      load: (place: number, request: number) => this.#cache.load(place, request),
    };
    if (this.#warmer !== null) this.#tickLater();
    const seen = await playDay(this.#workload, this.#clock, { find, load });
    this.#ticking?.();
    this.#log.flush();
    const endMs = this.#now();
    const credit = this.#credit.end(endMs);
    const stats = this.#upstream.stats();
    this.#verify(seen, stats);
    const { asked } = this.#upstream;
    this.#cache.close();
    await this.#upstream.close();
    return {
      seen,
      answers: this.#answers,
      upstream: stats,
      asked,
      meanWaitMs: seen.waitMs.reduce((sum, ms) => sum + ms, 0) / seen.requests,
      credit,
      byStrategy: this.#credit.byStrategy,
      endMs,
      warmS: this.#warmMs / 1_000,
    };
  }

  #now(): number {
    return this.#clock.wallNow();
  }

  #accessed(access: Access): void {
    this.#accesses++;
    this.#credit.accessed(access);
    this.#timed((warmer) => warmer.accessed(access));
  }

  #stored(entry: StoredEntry): void {
    this.#credit.stored(entry);
    this.#timed((warmer) => warmer.stored(entry));
  }

  #tickLater(): void {
    this.#ticking = this.#clock.setTimer(TICK_MS, () => {
      this.#log.flush();
      this.#timed((warmer) => warmer.tick(this.#now()));
      this.#tickLater();
    });
  }

  #timed(call: (warmer: Warmer) => void): void {
    if (this.#warmer === null) return;
    const beganMs = performance.now();
    call(this.#warmer);
    this.#warmMs += performance.now() - beganMs;
  }

  #ports(): WarmingPorts {
    const { universe } = this.#workload;
    const hardRatio = this.#options.isStaleServed === false ? 1 : 2;
    const events = [...universe.values()].flatMap(({ symbol, earnings }): MarketEvent[] =>
      earnings === null ? [] : [{ symbol, kind: "earnings", date: earnings, when: "after_close" }]
    );
    return {
      nowMs: () => this.#now(),
      load: (keys, ask) => this.#load(keys, ask),
      freshLeftMs: (key) => {
        const place = this.#keys.placeOf(key);
        if (place < 0) return 0;
        const left = this.#cache.shards[tableOf(place)]?.timeLeftAt(slotOf(place));
        return left?.softLeftMs ?? 0;
      },
      keysPerCall: () => KEYS_PER_CALL,
      callsLeft: () => this.#upstream.callsLeft(),
      isDown: () => this.#upstream.isDown,
      ttlMs: (key, nowMs) => {
        const asset = universe.get(symbolOf(key))?.asset ?? "equity";
        const freshMs = this.#ttls.ttlMs(kindOf(key), asset, nowMs);
        return { freshMs, servedMs: hardRatio * freshMs };
      },
      marketOf: (key) => {
        const symbol = universe.get(symbolOf(key));
        if (symbol === undefined) return null;
        return { calendar: CALENDAR_OF[symbol.asset], sector: symbol.sector };
      },
      events: () => events,
    };
  }

  async #load(keys: readonly string[], ask: WarmAsk): Promise<readonly WarmOutcome[]> {
    const found = await Promise.all(
      keys.map((key) => this.#cache.shardFor(key).load(key, ask)),
    );
    return found.map(outcomeOf);
  }

  #verify(seen: DaySeen, stats: UpstreamStats): void {
    verify("calls over the limit", stats.limited, 0);
    verify("groups of loads that came in parts", this.#groups.broken, 0);
    const types = this.#cache.shards.flatMap((shard) => shard.status().types);
    const sum = (of: (one: (typeof types)[number]) => number) =>
      types.reduce((total, one) => total + of(one), 0);
    const { doubledLoads, doubledKeys, loads } = this.#upstream.asked;
    // A load that was given up may still wait for the limit when the next of its key begins.
    const again = Math.max(0, doubledLoads - sum(({ loadsAbandoned }) => loadsAbandoned));
    verify("keys loaded twice at a time", again + doubledKeys, 0);
    verify("reads told to the warmer", this.#accesses, seen.requests);
    verify("notes lost", this.#log.readsLost + this.#log.storedLost, 0);
    const fresh = this.#answers.reduce((sum, answer) => sum + (answer === 1 ? 1 : 0), 0);
    verify("fresh answers", fresh, seen.fresh);
    verify("fresh hits by the shards", sum(({ freshHits }) => freshHits), seen.fresh);
    verify("stale hits by the shards", sum(({ staleHits }) => staleHits), seen.served - seen.fresh);
    if (loads < stats.keys) verify("keys fetched that nobody asked for", stats.keys - loads, 0);
    for (const shard of this.#cache.shards) shard.invariant();
  }
}

/** Which strategy an entry's origin names; null for none. */
export function strategyOf(origin: Origin): StrategyName | null {
  if (!origin.startsWith("warm:")) return null;
  const name = origin.slice("warm:".length);
  return STRATEGY_NAMES.find((one) => one === name) ?? null;
}

function outcomeOf(found: Found<unknown>): WarmOutcome {
  switch (found.state) {
    case "loaded":
      return "loaded";
    case "fresh":
      return "fresh";
    case "missing":
      return "missing";
    // A value past its time that is given instead of a new one says that there is no new one.
    case "stale":
    case "failed":
      return "failed";
  }
}
