/**
 * Recency in steps of frequency: S4LRU (Q. Huang, K. Birman, R. van Renesse, W. Lloyd, S. Kumar, H.
 * Li, "An Analysis of Facebook Photo Caching", SOSP 2013).
 *
 * Four LRU lists of a quarter each. An entry begins in the lowest and every hit takes it to the
 * front of the next one; what a list has too many falls to the front of the one below, and from the
 * lowest it leaves.
 *
 * @module
 */

import { type Arena, NOTED } from "./arena.ts";
import type { Policy } from "./policy.ts";

/** Lists, the lowest first. */
export const STEPS = 4;

/** See the top of the file. */
export class HybridPolicy implements Policy {
  readonly choice = null;
  readonly isExact = true;
  readonly #arena: Arena<unknown>;

  /** An empty one over the slots of an arena. */
  constructor(arena: Arena<unknown>) {
    this.#arena = arena;
  }

  inserted(slot: number): void {
    this.#arena.link(slot, 0);
    this.#arena.raiseFlag(slot, NOTED);
  }

  hits(slots: Int32Array, count: number): void {
    for (let at = 0; at < count; at++) this.#raise(slots[at] as number);
  }

  #raise(slot: number): void {
    const arena = this.#arena;
    const step = arena.listOf(slot);
    if (step === STEPS - 1) return arena.refresh(slot);
    arena.unlink(slot);
    arena.link(slot, step + 1);
    this.#settle(step + 1);
  }

  /** Lets what a list above the lowest has too many fall, from `top` downwards. */
  #settle(top: number): void {
    const arena = this.#arena;
    const { counts } = arena;
    let entries = 0;
    for (let step = 0; step < STEPS; step++) entries += counts[step] as number;
    const quarter = Math.max(1, Math.floor(entries / STEPS));
    for (let step = top; step > 0; step--) {
      while ((counts[step] as number) > quarter) {
        const last = arena.lastOf(step);
        arena.unlink(last);
        arena.link(last, step - 1);
      }
    }
  }

  replaced(): void {}

  removed(slot: number): void {
    this.#arena.unlink(slot);
  }

  reused(): void {}

  victim(): number {
    for (let step = 0; step < STEPS; step++) {
      const last = this.#arena.lastOf(step);
      if (last >= 0) return last;
    }
    return -1;
  }

  resize(): void {}

  segmentOf(slot: number): string {
    return `step ${this.#arena.listOf(slot)}`;
  }

  curve(): [] {
    return [];
  }

  invariant(): void {}
}
