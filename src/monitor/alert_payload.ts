/**
 * Alerts in the shape that others read: the body of `POST /api/v2/alerts` of Prometheus Alertmanager
 * (its OpenAPI file, `postableAlerts`), and a line of a log.
 *
 * @module
 */

import type { Alert, AlertEvent } from "./alert.ts";

/** One alert as Alertmanager takes it. */
export interface AlertmanagerAlert {
  /** What identifies it: Alertmanager de-duplicates, groups and routes by these. */
  readonly labels: Readonly<Record<string, string>>;
  /** What describes it. */
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  /** RFC 3339: in the past = resolved, else when it counts as resolved unless it is sent again. */
  readonly endsAt: string;
  /** Where it is from. */
  readonly generatorURL: string;
}

/** How a payload is made. */
export interface PayloadOptions {
  /** Where the service is reached, `http://127.0.0.1:8003`; `""` = not said. */
  readonly baseUrl: string;
  /** Now, epoch ms. */
  readonly at: number;
  /** How long it counts as firing unless it is sent again, ms; default 5 min, as Prometheus has it. */
  readonly holdMs?: number;
  /** Labels of all alerts: the node, for example. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Alerts of one request: more are sent in several. */
export const PAYLOAD_ALERTS_MAX = 256;
const HOLD_DEFAULT_MS = 300_000;
/** The largest time that a Date can hold. */
const TIME_MAX_MS = 8.64e15;

/**
 * Alerts as the body of a request, firing and resolved ones; pending ones are left out. Labels of the
 * alert never replace `alertname`, `severity`, `type`, `component` and `alert_id`. O(alerts).
 *
 * @throws {RangeError} when there are more than {@linkcode PAYLOAD_ALERTS_MAX}.
 */
export function alertmanagerPayload(
  alerts: readonly Alert[],
  options: PayloadOptions,
): AlertmanagerAlert[] {
  if (alerts.length > PAYLOAD_ALERTS_MAX) {
    throw new RangeError(
      `Cannot make a payload: expected at most ${PAYLOAD_ALERTS_MAX} alerts: ` +
        `current value is ${alerts.length}`,
    );
  }
  const { baseUrl, at, holdMs = HOLD_DEFAULT_MS, labels = {} } = options;
  return alerts.filter(({ state }) => state !== "pending").map((alert) => ({
    labels: {
      ...labels,
      ...alert.labels,
      alertname: alert.rule,
      severity: alert.severity,
      type: alert.type,
      // An empty value is a missing label to Alertmanager.
      ...(alert.actor === "" ? {} : { component: alert.actor }),
      alert_id: alert.id,
    },
    annotations: {
      summary: alert.summary,
      runbook: alert.runbook,
      ...(alert.value === null ? {} : { value: String(alert.value) }),
      ...(alert.acknowledged === null ? {} : { acknowledged_by: alert.acknowledged.by }),
    },
    startsAt: timeText(alert.firedAt ?? alert.startedAt),
    endsAt: timeText(alert.resolvedAt ?? at + holdMs),
    generatorURL: baseUrl === "" ? "" : `${baseUrl}/#/alerts?id=${encodeURIComponent(alert.id)}`,
  }));
}

const timeText = (at: number) =>
  new Date(Math.max(-TIME_MAX_MS, Math.min(TIME_MAX_MS, at))).toISOString();

/** A line for the log: `fired page ingest_success_fast core/store: … (and 3 more)`. */
export function eventText(event: AlertEvent): string {
  switch (event.type) {
    case "fired":
    case "resolved": {
      const [first] = event.alerts;
      const more = event.count > 1 ? ` (and ${event.count - 1} more)` : "";
      return first === undefined ? event.type : `${event.type} ${alertText(first)}${more}`;
    }
    case "acknowledged": {
      const by = event.alert.acknowledged?.by ?? "";
      return `acknowledged by ${oneLine(by)} ${alertText(event.alert)}`;
    }
    case "suppressed":
      return `held back (${event.reason}) ${alertText(event.alert)}`;
  }
}

function alertText({ severity, rule, actor, summary }: Alert): string {
  const of = actor === "" ? "" : ` ${oneLine(actor)}`;
  return `${severity} ${rule}${of}: ${oneLine(summary)}`;
}

/** Names come from data: a line stays a line. */
const oneLine = (text: string) => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
