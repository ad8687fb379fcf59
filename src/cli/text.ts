/**
 * Numbers, times and colours for people.
 *
 * @module
 */

/** A whole number with commas: `1,234,567`. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A count with its noun: `1 row`, `2 rows`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${countText(count)} ${count === 1 ? noun : plural}`;
}

/** A rate or size in three digits: `998`, `12.3 k`, `1.20 M`. */
export function shortText(value: number): string {
  const units = ["", " k", " M", " G", " T"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}${units[unit]}`;
}

/** A size in bytes: `12.3 MB`. */
export function bytesText(bytes: number): string {
  const text = shortText(bytes);
  return text.includes(" ") ? `${text}B` : `${text} B`;
}

/** A span of time: `40 ms`, `0.4 s`, `12 s`, `3 min 05 s`, `2 h 03 min`. */
export function spanText(ms: number): string {
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${padded(minutes % 60)} min`;
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}

/** A time for people, UTC: `2015-01-02 09:00`, with seconds where they are not zero. */
export function timeText(ts: number): string {
  const text = new Date(ts).toISOString().replace("T", " ").replace("Z", "");
  return text.replace(/\.000$/, "").replace(/(?<=:\d\d):00$/, "");
}

/** Ways to set off text on a terminal; all plain where colours are off. */
export interface Palette {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
}

/** A palette that uses SGR codes (ECMA-48, 8.3.117), or none. */
export function palette(hasColour: boolean): Palette {
  const mark = (on: number, off: number) => (text: string) =>
    hasColour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: mark(1, 22), dim: mark(2, 22), red: mark(31, 39), yellow: mark(33, 39) };
}
