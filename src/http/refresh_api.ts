/**
 * The routes of refreshing, as `api.ts` has all others: edges and their clusters, optimisation
 * runs, and the two calls that do all at once.
 *
 * @module
 */

import { z } from "zod";
import type { RouteSpec } from "./api.ts";
import {
  CORRELATIONS_BYTES_MAX,
  EDGE_CHANGES_BYTES_MAX,
  EDGES_BYTES_MAX,
  RUN_BYTES_MAX,
} from "./limits.ts";
import * as input from "./refresh_input.ts";
import * as shape from "./refresh_schemas.ts";

const oneEdge = z.strictObject({ id: input.edgeId });
const oneCluster = z.strictObject({
  id: input.edgeId.meta({ description: "Its lowest member, encoded" }),
});
const oneRun = z.strictObject({ id: input.runId });

const clustersQuery = z.strictObject({
  sizeMin: z.int().min(1).max(1_000_000).default(1).meta({ description: "Fewest members" }),
  limit: z.int().min(1).max(10_000).default(1_000).meta({ description: "Most clusters" }),
});
const refreshQuery = z.strictObject({
  fallback: z.boolean().default(true).meta({
    description: "Whether a failure leads to a rebuild; else it is reported",
  }),
});
const explainQuery = z.strictObject({
  set: input.setId.optional().meta({ description: "A set whose state and score are to be said" }),
});

/** See the module's text. */
export const REFRESH_ROUTES = {
  "/api/edges/changes": {
    post: {
      about: "Takes changes of edges: one, an array, or NDJSON; says which clusters they set off",
      access: "act",
      json: input.edgeChangesPost,
      jsonBytesMax: EDGE_CHANGES_BYTES_MAX,
      jsonForm: "lines",
      reply: shape.changesTaken,
    },
  },
  "/api/edges": {
    post: {
      about: "Adds edges; those that are there stay as they are",
      access: "act",
      json: input.edgesGiven,
      jsonBytesMax: EDGES_BYTES_MAX,
      reply: shape.edgesKept,
    },
  },
  "/api/edges/remove": {
    post: {
      about: "Removes edges, with what is known of them; runs keep theirs",
      access: "act",
      json: input.edgesGiven,
      jsonBytesMax: EDGES_BYTES_MAX,
      reply: shape.edgesKept,
    },
  },
  "/api/edges/:id": {
    get: {
      about: "Why an edge is in its cluster: its highest correlations, and what waits of it",
      access: "read",
      param: oneEdge,
      reply: shape.edgeExplanation,
    },
  },
  "/api/correlations": {
    put: {
      about: "Takes correlations in place of those handed in before; clusters are made anew",
      access: "act",
      json: input.correlationsPut,
      jsonBytesMax: CORRELATIONS_BYTES_MAX,
      reply: shape.correlationsTaken,
    },
    delete: {
      about: "Takes correlations that were handed in back; those learned from candles count again",
      access: "act",
      reply: shape.correlationsTaken,
    },
  },
  "/api/clusters": {
    get: {
      about: "Clusters of edges that move together and their impact, the largest first",
      access: "read",
      query: clustersQuery,
      reply: shape.clustersReply,
    },
  },
  "/api/clusters/:id/correlations": {
    get: {
      about: "Correlations of all pairs of a cluster's members, from the cache where it has them",
      access: "read",
      param: oneCluster,
      reply: shape.servedBlock,
    },
  },
  "/api/runs": {
    get: { about: "Every optimisation run", access: "read", reply: shape.runsReply },
    post: {
      about: "Makes a run over edges and candidate sets; its first refresh begins at once",
      access: "act",
      json: input.runSpec,
      jsonBytesMax: RUN_BYTES_MAX,
      reply: shape.run,
    },
  },
  "/api/runs/:id": {
    get: {
      about: "All there is to know of a run: its best sets, staleness, counters, durations",
      access: "read",
      param: oneRun,
      reply: shape.run,
    },
    delete: {
      about: "Removes a run, with what was saved of it",
      access: "act",
      param: oneRun,
      reply: shape.runRemoved,
    },
  },
  "/api/runs/:id/change": {
    post: {
      about: "Adds and removes edges and sets, and sets values, of a run: all or nothing",
      access: "act",
      param: oneRun,
      json: input.runChange,
      jsonBytesMax: RUN_BYTES_MAX,
      reply: shape.runChanged,
    },
  },
  "/api/runs/:id/refresh": {
    post: {
      about: "Refreshes a run, by the cheapest way, and answers when it is done",
      access: "act",
      param: oneRun,
      query: refreshQuery,
      reply: shape.refreshReport,
    },
  },
  "/api/runs/:id/rebuild": {
    post: {
      about: "Evaluates every set of a run anew, and answers when it is done",
      access: "act",
      param: oneRun,
      reply: shape.refreshReport,
    },
  },
  "/api/runs/:id/explain": {
    get: {
      about: "Why a run is where it is, what a refresh would do, and how one set stands",
      access: "read",
      param: oneRun,
      query: explainQuery,
      reply: shape.runExplanation,
    },
  },
  "/api/scorers": {
    get: { about: "Scorers that runs may name", access: "read", reply: shape.scorersReply },
  },
  "/api/refresh/stats": {
    get: {
      about:
        "Change rate, partial against full, fallbacks, staleness, providers, the cache of blocks",
      access: "read",
      reply: shape.refreshStats,
    },
  },
  "/api/optimization/edge-changes": {
    post: {
      about: "One change of an edge, to clusters and runs alike, by the rules of the mode",
      access: "act",
      json: input.optimizationEdgeChange,
      reply: shape.optimizationChangeTaken,
    },
  },
  "/api/optimization/refresh": {
    post: {
      about: "Refreshes a run with all that was held back, by the cheapest way, falling back if " +
        "need be",
      access: "act",
      json: input.optimizedRefresh,
      jsonBytesMax: EDGE_CHANGES_BYTES_MAX,
      reply: shape.optimizedRefreshDone,
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, RouteSpec>>>>;
