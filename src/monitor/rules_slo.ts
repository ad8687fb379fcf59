/**
 * Watches one objective with everything there is for it: burn rates and a clipped CUSUM.
 *
 * @module
 */

import { BurnRate } from "./burn_rate.ts";
import type { EventCounts, EventWindowsState } from "./burn_rate_events.ts";
import { BadCountCusum } from "./cusum.ts";
import type { AlertPhase } from "./level_rule.ts";

/**
 * Shares of bad events, as multiples of the budget, between which the CUSUM decides: half of the
 * budget is well, three times of it is to be found. What lies above 1.4 budgets adds up.
 */
export const WELL_BUDGETS = 0.5;
/** See {@linkcode WELL_BUDGETS}. */
export const BAD_BUDGETS = 3;
/** An alarm of the CUSUM ends after so long without half of the evidence for another, ms. */
export const FAST_CLEAR_MS = 60_000;
/** Evidence is not added up across a pause in events of this length, ms. */
export const PAUSE_MAX_MS = 300_000;

/**
 * Events of looks that follow sooner than this are taken together, ms: an alarm takes a number of
 * looks, and they are to be some seconds apart. A clock that stands still brings no alarm.
 */
export const LOOK_LEAST_MS = 4_000;

/** What an objective says at a look. */
export interface SloReading {
  /** CUSUM: something has changed within the last seconds. */
  readonly fast: AlertPhase;
  /** Windows that page. */
  readonly burn: AlertPhase;
  /** Windows that make a ticket. */
  readonly budget: AlertPhase;
  /** Burn rate of the last minute. */
  readonly recentBurn: number;
  /** Burn rate of the longest window. */
  readonly longBurn: number;
}

const RECENT_MS = 60_000;

/** See the module. */
export class SloWatch {
  readonly #burn: BurnRate;
  readonly #cusum: BadCountCusum;
  #total: EventCounts | null = null;
  #isFast = false;
  /** When the CUSUM last had half of the evidence for an alarm, monotonic ms. */
  #evidentMs = -Infinity;
  #eventsMs = -Infinity;
  /** When the CUSUM took its last look, monotonic ms, and what came since. */
  #lookMs = -Infinity;
  #waiting = { events: 0, bad: 0 };

  /** Of an objective; throws as {@linkcode BurnRate} does, and for one of 2/3 and less. */
  constructor(objective: number) {
    this.#burn = new BurnRate({ objective });
    const { budget } = this.#burn;
    this.#cusum = new BadCountCusum({
      wellRatio: WELL_BUDGETS * budget,
      badRatio: BAD_BUDGETS * budget,
    });
  }

  /**
   * Takes totals of events as counters have them; the first are where counting begins, and totals
   * below the last ones began anew.
   */
  total(total: EventCounts, nowMs: number): void {
    const before = this.#total ?? total;
    this.#total = total;
    const began = total.events < before.events || total.bad < before.bad;
    const events = began ? total.events : total.events - before.events;
    const bad = began ? total.bad : total.bad - before.bad;
    this.count({ events, bad: Math.min(events, bad) }, nowMs);
  }

  /** Takes the events since the last call. */
  count(counts: EventCounts, nowMs: number): void {
    this.#burn.record(counts, nowMs);
    this.#waiting.events += counts.events;
    this.#waiting.bad += counts.bad;
    if (nowMs - this.#lookMs < LOOK_LEAST_MS) return;
    this.#lookMs = nowMs;
    if (this.#waiting.events > 0) {
      if (nowMs - this.#eventsMs > PAUSE_MAX_MS) this.#cusum.reset();
      this.#eventsMs = nowMs;
    }
    const { alarm, sum, threshold } = this.#cusum.step(this.#waiting);
    this.#waiting = { events: 0, bad: 0 };
    if (alarm) this.#isFast = true;
    if (sum >= threshold / 2) this.#evidentMs = nowMs;
    if (nowMs - this.#evidentMs >= FAST_CLEAR_MS) this.#isFast = false;
  }

  /** How it is at monotonic time `nowMs`. */
  at(nowMs: number): SloReading {
    const readings = this.#burn.at(nowMs);
    const phase = (severity: "page" | "ticket"): AlertPhase =>
      readings.some(({ window, firing }) => firing && window.severity === severity)
        ? "firing"
        : "clear";
    return {
      fast: this.#isFast ? "firing" : "clear",
      burn: phase("page"),
      budget: phase("ticket"),
      recentBurn: this.#burn.burnOf(RECENT_MS, nowMs),
      longBurn: readings.at(-1)?.longBurn ?? 0,
    };
  }

  /** What the long windows need after a restart. */
  snapshot(): EventWindowsState {
    return this.#burn.snapshot();
  }

  /** Goes on from a snapshot taken `awayMs` ago. */
  restore(state: EventWindowsState, nowMs: number, awayMs: number): void {
    this.#burn.restore(state, nowMs, awayMs);
  }
}
