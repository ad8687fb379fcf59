/**
 * Evicts what was not used for longest; exactly, so every hit moves its entry.
 *
 * @module
 */

import { type Arena, NOTED } from "./arena.ts";
import type { Policy } from "./policy.ts";

const LIST = 0;

/** See the top of the file. */
export class LruPolicy implements Policy {
  readonly choice = null;
  readonly isExact = true;
  readonly #arena: Arena<unknown>;

  /** An empty one over the slots of an arena. */
  constructor(arena: Arena<unknown>) {
    this.#arena = arena;
  }

  inserted(slot: number): void {
    this.#arena.link(slot, LIST);
    this.#arena.raiseFlag(slot, NOTED);
  }

  hits(slots: Int32Array, count: number): void {
    for (let at = 0; at < count; at++) this.#arena.refresh(slots[at] as number);
  }

  replaced(slot: number): void {
    this.#arena.refresh(slot);
  }

  removed(slot: number): void {
    this.#arena.unlink(slot);
  }

  reused(): void {}

  victim(): number {
    return this.#arena.lastOf(LIST);
  }

  resize(): void {}

  segmentOf(): string {
    return "lru";
  }

  curve(): [] {
    return [];
  }

  invariant(): void {}
}
