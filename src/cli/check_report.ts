/**
 * A quality report as a table.
 *
 * @module
 */

import { granularityOfMs } from "../market/granularity.ts";
import type { ExpectedBars } from "../market/holes_expected.ts";
import type { Jump, QualityReport } from "../market/quality.ts";
import { countOf, countText, type Palette, spanText, timeText } from "./text.ts";

/** Jumps and segments shown in the table; `--json` has more of them. */
const LISTED_MAX = 8;

/** The report as lines for people, the file's name first. */
export function qualityText(
  name: string,
  report: Omit<QualityReport, "series">,
  paint: Palette,
): string {
  const rows = [...rowsOf(report), ...jumpRows(report), ...segmentRows(report)];
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, value, isOdd]) =>
    `  ${label.padEnd(width)}  ${isOdd ? paint.yellow(value) : value}`
  );
  return `${[paint.bold(name), ...lines].join("\n")}\n`;
}

/** A line of the table; the third says whether it is set off. */
type Row = readonly [label: string, value: string, isOdd?: boolean];

function rowsOf(report: Omit<QualityReport, "series">): Row[] {
  const { stepMs, firstTs, lastTs } = report;
  const reasons = Object.entries(report.invalidBy).map(([reason, n]) =>
    `${reason} ${countText(n)}`
  );
  const invalid = countText(report.invalid) +
    (reasons.length > 0 ? ` (${reasons.join(", ")})` : "");
  const identical = report.duplicates > 0
    ? ` (${countText(report.identicalDuplicates)} identical)`
    : "";
  return [
    ["rows", countText(report.rows)],
    ["invalid", invalid, report.invalid > 0],
    ["duplicates", countText(report.duplicates) + identical, report.duplicates > 0],
    ["out of order", countText(report.unordered), report.unordered > 0],
    ["candles", countText(report.candles)],
    ...(firstTs === null || lastTs === null
      ? []
      : [["from", timeText(firstTs)], ["to", timeText(lastTs)]] satisfies Row[]),
    ...(stepMs === null ? [] : stepRows(report, stepMs)),
    ["flat candles", flatText(report)],
    ["zero volume", shareText(report.zeroVolume, report.candles)],
    ["stitched opens", shareText(report.stitchedOpens, report.candles - 1)],
  ];
}

function stepRows(report: Omit<QualityReport, "series">, stepMs: number): Row[] {
  return [
    ["step", granularityOfMs(stepMs) ?? spanText(stepMs)],
    ...(report.expected === null ? gapRows(report) : holeRows(report.expected)),
    ["off the grid", countText(report.offMainGrid), report.offMainGrid > 0],
  ];
}

/** Without a calendar nights and weekends are holes like others. */
function gapRows(report: Omit<QualityReport, "series">): Row[] {
  const largest = report.gaps > 0 && report.largestGapTs !== null
    ? `, the largest of ${countText(report.largestGapSteps)} steps after ` +
      timeText(report.largestGapTs)
    : "";
  return [
    ["holes", `${countText(report.gaps)}${largest}`],
    ["missing steps", countText(report.missingSteps)],
  ];
}

function holeRows({ calendar, ...found }: ExpectedBars): Row[] {
  const { holes, largestHole, missingBars, closedCandles } = found;
  const largest = largestHole === null
    ? ""
    : `, the largest of ${countOf(largestHole.missingBars, "bar")} from ` +
      timeText(largestHole.fromTs);
  return [
    ["calendar", calendar],
    ["holes", `${countText(holes)}${largest}`, holes > 0],
    ["missing bars", countText(missingBars)],
    ["while closed", countText(closedCandles), closedCandles > 0],
  ];
}

function flatText({ flat, flatRuns, candles }: Omit<QualityReport, "series">): string {
  if (flatRuns.longestTs === null || flatRuns.longest < 2) return shareText(flat, candles);
  return `${shareText(flat, candles)}, the longest run of ${countText(flatRuns.longest)} from ` +
    timeText(flatRuns.longestTs);
}

function shareText(count: number, of: number): string {
  if (count === 0 || of <= 0) return countText(count);
  return `${countText(count)} (${(100 * count / of).toFixed(1)} %)`;
}

function jumpRows({ jumpCount, jumps }: Omit<QualityReport, "series">): Row[] {
  const rows: Row[] = [["jumps", countText(jumpCount), jumpCount > 0]];
  for (const jump of jumps.slice(0, LISTED_MAX)) rows.push(["", jumpText(jump)]);
  if (jumpCount > LISTED_MAX) rows.push(["", `${countText(jumpCount - LISTED_MAX)} more`]);
  return rows;
}

function jumpText({ ts, openChangeRatio, closeChangeRatio, split }: Jump): string {
  const change = (ratio: number) => `${ratio > 0 ? "+" : ""}${(100 * ratio).toFixed(1)} %`;
  const { isLikely, newShares, oldShares } = split;
  const guess = isLikely ? `, like a ${newShares}:${oldShares} split` : "";
  return `${timeText(ts)}  open ${change(openChangeRatio)}, close ${
    change(closeChangeRatio)
  }${guess}`;
}

function segmentRows({ segments }: Omit<QualityReport, "series">): Row[] {
  const rows: Row[] = [["segments", countText(segments.length)]];
  if (segments.length < 2) return rows;
  for (const { candles, firstTs, lastTs } of segments.slice(0, LISTED_MAX)) {
    rows.push(["", `${timeText(firstTs)} to ${timeText(lastTs)}  ${countText(candles)} candles`]);
  }
  if (segments.length > LISTED_MAX) {
    rows.push(["", `${countText(segments.length - LISTED_MAX)} more`]);
  }
  return rows;
}
