/**
 * A run from outside: what there is to know of it, and what outlives the process.
 *
 * @module
 */

import type { AuditSchedule } from "./audit.ts";
import type { CostModel } from "./cost_model.ts";
import { durationFigures, type RunBook } from "./run_book.ts";
import type { RunChanges } from "./run_changes.ts";
import type { RunEngine } from "./run_engine.ts";
import type { RunResults } from "./run_results.ts";
import type { RunMetadata, RunSnapshot } from "./run_types.ts";
import type { StaleReason } from "./staleness.ts";

/** What a run consists of. */
export interface RunParts {
  /** Its id. */
  readonly runId: string;
  /** When it was made, epoch ms. */
  readonly createdAtMs: number;
  /** Whether a refresh is under way. */
  readonly isRefreshing: boolean;
  /** Revision of the inputs, rising over restarts. */
  readonly revision: number;
  /** The structures. */
  readonly engine: RunEngine;
  /** Changes on their way. */
  readonly changes: RunChanges;
  /** What is remembered of refreshes. */
  readonly book: RunBook;
  /** The bests. */
  readonly results: RunResults;
  /** When audits are due. */
  readonly audits: AuditSchedule;
  /** What refreshes cost. */
  readonly cost: CostModel;
}

/** See `OptimisationRun.metadata`. */
export function metadataOf(
  parts: RunParts,
  staleReasons: readonly StaleReason[],
): RunMetadata {
  const { runId, createdAtMs, isRefreshing, revision, engine, changes, book } = parts;
  const { live, published, ever } = parts.results;
  return {
    runId,
    createdAtMs,
    lastRefreshAtMs: book.refreshedAtMs,
    isRefreshing,
    isStale: staleReasons.length > 0,
    staleReasons,
    edges: engine.edges,
    sets: engine.sets,
    revision,
    liveBest: live,
    publishedBest: published.value,
    epsilon: published.epsilon,
    bestEver: ever.value,
    history: book.history,
    edgesChangedSince: changes.edgesChanged,
    setsAffected: book.setsAffected,
    failedSets: engine.failedSets,
    failuresInRow: book.failuresInRow,
    fallsHeld: published.held,
    counters: book.counters,
    fallbacksBy: book.fallbacksBy,
    audits: parts.audits.counts(),
    partialMs: durationFigures(book.partialSeconds),
    fullMs: durationFigures(book.fullSeconds),
    partialCost: parts.cost.partial,
    fullMsPerSet: parts.cost.fullMsPerSet,
  };
}

/** See `OptimisationRun.snapshot`. */
export function runSnapshotOf(parts: RunParts): RunSnapshot {
  const { runId, createdAtMs, revision, book } = parts;
  const { published, ever } = parts.results;
  return {
    version: 1,
    runId,
    createdAtMs,
    lastRefreshAtMs: book.refreshedAtMs,
    revision,
    published: published.value,
    bestEver: ever.value,
    history: book.history,
    counters: book.counters,
    fallbacksBy: book.fallbacksBy,
    failuresInRow: book.failuresInRow,
    audits: parts.audits.snapshot(),
    cost: parts.cost.snapshot(),
  };
}
