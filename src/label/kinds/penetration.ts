import { nearestLevel } from "./level.ts";
import { closeAfter, type KindFunction } from "./path.ts";

/**
 * Largest penetration of the nearest level, wicks included, in units of ATR: max(0, max h − level)
 * / ATR[i] over the path for a resistance, max(0, level − min l) / ATR[i] for a support. 0 when it
 * holds or is only touched; null when no level is active. Looks at candles i … i+H.
 */
export const penetration: KindFunction = (path) => {
  const level = nearestLevel(path);
  if (Number.isNaN(level)) return NaN;
  const isAbove = level > closeAfter(path, 0);
  const { high, low, at } = path;
  let furthest = 0;
  for (let k = 1; k <= path.bars; k++) {
    // The columns reach to the end of the path.
    const beyond = isAbove ? (high[at + k] as number) - level : level - (low[at + k] as number);
    if (beyond > furthest) furthest = beyond;
  }
  return furthest / path.atr;
};
