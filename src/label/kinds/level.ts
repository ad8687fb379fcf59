/**
 * The level that the kinds about levels are about, and what touching and breaking it means.
 *
 * @module
 */

import { closeAfter, type KindPath } from "./path.ts";

/**
 * The level nearest to P of those next to it, price units: the lowest active resistance above P or
 * the highest active support below it, as R6 finds them at ts[i]; the support when both are as
 * near. NaN when there is neither. O(1).
 */
export function nearestLevel(path: KindPath): number {
  const price = closeAfter(path, 0);
  const above = path.resistance - price;
  const below = price - path.support;
  if (below <= above) return below < Infinity ? path.support : NaN;
  return path.resistance;
}

/**
 * Whether the price was at the level during bar k ≥ 1 or jumped across it since the close before:
 * min(l[k], c[k−1]) ≤ level ≤ max(h[k], c[k−1]), the bounds of the true range (J. W. Wilder, *New
 * Concepts in Technical Trading Systems*, 1978, p. 21). Touching counts, as in R7.
 */
export function touches(path: KindPath, k: number, level: number): boolean {
  const { high, low, at } = path;
  const before = closeAfter(path, k - 1);
  // The columns reach to the end of the path.
  return Math.min(low[at + k] as number, before) <= level &&
    level <= Math.max(high[at + k] as number, before);
}

/** Whether bar k closes beyond the level as seen from P: above one above P, below one below it. */
export function closesBeyond(path: KindPath, k: number, level: number): boolean {
  const close = closeAfter(path, k);
  return level > closeAfter(path, 0) ? close > level : close < level;
}
