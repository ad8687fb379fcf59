/**
 * The built-in rules over the metrics of the service.
 *
 * Symptoms page: labels come late or not at all, the store cannot write, an actor is down for good.
 * Reasons make tickets. Thresholds are the critical targets (100 ms queue time, 80 % hit ratio, 1.8 GB,
 * 80 % processor, 90 % of a queue, unless they are set otherwise) and clear at the warning ones.
 *
 * @module
 */

import type { LevelOptions } from "./level_rule.ts";
import type { LevelRule, Rule, RuleRead } from "./rules_types.ts";
import { type Target, type Targets, TARGETS_DEFAULT } from "./targets.ts";

/** What the rules have to know of the machine and its settings. */
export interface RuleOptions {
  /** Processors; default 1. */
  readonly cores?: number;
  /** What each measure should be; default {@linkcode TARGETS_DEFAULT}. */
  readonly targets?: Targets;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** An answer this many times the critical latency is no success: 250 ms by default. */
const SUCCESS_LATENCY_FACTOR = 2.5;
/** An objective without any budget would page for every single event. */
const OBJECTIVE_MAX = 0.9999;
/** Growth of a counter is looked at over so long: an event is told for as long as that. */
const EVENT_MS = 10 * MINUTE_MS;

const STORE = "core/store";
const POOL = "core/work/ingest/label_pool";
const FEEDS = "core/work/ingest/feeds";
const PROVIDERS = "core/providers";
const WEBHOOKS = "core/work/webhooks";
const SINKS = "alerts";
const REFRESH = "core/work/refresh";
const BACKFILL = "core/work/backfill";

const gauge = (metric: string): RuleRead => ({ read: "value", metric });

/** A gauge of 1 and 0 that is 0. */
function isZero(
  metric: string,
  forMs: number,
  missing: "hold" | "clear" = "hold",
): Pick<LevelRule, "kind" | "value" | "level"> {
  const level = { side: "below", raise: 0.5, forMs, missing } as const;
  return { kind: "level", value: gauge(metric), level };
}

/** A counter that grew at all within the last minutes. */
function happened(metric: string, more = 0): Pick<LevelRule, "kind" | "value" | "level"> {
  return {
    kind: "level",
    value: { read: "grew", metric, overMs: EVENT_MS },
    level: { side: "above", raise: more },
  };
}

/** A share of events that is too large over ten minutes. */
function share(
  metric: string,
  of: readonly string[],
  raise: number,
): Pick<LevelRule, "kind" | "value" | "level" | "unit"> {
  return {
    kind: "level",
    unit: "ratio",
    value: { read: "share", metric, of, overMs: EVENT_MS, eventsMin: 100 },
    level: { side: "above", raise, clear: raise / 2, missing: "clear" },
  };
}

/** All of them; thresholds that depend on the machine are from `options`. */
export function wickRules(options: RuleOptions = {}): Rule[] {
  const { cores = 1, targets = TARGETS_DEFAULT } = options;
  return [
    ...ingestRules(targets),
    ...outcomeRules(targets),
    ...speedRules(targets),
    ...resourceRules(cores, targets),
    ...HEALTH_RULES,
    ...BUSINESS_RULES,
  ];
}

const slow = { type: "performance", severity: "ticket" } as const;

/** Wrong beyond critical, right again at warning. */
const beyond = (
  { better, warning, critical }: Target,
  forMs: number,
): LevelOptions => ({
  side: better === "lower" ? "above" : "below",
  raise: critical,
  clear: warning,
  forMs,
});

/** 1 − 0.8 is not 0.2 in binary. */
const decimal = (value: number) => Number(value.toPrecision(12));

/** Latencies that rules count by: each has to be an edge of the histogram's. */
export function targetEdges({ latencyP99 }: Targets): {
  /** The critical one. */
  readonly late: number;
  /** Beyond which a commit counts as failed. */
  readonly failed: number;
} {
  return {
    late: latencyP99.critical,
    failed: decimal(Math.max(0.25, SUCCESS_LATENCY_FACTOR * latencyP99.critical)),
  };
}

const shownMs = (seconds: number) => `${decimal(seconds * 1_000)} ms`;

function ingestRules(targets: Targets): readonly Rule[] {
  const { late, failed } = targetEdges(targets);
  const { success } = targets;
  return [
    {
      name: "ingest_success",
      kind: "slo",
      type: "performance",
      severity: "page",
      component: POOL,
      events: { from: "histogram", metric: "wick_ingest_commit_seconds", goodAtMost: failed },
      objective: Math.min(OBJECTIVE_MAX, success.good),
      summary:
        `Batches take more than ${shownMs(failed)} to be committed: {value} times the error ` +
        "budget",
      runbook: "Look at the limiting factor, the pool's delay and the store's disk.",
    },
    {
      name: "ingest_latency",
      kind: "slo",
      type: "performance",
      severity: "page",
      component: POOL,
      events: { from: "histogram", metric: "wick_ingest_commit_seconds", goodAtMost: late },
      objective: 0.99,
      summary: `Batches take more than ${shownMs(late)} to be committed: {value} times the error ` +
        "budget",
      runbook: "Look at the limiting factor, the pool's delay and the store's disk.",
    },
    {
      name: "ingest_slower",
      kind: "latency",
      ...slow,
      component: POOL,
      metric: "wick_ingest_commit_seconds",
      unit: "factor",
      summary: "Commits take {value} as long as within the last half hour",
      runbook: "Compare with what changed: settings, feeds, load, the disk.",
    },
    {
      name: "ingest_rate",
      kind: "pattern",
      type: "performance",
      severity: "info",
      component: POOL,
      metric: "wick_pool_candles_total",
      overMs: 15 * MINUTE_MS,
      summary: "Candles come at {value} per second, unusual for this hour of the week",
      runbook: "Look whether a feed is missing, a market is closed, or a backfill runs.",
    },
  ];
}

function outcomeRules({ success }: Targets): readonly Rule[] {
  return [
    {
      name: "messages",
      kind: "slo",
      type: "performance",
      severity: "page",
      component: "",
      events: {
        from: "counters",
        bad: "wick_actor_messages_dead_lettered_total",
        all: ["wick_actor_messages_handled_total", "wick_actor_messages_dead_lettered_total"],
      },
      objective: Math.min(OBJECTIVE_MAX, success.good),
      summary:
        "Messages end as dead letters at {value} times the rate that the error budget allows",
      runbook: "Look at the dead letters by reason; replay them when the reason is gone.",
    },
    {
      name: "provider_calls",
      kind: "slo",
      ...slow,
      component: PROVIDERS,
      actorLabel: "provider",
      events: {
        from: "counters",
        bad: "wick_provider_failed_calls_total",
        all: ["wick_provider_calls_total"],
        by: "provider",
      },
      objective: 0.99,
      summary: "Calls of {actor} fail at {value} times the rate that the error budget allows",
      runbook: "Look at its last error and its status page.",
    },
  ];
}

function speedRules({ queueTime, cacheHits }: Targets): readonly Rule[] {
  return [
    {
      name: "pool_delay",
      kind: "level",
      ...slow,
      component: POOL,
      unit: "seconds",
      value: gauge("wick_pool_delay_seconds"),
      level: beyond(queueTime, 30 * SECOND_MS),
      summary: "A batch that comes now waits {value}",
      runbook: "Add label workers, or slow the feeds.",
    },
    {
      name: "queue_time",
      kind: "level",
      ...slow,
      component: "",
      actorLabel: "actor",
      unit: "seconds",
      value: gauge("wick_actor_expected_wait_seconds"),
      level: beyond(queueTime, MINUTE_MS),
      summary: "A message to {actor} waits {value}",
      runbook: "Look at what its handlers take, and who sends so much.",
    },
    {
      name: "event_loop_lag",
      kind: "level",
      ...slow,
      component: "",
      unit: "seconds",
      value: gauge("wick_event_loop_lag_p99_seconds"),
      level: { side: "above", raise: 0.1, clear: 0.05, forMs: MINUTE_MS },
      summary: "Timers of the main isolate fire {value} late",
      runbook: "Look for handlers with a long service time; move them to a thread.",
    },
    {
      name: "cache_misses",
      kind: "level",
      ...slow,
      component: "core/cache",
      unit: "ratio",
      value: {
        read: "share",
        metric: "wick_cache_misses_total",
        of: ["wick_cache_hits_total", "wick_cache_misses_total"],
        overMs: EVENT_MS,
        eventsMin: 1_000,
        sum: true,
      },
      level: {
        side: "above",
        raise: decimal(1 - cacheHits.critical),
        clear: decimal(1 - cacheHits.warning),
        forMs: 5 * MINUTE_MS,
        missing: "clear",
      },
      summary: "The cache misses {value} of reads",
      runbook: "Look at evictions by cause, the time to live, and the miss-ratio curve.",
    },
  ];
}

function resourceRules(cores: number, { memory, cpu, queueUsed }: Targets): Rule[] {
  const ticket = { type: "resource", severity: "ticket" } as const;
  return [
    {
      name: "memory",
      kind: "level",
      type: "resource",
      severity: "page",
      component: "",
      unit: "bytes",
      value: {
        read: "value",
        metric: "wick_process_memory_bytes",
        where: { kind: "resident" },
      },
      level: beyond(memory, MINUTE_MS),
      summary: "The process holds {value}",
      runbook: "Lower the cache's capacity or the number of workers; look for a growing mailbox.",
    },
    {
      name: "cpu",
      kind: "level",
      ...ticket,
      component: "",
      unit: "ratio",
      value: {
        read: "grew",
        metric: "wick_process_cpu_seconds_total",
        overMs: MINUTE_MS,
        sum: true,
        by: cores * MINUTE_MS / SECOND_MS,
      },
      level: beyond(cpu, 5 * MINUTE_MS),
      summary: "The process uses {value} of the processors",
      runbook: "Look at the busiest actors; slow backfills and warming.",
    },
    {
      name: "mailbox_full",
      kind: "level",
      ...ticket,
      component: "",
      actorLabel: "actor",
      unit: "ratio",
      value: {
        read: "quotient",
        metric: "wick_actor_mailbox_messages",
        of: "wick_actor_mailbox_bound_messages",
      },
      level: beyond(queueUsed, 30 * SECOND_MS),
      summary: "The mailbox of {actor} is {value} full",
      runbook: "Look at what its handlers take, and who sends so much.",
    },
    {
      name: "provider_limit",
      kind: "level",
      type: "resource",
      severity: "info",
      component: PROVIDERS,
      actorLabel: "provider",
      unit: "ratio",
      value: gauge("wick_provider_limit_used_ratio"),
      level: { side: "above", raise: 0.95, clear: 0.8, forMs: 15 * MINUTE_MS },
      summary: "{actor} is used to {value} of its limits",
      runbook: "Look whether warming or a backfill takes what readers need.",
    },
    {
      name: "metric_series",
      ...happened("wick_monitor_series_overflow_total"),
      type: "resource",
      severity: "info",
      component: "monitor",
      summary:
        "{value:series of metrics was|series of metrics were} asked for beyond a bound within ten minutes",
      runbook: "A label has too many values: look at the families of /metrics that say other.",
    },
  ];
}

const page = { type: "system_health", severity: "page" } as const;
const ticket = { type: "system_health", severity: "ticket" } as const;

const HEALTH_RULES: readonly Rule[] = [
  {
    name: "store_not_writable",
    ...isZero("wick_store_writable", 10 * SECOND_MS),
    ...page,
    component: STORE,
    isCause: true,
    summary: "The store cannot write: nothing is taken in",
    runbook: "Look at the disk's space and the store's last error. Reads go on.",
  },
  {
    name: "actor_down",
    ...isZero("wick_actor_up", 15 * SECOND_MS, "clear"),
    ...page,
    component: "",
    actorLabel: "actor",
    isCause: true,
    summary: "{actor} is not running",
    runbook: "Look at its last error and its restarts in the tree.",
  },
  {
    name: "supervisor_gave_up",
    ...happened("wick_supervisor_gave_up_total"),
    ...page,
    component: "",
    actorLabel: "supervisor",
    isCause: true,
    summary: "{actor} gave up restarting its children",
    runbook: "Look at the last errors of its children; their reason does not go away by itself.",
  },
  {
    name: "restarts",
    ...happened("wick_supervisor_restarts_total", 4),
    ...ticket,
    component: "",
    actorLabel: "supervisor",
    summary: "{actor} restarted children {value:time|times} within ten minutes",
    runbook: "Look at the last errors of its children.",
  },
  {
    name: "collector_down",
    ...isZero("wick_monitor_collector_up", 30 * SECOND_MS),
    ...ticket,
    component: "",
    actorLabel: "collector",
    summary: "{actor} does not say how it is",
    runbook: "Look whether it is busy or down.",
  },
  {
    name: "feed_breaker",
    ...isZero("wick_feed_breaker_closed", MINUTE_MS),
    ...ticket,
    component: FEEDS,
    actorLabel: "feed",
    isCause: true,
    summary: "The source of {actor} fails and is given a pause",
    runbook: "Look at its last error; it is asked again by itself.",
  },
  {
    name: "provider_breaker",
    ...isZero("wick_provider_breaker_closed", MINUTE_MS),
    ...ticket,
    component: PROVIDERS,
    actorLabel: "provider",
    isCause: true,
    summary: "{actor} fails and is given a pause",
    runbook: "Look at its last error and its status page; it is asked again by itself.",
  },
  {
    name: "webhook_breaker",
    ...isZero("wick_webhook_breaker_closed", MINUTE_MS),
    ...ticket,
    component: WEBHOOKS,
    actorLabel: "webhook",
    isCause: true,
    summary: "The receiver of {actor} does not take what it is sent",
    runbook: "Look at the receiver; nothing is lost while the label log holds it.",
  },
  {
    name: "webhook_behind",
    kind: "level",
    value: gauge("wick_webhook_behind_commits"),
    level: { side: "above", raise: 1_000, clear: 100, forMs: 5 * MINUTE_MS },
    ...ticket,
    component: WEBHOOKS,
    actorLabel: "webhook",
    summary: "{actor} is {value:commit|commits} behind",
    runbook: "Look at how long its receiver takes.",
  },
  {
    name: "alert_sink_breaker",
    ...isZero("wick_alert_sink_breaker_closed", MINUTE_MS),
    ...ticket,
    component: SINKS,
    actorLabel: "sink",
    summary: "The receiver of alerts {actor} does not take them",
    runbook: "Look at the receiver and its URL; what fires is told as soon as it is taken.",
  },
  {
    name: "cache_tier_down",
    ...isZero("wick_cache_tier_up", MINUTE_MS),
    ...ticket,
    component: "core/cache/tier",
    isCause: true,
    summary: "The second tier of the cache is down; shards go on without it",
    runbook: "Look at its server.",
  },
  {
    name: "batches_given_back",
    ...happened("wick_pool_failures_total"),
    ...ticket,
    component: POOL,
    summary: "All batches under way were given back {value:time|times} within ten minutes",
    runbook: "Look at the store's and the workers' last errors.",
  },
  {
    name: "jobs_missed",
    ...happened("wick_job_missed_runs"),
    ...ticket,
    component: BACKFILL,
    summary: "{value:scheduled run|scheduled runs} did not take place",
    runbook: "Look whether the run before is still under way, or the service was off.",
  },
];

const business = { type: "business", severity: "ticket" } as const;

const BUSINESS_RULES: readonly Rule[] = [
  {
    name: "invalid_candles",
    ...share(
      "wick_feed_rejected_total",
      ["wick_feed_rejected_total", "wick_feed_rows_total"],
      0.01,
    ),
    ...business,
    component: FEEDS,
    actorLabel: "feed",
    summary: "{value} of the rows of {actor} are refused",
    runbook: "Look at the dead letters of the feed: each says which rule its row breaks.",
  },
  {
    name: "gaps",
    ...happened("wick_feed_missing_bars"),
    ...business,
    component: FEEDS,
    actorLabel: "feed",
    summary: "{value:more bar is|more bars are} missing in {actor} than ten minutes ago",
    runbook: "Backfill the holes; look whether the source or the calendar is wrong.",
  },
  {
    name: "label_shift",
    kind: "shift",
    metric: "wick_label_outcomes_total",
    category: "outcome",
    by: "kind",
    ...business,
    component: POOL,
    summary: "Labels are shared among outcomes otherwise than they were ({labels}): PSI {value}",
    runbook: "Look at volatility and barriers; a feed may send wrong prices.",
  },
  {
    name: "audit_mismatch",
    ...happened("wick_refresh_audit_mismatches_total"),
    ...business,
    component: REFRESH,
    summary:
      "{value:audit of a partial refresh|audits of partial refreshes} did not match a rebuild",
    runbook: "Partial refreshing is off for that run; report it with its sets.",
  },
  {
    name: "refresh_failed",
    ...happened("wick_refresh_failed_total", 2),
    ...business,
    component: REFRESH,
    summary: "{value:refresh|refreshes} failed within ten minutes",
    runbook: "Look at the runs' last errors.",
  },
  {
    name: "backfill_items",
    ...share(
      "wick_job_items_failed_total",
      ["wick_job_items_failed_total", "wick_job_items_ok_total"],
      0.05,
    ),
    ...business,
    component: BACKFILL,
    summary: "{value} of the items of backfills were given up",
    runbook: "Look at the report of the run by reason.",
  },
  {
    name: "measurements_refused",
    ...happened("wick_monitor_refused_samples_total"),
    type: "business",
    severity: "info",
    component: "monitor",
    summary: "{value:measurement|measurements} failed validation within ten minutes",
    runbook: "The log names their metrics.",
  },
];
