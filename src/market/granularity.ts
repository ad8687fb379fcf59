/**
 * The bar lengths that Wick knows.
 *
 * @module
 */

import { MarketError } from "./error.ts";

/** Bar lengths, shortest first. */
export const GRANULARITIES = ["M1", "M5", "M15", "M30", "H1", "H4", "D", "W"] as const;

/** Name of a bar length: minutes, hours, day, week. */
export type Granularity = (typeof GRANULARITIES)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const LENGTH_MS: Readonly<Record<Granularity, number>> = {
  M1: MINUTE_MS,
  M5: 5 * MINUTE_MS,
  M15: 15 * MINUTE_MS,
  M30: 30 * MINUTE_MS,
  H1: HOUR_MS,
  H4: 4 * HOUR_MS,
  D: DAY_MS,
  W: 7 * DAY_MS,
};

/** Weeks open on Monday; 1970-01-05 was the first one of the epoch. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** Length of a bar in milliseconds, taking a day as 24 hours. */
export function granularityMs(granularity: Granularity): number {
  return LENGTH_MS[granularity];
}

/** Whether the text is exactly one of {@linkcode GRANULARITIES}. */
export function isGranularity(text: string): text is Granularity {
  return Object.hasOwn(LENGTH_MS, text);
}

/**
 * The granularity named by the text, exactly as written (`H1`, not `h1` or `1H`).
 *
 * @throws {MarketError} code `granularity`.
 */
export function parseGranularity(text: string): Granularity {
  if (isGranularity(text)) return text;
  throw new MarketError(
    "granularity",
    `Cannot parse granularity: expected one of ${GRANULARITIES.join(" ")}: ` +
      `current value is ${JSON.stringify(text.slice(0, 64))}`,
  );
}

/**
 * The granularity of exactly this length, or null: 90,000 ms is no bar length, and none is taken
 * for it.
 */
export function granularityOfMs(lengthMs: number): Granularity | null {
  return GRANULARITIES.find((granularity) => LENGTH_MS[granularity] === lengthMs) ?? null;
}

/**
 * Open time of the bar that holds `ts`, epoch milliseconds UTC. `offsetMs` shifts the grid: H4 bars
 * that open at 02:00, 06:00, … have an offset of 7,200,000. Weeks open on Monday 00:00 UTC.
 */
export function barOpenMs(ts: number, granularity: Granularity, offsetMs = 0): number {
  const lengthMs = LENGTH_MS[granularity];
  const originMs = (granularity === "W" ? FIRST_MONDAY_MS : 0) + offsetMs;
  return Math.floor((ts - originMs) / lengthMs) * lengthMs + originMs;
}
