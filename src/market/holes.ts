/**
 * Bars that are missing between two candles of a series, by its market's calendar: nights and
 * weekends are no holes. Holidays are not known, so a day off counts as one.
 *
 * @module
 */

import type { SeriesKey } from "./block.ts";
import { type Granularity, granularityMs } from "./granularity.ts";
import type { CalendarName } from "./instrument.ts";
import { openStretches } from "./session.ts";

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

/** Share of a bar for which its market must be open for the bar to be expected: NYSE has 6.5 h of 24. */
const OPEN_SHARE_MIN = 0.25;

/**
 * The hole between two neighbours of a series at open times `afterTs` < `beforeTs`; null when no bar
 * is missing.
 *
 * - bars are expected on the grid of the earlier candle, whatever its offset; a neighbour off by
 *   less than half a bar (a change of summer time) is on it
 * - a bar is expected when the market is open for a quarter of it or more: the few hours of a Sunday
 *   are no daily bar of foreign exchange
 * - O(1) for neighbours one bar apart, otherwise O(weeks between them)
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
  const openMs = barMs * OPEN_SHARE_MIN;
  let first = 0, last = 0, missingBars = 0;
  for (const [fromMs, toMs] of openStretches(calendar, afterTs, beforeTs)) {
    const from = Math.max(last + 1, Math.ceil((fromMs - barMs + openMs - afterTs) / barMs));
    const to = Math.min(lastBar, Math.floor((toMs - openMs - afterTs) / barMs));
    if (to < from) continue;
    if (missingBars === 0) first = from;
    last = to;
    missingBars += to - from + 1;
  }
  return missingBars === 0 ? null : holeOf(first, last, missingBars);
}
