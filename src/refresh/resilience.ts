/**
 * Lets changes of edges through, or keeps them for a while, by mode.
 *
 * | mode | minor | moderate | major |
 * |---|---|---|---|
 * | normal | at once | at once | at once |
 * | degraded | kept | at once | at once |
 * | burst | kept | kept for a moment | at once |
 *
 * - Changes of one edge that is kept are conflated: the last value counts. A change that passes
 *   replaces the kept one of its edge.
 * - Nothing is lost, and nothing is kept longer than {@linkcode MINOR_HOLD_MS} and
 *   {@linkcode MODERATE_HOLD_MS} together. When too many are kept, the oldest passes.
 *
 * @module
 */

import { RefreshError } from "./error.ts";
import type { MagnitudeClass } from "./magnitude.ts";
import { type ModeChange, ModeMachine, type ModeName, type ModeOptions } from "./modes.ts";
import type { LoadFacts } from "./modes.ts";

/** Longest that a minor change is kept, ms: half of what makes a run stale. */
export const MINOR_HOLD_MS = 30_000;
/** Longest that a moderate change is kept in a burst, ms: many changes make one refresh. */
export const MODERATE_HOLD_MS = 1_000;
/** Edges of which a change is kept: 20 MB of them at the most. */
export const KEPT_MAX = 100_000;
/** Changes per second are a mean over about so long, ms. */
const RATE_MS = 5_000;

/** A change of an edge, classified. */
export interface ClassifiedChange {
  /** Id of the edge. */
  readonly edgeId: string;
  /** How much it matters. */
  readonly magnitude: MagnitudeClass;
  /** The new value; null when only the magnitude is known. */
  readonly value: number | null;
  /** When it came, epoch ms. */
  readonly atMs: number;
}

/** How a gate is set up. */
export interface ChangeGateOptions extends ModeOptions {
  /** Edges of which a change is kept, ≥ 1; {@linkcode KEPT_MAX} unless said otherwise. */
  readonly keptMax?: number;
}

/** Counts since the gate was made. */
export interface ChangeGateCounts {
  /** Changes that came. */
  readonly offered: number;
  /** Let through at once. */
  readonly passed: number;
  /** Kept. */
  readonly deferred: number;
  /** Kept ones that a later change of their edge replaced. */
  readonly conflated: number;
  /** Kept ones let through later. */
  readonly released: number;
}

/** What is going on at a gate. */
export interface ChangeGateStatus extends ChangeGateCounts {
  /** The mode. */
  readonly mode: ModeName;
  /** Since when, epoch ms. */
  readonly sinceMs: number;
  /** Changes of mode. */
  readonly modeChanges: number;
  /** Changes kept now. */
  readonly kept: number;
  /** Changes per second, a mean of the last seconds. */
  readonly changesPerS: number;
}

/** See the head of this file. O(1) per change, amortised. */
export class ChangeGate {
  readonly #modes: ModeMachine;
  readonly #keptMax: number;
  /** Kept changes by edge, in the order of their time: a map keeps the place of a first entry. */
  readonly #minor = new Map<string, Kept>();
  readonly #moderate = new Map<string, Kept>();
  readonly #counts = { offered: 0, passed: 0, deferred: 0, conflated: 0, released: 0 };
  #rate = 0;
  #rateAtMs: number;

  /**
   * Nothing is kept, in normal mode.
   *
   * @throws {RefreshError} code `options`, for one out of range.
   */
  constructor(nowMs: number, options: ChangeGateOptions = {}) {
    const { keptMax = KEPT_MAX } = options;
    if (!Number.isSafeInteger(keptMax) || keptMax < 1) {
      throw new RefreshError(
        "options",
        `Cannot set up a gate: expected a whole keptMax ≥ 1: current value is ${keptMax}`,
      );
    }
    this.#keptMax = keptMax;
    this.#modes = new ModeMachine(nowMs, options);
    this.#rateAtMs = nowMs;
  }

  /** The mode. */
  get mode(): ModeName {
    return this.#modes.mode;
  }

  /** Takes a change. Returns what passes now: none, that one, or one that had to make room. */
  offer(change: ClassifiedChange, nowMs: number): ClassifiedChange[] {
    this.#counts.offered++;
    this.#fade(nowMs);
    this.#rate += 1_000 / RATE_MS;
    const before = this.#minor.get(change.edgeId) ?? this.#moderate.get(change.edgeId);
    if (before !== undefined) this.#counts.conflated++;
    const latest = before === undefined ? change : merged(before.change, change);
    const queue = this.#queueFor(change.magnitude);
    if (queue === null) {
      before?.queue.delete(change.edgeId);
      this.#counts.passed++;
      return [latest];
    }
    this.#counts.deferred++;
    this.#keep(queue, latest, before, nowMs);
    return this.#makeRoom();
  }

  /** Follows the load; the rate of changes is the gate's own. */
  follow(load: Omit<LoadFacts, "changesPerS">, nowMs: number): ModeChange | null {
    this.#fade(nowMs);
    return this.#modes.follow({ ...load, changesPerS: this.#rate }, nowMs);
  }

  /** What was kept and passes now: by its time, or because the mode lets it. */
  due(nowMs: number): ClassifiedChange[] {
    const { mode } = this.#modes;
    const released: ClassifiedChange[] = [];
    this.#release(this.#moderate, mode === "burst" ? MODERATE_HOLD_MS : 0, nowMs, released);
    this.#release(this.#minor, mode === "normal" ? 0 : MINOR_HOLD_MS, nowMs, released);
    return released;
  }

  /** Whether a change of this class is kept in the present mode. */
  keeps(magnitude: MagnitudeClass): boolean {
    return this.#queueFor(magnitude) !== null;
  }

  /** Lets through what is kept of these edges, whatever the mode. O(kept). */
  releaseOf(isWanted: (edgeId: string) => boolean): ClassifiedChange[] {
    const released: ClassifiedChange[] = [];
    for (const queue of [this.#moderate, this.#minor]) {
      for (const [edgeId, { change }] of queue) {
        if (!isWanted(edgeId)) continue;
        queue.delete(edgeId);
        this.#counts.released++;
        released.push(change);
      }
    }
    return released;
  }

  /** What is going on. */
  status(nowMs: number): ChangeGateStatus {
    this.#fade(nowMs);
    return {
      ...this.#counts,
      mode: this.#modes.mode,
      sinceMs: this.#modes.sinceMs,
      modeChanges: this.#modes.changes,
      kept: this.#minor.size + this.#moderate.size,
      changesPerS: this.#rate,
    };
  }

  #queueFor(magnitude: MagnitudeClass): Map<string, Kept> | null {
    const { mode } = this.#modes;
    if (magnitude === "minor" && mode !== "normal") return this.#minor;
    return magnitude === "moderate" && mode === "burst" ? this.#moderate : null;
  }

  #keep(
    queue: Map<string, Kept>,
    change: ClassifiedChange,
    before: Kept | undefined,
    nowMs: number,
  ): void {
    const { edgeId } = change;
    if (before !== undefined && (before.queue === queue || before.queue === this.#moderate)) {
      // One that was kept as moderate stays that. Its place and its time stay, too.
      before.queue.set(edgeId, { ...before, change });
      return;
    }
    before?.queue.delete(edgeId);
    queue.set(edgeId, { change, sinceMs: nowMs, queue });
  }

  #makeRoom(): ClassifiedChange[] {
    if (this.#minor.size + this.#moderate.size <= this.#keptMax) return [];
    const oldest = firstOf(this.#minor) ?? firstOf(this.#moderate);
    if (oldest === undefined) return [];
    oldest.queue.delete(oldest.change.edgeId);
    this.#counts.released++;
    return [oldest.change];
  }

  #release(
    queue: Map<string, Kept>,
    holdMs: number,
    nowMs: number,
    released: ClassifiedChange[],
  ): void {
    for (const [edgeId, { change, sinceMs }] of queue) {
      // A clock that went backwards must not keep them for ever.
      if (nowMs - sinceMs < holdMs && nowMs >= sinceMs) return;
      queue.delete(edgeId);
      this.#counts.released++;
      released.push(change);
    }
  }

  #fade(nowMs: number): void {
    if (nowMs > this.#rateAtMs) this.#rate *= Math.exp((this.#rateAtMs - nowMs) / RATE_MS);
    this.#rateAtMs = nowMs;
  }
}

interface Kept {
  readonly change: ClassifiedChange;
  readonly sinceMs: number;
  readonly queue: Map<string, Kept>;
}

const RANK: Readonly<Record<MagnitudeClass, number>> = { minor: 0, moderate: 1, major: 2 };

/** The later value; the larger magnitude, since both changes happened. */
function merged(before: ClassifiedChange, change: ClassifiedChange): ClassifiedChange {
  const isLess = RANK[change.magnitude] < RANK[before.magnitude];
  return {
    ...change,
    magnitude: isLess ? before.magnitude : change.magnitude,
    value: change.value ?? before.value,
  };
}

const firstOf = (queue: Map<string, Kept>) => queue.values().next().value;
