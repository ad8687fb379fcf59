/**
 * Runs over the slow twin, for tests: four sets over six edges, time that a test moves, refreshes
 * from begin to end.
 *
 * @module
 */

import type { RefreshReport, RefreshRequest, RunEvent } from "../../src/refresh/run_types.ts";
import type { RunOptions } from "../../src/refresh/run_types.ts";
import { OptimisationRun } from "../../src/refresh/run.ts";
import { productOf, TwinEngine, type TwinScorer } from "./run_twin.ts";

/** Epoch ms at which rigs begin. */
export const START_MS = 1_700_000_000_000;

/** A run, its engine, and time. */
export class RunRig {
  readonly engine: TwinEngine;
  readonly run: OptimisationRun;
  /** The stopwatch, ms. */
  busyMs = 0;
  nowMs = START_MS;
  readonly events: RunEvent[] = [];

  constructor(options: Partial<RunOptions> = {}, scorer: TwinScorer = productOf) {
    this.engine = new TwinEngine(scorer);
    this.run = new OptimisationRun(
      "run_1",
      this.engine,
      { stopwatchMs: () => this.busyMs, auditEvery: 0, ...options },
      START_MS,
    );
  }

  /** Edges a to f worth 1; sets of two of them: ab, cd, ef, af. */
  static small(options: Partial<RunOptions> = {}, scorer: TwinScorer = productOf): RunRig {
    const rig = new RunRig(options, scorer);
    for (const edgeId of "abcdef") rig.run.changes.addEdge({ edgeId, value: 1 }, rig.nowMs);
    for (const setId of ["ab", "cd", "ef", "af"]) {
      rig.run.changes.addSet(setId, [...setId], rig.nowMs);
    }
    return rig;
  }

  /** Values by edge. */
  set(values: Readonly<Record<string, number>>): this {
    for (const [edgeId, value] of Object.entries(values)) {
      this.run.changes.setValue({ edgeId, value }, this.nowMs);
    }
    return this;
  }

  /** A refresh in slices of one set. */
  refresh(request: RefreshRequest = {}, budgetSets = 1): RefreshReport {
    const { state, events } = this.run.begin(request);
    this.events.push(...events);
    if (state !== "begun") throw new Error(`expected a refresh to begin: ${state}`);
    return this.finish(budgetSets);
  }

  /** What is under way, to its end. */
  finish(budgetSets = 1): RefreshReport {
    for (;;) {
      const step = this.run.step(budgetSets, this.nowMs);
      this.events.push(...step.events);
      if (step.report !== null) return step.report;
      if (step.state === "idle") throw new Error("expected a refresh under way");
    }
  }

  /** An audit to its end. */
  audit(budgetSets = 1): string {
    for (;;) {
      const step = this.run.stepAudit(budgetSets);
      this.events.push(...step.events);
      if (step.state !== "more") return step.state;
    }
  }

  /** Set and score published; null when nothing is. */
  get published(): readonly [setId: string, score: number] | null {
    const { publishedBest } = this.run.metadata(this.nowMs);
    return publishedBest === null ? null : [publishedBest.setId, publishedBest.score];
  }

  /** Types of the events so far, which are forgotten. */
  told(): string[] {
    return this.events.splice(0).map(({ type }) => type);
  }
}
