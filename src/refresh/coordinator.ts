/**
 * All runs of a process: makes them, refreshes them in slices, in turn, and feeds changes of edges to
 * them through the gate of modes. What it needs of the world is handed in; whoever owns it calls
 * `work` when it asks for it, and `look` about once a second.
 *
 * - One call of `work` is one slice of one run: about 2 ms, then the next run has its turn.
 * - A change that has no value says that clusters are to be woken, and scores nothing: no score can
 *   have moved. It lets a value of its edge pass that was kept.
 * - A cluster that fires, and a major change, wake the runs that hold the edge at once; any other
 *   change within a second, so that many changes make one refresh.
 * - Audits only when no run has anything else to do.
 * - What a scorer of one's own throws is a result. One that never returns holds up its process for
 *   ever: see `slice_budget.ts`.
 *
 * @module
 */

import type { FoldedChange } from "./aggregator_pending.ts";
import type { ImpactedCluster } from "./aggregator_types.ts";
import { type CoordinatedRun, LIVE_AFTER_MS } from "./coordinated_run.ts";
import type { Correlations } from "./correlation.ts";
import { type ChangeFate, ChangeFlow } from "./coordinator_changes.ts";
import { FollowedCorrelations } from "./coordinator_correlations.ts";
import { type Making, RunMaker } from "./coordinator_making.ts";
import { type NewsPorts, tellEvents, tellReport } from "./coordinator_news.ts";
import { RunTurns } from "./coordinator_turns.ts";
import { errorText } from "./fallback.ts";
import type { MagnitudeClass } from "./magnitude.ts";
import type { LoadFacts } from "./modes.ts";
import type { RefreshSpec } from "./refresh_spec.ts";
import type { ChangeGateStatus } from "./resilience.ts";
import { recordRunChange } from "./run_edit.ts";
import type { EdgeValue } from "./run_engine.ts";
import { explainRun } from "./run_explain.ts";
import { refusalFrom, type RunChangeInput, type RunInput } from "./run_input.ts";
import type { RunMaking } from "./run_make.ts";
import type { RunMetadata } from "./run_types.ts";
import type { AskedRefresh } from "./run_waiters.ts";
import { builtInScorers } from "./scorer_built_in.ts";
import type { ChangeAnswer, CreateAnswer, RefreshAnswer, RunExplanation } from "./service_types.ts";

/** Between two looks at whether runs are stale, in looks. */
const STALE_EVERY_LOOKS = 5;
/** Weight of the last second in the share of the time that refreshes work. */
const BUSY_WEIGHT = 0.3;

/** What a coordinator needs of the world. */
export interface CoordinatorPorts extends NewsPorts {
  /** Monotonic ms, for durations. */
  stopwatchMs(): number;
  /** There is work: call `work` at `atMs` (epoch ms) at the latest, now if that is past. */
  workAt(atMs: number): void;
  /** There are edges that clusters should know. */
  knowEdges(edgeIds: readonly string[]): void;
  /** A run was removed. */
  removed(run: CoordinatedRun): void;
}

/** See the head of this file. */
export class Coordinator {
  readonly #ports: CoordinatorPorts;
  readonly #spec: RefreshSpec;
  readonly #flow: ChangeFlow;
  readonly #runs = new Map<string, CoordinatedRun>();
  readonly #maker: RunMaker;
  readonly #turns: RunTurns;
  readonly #correlations = new FollowedCorrelations();
  #isMakersTurn = false;
  #busyMs = 0;
  #busyRatio = 0;
  #lookedAtMs: number;
  #looks = 0;

  /**
   * No runs yet.
   *
   * @throws {RefreshError} code `options`, for one out of range.
   */
  constructor(spec: RefreshSpec, ports: CoordinatorPorts) {
    this.#spec = spec;
    this.#ports = ports;
    const nowMs = this.#lookedAtMs = ports.nowMs();
    this.#flow = new ChangeFlow(this.#runs, spec, nowMs);
    this.#maker = new RunMaker({
      making: this.making,
      runs: this.#runs,
      nowMs: () => ports.nowMs(),
      made: (run) => this.#made(run),
      baskets: spec.baskets,
    });
    this.#turns = new RunTurns(this.#runs, ports, {
      told: (run, events) => tellEvents(run, events, ports),
      ended: (run, report) => tellReport(run, report, ports),
    });
  }

  /** What runs are made with. */
  get making(): RunMaking {
    const { scorers = builtInScorers(), runs: defaults = {} } = this.#spec;
    return { scorers, defaults, stopwatchMs: () => this.#ports.stopwatchMs() };
  }

  /** Runs by id. */
  get runs(): ReadonlyMap<string, CoordinatedRun> {
    return this.#runs;
  }

  /** Share of the last seconds in which there was work, 0 to 1. */
  get busyRatio(): number {
    return this.#busyRatio;
  }

  /** The gate. */
  get gate(): ChangeGateStatus {
    return this.#flow.status(this.#ports.nowMs());
  }

  // ---- runs ---------------------------------------------------------------------------------------

  /** Makes a run; its first refresh begins at once. `reply` is called when it is there, or not. */
  create(input: RunInput, reply: (answer: CreateAnswer) => void): void {
    this.#maker.create(input, reply);
    this.#arm();
  }

  /** Whether a run that was saved is one to go on with: settings of baskets may be others now. */
  wants(runId: string, basketSize: number | null): boolean {
    return this.#maker.wants(runId, basketSize);
  }

  /** A run that was saved, made elsewhere. */
  restored(run: CoordinatedRun): void {
    this.#runs.set(run.runId, run);
    this.#maker.restored(run);
    this.#ports.knowEdges([...run.engine.eachEdge()].map(({ edgeId }) => edgeId));
    this.#arm();
  }

  /** Removes a run; false when there is none. Whoever waits for it is told. */
  remove(runId: string): boolean {
    const run = this.#runs.get(runId);
    if (run === undefined) return this.#maker.cancel(runId);
    this.#runs.delete(runId);
    run.run.cancel();
    run.waiters.cancel();
    if (run.basketSize !== null) this.#maker.forgetBaskets();
    this.#ports.removed(run);
    return true;
  }

  /** Changes edges, sets and values of a run, all or nothing; a live one refreshes at once. */
  change(runId: string, change: RunChangeInput): ChangeAnswer {
    const run = this.#runs.get(runId);
    if (run === undefined) return { state: "unknown_run" };
    const nowMs = this.#ports.nowMs();
    try {
      this.#maker.checkRoom(change.addEdges.length, change.addSets.length);
      const changes = recordRunChange(change, run.engine, run.run.changes, nowMs);
      if (changes === 0) return { state: "recorded", changes };
      run.changed(nowMs);
      if (changes > change.values.length) run.structureChanged(nowMs);
      this.#ports.knowEdges(change.addEdges.map(({ edgeId }) => edgeId));
      run.wake(nowMs);
      this.#arm();
      return { state: "recorded", changes };
    } catch (error) {
      return refusalFrom(error);
    }
  }

  /** Sets values of edges of one run, or of every run that holds them; nothing holds them back. */
  record(values: readonly EdgeValue[], runId?: string): ChangeAnswer {
    const wrong = values.find(({ value }) => !Number.isFinite(value));
    if (wrong !== undefined) return refusedValue(wrong);
    const nowMs = this.#ports.nowMs();
    if (runId !== undefined) {
      const change = { removeSets: [], removeEdges: [], addEdges: [], addSets: [], values };
      return this.change(runId, change);
    }
    let changes = 0;
    for (const value of values) changes += this.#flow.apply(value, nowMs, nowMs + LIVE_AFTER_MS);
    this.#arm();
    return { state: "recorded", changes };
  }

  /** Refreshes a run. */
  refresh(runId: string, asked: AskedRefresh, reply: (answer: RefreshAnswer) => void): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return reply({ state: "unknown_run" });
    if (!run.waiters.add(asked, reply)) return reply({ state: "busy" });
    this.#arm();
  }

  /** One of them; null when there is none. */
  metadata(runId: string): RunMetadata | null {
    return this.#runs.get(runId)?.run.metadata(this.#ports.nowMs()) ?? null;
  }

  /** All of them, in the order in which they were made. */
  list(): readonly RunMetadata[] {
    const nowMs = this.#ports.nowMs();
    return Array.from(this.#runs.values(), ({ run }) => run.metadata(nowMs));
  }

  /** Why one is where it is; null when there is none. */
  explain(runId: string, setId?: string): RunExplanation | null {
    const run = this.#runs.get(runId);
    if (run === undefined) return null;
    const { name } = run.input.scorer;
    const kind = this.making.scorers.list().find((known) => known.name === name);
    return explainRun(run, kind?.description ?? "", setId, this.#ports.nowMs());
  }

  // ---- changes ------------------------------------------------------------------------------------

  /** A tick of the aggregator: changes go through the gate, clusters that fired wake runs. */
  moved(changes: readonly FoldedChange[], impacted: readonly ImpactedCluster[]): void {
    const nowMs = this.#ports.nowMs();
    this.#flow.moved(changes, nowMs);
    for (const { members } of impacted) {
      for (const run of this.#runs.values()) {
        if (members.some((edgeId) => run.run.changes.willHaveEdge(edgeId))) run.wake(nowMs);
      }
    }
    this.#maker.instruments(changes);
    this.#arm();
  }

  /** One change of an edge for one run alone. */
  offerTo(runId: string, edge: EdgeValue, magnitude: MagnitudeClass, atMs: number): void {
    this.#flow.offerTo(runId, edge, magnitude, { atMs, nowMs: this.#ports.nowMs() });
    this.#arm();
  }

  /** What became of a change if it came now. */
  fateOf(change: Pick<FoldedChange, "type" | "magnitude">): ChangeFate {
    return this.#flow.fateOf(change);
  }

  /** Ids of the runs that hold an edge. */
  holding(edgeId: string): string[] {
    return Array.from(this.#runs.values())
      .filter(({ run }) => run.changes.willHaveEdge(edgeId)).map(({ runId }) => runId);
  }

  /** Lets pass what is kept of the edges of a run; returns how many changes. */
  releaseOf(runId: string): number {
    const run = this.#runs.get(runId);
    return run === undefined ? 0 : this.#flow.releaseOf(run, this.#ports.nowMs());
  }

  /** New correlations, for the scorers of the runs that follow them. */
  correlated(correlations: Correlations): void {
    this.#correlations.came(correlations, this.#runs.values(), this.#ports.nowMs());
    this.#arm();
  }

  // ---- time ---------------------------------------------------------------------------------------

  /** One slice. */
  work(): void {
    const fromMs = this.#ports.stopwatchMs();
    // In turn, so that neither a large run that is made nor a long refresh keeps the other waiting.
    const isMaking = this.#isMakersTurn = !this.#isMakersTurn;
    const hasWorked = isMaking ? this.#maker.work() : this.#turns.take();
    if (!hasWorked) {
      if (isMaking) this.#turns.take();
      else this.#maker.work();
    }
    this.#busyMs += this.#ports.stopwatchMs() - fromMs;
    this.#arm();
  }

  /** How the world is: follows the modes, lets pass what is due, and looks at what is stale. */
  look(load: Pick<LoadFacts, "providersOpenRatio">): void {
    const nowMs = this.#ports.nowMs(), sinceMs = nowMs - this.#lookedAtMs;
    if (sinceMs > 0) {
      const ratio = Math.min(1, this.#busyMs / sinceMs);
      this.#busyRatio += BUSY_WEIGHT * (ratio - this.#busyRatio);
      this.#busyMs = 0;
      this.#lookedAtMs = nowMs;
    }
    const { failuresInRow } = this.#turns;
    const facts = { ...load, refreshRatio: this.#busyRatio, failuresInRow };
    const change = this.#flow.follow(facts, nowMs);
    if (change !== null) this.#ports.warn("changes of edges go by another mode", { ...change });
    if (++this.#looks % STALE_EVERY_LOOKS === 0) {
      for (const run of this.#runs.values()) {
        tellEvents(run, run.run.checkStale(nowMs), this.#ports);
      }
    }
    this.#arm();
  }

  /** Nothing more is refreshed: what is kept goes to the runs, and whoever waits is told. */
  stop(): void {
    this.#flow.releaseAll(this.#ports.nowMs());
    this.#maker.stop();
    for (const run of this.#runs.values()) {
      run.run.cancel();
      run.waiters.cancel();
    }
  }

  #made(making: Making): void {
    const { run } = making;
    try {
      this.#correlations.begin(run);
    } catch (error) {
      const fields = { run: run.runId, reason: errorText(error) };
      this.#ports.warn("a scorer does not take correlations", fields);
    }
    this.#runs.set(run.runId, run);
    this.#ports.knowEdges(making.edgeIds);
    this.#arm();
  }

  #arm(): void {
    const nowMs = this.#ports.nowMs();
    const atMs = this.#maker.hasWork ? nowMs : this.#turns.dueAtMs(nowMs);
    if (atMs < Infinity) this.#ports.workAt(atMs);
  }
}

const refusedValue = ({ edgeId, value }: EdgeValue): ChangeAnswer => ({
  state: "refused",
  code: "value",
  message: `Cannot set edge ${edgeId}: expected a finite number: current value is ${value}`,
});
