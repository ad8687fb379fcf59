/**
 * The one line that shows how far `wick label` is.
 *
 * @module
 */

import { pathText } from "../feed/file_bytes.ts";
import type { LabelProgress } from "../feed/label_job.ts";
import type { PlannedFile } from "./label_plan.ts";
import { bytesText, countText, shortText, spanText } from "./text.ts";

/** Share of a job's time that reading takes: measured, plain and gzip. */
const READ_SHARE = 0.1;

/** What the line is about. */
export interface LabelState {
  readonly files: readonly PlannedFile[];
  /** By index of the file. */
  readonly running: ReadonlyMap<number, LabelProgress>;
  /** Label rows of each file that is done, by index. */
  readonly done: ReadonlyMap<number, number>;
  readonly elapsedMs: number;
}

/** How much of a job is done, from 0 to 1; null while that is unknown. */
export function fractionOf(progress: LabelProgress): number | null {
  const { readBytes, sizeBytes, labelRows, writtenRows } = progress;
  if (labelRows !== null) {
    return READ_SHARE + (1 - READ_SHARE) * (labelRows === 0 ? 1 : writtenRows / labelRows);
  }
  // Files of /proc have size 0 and something in them.
  return sizeBytes === null || sizeBytes === 0
    ? null
    : READ_SHARE * Math.min(1, readBytes / sizeBytes);
}

/** The line, without its end. */
export function progressText(state: LabelState): string {
  const parts = state.files.length === 1 ? oneFile(state) : severalFiles(state);
  const fraction = totalFraction(state);
  // An estimate from the first few percent is a guess, and says hours as often as seconds.
  if (fraction !== null && fraction > 0.03) {
    const leftMs = state.elapsedMs * (1 - fraction) / fraction;
    parts.push(`ETA ${spanText(leftMs)}`);
  }
  return parts.join("  ");
}

function oneFile(state: LabelState): string[] {
  const progress = state.running.get(0);
  const name = pathText(state.files[0]?.input ?? "");
  if (progress === undefined) return [name];
  const { readBytes, sizeBytes, readRows, labelRows, writtenRows } = progress;
  if (labelRows === null) {
    const of = sizeBytes === null ? "" : ` of ${bytesText(sizeBytes)}`;
    return [`reading ${name}`, `${bytesText(readBytes)}${of}`, rateText(readRows, state.elapsedMs)];
  }
  return [
    `labelling ${name}`,
    `${Math.floor(100 * writtenRows / Math.max(1, labelRows))} %`,
    `${countText(writtenRows)} of ${countText(labelRows)} rows`,
    rateText(writtenRows, state.elapsedMs),
  ];
}

function severalFiles(state: LabelState): string[] {
  let rows = 0;
  for (const written of state.done.values()) rows += written;
  for (const { writtenRows } of state.running.values()) rows += writtenRows;
  const fraction = totalFraction(state);
  return [
    `${state.done.size} of ${countText(state.files.length)} files`,
    ...(fraction === null ? [] : [`${Math.floor(100 * fraction)} %`]),
    `${countText(rows)} rows`,
    rateText(rows, state.elapsedMs),
  ];
}

/** Files weigh by their size; null when one has none. */
function totalFraction({ files, running, done }: LabelState): number | null {
  if (files.length === 1) {
    const progress = running.get(0);
    return progress === undefined ? null : fractionOf(progress);
  }
  let total = 0;
  let ready = 0;
  for (const [index, { sizeBytes }] of files.entries()) {
    if (sizeBytes === null) return null;
    total += sizeBytes;
    const progress = running.get(index);
    if (done.has(index)) ready += sizeBytes;
    else if (progress !== undefined) ready += sizeBytes * (fractionOf(progress) ?? 0);
  }
  return total === 0 ? null : ready / total;
}

function rateText(rows: number, elapsedMs: number): string {
  return `${shortText(rows / Math.max(elapsedMs, 1) * 1000)} rows/s`;
}
