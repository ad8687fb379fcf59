/**
 * How far a job is, how fast, and when it will be done.
 *
 * Each phase has a rate of its own (`progress_rate.ts`). The time left of a phase is its items left
 * over that rate, from the upper to the lower end of the rate's range. Phases run at the same time,
 * so the job is done when the slowest is: the largest of their times counts, not the sum.
 *
 * @module
 */

import { ProgressRate, type RateRange } from "./progress_rate.ts";

/** Phases of a job: as many as a report holds. */
export const PROGRESS_PHASES_MAX = 64;

/** Time left, ms, with its 95 % range. */
export interface Eta {
  /** At the mean rate. */
  readonly ms: number;
  /** At the upper end of the rate. */
  readonly lowMs: number;
  /** At the lower end of the rate; null when that is 0: no end can be named. */
  readonly highMs: number | null;
}

/** How far one phase is. */
export interface PhaseProgress {
  /** Its name. */
  readonly name: string;
  /** Items in all. */
  readonly total: number;
  /** Items that are done: ok + failed. */
  readonly done: number;
  /** Items that succeeded. */
  readonly ok: number;
  /** Items given up. */
  readonly failed: number;
  /** done / total; 1 of nothing. */
  readonly share: number;
  /** Items a second lately; null before there is a rate. */
  readonly perSecond: number | null;
  /** Time left; null before there is a rate, and at a rate of 0. */
  readonly eta: Eta | null;
}

/** How far a job is: plain data for events. */
export interface ProgressSnapshot extends Omit<PhaseProgress, "name"> {
  /** In the order in which they were planned. */
  readonly phases: readonly PhaseProgress[];
}

interface Phase {
  readonly name: string;
  readonly total: number;
  ok: number;
  failed: number;
  readonly rate: ProgressRate;
}

/** Follows one job. O(phases) a snapshot, O(1) an item; time is handed in, monotonic. */
export class Progress {
  readonly #phases = new Map<string, Phase>();
  readonly #rate: ProgressRate;

  /** No phase yet. */
  constructor(nowMs: number) {
    this.#rate = new ProgressRate(nowMs);
  }

  /**
   * Plans a phase of `total` items; `before` of them were done in an earlier part of the run and
   * say nothing about the rate.
   *
   * @throws {RangeError} for a name that is there, counts that are none, or too many phases.
   */
  phase(
    name: string,
    total: number,
    nowMs: number,
    before: { readonly ok: number; readonly failed: number } = { ok: 0, failed: 0 },
  ): void {
    const isCount = Number.isSafeInteger(total) && before.ok + before.failed <= total;
    if (!isCount || this.#phases.has(name) || this.#phases.size >= PROGRESS_PHASES_MAX) {
      throw new RangeError(
        `Cannot plan phase ${name}: expected a new name, at most ${PROGRESS_PHASES_MAX} phases, ` +
          `and no more items done than there are: current value is ${total} items`,
      );
    }
    this.#phases.set(name, { name, total, ...before, rate: new ProgressRate(nowMs) });
  }

  /** Items of a phase that are done; those of an unknown phase are not counted. */
  done(
    name: string,
    count: { readonly ok?: number; readonly failed?: number },
    nowMs: number,
  ): void {
    const phase = this.#phases.get(name);
    if (phase === undefined) return;
    const { ok = 0, failed = 0 } = count;
    phase.ok += ok;
    phase.failed += failed;
    phase.rate.add(nowMs, ok + failed);
    this.#rate.add(nowMs, ok + failed);
  }

  /** How far it is now. */
  snapshot(nowMs: number): ProgressSnapshot {
    const phases = Array.from(this.#phases.values(), (phase) => phaseProgress(phase, nowMs));
    const sum = { total: 0, done: 0, ok: 0, failed: 0 };
    for (const { total, done, ok, failed } of phases) {
      sum.total += total;
      sum.done += done;
      sum.ok += ok;
      sum.failed += failed;
    }
    return {
      ...sum,
      share: sum.total === 0 ? 1 : sum.done / sum.total,
      perSecond: this.#rate.range(nowMs)?.perSecond ?? null,
      eta: slowestOf(phases),
      phases,
    };
  }
}

function phaseProgress(phase: Phase, nowMs: number): PhaseProgress {
  const { name, total, ok, failed } = phase;
  const done = ok + failed;
  const range = phase.rate.range(nowMs);
  return {
    name,
    total,
    done,
    ok,
    failed,
    share: total === 0 ? 1 : done / total,
    perSecond: range?.perSecond ?? null,
    eta: etaOf(total - done, range),
  };
}

function etaOf(left: number, range: RateRange | null): Eta | null {
  if (left <= 0) return { ms: 0, lowMs: 0, highMs: 0 };
  if (range === null || range.perSecond === 0) return null;
  return {
    ms: left / range.perSecond * 1_000,
    lowMs: left / range.high * 1_000,
    highMs: range.low === 0 ? null : left / range.low * 1_000,
  };
}

/** Null when one phase has none: the job is not done before that one is. */
function slowestOf(phases: readonly PhaseProgress[]): Eta | null {
  let ms = 0, lowMs = 0;
  let highMs: number | null = 0;
  for (const { eta } of phases) {
    if (eta === null) return null;
    ms = Math.max(ms, eta.ms);
    lowMs = Math.max(lowMs, eta.lowMs);
    highMs = highMs === null || eta.highMs === null ? null : Math.max(highMs, eta.highMs);
  }
  return { ms, lowMs, highMs };
}
