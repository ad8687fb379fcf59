import { type KindPath, pathReturn } from "./path.ts";

/**
 * Return quantile over a trailing window: where c[i+H]/P − 1 stands among the returns over H bars
 * of the `window` candles before i, events or not: (below + equal/2) / window, from 0 (under all)
 * to 1 (over all), 0.5 in the middle. This is the percentile rank with ties at their mean, as a
 * fraction (SciPy, `stats.percentileofscore`, kind "mean").
 *
 * Null while the segment has fewer than `window` candles before i. Looks at candles i−window … i+H.
 * O(window).
 */
export function returnQuantile(path: KindPath, window: number): number {
  if (path.pastCount < window) return NaN;
  const own = pathReturn(path);
  let below = 0;
  let equal = 0;
  for (let at = path.pastEnd - window; at < path.pastEnd; at++) {
    // Inside the returns that there are.
    const other = path.past[at] as number;
    if (other < own) below++;
    else if (other === own) equal++;
  }
  return (below + equal / 2) / window;
}
