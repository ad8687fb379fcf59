/**
 * A full rebuild: every set is scored in a plain loop over plain arrays, and nothing is kept. Also
 * the twin that exactness is held against: it knows nothing of indices, bits, blocks or bounds.
 *
 * @module
 */

import type { Scorer } from "../../src/refresh/scorer.ts";
import type { Best, World } from "../refresh/world.ts";

/** See the head of this file. */
export class FullRebuild {
  readonly name = "full rebuild";
  readonly values: Float64Array;
  readonly setIds: string[];
  readonly #scorer: Scorer;
  readonly #size: number;
  #members: Uint32Array;

  constructor(world: World, scorer: Scorer) {
    this.#scorer = scorer;
    this.#size = world.size;
    this.values = Float64Array.from(world.values);
    this.setIds = [...world.setIds];
    // Room for sets that are added.
    this.#members = new Uint32Array(2 * world.members.length);
    this.#members.set(world.members);
  }

  /** Scores all sets. */
  best(): Best | null {
    const { setIds, values } = this, scorer = this.#scorer, members = this.#members;
    const size = this.#size, count = setIds.length;
    let best = -1, bestScore = -Infinity;
    for (let set = 0; set < count; set++) {
      const score = scorer.score(values, members, set * size, (set + 1) * size);
      const isAhead = score > bestScore ||
        (score === bestScore && (setIds[set] as string) < (setIds[best] as string));
      if (isAhead) {
        best = set;
        bestScore = score;
      }
    }
    return best < 0 ? null : { setId: setIds[best] as string, score: bestScore };
  }

  /** Sets that hold an edge whose flag is set, or that `isNew`. */
  dirtyCount(isMoved: Uint8Array, isNew: (setId: string) => boolean): number {
    const size = this.#size, members = this.#members;
    let count = 0;
    for (let set = 0; set < this.setIds.length; set++) {
      let isDirty = 0;
      for (let i = set * size; i < (set + 1) * size; i++) {
        isDirty |= isMoved[members[i] as number] ?? 0;
      }
      if (isDirty === 1 || isNew(this.setIds[set] as string)) count++;
    }
    return count;
  }

  /** Adds a set of edges by handle. */
  add(setId: string, edges: readonly number[]): void {
    this.#members.set(edges, this.setIds.length * this.#size);
    this.setIds.push(setId);
  }

  /** Removes the set at a place; the last one moves there. */
  removeAt(at: number): string {
    const setId = this.setIds[at] as string, last = this.setIds.length - 1, size = this.#size;
    this.#members.copyWithin(at * size, last * size, (last + 1) * size);
    this.setIds[at] = this.setIds[last] as string;
    this.setIds.pop();
    return setId;
  }
}
