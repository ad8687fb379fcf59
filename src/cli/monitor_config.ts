/**
 * Settings of the monitor that are more than a number: who is told of alerts, what measures should
 * be, and metrics of one's own; from how `wick.json` spells them to what the tree takes.
 *
 * @module
 */

import { z } from "zod";
import { ALERT_SINKS_MAX, isSecretSafe, SINK_LABELS_MAX } from "../http/webhook/alert_sink.ts";
import { isWebhookUrl } from "../http/webhook/options.ts";
import { EDGES_MAX, LABEL_CHARS_MAX, LABELS_MAX } from "../monitor/metric_spec.ts";
import {
  assertOwnMetrics,
  OWN_METRICS_MAX,
  OWN_SERIES_MAX,
  type OwnMetric,
} from "../monitor/own_metrics.ts";
import { type TargetChange, type TargetMeasure, targetsWith } from "../monitor/targets.ts";

/** Name of an actor. */
const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: "expected 1 to 64 of a-z, 0-9, _ and -",
});
const text = z.string().min(1).max(4_096);
const line = z.string().min(1).max(300);
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
  error: "expected the name of a variable",
});
const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/, {
  error: "expected names of letters, digits and _",
});
const labels = z.record(labelName, z.string().min(1).max(LABEL_CHARS_MAX));
const spanMs = z.int().min(0).max(86_400_000);
const severity = z.enum(["page", "ticket", "info"]);

// ---- sinks ----------------------------------------------------------------------------------------

const sinkCommon = {
  url: text.refine(isWebhookUrl, "expected a URL of http or https without a password"),
  /** File that holds the secret. */
  secretFile: text.nullable().default(null),
  /** Variable of the environment that holds the secret. */
  secretEnv: variable.nullable().default(null),
  /** Alerts of these only; null: of all. */
  severities: z.array(severity).min(1).max(3).nullable().default(null),
  /** Labels of all its alerts. */
  labels: labels.refine((all) => Object.keys(all).length <= SINK_LABELS_MAX, {
    error: `expected at most ${SINK_LABELS_MAX} labels`,
  }).default({}),
};

/** Who is told of alerts; its secret is in a file or the environment. */
const alertSinkSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("webhook"),
    name: name.default("webhook"),
    ...sinkCommon,
  }),
  z.strictObject({
    kind: z.literal("alertmanager"),
    name: name.default("alertmanager"),
    ...sinkCommon,
  }),
]);

/** A sink with all its values. */
export type AlertSinkConfig = z.output<typeof alertSinkSchema>;

/** What is wrong with a sink beyond its shape; null = nothing. */
function sinkIssue({ kind, url, secretFile, secretEnv }: AlertSinkConfig): string | null {
  const secrets = [secretFile, secretEnv].filter((place) => place !== null).length;
  if (kind === "webhook") return secrets === 1 ? null : "expected either secretFile or secretEnv";
  if (secrets > 1) return "expected secretFile or secretEnv, or neither";
  return secrets === 0 || isSecretSafe(url)
    ? null
    : "expected https, or this machine, for an alertmanager with a secret";
}

/** Schema of the setting `alertSinks`. */
export const alertSinksSchema = z.array(alertSinkSchema).max(ALERT_SINKS_MAX)
  .superRefine((sinks, ctx) => {
    const names = new Set<string>();
    for (const [at, sink] of sinks.entries()) {
      const issue = names.has(sink.name)
        ? `expected different names: ${sink.name} comes twice`
        : sinkIssue(sink);
      if (issue !== null) ctx.addIssue({ code: "custom", message: issue, path: [at] });
      names.add(sink.name);
    }
  });

// ---- targets --------------------------------------------------------------------------------------

/** How a measure is called in the configuration, with what a value of its unit is in base units. */
const TARGET_NAMES = {
  latencyP99Ms: ["latencyP99", 1e-3],
  latencyMeanMs: ["latencyMean", 1e-3],
  queueTimeMs: ["queueTime", 1e-3],
  throughputPerSecond: ["throughput", 1],
  successRatio: ["success", 1],
  cacheHitRatio: ["cacheHits", 1],
  memoryBytes: ["memory", 1],
  cpuRatio: ["cpu", 1],
  queueUsedRatio: ["queueUsed", 1],
} as const satisfies Readonly<Record<string, readonly [TargetMeasure, number]>>;

type TargetName = keyof typeof TARGET_NAMES;

const level = z.number().min(0).max(1e15).exactOptional();
const target = z.strictObject({ good: level, warning: level, critical: level }).exactOptional();

/** Schema of the setting `targets`: of each measure any of the three values. */
export const targetsSchema = z.strictObject({
  latencyP99Ms: target,
  latencyMeanMs: target,
  queueTimeMs: target,
  throughputPerSecond: target,
  successRatio: target,
  cacheHitRatio: target,
  memoryBytes: target,
  cpuRatio: target,
  queueUsedRatio: target,
}).superRefine((targets, ctx) => {
  for (const [name, change] of Object.entries(targets)) {
    try {
      targetsWith(targetChanges({ [name]: change }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const expected = /expected .*?(?=: current)/.exec(message)?.[0] ?? message;
      ctx.addIssue({ code: "custom", message: `${expected}, with the defaults`, path: [name] });
    }
  }
});

/** Targets as configured. */
export type TargetsConfig = z.output<typeof targetsSchema>;

/** The same by measure and in base units. */
export function targetChanges(
  targets: TargetsConfig,
): Partial<Record<TargetMeasure, TargetChange>> {
  const changes: Partial<Record<TargetMeasure, TargetChange>> = {};
  for (const [name, change] of Object.entries(targets)) {
    const [measure, unit] = TARGET_NAMES[name as TargetName];
    const values = Object.entries(change ?? {}).map(([edge, value]) => // 80 · 0.001 is not 0.08 in binary.
    [edge, Number((value * unit).toPrecision(15))]);
    changes[measure] = Object.fromEntries(values);
  }
  return changes;
}

// ---- own metrics ----------------------------------------------------------------------------------

const number = z.number();
const ownMetricSchema = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.enum(["counter", "gauge", "histogram"]),
  help: line,
  labels: z.array(labelName).max(LABELS_MAX).exactOptional(),
  /** Series that there can be. */
  seriesMax: z.int().min(1).max(OWN_SERIES_MAX).exactOptional(),
  /** Of a gauge: how long it is shown after it was measured last. */
  keepMs: spanMs.exactOptional(),
  /** Of a histogram: upper edges of its buckets. */
  edges: z.array(number).min(1).max(EDGES_MAX).exactOptional(),
  target: z.strictObject({
    better: z.enum(["lower", "higher"]),
    unit: z.enum(["seconds", "bytes", "ratio", "per_second", "count"]),
    good: number,
    warning: number,
    critical: number,
    read: z.enum(["value", "rate", "mean", "p99"]).exactOptional(),
    labels: labels.exactOptional(),
  }).exactOptional(),
  alert: z.strictObject({
    severity: severity.exactOptional(),
    type: z.enum(["performance", "resource", "system_health", "business"]).exactOptional(),
    side: z.enum(["above", "below"]).exactOptional(),
    raise: number.exactOptional(),
    clear: number.exactOptional(),
    forMs: spanMs.exactOptional(),
    clearForMs: spanMs.exactOptional(),
    overMs: spanMs.exactOptional(),
    summary: line.exactOptional(),
    runbook: line.exactOptional(),
  }).exactOptional(),
});

/** Schema of the setting `metrics`. */
export const metricsSchema: z.ZodType<OwnMetric[], unknown> = z.array(ownMetricSchema)
  .max(OWN_METRICS_MAX).superRefine((metrics, ctx) => {
    try {
      assertOwnMetrics(metrics);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      ctx.addIssue({ code: "custom", message: message.replace(/^Cannot /, "cannot ") });
    }
  });
