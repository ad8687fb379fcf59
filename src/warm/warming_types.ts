/**
 * What warming is given, and what it tells.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import type { WarmingOverrides, WarmingSettings } from "./settings.ts";
import type { MakeSources } from "./sources.ts";
import type { KeyMarket, MarketEvent, StrategyName, WarmOutcome } from "./types.ts";

/** Who asks for a load ahead of need, for credit. */
export type WarmOrigin = `warm:${StrategyName}`;

/** What is said with a load. */
export interface WarmAsk {
  /** The strategy that wanted the first, and best, of the keys; others may travel along. */
  readonly origin: WarmOrigin;
  /** 0 to 10, below that of anyone who waits; see {@linkcode WARM_PRIORITIES}. */
  readonly priority: number;
  /** Longest time, ms. */
  readonly timeoutMs: number;
}

/** Priorities of loads, below those of users (5 and more) and of the cache's own renewals (4). */
export const WARM_PRIORITIES: Readonly<Record<StrategyName, number>> = {
  renewal: 3,
  predictive: 3,
  pre_market: 2,
  event: 2,
  popular: 1,
  time_of_day: 1,
  trending: 1,
  sector_rotation: 1,
};

/** How long a value loaded at a time holds, ms. */
export interface KeyTtl {
  /** It is fresh that long. */
  readonly freshMs: number;
  /** It is served that long; at least as long as it is fresh. */
  readonly servedMs: number;
}

/** The world of warming. None of these may throw; all but `load` answer at once. */
export interface WarmingPorts {
  /** The time, epoch ms; never goes backwards. Only for measuring loads and for what follows them. */
  nowMs(): number;
  /**
   * Loads keys into the cache: at most {@linkcode WarmingPorts.keysPerCall} of one kind, which
   * travel as one upstream call. Outcomes in the order of the keys. Never rejects.
   */
  load(keys: readonly string[], ask: WarmAsk): Promise<readonly WarmOutcome[]>;
  /** How long the cache's value of a key is still fresh, ms; ≤ 0: stale or not there. No access. */
  freshLeftMs(key: string): number;
  /** How long a value loaded at `nowMs` holds. */
  ttlMs(key: string, nowMs: number): KeyTtl;
  /** Whether there is anybody who loads a key; default yes. What nobody loads is never wanted. */
  canLoad?(key: string): boolean;
  /** Most keys of one upstream call for a kind of data, at least 1. */
  keysPerCall(kind: string): number;
  /** Upstream calls that the provider's limiter still allows in this minute; null: no limit. */
  callsLeft(): number | null;
  /** Whether the provider fails or is limiting: then nothing is loaded ahead of need. */
  isDown(): boolean;
  /** What is known of a key's market; null: nothing, it is taken to trade always. */
  marketOf(key: string): KeyMarket | null;
  /** Dates of the calendar, bounded by whoever keeps them; another list when they have changed. */
  events(): readonly MarketEvent[];
  /**
   * When a cron pattern is due next after a time, epoch ms; null: never. Needed only where a
   * strategy's schedule is one.
   */
  cronNextMs?(pattern: string, timeZone: string, afterMs: number): number | null;
}

/** What {@linkcode Warming} is made of. */
export interface WarmingOptions {
  readonly ports: WarmingPorts;
  readonly random: Random;
  /** When it begins, epoch ms: what was due before is not made up for. */
  readonly nowMs: number;
  readonly settings?: WarmingOverrides;
  /** When calls of a former one began, epoch ms: those of the last minute count for the budget. */
  readonly callsBeganMs?: readonly number[];
  /** What knows of accesses; the real ones unless given. */
  readonly sources?: MakeSources;
}

/** Why a run did not begin. */
export type RunRefusal =
  /** Its last cycle is still under way. */
  | "running"
  /** `stop` was called. */
  | "stopped"
  /** The provider fails or is limiting. */
  | "down";

/** What came of a run: which keys it proposed and where they went. */
export interface RunReport {
  /** Which one ran. */
  readonly strategy: StrategyName;
  /** When, epoch ms. */
  readonly atMs: number;
  /** By hand, or when it was due. */
  readonly by: "hand" | "schedule";
  /** Keys that the strategy proposed. */
  readonly proposed: number;
  /** Of them: their chance is below the floor. */
  readonly belowFloor: number;
  /** Of them: fresh, or being loaded, or waiting for a call already. */
  readonly present: number;
  /** Of them: no room in the queue, or nobody can load them. */
  readonly refused: number;
  /** Of them: wait for a call. */
  readonly wanted: number;
  /** Whether it was a small sample of a throttled strategy. */
  readonly isProbe: boolean;
}

/** What came of {@linkcode Warming.run}. */
export type RunResult =
  | { readonly state: "started"; readonly report: RunReport }
  | { readonly state: "refused"; readonly strategy: StrategyName; readonly reason: RunRefusal };

/** What a strategy did, since the statistics began. */
export interface StrategyStats {
  /** Entries that it put into the cache. */
  readonly warmed: number;
  /** Of them: asked for while they were there. */
  readonly used: number;
  /** Of them: ended without. The rest is still open. */
  readonly wasted: number;
  /**
   * used / (used + wasted) of the last 500 or so, newer ones counting more; null before
   * {@linkcode PRECISION_COUNT_MIN} of them.
   */
  readonly precision: number | null;
  /** Keys fetched upstream for it. */
  readonly keys: number;
  /** Upstream calls whose first key it wanted; the rest of a call is filled by all. */
  readonly calls: number;
  /** Share of all accesses to the cache that it turned into hits, 0 to 1: used / accesses. */
  readonly lift: number;
  /** Whether it runs at its own times. */
  readonly isEnabled: boolean;
  /** Whether its precision is below its floor. */
  readonly isThrottled: boolean;
}

/** How many of the entries warmed at a chance were used. */
export interface ReliabilityBucket {
  /** The chance was from … to …. */
  readonly from: number;
  /** End of the range, not included. */
  readonly to: number;
  /** Entries that have come to the end of their TTL, newer ones counting more. */
  readonly count: number;
  /** Mean of their chances. */
  readonly predicted: number;
  /** Share that was used within its TTL. */
  readonly used: number;
}

/** What is left of the budget. */
export interface BudgetStatus {
  /** Most of any minute. */
  readonly callsPerMinute: number;
  /** Calls of the last minute. */
  readonly callsUsed: number;
  /** Calls that may be made now. */
  readonly callsLeft: number;
  /** Most under way at a time. */
  readonly callsAtOnce: number;
  /** Under way now. */
  readonly callsRunning: number;
  /** Most that what warming stored may weigh, bytes. */
  readonly memoryMaxBytes: number;
  /** Weight of what warming stored and is still there. */
  readonly memoryBytes: number;
  /** Entries of that. */
  readonly entries: number;
}

/** One variant's figures. */
export interface VariantStats {
  /** As the settings name it. */
  readonly name: string;
  /** Entries put into the cache for it. */
  readonly warmed: number;
  /** Of them: asked for while they were there. */
  readonly used: number;
  /** Of them: ended without. */
  readonly wasted: number;
  /** used / (used + wasted); null without any. */
  readonly precision: number | null;
  /** Keys fetched upstream for it. */
  readonly keys: number;
  /** Accesses to its share of the keys. */
  readonly accesses: number;
  /** Accesses answered without a wait. */
  readonly hits: number;
  /** hits / accesses; null without any. */
  readonly hitRatio: number | null;
  /** Against the first variant; null for the first one, and before there is enough. */
  readonly precisionTest: SignificanceStats | null;
  /** Against the first variant; null for the first one, and before there is enough. */
  readonly hitTest: SignificanceStats | null;
}

/** A difference from the first variant and how likely chance alone makes one as large. */
export interface SignificanceStats {
  /** This variant's share minus the first one's. */
  readonly difference: number;
  /** The difference in standard errors. */
  readonly z: number;
  /** Two-sided: chance of |z| that large where there is no difference. */
  readonly pValue: number;
  /** Whether pValue < 0.05 after Bonferroni's correction for the number of variants. */
  readonly isSignificant: boolean;
}

/** An experiment's figures. */
export interface ExperimentStats {
  /** As the settings name it. */
  readonly name: string;
  /** The first one is what others compare with. */
  readonly variants: readonly VariantStats[];
}

/** What `GET /warming/stats` tells. */
export interface WarmingStats {
  /** When this was counted, epoch ms. */
  readonly atMs: number;
  /** Since when these are counted, epoch ms. */
  readonly sinceMs: number;
  /** Entries put into the cache ahead of need. */
  readonly totalWarmed: number;
  /** Of them: asked for while they were there. */
  readonly totalUsed: number;
  /** Of them: ended without. */
  readonly totalWasted: number;
  /** Keys fetched upstream: what warming costs. */
  readonly totalKeys: number;
  /** Upstream calls for them. */
  readonly totalCalls: number;
  /** Accesses to the cache that were heard of, and of them, those answered without a wait. */
  readonly accesses: number;
  /** Answered from the cache, fresh or stale. */
  readonly hits: number;
  /** Answered from the cache within its TTL. */
  readonly fresh: number;
  /** Each one, also those that never ran. */
  readonly byStrategy: Readonly<Record<StrategyName, StrategyStats>>;
  /** What is left of it. */
  readonly budget: BudgetStatus;
  /** By the chance at which entries were warmed, all strategies together. */
  readonly reliability: readonly ReliabilityBucket[];
  /** Mean time of a call by kind of data, ms. */
  readonly callMs: Readonly<Record<string, number>>;
  /** Null: none runs. */
  readonly experiment: ExperimentStats | null;
}

/** A strategy whose precision is below its floor. */
export interface ThrottleStatus {
  /** Which one. */
  readonly strategy: StrategyName;
  /** As it was measured. */
  readonly precision: number;
  /** What it should be at least. */
  readonly floor: number;
  /** Since when it is throttled, epoch ms. */
  readonly sinceMs: number;
  /** When a small sample is tried. */
  readonly probeAtMs: number;
}

/** Why nothing is loaded; null: nothing holds it. */
export type WarmingPause =
  | "disabled"
  | "stopped"
  /** The provider fails or is limiting. */
  | "down"
  /** Loads failed; a pause, doubling from 1 s to 60 s. */
  | "failing"
  | "calls"
  | "memory";

/** What `GET /warming/status` tells. */
export interface WarmingStatus {
  /** When this was so, epoch ms. */
  readonly atMs: number;
  /** Strategies whose cycle is under way. */
  readonly running: readonly StrategyName[];
  /** Runs since the start. */
  readonly cycleCount: number;
  /** When each enabled strategy runs next, epoch ms; null: no time, as with each access. */
  readonly nextRuns: Readonly<Partial<Record<StrategyName, number | null>>>;
  /** The last run of each strategy that ran. */
  readonly lastResults: Readonly<Partial<Record<StrategyName, RunReport>>>;
  /** Those whose precision is below their floor. */
  readonly throttled: readonly ThrottleStatus[];
  /** Why nothing is loaded; null: nothing holds it. */
  readonly paused: WarmingPause | null;
  /** Keys that wait for a call, and that are being loaded. */
  readonly waitingKeys: number;
  /** Keys that are being loaded. */
  readonly loadingKeys: number;
  /** Keys that are tracked, and most of them. */
  readonly trackedKeys: number;
  /** Most keys that are tracked. */
  readonly keysMax: number;
  /** As they are in force. */
  readonly settings: WarmingSettings;
}

/** A key and its figures. */
export interface PatternKey {
  /** The key. */
  readonly key: string;
  /** Accesses, decayed with a half-life of a day. */
  readonly accesses: number;
  /** Chance that it is asked for within its TTL; null: not known. */
  readonly chance: number | null;
}

/** What `GET /warming/patterns` tells. */
export interface WarmingPatterns {
  /** When this was so, epoch ms. */
  readonly atMs: number;
  /** Since the statistics began. */
  readonly totalAccesses: number;
  /** An estimate. */
  readonly uniqueKeys: number;
  /** The ten asked for most. */
  readonly top10: readonly PatternKey[];
  /** `ratio`: accesses of late against what is usual, 1 for as usual. */
  readonly trending: readonly (PatternKey & { readonly ratio: number })[];
  /** Share of accesses in each hour of the day, New York's time, 24 of them, summing to 1. */
  readonly byHour: readonly number[];
}

/**
 * What outlives the process: plain data, typed arrays included, which a structured clone copies.
 * `warmingBytes` and `readWarmingBytes` turn it into bytes and back.
 */
export interface WarmingSnapshot {
  readonly version: 1;
  /** When it was taken, epoch ms. */
  readonly atMs: number;
  /** By part; each checks its own when it is restored. */
  readonly parts: Readonly<Record<string, unknown>>;
}
