/**
 * The candles of a series beside the bars that its market's calendar expects.
 *
 * @module
 */

import type { CandleBlock } from "./block.ts";
import { openStretches } from "./calendar.ts";
import { type Granularity, granularityMs } from "./granularity.ts";
import { type Hole, holeBetween } from "./holes.ts";
import type { CalendarName } from "./instrument.ts";

/** What a calendar says about the candles of a series. */
export interface ExpectedBars {
  /** The calendar asked. */
  readonly calendar: CalendarName;
  /** The length of a bar. */
  readonly granularity: Granularity;
  /** Holes between the first and the last candle; closed hours are none. */
  readonly holes: number;
  /** Bars missing in them. */
  readonly missingBars: number;
  /** The hole with the most bars, the first of these; null without any. */
  readonly largestHole: Omit<Hole, "series"> | null;
  /** Candles in whose whole bar the market is closed: of another calendar, or shifted in time. */
  readonly closedCandles: number;
}

/**
 * Compares candles in ascending order with what a calendar expects, see `holeBetween`. O(candles +
 * sessions).
 */
export function expectedBars(
  { series, ts }: Pick<CandleBlock, "series" | "ts">,
  granularity: Granularity,
  calendar: CalendarName,
): ExpectedBars {
  let holes = 0;
  let missingBars = 0;
  let largestHole: Omit<Hole, "series"> | null = null;
  for (let i = 1; i < ts.length; i++) {
    const before = ts[i - 1] as number;
    const found = holeBetween(series, granularity, calendar, before, ts[i] as number);
    if (found === null) continue;
    const { series: _, ...hole } = found;
    holes++;
    missingBars += hole.missingBars;
    if (hole.missingBars > (largestHole?.missingBars ?? 0)) largestHole = hole;
  }
  const closedCandles = calendar === "always" || ts.length === 0
    ? 0
    : closedCandlesOf(ts, granularityMs(granularity), calendar);
  return { calendar, granularity, holes, missingBars, largestHole, closedCandles };
}

function closedCandlesOf(
  ts: Float64Array,
  barMs: number,
  calendar: Exclude<CalendarName, "always">,
): number {
  const endTs = (ts.at(-1) as number) + barMs;
  const stretches = openStretches(calendar, ts[0] as number, endTs);
  let stretch = stretches.next().value ?? null;
  let closed = 0;
  for (const time of ts) {
    while (stretch !== null && stretch.closeMs <= time) stretch = stretches.next().value ?? null;
    if (stretch === null || stretch.openMs >= time + barMs) closed++;
  }
  return closed;
}
