/**
 * Cycles: one run of a strategy each, from its ranking until the last of its keys is loaded or
 * dropped.
 *
 * - a strategy's cycles never overlap: what is due while one is under way is left out, and the next
 *   moment is the next one of its schedule
 * - a cycle ends: its keys are of no use after {@linkcode CYCLE_MS}
 *
 * @module
 */

import type { Outcomes } from "./outcomes.ts";
import { Schedule } from "./schedule.ts";
import type { WarmingSettings } from "./settings.ts";
import type { StatisticsSource } from "./sources.ts";
import { type CycleStrategyName, isCycleStrategy, STRATEGIES } from "./strategies.ts";
import type { StrategyView } from "./strategy_view.ts";
import { STRATEGY_NAMES, type StrategyName } from "./types.ts";
import type { RunReport, WarmingPorts } from "./warming_types.ts";
import type { Wishes, WishResult } from "./wishes.ts";

/** How long the keys of a cycle may wait, ms: less than the shortest default interval. */
const CYCLE_MS = 7 * 60_000;

/** A cycle's keys come together; this is for those of others to join them, ms. */
const CYCLE_LINGER_MS = 1_000;

/** What {@linkcode Cycles} is made of. */
export interface CyclesOptions {
  readonly settings: WarmingSettings;
  readonly ports: WarmingPorts;
  readonly statistics: StatisticsSource;
  readonly view: StrategyView;
  readonly wishes: Wishes;
  readonly outcomes: Outcomes;
  readonly nowMs: number;
}

/** See the head of this file. */
export class Cycles {
  readonly #options: CyclesOptions;
  readonly #schedules = new Map<StrategyName, Schedule>();
  /** Keys of a cycle that are not loaded yet. */
  readonly #open = new Map<StrategyName, number>();
  readonly #last = new Map<StrategyName, RunReport>();
  #count = 0;

  /** None has run. */
  constructor(options: CyclesOptions) {
    this.#options = options;
    const { settings, ports, nowMs } = options;
    for (const name of STRATEGY_NAMES) {
      const { isEnabled, schedule } = settings.strategies[name];
      if (isEnabled) this.#schedules.set(name, new Schedule(schedule, ports, nowMs));
    }
  }

  /** Runs since the start. */
  get count(): number {
    return this.#count;
  }

  /** Strategies whose cycle is under way. */
  get running(): readonly StrategyName[] {
    return STRATEGY_NAMES.filter((name) => this.isRunning(name));
  }

  /** Whether a strategy's cycle is under way. */
  isRunning(name: StrategyName): boolean {
    return (this.#open.get(name) ?? 0) > 0;
  }

  /** When each enabled strategy runs next. */
  get nextRuns(): Readonly<Partial<Record<StrategyName, number | null>>> {
    return Object.fromEntries([...this.#schedules].map(([name, { nextMs }]) => [name, nextMs]));
  }

  /** The last run of each strategy. */
  get lastResults(): Readonly<Partial<Record<StrategyName, RunReport>>> {
    return Object.fromEntries(this.#last);
  }

  /** Runs what is due. */
  runDue(nowMs: number): void {
    for (const [name, schedule] of this.#schedules) {
      if (!isCycleStrategy(name) || !schedule.isDue(nowMs) || this.isRunning(name)) continue;
      if (this.#options.outcomes.by[name].throttle.allows(nowMs) < 1) continue;
      const report = this.run(name, "schedule", nowMs);
      const proposed = report.proposed - report.belowFloor;
      schedule.found({ proposed, absent: report.wanted }, nowMs);
    }
  }

  /** Runs a strategy now; only when its last cycle has ended. O(tracked keys). */
  run(name: CycleStrategyName, by: RunReport["by"], nowMs: number): RunReport {
    const { settings, outcomes, view, statistics, wishes } = this.#options;
    const { throttle } = outcomes.by[name];
    const allowed = by === "hand" ? Infinity : throttle.allows(nowMs);
    const limit = Math.min(settings.strategies[name].limit, allowed);
    const candidates = STRATEGIES[name](view, nowMs, limit);
    const results = candidates.map(({ key, chance }) =>
      wishes.wish({
        strategy: name,
        key,
        slot: statistics.slotOf(key),
        chance,
        lingerMs: CYCLE_LINGER_MS,
        usefulMs: CYCLE_MS,
        isOfCycle: true,
        isByHand: by === "hand",
      }, nowMs)
    );
    const isProbe = by === "schedule" && throttle.state === "probing";
    const report = reportOf(name, nowMs, by, results, isProbe);
    if (report.wanted > 0) this.#open.set(name, report.wanted);
    this.noted(report);
    return report;
  }

  /** A run, also one that is no cycle, is the last one of its strategy. */
  noted(report: RunReport): void {
    this.#count++;
    this.#last.set(report.strategy, report);
  }

  /** A key of a cycle was loaded or dropped. */
  settled(name: StrategyName): void {
    this.#open.set(name, Math.max(0, (this.#open.get(name) ?? 0) - 1));
  }
}

/** A run's figures from what came of its proposals. */
export function reportOf(
  strategy: StrategyName,
  atMs: number,
  by: RunReport["by"],
  results: readonly WishResult[],
  isProbe = false,
): RunReport {
  const count = (what: WishResult) => results.filter((result) => result === what).length;
  return {
    strategy,
    atMs,
    by,
    proposed: results.length,
    belowFloor: count("belowFloor"),
    present: count("present"),
    refused: count("refused"),
    wanted: count("wanted"),
    isProbe,
  };
}
