/**
 * Lazy evaluation: only sets that could be best are evaluated, and the best is exact all the same.
 *
 * Each set has a key: its score, or, when members moved since, an upper bound of it. A moved edge
 * multiplies the keys of its sets by a lift, or adds it, which costs some nanoseconds where a score
 * costs microseconds. Then, as the lazy greedy algorithm of M. Minoux (Accelerated greedy
 * algorithms, 1978) does: take the set with the highest key; if its key is its score, no other can
 * be better, as no score exceeds its key; else evaluate it, and again.
 *
 * Ties: of equal keys the lowest id is ahead. So when a score is ahead, whoever has an equal key has
 * a higher id, and would lose the tie even if it turned out to have that score.
 *
 * Sets of which nothing is known (new, failed, touched, an infinite lift) are swept first. Sets that
 * are skipped stay stale, and count as skipped in each refresh that skips them.
 *
 * @module
 */

import { NO_KEY } from "./blocks.ts";
import { type CandidateSets, MEMBERS_MAX } from "./candidate_sets.ts";
import type { Edges } from "./edges.ts";
import type { SetScores, Tally } from "./evaluate_scores.ts";
import { bestOf, Sweep, type Work } from "./evaluate_work.ts";
import type { InvertedIndex } from "./inverted_index.ts";
import type { ScoredSet } from "./run_engine.ts";
import type { ScorerBound } from "./scorer.ts";

/** Relative rounding of one product or sum of a key and a lift, and of this correction. */
const ROUNDING = 2 ** -50;
/** Below it a product of doubles may have lost its relative precision: nothing is known. */
const FACTOR_KEY_MIN = 1e-280;

/** Turns moves of edges into bounds of the sets that hold them. */
export class Lifts {
  readonly #bound: ScorerBound;
  readonly #edges: Edges;
  readonly #sets: CandidateSets;
  readonly #index: InvertedIndex;
  readonly #scores: SetScores;
  /** Lift of the edge at hand by number of members; NaN until it is asked for. */
  readonly #bySize = new Float64Array(MEMBERS_MAX + 1);

  /** Over the structures of an engine. */
  constructor(parts: {
    readonly bound: ScorerBound;
    readonly edges: Edges;
    readonly sets: CandidateSets;
    readonly index: InvertedIndex;
    readonly scores: SetScores;
  }) {
    this.#bound = parts.bound;
    this.#edges = parts.edges;
    this.#sets = parts.sets;
    this.#index = parts.index;
    this.#scores = parts.scores;
  }

  /** An edge has moved since the last settlement. O(sets that hold it). */
  apply(edge: number): void {
    const from = this.#edges.settledValueOf(edge), to = this.#edges.valueOf(edge);
    if (Object.is(from, to)) return;
    const { sizes } = this.#sets, { dirty, stale, blocks } = this.#scores;
    const bySize = this.#bySize.fill(NaN), isFactor = this.#bound.kind === "factor";
    const count = this.#index.read(edge), row = this.#index.row, { keys } = blocks;
    for (let i = 0; i < count; i++) {
      const set = row[i] as number;
      if (dirty.has(set)) continue;
      const size = sizes[set] as number;
      let lift = bySize[size] as number;
      if (lift !== lift) bySize[size] = lift = this.#lift(edge, from, to, size);
      const key = keys[set] as number;
      const raised = isFactor ? key * lift : key + lift;
      const upper = raised + Math.abs(raised) * ROUNDING;
      // An infinite or NaN bound, a set without a score, and factors of what is no score ≥ 0.
      if (!(upper < Infinity && key > NO_KEY) || (isFactor && key < FACTOR_KEY_MIN)) {
        this.#scores.touch(set);
      } else {
        stale.mark(set);
        blocks.set(set, upper);
      }
    }
  }

  #lift(edge: number, from: number, to: number, size: number): number {
    try {
      const lift = this.#bound.lift(edge, from, to, size);
      return lift === lift ? lift : Infinity;
    } catch {
      // Who cannot say how far a set is lifted says nothing: the set is evaluated.
      return Infinity;
    }
  }
}

/** See the head of this file. */
export class BestFirst implements Work {
  /** See {@linkcode Work}. */
  readonly candidates: number;
  readonly #sweep: Sweep;
  readonly #scores: SetScores;
  readonly #sets: CandidateSets;

  /** Of what is dirty or stale now. */
  constructor(scores: SetScores, sets: CandidateSets) {
    this.#sweep = new Sweep(scores, sets);
    this.#scores = scores;
    this.#sets = sets;
    this.candidates = this.#sweep.candidates + scores.stale.count;
  }

  /** See {@linkcode Work}. */
  get tally(): Tally {
    return this.#sweep.tally;
  }

  /** See {@linkcode Work}. */
  step(budgetSets: number): boolean {
    const scores = this.#scores, { stale, blocks } = scores;
    let left = budgetSets - this.#sweep.sweep(budgetSets);
    for (; left > 0; left--) {
      const first = blocks.best();
      if (first < 0 || !stale.has(first)) return true;
      scores.evaluate(first, this.tally);
      stale.clear(first);
    }
    return false;
  }

  /** See {@linkcode Work}. */
  best(): ScoredSet | null {
    return bestOf(this.#scores, this.#sets);
  }
}
