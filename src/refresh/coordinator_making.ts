/**
 * Making of runs in slices, within bounds, and the run over baskets that grows.
 *
 * A run is there once all its sets are; until then its id is taken, and whoever asked waits. Edges
 * are added in one go, since a scorer is made over edges that are there.
 *
 * @module
 */

import { BasketGrowth } from "./baskets.ts";
import { CoordinatedRun } from "./coordinated_run.ts";
import { checkWhole } from "./aggregator_checks.ts";
import { RefreshError } from "./error.ts";
import type { CandidateSetSpec } from "./evaluate.ts";
import { GENERATED_MAX, generatedCount, generatedSets } from "./generate.ts";
import { BASKET_DEFAULTS, type BasketSettings } from "./refresh_spec.ts";
import type { EdgeValue } from "./run_engine.ts";
import { refusalFrom, type RunInput } from "./run_input.ts";
import { makeRun, type RunMaking } from "./run_make.ts";
import type { CreateAnswer } from "./service_types.ts";
import { SliceBudget } from "./slice_budget.ts";

/** Most runs: each change of an edge asks every run whether it holds the edge. */
export const RUNS_MAX = 64;
/** Most sets of all runs together: some 500 MB of them as engines keep them. */
export const SETS_TOTAL_MAX = 2_000_000;
/** Most edges of all runs together: values of so many fit one record of the store. */
export const EDGES_TOTAL_MAX = 500_000;
/** Least and most instruments of a basket. */
const BASKET_SIZES = [2, 8] as const;

/** A run that is being made. */
export interface Making {
  /** The run, so far. */
  readonly run: CoordinatedRun;
  /** Its edges. */
  readonly edgeIds: readonly string[];
  /** Its sets, one after another. */
  readonly sets: Iterator<CandidateSetSpec>;
  /** Sets of a slice: adding a set costs nothing like scoring one. */
  readonly budget: SliceBudget;
  /** Sets that it will have. */
  readonly count: number;
  /** Who asked for it. */
  readonly reply: (answer: CreateAnswer) => void;
}

/** What a maker is made of. */
export interface MakerParts {
  /** What runs are made with. */
  readonly making: RunMaking;
  /** Runs by id. */
  readonly runs: ReadonlyMap<string, CoordinatedRun>;
  /** Epoch ms. */
  readonly nowMs: () => number;
  /** A run is made. */
  readonly made: (making: Making) => void;
  /** The run over baskets; null = none; undefined = as by default. */
  readonly baskets: BasketSettings | null | undefined;
}

/** See the head of this file. */
export class RunMaker {
  readonly #parts: MakerParts;
  readonly #baskets: Required<BasketSettings> | null;
  readonly #makings = new Map<string, Making>();
  /** The run over baskets, made or being made. */
  #growing: CoordinatedRun | null = null;
  /** Somebody removed it, or it cannot be made: it is left alone. */
  #areBasketsOver = false;

  /** No run is made yet. @throws {RefreshError} code `options`, for settings of baskets out of range. */
  constructor(parts: MakerParts) {
    this.#parts = parts;
    const { baskets = {} } = parts;
    this.#baskets = baskets === null ? null : { ...BASKET_DEFAULTS, ...baskets };
    if (this.#baskets === null) return;
    checkWhole("instruments of a basket", this.#baskets.size, ...BASKET_SIZES);
    checkWhole("baskets", this.#baskets.setsMax, 1, GENERATED_MAX);
  }

  /** Whether a run is being made. */
  get hasWork(): boolean {
    return this.#makings.size > 0;
  }

  /** Begins to make a run. */
  create(input: RunInput, reply: (answer: CreateAnswer) => void): void {
    const { runId } = input;
    if (this.#parts.runs.has(runId) || this.#makings.has(runId)) return reply({ state: "exists" });
    try {
      this.#begin(input, reply, null);
    } catch (error) {
      reply(refusalFrom(error));
    }
  }

  /** Gives up a run that is being made; whether there is one. */
  cancel(runId: string): boolean {
    const making = this.#makings.get(runId);
    if (making === undefined) return false;
    this.#makings.delete(runId);
    if (making.run === this.#growing) this.forgetBaskets();
    making.reply(refusalFrom(
      new RefreshError("state", `Cannot make run ${runId}: expected it to be left alone: removed`),
    ));
    return true;
  }

  /**
   * Checks that there is room for so many more edges and sets in all runs. O(runs + what waits).
   *
   * @throws {RefreshError} code `bound`.
   */
  checkRoom(edges: number, sets: number): void {
    const totals = { edges, sets };
    for (const { engine, run } of this.#parts.runs.values()) {
      totals.edges += engine.edges + run.changes.edgesToCome;
      totals.sets += engine.sets + run.changes.setsToCome;
    }
    for (const { run, count } of this.#makings.values()) {
      totals.edges += run.engine.edges;
      totals.sets += count;
    }
    if (totals.edges <= EDGES_TOTAL_MAX && totals.sets <= SETS_TOTAL_MAX) return;
    throw new RefreshError(
      "bound",
      `Cannot take more: expected at most ${EDGES_TOTAL_MAX} edges and ${SETS_TOTAL_MAX} sets in ` +
        `all runs: current values are ${totals.edges} and ${totals.sets}`,
    );
  }

  /** One slice of the run that was asked for first; whether there was one. */
  work(): boolean {
    const making = this.#makings.values().next().value;
    if (making === undefined) return false;
    const { run, sets, budget } = making, { stopwatchMs } = this.#parts.making;
    const fromMs = stopwatchMs();
    try {
      for (let left = budget.sets; left > 0; left--) {
        const next = sets.next();
        if (next.done === true) return this.#finish(making);
        run.engine.addSet(next.value.setId, next.value.members);
      }
      budget.took(stopwatchMs() - fromMs, true);
    } catch (error) {
      this.#makings.delete(run.runId);
      making.reply(refusalFrom(error));
    }
    return true;
  }

  /** Price moves of instruments: those that are new grow the run over baskets. */
  instruments(
    changes: readonly { readonly edgeId: string; readonly type: string; readonly value?: number }[],
  ): void {
    const baskets = this.#baskets;
    if (baskets === null || this.#areBasketsOver) return;
    const growth = this.#growing?.growth ?? null;
    // Of one that waits for its turn, the latest value counts.
    const isAll = growth === null || growth.isGrowing;
    const moved: EdgeValue[] = [];
    for (const { edgeId, type, value } of changes) {
      if (type !== "price_move" || value === undefined || !Number.isFinite(value)) continue;
      if (isAll || !growth.knows(edgeId)) moved.push({ edgeId, value });
    }
    if (moved.length === 0) return;
    if (this.#growing === null) this.#beginBaskets(baskets);
    this.#growing?.growth?.offer(moved);
  }

  /** Whether a run that was saved is one to go on with. */
  wants(runId: string, basketSize: number | null): boolean {
    return basketSize === null ||
      (this.#baskets?.runId === runId && this.#baskets.size === basketSize);
  }

  /** A run that was saved is there again. */
  restored(run: CoordinatedRun): void {
    if (run.basketSize === null || this.#baskets === null) return;
    run.growth = new BasketGrowth(this.#baskets);
    run.growth.offer([...run.engine.eachEdge()]);
    this.#growing = run;
  }

  /** The run over baskets was removed: it is not made again in this process. */
  forgetBaskets(): void {
    this.#growing = null;
    this.#areBasketsOver = true;
  }

  /** Nothing more is made. */
  stop(): void {
    for (const runId of [...this.#makings.keys()]) this.cancel(runId);
  }

  #begin(
    input: RunInput,
    reply: (answer: CreateAnswer) => void,
    basketSize: number | null,
  ): CoordinatedRun {
    const { runId, edges, sets, generator, scorer, options } = input;
    const { runs, making: deps, nowMs } = this.#parts;
    if (runs.size + this.#makings.size >= RUNS_MAX) {
      throw new RefreshError(
        "bound",
        `Cannot make run ${runId}: expected at most ${RUNS_MAX} runs: ` +
          `current value is ${RUNS_MAX + 1}`,
      );
    }
    const edgeIds = edges.map(({ edgeId }) => edgeId);
    const count = generator === undefined
      ? sets?.length ?? 0
      : generatedCount(edges.length, generator);
    this.checkRoom(edges.length, count);
    if (generator !== undefined && count === 0) {
      throw new RefreshError(
        "options",
        `Cannot make run ${runId}: expected at least ${generator.size} edges for sets of so many ` +
          `members: current value is ${edges.length}`,
      );
    }
    // One time for both: by it a state is known to be of this run.
    const createdAtMs = nowMs();
    const made = makeRun({ runId, edges, scorer, options }, deps, createdAtMs);
    const times = { createdAtMs, firstAtMs: createdAtMs };
    const run = new CoordinatedRun(made, { runId, scorer, options }, times, basketSize);
    const iterator = generator === undefined
      ? (sets ?? [])[Symbol.iterator]()
      : generatedSets(edgeIds, generator);
    this.#makings.set(runId, {
      run,
      edgeIds,
      sets: iterator,
      budget: new SliceBudget(),
      count,
      reply,
    });
    return run;
  }

  #finish(making: Making): true {
    const { run, reply } = making, nowMs = this.#parts.nowMs();
    this.#makings.delete(run.runId);
    run.inputsDueMs = nowMs;
    run.stateDueMs = nowMs;
    this.#parts.made(making);
    reply({ state: "created", run: run.run.metadata(nowMs) });
    return true;
  }

  #beginBaskets({ runId, size, setsMax }: Required<BasketSettings>): void {
    // One of that id that somebody made is left alone.
    if (this.#parts.runs.has(runId) || this.#makings.has(runId)) return;
    const options = { mode: "auto", isLive: true, followsCorrelations: true } as const;
    try {
      const input = { runId, edges: [], sets: [], scorer: { name: "product" }, options };
      const run = this.#begin(input, () => {}, size);
      run.growth = new BasketGrowth({ size, setsMax });
      this.#growing = run;
    } catch {
      // No room for one more run, or no scorer of that name: there is none until the next start.
      this.#areBasketsOver = true;
    }
  }
}
