/**
 * News of records: which were written or dropped, by whichever node, told once they are in this
 * node's copy. The follower of the log tells, and everybody else hears.
 *
 * @module
 */

import type { ChangedRecord } from "./followed_store.ts";

/** Called with what changed; null = nobody knows what. Must not throw. */
export type RecordListener = (changed: readonly ChangedRecord[] | null) => void;

/** See the module's text. */
export class RecordNews {
  readonly #listeners = new Set<RecordListener>();

  /** Hears of every change from now on; returns the end of that. */
  watch(listener: RecordListener): () => void {
    const once: RecordListener = (changed) => listener(changed);
    this.#listeners.add(once);
    return () => void this.#listeners.delete(once);
  }

  /** Tells everybody, one after the other. */
  tell(changed: readonly ChangedRecord[] | null): void {
    for (const listener of [...this.#listeners]) listener(changed);
  }
}
