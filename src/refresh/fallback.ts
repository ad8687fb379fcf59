/**
 * When the result of a refresh is not to be trusted, so that everything is evaluated anew.
 *
 * @module
 */

import type { EvaluationOutcome, ScoredSet } from "./run_engine.ts";

/** Why a refresh fell back to a rebuild, or a rebuild failed. */
export type FallbackReason =
  /** Something threw that is not the scorer on one set. */
  | "error"
  /** The scorer threw on some sets. */
  | "scorer"
  /** It took longer than it may. */
  | "timeout"
  /** Structures, or the parts of the result, contradict each other. */
  | "invariant"
  /** The best score is lower than that of a set which was known. */
  | "degraded";

/** A reason, and the words for people. */
export interface Fault {
  /** See {@linkcode FallbackReason}. */
  readonly reason: FallbackReason;
  /** What was expected, and what was found. */
  readonly detail: string;
}

/** Most characters of a thrown error that a fault shows. */
const DETAIL_CHARS_MAX = 300;

/** What a result is judged by. */
export interface Expected {
  /** Revision of the inputs when the evaluation began. */
  readonly revision: number;
  /** Candidate sets that there are. */
  readonly sets: number;
  /** Sets that were to be looked at. */
  readonly candidates: number;
  /** A set whose score is known: the best is not below it. Null when none is. */
  readonly floor: ScoredSet | null;
}

/** A thrown value as a fault. */
export function faultOf(reason: FallbackReason, thrown: unknown): Fault {
  return { reason, detail: errorText(thrown) };
}

/** A thrown value as text, cut short. */
export function errorText(thrown: unknown): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return text.slice(0, DETAIL_CHARS_MAX);
}

/**
 * What is wrong with a result, the worst first; null when nothing is. `failedSets` have no score
 * after it, whenever they failed. O(1).
 */
export function faultIn(
  outcome: EvaluationOutcome,
  expected: Expected,
  failedSets: number,
): Fault | null {
  const { best, failedCount, failed } = outcome;
  const contradiction = contradictionIn(outcome, expected, failedSets);
  if (contradiction !== null) return faultOf("invariant", contradiction);
  const { floor } = expected;
  // A known set that failed now explains a lower best.
  const hasFailed = failed.some(({ setId }) => setId === floor?.setId);
  if (floor !== null && !hasFailed && best !== null && best.score < floor.score) {
    return faultOf(
      "degraded",
      `expected at least ${floor.score} (${floor.setId}): ` +
        `current value is ${best.score} (${best.setId})`,
    );
  }
  if (failedCount === 0) return null;
  const first = failed[0];
  const text = first === undefined ? "" : `: ${first.setId}: ${first.error}`;
  return faultOf("scorer", `the scorer threw on ${failedCount} sets${text}`);
}

function contradictionIn(
  outcome: EvaluationOutcome,
  expected: Expected,
  failedSets: number,
): string | null {
  const { best, revision, candidates, evaluated, skipped, failedCount } = outcome;
  const { changed, unchanged } = outcome;
  if (revision !== expected.revision) {
    return `expected revision ${expected.revision}: current value is ${revision}`;
  }
  if (candidates !== expected.candidates || evaluated + skipped + failedCount !== candidates) {
    return `expected ${expected.candidates} sets evaluated, skipped or failed: ` +
      `current value is ${evaluated} + ${skipped} + ${failedCount} of ${candidates}`;
  }
  if (changed + unchanged !== evaluated) {
    return `expected ${evaluated} sets changed or unchanged: ` +
      `current value is ${changed} + ${unchanged}`;
  }
  if (best !== null && !Number.isFinite(best.score)) {
    return `expected a finite score of ${best.setId}: current value is ${best.score}`;
  }
  const scoredSets = expected.sets - failedSets;
  if ((best === null) !== (scoredSets === 0)) {
    return `expected the best of ${scoredSets} sets with a score: ` +
      `current value is ${best === null ? "none" : best.setId}`;
  }
  return null;
}
