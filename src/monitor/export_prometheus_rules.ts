/**
 * Recording and alert rules for Prometheus, made of the declared metrics and of the rules of the
 * service itself, so that both say the same.
 *
 * What the service watches with its own means and PromQL does not say in a line (clipped CUSUM, the
 * same hour of past weeks, shifts of a distribution) is left out, and named at the top of the file.
 *
 * @module
 */

import { BURN_WINDOWS, type BurnWindow } from "./burn_rate.ts";
import { type NamedQuery, promDuration } from "./export_promql.ts";
import { yamlText, type YamlValue } from "./export_yaml.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { LevelRule, Rule, RuleBase, RuleEvents, RuleRead, SloRule } from "./rules_types.ts";
import type { LabelValues } from "./snapshot.ts";

/** A recording rule. */
export interface RecordingRule {
  /** `instance:METRIC:OPERATIONS`, as Prometheus advises. */
  readonly record: string;
  /** PromQL. */
  readonly expr: string;
}

/** An alert rule. */
export interface AlertingRule {
  /** `Wick` and the name of the service's rule. */
  readonly alert: string;
  /** PromQL; its value is that of the summary. */
  readonly expr: string;
  /** How long it has to be wrong; absent for at once. */
  readonly for?: string;
  /** How long it fires on after it was wrong last; absent for not at all. */
  readonly keep_firing_for?: string;
  /** Severity, type and component. */
  readonly labels: Readonly<Record<string, string>>;
  /** Summary and runbook. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** All that the file holds. */
export interface PrometheusRules {
  /** Rates and percentiles of the declared metrics. */
  readonly recording: readonly RecordingRule[];
  /** Shares of bad events over the windows of burn rates. */
  readonly objectives: readonly RecordingRule[];
  /** Alerts. */
  readonly alerts: readonly AlertingRule[];
  /** Names of rules that only the service itself watches. */
  readonly leftOut: readonly string[];
}

/** Labels that tell processes apart; Prometheus adds them. */
const INSTANCE = ["job", "instance"] as const;
const RATE_MS = 300_000;
/** A level that clears lower than it raises: Prometheus has one threshold, so it fires on a while. */
const HOLD_MS = 300_000;

/** Makes the rules. O(metrics + rules). */
export function prometheusRules(
  specs: readonly MetricSpec[],
  rules: readonly Rule[],
): PrometheusRules {
  const counters = new Set(specs.filter(({ kind }) => kind === "counter").map(({ name }) => name));
  const labelsOfMetric = (metric: string) =>
    specs.find(({ name }) => name === metric)?.labels ?? [];
  const objectives = rules.filter((rule): rule is SloRule => rule.kind === "slo");
  return {
    recording: specs.flatMap(recordingOf),
    objectives: objectives.flatMap(objectiveRecords),
    alerts: rules.flatMap((rule) =>
      rule.kind === "level"
        ? [levelAlert(rule, counters, labelsOfMetric(rule.value.metric))]
        : rule.kind === "slo"
        ? burnAlerts(rule)
        : []
    ),
    leftOut: rules.filter(({ kind }) => kind !== "level" && kind !== "slo").map(({ name }) => name),
  };
}

/** The rules as a file that Prometheus reads. */
export function prometheusRulesText(rules: PrometheusRules): string {
  const { recording, objectives, alerts, leftOut } = rules;
  const group = (name: string, rules: readonly (RecordingRule | AlertingRule)[]): YamlValue => ({
    name,
    interval: "30s",
    rules: rules.map((rule) => ({ ...rule }) as unknown as YamlValue),
  });
  return yamlText({
    groups: [
      group("wick_recording", recording),
      group("wick_objectives", objectives),
      group("wick_alerts", alerts),
    ],
  }, [
    "Rules of Wick for Prometheus, written by wick monitoring export.",
    ...(leftOut.length === 0 ? [] : [`Watched by the service alone: ${leftOut.join(", ")}.`]),
  ]);
}

/** Every query of the rules, to be checked. */
export function ruleQueries(rules: PrometheusRules): NamedQuery[] {
  const { recording, objectives, alerts } = rules;
  return [
    ...[...recording, ...objectives].map(({ record, expr }) => ({ where: record, expr })),
    ...alerts.map(({ alert, expr }) => ({ where: alert, expr })),
  ];
}

const sumBy = (expr: string, labels: readonly string[] = []) =>
  `sum by (${[...INSTANCE, ...labels].join(", ")}) (${expr})`;

function recordingOf({ name, kind }: MetricSpec): RecordingRule[] {
  const range = promDuration(RATE_MS);
  const of = (operation: string, metric: string, expr: string) => ({
    record: `instance:${metric}:${operation}`,
    expr,
  });
  if (kind === "counter") {
    const metric = name.replace(/_total$/, "");
    return [of(`rate${range}`, metric, sumBy(`rate(${name}[${range}])`))];
  }
  if (kind !== "histogram") return [];
  const quantile = (share: number) =>
    `histogram_quantile(${share}, ${sumBy(`rate(${name}_bucket[${range}])`, ["le"])})`;
  const sum = (end: string) => sumBy(`rate(${name}_${end}[${range}])`);
  return [
    of(`p50_${range}`, name, quantile(0.5)),
    of(`p99_${range}`, name, quantile(0.99)),
    of(`mean_${range}`, name, `${sum("sum")} / ${sum("count")}`),
  ];
}

const badRecord = (rule: SloRule, windowMs: number) =>
  `instance:wick_${rule.name}_bad:ratio_rate${promDuration(windowMs)}`;

/** Share of bad events over every window that an alert looks at. */
function objectiveRecords(rule: SloRule): RecordingRule[] {
  const windows = new Set(BURN_WINDOWS.flatMap(({ longMs, shortMs }) => [shortMs, longMs]));
  return [...windows].sort((a, b) => a - b).map((windowMs) => ({
    record: badRecord(rule, windowMs),
    expr: badRatio(rule.events, promDuration(windowMs)),
  }));
}

function badRatio(events: RuleEvents, range: string): string {
  if (events.from === "histogram") {
    const { metric, goodAtMost } = events;
    // Prometheus 3 writes whole edges with a decimal place.
    const edge = Number.isInteger(goodAtMost)
      ? `le=~"${goodAtMost}(\\\\.0)?"`
      : `le="${goodAtMost}"`;
    const good = sumBy(`rate(${metric}_bucket{${edge}}[${range}])`);
    return `1 - ${good} / ${sumBy(`rate(${metric}_count[${range}])`)}`;
  }
  const { bad, all, by } = events;
  const labels = by === undefined ? [] : [by];
  const sums = all.map((metric) => sumBy(`rate(${metric}[${range}])`, labels));
  return `${sumBy(`rate(${bad}[${range}])`, labels)} / (${sums.join(" + ")})`;
}

/** One alert for the windows of each severity: budget used faster than it lasts. */
function burnAlerts(rule: SloRule): AlertingRule[] {
  // 1 − 0.999 is not 0.001 in binary.
  const budget = Number((1 - rule.objective).toPrecision(10));
  const burns = ({ longMs, shortMs, burn }: BurnWindow) =>
    [longMs, shortMs].map((ms) => `${badRecord(rule, ms)} / ${budget} > ${burn}`).join(" and ");
  return (["page", "ticket"] as const).map((severity) => ({
    alert: alertName(`${rule.name}_${severity === "page" ? "burn" : "budget"}`),
    expr: BURN_WINDOWS.filter((window) => window.severity === severity)
      .map((window) => `(${burns(window)})`).join(" or "),
    labels: labelsOf(rule, rule.severity === "page" ? severity : rule.severity),
    annotations: annotationsOf(rule),
  }));
}

function levelAlert(
  rule: LevelRule,
  counters: ReadonlySet<string>,
  labels: readonly string[],
): AlertingRule {
  const { side, raise, clear = raise, forMs = 0, missing } = rule.level;
  const { value } = rule;
  const compared = `${side === "above" ? ">" : "<"} ${raise}`;
  const present = value.read === "histogram" ? `${value.metric}_count` : value.metric;
  const absent = missing === "raise" ? ` or absent(${selected(present)})` : "";
  return {
    alert: alertName(rule.name),
    expr: `${readExpr(value, compared, counters, labels)}${absent}`,
    ...(forMs > 0 ? { for: promDuration(forMs) } : {}),
    ...(clear === raise ? {} : { keep_firing_for: promDuration(HOLD_MS) }),
    labels: labelsOf(rule, rule.severity),
    annotations: annotationsOf(rule),
  };
}

const selected = (metric: string, where: LabelValues = {}) => {
  const matchers = Object.entries(where).map(([label, value]) =>
    `${label}=${JSON.stringify(value)}`
  );
  return matchers.length === 0 ? metric : `${metric}{${matchers.join(", ")}}`;
};

/** What a rule reads, compared with its threshold. */
function readExpr(
  read: RuleRead,
  compared: string,
  counters: ReadonlySet<string>,
  labels: readonly string[],
): string {
  switch (read.read) {
    case "histogram": {
      const rate = (end: string) => `rate(${read.metric}_${end}[${promDuration(read.overMs)}])`;
      return read.of === "mean"
        ? `${sumBy(rate("sum"), labels)} / ${sumBy(rate("count"), labels)} ${compared}`
        : `histogram_quantile(0.99, ${sumBy(rate("bucket"), [...labels, "le"])}) ${compared}`;
    }
    case "value":
      return `${selected(read.metric, read.where)} ${compared}`;
    case "quotient":
      return `${read.metric} / ${read.of} ${compared}`;
    case "grew": {
      const { metric, overMs, sum = false, by = 1 } = read;
      const grown = `${counters.has(metric) ? "increase" : "delta"}(${metric}[${
        promDuration(overMs)
      }])`;
      return `${sum ? sumBy(grown) : grown}${by === 1 ? "" : ` / ${by}`} ${compared}`;
    }
    case "share": {
      const { metric, of, overMs, eventsMin, sum = false } = read;
      const grown = (name: string) => {
        const one = `increase(${name}[${promDuration(overMs)}])`;
        return sum ? sumBy(one) : one;
      };
      const all = `(${of.map(grown).join(" + ")})`;
      return `${grown(metric)} / ${all} ${compared} and ${all} >= ${eventsMin}`;
    }
  }
}

const alertName = (name: string) =>
  `Wick${name.split("_").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("")}`;

const labelsOf = ({ type, component }: RuleBase, severity: string): Record<string, string> => ({
  severity,
  type,
  component: component === "" ? "wick" : component,
});

/** How Prometheus writes a value of each unit. */
const VALUES: Readonly<Record<NonNullable<RuleBase["unit"]>, string>> = {
  count: "{{ $value | humanize }}",
  factor: "{{ $value | humanize }}",
  ratio: "{{ $value | humanizePercentage }}",
  seconds: "{{ $value | humanizeDuration }}",
  bytes: "{{ $value | humanize }}B",
};

function annotationsOf(rule: RuleBase): Record<string, string> {
  const { summary, runbook, unit = "count", actorLabel } = rule;
  const actor = actorLabel === undefined ? rule.component : `{{ $labels.${actorLabel} }}`;
  return {
    summary: summary.replaceAll("{value}", VALUES[unit])
      // A template cannot tell one from several without much more of it.
      .replaceAll(/\{value:[^{}|]*\|([^{}|]*)\}/g, (_, many) => `${VALUES[unit]} ${many}`)
      .replaceAll("{actor}", actor).replaceAll("{labels}", "{{ $labels }}"),
    runbook,
  };
}
