import { nearestLevel } from "./level.ts";
import { closeAfter, type KindFunction } from "./path.ts";

/**
 * Nearest-level distance: (level − P) / ATR[i], in units of ATR, above 0 for a resistance overhead
 * and below 0 for a support underneath. Null when no level is active. Looks at candle i alone, and
 * is given out with the horizon like all kinds.
 */
export const levelDistance: KindFunction = (path) =>
  (nearestLevel(path) - closeAfter(path, 0)) / path.atr;
