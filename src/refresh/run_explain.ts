/**
 * Why a run is where it is, from all that is kept of it.
 *
 * @module
 */

import type { CoordinatedRun } from "./coordinated_run.ts";
import type { SetEngine } from "./evaluate.ts";
import type { RunMetadata } from "./run_types.ts";
import type { MemberValue, RefreshStats, RunExplanation } from "./service_types.ts";

/**
 * See the head of this file. A set that there is not is null. O(history), and one score for a set.
 * The first look after changes marks the sets of moved edges.
 */
export function explainRun(
  one: CoordinatedRun,
  description: string,
  setId: string | undefined,
  nowMs: number,
): RunExplanation {
  const { run, engine, input } = one;
  const metadata = run.metadata(nowMs);
  return {
    runId: one.runId,
    scorer: { name: input.scorer.name, description },
    next: run.explain(),
    waitingEdges: run.changes.waitingEdges,
    dirtySets: engine.dirtySets,
    published: valuesOf(engine, metadata.publishedBest?.members ?? []),
    set: setId !== undefined && engine.hasSet(setId) ? explainSet(engine, setId) : null,
    events: one.events,
    run: metadata,
  };
}

function explainSet(engine: SetEngine, setId: string): RunExplanation["set"] {
  const now = engine.scoreOf(setId);
  return {
    ...engine.stateOf(setId),
    setId,
    members: valuesOf(engine, engine.membersOf(setId)),
    scoreNow: now.state === "scored" ? now.score : null,
    error: now.state === "failed" ? now.error : null,
  };
}

const valuesOf = (engine: SetEngine, edgeIds: readonly string[]): readonly MemberValue[] =>
  edgeIds.map((edgeId) => ({
    edgeId,
    value: engine.hasEdge(edgeId) ? engine.valueOf(edgeId) : null,
  }));

/** Figures over all runs there are. */
export type RunTotals = Pick<
  RefreshStats,
  | "runs"
  | "staleRuns"
  | "partial"
  | "full"
  | "fallbacks"
  | "failed"
  | "partialRatio"
  | "auditMismatches"
>;

/** See {@linkcode RunTotals}. Those of runs that were removed are gone with them. */
export function totalsOf(all: readonly RunMetadata[]): RunTotals {
  const sum = (of: (run: RunMetadata) => number) => all.reduce((total, run) => total + of(run), 0);
  const partial = sum(({ counters }) => counters.partial);
  const wanted = sum(({ counters }) => counters.partialWanted);
  return {
    runs: all.length,
    staleRuns: all.filter(({ isStale }) => isStale).length,
    partial,
    full: sum(({ counters }) => counters.full),
    fallbacks: sum(({ counters }) => counters.fallbacks),
    failed: sum(({ counters }) => counters.failed),
    // A refresh that is under way was wanted, and has not ended yet.
    partialRatio: wanted === 0 ? null : Math.min(1, partial / wanted),
    auditMismatches: sum(({ audits }) => audits.mismatches),
  };
}
