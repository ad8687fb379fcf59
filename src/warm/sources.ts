/**
 * What warming knows of accesses, as it is seen from the planner: rankings and chances by slot. The
 * real ones are put together in `sources_real.ts`; tests hand in plain ones.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import type { RankedKey, RankedSector } from "./strategy_view.ts";
import type { Access, KeyMarket } from "./types.ts";

/** A tracked key and its accesses, decayed with a half-life of a day. */
export interface FiguredKey extends RankedKey {
  readonly accesses: number;
}

/** Rankings and figures of tracked keys; see `AccessStatistics`. */
export interface StatisticsSource {
  /** Slots of tracked keys are 0 to this, not included. */
  readonly keysMax: number;
  /** Keys that are tracked. */
  readonly size: number;
  /** Counts an access; the key's slot, −1 for a key that cannot be kept. The hot path. */
  record(access: Access): number;
  /** The cache has a new entry of a slot's key. */
  stored(slot: number, isWarmed: boolean): void;
  /** Slot of a key; −1 for none. */
  slotOf(key: string): number;
  /** Key of a slot; empty for none. */
  keyAt(slot: number): string;
  /** See `StrategyView`. */
  popular(limit: number, nowMs: number): readonly FiguredKey[];
  /** See `StrategyView`. */
  trending(limit: number, nowMs: number): readonly (FiguredKey & { readonly ratio: number })[];
  /** See `StrategyView`. */
  inHour(atMs: number, limit: number, nowMs: number): readonly RankedKey[];
  /** See `StrategyView`. */
  hotSectors(nowMs: number): readonly RankedSector[];
  /** See `StrategyView`. */
  ofSector(sector: string, limit: number, nowMs: number): readonly RankedKey[];
  /** See `StrategyView`. */
  usual(slot: number, fromMs: number, toMs: number): number;
  /** Accesses since the statistics began. */
  readonly totalAccesses: number;
  /** An estimate of the number of keys. */
  uniqueKeys(): number;
  /** Share of accesses by hour of New York's day. */
  byHour(nowMs: number): readonly number[];
  /** Sectors of symbols that the ports do not know. */
  setSectors(sectors: Readonly<Record<string, string>>): void;
  /** Forgets what has faded. */
  daily(nowMs: number): void;
  /** What outlives the process. */
  snapshot(nowMs: number): unknown;
  /**
   * Goes on from it: by slot, its slot in the snapshot, −1 for none. Throws `WarmError`, code
   * `snapshot`, for one that is none.
   */
  restore(saved: unknown, nowMs: number): Int32Array;
}

/** Chances of use; see `ChanceOfUse`. */
export interface ChanceSource {
  /** A slot has another key. */
  tracked(slot: number, key: string, atMs: number): void;
  /** Its key was asked for. The hot path. */
  accessed(slot: number, atMs: number): void;
  /** Chance that its key is asked for within (atMs, atMs + windowMs]. */
  chance(slot: number, atMs: number, windowMs: number): number;
  /** The same of a key that may not be tracked: by its symbol and its kind. */
  chanceOfKey(key: string, atMs: number, windowMs: number): number;
  /** Keys of the same symbol in the kinds that are usual for it, itself included. */
  companions(key: string): readonly string[];
  /** What outlives the process. */
  snapshot(nowMs: number): unknown;
  /** Goes on from it, slots being `from` those of the snapshot. Throws for one that is none. */
  restore(saved: unknown, from: Int32Array, nowMs: number): void;
}

/** Both. */
export interface WarmingSources {
  readonly statistics: StatisticsSource;
  readonly chance: ChanceSource;
}

/** What sources are made with. */
export interface SourcesOptions {
  readonly keysMax: number;
  readonly hasUserPatterns: boolean;
  readonly nowMs: number;
  readonly random: Random;
  marketOf(key: string): KeyMarket | null;
  /** A slot has got a key. */
  onTracked(slot: number, key: string): void;
  /** A slot is about to lose its key, which `keyAt` still has. */
  onReplaced(slot: number): void;
}

/** Makes sources. */
export type MakeSources = (options: SourcesOptions) => WarmingSources;
