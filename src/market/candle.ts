/**
 * Which candles count (rule R2 of the label specification) as a pure test over six numbers.
 *
 * @module
 */

import { CANDLE_COLUMNS } from "./columns.ts";

/** The largest |time| a JavaScript date can hold, in epoch milliseconds (ECMA-262, 21.4.1.1). */
export const TS_MS_MAX = 8.64e15;

/** Why a row of numbers is no candle; `ok` is 0. The first that applies, in this order. */
export const CandleReason = {
  ok: 0,
  tsNotInteger: 1,
  tsOutOfRange: 2,
  notFinite: 3,
  notPositive: 4,
  highTooLow: 5,
  lowTooHigh: 6,
  volumeNegative: 7,
} as const;

/** A value of {@linkcode CandleReason}. */
export type CandleReasonCode = (typeof CandleReason)[keyof typeof CandleReason];

/**
 * R2: 0 for a valid candle, otherwise the first reason against it. Comparisons are exact.
 * O(1), no allocation. `ts` is epoch milliseconds.
 */
export function candleReason(
  ts: number,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: number,
): CandleReasonCode {
  // The whole rule in one expression that only true numbers pass: NaN fails every comparison and
  // Infinity the bounds, so the reason is looked for only when there is one.
  if (
    low > 0 && low <= open && low <= close && open <= high && close <= high &&
    high < Infinity && volume >= 0 && volume < Infinity &&
    ts >= -TS_MS_MAX && ts <= TS_MS_MAX && Math.floor(ts) === ts
  ) return CandleReason.ok;
  return firstReason(ts, open, high, low, close, volume);
}

/** As {@linkcode candleReason} over a row in the order of `CANDLE_COLUMNS`: no number is boxed. */
export function candleRowReason(row: Float64Array): CandleReasonCode {
  return candleReason(
    row[0] as number,
    row[1] as number,
    row[2] as number,
    row[3] as number,
    row[4] as number,
    row[5] as number,
  );
}

function firstReason(
  ts: number,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: number,
): CandleReasonCode {
  const values = [open, high, low, close];
  if (Number.isNaN(ts) || (Number.isFinite(ts) && !Number.isInteger(ts))) {
    return CandleReason.tsNotInteger;
  }
  if (Math.abs(ts) > TS_MS_MAX) return CandleReason.tsOutOfRange;
  if (!values.every(Number.isFinite) || !Number.isFinite(volume)) return CandleReason.notFinite;
  if (!values.every((value) => value > 0)) return CandleReason.notPositive;
  if (high < Math.max(open, close, low)) return CandleReason.highTooLow;
  if (low > Math.min(open, close, high)) return CandleReason.lowTooHigh;
  return CandleReason.volumeNegative;
}

/**
 * Says a reason in words with the numbers at fault, for example
 * `high 1.2 is below max(open, close, low) 1.3`. `row` is in the order of `CANDLE_COLUMNS`.
 */
export function describeCandleReason(reason: CandleReasonCode, row: ArrayLike<number>): string {
  const [ts, open, high, low, close, volume] = Array.from(row) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  switch (reason) {
    case CandleReason.ok:
      return "valid";
    case CandleReason.tsNotInteger:
      return `ts ${ts} is not an integer of milliseconds`;
    case CandleReason.tsOutOfRange:
      return `ts ${ts} is beyond ${TS_MS_MAX} milliseconds from 1970`;
    case CandleReason.notFinite:
      return firstNamed(row, "is not finite", (value) => !Number.isFinite(value));
    case CandleReason.notPositive:
      return firstNamed(row, "is not above 0", (value) => !(value > 0));
    case CandleReason.highTooLow:
      return `high ${high} is below max(open, close, low) ${Math.max(open, close, low)}`;
    case CandleReason.lowTooHigh:
      return `low ${low} is above min(open, close, high) ${Math.min(open, close, high)}`;
    case CandleReason.volumeNegative:
      return `volume ${volume} is below 0`;
  }
}

function firstNamed(row: ArrayLike<number>, what: string, isAtFault: (v: number) => boolean) {
  const at = CANDLE_COLUMNS.findIndex((_, i) => i > 0 && isAtFault(row[i] as number));
  return `${CANDLE_COLUMNS[at] ?? "value"} ${row[at]} ${what}`;
}
