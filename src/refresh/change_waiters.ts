/**
 * Who waits to learn which clusters their changes set off.
 *
 * @module
 */

import type { ImpactedCluster, RecordedChanges } from "./aggregator_types.ts";
import type { ChangesTaken } from "./service_types.ts";

/** Most who wait: each is a message that is not answered yet. */
export const CHANGE_WAITERS_MAX = 4_096;

/** Most edges that all of them named: some 10 MB. */
export const WAITED_EDGES_MAX = 200_000;

interface Waiter {
  readonly recorded: RecordedChanges;
  readonly edgeIds: readonly string[];
  readonly reply: (taken: ChangesTaken) => void;
}

/** See the top of the file. Until the next tick; there is one every few milliseconds. */
export class ChangeWaiters {
  #waiters: Waiter[] = [];
  #edges = 0;

  /** Who waits. */
  get size(): number {
    return this.#waiters.length;
  }

  /**
   * Whether somebody with so many changes can wait. One who cannot is answered at once, with what was
   * recorded and no clusters: the changes count all the same.
   */
  hasRoom(changes: number): boolean {
    return this.#waiters.length < CHANGE_WAITERS_MAX && this.#edges + changes <= WAITED_EDGES_MAX;
  }

  /** Somebody waits for the tick that takes these edges' changes. */
  add(waiter: Waiter): void {
    this.#waiters.push(waiter);
    this.#edges += waiter.edgeIds.length;
  }

  /** Answers all, each with those clusters that hold one of its edges. O(members + edges). */
  settle(impacted: readonly ImpactedCluster[]): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#edges = 0;
    const clusterOf = new Map<string, number>();
    impacted.forEach(({ members }, at) => {
      for (const member of members) clusterOf.set(member, at);
    });
    for (const { recorded, edgeIds, reply } of waiters) {
      const hit = new Set<number>();
      for (const edgeId of edgeIds) {
        const at = clusterOf.get(edgeId);
        if (at !== undefined) hit.add(at);
      }
      const own = impacted.filter((_, at) => hit.has(at))
        .map(({ id, members, impact }) => ({ id, members, impact }));
      reply({ ...recorded, impacted: own });
    }
  }
}
