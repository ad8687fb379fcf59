/**
 * Sets and edges that come and go while refreshes are checked, the same for every side.
 *
 * @module
 */

import type { SetEngine } from "../../src/refresh/evaluate.ts";
import type { FullRebuild } from "../rivals/refresh_full.ts";
import type { Oracle } from "./oracle.ts";
import type { Scored } from "./scored.ts";
import { type Best, drawMembers, type World } from "./world.ts";

const SETS_MAX = 8;
/** One turn in so many replaces an edge, with all sets that hold it. */
const EDGE_EVERY = 16;

/** Everyone who must be told. */
export interface ChurnSides {
  readonly world: World;
  readonly scored: Scored;
  readonly twin: FullRebuild;
  readonly oracle: Oracle;
  readonly engines: readonly SetEngine[];
}

/** Adds and removes; some of the sets have the members of another, and so its score. */
export class Churn {
  added = 0;
  removed = 0;
  edgesReplaced = 0;
  readonly #sides: ChurnSides;
  /** Sets that were added with the members of another one. */
  readonly #twins = new Set<string>();

  constructor(sides: ChurnSides) {
    this.#sides = sides;
  }

  /** One turn; `last` is the best set so far. */
  turn(round: number, last: Best | null): void {
    const { world: { random, edgeIds }, twin } = this.#sides;
    if (round % EDGE_EVERY === EDGE_EVERY / 2) this.#replaceEdge(round);
    const count = Math.floor(random.next() * SETS_MAX);
    for (let i = 0; i < count; i++) this.#remove(Math.floor(random.next() * twin.setIds.length));
    const equal = round % 2 === 0 ? this.#membersOf(last) : null;
    for (let i = 0; i < count; i++) {
      const isEqual = i === 0 && equal !== null;
      // A lower or a higher id than most, so that ties are won and lost.
      const setId = `${random.next() < 0.5 ? "r" : "t"}${round}_${i}`;
      this.#add(setId, isEqual ? equal : drawMembers(random, edgeIds.length));
      if (isEqual) this.#twins.add(setId);
    }
  }

  /** Whether it was made equal to the best set of its time. */
  hasTwin(setId: string): boolean {
    return this.#twins.has(setId);
  }

  #add(setId: string, edges: readonly number[]): void {
    const { world, twin, oracle, engines } = this.#sides;
    twin.add(setId, edges);
    oracle.came(twin.setIds.length - 1);
    const members = edges.map((edge) => world.edgeIds[edge] as string);
    for (const engine of engines) engine.addSet(setId, members);
    this.added++;
  }

  #remove(at: number): void {
    const { twin, oracle, engines } = this.#sides;
    const setId = twin.removeAt(at);
    oracle.went(at, twin.setIds.length);
    for (const engine of engines) engine.removeSet(setId);
    this.#twins.delete(setId);
    this.removed++;
  }

  /** An edge goes with its sets, another one gets its number, and as many sets that hold it. */
  #replaceEdge(round: number): void {
    const { world: { random, edgeIds }, scored, twin, engines } = this.#sides;
    const edge = Math.floor(random.next() * edgeIds.length), { members, size } = twin;
    let gone = 0;
    // The last set takes the place of one that goes, so the last ones go first.
    for (let at = twin.setIds.length - 1; at >= 0; at--) {
      if (!members.subarray(at * size, (at + 1) * size).includes(edge)) continue;
      this.#remove(at);
      gone++;
    }
    const before = edgeIds[edge] as string, edgeId = `f${round}`, value = 0.5 + random.next();
    for (const engine of engines) {
      engine.removeEdge(before);
      engine.addEdge(edgeId, value);
      if (engine.edgeNames.handleOf(edgeId) !== edge) {
        throw new Error(`Cannot go on: expected edge ${edgeId} to have number ${edge}`);
      }
    }
    // What was known of the edge before is forgotten by now.
    scored.renew(edge);
    twin.values[edge] = value;
    edgeIds[edge] = edgeId;
    for (let i = 0; i < gone; i++) {
      const others = drawMembers(random, edgeIds.length).filter((other) => other !== edge);
      this.#add(`q${round}_${i}`, [edge, ...others.slice(0, size - 1)]);
    }
    this.edgesReplaced++;
  }

  #membersOf(best: Best | null): number[] | null {
    const { engines: [engine] } = this.#sides;
    if (best === null || engine === undefined || !engine.hasSet(best.setId)) return null;
    return engine.membersOf(best.setId).map((id) => engine.edgeNames.handleOf(id) as number);
  }
}
