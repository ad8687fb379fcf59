/**
 * An optimisation run: keeps the best candidate set while edges move, and knows how far it can be
 * trusted. A state machine; what it has to say comes back as values.
 *
 * `RunRefresher` is the machine; here it is put together with what it works on.
 *
 * Times `nowMs` are epoch milliseconds; durations are of the stopwatch in the options.
 *
 * @module
 */

import { AuditSchedule } from "./audit.ts";
import { type CostChoice, CostModel } from "./cost_model.ts";
import { RefreshError } from "./error.ts";
import { RunBook } from "./run_book.ts";
import { RunChanges } from "./run_changes.ts";
import type { RunEngine } from "./run_engine.ts";
import { RunRefresher } from "./run_refresher.ts";
import { RunResults } from "./run_results.ts";
import { checkedRunSnapshot } from "./run_snapshot.ts";
import type {
  AuditStep,
  RefreshRequest,
  RunBegin,
  RunEvent,
  RunMetadata,
  RunOptions,
  RunSnapshot,
  RunStep,
} from "./run_types.ts";
import { metadataOf, type RunParts, runSnapshotOf } from "./run_view.ts";
import { type StaleReason, staleReasons } from "./staleness.ts";

/** More changes than a run counts in a millisecond: each takes longer than 1 µs on its whole way. */
const CHANGES_PER_MS_MAX = 1_000;
/** Longest a state that changed stays unsaved, ms: its store refuses for a day then. */
const UNSAVED_MAX_MS = 86_400_000;

/** See the head of this file. */
export class OptimisationRun {
  /** Its id. */
  readonly runId: string;
  readonly #engine: RunEngine;
  readonly #options: RunOptions;
  readonly #changes: RunChanges;
  readonly #book = new RunBook();
  readonly #cost = new CostModel();
  readonly #audits: AuditSchedule;
  readonly #results: RunResults;
  #createdAtMs: number;
  readonly #refresher: RunRefresher;
  #staleTold: ReadonlySet<string> = new Set();

  /**
   * A run over `engine`, which nobody else changes. Its first refresh is a rebuild.
   *
   * @throws {RefreshError} code `options`, for one out of range.
   */
  constructor(runId: string, engine: RunEngine, options: RunOptions, nowMs: number) {
    const { minChangedEdges = 1, partialTimeoutMs = 1, fullTimeoutMs = 1 } = options;
    if (!(minChangedEdges >= 1 && partialTimeoutMs > 0 && fullTimeoutMs > 0)) {
      throw new RefreshError(
        "options",
        `Cannot make run ${runId}: expected minChangedEdges ≥ 1 and timeouts above 0 ms: ` +
          `current values are ${minChangedEdges}, ${partialTimeoutMs}, ${fullTimeoutMs}`,
      );
    }
    this.runId = runId;
    this.#engine = engine;
    this.#options = options;
    this.#createdAtMs = nowMs;
    this.#changes = new RunChanges(engine);
    this.#audits = new AuditSchedule(options.auditEvery);
    this.#results = new RunResults({ engine, changes: this.#changes, book: this.#book }, options);
    this.#refresher = new RunRefresher(this.#parts, options);
  }

  /** Where changes of edges and sets are recorded, at any time. */
  get changes(): RunChanges {
    return this.#changes;
  }

  /** Whether a refresh is under way. */
  get isRefreshing(): boolean {
    return this.#refresher.isRefreshing;
  }

  /**
   * Whether changes of the refresh under way are on their way to the engine: `step` takes about 1
   * ms whatever its budget, and says nothing of what a set costs.
   */
  get isPreparing(): boolean {
    return this.#refresher.isPreparing;
  }

  /** Whether a live refresh would begin now. */
  get wantsRefresh(): boolean {
    return this.#refresher.wantsRefresh;
  }

  /** Whether idle time is wanted for an audit. */
  get wantsAudit(): boolean {
    return this.#refresher.wantsAudit;
  }

  /** Begins a refresh. Never throws: what cannot be applied leads to a rebuild. */
  begin(request: RefreshRequest = {}): RunBegin {
    return this.#refresher.begin(request);
  }

  /**
   * Works on up to `budgetSets` sets of the refresh that is under way, or on about 1 ms of its
   * preparation. What goes wrong is told.
   *
   * @throws {RefreshError} code `options`, for a budget below 1.
   */
  step(budgetSets: number, nowMs: number): RunStep {
    return this.#refresher.step(budgetSets, nowMs);
  }

  /**
   * Works on an audit if one is due and nothing else is to be done. What goes wrong is told.
   *
   * @throws {RefreshError} code `options`, for a budget below 1.
   */
  stepAudit(budgetSets: number): AuditStep {
    return this.#refresher.stepAudit(budgetSets);
  }

  /** Gives up what is under way; the next refresh is a rebuild. For a run that is removed. */
  cancel(): void {
    this.#refresher.cancel();
  }

  /** Tells when reasons to be stale came, or the last one went. Call it now and then. */
  checkStale(nowMs: number): RunEvent[] {
    const reasons = this.#staleReasons(nowMs);
    const told = this.#staleTold;
    this.#staleTold = new Set(reasons.map(({ reason }) => reason));
    if (reasons.length === 0) return told.size > 0 ? [{ type: "fresh" }] : [];
    return reasons.some(({ reason }) => !told.has(reason)) ? [{ type: "stale", reasons }] : [];
  }

  /** What a refresh would do now, and why; changes nothing. */
  explain(): CostChoice & { readonly mustRebuild: string | null } {
    const { dirtySets, sets } = this.#engine;
    return { ...this.#cost.predict(dirtySets, sets), mustRebuild: this.#refresher.mustRebuild };
  }

  /** All there is to know. O(history + waiting edges). */
  metadata(nowMs: number): RunMetadata {
    return metadataOf(this.#all, this.#staleReasons(nowMs));
  }

  /** What outlives the process. */
  snapshot(): RunSnapshot {
    return runSnapshotOf(this.#all);
  }

  /**
   * Goes on at `nowMs` from a snapshot of this run; call it before the first refresh. Its first
   * refresh is a rebuild, which scores the published set anew, since its edges may have moved
   * meanwhile.
   *
   * Revisions rise, whatever was counted between the snapshot and a crash: they go on beyond what
   * can have been, by the time since (as long as the wall clock is not set back meanwhile).
   *
   * @throws {RefreshError} code `snapshot`; nothing is changed then.
   */
  restore(snapshot: RunSnapshot, nowMs: number): void {
    const saved = checkedRunSnapshot(snapshot, this.runId);
    this.#cost.restore(saved.cost);
    const sinceMs = nowMs - (saved.lastRefreshAtMs ?? saved.createdAtMs);
    const countedMax = Math.ceil(
      Math.min(UNSAVED_MAX_MS, Math.max(0, sinceMs)) * CHANGES_PER_MS_MAX,
    );
    this.#refresher.continueFrom(saved.revision + countedMax);
    this.#createdAtMs = saved.createdAtMs;
    this.#results.published.restore(saved.published);
    this.#results.ever.restore(saved.bestEver);
    this.#book.restore(saved.counters, saved.fallbacksBy, saved.history);
    this.#book.failuresInRow = saved.failuresInRow;
    this.#book.refreshedAtMs = saved.lastRefreshAtMs;
    this.#audits.restore(saved.audits);
  }

  get #parts(): Omit<RunParts, "isRefreshing" | "revision"> {
    return {
      runId: this.runId,
      createdAtMs: this.#createdAtMs,
      engine: this.#engine,
      changes: this.#changes,
      book: this.#book,
      results: this.#results,
      audits: this.#audits,
      cost: this.#cost,
    };
  }

  get #all(): RunParts {
    const { isRefreshing, revision } = this.#refresher;
    return { ...this.#parts, isRefreshing, revision };
  }

  #staleReasons(nowMs: number): readonly StaleReason[] {
    const changes = this.#changes, book = this.#book;
    return staleReasons(
      {
        refreshedAtMs: book.refreshedAtMs,
        createdAtMs: this.#createdAtMs,
        changes: changes.changes,
        oldestChangeAtMs: changes.oldestMs,
        failures: book.failuresInRow,
        structureChanges: changes.structureChanges,
        failedSets: this.#engine.failedSets,
      },
      nowMs,
      this.#options,
    );
  }
}
