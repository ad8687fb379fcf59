/**
 * Lines of a file that are no candle: why, where, and what they looked like.
 *
 * @module
 */

import { CandleReason } from "./candle.ts";

/**
 * Why a line was refused: every {@linkcode CandleReason} but `ok` (the line was six numbers that
 * are no candle, R2), and from 16 on what kept it from being six numbers.
 */
export const RejectReason = {
  tsNotInteger: CandleReason.tsNotInteger,
  tsOutOfRange: CandleReason.tsOutOfRange,
  notFinite: CandleReason.notFinite,
  notPositive: CandleReason.notPositive,
  highTooLow: CandleReason.highTooLow,
  lowTooHigh: CandleReason.lowTooHigh,
  volumeNegative: CandleReason.volumeNegative,
  lineEmpty: 16,
  lineTooLong: 17,
  cellsMissing: 18,
  cellsExtra: 19,
  cellEmpty: 20,
  notNumber: 21,
  seriesInvalid: 22,
  notJson: 23,
  notObject: 24,
  keyUnknown: 25,
  keyMissing: 26,
} as const;

/** Name of a reason, as counted in reports. */
export type RejectReasonName = keyof typeof RejectReason;

/** A value of {@linkcode RejectReason}. */
export type RejectReasonCode = (typeof RejectReason)[RejectReasonName];

/** One refused line. */
export interface Rejection {
  /** Line in the file, from 1; the header of a CSV file is line 1. */
  readonly line: number;
  /** Why it is no candle. */
  readonly reason: RejectReasonCode;
  /** The reason in words with the values at fault. */
  readonly message: string;
  /** The beginning of the line, printable, at most {@linkcode EXCERPT_BYTES_MAX} bytes of it. */
  readonly excerpt: string;
}

/** How much of a refused line is kept: enough for a candle with 17 digits in every price. */
export const EXCERPT_BYTES_MAX = 160;

const NAMES = new Map(
  Object.entries(RejectReason).map(([name, code]) => [code, name as RejectReasonName]),
);

/** Name of a reason code. */
export function rejectReasonName(code: RejectReasonCode): RejectReasonName {
  return NAMES.get(code) as RejectReasonName;
}

/** Counts of one reader; `lines` = header + `accepted` + `rejected` + skipped blank lines. */
export interface ReadCounts {
  /** Lines read, of whatever kind. */
  readonly lines: number;
  /** Lines that became a row of a block. */
  readonly accepted: number;
  /** Lines that were refused. */
  readonly rejected: number;
  /** Refused lines by reason; reasons that did not occur are left out. */
  readonly rejectedBy: Readonly<Partial<Record<RejectReasonName, number>>>;
}

/**
 * The bytes from ≤ i < to as text for a message: control characters and bytes that are not UTF-8
 * are written as escapes, and what is beyond {@linkcode EXCERPT_BYTES_MAX} as `…`.
 */
export function excerptOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  const end = Math.min(to, from + EXCERPT_BYTES_MAX);
  const text = new TextDecoder().decode(bytes.slice(from, end));
  let printable = "";
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    const isControl = code < 32 || (code >= 127 && code < 160) || code === 0xfffd;
    printable += isControl ? `\\x${code.toString(16).padStart(2, "0")}` : char;
  }
  return end < to ? `${printable}…` : printable;
}
