import { closesBeyond, nearestLevel, touches } from "./level.ts";
import type { KindFunction } from "./path.ts";

/**
 * Flip within the horizon: 1 when the nearest level changes its role, 0 when it does not. A
 * resistance flips when a bar closes above it and a later bar touches it again and still closes
 * above it (it holds as support); a support the other way round. A close back at or behind the
 * level undoes the break, and a new one may follow. (Role reversal: R. D. Edwards and J. Magee,
 * *Technical Analysis of Stock Trends*, chapter 13.)
 *
 * Null when no level is active. Looks at candles i … i+H.
 */
export const flip: KindFunction = (path) => {
  const level = nearestLevel(path);
  if (Number.isNaN(level)) return NaN;
  let isBroken = false;
  for (let k = 1; k <= path.bars; k++) {
    const isBeyond = closesBeyond(path, k, level);
    if (isBroken && isBeyond && touches(path, k, level)) return 1;
    isBroken = isBeyond;
  }
  return 0;
};
