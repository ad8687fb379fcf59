/**
 * What must happen on one node at a time: a duty has a name, and belongs to whoever owns the partition
 * of that name. So duties move as partitions do, and are spread as evenly.
 *
 * A duty is a reason to begin something, not a right: for a moment after a pause two nodes may believe
 * that they have it. What is written while it is done must be safe by itself, as a commit is.
 *
 * @module
 */

import { partitionOf } from "../../market/partition.ts";

/** The duties of this process. */
export interface Duties {
  /** Whether this process has the duty now. */
  owns(name: string): boolean;
  /**
   * Calls `listener` after duties came or went, with no word of which; returns the end of that.
   * Listeners are called one after the other, and must not throw.
   */
  watch(listener: () => void): () => void;
}

/** Every duty, for ever: those of a process that is alone. */
export const ALL_DUTIES: Duties = { owns: () => true, watch: () => () => {} };

/** Duties that follow the partitions of this node. */
export class NodeDuties implements Duties {
  #partitions: ReadonlySet<number> = new Set();
  readonly #listeners = new Set<() => void>();

  owns(name: string): boolean {
    return this.#partitions.has(partitionOf(name));
  }

  watch(listener: () => void): () => void {
    // One function may watch twice, and each end ends one.
    const once = () => listener();
    this.#listeners.add(once);
    return () => void this.#listeners.delete(once);
  }

  /** The partitions whose duties are this node's from now on. */
  set(partitions: ReadonlySet<number>): void {
    const before = this.#partitions;
    if (before.size === partitions.size && [...partitions].every((p) => before.has(p))) return;
    this.#partitions = new Set(partitions);
    for (const listener of [...this.#listeners]) listener();
  }
}
