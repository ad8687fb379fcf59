/**
 * `wick check`: what is wrong or odd in files of candles.
 *
 * @module
 */

import { basename } from "node:path";
import { FileError, pathText } from "../feed/file_bytes.ts";
import { CandleFile, type FileFindings, outcomeOf } from "../feed/label_job.ts";
import { concatCandles, emptyCandles } from "../market/block.ts";
import { MarketError } from "../market/error.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import {
  assetClassOf,
  CALENDAR_NAMES,
  type CalendarName,
  CLASS_DEFAULTS,
} from "../market/instrument.ts";
import { checkQuality, type QualityOptions, type QualityReport } from "../market/quality.ts";
import { isSymbol } from "../market/series.ts";
import { qualityText } from "./check_report.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { findingLines } from "./label_report.ts";
import { palette } from "./text.ts";

/** Most files of one command. */
const CHECK_FILES_MAX = 10_000;

/** A file named after its series: `EURUSD_H1_oanda.csv.gz`. */
const SERIES_NAME = new RegExp(`^(.+?)[_.:-](?:${GRANULARITIES.join("|")})(?=[_.-]|$)`);

/** The command. */
export const CHECK: Command = {
  name: "check",
  about: "report the quality of files of candles",
  details: [
    "Invalid rows, duplicates, rows out of order, holes, times off the grid, flat runs, opens " +
    "stitched to the close before, and jumps that look like splits. Nothing is changed. Findings " +
    "are no failure: the exit code is 0 unless a file is damaged (1) or cannot be used (2).",
    "Nights, weekends, holidays and early closes are no holes where the calendar is known: given, " +
    "or by the symbol in a name like EURUSD_H1.csv. Without one every missing step is counted.",
  ],
  operand: { called: "FILE", value: "file", countMin: 1, countMax: CHECK_FILES_MAX },
  options: {
    "max-gap-ms": {
      value: "number",
      called: "N",
      about: "a longer hole parts segments",
      byDefault: "864000000, 10 days",
    },
    calendar: {
      value: CALENDAR_NAMES,
      about: "when the market is open",
      byDefault: "that of the symbol in the file's name",
    },
    json: { about: "one JSON object a file" },
  },
  examples: [
    { line: "wick check EURUSD_H1.csv.gz", about: "" },
    { line: "wick check --calendar nyse candles.csv", about: "days off are no holes" },
    { line: "wick check --json candles/*.csv.gz | jq -c '[.file, .invalid]'", about: "" },
  ],
  run: runCheck,
};

async function runCheck({ operands, values }: CommandCall, io: CliIo): Promise<ExitCode> {
  const maxGapMs = values.number("max-gap-ms");
  const given = values.text("calendar");
  const chosen = CALENDAR_NAMES.find((name) => name === given);
  let worst: ExitCode = Exit.ok;
  for (const [index, path] of operands.entries()) {
    const file = new CandleFile(path, { signal: io.interrupted });
    try {
      const calendar = chosen ?? calendarOfName(path);
      const report = await reportOf(file, {
        ...(maxGapMs === undefined ? {} : { maxGapMs }),
        ...(calendar === null ? {} : { calendar }),
      });
      const text = values.flag("json")
        ? `${JSON.stringify({ file: path, ...report })}\n`
        : qualityText(pathText(path), report, palette(io.hasColour.stdout));
      showRejections(file.findings({ duplicates: 0, unordered: 0 }), io);
      // Nobody reads on: nothing more to do.
      if (!io.out(index > 0 && !values.flag("json") ? `\n${text}` : text)) return worst;
    } catch (error) {
      if (io.interrupted.aborted) return Exit.interrupted;
      const code = complain(error, path, io);
      if (worst !== Exit.failed) worst = code;
    }
  }
  return worst;
}

/** The calendar of the symbol that a file is named after; null when it is named otherwise. */
function calendarOfName(path: string): CalendarName | null {
  const symbol = SERIES_NAME.exec(basename(path))?.[1];
  if (symbol === undefined || !isSymbol(symbol)) return null;
  return CLASS_DEFAULTS[assetClassOf(symbol)].calendar;
}

/** The report without the series, for which a file has no name. */
async function reportOf(
  file: CandleFile,
  options: QualityOptions,
): Promise<Omit<QualityReport, "series">> {
  const blocks = await file.read();
  const received = blocks.length > 0 ? concatCandles(blocks) : emptyCandles("FILE:M1");
  const counts = file.findings({ duplicates: 0, unordered: 0 });
  const { series: _, ...report } = checkQuality(received, counts, options);
  return report;
}

function showRejections(found: FileFindings, io: CliIo): void {
  const lines = findingLines(found, palette(io.hasColour.stderr));
  io.err(lines.map((line) => `${line}\n`).join(""));
}

/** Says what an error stands for; its exit code. */
function complain(error: unknown, path: string, io: CliIo): ExitCode {
  const isNamed = error instanceof FileError;
  const outcome = outcomeOf(error);
  if (!("message" in outcome)) return Exit.failed;
  const name = isNamed || !(error instanceof MarketError || error instanceof RangeError)
    ? ""
    : `${pathText(path)}: `;
  io.err(`wick check: ${name}${outcome.message}\n`);
  return outcome.state === "refused" ? Exit.usage : Exit.failed;
}
