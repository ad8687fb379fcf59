/**
 * A run over baskets that grows: each instrument that comes adds all baskets of the given size that
 * hold it and instruments that came before. So with n instruments there are all baskets of them, and
 * none twice, whatever order they came in.
 *
 * At the bound of baskets it stops in the middle: baskets are those of the instruments that came
 * first. An instrument that comes later is an edge that no basket holds. Instruments that come at
 * the same time come in the order of their ids.
 *
 * A process that begins again goes through the instruments it finds once more and adds what is
 * missing: baskets that its predecessor had not come to, and also what somebody took out by hand.
 * Instruments taken out by hand come back then, and not before.
 *
 * @module
 */

import { byCodeUnits } from "./aggregator_checks.ts";
import { combinations, setIdOf } from "./generate.ts";
import type { EdgeValue } from "./run_engine.ts";

/** Where edges and sets are added: those that wait for a refresh count as there. */
export interface GrowingSets {
  /** Sets there are. */
  readonly sets: number;
  /** Whether there is such an edge. */
  hasEdge(edgeId: string): boolean;
  /** Whether there is such a set. */
  hasSet(setId: string): boolean;
  /** Adds an edge. */
  addEdge(edge: EdgeValue): void;
  /** Adds a set. */
  addSet(setId: string, members: readonly string[]): void;
}

/** The instrument whose turn it is, and what its baskets are made of. */
interface Turn {
  readonly edgeId: string;
  readonly picks: Iterator<readonly number[]>;
}

/** See the head of this file. */
export class BasketGrowth {
  readonly #size: number;
  readonly #setsMax: number;
  /** Every instrument that ever came, in this process. */
  readonly #seen = new Set<string>();
  /** Those whose turn has been, in order: what baskets of later ones are made of. */
  readonly #grown: string[] = [];
  readonly #waiting = new Map<string, number>();
  #under: Turn | null = null;

  /** Baskets of `size`, at most `setsMax`. */
  constructor({ size, setsMax }: { readonly size: number; readonly setsMax: number }) {
    this.#size = size;
    this.#setsMax = setsMax;
  }

  /** Whether there is something to add. */
  get isGrowing(): boolean {
    return this.#under !== null || this.#waiting.size > 0;
  }

  /** Whether an instrument has come before. */
  knows(edgeId: string): boolean {
    return this.#seen.has(edgeId);
  }

  /** Instruments that are there, or come now; those that were seen before are left out. */
  offer(edges: readonly EdgeValue[]): void {
    const sorted = [...edges].sort((a, b) => byCodeUnits(a.edgeId, b.edgeId));
    for (const { edgeId, value } of sorted) {
      if (this.#seen.has(edgeId)) {
        // Its turn has not come yet: the latest value counts.
        if (this.#waiting.has(edgeId)) this.#waiting.set(edgeId, value);
        continue;
      }
      this.#seen.add(edgeId);
      this.#waiting.set(edgeId, value);
    }
  }

  /** Looks at up to `budgetSets` baskets, and adds those that are not there. O(budgetSets). */
  grow(into: GrowingSets, budgetSets: number): void {
    for (let left = budgetSets; left > 0 && this.isGrowing; left--) {
      const under = this.#under ??= this.#next(into);
      if (under === null) continue;
      const picked = under.picks.next();
      if (picked.done === true || into.sets >= this.#setsMax || !into.hasEdge(under.edgeId)) {
        if (into.hasEdge(under.edgeId)) this.#grown.push(under.edgeId);
        this.#under = null;
        continue;
      }
      this.#add(into, under.edgeId, picked.value);
    }
  }

  #next(into: GrowingSets): Turn | null {
    const first = this.#waiting.entries().next().value;
    if (first === undefined) return null;
    const [edgeId, value] = first;
    this.#waiting.delete(edgeId);
    if (!into.hasEdge(edgeId)) into.addEdge({ edgeId, value });
    return { edgeId, picks: combinations(this.#grown.length, this.#size - 1) };
  }

  #add(into: GrowingSets, edgeId: string, picked: readonly number[]): void {
    const members = [edgeId, ...picked.map((at) => this.#grown[at] as string)].sort(byCodeUnits);
    const setId = setIdOf(members);
    // Somebody may have taken an instrument out meanwhile.
    if (into.hasSet(setId) || !members.every((member) => into.hasEdge(member))) return;
    into.addSet(setId, members);
  }
}
