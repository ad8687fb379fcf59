/**
 * What warming tells of itself, put together from its parts.
 *
 * @module
 */

import type { Budget } from "./budget.ts";
import type { Credit } from "./credit.ts";
import type { Cycles } from "./cycles.ts";
import type { Experiment } from "./experiment.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Planner } from "./planner.ts";
import type { Predictive } from "./predictive.ts";
import type { WarmingSettings } from "./settings.ts";
import type { FiguredKey, WarmingSources } from "./sources.ts";
import { STRATEGY_NAMES, type StrategyName } from "./types.ts";
import type {
  BudgetStatus,
  PatternKey,
  StrategyStats,
  ThrottleStatus,
  WarmingPatterns,
  WarmingPause,
  WarmingPorts,
  WarmingStats,
  WarmingStatus,
} from "./warming_types.ts";

/** Keys of the two rankings that are shown. */
const TOP_KEYS = 10;

/** What warming is made of, as reports and snapshots need it. */
export interface WarmingParts {
  readonly settings: WarmingSettings;
  readonly ports: WarmingPorts;
  readonly sources: WarmingSources;
  readonly outcomes: Outcomes;
  readonly credit: Credit;
  readonly budget: Budget;
  readonly planner: Planner;
  readonly cycles: Cycles;
  readonly experiment: Experiment | null;
  readonly predictive: Predictive | null;
  /** Chance that a key is asked for within its TTL. */
  chanceWithinTtl(slot: number, key: string, atMs: number): number;
}

/** See `Warming.stats`. */
export function statsOf(parts: WarmingParts, sinceMs: number, nowMs: number): WarmingStats {
  const { outcomes, planner, experiment } = parts;
  const byStrategy = Object.fromEntries(
    STRATEGY_NAMES.map((name) => [name, strategyStats(parts, name)]),
  ) as unknown as Record<StrategyName, StrategyStats>;
  const sum = (of: (stats: StrategyStats) => number) =>
    STRATEGY_NAMES.reduce((total, name) => total + of(byStrategy[name]), 0);
  return {
    atMs: nowMs,
    sinceMs,
    totalWarmed: sum(({ warmed }) => warmed),
    totalUsed: sum(({ used }) => used),
    totalWasted: sum(({ wasted }) => wasted),
    totalKeys: sum(({ keys }) => keys),
    totalCalls: sum(({ calls }) => calls),
    accesses: outcomes.accesses,
    hits: outcomes.hits,
    fresh: outcomes.fresh,
    byStrategy,
    budget: budgetStatus(parts, nowMs),
    reliability: outcomes.reliability.buckets(),
    callMs: planner.callMs,
    experiment: experiment?.stats() ?? null,
  };
}

function strategyStats({ outcomes, settings }: WarmingParts, name: StrategyName): StrategyStats {
  const { totals, throttle } = outcomes.by[name];
  const { warmed, used, wasted, keys, calls } = totals;
  return {
    warmed,
    used,
    wasted,
    precision: throttle.precision,
    keys,
    calls,
    lift: outcomes.accesses === 0 ? 0 : used / outcomes.accesses,
    isEnabled: settings.isEnabled && settings.strategies[name].isEnabled,
    isThrottled: throttle.state !== "open",
  };
}

function budgetStatus({ budget, ports, credit }: WarmingParts, nowMs: number): BudgetStatus {
  const { callsPerMinute, callsAtOnce, memoryMaxBytes } = budget.options;
  return {
    callsPerMinute,
    callsUsed: budget.used(nowMs),
    callsLeft: budget.left(nowMs, ports.callsLeft()),
    callsAtOnce,
    callsRunning: budget.running,
    memoryMaxBytes,
    memoryBytes: credit.bytes,
    entries: credit.entries,
  };
}

/** See `Warming.status`. */
export function statusOf(
  { settings, sources, outcomes, cycles, planner }: WarmingParts,
  paused: WarmingPause | null,
  nowMs: number,
): WarmingStatus {
  const throttled: ThrottleStatus[] = [];
  for (const strategy of STRATEGY_NAMES) {
    const { throttle } = outcomes.by[strategy];
    if (throttle.state === "open") continue;
    throttled.push({
      strategy,
      precision: throttle.precision ?? 0,
      floor: settings.strategies[strategy].floor,
      sinceMs: throttle.sinceMs,
      probeAtMs: throttle.probeAtMs,
    });
  }
  return {
    atMs: nowMs,
    running: cycles.running,
    cycleCount: cycles.count,
    nextRuns: cycles.nextRuns,
    lastResults: cycles.lastResults,
    throttled,
    paused,
    waitingKeys: planner.waiting,
    loadingKeys: planner.loading,
    trackedKeys: sources.statistics.size,
    keysMax: settings.keysMax,
    settings,
  };
}

/** See `Warming.patterns`. */
export function patternsOf(parts: WarmingParts, nowMs: number): WarmingPatterns {
  const { statistics } = parts.sources;
  const shown = ({ slot, key, accesses }: FiguredKey): PatternKey => ({
    key,
    accesses,
    chance: parts.chanceWithinTtl(slot, key, nowMs),
  });
  return {
    atMs: nowMs,
    totalAccesses: statistics.totalAccesses,
    uniqueKeys: statistics.uniqueKeys(),
    top10: statistics.popular(TOP_KEYS, nowMs).map(shown),
    trending: statistics.trending(TOP_KEYS, nowMs).map((found) => ({
      ...shown(found),
      ratio: found.ratio,
    })),
    byHour: statistics.byHour(nowMs),
  };
}
