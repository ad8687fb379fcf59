/**
 * Routes about refreshing: edges and their clusters, and the two calls that do all at once. Runs
 * have theirs in `runs.ts`.
 *
 * @module
 */

import { correlationsOf } from "../../refresh/correlation.ts";
import type { ServedBlock } from "../../refresh/service_types.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import type { RefreshPort } from "../port.ts";
import { BLOCK_MEMBERS_MAX } from "../limits.ts";
import { HttpProblem } from "../problem.ts";
import { wholeTimes } from "../whole_times.ts";
import { doneOf, runRoutes, unknownRun } from "./runs.ts";

type Paths =
  | "/api/edges/changes"
  | "/api/edges"
  | "/api/edges/remove"
  | "/api/edges/:id"
  | "/api/correlations"
  | "/api/clusters"
  | "/api/clusters/:id/correlations"
  | "/api/scorers"
  | "/api/refresh/stats"
  | "/api/optimization/edge-changes"
  | "/api/optimization/refresh";

/** See the module's text; those of runs too. */
export function refreshRoutes(
  { port }: Surroundings,
): Pick<Handlers, Paths> & ReturnType<typeof runRoutes> {
  const refresh = (): RefreshPort => {
    if (port.refresh !== null) return port.refresh;
    throw new HttpProblem(404, "no_refresh", "Cannot refresh: this service has no edges and runs");
  };
  return {
    ...edgeRoutes(refresh),
    ...clusterRoutes(refresh),
    ...optimizationRoutes(refresh),
    ...runRoutes(refresh),
    "/api/scorers": {
      get: async () => {
        const scorers = await refresh().scorers();
        return { scorers: scorers.map(({ name, description }) => ({ name, description })) };
      },
    },
    "/api/refresh/stats": { get: async () => wholeTimes(await refresh().stats()) },
  };
}

type EdgePaths = Extract<Paths, `/api/edges${string}`>;

function edgeRoutes(refresh: () => RefreshPort): Pick<Handlers, EdgePaths> {
  return {
    "/api/edges/changes": {
      post: async ({ json }) =>
        await refresh().recordEdgeChanges(Array.isArray(json) ? json : [json]),
    },
    "/api/edges": { post: async ({ json: { edges } }) => await refresh().addEdges(edges) },
    "/api/edges/remove": {
      post: async ({ json: { edges } }) => await refresh().removeEdges(edges),
    },
    "/api/edges/:id": {
      get: async ({ param: { id } }) => {
        const found = await refresh().edge(id);
        if (found !== null) return wholeTimes(found);
        const detail = `Cannot find edge ${id}: there is none`;
        throw new HttpProblem(404, "unknown_edge", detail, { found: id });
      },
    },
  };
}

type ClusterPaths = Extract<Paths, `/api/cl${string}` | "/api/correlations">;

function clusterRoutes(refresh: () => RefreshPort): Pick<Handlers, ClusterPaths> {
  return {
    "/api/correlations": {
      put: async ({ json }) => {
        const to = refresh();
        // What contradicts itself is refused here, with its reason.
        correlationsOf(json);
        return await to.setCorrelations(json);
      },
      delete: async () => await refresh().setCorrelations(null),
    },
    "/api/clusters": {
      get: async ({ query: { sizeMin, limit } }) => {
        const clusters = await refresh().clusters(sizeMin, limit);
        return { clusters: clusters.map(wholeTimes) };
      },
    },
    "/api/clusters/:id/correlations": {
      get: async ({ param: { id } }) => await blockOf(refresh(), id),
    },
  };
}

/** @throws {HttpProblem} 404 `unknown_cluster`, 422 `answer_too_large`. */
async function blockOf(refresh: RefreshPort, id: string): Promise<ServedBlock> {
  const cannot = `Cannot show correlations of cluster ${id}`;
  const { cluster } = await refresh.edge(id) ?? {};
  const size = cluster?.members.length ?? 0;
  if (size > BLOCK_MEMBERS_MAX) {
    const expected = `at most ${BLOCK_MEMBERS_MAX} members`, found = String(size);
    const detail = `${cannot}: expected ${expected}: current value is ${found}`;
    throw new HttpProblem(422, "answer_too_large", detail, { expected, found });
  }
  const served = cluster?.id === id ? await refresh.block(id) : null;
  if (served === null) {
    const why = cluster === undefined
      ? "there is none of that id"
      : `expected the id of its lowest member, ${cluster.id}: current value is ${id}`;
    const detail = `${cannot}: ${why}`;
    throw new HttpProblem(404, "unknown_cluster", detail, { found: id });
  }
  const { block, cacheHit } = served;
  return { block: { ...block, atMs: Math.round(block.atMs) }, cacheHit };
}

type OptimizationPaths = Extract<Paths, `/api/optimization/${string}`>;

function optimizationRoutes(refresh: () => RefreshPort): Pick<Handlers, OptimizationPaths> {
  return {
    "/api/optimization/edge-changes": {
      post: async ({ json }) => {
        const taken = await refresh().recordOptimizationEdgeChange(json);
        if (taken === null) throw unknownRun(json.runId ?? "");
        return taken;
      },
    },
    "/api/optimization/refresh": {
      post: async ({ json }) => {
        const answer = await refresh().executeOptimizedRefresh(json);
        const { state: _done, ...done } = doneOf(json.runId, answer);
        return wholeTimes(done);
      },
    },
  };
}
