/**
 * What scores candidate sets, and what it may say about how far a moved edge can lift a set.
 *
 * A scorer is called hundreds of thousands of times in a row, so it gets typed arrays and handles
 * of edges and returns a number. It must be a function of its arguments and of data that changes
 * only when it tells the engine (`SetEngine.touchEdge`, `SetEngine.touchAll`): the same inputs give
 * the same number, bit by bit. It may throw on a set that it cannot score; then this set has no
 * score and is reported.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import type { EdgeNames } from "./edges.ts";
import type { PairCorrelations } from "./scorer_pairs.ts";

/**
 * How far a moved edge can lift a set. With it, only sets that could be best are evaluated.
 *
 * The promise: let S be the score of a set and S′ its score after one member moved. Then S′ ≤ S ∘
 * lift, with ∘ = × for `factor` (scores are ≥ 0) or + for `addend`. It holds for the numbers as
 * computed, so the lift includes the rounding of the scorer; the engine adds its own.
 *
 * Where the scorer might throw on a set after the move, or knows nothing, the lift is Infinity:
 * the set is evaluated.
 */
export interface ScorerBound {
  /** Whether a lift is multiplied with a score or added to it. */
  readonly kind: "factor" | "addend";
  /**
   * The lift of a set of `size` members when the value of `edge` moves. A fallen edge may give a
   * lift below 1, or below 0. Called once per moved edge and size.
   */
  lift(edge: number, from: number, to: number, size: number): number;
}

/** See the head of this file. */
export interface Scorer {
  /** Its name in the registry. */
  readonly name: string;
  /** Left out when it can say nothing: then every dirty set is evaluated. */
  readonly bound?: ScorerBound;
  /**
   * Score of the set whose members are `members[from … to)`, handles into `values`; higher is
   * better. Both arrays are to be read only, and not to be kept.
   *
   * @throws {Error} when it cannot score this set. A score that is not finite counts as thrown.
   */
  score(values: Float64Array, members: Uint32Array, from: number, to: number): number;
  /** An edge was removed, its handle may be given to another: drop what is kept about it. */
  forget?(edge: number): void;
  /**
   * Takes correlations in place of those it has, if it scores with any. They go on to hold for
   * edges that are added later. Whoever calls it touches all sets.
   */
  setCorrelations?(pairs: PairCorrelations): void;
}

/** A kind of scorer by name, as runs ask for it. */
export interface ScorerKind {
  /** `product`, `mean_variance`, … */
  readonly name: string;
  /** A sentence for people. */
  readonly description: string;
  /**
   * Makes one for a run.
   *
   * @throws {RefreshError} code `scorer`, when its parameters, plain data, are not what it takes.
   */
  create(params: unknown, edges: EdgeNames): Scorer;
}

/** Most kinds in a registry: they are written by people. */
export const SCORER_KINDS_MAX = 64;

/** Kinds of scorers by name. */
export class ScorerRegistry {
  readonly #kinds = new Map<string, ScorerKind>();

  /** With these kinds. */
  constructor(kinds: readonly ScorerKind[] = []) {
    for (const kind of kinds) this.register(kind);
  }

  /** Names and descriptions, in the order in which they were registered. */
  list(): readonly { readonly name: string; readonly description: string }[] {
    return [...this.#kinds.values()].map(({ name, description }) => ({ name, description }));
  }

  /**
   * Adds a kind.
   *
   * @throws {RefreshError} code `scorer`, when it has no name of letters, digits and `_`, the name
   * is in use, or there are too many.
   */
  register(kind: ScorerKind): void {
    const { name } = kind;
    if (typeof name !== "string" || !/^[a-z][a-z0-9_]{0,63}$/.test(name)) {
      throw new RefreshError(
        "scorer",
        "Cannot register a scorer: expected a name of a-z, 0-9 and _: " +
          `current value is ${shown(name)}`,
      );
    }
    if (this.#kinds.has(name) || this.#kinds.size >= SCORER_KINDS_MAX) {
      throw new RefreshError(
        "scorer",
        `Cannot register a scorer: expected a new name and at most ${SCORER_KINDS_MAX}: ` +
          `current value is ${shown(name)} beside ${this.#kinds.size}`,
      );
    }
    this.#kinds.set(name, kind);
  }

  /**
   * Makes a scorer.
   *
   * @throws {RefreshError} code `scorer`, when there is no such kind or it refuses its parameters.
   */
  create(name: string, params: unknown, edges: EdgeNames): Scorer {
    const kind = this.#kinds.get(name);
    if (kind !== undefined) return kind.create(params, edges);
    throw new RefreshError(
      "scorer",
      `Cannot make a scorer: expected one of ${[...this.#kinds.keys()].join(", ")}: ` +
        `current value is ${shown(name)}`,
    );
  }
}
