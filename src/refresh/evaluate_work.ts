/**
 * The work of an evaluation, in slices: sweeping what is dirty, or auditing everything.
 *
 * @module
 */

import type { CandidateSets } from "./candidate_sets.ts";
import {
  CHUNK,
  FAILED_NAMED_MAX,
  newTally,
  type SetScores,
  type Tally,
} from "./evaluate_scores.ts";
import type { ScoredSet } from "./run_engine.ts";

/** What is done in slices. */
export interface Work {
  /** Sets that were to be looked at when it began. */
  readonly candidates: number;
  /** Counts so far. */
  readonly tally: Tally;
  /** Looks at up to `budgetSets` sets; true once it is done. */
  step(budgetSets: number): boolean;
  /** The best set, once it is done. */
  best(): ScoredSet | null;
}

/**
 * Evaluates every dirty set, in memory order: members of neighbours lie side by side, and each word
 * of the bitset is read once.
 */
export class Sweep implements Work {
  /** See {@linkcode Work}. */
  readonly candidates: number;
  /** See {@linkcode Work}. */
  readonly tally: Tally = newTally();
  readonly #scores: SetScores;
  readonly #sets: CandidateSets;
  readonly #handles = new Uint32Array(CHUNK);
  #at = 0;

  /** Of what is dirty now. */
  constructor(scores: SetScores, sets: CandidateSets) {
    this.candidates = scores.dirty.count;
    this.#scores = scores;
    this.#sets = sets;
  }

  /** See {@linkcode Work}. */
  step(budgetSets: number): boolean {
    return this.sweep(budgetSets) < budgetSets;
  }

  /** Evaluates up to `budgetSets` sets; returns how many, fewer than that once none is dirty. */
  sweep(budgetSets: number): number {
    for (let done = 0; done < budgetSets;) {
      const wanted = Math.min(CHUNK, budgetSets - done), found = this.#chunk(wanted);
      done += found;
      if (found < wanted) return done;
    }
    return budgetSets;
  }

  #chunk(sets: number): number {
    const scores = this.#scores, handles = this.#handles;
    const count = scores.dirty.list(this.#at, handles, sets);
    if (count === 0) return 0;
    this.#at = (handles[count - 1] as number) + 1;
    scores.evaluateAll(handles, count, this.tally);
    return count;
  }

  /** See {@linkcode Work}. */
  best(): ScoredSet | null {
    return bestOf(this.#scores, this.#sets);
  }
}

/** The set with the highest key, which must be its score. */
export function bestOf(scores: SetScores, sets: CandidateSets): ScoredSet | null {
  const handle = scores.blocks.best();
  if (handle < 0) return null;
  return { setId: sets.ids[handle] as string, score: scores.blocks.keys[handle] as number };
}

/** Evaluates every set beside what is kept, in memory order, with nothing but the inputs. */
export class Audit implements Work {
  /** See {@linkcode Work}. */
  readonly candidates: number;
  /** See {@linkcode Work}. */
  readonly tally: Tally = newTally();
  readonly #scores: SetScores;
  readonly #sets: CandidateSets;
  #best: ScoredSet | null = null;
  #at = 0;

  /** Of all sets there are. */
  constructor(scores: SetScores, sets: CandidateSets) {
    this.candidates = sets.count;
    this.#scores = scores;
    this.#sets = sets;
  }

  /** See {@linkcode Work}. */
  step(budgetSets: number): boolean {
    for (let left = budgetSets; left > 0 && this.#at < this.#sets.limit; left -= CHUNK) {
      this.#chunk(Math.min(CHUNK, left));
    }
    return this.#at >= this.#sets.limit;
  }

  /** See {@linkcode Work}. */
  best(): ScoredSet | null {
    return this.#best;
  }

  #chunk(count: number): void {
    const sets = this.#sets, { limit } = sets;
    for (let done = 0; done < count && this.#at < limit; this.#at++) {
      if (!sets.isAlive(this.#at)) continue;
      this.#look(this.#at);
      done++;
    }
  }

  #look(handle: number): void {
    const found = this.#scores.compute(handle), { tally } = this;
    const setId = this.#sets.ids[handle] as string;
    if (found.state === "failed") {
      tally.failedCount++;
      if (tally.failed.length < FAILED_NAMED_MAX) tally.failed.push({ setId, error: found.error });
      return;
    }
    const { score } = found, best = this.#best;
    tally.evaluated++;
    if (!Object.is(score, this.#scores.lastOf(handle))) tally.changed++;
    const isAhead = best === null || score > best.score ||
      (score === best.score && setId < best.setId);
    if (isAhead) this.#best = { setId, score };
  }
}
