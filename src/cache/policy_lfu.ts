/**
 * Evicts what was used least, the oldest of those first, with dynamic ageing: LFU-DA (M. Arlitt, L.
 * Cherkasova, J. Dilley, R. Friedrich, T. Jin, "Evaluating Content Management Techniques for Web
 * Proxy Caches", 1999).
 *
 * An entry's rank is its reads plus the age of the cache when it was last used, and the age is the
 * rank of what was evicted last: so what was popular once is overtaken. A lead of more than
 * {@linkcode LEAD_MAX} counts as that, so that ranks fit a ring of lists, rank modulo their number,
 * and everything is O(1).
 *
 * @module
 */

import { type Arena, LIST_PINNED, NOTED } from "./arena.ts";
import type { Policy } from "./policy.ts";

/** Lists of the ring. */
const RING = LIST_PINNED;
/** Farthest that a rank is ahead of the age. */
export const LEAD_MAX = RING - 1;

/** See the top of the file. */
export class LfuPolicy implements Policy {
  readonly choice = null;
  readonly isExact = true;
  readonly #arena: Arena<unknown>;
  /** Age modulo RING: the list of the lowest rank. */
  #age = 0;

  /** An empty one over the slots of an arena. */
  constructor(arena: Arena<unknown>) {
    this.#arena = arena;
  }

  inserted(slot: number): void {
    this.#arena.link(slot, (this.#age + 1) % RING);
    this.#arena.raiseFlag(slot, NOTED);
  }

  hits(slots: Int32Array, count: number): void {
    for (let at = 0; at < count; at++) this.#raise(slots[at] as number);
  }

  #raise(slot: number): void {
    const list = this.#arena.listOf(slot);
    const lead = (list - this.#age + RING) % RING;
    if (lead === LEAD_MAX) return this.#arena.refresh(slot);
    this.#arena.unlink(slot);
    this.#arena.link(slot, (list + 1) % RING);
  }

  replaced(): void {}

  removed(slot: number): void {
    this.#arena.unlink(slot);
  }

  reused(): void {}

  victim(): number {
    for (let lead = 0; lead < RING; lead++) {
      const list = (this.#age + lead) % RING;
      const last = this.#arena.lastOf(list);
      if (last < 0) continue;
      this.#age = list;
      return last;
    }
    return -1;
  }

  resize(): void {}

  segmentOf(slot: number): string {
    return `lead ${(this.#arena.listOf(slot) - this.#age + RING) % RING}`;
  }

  curve(): [] {
    return [];
  }

  invariant(): void {}
}
