/**
 * Why the last entries left a shard.
 *
 * @module
 */

import { REMOVAL_CAUSES, type RemovalCause } from "./types.ts";

/** Removals remembered: 17 bytes each, and the key. */
export const REMOVALS_MAX = 4_096;

/**
 * A ring of the last removals: the newest takes the place of the oldest.
 *
 * - `add` is O(1), allocates nothing
 * - `find` is O(remembered): for people who ask about one key
 */
export class RecentRemovals {
  readonly #keys: string[] = [];
  readonly #causes: Uint8Array;
  readonly #atMs: Float64Array;
  readonly #max: number;
  #count = 0;

  /** An empty one. */
  constructor(max: number = REMOVALS_MAX) {
    this.#max = max;
    this.#causes = new Uint8Array(max);
    this.#atMs = new Float64Array(max);
  }

  /** Remembers one. */
  add(key: string, cause: RemovalCause, nowMs: number): void {
    const at = this.#count++ % this.#max;
    this.#keys[at] = key;
    this.#causes[at] = REMOVAL_CAUSES.indexOf(cause);
    this.#atMs[at] = nowMs;
  }

  /** The last removal of a key; null when none is remembered. */
  find(key: string, nowMs: number): { cause: RemovalCause; agoMs: number } | null {
    const oldest = Math.max(0, this.#count - this.#max);
    for (let nth = this.#count - 1; nth >= oldest; nth--) {
      const at = nth % this.#max;
      if (this.#keys[at] !== key) continue;
      const cause = REMOVAL_CAUSES[this.#causes[at] as number] as RemovalCause;
      return { cause, agoMs: nowMs - (this.#atMs[at] as number) };
    }
    return null;
  }
}
