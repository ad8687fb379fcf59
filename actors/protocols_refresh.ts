/**
 * Messages of the aggregator and of the refresh coordinator.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import {
  correlationInput,
  edgeChanges,
  edgeId,
  edgeValue,
  optimizationEdgeChange,
  optimizedRefresh,
  RUN_EDGES_MAX,
  runChange,
  runId,
  runSpec,
  setId,
} from "../src/http/refresh_input.ts";
import type {
  ClusterStatus,
  EdgeExplanation,
  ImpactedCluster,
} from "../src/refresh/aggregator_types.ts";
import type { FoldedChange } from "../src/refresh/aggregator_pending.ts";
import type { Correlations } from "../src/refresh/correlation.ts";
import type { RunMetadata } from "../src/refresh/run_types.ts";
import type {
  ChangeAnswer,
  ChangesTaken,
  CreateAnswer,
  OptimizationChangeTaken,
  OptimizedRefreshAnswer,
  RefreshAnswer,
  RefreshStats,
  RunExplanation,
  ServedAggregator,
  ServedBlock,
} from "../src/refresh/service_types.ts";
import { commitNews } from "./protocols.ts";

export type { RunNews as RefreshNews } from "../src/refresh/coordinator_news.ts";

const nothing = z.strictObject({});
const oneRun = z.strictObject({ runId });

/** Folds changes of edges into impact per cluster of edges that move together. */
export const Aggregator = protocol("aggregator", {
  recordEdgeChanges: {
    about: "Takes changes of edges; answers with the clusters that they set off",
    payload: z.strictObject({ changes: edgeChanges }),
    reply: z.custom<ChangesTaken>(),
  },
  recordEdgeChange: {
    about: "Takes one change of an edge; answers with the cluster that it sets off",
    payload: edgeChanges.element,
    reply: z.custom<ChangesTaken>(),
  },
  correlations: {
    about: "Takes correlations in place of those handed in before; null takes them back",
    payload: z.strictObject({ correlations: correlationInput }),
    reply: z.custom<{ readonly edges: number; readonly clusters: number }>(),
  },
  clusters: {
    about: "Clusters and their impact, the largest first",
    payload: z.strictObject({
      sizeMin: z.int().min(1).max(1_000_000).default(1),
      limit: z.int().min(1).max(10_000).default(1_000),
    }),
    reply: z.custom<readonly ClusterStatus[]>(),
  },
  edge: {
    about: "Why an edge is in its cluster; null when there is no such edge",
    payload: z.strictObject({ edgeId }),
    reply: z.custom<EdgeExplanation | null>(),
  },
  addEdges: {
    about: "Adds edges; those that are there stay as they are",
    payload: z.strictObject({ edges: z.array(edgeId).max(RUN_EDGES_MAX) }),
    reply: z.custom<{ readonly edges: number }>(),
  },
  removeEdges: {
    about: "Removes edges, with what is known of them",
    payload: z.strictObject({ edges: z.array(edgeId).max(RUN_EDGES_MAX) }),
    reply: z.custom<{ readonly edges: number }>(),
  },
  block: {
    about: "Correlations within a cluster, from the cache where it has them; null: no such cluster",
    payload: z.strictObject({ clusterId: edgeId }),
    reply: z.custom<ServedBlock | null>(),
  },
  status: {
    about: "Edges, clusters, changes and blocks, in figures",
    payload: nothing,
    reply: z.custom<ServedAggregator>(),
  },
  save: { about: "Saves what must survive now", payload: nothing, reply: z.null() },
  // News of commits: the newest says all.
  committed: { payload: commitNews, internal: true },
  // What it tells itself.
  tick: { payload: nothing, internal: true },
  look: { payload: nothing, internal: true },
  replay: { payload: nothing, internal: true, priority: "low" },
  blocks: { payload: nothing, internal: true },
  autosave: { payload: nothing, internal: true, priority: "low" },
});

/** What a tick of the aggregator came to, for runs. */
export interface EdgesMoved {
  /** One for each edge that changed, with its class. */
  readonly changes: readonly FoldedChange[];
  /** Clusters that fired. */
  readonly impacted: readonly ImpactedCluster[];
}

/** Keeps the best candidate set of each optimisation run while edges move. */
export const RefreshCoordinator = protocol("refresh_coordinator", {
  createRun: {
    about: "Makes a run over edges and candidate sets; its first refresh begins at once",
    payload: runSpec,
    reply: z.custom<CreateAnswer>(),
  },
  changeRun: {
    about: "Adds and removes edges and sets, and sets values, of a run; all or nothing",
    payload: z.strictObject({ runId, change: runChange }),
    reply: z.custom<ChangeAnswer>(),
  },
  recordEdgeChanges: {
    about:
      "Sets values of edges in one run or in every run that holds them; clusters are not asked",
    payload: z.strictObject({
      runId: runId.optional(),
      values: z.array(edgeValue).min(1).max(RUN_EDGES_MAX),
    }),
    reply: z.custom<ChangeAnswer>(),
  },
  refresh: {
    about: "Refreshes a run; a failure is reported, and leaves what is published",
    payload: oneRun,
    reply: z.custom<RefreshAnswer>(),
  },
  refreshWithFallback: {
    about: "Refreshes a run; a failure leads to a rebuild",
    payload: oneRun,
    reply: z.custom<RefreshAnswer>(),
  },
  rebuild: {
    about: "Evaluates every set of a run anew",
    payload: oneRun,
    reply: z.custom<RefreshAnswer>(),
  },
  get: {
    about: "All there is to know of a run; null when there is none",
    payload: oneRun,
    reply: z.custom<RunMetadata | null>(),
  },
  list: { about: "Every run", payload: nothing, reply: z.custom<readonly RunMetadata[]>() },
  explain: {
    about: "Why a run is where it is, what a refresh would do, and how one set stands",
    payload: z.strictObject({ runId, setId: setId.optional() }),
    reply: z.custom<RunExplanation | null>(),
  },
  scorers: {
    about: "Scorers by name",
    payload: nothing,
    reply: z.custom<readonly { readonly name: string; readonly description: string }[]>(),
  },
  stats: {
    about:
      "Change rate, partial against full, fallbacks, staleness, providers, the cache of blocks",
    payload: nothing,
    reply: z.custom<RefreshStats>(),
  },
  recordOptimizationEdgeChange: {
    about: "One change of an edge, to clusters and runs alike, by the mode's rules",
    payload: optimizationEdgeChange,
    reply: z.custom<OptimizationChangeTaken | null>(),
  },
  executeOptimizedRefresh: {
    about:
      "Refreshes a run with all that was held back, by the cheapest way, falling back if need be",
    payload: optimizedRefresh,
    reply: z.custom<OptimizedRefreshAnswer>(),
  },
  removeRun: {
    about: "Removes a run; false when there is none",
    payload: oneRun,
    reply: z.boolean(),
  },
  save: { about: "Saves all runs now", payload: nothing, reply: z.null() },
  // From the aggregator.
  moved: { payload: z.custom<EdgesMoved>(), internal: true },
  correlated: {
    payload: z.custom<{ readonly correlations: Correlations }>(),
    internal: true,
  },
  // What it tells itself: a slice of work, looks at load and providers, and saves.
  work: { payload: nothing, internal: true, priority: "low" },
  look: { payload: nothing, internal: true },
  autosave: { payload: nothing, internal: true, priority: "low" },
});
