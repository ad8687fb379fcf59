/**
 * `wick monitoring`: rules for Prometheus and a dashboard for Grafana, written from the service's own
 * metrics; and a test of whoever is told of alerts.
 *
 * @module
 */

import { mkdir, rename, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { WICK_METRICS } from "../monitor/catalogue.ts";
import { dashboardQueries, grafanaDashboard } from "../monitor/export_grafana.ts";
import {
  prometheusRules,
  prometheusRulesText,
  ruleQueries,
} from "../monitor/export_prometheus_rules.ts";
import { unknownMetrics } from "../monitor/export_promql.ts";
import type { MetricSpec } from "../monitor/metric_spec.ts";
import { type OwnMetric, ownRules } from "../monitor/own_metrics.ts";
import { wickRules } from "../monitor/rules.ts";
import { metricsWith } from "../monitor/target_metrics.ts";
import { type Targets, TARGETS_DEFAULT, targetsWith } from "../monitor/targets.ts";
import { metricsOf, type Rule } from "../monitor/rules_types.ts";
import { alertTestReply } from "../http/webhook/alert_sink_status.ts";
import type { Command, CommandCall } from "./command.ts";
import { resolveConfig } from "./config.ts";
import { reasonOf } from "./config_file.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { targetChanges } from "./monitor_config.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { textTable } from "./table.ts";
import { spanText } from "./text.ts";

const VERBS = ["export", "test"] as const;

/** What is written, by the name of its file. */
export const RULES_FILE = "wick_rules.yml";
/** See {@linkcode RULES_FILE}. */
export const DASHBOARD_FILE = "wick_dashboard.json";

/** The command. */
export const MONITORING: Command = {
  name: "monitoring",
  about: "write rules for Prometheus and Grafana; test alert sinks",
  details: [
    `export writes ${RULES_FILE}, recording and alert rules for Prometheus, and ` +
    `${DASHBOARD_FILE}, a dashboard to be imported into Grafana. Both are made from the metrics ` +
    "and rules of this version; every query is checked to name a metric that there is. DIR is made " +
    "when it is not there, and files of an earlier version are replaced. The settings targets and " +
    "metrics are part of them.",
    "test has the running service send a test alert to its log, its events and all of alertSinks, " +
    "and says what each answered. Exits with 1 when one of them did not take it.",
  ],
  operand: { called: "export DIR | test", value: "file", countMin: 1, countMax: 2, verbs: VERBS },
  options: {
    ...SERVICE_OPTIONS,
    cores: {
      value: "number",
      called: "N",
      about: "cores of the machine that the service runs on",
      byDefault: "those of this machine",
    },
    json: { about: "files and what they hold, or the answers, as JSON" },
  },
  examples: [
    { line: "wick monitoring export monitoring", about: "" },
    { line: "wick monitoring export /etc/prometheus/rules --cores 8 --json", about: "" },
    { line: "wick monitoring test", about: "" },
  ],
  run: (call, io) => call.operands[0] === "test" ? runTest(call, io) : runExport(call, io),
};

/** All metrics of the service and own ones, each once. */
export function monitoredMetrics(
  targets: Targets = TARGETS_DEFAULT,
  own: readonly OwnMetric[] = [],
): MetricSpec[] {
  const specs = [...metricsWith(WICK_METRICS, targets), ...own];
  return [...new Map(specs.map((spec) => [spec.name, spec])).values()];
}

/** Rules over metrics that the service has: one over others would never say anything. */
export function monitoredRules(
  cores: number,
  specs: readonly MetricSpec[],
  targets: Targets = TARGETS_DEFAULT,
  own: readonly OwnMetric[] = [],
): readonly Rule[] {
  const names = new Set(specs.map(({ name }) => name));
  return [...wickRules({ cores, targets }), ...ownRules(own)].filter((rule) =>
    metricsOf(rule).every(({ name }) => names.has(name))
  );
}

async function runTest(call: CommandCall, io: CliIo): Promise<ExitCode> {
  const { operands, values } = call;
  if (operands.length > 1) throw new UsageError("Cannot test: expected wick monitoring test");
  return await withService(call, io, async (client) => {
    const { sinks } = await client.ask("/api/alerts/test", alertTestReply, {
      method: "POST",
      timeoutMs: TEST_TIMEOUT_MS,
    });
    if (values.flag("json")) io.out(`${JSON.stringify({ sinks })}\n`);
    else {
      const rows = sinks.map(({ name, url, state, message, tookMs }) => [
        name,
        state === "taken" ? "taken" : "not taken",
        spanText(tookMs),
        message ?? url ?? "",
      ]);
      io.out(textTable(["sink", "test alert", "after", "answer"], rows, io));
    }
    return sinks.every(({ state }) => state === "taken") ? Exit.ok : Exit.failed;
  });
}

/** Receivers have ten seconds, and the service some more. */
const TEST_TIMEOUT_MS = 20_000;

async function runExport({ operands, values }: CommandCall, io: CliIo): Promise<ExitCode> {
  const [verb, folder] = operands;
  if (verb !== "export" || folder === undefined) {
    throw new UsageError("Cannot write: expected wick monitoring export DIR");
  }
  const cores = values.number("cores") ?? availableParallelism();
  if (!(Number.isInteger(cores) && cores >= 1)) {
    throw new UsageError(
      `Cannot use --cores: expected an integer of at least 1: current value is ${cores}`,
    );
  }
  const { config } = await resolveConfig(values, io);
  const targets = targetsWith(targetChanges(config.targets));
  const specs = monitoredMetrics(targets, config.metrics);
  const rules = prometheusRules(specs, monitoredRules(cores, specs, targets, config.metrics));
  const dashboard = grafanaDashboard(specs, targets);
  const queries = [...ruleQueries(rules), ...dashboardQueries(dashboard)];
  const recorded = [...rules.recording, ...rules.objectives].map(({ record }) => record);
  const [unknown] = unknownMetrics(queries, specs, recorded);
  if (unknown !== undefined) {
    const { where, metric } = unknown;
    throw new TypeError(
      `Cannot write ${where}: expected a metric that is declared: current value is ${metric}`,
    );
  }
  const files = [
    { name: RULES_FILE, text: prometheusRulesText(rules) },
    { name: DASHBOARD_FILE, text: `${JSON.stringify(dashboard, null, 2)}\n` },
  ];
  try {
    await mkdir(folder, { recursive: true });
    for (const { name, text } of files) await replace(join(folder, name), text);
  } catch (error) {
    io.err(`wick monitoring: Cannot write into ${folder}: ${reasonOf(error)}\n`);
    return Exit.failed;
  }
  const made = {
    files: files.map(({ name }) => join(folder, name)),
    queries: queries.length,
    alerts: rules.alerts.length,
    recordings: recorded.length,
    leftOut: rules.leftOut,
  };
  if (values.flag("json")) io.out(`${JSON.stringify(made)}\n`);
  else {
    for (const path of made.files) io.err(`wick monitoring: ${path}\n`);
    io.err(
      `wick monitoring: ${made.recordings} recordings, ${made.alerts} alerts, ` +
        `${made.queries} queries checked\n`,
    );
  }
  return Exit.ok;
}

/** A file is there whole or not at all: Prometheus may read it at any time. */
async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.tmp`;
  await writeFile(beside, text);
  await rename(beside, path);
}
