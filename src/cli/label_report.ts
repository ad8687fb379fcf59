/**
 * What `wick label` says about a file: lines for people, or an object for programs.
 *
 * @module
 */

import { pathText } from "../feed/file_bytes.ts";
import type { FileFindings, LabelReport } from "../feed/label_job.ts";
import { rejectReasonName } from "../market/reject.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { PlannedFile } from "./label_plan.ts";
import { countOf, countText, type Palette, shortText, spanText } from "./text.ts";

/** The exit code that a file's outcome asks for. */
export function exitCodeOf({ outcome }: LabelReport): ExitCode {
  switch (outcome.state) {
    case "done":
    case "closed":
      return Exit.ok;
    case "refused":
      return Exit.usage;
    case "failed":
      return Exit.failed;
    case "cancelled":
      return Exit.interrupted;
  }
}

/** The findings in a file as lines: refused rows first, then their count, then what was odd. */
export function findingLines(found: FileFindings, paint: Palette): string[] {
  const name = pathText(found.path);
  const lines = found.rejections.map(({ line, message, excerpt }) =>
    `${paint.bold(`${name}:${line}:`)} ${message}${excerpt === "" ? "" : `: ${paint.dim(excerpt)}`}`
  );
  const more = found.rejected - found.rejections.length;
  if (more > 0) lines.push(`${name}: ${countOf(more, "more invalid row")} not shown`);
  if (found.rejected > 0) {
    const reasons = Object.entries(found.rejectedBy).map(([name, count]) =>
      `${name} ${countText(count)}`
    );
    const rows = countText(found.accepted + found.rejected);
    lines.push(
      `${name}: ${paint.yellow(countOf(found.rejected, "invalid row"))} ` +
        `of ${rows} left out (${reasons.join(", ")})`,
    );
  }
  if (found.duplicates > 0) {
    const verb = found.duplicates === 1 ? "repeats" : "repeat";
    const rows = countOf(found.duplicates, "row");
    lines.push(`${name}: ${rows} ${verb} the time of another; the last one counts`);
  }
  if (found.unordered > 0) {
    const verb = found.unordered === 1 ? "was" : "were";
    lines.push(`${name}: ${countOf(found.unordered, "row")} out of order ${verb} put in order`);
  }
  return lines;
}

/** What a terminal shows when a file is done. */
export function doneLine(file: PlannedFile, report: LabelReport): string {
  const rate = shortText(report.writtenRows / Math.max(report.tookMs, 1) * 1000);
  const to = file.output === null ? "" : ` to ${file.output.path}`;
  return `${pathText(file.input)}: ${countOf(report.writtenRows, "label")}${to} in ` +
    `${spanText(report.tookMs)} (${rate} rows/s)`;
}

/** The report as one object for `--json`. */
export function reportJson(file: PlannedFile, report: LabelReport): Record<string, unknown> {
  const { outcome, input, finer } = report;
  return {
    input: file.input,
    output: file.output?.path ?? null,
    state: outcome.state,
    ...("message" in outcome ? { message: outcome.message } : {}),
    labels: report.writtenRows,
    ...findingsJson(input),
    finer: finer === null ? null : { file: finer.path, ...findingsJson(finer) },
    tookMs: Math.round(report.tookMs),
  };
}

function findingsJson(found: FileFindings): Record<string, unknown> {
  return {
    rows: found.accepted + found.rejected,
    invalid: found.rejected,
    invalidBy: found.rejectedBy,
    duplicates: found.duplicates,
    unordered: found.unordered,
    invalidRows: found.rejections.map(({ line, reason, message, excerpt }) => ({
      line,
      reason: rejectReasonName(reason),
      message,
      excerpt,
    })),
  };
}
