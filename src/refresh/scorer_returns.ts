/**
 * Returns of edges by handle, as many of each, in one array.
 *
 * @module
 */

import { RefreshError } from "./error.ts";

/** Most returns of one edge: four years of trading days, or six weeks of hours. */
export const RETURNS_MAX = 1_024;
/** Least returns that have a variance. */
export const RETURNS_MIN = 2;
/** Most numbers of all edges, 512 MB. */
const CELLS_MAX = 67_108_864;
const FIRST_EDGES = 64;

/** See the head of this file. */
export class ReturnsTable {
  /** Returns of each edge, oldest first. */
  readonly length: number;
  #cells: Float64Array<ArrayBuffer>;
  #isKnown = new Uint8Array(FIRST_EDGES);

  /**
   * Of edges with `length` returns each.
   *
   * @throws {RefreshError} code `options`, when that is not from 2 to 1,024.
   */
  constructor(length: number) {
    if (!Number.isInteger(length) || length < RETURNS_MIN || length > RETURNS_MAX) {
      throw new RefreshError(
        "options",
        `Cannot keep returns: expected ${RETURNS_MIN} to ${RETURNS_MAX} of an edge: ` +
          `current value is ${length}`,
      );
    }
    this.length = length;
    this.#cells = new Float64Array(FIRST_EDGES * length);
  }

  /** All returns: those of an edge begin at handle · length. Another array after each growth. */
  get cells(): Float64Array {
    return this.#cells;
  }

  /** Whether returns of an edge are known. */
  has(edge: number): boolean {
    return this.#isKnown[edge] === 1;
  }

  /**
   * Sets the returns of an edge, as ratios (0.01 = 1 %).
   *
   * @throws {RefreshError} code `value` (another number of them, or one beyond ±1,000), `bound`.
   */
  set(edge: number, returns: ArrayLike<number>): void {
    let isRight = returns.length === this.length;
    for (let i = 0; i < returns.length && isRight; i++) {
      isRight = Math.abs(returns[i] as number) <= RETURN_ABS_MAX;
    }
    if (!isRight) {
      throw new RefreshError(
        "value",
        `Cannot set returns: expected ${this.length} numbers within ±${RETURN_ABS_MAX}: ` +
          `current value is ${returns.length} numbers`,
      );
    }
    this.#reserve(edge + 1);
    this.#cells.set(returns, edge * this.length);
    this.#isKnown[edge] = 1;
  }

  /** Drops the returns of an edge. */
  forget(edge: number): void {
    if (edge < this.#isKnown.length) this.#isKnown[edge] = 0;
  }

  #reserve(edges: number): void {
    const before = this.#isKnown.length;
    if (edges <= before) return;
    const size = Math.max(edges, 2 * before);
    if (edges * this.length > CELLS_MAX) {
      throw new RefreshError(
        "bound",
        `Cannot set returns: expected at most ${CELLS_MAX} numbers: ` +
          `current value is ${edges * this.length}`,
      );
    }
    const cells = new Float64Array(Math.min(size * this.length, CELLS_MAX));
    cells.set(this.#cells);
    const isKnown = new Uint8Array(size);
    isKnown.set(this.#isKnown);
    this.#cells = cells;
    this.#isKnown = isKnown;
  }
}

/** Largest return or value: a thousandfold. Keeps squares and sums far from overflow. */
export const RETURN_ABS_MAX = 1_000;
