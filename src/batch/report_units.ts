/**
 * Numbers and times of a report or a progress line, for people.
 *
 * @module
 */

/** Stands for a figure that there is none of. */
export const NONE = "–";

/** A whole number with commas: `1,234,567`. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A span of time in two units: `40 ms`, `12.3 s`, `3 min 05 s`, `2 h 03 min`. */
export function spanText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${padded(seconds % 60)} s`;
  const minutes = Math.round(ms / 60_000);
  return `${countText(Math.floor(minutes / 60))} h ${padded(minutes % 60)} min`;
}

/** A rate: `12.5/s`, or by the minute where it is below one a second: `30.0/min`. */
export function rateText(perSecond: number): string {
  const [value, unit] = perSecond >= 1 ? [perSecond, "s"] : [perSecond * 60, "min"];
  return `${value >= 100 ? countText(value) : value.toFixed(1)}/${unit}`;
}

/**
 * A share as a percentage with `digits` decimals. What is not all is never shown as 100 %: cut, not
 * rounded.
 */
export function shareText(share: number | null, digits = 2): string {
  if (share === null) return NONE;
  const scale = 10 ** digits;
  // Guards against 0.29 · 100 = 28.999…: a billionth is far below the last digit shown.
  return `${(Math.floor(share * 100 * scale + 1e-9) / scale).toFixed(digits)} %`;
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}
