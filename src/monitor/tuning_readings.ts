/**
 * Readings for tuning over windows of one length, however often the monitor looks: sums of windows of
 * different lengths could not be compared.
 *
 * @module
 */

import type { MetricsSnapshot } from "./snapshot.ts";
import {
  TUNING_NAMES,
  type TuningFocus,
  type TuningReading,
  tuningReading,
} from "./tuning_inputs.ts";

/** Lengths of the windows. */
export interface TuningWindows {
  /** Of the load and of how busy workers are, which follow the load at once, ms. */
  readonly quickMs: number;
  /** Of everything else: what cache, warming and providers do is rare, or comes in bursts, ms. */
  readonly slowMs: number;
}

/** As long as two looks, and as the window in which budgets and limits are counted. */
export const TUNING_WINDOWS: TuningWindows = { quickMs: 10_000, slowMs: 60_000 };

/** Snapshots kept: those of the slow window, and one before it. */
const KEPT_MAX = 64;
/** Looks that follow each other sooner than this share of the slow window are not kept. */
const KEPT_PER_WINDOW = 60;

/** Reads snapshots against those of before; what is needed of them is kept. O(its metrics). */
export class TuningReadings {
  readonly #focus: TuningFocus;
  readonly #windows: TuningWindows;
  readonly #kept: MetricsSnapshot[] = [];

  /** Has seen nothing. */
  constructor(focus: TuningFocus, windows: TuningWindows = TUNING_WINDOWS) {
    this.#focus = focus;
    this.#windows = windows;
  }

  /** What needs a window is null until it has been long enough. */
  read(snapshot: MetricsSnapshot): TuningReading {
    const { nowMs, families } = snapshot;
    const own = { ...snapshot, families: families.filter(({ name }) => TUNING_NAMES.has(name)) };
    const kept = this.#kept;
    const before = (ms: number) => kept.findLast((one) => nowMs - one.nowMs >= ms) ?? null;
    const { quickMs, slowMs } = this.#windows;
    const slow = tuningReading(own, before(slowMs), this.#focus);
    const { load, workersBusy } = tuningReading(own, before(quickMs), this.#focus);
    const isPast = (one: MetricsSnapshot | undefined) =>
      one !== undefined && nowMs - one.nowMs >= slowMs;
    while (isPast(kept[1]) || kept.length >= KEPT_MAX) kept.shift();
    const last = kept.at(-1);
    if (last === undefined || nowMs - last.nowMs >= slowMs / KEPT_PER_WINDOW) kept.push(own);
    return { ...slow, load, workersBusy };
  }
}
