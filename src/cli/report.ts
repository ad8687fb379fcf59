/**
 * `wick report`: runs of jobs side by side, and where they are heading.
 *
 * @module
 */

import {
  COMPARED_RUNS_MAX,
  compareReports,
  comparisonText,
  type RunComparison,
} from "../batch/report_compare.ts";
import type { RunReport } from "../batch/report_schema.ts";
import { reportText } from "../batch/report_text.ts";
import { REPORTS_MAX, reportsReply } from "../http/job_schemas.ts";
import type { Command, CommandCall, OptionValues } from "./command.ts";
import { resolveConfig } from "./config.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { METRICS_FILES_MAX, metricsFolder, metricsPaths, readMetrics } from "./metrics_files.ts";
import { withService } from "./service_call.ts";
import { CONFIG_OPTION, settingOptions } from "./settings.ts";

/** Runs of each job unless told otherwise. */
const LAST_DEFAULT = 20;

/** The command. */
export const REPORT: Command = {
  name: "report",
  about: "compare runs of jobs, and show the trend",
  details: [
    "Reads metrics_*.json of the folder where wick serve and wick backfill write them, or the FILEs " +
    "given; with --url it asks the service. The trend is the median change from run to run over " +
    "those that are done, from three on.",
    "One FILE is shown whole.",
  ],
  operand: { called: "FILE", value: "file", countMin: 0, countMax: METRICS_FILES_MAX },
  options: {
    job: { value: "text", called: "NAME", about: "only of this job" },
    last: {
      value: "number",
      called: "N",
      about: `the last runs of each job, 1 to ${COMPARED_RUNS_MAX}`,
      byDefault: String(LAST_DEFAULT),
    },
    json: { about: "as JSON" },
    ...settingOptions(["data", "metricsDir"]),
    url: { value: "text", called: "URL", about: "ask the service there", byDefault: "read files" },
    config: CONFIG_OPTION,
  },
  examples: [
    { line: "wick report", about: "what ran in ./data" },
    { line: "wick report --job night --last 30 --json", about: "" },
    { line: "wick report data/metrics_LATEST.json", about: "one run, whole" },
    { line: "wick report --url http://127.0.0.1:8003", about: "" },
  ],
  run: runReport,
};

async function runReport(call: CommandCall, io: CliIo): Promise<ExitCode> {
  const { values, operands } = call;
  const last = values.number("last") ?? LAST_DEFAULT;
  if (!Number.isInteger(last) || last < 1 || last > COMPARED_RUNS_MAX) {
    throw new UsageError(
      `Cannot use --last: expected 1 to ${COMPARED_RUNS_MAX}: current value is ${last}`,
    );
  }
  if (values.has("url") && operands.length > 0) {
    throw new UsageError("Cannot use --url with FILEs: expected one of them");
  }
  if (values.has("url")) {
    return await withService(call, io, async (client) => {
      const query = { job: values.text("job"), limit: REPORTS_MAX };
      const { reports } = await client.ask("/api/reports", reportsReply, { query });
      return show(reports, last, values, io, "the service keeps none");
    });
  }
  const { config } = await resolveConfig(values, io);
  const folder = metricsFolder(config);
  const paths = operands.length > 0 ? operands : folder === null ? [] : await metricsPaths(folder);
  const reports = await readAll(paths, operands.length > 0, io);
  if (reports === null) return Exit.usage;
  const [only] = reports;
  if (operands.length === 1 && only !== undefined) {
    io.out(values.flag("json") ? `${JSON.stringify(only)}\n` : `${reportText(only).join("\n")}\n`);
    return Exit.ok;
  }
  return show(reports, last, values, io, `there is no metrics_*.json in ${folder}`);
}

/** Files that were named have to be reports; of others in a folder it is said that they are not. */
async function readAll(
  paths: readonly string[],
  isNamed: boolean,
  io: CliIo,
): Promise<RunReport[] | null> {
  const reports: RunReport[] = [];
  for (const path of paths) {
    try {
      reports.push(await readMetrics(path, io));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      io.err(`wick report: ${error.message}\n`);
      if (isNamed) return null;
    }
  }
  return reports;
}

function show(
  reports: readonly RunReport[],
  last: number,
  values: OptionValues,
  io: CliIo,
  none: string,
): ExitCode {
  const compared = comparedByJob(reports, values.text("job"), last);
  if (values.flag("json")) {
    io.out(`${JSON.stringify({ jobs: compared })}\n`);
    return Exit.ok;
  }
  if (compared.length === 0) {
    const job = values.text("job");
    const of = job === undefined ? "" : ` of job ${job}`;
    io.err(`wick report: no report${of}: ${none}\n`);
    return Exit.failed;
  }
  const texts = compared.map(({ job, ...comparison }) =>
    [`Job ${job}`, ...comparisonText(comparison).map((line) => `  ${line}`), ""].join("\n")
  );
  io.out(texts.join("\n"));
  return Exit.ok;
}

/** A comparison for each job, by name. */
function comparedByJob(
  reports: readonly RunReport[],
  job: string | undefined,
  last: number,
): (RunComparison & { readonly job: string })[] {
  const byJob = Map.groupBy(reports, ({ run_summary }) => run_summary.job);
  return [...byJob].filter(([name]) => job === undefined || name === job)
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, own]) => ({ job: name, ...compareReports(lastOf(own, last)) }));
}

function lastOf(reports: readonly RunReport[], last: number): RunReport[] {
  const begin = ({ run_summary }: RunReport) => run_summary.started_at;
  const sorted = [...reports].sort((a, b) => begin(a) < begin(b) ? -1 : 1);
  const runs = [...new Set(sorted.map(({ run_summary }) => run_summary.run_id))].slice(-last);
  return sorted.filter(({ run_summary }) => runs.includes(run_summary.run_id));
}
