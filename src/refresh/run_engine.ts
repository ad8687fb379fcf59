/**
 * What an optimisation run needs of the structures under it: edges with values, candidate sets,
 * what is dirty, and evaluations in slices. A port, so that a run can be tested over a slow twin
 * and over engines that misbehave on purpose.
 *
 * @module
 */

/** A set and its score. */
export interface ScoredSet {
  /** Id of the candidate set. */
  readonly setId: string;
  /** Its score, finite. */
  readonly score: number;
}

/** A set that the scorer could not score. */
export interface FailedSet {
  /** Id of the candidate set. */
  readonly setId: string;
  /** What the scorer threw, as text. */
  readonly error: string;
}

/** A score, or why there is none. */
export type SetScore =
  | { readonly state: "scored"; readonly score: number }
  | { readonly state: "failed"; readonly error: string };

/**
 * `partial` evaluates what is dirty; `full` makes everything anew from the inputs, derived
 * structures included; `audit` evaluates everything beside what is stored, and leaves that alone.
 */
export type EvaluationKind = "partial" | "full" | "audit";

/** What an evaluation came to. */
export interface EvaluationOutcome {
  /** The best set: highest score, of equal ones the first in the engine's order; null if none. */
  readonly best: ScoredSet | null;
  /** Revision of the inputs it holds for. */
  readonly revision: number;
  /** Sets that were to be looked at: the dirty ones, or all. */
  readonly candidates: number;
  /** Of these, scored. */
  readonly evaluated: number;
  /** Of these, not scored because their bound could not beat the best. */
  readonly skipped: number;
  /** Of those scored, with another score than before. */
  readonly changed: number;
  /** Of those scored, with the same score as before. */
  readonly unchanged: number;
  /** Sets on which the scorer threw in this evaluation. */
  readonly failedCount: number;
  /** The first of them; at most as many as the engine reports. */
  readonly failed: readonly FailedSet[];
}

/** An evaluation that is under way. */
export interface Evaluation {
  /** Looks at up to `budgetSets` sets. May throw; then the evaluation is of no further use. */
  step(budgetSets: number): "more" | "done";
  /**
   * What came of it.
   *
   * @throws {Error} before it is done.
   */
  outcome(): EvaluationOutcome;
  /** Gives up: what was dirty and not evaluated is still dirty. */
  cancel(): void;
}

/** The value of an edge. */
export interface EdgeValue {
  /** Id of the edge. */
  readonly edgeId: string;
  /** Its value, finite. */
  readonly value: number;
}

/**
 * See the head of this file. While an evaluation is under way only `has…`, `membersOf`, `scoreOf`
 * and the counts are called.
 */
export interface RunEngine {
  /** Counts changes of the inputs; starts anew with the process. */
  readonly revision: number;
  /** Edges that there are. */
  readonly edges: number;
  /** Candidate sets that there are. */
  readonly sets: number;
  /** Sets that a partial evaluation would look at. */
  readonly dirtySets: number;
  /** Sets whose last evaluation threw. */
  readonly failedSets: number;
  /** Whether there is such an edge. */
  hasEdge(edgeId: string): boolean;
  /** Whether there is such a set. */
  hasSet(setId: string): boolean;
  /** Ids of the edges of a set that there is, in any order. */
  membersOf(setId: string): readonly string[];
  /** Takes new values; their sets are dirty. */
  setValues(values: readonly EdgeValue[]): void;
  /** Adds an edge. */
  addEdge(edgeId: string, value: number): void;
  /** Removes an edge; may throw when sets hold it. */
  removeEdge(edgeId: string): void;
  /** Adds a set, dirty. */
  addSet(setId: string, members: readonly string[]): void;
  /** Removes a set. */
  removeSet(setId: string): void;
  /** What the scorer keeps about an edge has changed: its sets are dirty. */
  touchEdge(edgeId: string): void;
  /** What the scorer keeps has changed: all sets are dirty. */
  touchAll(): void;
  /** Makes the sets that failed dirty, so that they are tried again. */
  retryFailed?(): void;
  /**
   * Works on what changes leave to do before it is known which sets are dirty, up to `budgetPairs`
   * pairs of an edge and a set. Left out where that is next to nothing.
   */
  prepare?(budgetPairs: number): "more" | "done";
  /** Scores one set from the inputs, beside what is stored. */
  scoreOf(setId: string): SetScore;
  /** Starts an evaluation. */
  begin(kind: EvaluationKind): Evaluation;
  /**
   * Compares the structures with each other. O(sets).
   *
   * @throws {Error} when they contradict each other.
   */
  invariant(): void;
}
