/**
 * What refreshing says about itself: edges and their clusters, optimisation runs, blocks of
 * correlations in the cache.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Answer of the aggregator to `status`, as far as it is looked at; `ServedAggregator` is one. */
export interface AggregatorFigures {
  readonly edges: number;
  readonly clusters: number;
  readonly largest: number;
  readonly totals: {
    readonly recorded: number;
    readonly refused: number;
    readonly fired: number;
    readonly regrouped: number;
  };
  readonly blocks: {
    readonly totals: {
      readonly warmed: number;
      readonly failed: number;
      readonly hits: number;
      readonly misses: number;
    };
  };
  /** Whether all that was committed has been looked at. */
  readonly isCaughtUp: boolean;
}

/** Answer of the coordinator to `stats`, as far as it is looked at; `RefreshStats` is one. */
export interface RefreshFigures {
  readonly runs: number;
  readonly staleRuns: number;
  readonly partial: number;
  readonly full: number;
  readonly fallbacks: number;
  readonly failed: number;
  readonly auditMismatches: number;
  readonly busyRatio: number;
  readonly gate: {
    readonly mode: string;
    readonly kept: number;
    readonly deferred: number;
    readonly changesPerS: number;
  };
  /** Null when it does not answer. */
  readonly aggregator: AggregatorFigures | null;
}

/** Modes with a series each. */
const MODES = ["normal", "degraded", "burst"] as const;

const gauge = (name: string, help: string) => ({ name, kind: "gauge", help }) as const;
const counter = (name: string, help: string) => ({ name, kind: "counter", help }) as const;

const total = (name: string, total: number): Sample => ({
  name: `wick_refresh_${name}_total`,
  total,
});
const value = (name: string, value: number): Sample => ({ name: `wick_refresh_${name}`, value });

/** Metrics of refreshing. */
export const REFRESH_METRICS: readonly MetricSpec[] = [
  gauge("wick_refresh_edges", "Edges that are known"),
  gauge("wick_refresh_clusters", "Clusters of edges that move together"),
  gauge("wick_refresh_largest_cluster_edges", "Edges of the largest cluster"),
  counter("wick_refresh_changes_total", "Changes of edges that were taken"),
  counter("wick_refresh_refused_changes_total", "Changes of edges that were not taken"),
  counter("wick_refresh_fired_total", "Times that a cluster was set off"),
  counter("wick_refresh_regrouped_total", "Times that clusters were made anew"),
  counter("wick_refresh_warmed_blocks_total", "Blocks of correlations put into the cache"),
  counter("wick_refresh_failed_blocks_total", "Blocks that could not be worked out"),
  counter("wick_refresh_block_hits_total", "Reads of a block that the cache had"),
  counter("wick_refresh_block_misses_total", "Reads of a block that it had not"),
  gauge("wick_refresh_runs", "Optimisation runs"),
  gauge("wick_refresh_stale_runs", "Of them, those that are stale for any reason"),
  counter("wick_refresh_partial_total", "Refreshes that looked at changed sets alone"),
  counter("wick_refresh_full_total", "Refreshes that looked at every set"),
  counter("wick_refresh_fallbacks_total", "Refreshes that gave way to a rebuild"),
  counter("wick_refresh_failed_total", "Refreshes that failed"),
  counter("wick_refresh_audit_mismatches_total", "Audits that did not match a rebuild"),
  counter("wick_refresh_deferred_changes_total", "Changes that a mode kept for later"),
  gauge("wick_refresh_kept_changes", "Changes that are kept now"),
  gauge("wick_refresh_change_rate", "Changes of edges per second, of late"),
  gauge("wick_refresh_busy_ratio", "Share of the last seconds in which refreshes worked"),
  {
    name: "wick_refresh_mode",
    kind: "gauge",
    help: "1 for the mode in which changes are let through, else 0",
    labels: ["mode"],
    seriesMax: MODES.length,
  },
];

/**
 * Measurements of refreshing; `part` is the path of its supervisor below the root. It is degraded
 * while its mode is not the normal one, and while the aggregator does not answer. Runs that are stale
 * are counted: nothing may have moved for an hour.
 */
export function refreshFinding(part: string, figures: RefreshFigures): Finding {
  const { gate, aggregator } = figures;
  const isWrong = gate.mode !== "normal" || aggregator === null;
  return {
    samples: [
      ...(aggregator === null ? [] : aggregatorSamples(aggregator)),
      value("runs", figures.runs),
      value("stale_runs", figures.staleRuns),
      total("partial", figures.partial),
      total("full", figures.full),
      total("fallbacks", figures.fallbacks),
      total("failed", figures.failed),
      total("audit_mismatches", figures.auditMismatches),
      total("deferred_changes", gate.deferred),
      value("kept_changes", gate.kept),
      value("change_rate", gate.changesPerS),
      value("busy_ratio", figures.busyRatio),
      ...MODES.map((mode) => ({
        name: "wick_refresh_mode",
        labels: { mode },
        value: gate.mode === mode ? 1 : 0,
      })),
    ],
    parts: [{
      name: part,
      state: isWrong ? "degraded" : "ok",
      detail: {
        runs: figures.runs,
        ...(figures.staleRuns === 0 ? {} : { staleRuns: figures.staleRuns }),
        ...(gate.mode === "normal" ? {} : { mode: gate.mode }),
        ...(aggregator === null ? { aggregator: "does not answer" } : {
          edges: aggregator.edges,
          clusters: aggregator.clusters,
          ...(aggregator.isCaughtUp ? {} : { isCaughtUp: false }),
        }),
      },
    }],
  };
}

function aggregatorSamples({ totals, blocks, ...figures }: AggregatorFigures): Sample[] {
  return [
    value("edges", figures.edges),
    value("clusters", figures.clusters),
    value("largest_cluster_edges", figures.largest),
    total("changes", totals.recorded),
    total("refused_changes", totals.refused),
    total("fired", totals.fired),
    total("regrouped", totals.regrouped),
    total("warmed_blocks", blocks.totals.warmed),
    total("failed_blocks", blocks.totals.failed),
    total("block_hits", blocks.totals.hits),
    total("block_misses", blocks.totals.misses),
  ];
}
