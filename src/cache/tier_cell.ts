/**
 * Where shards find the tier behind them while its actor comes and goes.
 *
 * @module
 */

import {
  EVERY_ENTRY,
  type SecondTier,
  type TierEntry,
  type TierSelection,
  type TierStatus,
} from "./types.ts";

/**
 * A tier that may be away: then it has nothing and takes nothing, and what was to be forgotten
 * meanwhile is forgotten before the next tier that comes answers anything.
 *
 * Selections that are too many to be remembered are remembered as everything.
 */
export class TierCell implements SecondTier {
  #tier: SecondTier | null = null;
  #owed: TierSelection[] = [];
  #status: TierStatus;

  /** Empty. */
  constructor(kind: TierStatus["kind"]) {
    this.#status = tierWithout(kind);
  }

  /** A tier is there from now on; what is returned takes it away again. */
  attach(tier: SecondTier): () => void {
    this.#tier = tier;
    const owed = this.#owed;
    this.#owed = [];
    // In their order and before any read: calls of a tier are carried out in the order they are made.
    for (const selection of owed) void tier.invalidate(selection);
    return () => {
      if (this.#tier !== tier) return;
      this.#status = { ...tier.status(), state: "down" };
      this.#tier = null;
    };
  }

  getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]> {
    return this.#tier?.getMany(keys) ?? Promise.resolve(keys.map(() => null));
  }

  setMany(entries: readonly TierEntry[]): void {
    this.#tier?.setMany(entries);
  }

  async invalidate(selection: TierSelection): Promise<void> {
    if (this.#tier !== null) return await this.#tier.invalidate(selection);
    owe(this.#owed, selection, OWED_MAX);
  }

  mark(): number {
    return this.#tier?.mark() ?? 0;
  }

  status(): TierStatus {
    return this.#tier?.status() ?? this.#status;
  }
}

/** Selections that wait for a tier. */
const OWED_MAX = 10_000;

/** Adds to what is to be forgotten once that is possible; more than `max` are everything. */
export function owe(owed: TierSelection[], selection: TierSelection, max: number): void {
  if (owed.length < max) owed.push(selection);
  else owed.splice(0, owed.length, EVERY_ENTRY);
}

/** How a tier is that has done nothing yet, and is not up. */
export function tierWithout(kind: TierStatus["kind"]): TierStatus {
  const bound = { entries: 0, bytes: 0, bytesMax: 0, waiting: 0 };
  const counts = { hits: 0, misses: 0, written: 0, evicted: 0, dropped: 0, failures: 0 };
  return { kind, state: "down", ...bound, ...counts, lastError: null };
}
