/**
 * The declared metrics with the edges that targets ask for: what is judged by a latency has to be
 * counted by it.
 *
 * @module
 */

import { HEALTH_METRICS_READ } from "./health_inputs.ts";
import { EDGES_SECONDS, type MetricSpec } from "./metric_spec.ts";
import { targetEdges } from "./rules.ts";
import type { Targets } from "./targets.ts";

/** The metrics; the latency of commits has an edge at each of its targets. O(metrics). */
export function metricsWith(specs: readonly MetricSpec[], targets: Targets): MetricSpec[] {
  const { latencyP99, latencyMean } = targets;
  const { late, failed } = targetEdges(targets);
  const wanted = [latencyP99, latencyMean]
    .flatMap(({ good, warning, critical }) => [good, warning, critical]);
  return specs.map((spec) => {
    if (spec.name !== HEALTH_METRICS_READ.latency) return spec;
    const edges = new Set([...spec.edges ?? EDGES_SECONDS, ...wanted, late, failed]);
    return { ...spec, edges: [...edges].filter((edge) => edge > 0).sort((a, b) => a - b) };
  });
}
