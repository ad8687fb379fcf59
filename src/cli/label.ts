/**
 * `wick label`: files of candles to files of labels.
 *
 * @module
 */

import { FileError } from "../feed/file_bytes.ts";
import { LABEL_JOB_ROWS_MAX, type LabelJob, outcomeOf } from "../feed/label_job.ts";
import type { LabelReport } from "../feed/label_job.ts";
import { KIND_NAMES } from "../label/kinds/registry.ts";
import { DEFAULT_PARAMS, HORIZON_MAX, VOLATILITIES } from "../label/params.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { asksForKinds, kindsText } from "./label_kinds.ts";
import { readLevels, readSides, sharedOptions } from "./label_options.ts";
import { LABEL_FILES_MAX, planLabels, type PlannedFile } from "./label_plan.ts";
import { progressText } from "./label_progress.ts";
import { doneLine, exitCodeOf, findingLines, reportJson } from "./label_report.ts";
import { LabelThreads } from "./label_threads.ts";
import type { CliParts } from "./parts.ts";
import { ProgressLine } from "./progress_line.ts";
import { countText, palette } from "./text.ts";

/** The command. */
export const LABEL: Command = {
  name: "label",
  about: "label every candle of files",
  details: [
    "Reads candles as CSV (a header with ts,open,high,low,close,volume) or NDJSON, gzip or plain, " +
    "- being standard input, and writes one label row per candle. One file is one series.",
    "Several files need --out DIR, where each becomes NAME.labels.csv, and run in parallel. An " +
    "output file appears when it is complete, or not at all.",
    "Invalid rows are left out and shown on standard error; of rows with the same time the last " +
    "one counts; rows out of order are put in order.",
    `A file may have ${countText(LABEL_JOB_ROWS_MAX)} rows; it is held in memory, 48 bytes a row.`,
    `Kinds, further columns: ${KIND_NAMES.join(", ")}. wick label --kinds list says what each ` +
    "means and takes. Those about levels are null without --levels.",
  ],
  operand: { called: "FILE", value: "file", countMin: 0, countMax: LABEL_FILES_MAX },
  options: {
    horizon: {
      value: "number",
      called: "N",
      about: `bars that a path has, 1 to ${HORIZON_MAX}`,
      byDefault: String(DEFAULT_PARAMS.horizon),
    },
    up: {
      value: "number",
      called: "K",
      about: "upper barrier, K times the volatility above the close",
      byDefault: String(DEFAULT_PARAMS.up),
    },
    down: {
      value: "number",
      called: "K",
      about: "lower barrier, K times the volatility below the close",
      byDefault: String(DEFAULT_PARAMS.down),
    },
    tie: {
      value: ["lower", "upper"],
      about: "who wins when one candle touches both",
      byDefault: DEFAULT_PARAMS.tie,
    },
    vertical: {
      value: ["zero", "sign"],
      about: "label when neither was touched",
      byDefault: DEFAULT_PARAMS.vertical,
    },
    volatility: {
      value: VOLATILITIES,
      about: "the unit of barriers",
      byDefault: DEFAULT_PARAMS.volatility,
    },
    kinds: {
      value: "text",
      called: "A,B",
      about: "further columns; parameters as ret_quantile:window=250; list shows them",
    },
    levels: {
      value: "file",
      called: "FILE",
      about: "levels that pull barriers in, also those of kinds: JSON list of kind, price, " +
        "from_ts, to_ts",
    },
    sides: {
      value: "file",
      called: "FILE",
      about: "sides of bets for the kind meta:side=given: CSV of ts,side",
    },
    finer: {
      value: "file",
      called: "FILE",
      about: "finer candles that decide which barrier came first",
    },
    "bar-ms": {
      value: "number",
      called: "N",
      about: "with --finer: length of a coarse candle in milliseconds",
    },
    "max-gap-ms": {
      value: "number",
      called: "N",
      about: "a longer hole starts anew",
      byDefault: `${DEFAULT_PARAMS.maxGapMs}, 10 days`,
    },
    format: { value: ["csv", "ndjson"], about: "format of the labels", byDefault: "csv" },
    out: {
      value: "file",
      called: "FILE|DIR",
      about: "where the labels go",
      byDefault: "standard output",
      short: "o",
    },
    json: {
      about: "report as JSON, one object a file: on standard output with --out, else on " +
        "standard error",
    },
  },
  examples: [
    { line: "wick label EURUSD_H1.csv.gz > labels.csv", about: "two ATR either way, six bars" },
    { line: "wick label --horizon 24 --up 3 --down 1 --out labels.csv H4.csv", about: "" },
    { line: "zcat H1.csv.gz | wick label - --format ndjson | head", about: "from a pipe" },
    {
      line: "wick label H1.csv --finer M1.csv --bar-ms 3600000",
      about: "minutes decide what hours leave open",
    },
    { line: "wick label H1.csv --kinds drawdown,meta:side=-1", about: "further columns" },
    { line: "wick label candles/*.csv.gz --out labels/", about: "many files, all cores" },
  ],
  run: runLabel,
};

async function runLabel(call: CommandCall, io: CliIo, parts: CliParts): Promise<ExitCode> {
  const { values } = call;
  if (asksForKinds(values.text("kinds"))) {
    io.out(kindsText(values.flag("json"), io));
    return Exit.ok;
  }
  if (call.operands.length === 0) throw new UsageError("no FILE given; see wick label --help");
  const { levelsPath, sidesPath, ...shared } = sharedOptions(values);
  const alsoRead = [levelsPath, sidesPath, shared.finer?.path ?? null]
    .filter((path) => path !== null);
  const say = (message: string) => io.err(`wick label: ${message}\n`);
  let files: readonly PlannedFile[];
  let levels: LabelJob["levels"];
  let sides: Pick<LabelJob, "sides">;
  try {
    files = await planLabels({
      inputs: call.operands,
      out: values.text("out"),
      format: shared.format,
      alsoRead,
      processId: Deno.pid,
    });
    levels = levelsPath === null ? null : await readLevels(levelsPath, io.interrupted);
    sides = sidesPath === null ? {} : { sides: await readSides(sidesPath, io.interrupted) };
  } catch (error) {
    if (io.interrupted.aborted) return Exit.interrupted;
    if (!(error instanceof FileError)) throw error;
    say(error.message);
    return outcomeOf(error).state === "refused" ? Exit.usage : Exit.failed;
  }
  const jobs = files.map(({ input, output }): LabelJob => ({
    input,
    output,
    levels,
    ...sides,
    ...shared,
  }));
  const reports = await runJobs(files, jobs, values.flag("json"), io, parts);
  if (io.interrupted.aborted) {
    const done = reports.filter((report) => report?.outcome.state === "done").length;
    const count = files.length === 1 ? "" : ` ${done} of ${files.length} files are done;`;
    say(`interrupted;${count} no unfinished file is left`);
    return Exit.interrupted;
  }
  const codes = reports.map((report) => report === undefined ? Exit.failed : exitCodeOf(report));
  return codes.find((code) => code === Exit.failed) ?? codes.find((code) => code !== Exit.ok) ??
    Exit.ok;
}

async function runJobs(
  files: readonly PlannedFile[],
  jobs: readonly LabelJob[],
  isJson: boolean,
  io: CliIo,
  parts: CliParts,
): Promise<readonly (LabelReport | undefined)[]> {
  const temporaryPaths = files.flatMap(({ output }) => output?.temporaryPath ?? []);
  io.onSecondInterrupt(() => temporaryPaths.forEach(removeNow));
  await using threads = new LabelThreads(parts.labelFile, jobs, io.clock);
  const done = new Map<number, number>();
  const startMs = io.clock.now();
  const isToTerminal = files[0]?.output === null && io.isTerminal.stdout;
  await using line = io.isTerminal.stderr && !isToTerminal
    ? new ProgressLine(io, async () =>
      progressText({
        files,
        running: await threads.progress(),
        done,
        elapsedMs: io.clock.now() - startMs,
      }))
    : null;
  return await threads.run(io.interrupted, (index, report) => {
    // Indices are those of the jobs, which are those of the files.
    const file = files[index] as PlannedFile;
    done.set(index, report.writtenRows);
    // A thread that crashed had no time to clean up.
    const temporaryPath = file.output?.temporaryPath ?? null;
    if (report.outcome.state !== "done" && temporaryPath !== null) removeNow(temporaryPath);
    if (!isJson) {
      const text = reportText(file, report, io);
      if (line === null) io.err(text);
      else line.above(text);
    } else {
      const text = `${JSON.stringify(reportJson(file, report))}\n`;
      if (file.output === null) io.err(text);
      else io.out(text);
    }
  });
}

function reportText(file: PlannedFile, report: LabelReport, io: CliIo): string {
  const paint = palette(io.hasColour.stderr);
  const { outcome } = report;
  const lines = findingLines(report.input, paint);
  if (report.finer !== null) lines.unshift(...findingLines(report.finer, paint));
  if ("message" in outcome) lines.push(`wick label: ${outcome.message}`);
  if (outcome.state === "done" && io.isTerminal.stderr) lines.push(doneLine(file, report));
  return lines.map((text) => `${text}\n`).join("");
}

function removeNow(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was not begun, or is done.
  }
}
