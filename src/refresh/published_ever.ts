/**
 * The best set that was ever seen.
 *
 * A score from a partial refresh is trusted until proved wrong: when an audit or a check finds the
 * structures wrong, the record goes back to what was known at the last result that everything was
 * evaluated for. A true record since then is lost with the false one; nobody can tell them apart.
 *
 * @module
 */

import type { BestSet } from "./published.ts";

/** See the head of this file. All is O(1). */
export class BestEver {
  #best: BestSet | null = null;
  #proved: BestSet | null = null;

  /** The best set ever; null before the first. Of equal scores the earlier one. */
  get value(): BestSet | null {
    return this.#best;
  }

  /** A refresh found `best`. Returns whether it is a record. */
  offer(best: BestSet): boolean {
    if (this.#best !== null && best.score <= this.#best.score) return false;
    this.#best = best;
    return true;
  }

  /** Everything was evaluated, and what is known was found right. */
  prove(): void {
    this.#proved = this.#best;
  }

  /** Results since the last proof may be wrong. */
  doubt(): void {
    this.#best = this.#proved;
  }

  /** Goes on from a snapshot, already checked. */
  restore(saved: BestSet | null): void {
    this.#best = saved;
    this.#proved = saved;
  }
}
