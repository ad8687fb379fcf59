/**
 * What receivers of alerts say about themselves.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";

/** Answer of a sink to `status`, as far as it is looked at; `AlertSinkStatus` is one. */
export interface AlertSinkFigures {
  /** `idle`, `delivering` or `waiting`. */
  readonly state: string;
  /** What it waits for; null = nothing. */
  readonly waiting: { readonly code: string } | null;
  /** Alerts that its receiver was not told of as they are. */
  readonly alerts: number;
  /** Ends of alerts that were given up. */
  readonly dropped: number;
  /** Deliveries that were taken. */
  readonly taken: number;
  /** Deliveries that were not. */
  readonly failed: number;
  /** `closed` while its receiver takes what it is sent. */
  readonly breaker: { readonly state: string };
  /** What went wrong last. */
  readonly lastError: string | null;
}

/** Metrics of the receivers of alerts. */
export const ALERT_SINK_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_alert_deliveries_total",
    kind: "counter",
    help: "Deliveries of alerts by outcome: taken or failed",
    labels: ["sink", "outcome"],
  },
  {
    name: "wick_alert_sink_breaker_closed",
    kind: "gauge",
    help: "1 while the receiver takes what it is sent, else 0",
    labels: ["sink"],
  },
  {
    name: "wick_alert_sink_waiting_alerts",
    kind: "gauge",
    help: "Alerts that the receiver was not told of as they are",
    labels: ["sink"],
  },
  {
    name: "wick_alert_sink_dropped_total",
    kind: "counter",
    help: "Ends of alerts that were given up for lack of room",
    labels: ["sink"],
  },
];

/**
 * Measurements of one sink; `part` is its path below the root, its last step the sink's name. One
 * whose receiver failed several times in a row is down, one that waits is degraded.
 */
export function alertSinkFinding(part: string, figures: AlertSinkFigures): Finding {
  const sink = part.slice(part.lastIndexOf("/") + 1);
  const { state, waiting, alerts, dropped, taken, failed, breaker, lastError } = figures;
  const isClosed = breaker.state === "closed";
  const labels = { sink };
  return {
    samples: [
      { name: "wick_alert_deliveries_total", labels: { sink, outcome: "taken" }, total: taken },
      { name: "wick_alert_deliveries_total", labels: { sink, outcome: "failed" }, total: failed },
      { name: "wick_alert_sink_breaker_closed", labels, value: isClosed ? 1 : 0 },
      { name: "wick_alert_sink_waiting_alerts", labels, value: alerts },
      { name: "wick_alert_sink_dropped_total", labels, total: dropped },
    ],
    parts: [{
      name: part,
      state: !isClosed ? "down" : waiting === null ? "ok" : "degraded",
      detail: {
        sink: state,
        alerts,
        taken,
        failed,
        ...(dropped === 0 ? {} : { dropped }),
        ...(waiting === null ? {} : { code: waiting.code }),
        ...(waiting === null || lastError === null ? {} : { lastError }),
      },
    }],
  };
}
