/**
 * What became of entries that were warmed, counted in the bench for itself: the twin of what warming
 * says of its own work.
 *
 * @module
 */

import type { Access, StoredEntry, StrategyName } from "../../src/warm/types.ts";

/** What became of the warmed entries of one strategy, or of all. */
export interface CreditCount {
  /** Entries stored. */
  warmed: number;
  /** Of them, those that were read while they were fresh. */
  usedFresh: number;
  /** Of them, those that were read before they were gone, replaced, or evicted. */
  used: number;
  /** Of them, those of which nobody knows yet at the end. */
  open: number;
}

/** Used of those of which it is known, 0 to 1. */
export function precisionOf({ warmed, used, open }: CreditCount): number {
  return used / Math.max(1, warmed - open);
}

interface Warmed {
  readonly count: CreditCount;
  readonly softAtMs: number;
  readonly hardAtMs: number;
}

/** Counts; entries that were used, or that never can be, are forgotten. */
export class WarmCredit {
  readonly #unused = new Map<string, Warmed>();
  /** By strategy. */
  readonly byStrategy = new Map<StrategyName | "other", CreditCount>();
  /** Entries stored that nobody warmed. */
  demanded = 0;

  /** An entry is there. */
  stored({ key, softAtMs, hardAtMs, strategy }: StoredEntry): void {
    this.#unused.delete(key);
    if (strategy === null) {
      this.demanded++;
      return;
    }
    const count = this.#count(strategy);
    count.warmed++;
    this.#unused.set(key, { count, softAtMs, hardAtMs });
  }

  /** Somebody has read. */
  accessed({ key, atMs, answer }: Access): void {
    const warmed = this.#unused.get(key);
    if (warmed === undefined) return;
    this.#unused.delete(key);
    if (answer !== "fresh" && answer !== "stale") return;
    warmed.count.used++;
    if (answer === "fresh" && atMs <= warmed.softAtMs + SLACK_MS) warmed.count.usedFresh++;
  }

  /** What was counted until now, those marked as open that may still be used. */
  end(nowMs: number): CreditCount {
    for (const count of this.byStrategy.values()) count.open = 0;
    for (const { count, hardAtMs } of this.#unused.values()) if (hardAtMs > nowMs) count.open++;
    const sum: CreditCount = { warmed: 0, usedFresh: 0, used: 0, open: 0 };
    for (const count of this.byStrategy.values()) {
      for (const field of Object.keys(sum) as (keyof CreditCount)[]) sum[field] += count[field];
    }
    return sum;
  }

  #count(strategy: StrategyName | "other"): CreditCount {
    let count = this.byStrategy.get(strategy);
    if (count === undefined) {
      count = { warmed: 0, usedFresh: 0, used: 0, open: 0 };
      this.byStrategy.set(strategy, count);
    }
    return count;
  }
}

/** Reads are told of up to so much later than they were, ms. */
const SLACK_MS = 200;
