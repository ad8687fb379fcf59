/**
 * Correlations by id as a scorer wants them: by handle of the edges of its run. Nothing is copied:
 * an edge's place among the correlations is looked up by its id when it is first asked for, so that
 * edges that are added later have theirs, too.
 *
 * @module
 */

import type { Correlations } from "./correlation.ts";
import type { EdgeNames } from "./edges.ts";
import type { PairCorrelations } from "./scorer_pairs.ts";

const FIRST_SIZE = 64;
const NOT_ASKED = -2;
const UNKNOWN = -1;

/** See the head of this file. */
export class NamedCorrelations implements PairCorrelations {
  readonly #correlations: Correlations;
  readonly #edges: EdgeNames;
  /** Places among the correlations, by handle. */
  #places = new Int32Array(FIRST_SIZE).fill(NOT_ASKED);

  /** `correlations` of the edges of a run. */
  constructor(correlations: Correlations, edges: EdgeNames) {
    this.#correlations = correlations;
    this.#edges = edges;
  }

  /** See {@linkcode PairCorrelations}. O(1), or O(log known) where few pairs are known. */
  of(a: number, b: number): number {
    const i = this.#placeOf(a), j = this.#placeOf(b);
    return i === UNKNOWN || j === UNKNOWN ? NaN : this.#correlations.at(i, j);
  }

  /** See {@linkcode PairCorrelations}. O(1). */
  forget(edge: number): void {
    if (edge < this.#places.length) this.#places[edge] = NOT_ASKED;
  }

  #placeOf(edge: number): number {
    const place = this.#places[edge] ?? NOT_ASKED;
    if (place !== NOT_ASKED) return place;
    if (edge >= this.#places.length) {
      const grown = new Int32Array(Math.max(2 * this.#places.length, edge + 1)).fill(NOT_ASKED);
      grown.set(this.#places);
      this.#places = grown;
    }
    const found = this.#correlations.handleOf(this.#edges.idOf(edge)) ?? UNKNOWN;
    this.#places[edge] = found;
    return found;
  }
}
