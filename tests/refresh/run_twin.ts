/**
 * A slow, simple engine for runs: maps, no index, every set looked at. Breaks on demand, wherever a
 * test says.
 *
 * @module
 */

import type {
  EdgeValue,
  Evaluation,
  EvaluationKind,
  EvaluationOutcome,
  FailedSet,
  RunEngine,
  ScoredSet,
  SetScore,
} from "../../src/refresh/run_engine.ts";

/** Scores the values of a set's edges. */
export type TwinScorer = (values: readonly number[], setId: string, kind: string) => number;

/** The product of the values: risen edges lift a set. */
export const productOf: TwinScorer = (values) => values.reduce((a, b) => a * b, 1);

/** What goes wrong, if anything. */
export interface TwinFaults {
  /** Called before each step of an evaluation, with the count of its steps so far. */
  onStep?: (kind: EvaluationKind, step: number) => void;
  /** Changes what a partial evaluation says. */
  onOutcome?: (kind: EvaluationKind, outcome: EvaluationOutcome) => EvaluationOutcome;
  /** Sets that a change forgets to make dirty. */
  forgets?: (setId: string) => boolean;
  /** Thrown by `invariant`. */
  invariant?: Error;
  /** Thrown by `setValues`. */
  setValues?: Error;
  /** Thrown by `dirtySets`. */
  dirtySets?: Error;
}

/** See the head of this file. Ties go to the set that was added first. */
export class TwinEngine implements RunEngine {
  revision = 0;
  faults: TwinFaults = {};
  scorer: TwinScorer;
  readonly values = new Map<string, number>();
  readonly members = new Map<string, readonly string[]>();
  readonly scores = new Map<string, number>();
  readonly dirty = new Set<string>();
  readonly failing = new Map<string, string>();

  constructor(scorer: TwinScorer = productOf) {
    this.scorer = scorer;
  }

  get edges(): number {
    return this.values.size;
  }

  get sets(): number {
    return this.members.size;
  }

  get dirtySets(): number {
    if (this.faults.dirtySets !== undefined) throw this.faults.dirtySets;
    return this.dirty.size;
  }

  get failedSets(): number {
    return this.failing.size;
  }

  hasEdge(edgeId: string): boolean {
    return this.values.has(edgeId);
  }

  hasSet(setId: string): boolean {
    return this.members.has(setId);
  }

  membersOf(setId: string): readonly string[] {
    return this.members.get(setId) ?? [];
  }

  setValues(values: readonly EdgeValue[]): void {
    if (this.faults.setValues !== undefined) throw this.faults.setValues;
    for (const { edgeId, value } of values) {
      this.values.set(edgeId, value);
      for (const [setId, members] of this.members) {
        if (members.includes(edgeId) && this.faults.forgets?.(setId) !== true) {
          this.dirty.add(setId);
        }
      }
    }
    this.revision++;
  }

  addEdge(edgeId: string, value: number): void {
    this.values.set(edgeId, value);
    this.revision++;
  }

  removeEdge(edgeId: string): void {
    for (const [setId, members] of [...this.members]) {
      if (members.includes(edgeId)) this.removeSet(setId);
    }
    this.values.delete(edgeId);
    this.revision++;
  }

  addSet(setId: string, members: readonly string[]): void {
    for (const edgeId of members) {
      if (!this.values.has(edgeId)) throw new Error(`no edge ${edgeId}`);
    }
    this.members.set(setId, members);
    this.dirty.add(setId);
    this.revision++;
  }

  removeSet(setId: string): void {
    for (const map of [this.members, this.scores, this.dirty, this.failing]) map.delete(setId);
    this.revision++;
  }

  touchEdge(edgeId: string): void {
    for (const [setId, members] of this.members) {
      if (members.includes(edgeId)) this.dirty.add(setId);
    }
    this.revision++;
  }

  touchAll(): void {
    for (const setId of this.members.keys()) this.dirty.add(setId);
    this.revision++;
  }

  retryFailed(): void {
    for (const setId of this.failing.keys()) this.dirty.add(setId);
  }

  scoreOf(setId: string, kind = "check"): SetScore {
    const values = this.membersOf(setId).map((edgeId) => this.values.get(edgeId) ?? NaN);
    try {
      return { state: "scored", score: this.scorer(values, setId, kind) };
    } catch (error) {
      return { state: "failed", error: String(error) };
    }
  }

  begin(kind: EvaluationKind): Evaluation {
    const candidates = kind === "partial" ? [...this.dirty] : [...this.members.keys()];
    const scores = kind === "partial" ? this.scores : new Map<string, number>();
    const counts = { evaluated: 0, changed: 0 };
    const failed: FailedSet[] = [];
    let next = 0, steps = 0;
    const score = (setId: string) => {
      const now = this.scoreOf(setId, kind);
      if (kind !== "audit") this.dirty.delete(setId);
      if (now.state === "failed") {
        scores.delete(setId);
        failed.push({ setId, error: now.error });
        if (kind !== "audit") this.failing.set(setId, now.error);
        return;
      }
      counts.evaluated++;
      if (this.scores.get(setId) !== now.score) counts.changed++;
      if (kind !== "audit") this.failing.delete(setId);
      scores.set(setId, now.score);
    };
    return {
      step: (budgetSets) => {
        this.faults.onStep?.(kind, steps++);
        for (const end = next + budgetSets; next < end && next < candidates.length; next++) {
          score(candidates[next] as string);
        }
        return next < candidates.length ? "more" : "done";
      },
      outcome: () => {
        if (kind === "full") {
          this.scores.clear();
          for (const [setId, value] of scores) this.scores.set(setId, value);
        }
        const outcome: EvaluationOutcome = {
          best: this.#bestIn(scores),
          revision: this.revision,
          candidates: candidates.length,
          evaluated: counts.evaluated,
          skipped: 0,
          changed: counts.changed,
          unchanged: counts.evaluated - counts.changed,
          failedCount: failed.length,
          failed,
        };
        return this.faults.onOutcome?.(kind, outcome) ?? outcome;
      },
      cancel: () => {},
    };
  }

  invariant(): void {
    if (this.faults.invariant !== undefined) throw this.faults.invariant;
  }

  #bestIn(scores: ReadonlyMap<string, number>): ScoredSet | null {
    let best: ScoredSet | null = null;
    for (const setId of this.members.keys()) {
      const score = scores.get(setId);
      if (score !== undefined && (best === null || score > best.score)) best = { setId, score };
    }
    return best;
  }
}
