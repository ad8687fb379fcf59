/**
 * Every metric of the service in one list: what `/metrics` shows and the README's table says.
 *
 * @module
 */

import { ALERT_SINK_METRICS } from "./collect_alert_sink.ts";
import { JOB_METRICS } from "./collect_backfill.ts";
import { CACHE_METRICS } from "./collect_cache.ts";
import { FEED_METRICS, POOL_METRICS, STORE_METRICS } from "./collect_ingest.ts";
import { NODE_METRICS } from "./collect_nodes.ts";
import { PARTITION_METRICS } from "./collect_partitions.ts";
import { LETTER_METRICS, PROCESS_METRICS } from "./collect_process.ts";
import { PROVIDER_METRICS } from "./collect_provider.ts";
import { TREE_METRICS } from "./collect_tree.ts";
import { REFRESH_METRICS } from "./collect_refresh.ts";
import { TUNING_METRICS } from "./tuning_inputs.ts";
import { WARM_METRICS } from "./collect_warm.ts";
import { WEBHOOK_METRICS } from "./collect_webhook.ts";
import { HEALTH_METRICS } from "./health_metrics.ts";
import type { MetricSpec } from "./metric_spec.ts";
import { ALERT_METRICS, RULE_METRICS } from "./rules_metrics.ts";

/** Metrics of the monitor itself. */
export const MONITOR_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_event_loop_lag_seconds",
    kind: "histogram",
    help: "How late timers of the main isolate fire",
  },
  {
    name: "wick_event_loop_lag_p99_seconds",
    kind: "gauge",
    help: "99th percentile of the lag over the last minute",
  },
  {
    name: "wick_monitor_collector_up",
    kind: "gauge",
    help: "1 when the last look at a part succeeded, else 0",
    labels: ["collector"],
  },
  {
    name: "wick_monitor_collector_failures_total",
    kind: "counter",
    help: "Looks that failed or took too long",
    labels: ["collector"],
  },
  {
    name: "wick_monitor_collector_seconds",
    kind: "gauge",
    help: "How long the last look at a part took",
    labels: ["collector"],
  },
  {
    name: "wick_monitor_refused_samples_total",
    kind: "counter",
    help: "Measurements that named no declared metric, or held no value",
  },
  { name: "wick_monitor_series", kind: "gauge", help: "Series of all metrics" },
  {
    name: "wick_monitor_series_overflow_total",
    kind: "counter",
    help: "Times that a series was asked for beyond a bound",
  },
];

/** All of them. */
export const WICK_METRICS: readonly MetricSpec[] = [
  ...TREE_METRICS,
  ...LETTER_METRICS,
  ...POOL_METRICS,
  ...FEED_METRICS,
  ...STORE_METRICS,
  ...NODE_METRICS,
  ...PARTITION_METRICS,
  ...WEBHOOK_METRICS,
  ...PROVIDER_METRICS,
  ...CACHE_METRICS,
  ...WARM_METRICS,
  ...REFRESH_METRICS,
  ...JOB_METRICS,
  ...PROCESS_METRICS,
  ...MONITOR_METRICS,
  ...TUNING_METRICS,
  ...HEALTH_METRICS,
  ...ALERT_METRICS,
  ...ALERT_SINK_METRICS,
  ...RULE_METRICS,
];
