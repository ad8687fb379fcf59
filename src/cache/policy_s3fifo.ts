/**
 * S3-FIFO (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache
 * eviction", SOSP 2023): a small queue of a tenth, a main queue, and a ghost of as many keys as the
 * main queue has entries.
 *
 * A hit only counts, to at most 3. What leaves the small queue unread goes to the ghost, otherwise
 * to the main queue; what leaves the main queue read goes round again with a count less. A key that
 * the ghost remembers begins in the main queue.
 *
 * @module
 */

import { type Arena, HOT_SHIFT, META, READS_MASK } from "./arena.ts";
import { Ghost } from "./ghost.ts";
import type { Policy } from "./policy.ts";

const SMALL = 0;
const MAIN = 1;
const SMALL_RATIO = 0.1;
const READS_MAX = 3;
/** Reads in the small queue from which an entry is worth the main one. */
const READS_TO_MAIN = 2;

/** See the top of the file. */
export class S3FifoPolicy implements Policy {
  readonly choice = null;
  readonly isExact = false;
  readonly #arena: Arena<unknown>;
  readonly #ghost: Ghost;

  /** An empty one over the slots of an arena. */
  constructor(arena: Arena<unknown>, entriesMax: number) {
    this.#arena = arena;
    this.#ghost = new Ghost(ghostCapacity(entriesMax));
  }

  inserted(slot: number): void {
    this.#arena.link(slot, this.#ghost.take(this.#arena.hashOf(slot)) ? MAIN : SMALL);
  }

  hits(): void {}

  replaced(): void {}

  removed(slot: number, isEvicted: boolean): void {
    const isSmall = this.#arena.listOf(slot) === SMALL;
    this.#arena.unlink(slot);
    if (isEvicted && isSmall) this.#ghost.add(this.#arena.hashOf(slot));
  }

  reused(): void {}

  victim(): number {
    const { counts } = this.#arena;
    for (;;) {
      const small = counts[SMALL] as number, main = counts[MAIN] as number;
      if (small + main === 0) return -1;
      const isSmallFull = small >= Math.max(1, Math.floor((small + main) * SMALL_RATIO));
      const slot = small > 0 && (isSmallFull || main === 0) ? this.#fromSmall() : this.#fromMain();
      if (slot >= 0) return slot;
    }
  }

  #fromSmall(): number {
    const slot = this.#arena.lastOf(SMALL);
    const at = (slot << HOT_SHIFT) + META;
    const meta = this.#arena.hot[at] as number;
    if ((meta & READS_MASK) < READS_TO_MAIN) return slot;
    this.#arena.hot[at] = meta & ~READS_MASK;
    this.#arena.unlink(slot);
    this.#arena.link(slot, MAIN);
    return -1;
  }

  #fromMain(): number {
    const slot = this.#arena.lastOf(MAIN);
    const at = (slot << HOT_SHIFT) + META;
    const meta = this.#arena.hot[at] as number;
    const reads = Math.min(READS_MAX, meta & READS_MASK);
    if (reads === 0) return slot;
    this.#arena.hot[at] = (meta & ~READS_MASK) | (reads - 1);
    this.#arena.refresh(slot);
    return -1;
  }

  resize(entriesMax: number): void {
    this.#ghost.resize(ghostCapacity(entriesMax));
  }

  segmentOf(slot: number): string {
    return this.#arena.listOf(slot) === SMALL ? "small" : "main";
  }

  curve(): [] {
    return [];
  }

  invariant(): void {
    this.#ghost.invariant();
  }
}

const ghostCapacity = (entriesMax: number) => Math.ceil(entriesMax * (1 - SMALL_RATIO));
