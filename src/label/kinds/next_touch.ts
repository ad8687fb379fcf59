import { nearestLevel, touches } from "./level.ts";
import type { KindFunction } from "./path.ts";

/**
 * Next touch time: bars from the event to the first bar of its path that touches the nearest level
 * or opens beyond it, 1 to H; 0 when none does (as `t_mfe`). Null when no level is active. Looks at
 * candles i … i+H.
 */
export const nextTouch: KindFunction = (path) => {
  const level = nearestLevel(path);
  if (Number.isNaN(level)) return NaN;
  for (let k = 1; k <= path.bars; k++) if (touches(path, k, level)) return k;
  return 0;
};
