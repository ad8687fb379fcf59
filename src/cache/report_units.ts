/**
 * Numbers of a report on the cache, for people.
 *
 * @module
 */

/** Stands for a figure that there is none of. */
export const NONE = "–";

/** A whole number with commas: `1,234,567`. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A count with its noun: `1 entry`, `2 entries`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${Math.round(count) === 1 ? one : many}`;
}

/** A share as a percentage: `71.2 %`. */
export function percentText(share: number | null): string {
  return share === null ? NONE : `${(share * 100).toFixed(1)} %`;
}

/** A difference of two percentages: `+3.1 points`. */
export function pointsText(points: number): string {
  // What rounds to zero has no sign.
  const text = Math.abs(points).toFixed(1);
  const sign = text === "0.0" ? "±" : points < 0 ? "−" : "+";
  return `${sign}${text} points`;
}

/** A size in memory: `12.3 MB`. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** A time in milliseconds: `0.8 ms`, `152 ms`, `1,203 ms`. */
export function millisText(seconds: number | null): string {
  if (seconds === null) return NONE;
  const ms = seconds * 1_000;
  return `${ms < 9.95 ? ms.toFixed(1) : countText(ms)} ms`;
}

/** Per hundred requests: `31.4`. */
export function perHundredText(value: number | null): string {
  return value === null ? NONE : value.toFixed(1);
}
