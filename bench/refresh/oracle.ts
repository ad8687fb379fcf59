/**
 * The best set by brute force, fast enough to be asked after every refresh: all sets, in one loop,
 * with the part of each score that does not move with values worked out once, when a set comes.
 * Shares no code with scorers and engines; of values it knows what it was told.
 *
 * @module
 */

import type { Scored } from "./scored.ts";
import type { Best, World } from "./world.ts";

/** What brute force looks at: sets and values, as `FullRebuild` keeps them. */
export interface OracleInputs {
  readonly values: Float64Array;
  readonly setIds: readonly string[];
  /** `size` edges of each set, by number. */
  readonly members: Uint32Array;
  readonly size: number;
}

/** See the head of this file. */
export class Oracle {
  readonly #inputs: OracleInputs;
  readonly #scored: Scored;
  /** By place of a set: the part of its score that does not move with values. */
  readonly #rests: Float64Array;
  /** By place: 1 if the set came since the last look. */
  readonly #isNew: Uint8Array;

  /** Over the sets and values of `inputs`, which are those of the world. */
  constructor({ setIds, members, size }: World, inputs: OracleInputs, scored: Scored) {
    this.#inputs = inputs;
    this.#scored = scored;
    const room = inputs.members.length / size;
    this.#rests = new Float64Array(room);
    this.#isNew = new Uint8Array(room);
    for (let set = 0; set < setIds.length; set++) {
      this.#rests[set] = scored.restOf(members.subarray(set * size, (set + 1) * size));
    }
  }

  /** The inputs have a new set, at this place. */
  came(at: number): void {
    const { members, size } = this.#inputs;
    this.#rests[at] = this.#scored.restOf(members.subarray(at * size, (at + 1) * size));
    this.#isNew[at] = 1;
  }

  /** The set at a place went, and the last one has its place; tells how many are left. */
  went(at: number, left: number): void {
    this.#rests[at] = this.#rests[left] as number;
    this.#isNew[at] = this.#isNew[left] as number;
    this.#isNew[left] = 0;
  }

  /** The best of all sets: the highest score, of equal ones the lowest id. */
  best(): Best | null {
    const { values, setIds, members, size } = this.#inputs, rests = this.#rests;
    const isProduct = this.#scored.form === "product";
    let best = -1, bestScore = -Infinity;
    for (let set = 0, at = 0; set < setIds.length; set++) {
      let score = values[members[at++] as number] as number;
      const end = at + size - 1;
      if (isProduct) {
        while (at < end) score *= values[members[at++] as number] as number;
        score *= rests[set] as number;
      } else {
        while (at < end) score += values[members[at++] as number] as number;
        score = score / size - (rests[set] as number);
      }
      if (score < bestScore) continue;
      if (score === bestScore && (setIds[set] as string) >= (setIds[best] as string)) continue;
      best = set;
      bestScore = score;
    }
    return best < 0 ? null : { setId: setIds[best] as string, score: bestScore };
  }

  /** Sets that came since the last look, or hold an edge whose flag is set; forgets who came. */
  dirtyCount(isMoved: Uint8Array): number {
    const { setIds, members, size } = this.#inputs, isNew = this.#isNew;
    let count = 0;
    for (let set = 0, at = 0; set < setIds.length; set++) {
      let isDirty = isNew[set] as number;
      for (const end = at + size; at < end; at++) isDirty |= isMoved[members[at] as number] ?? 0;
      count += isDirty;
    }
    isNew.fill(0);
    return count;
  }
}
