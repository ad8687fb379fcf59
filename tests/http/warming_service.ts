/**
 * Warming for the tests of the admin HTTP: it answers with what it is given and keeps what it is told,
 * so that tests see what reached it.
 *
 * @module
 */

import type { ForeignAccess, ServedWarmingStats, WarmingPort } from "../../src/http/port.ts";
import { WARMING_DEFAULTS, type WarmingSettings } from "../../src/warm/settings.ts";
import { type MarketEvent, STRATEGY_NAMES, type StrategyName } from "../../src/warm/types.ts";
import type {
  RunReport,
  RunResult,
  StrategyStats,
  WarmingPatterns,
  WarmingStatus,
} from "../../src/warm/warming_types.ts";

/** When it is looked at, epoch ms: a Tuesday, 10:00 in New York. */
export const NOW_MS = Date.UTC(2026, 2, 3, 15);

/** See the module's text. */
export class MemoryWarming implements WarmingPort {
  /** What it says it did. */
  figures: ServedWarmingStats = statsOf();
  /** What it says it is doing. */
  doing: WarmingStatus = statusOf();
  /** What it says is asked for. */
  asked: WarmingPatterns = patternsOf();
  /** Strategies that cannot run, and why. */
  readonly refusals = new Map<StrategyName, "running" | "stopped" | "down">();
  /** Strategies that were run, in order. */
  readonly runs: (StrategyName | "all")[] = [];
  /** Accesses as they came, by request. */
  readonly told: (readonly ForeignAccess[])[] = [];
  /** Accesses that it has room for. */
  room = Infinity;
  /** Sectors as they came last. */
  sectorsPut: Readonly<Record<string, string>> | null = null;
  /** Dates as they came last. */
  events: readonly MarketEvent[] | null = null;

  stats(): ServedWarmingStats {
    return this.figures;
  }

  status(): WarmingStatus {
    return this.doing;
  }

  patterns(): WarmingPatterns {
    return this.asked;
  }

  run(strategy: StrategyName | "all"): RunResult[] {
    this.runs.push(strategy);
    const { strategies } = this.doing.settings;
    const names = strategy === "all"
      ? STRATEGY_NAMES.filter((name) => strategies[name].isEnabled)
      : [strategy];
    return names.map((name) => {
      const reason = this.refusals.get(name);
      if (reason !== undefined) return { state: "refused", strategy: name, reason };
      return { state: "started", report: reportOf({ strategy: name }) };
    });
  }

  accesses(accesses: readonly ForeignAccess[]): number {
    this.told.push(accesses);
    const taken = Math.min(this.room, accesses.length);
    this.room -= taken;
    return taken;
  }

  sectors(sectors: Readonly<Record<string, string>>): void {
    this.sectorsPut = sectors;
  }

  calendar(events: readonly MarketEvent[]): void {
    this.events = events;
  }
}

/** A run. */
export function reportOf(more: Partial<RunReport> = {}): RunReport {
  return {
    strategy: "popular",
    atMs: NOW_MS,
    by: "hand",
    proposed: 100,
    belowFloor: 30,
    present: 20,
    refused: 0,
    wanted: 50,
    isProbe: false,
    ...more,
  };
}

/** A strategy that did nothing but what is said. */
export function strategyOf(more: Partial<StrategyStats> = {}): StrategyStats {
  return {
    warmed: 0,
    used: 0,
    wasted: 0,
    precision: null,
    keys: 0,
    calls: 0,
    lift: 0,
    isEnabled: true,
    isThrottled: false,
    ...more,
  };
}

/** Figures of warming that did nothing but what is said. */
export function statsOf(
  strategies: Partial<Record<StrategyName, Partial<StrategyStats>>> = {},
  more: Partial<ServedWarmingStats> = {},
): ServedWarmingStats {
  const sum = (name: "warmed" | "used" | "wasted" | "keys" | "calls") =>
    Object.values(strategies).reduce((all, one) => all + (one[name] ?? 0), 0);
  return {
    atMs: NOW_MS,
    sinceMs: NOW_MS - 3_600_000,
    totalWarmed: sum("warmed"),
    totalUsed: sum("used"),
    totalWasted: sum("wasted"),
    totalKeys: sum("keys"),
    totalCalls: sum("calls"),
    accesses: 0,
    hits: 0,
    fresh: 0,
    byStrategy: ofAll((name) => strategyOf(strategies[name])),
    budget: {
      callsPerMinute: 100,
      callsUsed: 0,
      callsLeft: 100,
      callsAtOnce: 10,
      callsRunning: 0,
      memoryMaxBytes: 500_000_000,
      memoryBytes: 0,
      entries: 0,
    },
    reliability: [],
    callMs: {},
    experiment: null,
    accessesLost: 0,
    storedLost: 0,
    savedAtMs: null,
    saveError: null,
    ...more,
  };
}

/** Warming at rest. */
export function statusOf(more: Partial<WarmingStatus> = {}): WarmingStatus {
  return {
    atMs: NOW_MS,
    running: [],
    cycleCount: 0,
    nextRuns: {},
    lastResults: {},
    throttled: [],
    paused: null,
    waitingKeys: 0,
    loadingKeys: 0,
    trackedKeys: 0,
    keysMax: 20_000,
    settings: WARMING_DEFAULTS,
    ...more,
  };
}

/** Settings in which some strategies are switched off. */
export function settingsWithout(...names: readonly StrategyName[]): WarmingSettings {
  const strategies = ofAll((name) => ({
    ...WARMING_DEFAULTS.strategies[name],
    isEnabled: !names.includes(name),
  }));
  return { ...WARMING_DEFAULTS, strategies };
}

/** Nothing was asked for. */
export function patternsOf(more: Partial<WarmingPatterns> = {}): WarmingPatterns {
  return {
    atMs: NOW_MS,
    totalAccesses: 0,
    uniqueKeys: 0,
    top10: [],
    trending: [],
    byHour: Array.from({ length: 24 }, () => 1 / 24),
    ...more,
  };
}

function ofAll<T>(make: (name: StrategyName) => T): Record<StrategyName, T> {
  return Object.fromEntries(STRATEGY_NAMES.map((name) => [name, make(name)])) as Record<
    StrategyName,
    T
  >;
}
