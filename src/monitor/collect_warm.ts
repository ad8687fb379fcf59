/**
 * What warming says about itself.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** One strategy, as far as it is looked at; `StrategyStats` is one. */
export interface WarmStrategyFigures {
  readonly warmed: number;
  readonly used: number;
  readonly wasted: number;
  /** Null before there is enough to say. */
  readonly precision: number | null;
  readonly keys: number;
  readonly calls: number;
  readonly isThrottled: boolean;
}

/** Answer of the warmer to `stats`, as far as it is looked at; `ServedWarmingStats` is one. */
export interface WarmStatsFigures {
  readonly byStrategy: Readonly<Record<string, WarmStrategyFigures>>;
  readonly accesses: number;
  readonly accessesLost: number;
  readonly storedLost: number;
  readonly budget: {
    readonly callsUsed: number;
    readonly callsPerMinute: number;
    readonly callsRunning: number;
    readonly memoryBytes: number;
    readonly entries: number;
  };
  readonly saveError: string | null;
}

/** Answer of the warmer to `status`, as far as it is looked at; `WarmingStatus` is one. */
export interface WarmStatusFigures {
  readonly cycleCount: number;
  /** Why nothing is loaded; null: nothing holds it. */
  readonly paused: string | null;
  readonly waitingKeys: number;
  readonly trackedKeys: number;
}

/** Strategies with series of their own: twice as many as there are. */
export const WARM_STRATEGIES_MAX = 16;

/** Pauses that say that something is wrong; the others are the budget at work. */
const WRONG_PAUSES = ["down", "failing"];

const BY_STRATEGY = { labels: ["strategy"], seriesMax: WARM_STRATEGIES_MAX } as const;
const ofStrategy = (name: string, help: string) =>
  ({ name, kind: "counter", help, ...BY_STRATEGY }) as const;
const gauge = (name: string, help: string) => ({ name, kind: "gauge", help }) as const;
const counter = (name: string, help: string) => ({ name, kind: "counter", help }) as const;

/** Metrics of warming. */
export const WARM_METRICS: readonly MetricSpec[] = [
  ofStrategy("wick_warming_warmed_total", "Entries put into the cache ahead of need"),
  ofStrategy("wick_warming_used_total", "Of them, asked for while they were there"),
  ofStrategy("wick_warming_unused_total", "Of them, ended without"),
  ofStrategy("wick_warming_keys_total", "Keys fetched upstream"),
  ofStrategy("wick_warming_calls_total", "Upstream calls"),
  {
    name: "wick_warming_precision_ratio",
    kind: "gauge",
    help: "Used by used and unused, of late",
    ...BY_STRATEGY,
  },
  {
    name: "wick_warming_throttled",
    kind: "gauge",
    help: "1 while its precision is below its floor, else 0",
    ...BY_STRATEGY,
  },
  counter("wick_warming_runs_total", "Runs of strategies"),
  counter("wick_warming_accesses_total", "Accesses to the cache that were heard of"),
  counter("wick_warming_lost_accesses_total", "Accesses that came too fast to be noted"),
  counter("wick_warming_lost_entries_total", "Stored entries that came too fast to be noted"),
  gauge("wick_warming_tracked_keys", "Keys of which accesses are counted"),
  gauge("wick_warming_waiting_keys", "Keys that wait for a call"),
  gauge("wick_warming_running_calls", "Upstream calls under way"),
  gauge("wick_warming_minute_calls", "Upstream calls of the last minute"),
  gauge("wick_warming_minute_calls_max", "Most upstream calls of a minute"),
  gauge("wick_warming_entries", "Entries that were warmed and are still there"),
  gauge("wick_warming_memory_bytes", "Their weight"),
  gauge("wick_warming_paused", "1 while something keeps it from loading, else 0"),
];

/**
 * Measurements of warming; `part` is its path below the root. It is degraded while the provider keeps
 * it from loading and while its statistics cannot be saved; a throttled strategy, or a budget that is
 * used, is as it should be.
 */
export function warmFinding(
  part: string,
  stats: WarmStatsFigures,
  status: WarmStatusFigures,
): Finding {
  const { byStrategy, budget, saveError } = stats;
  const { paused } = status;
  const strategies = Object.entries(byStrategy);
  const total = (name: string, total: number): Sample => ({
    name: `wick_warming_${name}_total`,
    total,
  });
  const value = (name: string, value: number): Sample => ({
    name: `wick_warming_${name}`,
    value,
  });
  const throttled = strategies.filter(([, one]) => one.isThrottled).map(([name]) => name);
  const isWrong = saveError !== null || (paused !== null && WRONG_PAUSES.includes(paused));
  return {
    samples: [
      ...strategies.flatMap(([strategy, one]) => strategySamples(strategy, one)),
      total("runs", status.cycleCount),
      total("accesses", stats.accesses),
      total("lost_accesses", stats.accessesLost),
      total("lost_entries", stats.storedLost),
      value("tracked_keys", status.trackedKeys),
      value("waiting_keys", status.waitingKeys),
      value("running_calls", budget.callsRunning),
      value("minute_calls", budget.callsUsed),
      value("minute_calls_max", budget.callsPerMinute),
      value("entries", budget.entries),
      value("memory_bytes", budget.memoryBytes),
      value("paused", paused === null ? 0 : 1),
    ],
    parts: [{
      name: part,
      state: isWrong ? "degraded" : "ok",
      detail: {
        entries: budget.entries,
        trackedKeys: status.trackedKeys,
        ...(throttled.length === 0 ? {} : { throttled: throttled.join(", ") }),
        ...(paused === null ? {} : { paused }),
        ...(saveError === null ? {} : { saveError }),
      },
    }],
  };
}

function strategySamples(strategy: string, one: WarmStrategyFigures): Sample[] {
  const labels = { strategy };
  const total = (name: string, total: number): Sample => ({
    name: `wick_warming_${name}_total`,
    labels,
    total,
  });
  const { precision } = one;
  return [
    total("warmed", one.warmed),
    total("used", one.used),
    total("unused", one.wasted),
    total("keys", one.keys),
    total("calls", one.calls),
    { name: "wick_warming_throttled", labels, value: one.isThrottled ? 1 : 0 },
    // Before there is enough to say no value is better than a wrong one.
    ...(precision === null
      ? []
      : [{ name: "wick_warming_precision_ratio", labels, value: precision }]),
  ];
}
