/**
 * Values that came in one call and are to be seen all at once, though each comes by itself: the first
 * ones wait for the last, and then all are put in within one turn, in every shard. So nobody ever
 * reads some of the new values beside some of the old ones.
 *
 * In one process they come within the same turn and nobody waits. One that never comes, as its load
 * was given up meanwhile or its shard died, holds the others up for {@linkcode TOGETHER_WAIT_MS}.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import type { LoadedTogether } from "./types.ts";

/** Longest wait for the last of a group, ms: hardly to be noticed after a call of 150 ms. */
export const TOGETHER_WAIT_MS = 50;

/** Groups that wait at a time; more are put in as they come. */
export const GROUPS_MAX = 1_024;

interface Group {
  readonly lands: (() => void)[];
  readonly cancel: Cancel;
}

/** See the head of this file; one for all shards of an isolate. All is O(1). */
export class LoadGroups {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Group>();
  /** Groups that did not come whole. */
  broken = 0;

  /** Nothing waits. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Groups that wait for their last. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * One of a group has come; `land` puts it in, at once with all others when it is the last.
   *
   * @param land Must not throw.
   */
  arrived({ id, size }: LoadedTogether, land: () => void): void {
    const known = this.#waiting.get(id);
    if (size <= 1 || (known === undefined && this.#waiting.size >= GROUPS_MAX)) return land();
    const group = known ?? this.#begin(id);
    group.lands.push(land);
    if (group.lands.length >= size) this.#land(id, group);
  }

  #begin(id: number): Group {
    const cancel = this.#clock.setTimer(TOGETHER_WAIT_MS, () => {
      this.broken++;
      this.#land(id, group);
    });
    const group: Group = { lands: [], cancel };
    this.#waiting.set(id, group);
    return group;
  }

  #land(id: number, { lands, cancel }: Group): void {
    cancel();
    this.#waiting.delete(id);
    for (const land of lands) land();
  }
}
