/**
 * The second tier as shards use it: which entries may be kept there, what is left of their time when
 * they come back, and reads that overlap with an invalidation.
 *
 * ## Times
 * Entries of the tier outlive processes and so carry wall times, and a wall clock may jump. A shard
 * reads them by a clock of its own that follows jumps forward, never goes back, and never falls
 * behind the monotonic clock. So of what a process has written itself nothing is served longer than
 * its hard TTL on the monotonic clock, whatever the wall clock does; a jump ends entries early at
 * worst.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { compileKeyPattern, type KeyPattern } from "./key_pattern.ts";
import type {
  Dependency,
  SecondTier,
  Selection,
  TierEntry,
  TierSelection,
  TierStatus,
} from "./types.ts";

/** Longest life in the second tier, ms. */
export const TIER_TTL_MAX_MS = 86_400_000;

/** An entry may be so much younger than now, ms: clocks of machines differ. Others are not used. */
export const TIER_SKEW_MAX_MS = 5_000;

/** Invalidations under way that reads are compared with; beyond, the tier is taken as empty. */
export const TIER_PENDING_MAX = 1_024;

/** Wall clock that never goes back; see the head of this file. */
export class SteadyWall {
  readonly #clock: Pick<Clock, "now" | "wallNow">;
  #offsetMs = -Infinity;

  /** Follows these. */
  constructor(clock: Pick<Clock, "now" | "wallNow">) {
    this.#clock = clock;
  }

  /** Epoch ms. */
  now(): number {
    const nowMs = this.#clock.now();
    this.#offsetMs = Math.max(this.#offsetMs, this.#clock.wallNow() - nowMs);
    return nowMs + this.#offsetMs;
  }
}

/** Whether the tier can tell later that an entry is outdated: only candles have seqs. */
export function isForTier(dependsOn: readonly Dependency[], seq: number | null): boolean {
  return dependsOn.length === 0 ||
    (seq !== null && dependsOn.every(({ kind }) => kind === "candles"));
}

/** Tag under which the tier finds what was made of candles of a series. */
export function candlesTag(series: string): string {
  return `candles:${series}`;
}

/** Tags of an entry in the tier: its own, and the series that it was made of. */
export function tierTags(tags: readonly string[], dependsOn: readonly Dependency[]): string[] {
  const series = dependsOn.flatMap((one) => one.kind === "candles" ? [candlesTag(one.series)] : []);
  return [...new Set([...tags, ...series])];
}

/**
 * What the tier has to forget when a selection is invalidated and, with it, `keys` in the shards.
 * Candles that are named without a commit cost all that was made of their series; commits need no
 * invalidation, since seqs are compared on reading.
 */
export function tierSelection(selection: Selection, keys: readonly string[]): TierSelection {
  const { patterns = [], tags = [], dependsOn = [] } = {
    ...selection,
    dependsOn: selection.dependencies,
  };
  return { keys: [...selection.keys ?? [], ...keys], patterns, tags: tierTags(tags, dependsOn) };
}

/** What is left of an entry; null when it is past its end or comes from the future. */
export function leftOf(
  { loadedAtMs, softAtMs, hardAtMs }: TierEntry,
  wallMs: number,
): { readonly ageMs: number; readonly softLeftMs: number; readonly hardLeftMs: number } | null {
  const ageMs = wallMs - loadedAtMs;
  // Written so that NaN fails.
  if (!(hardAtMs > wallMs && ageMs >= -TIER_SKEW_MAX_MS)) return null;
  // By another machine's clock it may be younger than new.
  const lifeMs = hardAtMs - loadedAtMs;
  return {
    ageMs: Math.max(0, ageMs),
    softLeftMs: Math.max(0, Math.min(softAtMs - wallMs, softAtMs - loadedAtMs)),
    hardLeftMs: Math.min(hardAtMs - wallMs, lifeMs),
  };
}

interface Pending {
  readonly keys: ReadonlySet<string>;
  readonly patterns: readonly KeyPattern[];
  readonly tags: ReadonlySet<string>;
}

/**
 * The tier, with reads that never bring what an invalidation was asked to end before they began: it
 * takes time to get there, and until it has, reads leave out what it is about. (What is invalidated
 * while a read is under way is the reader's to find out: a shard does.)
 *
 * One for all shards of a process, and for whoever invalidates.
 */
export function guardedTier(tier: SecondTier): SecondTier {
  return new GuardedTier(tier);
}

class GuardedTier implements SecondTier {
  readonly #tier: SecondTier;
  readonly #pending = new Set<Pending>();

  constructor(tier: SecondTier) {
    this.#tier = tier;
  }

  async getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]> {
    if (this.#pending.size > TIER_PENDING_MAX) return keys.map(() => null);
    const pending = [...this.#pending];
    const entries = await this.#tier.getMany(keys);
    if (pending.length === 0) return entries;
    return entries.map((entry) => entry === null || isEnded(entry, pending) ? null : entry);
  }

  setMany(entries: readonly TierEntry[]): void {
    this.#tier.setMany(entries);
  }

  async invalidate(selection: TierSelection): Promise<void> {
    const { keys = [], patterns = [], tags = [] } = selection;
    const pending = {
      keys: new Set(keys),
      patterns: patterns.map(compileKeyPattern),
      tags: new Set(tags),
    };
    this.#pending.add(pending);
    try {
      await this.#tier.invalidate(selection);
    } finally {
      this.#pending.delete(pending);
    }
  }

  mark(): number {
    return this.#tier.mark();
  }

  status(): TierStatus {
    return this.#tier.status();
  }
}

function isEnded({ key, tags }: TierEntry, pending: readonly Pending[]): boolean {
  return pending.some((one) =>
    one.keys.has(key) || tags.some((tag) => one.tags.has(tag)) ||
    one.patterns.some((pattern) => pattern.matches(key))
  );
}
