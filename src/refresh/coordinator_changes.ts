/**
 * Changes of edges on their way to runs: through the gate of modes, then to every run that holds the
 * edge, or to the one it is meant for.
 *
 * @module
 */

import type { FoldedChange } from "./aggregator_pending.ts";
import { type CoordinatedRun, LIVE_AFTER_MS } from "./coordinated_run.ts";
import {
  type MagnitudeClass,
  magnitudeClass,
  type MagnitudeSettings,
  magnitudeSettings,
} from "./magnitude.ts";
import type { LoadFacts, ModeChange, ModeName } from "./modes.ts";
import type { RefreshSpec } from "./refresh_spec.ts";
import { ChangeGate, type ChangeGateStatus, type ClassifiedChange } from "./resilience.ts";
import type { EdgeValue } from "./run_engine.ts";

/** Between the id of an edge and that of a run in the gate: neither can hold it. */
const OF_RUN = "\0";

/** Class of a change, and what the mode does with it. */
export interface ChangeFate {
  /** Its class by magnitude. */
  readonly class: MagnitudeClass;
  /** Whether the mode keeps it for later. */
  readonly isDeferred: boolean;
  /** The mode. */
  readonly mode: ModeName;
}

/** See the head of this file. */
export class ChangeFlow {
  readonly #runs: ReadonlyMap<string, CoordinatedRun>;
  readonly #gate: ChangeGate;
  readonly #classes: MagnitudeSettings;

  /**
   * Towards these runs, which come and go.
   *
   * @throws {RefreshError} code `options`, for one out of range.
   */
  constructor(runs: ReadonlyMap<string, CoordinatedRun>, spec: RefreshSpec, nowMs: number) {
    this.#runs = runs;
    this.#gate = new ChangeGate(nowMs, spec.gate);
    this.#classes = magnitudeSettings(spec.aggregator?.magnitude);
  }

  /** The gate. */
  status(nowMs: number): ChangeGateStatus {
    return this.#gate.status(nowMs);
  }

  /** What became of a change if it came now. */
  fateOf({ type, magnitude }: Pick<FoldedChange, "type" | "magnitude">): ChangeFate {
    const own = magnitudeClass(this.#classes, type, magnitude);
    return { class: own, isDeferred: this.#gate.keeps(own), mode: this.#gate.mode };
  }

  /** Changes of a tick. Those without a value let a value of their edge pass that was kept. */
  moved(changes: readonly FoldedChange[], nowMs: number): void {
    for (const { edgeId, class: magnitude, value = null, at } of changes) {
      this.#offer({ edgeId, magnitude, value, atMs: at }, nowMs);
    }
  }

  /** A change for one run alone. */
  offerTo(
    runId: string,
    { edgeId, value }: EdgeValue,
    magnitude: MagnitudeClass,
    times: { readonly atMs: number; readonly nowMs: number },
  ): void {
    const key = edgeId + OF_RUN + runId;
    this.#offer({ edgeId: key, magnitude, value, atMs: times.atMs }, times.nowMs);
  }

  /** Follows the load, and lets pass what is due. */
  follow(load: Omit<LoadFacts, "changesPerS">, nowMs: number): ModeChange | null {
    const change = this.#gate.follow(load, nowMs);
    this.#pass(this.#gate.due(nowMs), nowMs);
    return change;
  }

  /** Lets pass what is kept of the edges of a run; returns how many changes. O(kept). */
  releaseOf({ runId, run }: CoordinatedRun, nowMs: number): number {
    const released = this.#gate.releaseOf((key) => {
      const [edgeId = "", only = runId] = key.split(OF_RUN);
      return only === runId && run.changes.willHaveEdge(edgeId);
    });
    this.#pass(released, nowMs);
    return released.length;
  }

  /** Lets all pass. */
  releaseAll(nowMs: number): void {
    this.#pass(this.#gate.releaseOf(() => true), nowMs);
  }

  /**
   * An edge has a value, of one run or of every run that holds it; a live refresh of theirs is due at
   * `wakeAtMs`. Returns how many runs have another value now. O(runs).
   */
  apply({ edgeId, value }: EdgeValue, nowMs: number, wakeAtMs: number, runId?: string): number {
    let changed = 0;
    for (const run of this.#runs.values()) {
      if (runId !== undefined && run.runId !== runId) continue;
      if (run.setValue(edgeId, value, nowMs) !== "changed") continue;
      run.wake(wakeAtMs);
      changed++;
    }
    return changed;
  }

  #offer(change: ClassifiedChange, nowMs: number): void {
    this.#pass(this.#gate.offer(change, nowMs), nowMs);
  }

  #pass(changes: readonly ClassifiedChange[], nowMs: number): void {
    for (const { edgeId: key, value, magnitude } of changes) {
      if (value === null) continue;
      const [edgeId = "", runId] = key.split(OF_RUN);
      const wakeAtMs = magnitude === "major" ? nowMs : nowMs + LIVE_AFTER_MS;
      this.apply({ edgeId, value }, nowMs, wakeAtMs, runId);
    }
  }
}
