/**
 * Multi-window, multi-burn-rate alerts on a service level objective (The Site Reliability Workbook,
 * Google 2018, chapter 5, "6: Multiwindow, Multi-Burn-Rate Alerts").
 *
 * The objective permits a share of bad events, the budget. A burn rate of 1 uses the budget of 30
 * days in 30 days. An alert wants the same burn rate over a long window, so that what it tells of
 * has cost budget, and over a short one, so that it ends soon after its reason:
 *
 * | severity | budget used | long | short | burn rate |
 * |---|---|---|---|---|
 * | page | 2 % | 1 h | 5 min | 14.4 |
 * | page | 5 % | 6 h | 30 min | 6 |
 * | ticket | 10 % | 3 d | 6 h | 1 |
 *
 * Two additions for what the workbook leaves to the reader:
 * - **After a start** a long window has been watched in part only, and the ratio of five minutes
 *   would speak for six hours. The burn rate of a window is therefore multiplied by the share of it
 *   that was watched: time nobody watched has used no budget.
 * - **Quiet hours**: with few events one bad one is a large share. A window counts only with
 *   {@linkcode BurnRateOptions.eventsMin} events and {@linkcode BurnRateOptions.badMin} bad ones.
 *
 * These windows are slow by design: 14 % bad needs six minutes to use 2 % of a budget of 0.1 %.
 * What has to be found within seconds is found by `cusum.ts`.
 *
 * @module
 */

import { type EventCounts, EventWindows, type EventWindowsState } from "./burn_rate_events.ts";

/** Two windows and the burn rate that both have to reach. */
export interface BurnWindow {
  /** Whether somebody is woken, or it waits for the morning. */
  readonly severity: "page" | "ticket";
  /** Length of the long window, ms. */
  readonly longMs: number;
  /** Length of the short window, ms: a twelfth of the long one. */
  readonly shortMs: number;
  /** Budget used per time, as a multiple of what lasts 30 days. */
  readonly burn: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Table 5-8 of the workbook. */
export const BURN_WINDOWS: readonly BurnWindow[] = [
  { severity: "page", longMs: HOUR_MS, shortMs: 5 * MINUTE_MS, burn: 14.4 },
  { severity: "page", longMs: 6 * HOUR_MS, shortMs: 30 * MINUTE_MS, burn: 6 },
  { severity: "ticket", longMs: 72 * HOUR_MS, shortMs: 6 * HOUR_MS, burn: 1 },
];

/** An objective and how it is watched. */
export interface BurnRateOptions {
  /** Share of events that have to be good, within 0 to 1: 0.999. */
  readonly objective: number;
  /** Default {@linkcode BURN_WINDOWS}. */
  readonly windows?: readonly BurnWindow[];
  /** Events that a short window needs to count; default 100. */
  readonly eventsMin?: number;
  /** Bad events that a short window needs to count; default 10. */
  readonly badMin?: number;
}

/** How fast the budget goes in one pair of windows. */
export interface BurnReading {
  /** As configured. */
  readonly window: BurnWindow;
  /** Burn rate of the long window; 0 when it holds no events. */
  readonly longBurn: number;
  /** Burn rate of the short window; 0 when it holds no events. */
  readonly shortBurn: number;
  /** Both reach the burn rate, and there are events enough. */
  readonly firing: boolean;
}

const EVENTS_MIN_DEFAULT = 100;
const BAD_MIN_DEFAULT = 10;

/**
 * The burn rate of one objective.
 *
 * @example
 * ```ts
 * import { BurnRate } from "./burn_rate.ts";
 *
 * const slo = new BurnRate({ objective: 0.999 });
 * slo.record({ events: 1_000, bad: 2 }, 0);
 * console.log(slo.burnOf(300_000, 299_000).toFixed(1)); // 2.0
 * ```
 */
export class BurnRate {
  readonly #events = new EventWindows();
  readonly #windows: readonly BurnWindow[];
  readonly #eventsMin: number;
  readonly #badMin: number;
  /** Share of events that may be bad. */
  readonly budget: number;

  /**
   * One without events.
   *
   * @throws {RangeError} when the objective is not above 0 and below 1.
   */
  constructor(options: BurnRateOptions) {
    const { objective, windows = BURN_WINDOWS } = options;
    if (!(objective > 0 && objective < 1)) {
      throw new RangeError(
        `Cannot watch an objective: expected a share above 0 and below 1: ` +
          `current value is ${objective}`,
      );
    }
    this.budget = 1 - objective;
    this.#windows = windows;
    this.#eventsMin = options.eventsMin ?? EVENTS_MIN_DEFAULT;
    this.#badMin = options.badMin ?? BAD_MIN_DEFAULT;
  }

  /** Counts events at monotonic time `nowMs`; see {@linkcode EventWindows.record}. */
  record(counts: EventCounts, nowMs: number): void {
    this.#events.record(counts, nowMs);
  }

  /** Burn rate over `windowMs` before `nowMs`; time that nobody watched has burnt nothing. */
  burnOf(windowMs: number, nowMs: number): number {
    const { events, bad, watchedMs } = this.#events.read(windowMs, nowMs);
    return events === 0 ? 0 : bad / events / this.budget * (watchedMs / windowMs);
  }

  /** All pairs of windows at monotonic time `nowMs`. O(slots of the windows): some 3,000 here. */
  at(nowMs: number): BurnReading[] {
    return this.#windows.map((window) => {
      const { events, bad } = this.#events.read(window.shortMs, nowMs);
      const longBurn = this.burnOf(window.longMs, nowMs);
      const shortBurn = this.burnOf(window.shortMs, nowMs);
      const isEnough = events >= this.#eventsMin && bad >= this.#badMin;
      const firing = isEnough && longBurn >= window.burn && shortBurn >= window.burn;
      return { window, longBurn, shortBurn, firing };
    });
  }

  /** What long windows need after a restart. */
  snapshot(): EventWindowsState {
    return this.#events.snapshot();
  }

  /** Goes on from a snapshot; see {@linkcode EventWindows.restore}. */
  restore(state: EventWindowsState, nowMs: number, awayMs = 0): void {
    this.#events.restore(state, nowMs, awayMs);
  }
}
