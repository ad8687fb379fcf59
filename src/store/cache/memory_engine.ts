/**
 * The twin of the second tier in memory, for tests and for services without a file.
 *
 * @module
 */

import type { Clock } from "../../actor/clock.ts";
import type { TierEntry, TierSelection, TierStatus } from "../../cache/types.ts";
import { tierCounts } from "./tier_counts.ts";
import type { TierEngine } from "./tier_engine.ts";
import {
  endOf,
  isKeptEntry,
  selectionMatcher,
  TIER_BYTES_MAX_DEFAULT,
  TIER_ENTRY_BYTES,
} from "./tier_rules.ts";
import { FRAME_OVERHEAD_BYTES, VALUE_BYTES_MAX } from "./value_frame.ts";

/** How a {@linkcode MemoryEngine} is made. */
export interface MemoryEngineOptions {
  readonly clock: Pick<Clock, "wallNow">;
  /** Bound, bytes; default 500 MB. */
  readonly bytesMax?: number;
}

interface Held {
  readonly entry: TierEntry;
  readonly bytes: number;
  readonly endsAtMs: number;
}

/** Share of the bound that eviction leaves, so that entries are put in order only now and then. */
const KEPT_RATIO = 0.95;

/** A map. Eviction sorts it by end, oldest first; patterns and tags look at every entry. */
export class MemoryEngine implements TierEngine {
  readonly waiting = 0;
  readonly #clock: Pick<Clock, "wallNow">;
  readonly #bytesMax: number;
  readonly #held = new Map<string, Held>();
  readonly #counts = tierCounts();
  #bytes = 0;

  /** An empty one. */
  constructor(options: MemoryEngineOptions) {
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax ?? TIER_BYTES_MAX_DEFAULT;
  }

  getMany(keys: readonly string[]): (TierEntry | null)[] {
    const wallMs = this.#clock.wallNow();
    return keys.map((key) => {
      const held = this.#held.get(key);
      const isThere = held !== undefined && held.endsAtMs > wallMs;
      if (held !== undefined && !isThere) this.#remove(key);
      this.#counts[isThere ? "hits" : "misses"]++;
      return isThere ? held.entry : null;
    });
  }

  setMany(entries: readonly TierEntry[]): void {
    const wallMs = this.#clock.wallNow();
    for (const entry of entries) {
      this.#remove(entry.key);
      const endsAtMs = endOf(entry, wallMs);
      if (endsAtMs <= wallMs) continue;
      if (!isKeptEntry(entry) || entry.bytes.length > VALUE_BYTES_MAX) {
        this.#counts.dropped++;
        continue;
      }
      const bytes = FRAME_OVERHEAD_BYTES + entry.bytes.length + entry.key.length + TIER_ENTRY_BYTES;
      this.#held.set(entry.key, { entry, bytes, endsAtMs });
      this.#bytes += bytes;
      this.#counts.written++;
    }
    if (this.#bytes > this.#bytesMax) this.#evict(wallMs);
  }

  invalidate(selection: TierSelection): void {
    const matcher = selectionMatcher(selection);
    for (const key of matcher.keys) this.#remove(key);
    if (matcher.patterns.length + matcher.tags.size === 0) return;
    for (const [key, { entry }] of this.#held) {
      if (matcher.matches(key, entry.tags)) this.#remove(key);
    }
  }

  flush(): void {}

  info(): TierStatus {
    return {
      kind: "memory",
      state: "up",
      entries: this.#held.size,
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
      waiting: 0,
      ...this.#counts,
    };
  }

  close(): void {
    this.#held.clear();
    this.#bytes = 0;
  }

  #remove(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#bytes -= held.bytes;
  }

  #evict(wallMs: number): void {
    const byEnd = [...this.#held].sort(([, a], [, b]) => a.endsAtMs - b.endsAtMs);
    for (const [key, { endsAtMs }] of byEnd) {
      if (this.#bytes <= this.#bytesMax * KEPT_RATIO) return;
      if (endsAtMs > wallMs) this.#counts.evicted++;
      this.#remove(key);
    }
  }
}
