/**
 * `wick monitoring`: rules for Prometheus and a dashboard for Grafana, written from the service's own
 * metrics.
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
import { wickRules } from "../monitor/rules.ts";
import { metricsOf, type Rule } from "../monitor/rules_types.ts";
import type { Command, CommandCall } from "./command.ts";
import { reasonOf } from "./config_file.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";

const VERBS = ["export"] as const;

/** What is written, by the name of its file. */
export const RULES_FILE = "wick_rules.yml";
/** See {@linkcode RULES_FILE}. */
export const DASHBOARD_FILE = "wick_dashboard.json";

/** The command. */
export const MONITORING: Command = {
  name: "monitoring",
  about: "write rules for Prometheus and a dashboard for Grafana",
  details: [
    `export writes ${RULES_FILE}, recording and alert rules for Prometheus, and ` +
    `${DASHBOARD_FILE}, a dashboard to be imported into Grafana. Both are made from the metrics ` +
    "and rules of this version; every query is checked to name a metric that there is. DIR is made " +
    "when it is not there, and files of an earlier version are replaced.",
  ],
  operand: { called: "export DIR", value: "file", countMin: 1, countMax: 2, verbs: VERBS },
  options: {
    cores: {
      value: "number",
      called: "N",
      about: "cores of the machine that the service runs on",
      byDefault: "those of this machine",
    },
    json: { about: "files and what they hold as JSON" },
  },
  examples: [
    { line: "wick monitoring export monitoring", about: "" },
    { line: "wick monitoring export /etc/prometheus/rules --cores 8 --json", about: "" },
  ],
  run,
};

/** All metrics of the service, each once. */
export function monitoredMetrics(): MetricSpec[] {
  return [...new Map(WICK_METRICS.map((spec) => [spec.name, spec])).values()];
}

/** Rules over metrics that the service has: one over others would never say anything. */
export function monitoredRules(cores: number, specs: readonly MetricSpec[]): readonly Rule[] {
  const names = new Set(specs.map(({ name }) => name));
  return wickRules({ cores }).filter((rule) =>
    metricsOf(rule).every(({ name }) => names.has(name))
  );
}

async function run({ operands, values }: CommandCall, io: CliIo): Promise<ExitCode> {
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
  const specs = monitoredMetrics();
  const rules = prometheusRules(specs, monitoredRules(cores, specs));
  const dashboard = grafanaDashboard(specs);
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
