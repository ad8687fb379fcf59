/**
 * The cursor of a kline feed: where each of up to 200 series stands, in 256 characters.
 *
 * `k1.SERIES.TIME.OFFSETS`: a fingerprint of the series and their order; the *watermark*, epoch
 * milliseconds at which the earliest bar ends that was not yielded yet, of whatever series; and for
 * each series how many bars beyond that it stands, 0 to 63, as a character of base64url, without those
 * at the end that are 0. A series whose next bar ends at or after the watermark anyway, as a week
 * against minutes, stands at 0. So a series may be at most 63 of its bars ahead of the slowest one.
 *
 * @module
 */

import { barOpenMs } from "../market/granularity.ts";
import type { KlineSeries } from "./kline_series.ts";

/** Most bars that a series may be ahead of the watermark. */
export const KLINE_AHEAD_BARS_MAX = 63;

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CURSOR = /^k1\.([0-9a-f]{8})\.(\d{1,15})\.([A-Za-z0-9_-]{0,200})$/;

/** What a cursor says. */
export interface KlinePlace {
  readonly fingerprint: string;
  /** See the module's text. */
  readonly watermarkMs: number;
  readonly offsets: string;
}

/** Open time of the first bar of a series that ends at or after a time. */
export function barEndingFrom({ granularity, lengthMs }: KlineSeries, ms: number): number {
  const openMs = barOpenMs(ms, granularity);
  return openMs === ms ? ms - lengthMs : openMs;
}

/** When the earliest of the bars ends that open at the times given; 0 when there is none. */
export function watermarkOf(all: readonly KlineSeries[], nextMs: readonly number[]): number {
  let least = Infinity;
  for (const [i, one] of all.entries()) {
    least = Math.min(least, (nextMs[i] as number) + one.lengthMs);
  }
  return least === Infinity ? 0 : least;
}

/**
 * The cursor at which the next bar of each series opens at the time given; all of them are at most
 * {@linkcode KLINE_AHEAD_BARS_MAX} bars ahead. O(series).
 */
export function formatKlineCursor(
  fingerprint: string,
  all: readonly KlineSeries[],
  nextMs: readonly number[],
): string {
  const watermarkMs = watermarkOf(all, nextMs);
  const offsets = all.map((one, i) => {
    const bars = ((nextMs[i] as number) - barEndingFrom(one, watermarkMs)) / one.lengthMs;
    const digit = DIGITS[bars];
    if (digit === undefined) throw new RangeError(`Cannot write cursor: ${bars} bars ahead`);
    return digit;
  });
  return `k1.${fingerprint}.${watermarkMs}.${offsets.join("").replace(/A+$/, "")}`;
}

/** What a text says as a cursor; null when it is none. */
export function parseKlineCursor(cursor: string): KlinePlace | null {
  const found = CURSOR.exec(cursor);
  if (found === null) return null;
  const [, fingerprint, time, offsets] = found as unknown as [string, string, string, string];
  return { fingerprint, watermarkMs: Number(time), offsets };
}

/**
 * Open times of the next bars at a cursor. Of one of other series only the watermark means something:
 * everything from there on.
 */
export function klinePositions(
  place: KlinePlace,
  fingerprint: string,
  all: readonly KlineSeries[],
): number[] {
  const isSame = place.fingerprint === fingerprint;
  return all.map((one, i) => {
    const bars = isSame ? Math.max(0, DIGITS.indexOf(place.offsets[i] ?? "A")) : 0;
    return barEndingFrom(one, place.watermarkMs) + bars * one.lengthMs;
  });
}
