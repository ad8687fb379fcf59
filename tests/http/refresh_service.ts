/**
 * Refreshing for the tests of the admin HTTP: real edges, clusters and runs without actors. A tick
 * comes with every request that changes edges, and a refresh works in one go.
 *
 * @module
 */

import type {
  CheckedEdgeChange,
  GivenCorrelations,
  OptimizationEdgeChange,
  OptimizedRefresh,
  RunChange,
  RunSpec,
} from "../../src/http/refresh_input.ts";
import type { RefreshPort } from "../../src/http/port.ts";
import { Aggregator } from "../../src/refresh/aggregator.ts";
import type { EdgeChange } from "../../src/refresh/magnitude.ts";
import { magnitudeClass, magnitudeSettings } from "../../src/refresh/magnitude.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { SetEngine } from "../../src/refresh/evaluate.ts";
import { ChangeGate } from "../../src/refresh/resilience.ts";
import { OptimisationRun } from "../../src/refresh/run.ts";
import type { RefreshReport, RefreshRequest } from "../../src/refresh/run_types.ts";
import { builtInScorers } from "../../src/refresh/scorer_built_in.ts";
import type {
  ChangeAnswer,
  ChangesTaken,
  CreateAnswer,
  OptimizationChangeTaken,
  OptimizedRefreshAnswer,
  ProviderHealth,
  RefreshAnswer,
  RefreshStats,
  RunExplanation,
  ServedBlock,
  StampedRunEvent,
} from "../../src/refresh/service_types.ts";

/** When it is looked at, epoch ms, with the fraction that clocks have. */
export const NOW_MS = Date.UTC(2026, 2, 3, 15) + 0.4321;

interface Living {
  readonly engine: SetEngine;
  readonly run: OptimisationRun;
  readonly scorer: string;
  readonly events: StampedRunEvent[];
}

/** A breaker that is shut. */
const PROVIDERS: readonly ProviderHealth[] = [
  { name: "simulated", breaker: "closed", calls: 3, failed: 1 },
  { name: "silent", breaker: null, calls: 0, failed: 0 },
];

/** See the module's text. */
export class MemoryRefresh implements RefreshPort {
  /** What came, by name of the method; those that only look are left out. */
  readonly told: [name: string, what: unknown][] = [];
  /** What refreshes are answered with instead. */
  answer: Exclude<RefreshAnswer, { state: "done" }> | null = null;
  readonly #aggregator = new Aggregator();
  readonly #runs = new Map<string, Living>();
  readonly #gate = new ChangeGate(NOW_MS);
  readonly #scorers = builtInScorers();

  recordEdgeChanges(changes: readonly CheckedEdgeChange[]): ChangesTaken {
    this.told.push(["recordEdgeChanges", changes]);
    return this.#folded(changes);
  }

  setCorrelations(correlations: GivenCorrelations) {
    this.told.push(["setCorrelations", correlations]);
    this.#aggregator.setCorrelations(correlations);
    const { edges, clusters } = this.#aggregator.status();
    return { edges, clusters };
  }

  clusters(sizeMin: number, limit: number) {
    return this.#aggregator.clusterStatus(NOW_MS)
      .filter(({ members }) => members.length >= sizeMin)
      .sort((a, b) => b.members.length - a.members.length)
      .slice(0, limit);
  }

  edge(edgeId: string) {
    return this.#aggregator.explain(edgeId);
  }

  addEdges(edges: readonly string[]) {
    this.told.push(["addEdges", edges]);
    this.#aggregator.addEdges(edges);
    return { edges: this.#aggregator.status().edges };
  }

  removeEdges(edges: readonly string[]) {
    this.told.push(["removeEdges", edges]);
    this.#aggregator.removeEdges(edges);
    return { edges: this.#aggregator.status().edges };
  }

  block(clusterId: string): ServedBlock | null {
    const cluster = this.#aggregator.clusterStatus(NOW_MS).find(({ id }) => id === clusterId);
    if (cluster === undefined) return null;
    const { members } = cluster;
    const known = this.#aggregator.correlations();
    const rows = members.map((a) =>
      members.map((b) => {
        const rho = a === b ? 1 : known?.of(a, b) ?? NaN;
        return Number.isNaN(rho) ? null : rho;
      })
    );
    return { block: { clusterId, members, rows, atMs: NOW_MS }, cacheHit: false };
  }

  createRun(spec: RunSpec): CreateAnswer {
    this.told.push(["createRun", spec]);
    const { runId, edges, generator, scorer, options } = spec;
    if (this.#runs.has(runId)) return { state: "exists" };
    const { mode, isLive: _live, followsCorrelations: _follows, ...rest } = options;
    const set = defined(rest);
    const ids = edges.map(({ edgeId }) => edgeId);
    const sets = spec.sets ?? [{ setId: "made", members: ids.slice(0, generator?.size) }];
    return refusable(() => {
      const engine = new SetEngine({
        scorer: (names) => this.#scorers.create(scorer.name, scorer.params, names),
        mode,
        edges,
        sets,
      });
      const run = new OptimisationRun(runId, engine, { ...set, stopwatchMs: () => 0 }, NOW_MS);
      this.#runs.set(runId, { engine, run, scorer: scorer.name, events: [] });
      this.#refreshed(runId);
      return { state: "created", run: run.metadata(NOW_MS) };
    });
  }

  removeRun(runId: string): boolean {
    this.told.push(["removeRun", runId]);
    return this.#runs.delete(runId);
  }

  changeRun(runId: string, change: RunChange): ChangeAnswer {
    this.told.push(["changeRun", [runId, change]]);
    const living = this.#runs.get(runId);
    if (living === undefined) return { state: "unknown_run" };
    const { changes } = living.run;
    return refusable(() => {
      change.removeSets.forEach((setId) => changes.removeSet(setId, NOW_MS));
      change.removeEdges.forEach((edgeId) => changes.removeEdge(edgeId, NOW_MS));
      change.addEdges.forEach((edge) => changes.addEdge(edge, NOW_MS));
      change.addSets.forEach(({ setId, members }) => changes.addSet(setId, members, NOW_MS));
      change.values.forEach((value) => changes.setValue(value, NOW_MS));
      const count = Object.values(change).reduce((sum, list) => sum + list.length, 0);
      return { state: "recorded", changes: count };
    });
  }

  refresh(runId: string, how: "refresh" | "with_fallback" | "rebuild"): RefreshAnswer {
    this.told.push(["refresh", [runId, how]]);
    if (this.answer !== null) return this.answer;
    const report = this.#refreshed(runId, {
      kind: how === "rebuild" ? "full" : "cheapest",
      onFailure: how === "refresh" ? "report" : "rebuild",
    });
    return report === null ? { state: "unknown_run" } : { state: "done", report };
  }

  run(runId: string) {
    return this.#runs.get(runId)?.run.metadata(NOW_MS) ?? null;
  }

  runs() {
    return [...this.#runs.values()].map(({ run }) => run.metadata(NOW_MS));
  }

  explain(runId: string, setId: string | null): RunExplanation | null {
    const living = this.#runs.get(runId);
    if (living === undefined) return null;
    const { engine, run, scorer, events } = living;
    const metadata = run.metadata(NOW_MS);
    const valued = (members: readonly string[]) =>
      members.map((edgeId) => ({
        edgeId,
        value: engine.hasEdge(edgeId) ? engine.valueOf(edgeId) : null,
      }));
    return {
      runId,
      scorer: this.#scorers.list().find(({ name }) => name === scorer) ??
        { name: scorer, description: "" },
      next: run.explain(),
      waitingEdges: metadata.edgesChangedSince,
      dirtySets: engine.dirtySets,
      published: valued(metadata.publishedBest?.members ?? []),
      set: setId === null || !engine.hasSet(setId)
        ? null
        : this.#explained(engine, setId, valued(engine.membersOf(setId))),
      events,
      run: metadata,
    };
  }

  scorers() {
    return this.#scorers.list();
  }

  stats(): RefreshStats {
    const all = this.runs();
    const sum = (name: "partial" | "full" | "fallbacks" | "failed") =>
      all.reduce((count, { counters }) => count + counters[name], 0);
    return {
      atMs: NOW_MS,
      runs: all.length,
      staleRuns: all.filter(({ isStale }) => isStale).length,
      partial: sum("partial"),
      full: sum("full"),
      fallbacks: sum("fallbacks"),
      failed: sum("failed"),
      partialRatio: null,
      auditMismatches: 0,
      busyRatio: 0.25,
      gate: this.#gate.status(NOW_MS),
      providers: PROVIDERS,
      aggregator: {
        ...this.#aggregator.status(),
        seq: 7,
        instruments: 2,
        isCaughtUp: true,
        changesPerS: 1.5,
        firedRatio: null,
      },
    };
  }

  recordOptimizationEdgeChange(change: OptimizationEdgeChange): OptimizationChangeTaken | null {
    this.told.push(["recordOptimizationEdgeChange", change]);
    const { runId, ...edgeChange } = change;
    if (runId !== undefined && !this.#runs.has(runId)) return null;
    const { impacted } = this.#folded([edgeChange]);
    const runs = [...this.#runs].filter(([id, { engine }]) =>
      (runId ?? id) === id && engine.hasEdge(change.edgeId)
    );
    return {
      class: magnitudeClass(magnitudeSettings(), change.type, change.magnitude),
      isDeferred: false,
      mode: this.#gate.mode,
      impacted,
      runs: runs.map(([id]) => id),
    };
  }

  executeOptimizedRefresh(refresh: OptimizedRefresh): OptimizedRefreshAnswer {
    this.told.push(["executeOptimizedRefresh", refresh]);
    if (this.answer !== null) return this.answer;
    const { runId, kind } = refresh;
    const living = this.#runs.get(runId), report = this.#refreshed(runId, { kind });
    if (living === undefined || report === null) return { state: "unknown_run" };
    const run = living.run.metadata(NOW_MS);
    const mode = this.#gate.mode;
    return { state: "done", report, released: 0, mode, run, providers: PROVIDERS };
  }

  #folded(changes: readonly CheckedEdgeChange[]): ChangesTaken {
    const { recorded, refused } = this.#aggregator.recordEdgeChanges(
      changes.map((change): EdgeChange => defined({ ...change, at: change.at ?? NOW_MS })),
    );
    const { impacted } = this.#aggregator.tick(NOW_MS);
    return {
      recorded,
      refused,
      impacted: impacted.map(({ id, members, impact }) => ({ id, members, impact })),
    };
  }

  #refreshed(runId: string, request: RefreshRequest = {}): RefreshReport | null {
    const living = this.#runs.get(runId);
    if (living === undefined) return null;
    const { run, events } = living;
    run.begin(request);
    while (true) {
      const step = run.step(1_000, NOW_MS);
      events.push(...step.events.map((event) => ({ atMs: NOW_MS, event })));
      if (step.report !== null) return step.report;
      if (step.state === "idle") throw new Error("Cannot refresh: it did not begin");
    }
  }

  #explained(engine: SetEngine, setId: string, members: RunExplanation["published"]) {
    const now = engine.scoreOf(setId);
    return {
      ...engine.stateOf(setId),
      setId,
      members,
      scoreNow: now.state === "scored" ? now.score : null,
      error: now.state === "failed" ? now.error : null,
    };
  }
}

/** Without the fields that were left out. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  const kept = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(kept) as Defined<T>;
}

function refusable<T>(act: () => T): T | { state: "refused"; code: string; message: string } {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof RefreshError)) throw error;
    return { state: "refused", code: error.code, message: error.message };
  }
}
