/**
 * A mean-variance score of an equally weighted basket over returns:
 *
 * ```
 * S = 1/k Σ vᵢ − λ/2 · Var(b)      b_t = 1/k Σ r_{i,t}, Var with n − 1
 * ```
 *
 * vᵢ is the value of edge i: its expected return for the next bar as a ratio; r are its last n
 * returns. The variance is that of the basket's own returns, which holds every covariance without a
 * matrix of them. H. Markowitz, Portfolio Selection, Journal of Finance 7(1), 1952; as a utility
 * with risk aversion λ: R. Grinold and R. Kahn, Active Portfolio Management, 2000, chapter 4.
 *
 * - values and returns within ±1,000; else, and for an edge without returns, it throws
 * - λ (`riskAversion`) from 0 to 1,000,000, 1 by default
 *
 * Cost: (members + 2) · n additions. Bound: the variance does not move with values, and the mean
 * moves by (to − from) / k.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import type { EdgeNames } from "./edges.ts";
import { MEMBERS_MAX } from "./candidate_sets.ts";
import type { Scorer, ScorerBound, ScorerKind } from "./scorer.ts";
import { edgeOf, numberIn, paramsOf, refuse } from "./scorer_params.ts";
import { RETURN_ABS_MAX, ReturnsTable } from "./scorer_returns.ts";

/** Options of a {@linkcode MeanVarianceScorer}. */
export interface MeanVarianceOptions {
  /** λ, from 0 (the mean alone) to 1,000,000. */
  readonly riskAversion?: number;
}

/**
 * Rounding of two means of up to 64 values within ±1,000, and of a difference: at most
 * 2 · 64 · 1,000 · 2^-53 + 2 · 1,000 · 2^-53 < 2^-35.
 */
const ROUNDING = 2 ** -35;

/** See the head of this file. */
export class MeanVarianceScorer implements Scorer {
  /** Name of its kind. */
  readonly name = "mean_variance";
  /** See {@linkcode ScorerBound}. */
  readonly bound: ScorerBound = {
    kind: "addend",
    lift: (_edge, from, to, size) =>
      Math.abs(to) <= RETURN_ABS_MAX && size <= MEMBERS_MAX
        ? (to - from) / size + ROUNDING
        : Infinity,
  };
  readonly #returns: ReturnsTable;
  readonly #riskAversion: number;
  readonly #basket: Float64Array;

  /**
   * Over returns by handle; whoever changes them touches the edge.
   *
   * @throws {RefreshError} code `scorer`, when an option is out of its range.
   */
  constructor(returns: ReturnsTable, options: MeanVarianceOptions = {}) {
    const range = { min: 0, max: 1_000_000, usual: 1 };
    this.#returns = returns;
    this.#riskAversion = numberIn(this.name, "riskAversion", options.riskAversion, range);
    this.#basket = new Float64Array(returns.length);
  }

  /** See {@linkcode Scorer}. */
  score(values: Float64Array, members: Uint32Array, from: number, to: number): number {
    const returns = this.#returns, basket = this.#basket;
    const { cells, length } = returns;
    let sum = 0;
    basket.fill(0);
    for (let i = from; i < to; i++) {
      const edge = members[i] as number, value = values[edge] as number;
      if (!(Math.abs(value) <= RETURN_ABS_MAX) || !returns.has(edge)) throw unscored(value);
      sum += value;
      addRow(basket, cells, edge * length);
    }
    const size = to - from;
    return sum / size - this.#riskAversion / 2 * varianceOf(basket) / (size * size);
  }

  /** See {@linkcode Scorer}. */
  forget(edge: number): void {
    this.#returns.forget(edge);
  }
}

/**
 * Mean-variance scorers by name. Parameters: those of {@linkcode MeanVarianceOptions}, and
 * `returns`, an object of lists of returns by id of edge, all as long.
 */
export const MEAN_VARIANCE_KIND: ScorerKind = {
  name: "mean_variance",
  description: "Mean of values less the variance of the basket's returns times a risk aversion",
  create(params: unknown, edges: EdgeNames): MeanVarianceScorer {
    const name = "mean_variance";
    const { returns, ...rest } = paramsOf(name, params, ["riskAversion", "returns"]);
    if (typeof returns !== "object" || returns === null) refuse(name, "returns by edge", returns);
    const entries = Object.entries(returns);
    const first: unknown = entries[0]?.[1];
    if (!Array.isArray(first)) refuse(name, "a list of returns of each edge", first);
    const table = new ReturnsTable(first.length);
    for (const [id, list] of entries) {
      const isList = Array.isArray(list) && list.every((value) => typeof value === "number");
      if (!isList) refuse(name, `a list of returns of edge ${id}`, list);
      table.set(edgeOf(name, edges, id), list);
    }
    return new MeanVarianceScorer(table, rest);
  },
};

/** Adds a row of `cells` to `sums`. */
function addRow(sums: Float64Array, cells: Float64Array, start: number): void {
  const length = sums.length, fours = length & ~3;
  for (let t = 0, at = start; t < fours; t += 4, at += 4) {
    sums[t] = (sums[t] as number) + (cells[at] as number);
    sums[t + 1] = (sums[t + 1] as number) + (cells[at + 1] as number);
    sums[t + 2] = (sums[t + 2] as number) + (cells[at + 2] as number);
    sums[t + 3] = (sums[t + 3] as number) + (cells[at + 3] as number);
  }
  for (let t = fours; t < length; t++) {
    sums[t] = (sums[t] as number) + (cells[start + t] as number);
  }
}

/** Sample variance in two passes, each in four sums that do not wait for each other. */
function varianceOf(values: Float64Array): number {
  const n = values.length, fours = n & ~3;
  let a = 0, b = 0, c = 0, d = 0;
  for (let t = 0; t < fours; t += 4) {
    a += values[t] as number;
    b += values[t + 1] as number;
    c += values[t + 2] as number;
    d += values[t + 3] as number;
  }
  for (let t = fours; t < n; t++) a += values[t] as number;
  const mean = (a + b + (c + d)) / n;
  a =
    b =
    c =
    d =
      0;
  for (let t = 0; t < fours; t += 4) {
    const e = (values[t] as number) - mean, f = (values[t + 1] as number) - mean;
    const g = (values[t + 2] as number) - mean, h = (values[t + 3] as number) - mean;
    a += e * e;
    b += f * f;
    c += g * g;
    d += h * h;
  }
  for (let t = fours; t < n; t++) a += ((values[t] as number) - mean) ** 2;
  return (a + b + (c + d)) / (n - 1);
}

function unscored(value: number): RefreshError {
  return new RefreshError(
    "value",
    `Cannot score a basket: expected values within ±${RETURN_ABS_MAX} of edges with returns: ` +
      `current value is ${shown(value)}`,
  );
}
