/**
 * What upstream providers say about themselves.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Answer of a provider to `status`, as far as it is looked at; `ProviderStatus` is one. */
export interface ProviderFigures {
  /** `closed` while it is called. */
  readonly breaker: string;
  /** Failures in a row. */
  readonly failures: number;
  /** Keys that wait to be grouped into calls. */
  readonly waitingKeys: number;
  /** How they are grouped. */
  readonly batch: {
    readonly calls: number;
    readonly keys: number;
    readonly coalesced: number;
    readonly retried: number;
    readonly bisected: number;
    readonly halves: number;
    readonly bulkWaiting: number;
    readonly callKeysMax: number;
    readonly lingerMs: number;
  };
  /** Permits that are out. */
  readonly permits: number;
  /** Counts by endpoint. */
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly calls: number;
    readonly failed: number;
  }[];
  /** Null where it sets no limit. */
  readonly limiter: {
    readonly waiting: number;
    readonly waitedMs: number;
    readonly limited: number;
    readonly inFlight: number;
    readonly limits: readonly { readonly usedRatio: number }[];
  } | null;
  /** What went wrong last; null = nothing. */
  readonly lastError: string | null;
}

const OF_PROVIDER = ["provider"] as const;
const OF_ENDPOINT = ["provider", "endpoint"] as const;
const gauge = (name: string, help: string) =>
  ({ name, kind: "gauge", help, labels: OF_PROVIDER }) as const;
const counter = (name: string, help: string) =>
  ({ name, kind: "counter", help, labels: OF_PROVIDER }) as const;
const endpointCounter = (name: string, help: string) =>
  ({ name, kind: "counter", help, labels: OF_ENDPOINT }) as const;

/** Metrics of the providers. */
export const PROVIDER_METRICS: readonly MetricSpec[] = [
  gauge("wick_provider_breaker_closed", "1 while it is called, 0 while it is given a pause"),
  gauge("wick_provider_waiting_keys", "Keys that wait to be grouped into calls"),
  gauge("wick_provider_bulk_waiting_keys", "Keys of bulk work that wait for an idle provider"),
  gauge("wick_provider_call_keys_max", "Most keys of a call"),
  gauge("wick_provider_linger_seconds", "How long keys that somebody waits for wait for others"),
  counter("wick_provider_grouped_calls_total", "Calls made for grouped keys"),
  counter("wick_provider_grouped_keys_total", "Keys of these calls"),
  counter("wick_provider_coalesced_total", "Wishes for a key that waited already"),
  counter("wick_provider_retried_calls_total", "Grouped calls that failed and were made again"),
  counter("wick_provider_bisected_calls_total", "Grouped calls that failed and were halved"),
  counter("wick_provider_half_calls_total", "Calls made for halves of those"),
  gauge("wick_provider_permits", "Calls that may be made and are not over"),
  gauge("wick_provider_limit_waiting", "Calls that wait for its limits"),
  gauge("wick_provider_limit_used_ratio", "Share of its limits in use, of the one most used"),
  counter("wick_provider_limit_waited_seconds_total", "Time that calls waited for its limits"),
  counter("wick_provider_limited_total", "Calls that it refused for its limits"),
  endpointCounter("wick_provider_calls_total", "Calls"),
  endpointCounter("wick_provider_failed_calls_total", "Calls that failed"),
];

/**
 * Measurements of one provider; `part` is its path below the root, its last step the provider's name.
 * One whose breaker is not closed is degraded: what others bring goes on.
 */
export function providerFinding(part: string, figures: ProviderFigures): Finding {
  const provider = part.slice(part.lastIndexOf("/") + 1);
  const labels = { provider };
  const value = (name: string, value: number): Sample => ({ name, labels, value });
  const { breaker, failures, waitingKeys, permits, endpoints, limiter, lastError, batch } = figures;
  const isClosed = breaker === "closed";
  const samples: Sample[] = [
    value("wick_provider_breaker_closed", isClosed ? 1 : 0),
    value("wick_provider_waiting_keys", waitingKeys),
    value("wick_provider_bulk_waiting_keys", batch.bulkWaiting),
    value("wick_provider_call_keys_max", batch.callKeysMax),
    value("wick_provider_linger_seconds", batch.lingerMs / 1_000),
    { name: "wick_provider_grouped_calls_total", labels, total: batch.calls },
    { name: "wick_provider_grouped_keys_total", labels, total: batch.keys },
    { name: "wick_provider_coalesced_total", labels, total: batch.coalesced },
    { name: "wick_provider_retried_calls_total", labels, total: batch.retried },
    { name: "wick_provider_bisected_calls_total", labels, total: batch.bisected },
    { name: "wick_provider_half_calls_total", labels, total: batch.halves },
    value("wick_provider_permits", permits),
    ...endpoints.flatMap(({ endpoint, calls, failed }): Sample[] => {
      const labels = { provider, endpoint };
      return [
        { name: "wick_provider_calls_total", labels, total: calls },
        { name: "wick_provider_failed_calls_total", labels, total: failed },
      ];
    }),
  ];
  if (limiter !== null) {
    const { waiting, waitedMs, limited, limits } = limiter;
    const waitedSeconds = waitedMs / 1_000;
    samples.push(
      value("wick_provider_limit_waiting", waiting),
      value(
        "wick_provider_limit_used_ratio",
        limits.reduce((most, { usedRatio }) => Math.max(most, usedRatio), 0),
      ),
      { name: "wick_provider_limit_waited_seconds_total", labels, total: waitedSeconds },
      { name: "wick_provider_limited_total", labels, total: limited },
    );
  }
  const calls = endpoints.reduce((sum, one) => sum + one.calls, 0);
  const failed = endpoints.reduce((sum, one) => sum + one.failed, 0);
  return {
    samples,
    parts: [{
      name: part,
      state: isClosed ? "ok" : "degraded",
      detail: {
        calls,
        failed,
        ...(limiter === null ? {} : { waiting: limiter.waiting }),
        ...(isClosed ? {} : { breaker, failures }),
        ...(isClosed || lastError === null ? {} : { lastError }),
      },
    }],
  };
}
