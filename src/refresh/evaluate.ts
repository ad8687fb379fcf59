/**
 * The engine under an optimisation run: edges, candidate sets, and the exact best set after any
 * changes, with as few evaluations as possible.
 *
 * ```
 * values ─▶ moved edges ─▶ inverted index ─▶ dirty bits ─▶ sweep ──────┐
 *                                       └─▶ raised keys ─▶ best first ─┴▶ block maxima ─▶ best
 * ```
 *
 * - **eager**: every dirty set is evaluated, and no other
 * - **lazy** (the scorer declares a bound): only sets whose bound could beat the best
 * - **full**: every set, after derived structures were made anew from the inputs
 *
 * All three give the same best set and score, bit by bit, at the same revision: highest score, of
 * equal ones the lowest id. An evaluation works in slices; while one is under way nothing may be
 * changed, so who takes changes meanwhile keeps them until it is done. However often an edge moved
 * since, its sets are marked once, and not at all if it is back where it was.
 *
 * @module
 */

import { CandidateSets } from "./candidate_sets.ts";
import { type EdgeNames, Edges } from "./edges.ts";
import { assertInvariant, RefreshError, shown } from "./error.ts";
import { Running } from "./evaluate_running.ts";
import { SetScores } from "./evaluate_scores.ts";
import { Audit, Sweep, type Work } from "./evaluate_work.ts";
import { InvertedIndex } from "./inverted_index.ts";
import { BestFirst, Lifts } from "./lazy.ts";
import type { EdgeValue, Evaluation, EvaluationKind, RunEngine, SetScore } from "./run_engine.ts";
import type { Scorer } from "./scorer.ts";

/** How dirty sets are evaluated: `auto` is lazy when the scorer declares a bound. */
export type EvaluationMode = "auto" | "eager" | "lazy";

/** What an engine is made of. */
export interface SetEngineOptions {
  /** The scorer, or how to make one that knows the edges; they are there by then. */
  readonly scorer: Scorer | ((edges: EdgeNames) => Scorer);
  /** `auto` unless said otherwise. */
  readonly mode?: EvaluationMode;
  /** Edges to begin with. */
  readonly edges?: Iterable<EdgeValue>;
  /** Sets to begin with, of these edges. */
  readonly sets?: Iterable<CandidateSetSpec>;
}

/** A candidate set as plain data. */
export interface CandidateSetSpec {
  /** Its id. */
  readonly setId: string;
  /** Ids of its edges, each once; scorers see them in this order. */
  readonly members: readonly string[];
}

/**
 * Sets up to which those of moved edges may be found by a look at all sets, in one go: 5 ns a set,
 * so at most 1.3 ms.
 */
const SCAN_SETS_MAX = 262_144;

/** What is known of a set. */
export interface SetState {
  /** `dirty`: must be evaluated; `stale`: its score is at most `upper`. */
  readonly state: "clean" | "failed" | "dirty" | "stale";
  /** Score at its last evaluation; null if there is none. */
  readonly lastScore: number | null;
  /** What its score cannot exceed; null when nothing is known. */
  readonly upper: number | null;
}

/** See the head of this file. */
export class SetEngine implements RunEngine {
  readonly #edges = new Edges();
  readonly #sets = new CandidateSets();
  readonly #index = new InvertedIndex();
  readonly #scorer: Scorer;
  readonly #scores: SetScores;
  readonly #lifts: Lifts | null;
  #touches = 0;
  #running: Running | null = null;

  /**
   * An engine whose sets are all dirty.
   *
   * @throws {RefreshError} code `options` (lazy without a bound), and as `addEdge` and `addSet` do.
   */
  constructor(options: SetEngineOptions) {
    const edges = this.#edges, sets = this.#sets, index = this.#index;
    for (const { edgeId, value } of options.edges ?? []) edges.add(edgeId, value);
    const { scorer, mode = "auto" } = options;
    this.#scorer = typeof scorer === "function" ? scorer(edges) : scorer;
    const { bound } = this.#scorer;
    if (mode === "lazy" && bound === undefined) {
      throw new RefreshError(
        "options",
        "Cannot evaluate lazily: expected a scorer with a bound: " +
          `current value is ${shown(this.#scorer.name)}`,
      );
    }
    const lazyBound = mode === "eager" ? undefined : bound;
    const hasBounds = lazyBound !== undefined;
    const scores = this.#scores = new SetScores(edges, sets, this.#scorer, hasBounds);
    this.#lifts = hasBounds ? new Lifts({ bound: lazyBound, edges, sets, index, scores }) : null;
    for (const { setId, members } of options.sets ?? []) {
      scores.added(sets.add(setId, this.#handlesOf(setId, members)));
    }
    index.rebuild(sets, edges.limit);
  }

  /** Whether it evaluates lazily. */
  get isLazy(): boolean {
    return this.#lifts !== null;
  }

  /** Changes of values, edges, sets, and what scorers said they changed. */
  get revision(): number {
    return this.#edges.revision + this.#sets.revision + this.#touches;
  }

  /** Edges that there are. */
  get edges(): number {
    return this.#edges.count;
  }

  /** Edges by name, for data that scorers keep by handle. */
  get edgeNames(): EdgeNames {
    return this.#edges;
  }

  /** Candidate sets that there are. */
  get sets(): number {
    return this.#sets.count;
  }

  /**
   * Sets that a partial evaluation would look at: dirty, or stale from earlier ones. O(1) once
   * {@linkcode SetEngine.prepare} is done.
   */
  get dirtySets(): number {
    this.#settle(Infinity);
    return this.#scores.dirty.count + this.#scores.stale.count;
  }

  /** Sets whose last evaluation threw. */
  get failedSets(): number {
    return this.#scores.failedCount;
  }

  /** Whether there is such an edge. */
  hasEdge(edgeId: string): boolean {
    return this.#edges.handleOf(edgeId) !== undefined;
  }

  /** Whether there is such a set. */
  hasSet(setId: string): boolean {
    return this.#sets.handleOf(setId) !== undefined;
  }

  /**
   * Ids of the edges of a set, in the order they were given.
   *
   * @throws {RefreshError} code `set`, when there is none.
   */
  membersOf(setId: string): readonly string[] {
    return Array.from(this.#sets.membersOf(this.#set(setId)), (edge) => this.#edges.idOf(edge));
  }

  /**
   * Ids of the sets that hold an edge. O(those sets).
   *
   * @throws {RefreshError} code `edge`, when there is none.
   */
  setsWith(edgeId: string): readonly string[] {
    const count = this.#index.read(this.#edge(edgeId));
    return Array.from(this.#index.row.subarray(0, count), (set) => this.#sets.ids[set] as string);
  }

  /** Edges with their values, in the order of their handles. */
  *eachEdge(): Generator<EdgeValue, void> {
    for (let edge = 0; edge < this.#edges.limit; edge++) {
      if (!this.#edges.isAlive(edge)) continue;
      yield { edgeId: this.#edges.idOf(edge), value: this.#edges.valueOf(edge) };
    }
  }

  /** Sets with their members, in the order of their handles. */
  *eachSet(): Generator<CandidateSetSpec, void> {
    for (let set = 0; set < this.#sets.limit; set++) {
      if (!this.#sets.isAlive(set)) continue;
      const setId = this.#sets.ids[set] as string;
      yield { setId, members: this.membersOf(setId) };
    }
  }

  /**
   * Value of an edge.
   *
   * @throws {RefreshError} code `edge`, when there is none.
   */
  valueOf(edgeId: string): number {
    return this.#edges.valueOf(this.#edge(edgeId));
  }

  /**
   * Revision of the edges at which an edge last moved.
   *
   * @throws {RefreshError} code `edge`, when there is none.
   */
  revisionOf(edgeId: string): number {
    return this.#edges.revisionOf(this.#edge(edgeId));
  }

  /**
   * Takes new values, all or none. A value that is the same, bit by bit, is no change. O(values).
   *
   * @throws {RefreshError} code `edge`, `value` or `busy`.
   */
  setValues(values: readonly EdgeValue[]): void {
    this.#assertIdle();
    const handles = values.map(({ edgeId, value }) => {
      if (Number.isFinite(value)) return this.#edge(edgeId);
      throw new RefreshError(
        "value",
        `Cannot set edge ${edgeId}: expected a finite number: current value is ${value}`,
      );
    });
    for (let i = 0; i < handles.length; i++) {
      this.#edges.set(handles[i] as number, (values[i] as EdgeValue).value);
    }
  }

  /**
   * Adds an edge, which no set holds yet.
   *
   * @throws {RefreshError} code `edge`, `value`, `bound` or `busy`.
   */
  addEdge(edgeId: string, value: number): void {
    this.#assertIdle();
    this.#edges.add(edgeId, value);
  }

  /**
   * Removes an edge that no set holds.
   *
   * @throws {RefreshError} code `edge`, `edge_in_use` or `busy`.
   */
  removeEdge(edgeId: string): void {
    this.#assertIdle();
    const edge = this.#edge(edgeId), degree = this.#index.degree(edge);
    if (degree > 0) {
      throw new RefreshError(
        "edge_in_use",
        `Cannot remove edge ${edgeId}: expected no set to hold it: current value is ${degree}`,
      );
    }
    this.#edges.remove(edge);
    this.#scorer.forget?.(edge);
  }

  /**
   * Adds a set, dirty.
   *
   * @throws {RefreshError} code `set`, `edge`, `bound` or `busy`.
   */
  addSet(setId: string, members: readonly string[]): void {
    this.#assertIdle();
    const set = this.#sets.add(setId, this.#handlesOf(setId, members));
    this.#index.add(set, this.#sets.membersOf(set));
    this.#scores.added(set);
    this.#compressIfDue();
  }

  /**
   * Removes a set.
   *
   * @throws {RefreshError} code `set` or `busy`.
   */
  removeSet(setId: string): void {
    this.#assertIdle();
    const set = this.#set(setId);
    this.#index.remove(set, this.#sets.membersOf(set));
    this.#sets.remove(set);
    this.#scores.removed(set);
    this.#compressIfDue();
  }

  /**
   * What the scorer keeps about an edge has changed: its sets must be evaluated. O(those sets).
   *
   * @throws {RefreshError} code `edge` or `busy`.
   */
  touchEdge(edgeId: string): void {
    this.#assertIdle();
    const count = this.#index.read(this.#edge(edgeId));
    for (let i = 0; i < count; i++) this.#scores.touch(this.#index.row[i] as number);
    this.#touches++;
  }

  /**
   * What the scorer keeps has changed, new correlations say: all sets must be evaluated. O(sets).
   *
   * @throws {RefreshError} code `busy`.
   */
  touchAll(): void {
    this.#assertIdle();
    for (let set = 0; set < this.#sets.limit; set++) {
      if (this.#sets.isAlive(set)) this.#scores.touch(set);
    }
    this.#touches++;
  }

  /**
   * Makes the sets that failed dirty, so that they are tried again. O(sets / 32).
   *
   * @throws {RefreshError} code `busy`.
   */
  retryFailed(): void {
    this.#assertIdle();
    this.#scores.retryFailed();
  }

  /**
   * Scores one set from the inputs, beside what is stored.
   *
   * @throws {RefreshError} code `set`, when there is none.
   */
  scoreOf(setId: string): SetScore {
    return this.#scores.compute(this.#set(setId));
  }

  /**
   * What is known of a set.
   *
   * @throws {RefreshError} code `set`, when there is none.
   */
  stateOf(setId: string): SetState {
    this.#settle(Infinity);
    const set = this.#set(setId), scores = this.#scores;
    const last = scores.lastOf(set), lastScore = Number.isNaN(last) ? null : last;
    if (scores.dirty.has(set)) return { state: "dirty", lastScore, upper: null };
    if (scores.hasFailed(set)) return { state: "failed", lastScore, upper: null };
    const state = scores.stale.has(set) ? "stale" : "clean";
    return { state, lastScore, upper: scores.blocks.keys[set] as number };
  }

  /**
   * Marks the sets of edges that moved, until that took `budgetPairs` pairs of an edge and a set:
   * some 5 ns a pair eagerly, 20 ns lazily. What is left is done by {@linkcode SetEngine.begin}.
   *
   * @throws {RefreshError} code `busy`.
   */
  prepare(budgetPairs: number): "more" | "done" {
    this.#assertIdle();
    this.#settle(budgetPairs);
    return this.#edges.moved.length > 0 ? "more" : "done";
  }

  /**
   * Starts an evaluation of the inputs as they are. Marks the sets of moved edges first, see
   * {@linkcode SetEngine.prepare}; `full` makes the inverted index anew instead, some 3 ms for half
   * a million pairs.
   *
   * @throws {RefreshError} code `busy`, when one is under way.
   */
  begin(kind: EvaluationKind): Evaluation {
    this.#assertIdle();
    const { revision } = this;
    const running = new Running(this.#workOf(kind), revision, () => this.#running = null);
    this.#running = running;
    return running;
  }

  /** Edges and sets as plain data, from which an engine like this one can be made. O(all). */
  inputs(): { readonly edges: EdgeValue[]; readonly sets: CandidateSetSpec[] } {
    return { edges: [...this.eachEdge()], sets: [...this.eachSet()] };
  }

  /**
   * Compares all structures with each other. O(members of all sets).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    this.#edges.invariant();
    this.#sets.invariant();
    this.#index.invariant(this.#sets);
    this.#scores.invariant();
    assertInvariant(
      this.isLazy || this.#scores.stale.count === 0,
      "an eager engine",
      "no set to be skipped",
    );
  }

  #workOf(kind: EvaluationKind): Work {
    if (kind === "audit") return new Audit(this.#scores, this.#sets);
    if (kind === "full") {
      this.#index.rebuild(this.#sets, this.#edges.limit);
      this.#edges.settle();
      this.#scores.reset();
      return new Sweep(this.#scores, this.#sets);
    }
    this.#settle(Infinity);
    return this.isLazy
      ? new BestFirst(this.#scores, this.#sets)
      : new Sweep(this.#scores, this.#sets);
  }

  /** Turns moved edges into dirty or stale sets, until that took so many pairs. */
  #settle(budgetPairs: number): void {
    const edges = this.#edges, index = this.#index, { moved } = edges, { dirty } = this.#scores;
    if (moved.length === 0) return;
    if (this.#lifts === null && this.#isScanCheaper()) {
      this.#scores.touchHolding(edges.movedFlags());
      edges.settle();
      return;
    }
    for (let pairs = 0; pairs < budgetPairs && moved.length > 0; edges.settleLast()) {
      const edge = moved[moved.length - 1] as number;
      // Looking at an edge costs something, too.
      pairs += 1 + index.degree(edge);
      if (this.#lifts !== null) this.#lifts.apply(edge);
      else if (edges.hasMoved(edge)) {
        const count = index.read(edge);
        dirty.markAll(index.row, count);
      }
    }
  }

  /** Whether moved edges are in so many sets that a look at all members in a row takes less. */
  #isScanCheaper(): boolean {
    const { limit } = this.#sets, index = this.#index;
    if (limit > SCAN_SETS_MAX) return false;
    let pairs = 0;
    for (const edge of this.#edges.moved) pairs += index.degree(edge);
    return pairs > 2 * limit;
  }

  #compressIfDue(): void {
    if (this.#index.isDue) this.#index.rebuild(this.#sets, this.#edges.limit);
  }

  #assertIdle(): void {
    if (this.#running === null) return;
    throw new RefreshError(
      "busy",
      "Cannot change what is evaluated: expected no evaluation under way: current value is one",
    );
  }

  #edge(edgeId: string): number {
    const handle = this.#edges.handleOf(edgeId);
    if (handle !== undefined) return handle;
    throw new RefreshError(
      "edge",
      `Cannot find an edge: expected the id of one: current value is ${shown(edgeId)}`,
    );
  }

  #set(setId: string): number {
    const handle = this.#sets.handleOf(setId);
    if (handle !== undefined) return handle;
    throw new RefreshError(
      "set",
      `Cannot find a set: expected the id of one: current value is ${shown(setId)}`,
    );
  }

  #handlesOf(setId: string, members: readonly string[]): number[] {
    return members.map((edgeId) => {
      const handle = this.#edges.handleOf(edgeId);
      if (handle !== undefined) return handle;
      throw new RefreshError(
        "edge",
        `Cannot add set ${shown(setId)}: expected ids of edges: current value is ${shown(edgeId)}`,
      );
    });
  }
}
