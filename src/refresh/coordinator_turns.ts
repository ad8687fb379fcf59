/**
 * Whose turn it is: one slice of one run, then the next run that has something to do.
 *
 * @module
 */

import type { CoordinatedRun, RunJob } from "./coordinated_run.ts";
import { errorText } from "./fallback.ts";
import type { RefreshReport, RefreshRequest, RunEvent } from "./run_types.ts";
import type { AskedRefresh } from "./run_waiters.ts";

/** What is told of a slice. */
export interface TurnListener {
  /** A run had something to say. */
  told(run: CoordinatedRun, events: readonly RunEvent[]): void;
  /** A refresh has ended. */
  ended(run: CoordinatedRun, report: RefreshReport): void;
}

/** What it needs of the world. */
export interface TurnPorts {
  /** Epoch ms. */
  nowMs(): number;
  /** Monotonic ms. */
  stopwatchMs(): number;
  /** Something went wrong. */
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

const REQUESTS: Readonly<Record<AskedRefresh, RefreshRequest>> = {
  refresh: { onFailure: "report" },
  with_fallback: { onFailure: "rebuild" },
  rebuild: { kind: "full" },
};

/** See the head of this file. */
export class RunTurns {
  readonly #runs: ReadonlyMap<string, CoordinatedRun>;
  readonly #ports: TurnPorts;
  readonly #listener: TurnListener;
  /** The one that had its turn last. */
  #last: CoordinatedRun | null = null;
  #failuresInRow = 0;

  /** Among these runs, which come and go. */
  constructor(
    runs: ReadonlyMap<string, CoordinatedRun>,
    ports: TurnPorts,
    listener: TurnListener,
  ) {
    this.#runs = runs;
    this.#ports = ports;
    this.#listener = listener;
  }

  /** Refreshes that failed in a row, of whatever run. */
  get failuresInRow(): number {
    return this.#failuresInRow;
  }

  /** When there is something to do, epoch ms; Infinity: not by itself. O(runs). */
  dueAtMs(nowMs: number): number {
    let atMs = Infinity;
    for (const run of this.#runs.values()) {
      if (run.job(nowMs) !== null) return nowMs;
      atMs = Math.min(atMs, run.dueAtMs);
    }
    return atMs;
  }

  /** One slice; whether there was one to take. O(runs) beside it. */
  take(): boolean {
    const nowMs = this.#ports.nowMs();
    const next = this.#next(nowMs);
    if (next === null) return false;
    const [run, job] = next;
    this.#last = run;
    try {
      this.#do(run, job, nowMs);
    } catch (error) {
      // Nothing in a run throws; what does all the same must cost that run's refresh, not all runs.
      run.run.cancel();
      run.waiters.cancel();
      this.#failuresInRow++;
      this.#ports.warn("a run broke off", { run: run.runId, job, reason: errorText(error) });
    }
    return true;
  }

  /** The next run after the last one's place; one with an audit only if all have nothing else. */
  #next(nowMs: number): readonly [CoordinatedRun, RunJob] | null {
    const runs = [...this.#runs.values()];
    const from = 1 + (this.#last === null ? -1 : runs.indexOf(this.#last));
    let audit: CoordinatedRun | null = null;
    for (let i = 0; i < runs.length; i++) {
      const run = runs[(from + i) % runs.length] as CoordinatedRun;
      const job = run.job(nowMs);
      if (job === "audit") audit ??= run;
      else if (job !== null) return [run, job];
    }
    return audit === null ? null : [audit, "audit"];
  }

  #do(run: CoordinatedRun, job: RunJob, nowMs: number): void {
    if (job === "step") this.#step(run, nowMs);
    else if (job === "audit") this.#audit(run);
    else if (job === "grow") run.grow(nowMs);
    else if (job === "begin_live") this.#beginLive(run);
    else if (job === "begin_first") this.#begin(run, {});
    else this.#begin(run, REQUESTS[run.waiters.next() ?? "with_fallback"]);
  }

  /** What was waited for may have gone with another refresh. */
  #beginLive(run: CoordinatedRun): void {
    const { wantsRefresh, changes } = run.run;
    if (wantsRefresh || changes.waitingEdges > 0) this.#begin(run, { cause: "live" });
    else run.begun(false);
  }

  #begin(run: CoordinatedRun, request: RefreshRequest): void {
    const { waitingStructure } = run.run.changes;
    const { events } = run.run.begin(request);
    run.begun(waitingStructure > 0);
    this.#listener.told(run, events);
  }

  #step(run: CoordinatedRun, nowMs: number): void {
    const fromMs = this.#ports.stopwatchMs(), wasPreparing = run.run.isPreparing;
    const { state, report, events } = run.run.step(run.budget.sets, nowMs);
    if (!wasPreparing) run.budget.took(this.#ports.stopwatchMs() - fromMs, state === "more");
    else if (run.isTakingStructure) run.structureVersion++;
    this.#listener.told(run, events);
    if (report === null) return;
    this.#failuresInRow = report.state === "failed" ? this.#failuresInRow + 1 : 0;
    run.ended(report, this.#failuresInRow, nowMs);
    if (events.some(({ type }) => type === "withdrawn")) run.saveState(nowMs);
    this.#listener.ended(run, report);
  }

  #audit(run: CoordinatedRun): void {
    const fromMs = this.#ports.stopwatchMs();
    const { state, events } = run.run.stepAudit(run.budget.sets);
    run.budget.took(this.#ports.stopwatchMs() - fromMs, state === "more");
    this.#listener.told(run, events);
  }
}
