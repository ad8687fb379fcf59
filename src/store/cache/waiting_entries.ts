/**
 * Entries that wait to be written to a tier that is not always there, by key, within bounds.
 *
 * @module
 */

import type { SelectionMatcher, WaitingEntry } from "./tier_rules.ts";

/** Entries that may wait. */
export const WAITING_MAX = 8_192;
/** Bytes of their frames. */
export const WAITING_BYTES_MAX: number = 32 * 1024 * 1024;

/** The oldest are the first; a later entry of a key takes the place of an earlier one, at the end. */
export class WaitingEntries {
  readonly #entries = new Map<string, WaitingEntry>();
  #bytes = 0;

  /** How many. */
  get size(): number {
    return this.#entries.size;
  }

  /** The one of a key. */
  get(key: string): WaitingEntry | undefined {
    return this.#entries.get(key);
  }

  /** The oldest ones. */
  first(count: number): WaitingEntry[] {
    return this.#entries.values().take(count).toArray();
  }

  /** One more. */
  add(waiting: WaitingEntry): void {
    this.remove(waiting.entry.key);
    this.#entries.set(waiting.entry.key, waiting);
    this.#bytes += waiting.frame.length;
  }

  /** It waits no more. */
  remove(key: string): void {
    this.#bytes -= this.#entries.get(key)?.frame.length ?? 0;
    this.#entries.delete(key);
  }

  /** Those that a selection covers wait no more. O(entries). */
  removeCovered(selection: SelectionMatcher): void {
    for (const [key, { entry }] of this.#entries) {
      if (selection.matches(key, entry.tags)) this.remove(key);
    }
  }

  /** Gives up the oldest beyond the bounds; their keys. */
  removeExcess(): string[] {
    const keys: string[] = [];
    for (const key of this.#entries.keys()) {
      if (this.size <= WAITING_MAX && this.#bytes <= WAITING_BYTES_MAX) break;
      keys.push(key);
      this.remove(key);
    }
    return keys;
  }
}
