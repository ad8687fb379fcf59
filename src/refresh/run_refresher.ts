/**
 * The state machine of a run's refreshes and audits.
 *
 * ```
 *        begin                 step …              step … done, right
 *   idle ─────▶ preparing ─────────────▶ partial ──────────────────────▶ idle
 *                   │                      │ error, scorer, timeout,       ▲
 *                   │ first, asked,        ▼ invariant, degraded           │
 *                   └──────────────────▶ full ─────────────────────────────┘
 *                     cheaper, audit           step … done, right or failed
 * ```
 *
 * - `begin` takes all changes recorded until then; what is recorded later waits for the next. They
 *   are handed to the engine, and the sets of moved edges marked, in slices: the first is part of
 *   `begin`, and as a rule the only one. Then the published set is scored anew if its own edges
 *   moved, and a partial refresh or a rebuild is chosen. `step` works on one slice.
 * - A refresh that fails changes what is published for the better only. A rebuild on which the
 *   scorer threw gives the best of the sets that have a score, and still counts as failed.
 * - After a failure that leaves the structures in doubt, the next refresh is a rebuild.
 * - Sets that failed in a rebuild cause no other one: it would find the same. They are tried in
 *   each refresh, which is incomplete as long as they fail.
 *
 * @module
 */

import type { AuditSchedule } from "./audit.ts";
import type { CostModel } from "./cost_model.ts";
import { RefreshError } from "./error.ts";
import { type Fault, faultOf } from "./fallback.ts";
import type { BestQuality } from "./published.ts";
import { Attempt } from "./run_attempt.ts";
import { RunAudit } from "./run_audit.ts";
import type { RunBook } from "./run_book.ts";
import type { RunChanges } from "./run_changes.ts";
import type { EvaluationOutcome, FailedSet, RunEngine, ScoredSet } from "./run_engine.ts";
import type { Accepted, RunResults } from "./run_results.ts";
import type {
  AuditStep,
  RefreshReport,
  RefreshRequest,
  RefreshState,
  RefreshWhy,
  RunBegin,
  RunEvent,
  RunOptions,
  RunStep,
} from "./run_types.ts";

/** Longest that a partial refresh works unless said otherwise, ms. */
export const PARTIAL_TIMEOUT_MS = 5_000;
/** Longest that a rebuild works unless said otherwise, ms: 100,000 sets of 100 µs, six times. */
export const FULL_TIMEOUT_MS = 60_000;
/**
 * Failed sets that are remembered, if the engine names them all; with more, the scorer is broken,
 * and each refresh fails.
 */
const KNOWN_FAILED_MAX = 1_000;
/** Changes that a slice hands to the engine: about 1 ms. */
const PREPARE_CHANGES = 500;
/** Pairs of a moved edge and a set that a slice marks: at 5 to 20 ns, 0.3 to 1.3 ms. */
const PREPARE_PAIRS = 65_536;

/** A refresh whose changes are on their way to the engine. */
interface Preparing {
  readonly kind: "full" | "cheapest";
  readonly onFailure: "rebuild" | "report";
  busyMs: number;
}

/** A refresh under way. */
interface Active {
  readonly why: RefreshWhy;
  readonly onFailure: "rebuild" | "report";
  readonly setsAffected: number;
  attempt: Attempt;
  fallback: Fault | null;
  /** Totals over its attempts. */
  readonly totals: { evaluated: number; skipped: number; changed: number; unchanged: number };
  busyMs: number;
}

/** What it works with. */
export interface RefresherParts {
  /** The structures. */
  readonly engine: RunEngine;
  /** Changes on their way. */
  readonly changes: RunChanges;
  /** Keeps count. */
  readonly book: RunBook;
  /** What refreshes cost. */
  readonly cost: CostModel;
  /** When audits are due. */
  readonly audits: AuditSchedule;
  /** The bests. */
  readonly results: RunResults;
}

/** See the head of this file. */
export class RunRefresher {
  readonly #engine: RunEngine;
  readonly #options: RunOptions;
  readonly #changes: RunChanges;
  readonly #book: RunBook;
  readonly #cost: CostModel;
  readonly #audits: AuditSchedule;
  readonly #results: RunResults;
  /** Revision of the inputs before this process. */
  #revisionBase = 0;
  #preparing: Preparing | null = null;
  #active: Active | null = null;
  #audit: RunAudit | null = null;
  /** Why the next refresh is a rebuild whatever the costs; null when it need not be. */
  #mustRebuild: "first" | "untrusted" | "audit" | null = "first";
  /** Whether an earlier result was wrong, so that the next right one is a correction. */
  #isDoubted = false;
  /** Sets that failed in a rebuild, and ever since. */
  #knownFailed: ReadonlySet<string> = new Set();

  /** Nothing is under way; the first refresh is a rebuild. */
  constructor(parts: RefresherParts, options: RunOptions) {
    this.#engine = parts.engine;
    this.#options = options;
    this.#changes = parts.changes;
    this.#book = parts.book;
    this.#cost = parts.cost;
    this.#audits = parts.audits;
    this.#results = parts.results;
  }

  /** Revision of the inputs, rising over restarts. */
  get revision(): number {
    return this.#revisionBase + this.#engine.revision;
  }

  /** Why the next refresh is a rebuild whatever the costs; null when it need not be. */
  get mustRebuild(): "first" | "untrusted" | "audit" | null {
    return this.#mustRebuild;
  }

  /** Whether a refresh is under way. */
  get isRefreshing(): boolean {
    return this.#preparing !== null || this.#active !== null;
  }

  /** Whether its changes are on their way to the engine: `step` looks at no set yet. */
  get isPreparing(): boolean {
    return this.#preparing !== null;
  }

  /** Whether a live refresh would begin now. */
  get wantsRefresh(): boolean {
    const { waitingEdges, waitingStructure } = this.#changes;
    return !this.isRefreshing && (this.#mustRebuild !== null || waitingStructure > 0 ||
      waitingEdges >= (this.#options.minChangedEdges ?? 1));
  }

  /** Whether idle time is wanted for an audit. */
  get wantsAudit(): boolean {
    return this.#audit !== null || (this.#audits.isDue && this.#canAudit);
  }

  /** Begins a refresh. Never throws: what cannot be applied leads to a rebuild. */
  begin(request: RefreshRequest = {}): RunBegin {
    const { cause = "asked", kind = "cheapest", onFailure = "rebuild" } = request;
    if (this.isRefreshing) return { state: "busy", events: [] };
    if (cause === "live" && !this.wantsRefresh) {
      this.#book.count("held");
      return { state: "held", events: [] };
    }
    const events = this.#cutOffAudit();
    this.#changes.take();
    this.#preparing = { kind, onFailure, busyMs: 0 };
    this.#prepare(this.#preparing, events);
    return { state: "begun", events };
  }

  /**
   * Works on up to `budgetSets` sets of the refresh that is under way, or on about 1 ms of its
   * preparation. What goes wrong is told.
   *
   * @throws {RefreshError} code `options`, for a budget below 1.
   */
  step(budgetSets: number, nowMs: number): RunStep {
    checkBudget(budgetSets);
    if (this.#preparing !== null) {
      const events: RunEvent[] = [];
      this.#prepare(this.#preparing, events);
      return { state: "more", report: null, events };
    }
    const active = this.#active;
    if (active === null) return { state: "idle", report: null, events: [] };
    const { attempt } = active;
    const step = attempt.step(budgetSets);
    if (step.state === "more") return { state: "more", report: null, events: [] };
    active.busyMs += attempt.busyMs;
    const outcome = step.outcome;
    if (outcome !== null) this.#count(active, outcome, attempt);
    if (step.state === "done") return this.#succeeded(active, step.outcome, null, nowMs);
    return this.#faulted(active, step.fault, outcome, nowMs);
  }

  /**
   * Works on an audit if one is due and nothing else is to be done. What goes wrong is told.
   *
   * @throws {RefreshError} code `options`, for a budget below 1.
   */
  stepAudit(budgetSets: number): AuditStep {
    checkBudget(budgetSets);
    if (!this.wantsAudit) return { state: "none", events: [] };
    this.#audit ??= new RunAudit(this.#engine, this.#results.live);
    const slice = this.#audit.step(budgetSets);
    if (slice.state === "more") return { state: "more", events: [] };
    this.#audit = null;
    this.#audits.finished(slice.state === "matched");
    if (slice.state === "matched") {
      this.#results.ever.prove();
      return { state: "matched", events: failedEvents(slice.failed, this.#knownFailed) };
    }
    const events: RunEvent[] = [
      { type: "audit_failed", detail: slice.detail, revision: this.revision },
    ];
    this.#doubt("audit");
    this.#start("audit", { onFailure: "rebuild", busyMs: 0 }, "full", events);
    return { state: "mismatch", events };
  }

  /** Gives up what is under way; the next refresh is a rebuild. For a run that is removed. */
  cancel(): void {
    this.#active?.attempt.cancel();
    this.#audit?.cancel();
    if (this.isRefreshing) this.#mustRebuild ??= "untrusted";
    this.#preparing = null;
    this.#active = null;
    this.#audit = null;
  }

  /** Revisions go on from there. */
  continueFrom(revision: number): void {
    this.#revisionBase = revision;
  }

  /** An audit compares with a result that holds now. */
  get #canAudit(): boolean {
    return !this.isRefreshing && this.#mustRebuild === null && this.#changes.isSettled;
  }

  /** One slice of preparation; after the last one the refresh is active. */
  #prepare(preparing: Preparing, events: RunEvent[]): void {
    const { stopwatchMs } = this.#options, fromMs = stopwatchMs();
    let fault: Fault | null = null, isMore = false;
    let why: RefreshWhy = this.#mustRebuild ?? "untrusted";
    try {
      isMore = this.#handOver(events) === "more";
      if (!isMore) why = this.#choose(preparing.kind);
    } catch (error) {
      fault = faultOf("error", error);
    }
    preparing.busyMs += Math.max(0, stopwatchMs() - fromMs);
    if (fault === null && isMore) return;
    this.#preparing = null;
    const isPartial = why === "partial_cheaper" && fault === null;
    if (why === "partial_cheaper") this.#book.count("partialWanted");
    this.#start(why, preparing, isPartial ? "partial" : "full", events);
    if (fault !== null) this.#noteFallback(fault, events);
  }

  #handOver(events: RunEvent[]): "more" | "done" {
    const engine = this.#engine;
    if (this.#changes.handOver(PREPARE_CHANGES, events) === "more") return "more";
    if (engine.failedSets > 0) engine.retryFailed?.();
    return engine.prepare?.(PREPARE_PAIRS) ?? "done";
  }

  #choose(kind: "full" | "cheapest"): RefreshWhy {
    if (this.#mustRebuild !== null) return this.#mustRebuild;
    if (kind === "full") return "asked";
    const { dirtySets, sets } = this.#engine;
    const { kind: cheaper, isTrial } = this.#cost.choose(dirtySets, sets);
    if (isTrial) return "trial";
    return cheaper === "full" ? "full_cheaper" : "partial_cheaper";
  }

  #start(
    why: RefreshWhy,
    { onFailure, busyMs }: Omit<Preparing, "kind">,
    kind: "partial" | "full",
    events: RunEvent[],
  ): void {
    const engine = this.#engine;
    this.#active = {
      why,
      onFailure,
      setsAffected: kind === "partial" ? engine.dirtySets : engine.sets,
      attempt: this.#attempt(kind, events),
      fallback: null,
      totals: { evaluated: 0, skipped: 0, changed: 0, unchanged: 0 },
      busyMs,
    };
  }

  /** The incumbents are scored first: their scores are what the result is judged by. */
  #attempt(kind: "partial" | "full", events: RunEvent[]): Attempt {
    const { stopwatchMs, check, partialTimeoutMs, fullTimeoutMs } = this.#options;
    const engine = this.#engine;
    let floor: ScoredSet | null = null;
    try {
      events.push(...this.#results.markPublished(kind === "full"));
      floor = this.#results.floor(kind === "full");
    } catch {
      // The evaluation meets the same error, and is watched.
    }
    return new Attempt({
      engine,
      kind,
      expected: {
        revision: engine.revision,
        sets: engine.sets,
        candidates: kind === "partial" ? engine.dirtySets : engine.sets,
        floor,
      },
      timeoutMs: kind === "partial"
        ? partialTimeoutMs ?? PARTIAL_TIMEOUT_MS
        : fullTimeoutMs ?? FULL_TIMEOUT_MS,
      stopwatchMs,
      check,
    });
  }

  #count(active: Active, outcome: EvaluationOutcome, attempt: Attempt): void {
    this.#book.evaluated(outcome);
    this.#book.count("rescored", outcome.best === null ? 0 : 1);
    for (const name of ["evaluated", "skipped", "changed", "unchanged"] as const) {
      active.totals[name] += outcome[name];
    }
    this.#book.took(attempt.kind, attempt.busyMs);
    this.#cost.record(attempt.kind, outcome.candidates, attempt.busyMs);
  }

  #succeeded(
    active: Active,
    outcome: EvaluationOutcome,
    fault: Fault | null,
    nowMs: number,
  ): RunStep {
    const isFull = active.attempt.kind === "full";
    const accepted = this.#accept(outcome, this.#isDoubted ? "correction" : "right", nowMs);
    if (isFull) {
      this.#audits.rebuilt();
      this.#results.ever.prove();
      this.#mustRebuild = null;
    } else {
      this.#audits.refreshed();
    }
    this.#knownFailed = idsOf(outcome);
    this.#isDoubted = false;
    this.#changes.succeeded();
    const state = fault !== null || this.#engine.failedSets > 0 ? "incomplete" : "succeeded";
    return this.#end(active, state, fault, accepted, [], nowMs);
  }

  #faulted(
    active: Active,
    fault: Fault,
    outcome: EvaluationOutcome | null,
    nowMs: number,
  ): RunStep {
    if (outcome !== null && this.#areKnown(outcome)) {
      return this.#succeeded(active, outcome, fault, nowMs);
    }
    const events = failedEvents(outcome?.failed ?? [], this.#knownFailed);
    if (fault.reason === "invariant" || fault.reason === "degraded") this.#doubt("untrusted");
    if (active.attempt.kind === "partial" && active.onFailure === "rebuild") {
      active.attempt = this.#attempt("full", events);
      this.#noteFallback(fault, events);
      return { state: "more", report: null, events };
    }
    if (outcome === null || active.attempt.kind === "partial") {
      this.#mustRebuild ??= "untrusted";
      const nothing = { publication: null, events: [] };
      return this.#end(active, "failed", fault, nothing, events, nowMs);
    }
    // A rebuild has evaluated all but the sets that threw.
    this.#mustRebuild = null;
    this.#knownFailed = idsOf(outcome);
    const accepted = this.#accept(outcome, "failed", nowMs);
    return this.#end(active, "failed", fault, accepted, events, nowMs);
  }

  #accept(outcome: EvaluationOutcome, quality: BestQuality, nowMs: number): Accepted {
    if (outcome.best === null) {
      return { publication: null, events: this.#results.none(this.#engine.sets) };
    }
    return this.#results.accept(outcome.best, quality, this.revision, nowMs);
  }

  #end(
    active: Active,
    state: RefreshState,
    fault: Fault | null,
    accepted: Accepted,
    events: RunEvent[],
    nowMs: number,
  ): RunStep {
    this.#active = null;
    const report: RefreshReport = {
      state,
      kind: active.attempt.kind,
      why: active.why,
      fallback: active.fallback?.reason ?? null,
      fault,
      best: this.#results.live,
      publication: accepted.publication,
      revision: this.revision,
      setsAffected: active.setsAffected,
      ...active.totals,
      failedSets: this.#engine.failedSets,
      busyMs: active.busyMs,
    };
    this.#book.ended(report, nowMs);
    events.push(...accepted.events);
    const { failuresInRow } = this.#book;
    if (state === "failed" && fault !== null) events.push({ type: "failed", fault, failuresInRow });
    return { state: "done", report, events };
  }

  #noteFallback(fault: Fault, events: RunEvent[]): void {
    if (this.#active !== null) this.#active.fallback = fault;
    this.#book.fellBack(fault.reason);
    events.push({ type: "fallback", fault });
  }

  #doubt(why: "untrusted" | "audit"): void {
    this.#isDoubted = true;
    this.#mustRebuild = why;
    this.#results.ever.doubt();
  }

  /** Whether all sets that failed also failed in a rebuild, and ever since. */
  #areKnown({ failed, failedCount }: EvaluationOutcome): boolean {
    return failed.length === failedCount &&
      failed.every(({ setId }) => this.#knownFailed.has(setId));
  }

  #cutOffAudit(): RunEvent[] {
    if (this.#audit === null) return [];
    this.#audit.cancel();
    this.#audit = null;
    if (!this.#audits.cutOff()) return [];
    return [{ type: "audit_overdue", cutOff: this.#audits.counts().cutOff }];
  }
}

function checkBudget(budgetSets: number): void {
  if (budgetSets >= 1) return;
  throw new RefreshError(
    "options",
    `Cannot work on a run: expected a budget of at least 1 set: current value is ${budgetSets}`,
  );
}

const failedEvents = (failed: readonly FailedSet[], known: ReadonlySet<string>): RunEvent[] =>
  failed.filter(({ setId }) => !known.has(setId))
    .map(({ setId, error }) => ({ type: "set_failed", setId, error }));

/** Ids of the sets that failed; none if they are too many to remember. */
const idsOf = ({ failed, failedCount }: EvaluationOutcome): ReadonlySet<string> =>
  new Set(
    failed.length === failedCount && failedCount <= KNOWN_FAILED_MAX
      ? failed.map(({ setId }) => setId)
      : [],
  );
