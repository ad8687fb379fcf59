/**
 * A full rebuild: every set is scored in a plain loop over plain arrays, and nothing is kept. Also a
 * twin that exactness is held against: it knows nothing of indices, bits, blocks or bounds.
 *
 * @module
 */

import type { Scorer } from "../../src/refresh/scorer.ts";
import type { Best, World } from "../refresh/world.ts";

/** As in the engine: a loop that is entered often is compiled better than one that runs long. */
const CHUNK = 256;

/** See the head of this file. */
export class FullRebuild {
  readonly name = "full rebuild";
  readonly values: Float64Array;
  readonly setIds: string[];
  /** `size` edges of each set, by number, in the order of `setIds`; room for more behind them. */
  readonly members: Uint32Array;
  /** Members of a set. */
  readonly size: number;
  readonly #scorer: Scorer;
  #at = 0;
  #best = -1;
  #bestScore = -Infinity;

  constructor(world: World, scorer: Scorer) {
    this.#scorer = scorer;
    this.size = world.size;
    this.values = Float64Array.from(world.values);
    this.setIds = [...world.setIds];
    this.members = new Uint32Array(2 * world.members.length);
    this.members.set(world.members);
  }

  /** Scores all sets. */
  best(): Best | null {
    this.begin();
    this.step(this.setIds.length);
    return this.found;
  }

  /** Begins anew. */
  begin(): void {
    this.#at = 0;
    this.#best = -1;
    this.#bestScore = -Infinity;
  }

  /** Scores the next `sets` sets. */
  step(sets: number): void {
    for (let left = sets; left > 0; left -= CHUNK) this.#chunk(Math.min(CHUNK, left));
  }

  #chunk(sets: number): void {
    const { setIds, values, members, size } = this, scorer = this.#scorer;
    const end = Math.min(setIds.length, this.#at + sets);
    let best = this.#best, bestScore = this.#bestScore;
    for (let set = this.#at; set < end; set++) {
      const score = scorer.score(values, members, set * size, (set + 1) * size);
      const isAhead = score > bestScore ||
        (score === bestScore && (setIds[set] as string) < (setIds[best] as string));
      if (isAhead) {
        best = set;
        bestScore = score;
      }
    }
    this.#at = end;
    this.#best = best;
    this.#bestScore = bestScore;
  }

  /** The best of those scored since it began. */
  get found(): Best | null {
    if (this.#best < 0) return null;
    return { setId: this.setIds[this.#best] as string, score: this.#bestScore };
  }

  /** Adds a set of edges by number. */
  add(setId: string, edges: readonly number[]): void {
    this.members.set(edges, this.setIds.length * this.size);
    this.setIds.push(setId);
  }

  /** Removes the set at a place; the last one moves there. */
  removeAt(at: number): string {
    const { setIds, size } = this, setId = setIds[at] as string, last = setIds.length - 1;
    this.members.copyWithin(at * size, last * size, (last + 1) * size);
    setIds[at] = setIds[last] as string;
    setIds.pop();
    return setId;
  }
}
