/**
 * From the configuration to the refreshing of the tree.
 *
 * @module
 */

import { clusterSettings } from "../refresh/clusters.ts";
import { CORRELATION_STREAM_DEFAULTS } from "../refresh/correlation_stream.ts";
import { RefreshError } from "../refresh/error.ts";
import { IMPACT_DEFAULTS, impactSettings } from "../refresh/impact.ts";
import type { RefreshSpec } from "../refresh/refresh_spec.ts";
import type { ScorerRegistry } from "../refresh/scorer.ts";
import type { WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";

/** A cluster that fired fires again once its impact fell below that share of the threshold. */
const REARM_RATIO = IMPACT_DEFAULTS.rearmBelow / IMPACT_DEFAULTS.threshold;

/**
 * The refreshing of a configuration, with the scorers that runs may name (see `scorersOf`); null
 * where it is off.
 *
 * Memory of fewer bars than the default makes correlations known sooner: after that many returns.
 *
 * @throws {UsageError} for settings that do not go together.
 */
export function refreshOf(config: WickConfig, scorers: ScorerRegistry): RefreshSpec | null {
  if (!config.refreshEnabled) return null;
  const { refreshMemoryBars: memoryBars, refreshBaskets: size } = config;
  const clusters = { threshold: config.refreshClusterThreshold, linkage: config.refreshLinkage };
  const threshold = config.refreshImpactThreshold;
  const impact = { threshold, rearmBelow: threshold * REARM_RATIO };
  try {
    clusterSettings(clusters);
    impactSettings(impact);
  } catch (error) {
    throw error instanceof RefreshError ? new UsageError(error.message) : error;
  }
  const returnsMin = Math.min(memoryBars, CORRELATION_STREAM_DEFAULTS.returnsMin);
  return {
    aggregator: {
      clusters,
      impact,
      blocks: { membersMin: config.refreshBlockMembersMin },
      // Without candles there is nothing to work correlations out of.
      stream: config.refreshFollowsPrices ? { memoryBars, returnsMin } : null,
    },
    followsPrices: config.refreshFollowsPrices,
    tickMs: config.refreshTickMs,
    // Nor is there an instrument to put into a basket.
    baskets: size === 0 || !config.refreshFollowsPrices ? null : { size },
    runs: { minChangedEdges: config.refreshMinChangedEdges, epsilon: config.refreshScoreDelta },
    scorers,
  };
}
