/**
 * What a run is made of and what changes of it, as whoever asks a coordinator says it: plain data
 * whose shapes were checked where it came in.
 *
 * @module
 */

import { RefreshError } from "./error.ts";
import type { CandidateSetSpec, EvaluationMode } from "./evaluate.ts";
import { errorText } from "./fallback.ts";
import type { SetGeneratorSpec } from "./generate.ts";
import type { EdgeValue } from "./run_engine.ts";

/** A scorer by name, and what it is made with. */
export interface ScorerChoiceInput {
  /** Name of its kind. */
  readonly name: string;
  /** Its parameters, plain data. */
  readonly params?: unknown;
}

/** How a run is refreshed; see `RunOptions`. */
export interface RunSettingsInput {
  /** How dirty sets are evaluated. */
  readonly mode: EvaluationMode;
  /** Whether changes of edges refresh it; else only whoever asks does. */
  readonly isLive: boolean;
  /** Whether its scorer gets the correlations that the aggregator knows. */
  readonly followsCorrelations: boolean;
  /** Changed edges before a live refresh. */
  readonly minChangedEdges?: number | undefined;
  /** Least difference that is published. */
  readonly epsilon?: number | undefined;
  /** Whether what is published falls only with its own edges. */
  readonly monotonic?: boolean | undefined;
  /** Longest that a partial refresh may work, ms. */
  readonly partialTimeoutMs?: number | undefined;
  /** Longest that a rebuild may work, ms. */
  readonly fullTimeoutMs?: number | undefined;
  /** One in so many refreshes is audited. */
  readonly auditEvery?: number | undefined;
  /** Longest age of the last refresh, ms. */
  readonly ageMaxMs?: number | undefined;
  /** Failures in a row from which it is stale. */
  readonly failuresStale?: number | undefined;
  /** Longest wait of a change, ms. */
  readonly unappliedMaxMs?: number | undefined;
}

/** A run that is to be made. */
export interface RunInput {
  /** Its id. */
  readonly runId: string;
  /** Edges with their values. */
  readonly edges: readonly EdgeValue[];
  /** Sets; or else a generator. */
  readonly sets?: readonly CandidateSetSpec[] | undefined;
  /** What makes the sets. */
  readonly generator?: SetGeneratorSpec | undefined;
  /** The scorer. */
  readonly scorer: ScorerChoiceInput;
  /** How it is refreshed. */
  readonly options: RunSettingsInput;
}

/** A change of a run's inputs: first what goes, then what comes. */
export interface RunChangeInput {
  /** Ids of sets that go. */
  readonly removeSets: readonly string[];
  /** Ids of edges that go; no set that stays may hold them. */
  readonly removeEdges: readonly string[];
  /** New edges. */
  readonly addEdges: readonly EdgeValue[];
  /** New sets. */
  readonly addSets: readonly CandidateSetSpec[];
  /** New values. */
  readonly values: readonly EdgeValue[];
}

/** What is wrong: a code and words. */
export interface Refusal {
  /** See {@linkcode Refusal}. */
  readonly state: "refused";
  /** The code of a `RefreshError`; `scorer` for anything else, which a scorer of one's own threw. */
  readonly code: string;
  /** For people. */
  readonly message: string;
}

/** A thrown value as a refusal. */
export function refusalFrom(thrown: unknown): Refusal {
  return thrown instanceof RefreshError
    ? { state: "refused", code: thrown.code, message: thrown.message }
    : { state: "refused", code: "scorer", message: `Cannot make a run: ${errorText(thrown)}` };
}
