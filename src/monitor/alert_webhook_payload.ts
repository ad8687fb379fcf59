/**
 * Alerts as receivers of webhooks read them: the JSON that Prometheus Alertmanager sends to its own
 * webhook receivers, version 4 of its format, so that what was made for those takes it as it is.
 *
 * @module
 */

import type { AlertGroup } from "./alert_outbox.ts";
import { alertmanagerPayload, type PayloadOptions } from "./alert_payload.ts";

/** One alert of the message. */
export interface WebhookAlert {
  /** Whether it still is wrong. */
  readonly status: "firing" | "resolved";
  /** As {@linkcode alertmanagerPayload} has them. */
  readonly labels: Readonly<Record<string, string>>;
  /** See `labels`. */
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  /** RFC 3339; the year 1 while it fires, as Alertmanager writes it. */
  readonly endsAt: string;
  /** Where it is from. */
  readonly generatorURL: string;
  /** The hash of its id: the same for the same, in any process. */
  readonly fingerprint: string;
}

/** The message. */
export interface WebhookPayload {
  /** Of the format. */
  readonly version: "4";
  /** The same for messages of one group. */
  readonly groupKey: string;
  /** Alerts of the group that found no room. */
  readonly truncatedAlerts: number;
  /** `firing` while any of them does. */
  readonly status: "firing" | "resolved";
  /** Name of the sink. */
  readonly receiver: string;
  /** What the group is made by. */
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Labels that all of them have. */
  readonly commonLabels: Readonly<Record<string, string>>;
  /** Annotations that all of them have. */
  readonly commonAnnotations: Readonly<Record<string, string>>;
  /** Where the service is reached; empty = not said. */
  readonly externalURL: string;
  /** Firing ones first. */
  readonly alerts: readonly WebhookAlert[];
}

/** What Go writes for no time at all. */
const NEVER = "0001-01-01T00:00:00Z";

/** The message for a group. O(alerts). */
export function webhookPayload(
  { rule, alerts, truncated }: Pick<AlertGroup, "rule" | "alerts" | "truncated">,
  receiver: string,
  options: PayloadOptions,
): WebhookPayload {
  const told = alerts.filter(({ state }) => state !== "pending");
  const shown = alertmanagerPayload(told, options).map((posted, i): WebhookAlert => {
    const alert = told[i];
    const isFiring = alert?.state === "firing";
    return {
      status: isFiring ? "firing" : "resolved",
      ...posted,
      endsAt: isFiring ? NEVER : posted.endsAt,
      fingerprint: alert?.id.slice(-16) ?? "",
    };
  });
  const groupLabels: Record<string, string> = rule === null ? {} : { alertname: rule };
  return {
    version: "4",
    groupKey: rule === null ? "{}:{}" : `{}:{alertname=${JSON.stringify(rule)}}`,
    truncatedAlerts: truncated,
    status: shown.some(({ status }) => status === "firing") ? "firing" : "resolved",
    receiver,
    groupLabels,
    commonLabels: common(shown.map(({ labels }) => labels)),
    commonAnnotations: common(shown.map(({ annotations }) => annotations)),
    externalURL: options.baseUrl,
    alerts: shown,
  };
}

/** What all of them say alike. */
function common(
  all: readonly Readonly<Record<string, string>>[],
): Readonly<Record<string, string>> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((each) => each[name] === value)),
  );
}
