/**
 * Metrics of one's own, beside those of the service: declared with a target, which counts for the
 * health, and with an alert, which is judged as the built-in ones are.
 *
 * Their names do not begin with `wick_` (see {@linkcode MetricOwner}).
 *
 * @example
 * ```ts
 * import type { OwnMetric } from "./own_metrics.ts";
 *
 * const orders: OwnMetric = {
 *   name: "desk_order_seconds",
 *   kind: "histogram",
 *   help: "From a label to the order that it leads to",
 *   target: { better: "lower", unit: "seconds", good: 0.1, warning: 0.5, critical: 1 },
 *   alert: { severity: "page" },
 * };
 * ```
 *
 * @module
 */

import type { AlertSeverity, AlertType } from "./alert.ts";
import { assertLevel, type LevelOptions } from "./level_rule.ts";
import { assertMetricSpec, FAMILY_SERIES_DEFAULT, type MetricSpec } from "./metric_spec.ts";
import type { LevelRule, RuleBase, RuleRead } from "./rules_types.ts";
import type { LabelValues } from "./snapshot.ts";
import {
  assertOwnTargets,
  OWN_TARGETS_MAX,
  type OwnTarget,
  type Target,
  type TargetRead,
} from "./targets.ts";

/** What a metric of one's own should be. */
export interface OwnMetricTarget extends Target {
  /** How a number is read from it; default: the `value` of a gauge, `rate` of a counter, else `p99`. */
  readonly read?: TargetRead;
  /** Only series with these labels; the worst of them counts. Default: all. */
  readonly labels?: LabelValues;
}

/** When somebody is told; every series is judged by itself. */
export interface OwnMetricAlert {
  /** Default `ticket`. */
  readonly severity?: AlertSeverity;
  /** Default `business`. */
  readonly type?: AlertType;
  /** Default: the bad side of the target; without a target, `above`. */
  readonly side?: LevelOptions["side"];
  /** Beyond this it is wrong; default: the target's critical. */
  readonly raise?: number;
  /** At this it is right again; default: the target's warning, or `raise`. */
  readonly clear?: number;
  /** How long it has to be wrong, ms; default 1 min. */
  readonly forMs?: number;
  /** How long it has to be right, ms; default 0. */
  readonly clearForMs?: number;
  /** Rates, means and percentiles are of so long, ms; default 1 min. */
  readonly overMs?: number;
  /** One line, with `{value}` and `{labels}`; default: the help with the value. */
  readonly summary?: string;
  /** What to do about it. */
  readonly runbook?: string;
}

/** A metric of one's own. */
export interface OwnMetric extends MetricSpec {
  /** What it should be; without one it does not count for the health. */
  readonly target?: OwnMetricTarget;
  /** When somebody is told; without one nobody is. */
  readonly alert?: OwnMetricAlert;
}

/** Metrics of one's own: as many as targets. */
export const OWN_METRICS_MAX: number = OWN_TARGETS_MAX;
/** A gauge of one's own is shown for so long after it was measured last, unless it says otherwise. */
export const OWN_KEEP_MS = 300_000;
/** Series of one of them, at most. */
export const OWN_SERIES_MAX = 1_024;

const MINUTE_MS = 60_000;
/** Growth is added up in slots of a thirtieth: less than a look apart would say nothing. */
const OVER_MIN_MS = 10_000;
const OVER_MAX_MS = 86_400_000;
const READS: Readonly<Record<MetricSpec["kind"], readonly TargetRead[]>> = {
  gauge: ["value"],
  counter: ["rate"],
  histogram: ["p99", "mean"],
};

/**
 * Checks them all.
 *
 * @throws {TypeError} for a name that breaks the rules or comes twice, and for what does not fit the
 * kind. @throws {RangeError} for too many, and for targets and levels that cannot be.
 */
export function assertOwnMetrics(metrics: readonly OwnMetric[]): void {
  if (metrics.length > OWN_METRICS_MAX) {
    throw new RangeError(
      `Cannot register metrics: expected at most ${OWN_METRICS_MAX} of one's own: ` +
        `current value is ${metrics.length}`,
    );
  }
  const names = new Set<string>();
  for (const metric of metrics) {
    const { name } = metric;
    assertMetricSpec(metric, "own");
    if (names.has(name)) refuse(name, "a name that comes once", "it comes twice");
    names.add(name);
    assertShape(metric);
  }
  assertOwnTargets(ownTargets(metrics));
  for (const { level } of ownRules(metrics)) assertLevel(level);
}

function refuse(name: string, expected: string, found: unknown): never {
  throw new TypeError(`Cannot register ${name}: expected ${expected}: current value is ${found}`);
}

function assertShape({ name, kind, labels = [], seriesMax, target, alert }: OwnMetric): void {
  const most = seriesMax ?? FAMILY_SERIES_DEFAULT;
  if (!(Number.isInteger(most) && most >= 1 && most <= OWN_SERIES_MAX)) {
    refuse(name, `1 to ${OWN_SERIES_MAX} series`, most);
  }
  if (target?.read !== undefined && !READS[kind].includes(target.read)) {
    refuse(name, `a target that reads ${READS[kind].join(" or ")} of a ${kind}`, target.read);
  }
  const strange = Object.keys(target?.labels ?? {}).find((label) => !labels.includes(label));
  if (strange !== undefined) refuse(name, "a target of its own labels", strange);
  if (alert === undefined) return;
  if (alert.raise === undefined && target === undefined) {
    refuse(name, "an alert with a level to raise at, or a target", "neither");
  }
  const overMs = alert.overMs ?? MINUTE_MS;
  if (!(overMs >= OVER_MIN_MS && overMs <= OVER_MAX_MS)) {
    refuse(name, `an alert over ${OVER_MIN_MS} to ${OVER_MAX_MS} ms`, overMs);
  }
}

const readOf = ({ kind, target }: OwnMetric): TargetRead =>
  target?.read ?? READS[kind][0] ?? "value";

/** Their targets, as a score takes them; a measure is named as its metric. */
export function ownTargets(metrics: readonly OwnMetric[]): OwnTarget[] {
  return metrics.flatMap((metric): OwnTarget[] => {
    const { name, target } = metric;
    if (target === undefined) return [];
    const { better, unit, good, warning, critical, labels } = target;
    return [{
      ...{ measure: name, metric: name, read: readOf(metric) },
      ...{ better, unit, good, warning, critical },
      ...(labels === undefined ? {} : { labels }),
    }];
  });
}

/** Their alerts as rules, named `own_` and the metric: no built-in one is. */
export function ownRules(metrics: readonly OwnMetric[]): LevelRule[] {
  return metrics.flatMap((metric): LevelRule[] => {
    const { name, help, labels = [], target, alert } = metric;
    if (alert === undefined) return [];
    return [{
      name: `own_${name}`,
      kind: "level",
      type: alert.type ?? "business",
      severity: alert.severity ?? "ticket",
      component: "",
      unit: unitOf(metric),
      value: valueOf(metric, alert.overMs ?? MINUTE_MS),
      level: levelOf(target, alert),
      summary: alert.summary ?? `${help}${labels.length === 0 ? "" : " ({labels})"}: {value}`,
      runbook: alert.runbook ?? "See who measures it: it is no metric of Wick's.",
    }];
  });
}

function valueOf(metric: OwnMetric, overMs: number): RuleRead {
  const { name } = metric;
  const read = readOf(metric);
  if (read === "value") return { read, metric: name };
  return read === "rate"
    ? { read: "grew", metric: name, overMs, by: overMs / 1_000 }
    : { read: "histogram", metric: name, of: read, overMs };
}

function levelOf(target: OwnMetricTarget | undefined, alert: OwnMetricAlert): LevelOptions {
  const side = alert.side ?? (target?.better === "higher" ? "below" : "above");
  const raise = alert.raise ?? target?.critical ?? 0;
  const isTargets = alert.raise === undefined;
  const clear = alert.clear ?? (isTargets ? target?.warning : undefined) ?? raise;
  const { forMs = MINUTE_MS, clearForMs = 0 } = alert;
  // Where nothing happens any more, nothing is wrong.
  return { side, raise, clear, forMs, clearForMs, missing: "clear" };
}

function unitOf({ name, target }: OwnMetric): NonNullable<RuleBase["unit"]> {
  const unit = target?.unit ?? /_(seconds|bytes|ratio)(_total)?$/.exec(name)?.[1];
  return unit === "seconds" || unit === "bytes" || unit === "ratio" ? unit : "count";
}
