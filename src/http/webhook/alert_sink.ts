/**
 * What a receiver of alerts is, and the requests that it is sent: a webhook, signed as those of
 * labels are, or a Prometheus Alertmanager.
 *
 * @module
 */

import type { Alert, AlertSeverity } from "../../monitor/alert.ts";
import type { AlertGroup } from "../../monitor/alert_outbox.ts";
import { alertmanagerPayload, PAYLOAD_ALERTS_MAX } from "../../monitor/alert_payload.ts";
import { webhookPayload } from "../../monitor/alert_webhook_payload.ts";
import { isLoopback } from "../guards/bind_guard.ts";
import { type WebhookRequest, webhookRequest } from "./call.ts";
import { isWebhookUrl, WEBHOOK_SECRET_CHARS_MIN } from "./options.ts";

/** Where alerts are sent. */
export interface AlertSinkSpec {
  /** Name of its actor and of its series in the metrics: unique. */
  readonly name: string;
  /**
   * `webhook`: Alertmanager's own message to its webhooks, signed. `alertmanager`: the alerts, to its
   * `POST /api/v2/alerts`.
   */
  readonly kind: "webhook" | "alertmanager";
  /**
   * Exactly what is called, or the address of the Alertmanager, its path prefix included; http or
   * https. Redirects are not followed.
   */
  readonly url: string;
  /**
   * Signs the calls of a webhook; the bearer token of an Alertmanager, null for none. At least
   * {@linkcode WEBHOOK_SECRET_CHARS_MIN} characters, never shown.
   */
  readonly secret: string | null;
  /** Alerts of these only; null, the default, for all. */
  readonly severities?: readonly AlertSeverity[] | null;
  /** Labels of all its alerts: the site, for example. They replace none of the alert's own. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Most receivers of alerts: each asks the monitor by itself. */
export const ALERT_SINKS_MAX = 16;
/** Alerts of one delivery. */
export const SINK_ALERTS_MAX = PAYLOAD_ALERTS_MAX;
/** Path of Alertmanager's API, behind its prefix. */
export const ALERTMANAGER_PATH = "/api/v2/alerts";
/** Labels that are added. */
export const SINK_LABELS_MAX = 8;

/**
 * Whether a URL can be called with a secret in the open: https, or this machine. A signature gives
 * nothing away, a token does.
 */
export function isSecretSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || isLoopback(hostname);
}

/**
 * Checks what sinks are set up with.
 *
 * @throws {RangeError} naming the sink, for too many, a name twice, a URL that is none, a secret that
 * is short, no single word or would travel in the open; never shows the secret.
 */
export function assertAlertSinks(specs: readonly AlertSinkSpec[]): void {
  const refuse = (what: string, expected: string, found: unknown): never => {
    throw new RangeError(`Cannot use ${what}: expected ${expected}: current value is ${found}`);
  };
  if (specs.length > ALERT_SINKS_MAX) {
    refuse("alert sinks", `at most ${ALERT_SINKS_MAX}`, specs.length);
  }
  const names = new Set<string>();
  for (const { name, kind, url, secret, labels = {} } of specs) {
    const what = `alert sink ${name}`;
    if (names.has(name)) refuse(what, "different names", "one that comes twice");
    names.add(name);
    if (!isWebhookUrl(url)) refuse(what, "a URL of http or https without a password", "another");
    if (kind === "webhook" ? !isLong(secret) : secret !== null && !isLong(secret)) {
      const length = secret?.length ?? 0;
      refuse(`the secret of ${what}`, `${WEBHOOK_SECRET_CHARS_MIN} characters`, length);
    }
    // What no header may hold would be told in the error of every call.
    if (secret !== null && !isOneWord(secret)) {
      refuse(`the secret of ${what}`, "printable characters without blanks", "others");
    }
    if (kind === "alertmanager" && secret !== null && !isSecretSafe(url)) {
      refuse(what, "https, or this machine, for a token", new URL(url).protocol);
    }
    const count = Object.keys(labels).length;
    if (count > SINK_LABELS_MAX) refuse(what, `at most ${SINK_LABELS_MAX} labels`, count);
  }
}

const isLong = (secret: string | null) => (secret?.length ?? 0) >= WEBHOOK_SECRET_CHARS_MIN;

/** Whether a secret is of printable ASCII without blanks, as a header takes it. */
export const isOneWord = (secret: string): boolean => /^[!-~]+$/.test(secret);

/** What all requests of a sink have in common. */
export interface SinkRequestOptions {
  /** Where the service is reached; `""` = not said. */
  readonly baseUrl: string;
  /** Now, epoch ms. */
  readonly at: number;
  /** How long an alert counts as firing unless it is sent again, ms; left out: as by default. */
  readonly holdMs?: number;
}

/** The request that tells a sink of a group. O(alerts). */
export function sinkRequest(
  { name, kind, url, secret, labels = {} }: AlertSinkSpec,
  group: Pick<AlertGroup, "rule" | "alerts" | "truncated">,
  options: SinkRequestOptions,
): WebhookRequest {
  const { at } = options;
  if (kind === "webhook") {
    const body = JSON.stringify(webhookPayload(group, name, { ...options, labels }));
    return webhookRequest({ name, url, secret: secret ?? "" }, body, at);
  }
  return {
    url: alertmanagerUrl(url),
    headers: {
      "content-type": "application/json",
      "user-agent": "wick",
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
    },
    body: JSON.stringify(alertmanagerPayload(group.alerts, { ...options, labels })),
  };
}

/** Where the API is at an address. */
export function alertmanagerUrl(address: string): string {
  const url = new URL(address);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith(ALERTMANAGER_PATH) ? path : path + ALERTMANAGER_PATH;
  return url.href;
}

/** How long a test alert counts as firing where nobody says that it ended. */
export const TEST_HOLD_MS = 60_000;

/** An alert that says so: nothing is wrong. */
export function testAlert(at: number): Alert {
  return {
    id: "wick_test-0000000000000000",
    rule: "wick_test",
    type: "system_health",
    severity: "info",
    actor: "monitor",
    labels: {},
    state: "firing",
    summary: "A test alert of Wick: nothing is wrong",
    runbook: "None: somebody asked for it.",
    value: null,
    startedAt: at,
    firedAt: at,
    resolvedAt: null,
    acknowledged: null,
    mutedBy: null,
    notified: true,
  };
}
