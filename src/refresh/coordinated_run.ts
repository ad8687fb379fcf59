/**
 * A run as a coordinator keeps it: who waits for it, when it is due, what it had to say, and what of
 * it is to be saved.
 *
 * @module
 */

import type { BasketGrowth, GrowingSets } from "./baskets.ts";
import type { RunInput } from "./run_input.ts";
import type { MadeRun } from "./run_make.ts";
import type { RefreshReport, RunEvent } from "./run_types.ts";
import { RunWaiters } from "./run_waiters.ts";
import type { StampedRunEvent } from "./service_types.ts";
import { SliceBudget } from "./slice_budget.ts";

/** Events of a run that are kept: those of an hour in which something goes wrong each minute. */
export const RUN_EVENTS_MAX = 64;
/** Latest a change of an edge is refreshed for, if nothing wakes its run before, ms. */
export const LIVE_AFTER_MS = 1_000;
/** Latest values are saved after they changed, ms. */
export const SAVE_AFTER_MS = 60_000;
/** Least time between two savings of a run's state, and before its inputs are saved, ms. */
export const SAVE_PAUSE_MS = 1_000;
/** Longest pause after a live refresh that failed, ms; the first is a second. */
const RETRY_MAX_MS = 60_000;
/** Baskets that wait for a refresh at once: it takes them in one go, some 2 ms. */
const GROWN_WAITING_MAX = 2_000;
/** Baskets of one slice of growing: some 0.5 ms. */
const GROWN_PER_SLICE = 500;

/** What is to be done for a run. */
export type RunJob = "step" | "begin_asked" | "begin_first" | "begin_live" | "grow" | "audit";

/** What was written of a run's inputs. */
export interface WrittenInputs {
  /** Number of the writing. */
  readonly writing: number;
  /** Its parts. */
  readonly parts: number;
  /** Ids of the edges in them, in order. */
  readonly order: readonly string[];
}

/** See the head of this file. */
export class CoordinatedRun {
  /** What it is made of besides edges and sets. */
  readonly input: Omit<RunInput, "edges" | "sets" | "generator">;
  /** The structures. */
  readonly engine: MadeRun["engine"];
  /** The state machine. */
  readonly run: MadeRun["run"];
  /** What scores its sets. */
  readonly scorer: MadeRun["scorer"];
  /** When it was made, epoch ms. */
  readonly createdAtMs: number;
  /** Edges of a basket, if it is the run that grows; null for any other. */
  readonly basketSize: number | null;
  /** Adds baskets; null for any other run. */
  growth: BasketGrowth | null = null;
  /** Who waits. */
  readonly waiters: RunWaiters = new RunWaiters();
  /** Sets of a slice. */
  readonly budget: SliceBudget = new SliceBudget();
  /** Whether its scorer has correlations that it follows. */
  hasCorrelations = false;
  /** Whether new ones wait for its next refresh. */
  areCorrelationsWaiting = false;
  /** Counts changes of structure that the engine took. */
  structureVersion = 0;
  /** Whether the refresh under way took changes of structure. */
  isTakingStructure = false;
  /** When its inputs are to be saved, epoch ms. */
  inputsDueMs: number = Infinity;
  /** When its state is to be saved, epoch ms. */
  stateDueMs: number = Infinity;
  /** When its state was saved last. */
  stateSavedMs: number = -Infinity;
  /** Whether the last writing of its inputs went well. */
  isWritten = false;
  /** What is written of its inputs; null before the first time. */
  written: WrittenInputs | null = null;
  readonly #events: StampedRunEvent[] = [];
  #liveAtMs = Infinity;
  /** When the first refresh of this process is due; null once it began. */
  #firstAtMs: number | null;

  /** A run whose first refresh is due at `firstAtMs`. */
  constructor(
    made: MadeRun,
    input: Omit<RunInput, "edges" | "sets" | "generator">,
    times: { readonly createdAtMs: number; readonly firstAtMs: number },
    basketSize: number | null = null,
  ) {
    this.engine = made.engine;
    this.run = made.run;
    this.scorer = made.scorer;
    this.input = input;
    this.createdAtMs = times.createdAtMs;
    this.#firstAtMs = times.firstAtMs;
    this.basketSize = basketSize;
  }

  /** Its id. */
  get runId(): string {
    return this.run.runId;
  }

  /** The last things it had to say, oldest first. */
  get events(): readonly StampedRunEvent[] {
    return [...this.#events];
  }

  /** When there is something to do at the latest, epoch ms; Infinity: not by itself. */
  get dueAtMs(): number {
    return this.#firstAtMs ?? this.#liveAtMs;
  }

  /** What is to be done now; null: nothing. An audit only when nothing else is. */
  job(nowMs: number): RunJob | null {
    const { run, growth } = this;
    if (run.isRefreshing) return "step";
    if (this.waiters.hasWaiting) return "begin_asked";
    const waiting = run.changes.waitingStructure;
    if (growth?.isGrowing && waiting < GROWN_WAITING_MAX) return "grow";
    if (this.#firstAtMs !== null) return nowMs >= this.#firstAtMs ? "begin_first" : null;
    if (nowMs >= this.#liveAtMs) return "begin_live";
    return run.wantsAudit ? "audit" : null;
  }

  /** A live refresh is due at `atMs` at the latest. */
  wake(atMs: number): void {
    if (this.input.options.isLive) this.#liveAtMs = Math.min(this.#liveAtMs, atMs);
  }

  /** What held its first refresh back has come. */
  release(nowMs: number): void {
    if (this.#firstAtMs !== null) this.#firstAtMs = Math.min(this.#firstAtMs, nowMs);
  }

  /** A refresh was to begin: it has taken all that waited, or too little waits for a live one. */
  begun(hasTakenStructure: boolean): void {
    this.#firstAtMs = null;
    this.#liveAtMs = Infinity;
    this.isTakingStructure = hasTakenStructure;
    if (!hasTakenStructure) return;
    this.areCorrelationsWaiting = false;
    this.structureVersion++;
  }

  /** A refresh has ended. */
  ended({ state, publication }: RefreshReport, failuresInRow: number, nowMs: number): void {
    if (publication === null) this.changed(nowMs);
    else this.saveState(nowMs);
    // Tried again, ever more seldom: what failed may have been a passing thing.
    if (state === "failed") {
      const pauseMs = SAVE_PAUSE_MS * 2 ** Math.min(10, failuresInRow);
      if (this.run.wantsRefresh) this.wake(nowMs + Math.min(RETRY_MAX_MS, pauseMs));
    }
  }

  /** Adds some baskets; those that wait are refreshed at once. */
  grow(nowMs: number): void {
    const { growth } = this;
    if (growth === null) return;
    growth.grow(this.#growing(nowMs), GROWN_PER_SLICE);
    if (this.run.changes.waitingStructure === 0) return;
    this.wake(nowMs);
    this.structureChanged(nowMs);
  }

  /**
   * An edge has a value. Whether the run holds the edge, and this is another value than it had.
   * Values that are no numbers are left out.
   */
  setValue(edgeId: string, value: number, nowMs: number): "unknown" | "same" | "changed" {
    const { changes } = this.run;
    if (!changes.willHaveEdge(edgeId) || !Number.isFinite(value)) return "unknown";
    // With changes of structure on their way it may be another edge of that id.
    const isPlain = changes.waitingStructure === 0 && !this.run.isPreparing;
    const known = changes.waitingValueOf(edgeId) ??
      (isPlain ? this.engine.valueOf(edgeId) : undefined);
    if (Object.is(known, value)) return "same";
    changes.setValue({ edgeId, value }, nowMs);
    this.changed(nowMs);
    return "changed";
  }

  /** Value of an edge as it will be; null when there is none. */
  valueThen(edgeId: string): number | null {
    const { changes } = this.run;
    if (!changes.willHaveEdge(edgeId)) return null;
    const waiting = changes.waitingValueOf(edgeId);
    if (waiting !== undefined) return waiting;
    return this.engine.hasEdge(edgeId) ? this.engine.valueOf(edgeId) : null;
  }

  /** Keeps what it had to say. */
  note(events: readonly RunEvent[], nowMs: number): void {
    for (const event of events) this.#events.push({ atMs: nowMs, event });
    if (this.#events.length > RUN_EVENTS_MAX) {
      this.#events.splice(0, this.#events.length - RUN_EVENTS_MAX);
    }
  }

  /** Something changed that is saved within a minute. */
  changed(nowMs: number): void {
    this.stateDueMs = Math.min(this.stateDueMs, nowMs + SAVE_AFTER_MS);
  }

  /** Something changed that is saved at once, but not more often than each second. */
  saveState(nowMs: number): void {
    const soonMs = Math.max(nowMs, this.stateSavedMs + SAVE_PAUSE_MS);
    this.stateDueMs = Math.min(this.stateDueMs, soonMs);
  }

  /** Edges or sets changed. */
  structureChanged(nowMs: number): void {
    this.inputsDueMs = Math.min(this.inputsDueMs, nowMs + SAVE_PAUSE_MS);
  }

  #growing(nowMs: number): GrowingSets {
    const { engine } = this, { changes } = this.run;
    let sets = engine.sets + changes.setsToCome;
    return {
      get sets() {
        return sets;
      },
      hasEdge: (edgeId) => changes.willHaveEdge(edgeId),
      hasSet: (setId) => changes.willHaveSet(setId),
      addEdge: (edge) => changes.addEdge(edge, nowMs),
      addSet: (setId, members) => {
        changes.addSet(setId, members, nowMs);
        sets++;
      },
    };
  }
}
