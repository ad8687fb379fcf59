/**
 * `predictive`: loads what usually follows what is being read. What follows, and how surely, is learned
 * in `successors.ts`.
 *
 * @module
 */

import type { Credit } from "./credit.ts";
import type { Outcomes } from "./outcomes.ts";
import type { WarmingSettings } from "./settings.ts";
import type { StatisticsSource } from "./sources.ts";
import { Successors, type SuccessorsSnapshot } from "./successors.ts";
import type { WarmingPorts } from "./warming_types.ts";
import type { Wishes, WishResult } from "./wishes.ts";

/** What is read next is read within seconds; so many ms gather the guesses of many readers. */
const LINGER_MS = 2_000;

/** After that a guess of what is read next is of no use, ms. */
const USEFUL_MS = 30_000;

/** What {@linkcode Predictive} is made of. */
export interface PredictiveOptions {
  readonly settings: WarmingSettings;
  readonly ports: WarmingPorts;
  readonly statistics: StatisticsSource;
  readonly credit: Credit;
  readonly wishes: Wishes;
  readonly outcomes: Outcomes;
}

/** See the head of this file; all O(1). */
export class Predictive {
  readonly #options: PredictiveOptions;
  readonly #successors: Successors;
  /** The slot of the last access: what a run by hand begins with. */
  #lastSlot = -1;
  #isStopped = false;

  /** Knows nothing yet. */
  constructor(options: PredictiveOptions) {
    this.#options = options;
    this.#successors = new Successors({
      slotsMax: options.settings.keysMax,
      lifeMs: (slot, atMs) => this.#lifeMs(slot, atMs),
    });
  }

  /** The key of a slot was asked for; `isHit`: without a wait. The hot path. */
  accessed(user: string | null, slot: number, atMs: number, isHit: boolean): void {
    this.#lastSlot = slot;
    this.#successors.accessed(user, slot, atMs, !isHit);
    if (!this.#isStopped) this.#propose(slot, atMs, false);
  }

  /** Proposes what follows the last access, by hand. */
  again(nowMs: number): readonly WishResult[] {
    return this.#lastSlot < 0 ? [] : this.#propose(this.#lastSlot, nowMs, true);
  }

  #propose(slot: number, atMs: number, isByHand: boolean): readonly WishResult[] {
    const { settings, outcomes } = this.#options;
    const successors = this.#successors;
    const { limit } = settings.strategies.predictive;
    const count = successors.propose(slot, atMs, settings.confidenceMin, limit);
    if (count === 0) return [];
    const { throttle } = outcomes.by.predictive;
    const results: WishResult[] = [];
    for (let at = 0; at < count; at++) {
      const isRefused = !isByHand && throttle.allows(atMs) < 1;
      results.push(isRefused ? "refused" : this.#wish(at, atMs, isByHand));
    }
    return results;
  }

  #wish(at: number, atMs: number, isByHand: boolean): WishResult {
    const { wishes, statistics } = this.#options;
    const slot = this.#successors.slots[at] as number;
    if (wishes.isWanted(slot)) return "present";
    return wishes.wish({
      strategy: "predictive",
      key: statistics.keyAt(slot),
      slot,
      chance: this.#successors.chances[at] as number,
      lingerMs: LINGER_MS,
      usefulMs: USEFUL_MS,
      isOfCycle: false,
      isByHand,
    }, atMs);
  }

  /** How long the key of a slot would be fresh if it were loaded now, ms; 0 when it is there. */
  #lifeMs(slot: number, atMs: number): number {
    const { credit, wishes, statistics, ports } = this.#options;
    if (credit.isFresh(slot, atMs) || wishes.isWanted(slot)) return 0;
    // As long as the last value was, which is known without the key.
    const ttlMs = credit.ttlMs(slot);
    if (ttlMs > 0) return ttlMs;
    const key = statistics.keyAt(slot);
    return key === "" ? 0 : ports.ttlMs(key, atMs).freshMs;
  }

  /** The cache has got a key because of this. */
  fetched(slot: number): void {
    this.#successors.fetched(slot);
  }

  /** The slot is another key's from now on. */
  forget(slot: number): void {
    this.#successors.forget(slot);
    if (this.#lastSlot === slot) this.#lastSlot = -1;
  }

  /** Proposes nothing from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** What outlives the process. O(slots). */
  snapshot(): SuccessorsSnapshot {
    return this.#successors.snapshot();
  }

  /** Goes on from a snapshot whose slots are the same keys'; from nothing when it is none. */
  restore(saved: unknown): void {
    this.#successors.restore(saved);
  }
}
