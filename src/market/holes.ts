/**
 * Bars that are missing between two candles of a series, by its market's calendar: nights,
 * weekends, holidays and the hours after an early close are no holes.
 *
 * @module
 */

import type { SeriesKey } from "./block.ts";
import { type Granularity, granularityMs } from "./granularity.ts";
import { openStretches } from "./calendar.ts";
import type { CalendarName } from "./instrument.ts";

/** A stretch of a series without the candles that the calendar expects. */
export interface Hole {
  /** Series that lacks them. */
  readonly series: SeriesKey;
  /** Open time of the first missing bar, epoch milliseconds UTC. */
  readonly fromTs: number;
  /** End of the last missing bar, exclusive. */
  readonly toTs: number;
  /** Bars expected in it; closed hours inside the stretch are not counted. */
  readonly missingBars: number;
}

/**
 * Share of a bar for which its market must be open for the bar to be expected: NYSE has 6.5 h of
 * 24.
 */
const OPEN_SHARE_MIN = 0.25;

/**
 * Share of a session that is enough, too: one of 3.5 h has a daily bar wherever the grid cuts it.
 */
const STRETCH_SHARE_MIN = 0.5;

/**
 * The hole between two neighbours of a series at open times `afterTs` < `beforeTs`; null when no
 * bar is missing.
 *
 * - bars are expected on the grid of the earlier candle, whatever its offset; a neighbour off by
 *   less than half a bar (a change of summer time) is on it
 * - a bar is expected when the market is open for a quarter of it or more, or when it holds half of
 *   a session: the few hours of a Sunday are no daily bar of foreign exchange
 * - time from `beforeTs` on belongs to the later candle, also where a change of summer time makes
 *   it begin within a bar of the grid
 * - in years without a calendar nothing is expected but the bars of `always` and of weeks
 * - O(1) for neighbours one bar apart, otherwise O(sessions between them)
 */
export function holeBetween(
  series: SeriesKey,
  granularity: Granularity,
  calendar: CalendarName,
  afterTs: number,
  beforeTs: number,
): Hole | null {
  const barMs = granularityMs(granularity);
  // Bars are numbered from the earlier candle, which is 0.
  const lastBar = Math.floor((beforeTs - barMs / 2 - afterTs) / barMs);
  if (lastBar < 1) return null;
  const holeOf = (first: number, last: number, missingBars: number): Hole => ({
    series,
    fromTs: afterTs + first * barMs,
    toTs: afterTs + (last + 1) * barMs,
    missingBars,
  });
  if (calendar === "always" || granularity === "W") return holeOf(1, lastBar, lastBar);
  let first = 0, last = 0, missingBars = 0;
  for (const { openMs, closeMs } of openStretches(calendar, afterTs + barMs, beforeTs)) {
    const enoughMs = enoughOpenMs(barMs, closeMs - openMs);
    const endMs = Math.min(closeMs, beforeTs);
    if (endMs - openMs < enoughMs) continue;
    const from = Math.max(last + 1, Math.ceil((openMs - barMs + enoughMs - afterTs) / barMs));
    const to = Math.min(lastBar, Math.floor((endMs - enoughMs - afterTs) / barMs));
    if (to < from) continue;
    if (missingBars === 0) first = from;
    last = to;
    missingBars += to - from + 1;
  }
  return missingBars === 0 ? null : holeOf(first, last, missingBars);
}

/** How long a stretch of a market must be in a bar for the bar to be expected, milliseconds. */
function enoughOpenMs(barMs: number, stretchMs: number): number {
  return Math.min(barMs * OPEN_SHARE_MIN, stretchMs * STRETCH_SHARE_MIN);
}
