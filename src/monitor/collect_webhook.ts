/**
 * What webhooks say about themselves.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Answer of a webhook to `status`, as far as it is looked at; `WebhookStatus` is one. */
export interface WebhookFigures {
  /** `idle`, `delivering`, `waiting` or `paused`. */
  readonly state: string;
  /** What it waits for; null = nothing. */
  readonly waiting: { readonly for: string; readonly code: string } | null;
  /** Everything up to this place was taken: SEQ or SEQ-ROW. */
  readonly after: string;
  /** Last commit of the log. */
  readonly logSeq: number;
  /** Batches taken. */
  readonly batches: number;
  /** Label rows in them. */
  readonly rows: number;
  /** Calls that were not taken. */
  readonly failures: number;
  /** Times the log was given up before it was delivered. */
  readonly gaps: number;
  /** `closed` while its receiver takes what it is sent. */
  readonly breaker: { readonly state: string };
  /** What went wrong last. */
  readonly lastError: string | null;
}

const OF_WEBHOOK = ["webhook"] as const;
const gauge = (name: string, help: string) =>
  ({ name, kind: "gauge", help, labels: OF_WEBHOOK }) as const;
const counter = (name: string, help: string) =>
  ({ name, kind: "counter", help, labels: OF_WEBHOOK }) as const;

/** Metrics of the webhooks. */
export const WEBHOOK_METRICS: readonly MetricSpec[] = [
  gauge("wick_webhook_breaker_closed", "1 while its receiver takes what it is sent, else 0"),
  gauge("wick_webhook_behind_commits", "Commits of the label log that it has not delivered"),
  counter("wick_webhook_batches_total", "Batches taken"),
  counter("wick_webhook_rows_total", "Label rows in batches that were taken"),
  counter("wick_webhook_failures_total", "Calls that were not taken"),
  counter("wick_webhook_gaps_total", "Times the log was given up before it was delivered"),
];

/**
 * Measurements of one webhook; `part` is its path below the root, its last step the webhook's name.
 * One whose receiver failed several times in a row is down, one that waits is degraded.
 */
export function webhookFinding(part: string, figures: WebhookFigures): Finding {
  const labels = { webhook: part.slice(part.lastIndexOf("/") + 1) };
  const total = (name: string, value: number): Sample => ({ name, labels, total: value });
  const value = (name: string, value: number): Sample => ({ name, labels, value });
  const { state, waiting, after, logSeq, rows, failures, gaps, lastError } = figures;
  const isClosed = figures.breaker.state === "closed";
  const behind = Math.max(0, logSeq - Number(after.split("-", 1)[0]));
  return {
    samples: [
      value("wick_webhook_breaker_closed", isClosed ? 1 : 0),
      value("wick_webhook_behind_commits", behind),
      total("wick_webhook_batches_total", figures.batches),
      total("wick_webhook_rows_total", rows),
      total("wick_webhook_failures_total", failures),
      total("wick_webhook_gaps_total", gaps),
    ],
    parts: [{
      name: part,
      state: !isClosed ? "down" : waiting === null ? "ok" : "degraded",
      detail: {
        webhook: state,
        behind,
        rows,
        failures,
        ...(gaps === 0 ? {} : { gaps }),
        ...(waiting === null ? {} : { waitsFor: waiting.for, code: waiting.code }),
        ...(waiting === null || lastError === null ? {} : { lastError }),
      },
    }],
  };
}
