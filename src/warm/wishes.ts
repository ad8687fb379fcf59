/**
 * From a strategy's proposal to a key that waits for a call: its chance is corrected by what came of
 * such chances, compared with the floor, and what is there already is left out.
 *
 * @module
 */

import { kindOfKey } from "../cache/key.ts";
import type { Credit } from "./credit.ts";
import type { Experiment } from "./experiment.ts";
import type { Outcomes } from "./outcomes.ts";
import { type Planner, RANK_WINDOW_MS } from "./planner.ts";
import type { WarmingSettings } from "./settings.ts";
import type { ChanceSource } from "./sources.ts";
import type { StrategyName } from "./types.ts";
import type { WarmingPorts } from "./warming_types.ts";

/** Keys without a slot that do not exist upstream, as far as they are remembered. */
const MISSING_MAX = 4_096;

/** What came of a proposal. */
export type WishResult = "wanted" | "present" | "belowFloor" | "refused";

/** A proposal. */
export interface Wish {
  readonly strategy: StrategyName;
  readonly key: string;
  /** −1: the key is not tracked. */
  readonly slot: number;
  /** As the strategy says. */
  readonly chance: number;
  /** Whether it is the chance of a use as long as it is served; else as long as it is fresh. */
  readonly isServedChance?: boolean;
  /** Least chance; default: the floor that is set for the strategy. */
  readonly floor?: number | null;
  /** How long it may wait for others, ms. */
  readonly lingerMs: number;
  /** It is of no use after this time, ms from now. */
  readonly usefulMs: number;
  readonly isOfCycle: boolean;
  /** By hand: also of a strategy that is disabled. */
  readonly isByHand: boolean;
}

/** What {@linkcode Wishes} is made of. */
export interface WishesOptions {
  readonly settings: WarmingSettings;
  readonly ports: WarmingPorts;
  readonly planner: Planner;
  readonly credit: Credit;
  readonly outcomes: Outcomes;
  readonly experiment: Experiment | null;
  readonly chance: ChanceSource;
  readonly slots: number;
}

/** See the head of this file. */
export class Wishes {
  readonly #options: WishesOptions;
  /** Whether the key of a slot waits or is being loaded: to know it without its key. */
  readonly #isWanted: Uint8Array;

  /** Keys without a slot that do not exist upstream, and until when that is believed, epoch ms. */
  readonly #missing = new Map<string, number>();

  /** Nothing is wished for. */
  constructor(options: WishesOptions) {
    this.#options = options;
    this.#isWanted = new Uint8Array(options.slots);
  }

  /** Whether the key of a slot waits or is being loaded. */
  isWanted(slot: number): boolean {
    return this.#isWanted[slot] === 1;
  }

  /** The key of a slot does not wait any more, or the slot has another key. */
  forget(slot: number): void {
    if (slot >= 0) this.#isWanted[slot] = 0;
  }

  /** A key without a slot does not exist upstream. */
  missing(key: string, untilMs: number): void {
    this.#missing.delete(key);
    this.#missing.set(key, untilMs);
    if (this.#missing.size <= MISSING_MAX) return;
    const [oldest] = this.#missing.keys();
    if (oldest !== undefined) this.#missing.delete(oldest);
  }

  /** Whether a key is fresh, waits, is being loaded, or does not exist. */
  isPresent(key: string, slot: number, nowMs: number): boolean {
    const { credit, ports, planner } = this.#options;
    if (slot >= 0) {
      // Nobody tells of what was evicted or invalidated: the cache itself has the last word.
      const isFresh = credit.isFresh(slot, nowMs) && ports.freshLeftMs(key) > 0;
      return isFresh || this.isWanted(slot);
    }
    return ports.freshLeftMs(key) > 0 || planner.has(key, kindOfKey(key)) ||
      (this.#missing.get(key) ?? 0) > nowMs;
  }

  /** A strategy's chance as it has come true; as it is while a probe finds out how it is now. */
  corrected(strategy: StrategyName, chance: number): number {
    const { throttle, reliability } = this.#options.outcomes.by[strategy];
    return throttle.state === "probing" ? chance : reliability.corrected(chance);
  }

  /** O(1). */
  wish(wish: Wish, nowMs: number): WishResult {
    const { settings, ports, planner, outcomes, experiment, chance: source } = this.#options;
    const { strategy, key, slot } = wish;
    const base = settings.strategies[strategy];
    const { isEnabled, floor } = experiment?.settingsFor(key, strategy, base) ?? base;
    const chance = this.corrected(strategy, wish.chance);
    if (chance < (wish.floor ?? floor) || !(isEnabled || wish.isByHand)) return "belowFloor";
    if (this.isPresent(key, slot, nowMs)) return "present";
    if (ports.canLoad?.(key) === false) return "refused";
    const came = planner.want({
      key,
      slot,
      kind: kindOfKey(key),
      strategy,
      chance,
      rank: slot >= 0
        ? source.chance(slot, nowMs, RANK_WINDOW_MS)
        : source.chanceOfKey(key, nowMs, RANK_WINDOW_MS),
      dueMs: nowMs + wish.lingerMs,
      untilMs: nowMs + Math.max(wish.lingerMs, wish.usefulMs),
      saidChance: wish.chance,
      isServedChance: wish.isServedChance ?? false,
      isOfCycle: wish.isOfCycle,
    });
    if (came === "full") return "refused";
    if (slot >= 0) this.#isWanted[slot] = 1;
    if (came === "wanted") outcomes.by[strategy].throttle.asked(1);
    return came;
  }
}
