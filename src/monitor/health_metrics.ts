/**
 * The health of the service as metrics.
 *
 * @module
 */

import type { HealthScore } from "./health_score.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Metrics of the health; to be registered where {@linkcode healthSamples} are taken. */
export const HEALTH_METRICS: readonly MetricSpec[] = [
  { name: "wick_health_score", kind: "gauge", help: "Health of the service, 0 to 100" },
  {
    name: "wick_health_part_score",
    kind: "gauge",
    help: "Points of a part of the score, 0 to 100; none while it does not count",
    labels: ["part"],
    seriesMax: 4,
  },
  {
    name: "wick_health_known_ratio",
    kind: "gauge",
    help: "Share of the score's weights that is known",
  },
  {
    name: "wick_health_component_up",
    kind: "gauge",
    help: "1 while a component works, 0.5 while not as it should, 0 while it is down",
    labels: ["component"],
    seriesMax: 8,
  },
  {
    name: "wick_process_cpu_ratio",
    kind: "gauge",
    help: "Processor time by what all cores could give, of late",
  },
];

const UP = { ok: 1, degraded: 0.5, down: 0 } as const;

/** Measurements of a score; what is unknown has none. */
export function healthSamples(score: HealthScore): Sample[] {
  const value = (name: string, value: number | null, labels: Record<string, string> = {}) =>
    value === null ? [] : [{ name, labels, value }];
  const cpu = score.measures.find(({ measure }) => measure === "cpu")?.value ?? null;
  return [
    ...value("wick_health_score", score.score),
    ...score.parts.flatMap(({ name, points }) =>
      value("wick_health_part_score", points, { part: name })
    ),
    ...value("wick_health_known_ratio", score.knownWeight),
    ...score.components.flatMap(({ name, state }) =>
      state === "absent" || state === "unknown"
        ? []
        : value("wick_health_component_up", UP[state], { component: name })
    ),
    ...value("wick_process_cpu_ratio", cpu),
  ];
}
