/**
 * Shapes of what refreshing answers with about edges, clusters and figures; those of runs are in
 * `run_schemas.ts`.
 *
 * @module
 */

import { z } from "zod";
import type { ClusterStatus, EdgeExplanation, EdgeLink } from "../refresh/aggregator_types.ts";
import type { FoldedChange } from "../refresh/aggregator_pending.ts";
import type { BlockStatus } from "../refresh/block_schedule.ts";
import { CHANGE_TYPES, MAGNITUDE_CLASSES } from "../refresh/magnitude.ts";
import type { ChangeGateStatus } from "../refresh/resilience.ts";
import type {
  ChangesTaken,
  OptimizationChangeTaken,
  ProviderHealth,
  RefreshStats,
  ServedAggregator,
  ServedBlock,
} from "../refresh/service_types.ts";

export * from "./run_schemas.ts";

const count = z.number();
const maybe = z.number().nullable();
const share = z.number().min(0).max(1);
const time = z.number().meta({ description: "Epoch ms" });
const ids = z.array(z.string()).readonly();
const changeClass = z.enum(MAGNITUDE_CLASSES).meta({
  description: "By the bounds of its type: from 0.3 moderate, from 1 major",
});
const rho = z.number().min(-1).max(1);

/** In which mode changes are let through. */
const modeName = z.enum(["normal", "degraded", "burst"]).meta({
  description: "degraded keeps minor changes back, burst moderate ones too; major ones pass always",
});

// ---- changes ------------------------------------------------------------------------------------

const clusterParts = {
  id: z.string().meta({ description: "Its lowest member" }),
  members: ids.meta({ description: "Ascending" }),
};

const impacted = z.array(z.strictObject({
  ...clusterParts,
  impact: count.meta({ description: "At the end of the tick" }),
})).readonly().meta({ description: "Clusters that fired and hold an edge of these changes" });

/** What became of changes of edges. */
export const changesTaken: z.ZodType<ChangesTaken, ChangesTaken> = z.strictObject({
  recorded: count.meta({ description: "Changes that were taken" }),
  refused: z.array(z.strictObject({
    index: count.meta({ description: "Place in what was sent, from 0" }),
    reason: z.enum(["edge_id", "type", "magnitude", "value", "at", "metadata", "edges"])
      .meta({ description: "edges: there is no room for another edge; else the field" }),
  })).readonly(),
  impacted,
}).meta({ id: "ChangesTaken" });

/** What became of a change by the one call that does all. */
export const optimizationChangeTaken: z.ZodType<
  OptimizationChangeTaken,
  OptimizationChangeTaken
> = z.strictObject({
  class: changeClass,
  isDeferred: z.boolean().meta({ description: "Whether the mode keeps it for later" }),
  mode: modeName,
  impacted,
  runs: ids.meta({ description: "Runs that hold the edge" }),
}).meta({ id: "OptimizationChangeTaken" });

// ---- edges and clusters -------------------------------------------------------------------------

/** How many edges there are. */
export const edgesKept = z.strictObject({ edges: z.int() }).meta({ id: "EdgesKept" });

/** What correlations led to. */
export const correlationsTaken = z.strictObject({
  edges: z.int().meta({ description: "Edges there are" }),
  clusters: z.int().meta({ description: "Clusters they form, those of one edge included" }),
}).meta({ id: "CorrelationsTaken" });

const clusterStatus: z.ZodType<ClusterStatus, ClusterStatus> = z.strictObject({
  ...clusterParts,
  impact: count.meta({ description: "As of `at`" }),
  isFired: z.boolean().meta({ description: "It has fired, and is not armed again" }),
  at: maybe.meta({ description: "Time of its latest change, epoch ms; null at rest" }),
});

/** Clusters. */
export const clustersReply = z.strictObject({ clusters: z.array(clusterStatus) })
  .meta({ id: "Clusters" });

const foldedChange: z.ZodType<FoldedChange, FoldedChange> = z.strictObject({
  edgeId: z.string(),
  type: z.enum(CHANGE_TYPES),
  magnitude: count.meta({ description: "The largest of them" }),
  value: z.number().exactOptional().meta({ description: "The latest value" }),
  at: time,
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .exactOptional(),
  class: changeClass,
  count: count.meta({ description: "Changes that were folded into it" }),
});

const link: z.ZodType<EdgeLink, EdgeLink> = z.strictObject({
  edgeId: z.string().meta({ description: "The other edge" }),
  correlation: rho,
  connects: z.boolean().meta({ description: "It is above the threshold" }),
});

/** Why an edge is in its cluster. */
export const edgeExplanation: z.ZodType<EdgeExplanation, EdgeExplanation> = z.strictObject({
  edgeId: z.string(),
  cluster: clusterStatus,
  threshold: share.meta({ description: "|correlation| above which edges are connected" }),
  source: z.enum(["given", "streamed", "none"]).meta({
    description: "Where correlations come from: handed in, or learned from candles",
  }),
  links: z.array(link).readonly().meta({ description: "Its highest |correlation|s" }),
  known: count.meta({ description: "Edges with which its correlation is known" }),
  unknown: count.meta({ description: "Edges with which it is not" }),
  pending: foldedChange.nullable().meta({ description: "What waits of it for the next tick" }),
}).meta({ id: "EdgeExplanation" });

/** Correlations within a cluster. */
export const servedBlock: z.ZodType<ServedBlock, ServedBlock> = z.strictObject({
  block: z.strictObject({
    clusterId: z.string(),
    members: ids.meta({ description: "Ascending" }),
    rows: z.array(z.array(rho.nullable()).readonly()).readonly().meta({
      description: "A row and a column for each member; null: unknown",
    }),
    atMs: time.meta({ description: "When it was worked out, epoch ms" }),
  }),
  cacheHit: z.boolean().meta({ description: "The cache had it" }),
}).meta({ id: "ServedBlock" });

// ---- figures ------------------------------------------------------------------------------------

/** Scorers by name. */
export const scorersReply = z.strictObject({
  scorers: z.array(z.strictObject({ name: z.string(), description: z.string() })),
}).meta({ id: "Scorers" });

/** How a provider behind what is refreshed is. */
export const providerHealth: z.ZodType<ProviderHealth, ProviderHealth> = z.strictObject({
  name: z.string(),
  breaker: z.enum(["closed", "open", "half_open"]).nullable()
    .meta({ description: "Null: it does not answer" }),
  calls: count.meta({ description: "Calls that it answered since it started" }),
  failed: count.meta({ description: "Calls that failed" }),
});

const gate: z.ZodType<ChangeGateStatus, ChangeGateStatus> = z.strictObject({
  mode: modeName,
  sinceMs: time.meta({ description: "Since when, epoch ms" }),
  modeChanges: count,
  offered: count.meta({ description: "Changes that came" }),
  passed: count.meta({ description: "Of them: let through at once" }),
  deferred: count.meta({ description: "Of them: kept back" }),
  conflated: count.meta({ description: "Kept ones that a later change of their edge replaced" }),
  released: count.meta({ description: "Kept ones let through later" }),
  kept: count.meta({ description: "Changes kept now" }),
  changesPerS: count.meta({ description: "Mean of the last seconds" }),
});

const blocks: z.ZodType<BlockStatus, BlockStatus> = z.strictObject({
  running: z.array(z.strictObject({
    jobId: count,
    clusterId: z.string(),
    members: ids,
    startedAt: time,
  })).readonly().meta({ description: "Under way, the oldest first" }),
  waiting: ids.meta({ description: "Clusters that wait, the next first" }),
  totals: z.strictObject({
    warmed: count.meta({ description: "Blocks that were warmed" }),
    failed: count.meta({ description: "Blocks that could not be" }),
    hits: count.meta({ description: "Reads that found a block" }),
    misses: count.meta({ description: "Reads that did not" }),
    waiting: count.meta({ description: "Wishes for a block that waited already" }),
    running: count.meta({ description: "Wishes for a block that was being warmed" }),
    recent: count.meta({ description: "Wishes for a block begun a short time ago" }),
    small: count.meta({ description: "Wishes for a cluster with too few members" }),
    full: count.meta({ description: "Wishes for which there was no room" }),
  }),
  hitRatio: maybe.meta({ description: "Share of reads that found a block; null without any" }),
  warmMs: z.strictObject({ p50: count, p99: count, max: count }).nullable()
    .meta({ description: "Times of warmed blocks since the process began" }),
});

const aggregator: z.ZodType<ServedAggregator, ServedAggregator> = z.strictObject({
  edges: count,
  clusters: count.meta({ description: "Those of one edge included" }),
  largest: count.meta({ description: "Members of the largest cluster" }),
  pending: count.meta({ description: "Edges that wait for the next tick" }),
  knownPairs: count.meta({ description: "Pairs whose correlation is known" }),
  totals: z.strictObject({
    recorded: count.meta({ description: "Changes that were taken" }),
    folded: count.meta({ description: "Of them: of an edge that changed within the same tick" }),
    refused: count.meta({ description: "Changes that were not taken" }),
    minor: count,
    moderate: count,
    major: count,
    ticks: count,
    fired: count.meta({ description: "Times that a cluster fired" }),
    regrouped: count.meta({ description: "Times that clusters were made anew" }),
  }).meta({ description: "Since the aggregator began, restarts included" }),
  blocks: blocks.meta({ description: "Correlations of clusters in the cache" }),
  stream: z.strictObject({
    edges: count,
    bars: count.meta({ description: "Bar times that were taken in" }),
    late: count.meta({ description: "Bars that came too late" }),
    bytes: count,
  }).nullable().meta({ description: "What learns correlations from candles; null without it" }),
  seq: maybe.meta({ description: "Commit up to which candles were looked at; null: none is" }),
  instruments: count.meta({ description: "Instruments whose price moves are edges' changes" }),
  isCaughtUp: z.boolean().meta({ description: "All that was committed has been looked at" }),
  changesPerS: count.meta({ description: "Changes of edges, a mean of the last seconds" }),
  firedRatio: maybe.meta({ description: "Share of ticks that set a cluster off" }),
});

/** Figures over all runs. */
export const refreshStats: z.ZodType<RefreshStats, RefreshStats> = z.strictObject({
  atMs: time,
  runs: count,
  staleRuns: count.meta({ description: "Of them: stale for any reason" }),
  partial: count.meta({ description: "Refreshes that ended with a partial result" }),
  full: count.meta({ description: "Those by a rebuild" }),
  fallbacks: count.meta({ description: "Those that fell back to a rebuild" }),
  failed: count.meta({ description: "Those that failed" }),
  partialRatio: maybe.meta({
    description: "Share of partial ones where the cost model wanted one; null without any",
  }),
  auditMismatches: count.meta({ description: "Audits that did not match" }),
  busyRatio: share.meta({ description: "Share of the last seconds in which refreshes worked" }),
  gate: gate.meta({ description: "What lets changes through, by mode" }),
  providers: z.array(providerHealth).readonly(),
  aggregator: aggregator.nullable().meta({ description: "Null: it does not answer" }),
}).meta({ id: "RefreshStats" });
