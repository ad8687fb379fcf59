/**
 * Metrics of the alerts themselves, and those that only rules read.
 *
 * @module
 */

import type { BookCounts } from "./alert_book.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Metrics of the alerts. */
export const ALERT_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_alerts",
    kind: "gauge",
    help: "Alerts by state: pending or firing",
    labels: ["state"],
    seriesMax: 2,
  },
  { name: "wick_alerts_fired_total", kind: "counter", help: "Alerts that were told" },
  {
    name: "wick_alerts_suppressed_total",
    kind: "counter",
    help: "Alerts held back by a cause, a cooldown or their group",
  },
  {
    name: "wick_alerts_refused_total",
    kind: "counter",
    help: "Alerts that found no room, or lost theirs to a more severe one",
  },
];

/** Metrics that only rules read. */
export const RULE_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_label_outcomes_total",
    kind: "counter",
    help: "Labels that became final, by half of the label (barrier, horizon) and outcome",
    labels: ["kind", "outcome"],
    seriesMax: 8,
  },
];

/** Measurements of the alerts. */
export function alertSamples(counts: BookCounts): Sample[] {
  return [
    { name: "wick_alerts", labels: { state: "pending" }, value: counts.pending },
    { name: "wick_alerts", labels: { state: "firing" }, value: counts.firing },
    { name: "wick_alerts_fired_total", total: counts.fired },
    { name: "wick_alerts_suppressed_total", total: counts.suppressed },
    { name: "wick_alerts_refused_total", total: counts.refused },
  ];
}
