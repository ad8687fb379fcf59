/**
 * A product score with a pairwise correlation penalty:
 *
 * ```
 * S = Π vᵢ · Π (1 − λ ρᵢⱼ²)      over members i, and over pairs i < j
 * ```
 *
 * The first factor is the multiplication rule for independent events (A. Kolmogorov, 1933): of
 * chances, of odds, of growth factors. The second discounts what is not independent: for two
 * members and λ = 1 it is the determinant of their correlation matrix, the generalised variance of
 * S. Wilks (Biometrika 24, 1932); for more it is the product over pairs, which is no determinant
 * but stays from 0 to 1 whatever pairs are known. The combination is this project's.
 *
 * - values: 0, or between 2^-b and 2^b with b = ⌊960 / members⌋, so that no product leaves the
 *   range of doubles (5 members: 10^±57); else it throws
 * - λ (`penaltyRatio`) from 0 to 1, 0.5 by default
 * - a pair whose correlation is unknown is taken to have `unknownCorrelation`, 0 by default
 *
 * Cost: members²/2 look-ups. Bound: S is proportional to each value, so a move lifts it by to/from.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import type { EdgeNames } from "./edges.ts";
import { MEMBERS_MAX } from "./candidate_sets.ts";
import type { Scorer, ScorerBound, ScorerKind } from "./scorer.ts";
import { type PairCorrelations, PairTable } from "./scorer_pairs.ts";
import { edgeOf, numberIn, paramsOf, refuse } from "./scorer_params.ts";

/** Options of a {@linkcode ProductScorer}. */
export interface ProductOptions {
  /** λ, from 0 (no penalty) to 1. */
  readonly penaltyRatio?: number;
  /** Taken for a pair whose correlation is unknown, from -1 to 1. */
  readonly unknownCorrelation?: number;
}

/**
 * What a lift is larger than to/from: two scores of up to 64 members each round at most 65 times
 * by 2^-53, a quotient once more.
 */
const ROUNDING = 1 + 2 ** -45;
/** Sum of the binary exponents of all members: 64 below the range of normal doubles. */
const EXPONENT_MAX = 960;

/** Least and largest value, by number of members. */
const LEAST = Float64Array.from({ length: MEMBERS_MAX + 1 }, (_, n) => 1 / largest(n));
const LARGEST = Float64Array.from({ length: MEMBERS_MAX + 1 }, (_, n) => largest(n));

/** See the head of this file. */
export class ProductScorer implements Scorer {
  /** Name of its kind. */
  readonly name = "product";
  /** See {@linkcode ScorerBound}. */
  readonly bound: ScorerBound = {
    kind: "factor",
    lift: (_edge, from, to, size) =>
      isInRange(to, size) && from > 0 ? to / from * ROUNDING : Infinity,
  };
  #pairs: PairCorrelations;
  readonly #penaltyRatio: number;
  readonly #unknown: number;

  /**
   * With correlations by handle; whoever changes them touches edges or all sets of the engine.
   *
   * @throws {RefreshError} code `scorer`, when an option is out of its range.
   */
  constructor(
    pairs: PairCorrelations,
    options: ProductOptions = {},
  ) {
    const penalty = { min: 0, max: 1, usual: 0.5 }, unknown = { min: -1, max: 1, usual: 0 };
    this.#pairs = pairs;
    this.#penaltyRatio = numberIn(this.name, "penaltyRatio", options.penaltyRatio, penalty);
    const rho = numberIn(this.name, "unknownCorrelation", options.unknownCorrelation, unknown);
    this.#unknown = 1 - this.#penaltyRatio * rho * rho;
  }

  /** See {@linkcode Scorer}. */
  score(values: Float64Array, members: Uint32Array, from: number, to: number): number {
    const pairs = this.#pairs, penaltyRatio = this.#penaltyRatio, size = to - from;
    let product = 1, penalty = 1;
    for (let i = from; i < to; i++) {
      const edge = members[i] as number, value = values[edge] as number;
      if (!isInRange(value, size)) throw outOfRange(value, size);
      product *= value;
      for (let j = from; j < i; j++) {
        const rho = pairs.of(edge, members[j] as number);
        penalty *= rho === rho ? 1 - penaltyRatio * rho * rho : this.#unknown;
      }
    }
    // The penalty stays apart: it does not move with values, so neither does its rounding.
    return product * penalty;
  }

  /** See {@linkcode Scorer}. */
  forget(edge: number): void {
    this.#pairs.forget?.(edge);
  }

  /** See {@linkcode Scorer}. */
  setCorrelations(pairs: PairCorrelations): void {
    this.#pairs = pairs;
  }
}

/**
 * Product scorers by name. Parameters: those of {@linkcode ProductOptions}, and `correlations`, a
 * list of `[edgeId, edgeId, correlation]`.
 */
export const PRODUCT_KIND: ScorerKind = {
  name: "product",
  description: "Product of values, each pair discounted by the square of its correlation",
  create(params: unknown, edges: EdgeNames): ProductScorer {
    const names = ["penaltyRatio", "unknownCorrelation", "correlations"];
    const { correlations, ...rest } = paramsOf("product", params, names);
    const table = new PairTable();
    if (correlations !== undefined) {
      if (!Array.isArray(correlations)) refuse("product", "a list of correlations", correlations);
      for (const entry of correlations) {
        if (!Array.isArray(entry) || entry.length !== 3 || typeof entry[2] !== "number") {
          refuse("product", "correlations as [edgeId, edgeId, number]", entry);
        }
        const [a, b, rho] = entry;
        table.set(edgeOf("product", edges, a), edgeOf("product", edges, b), rho);
      }
    }
    return new ProductScorer(table, rest);
  },
};

function largest(members: number): number {
  return members === 0 ? 1 : 2 ** Math.floor(EXPONENT_MAX / members);
}

const isInRange = (value: number, size: number) =>
  value === 0 || (value >= (LEAST[size] as number) && value <= (LARGEST[size] as number));

function outOfRange(value: number, size: number): RefreshError {
  const range = `${LEAST[size]} to ${LARGEST[size]}`;
  return new RefreshError(
    "value",
    `Cannot score a product: expected values of 0 or ${range}: current value is ${shown(value)}`,
  );
}
