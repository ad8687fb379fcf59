import { touches } from "./level.ts";
import type { KindPath } from "./path.ts";

/**
 * Retouch count: how often the path comes back to a price, counted as bars k = 1 … H that touch it
 * while the bar before does not, so that a stay is one touch. Candle i touches it when its range
 * holds it; of a later bar the jump from the close before counts, too (`touches` in `level.ts`).
 *
 * Null when the price is NaN (no level is active). Looks at candles i … i+H.
 *
 * @param price The nearest level, or P itself: how often the price returns to where the event
 *   opened.
 */
export function retouches(path: KindPath, price: number): number {
  if (Number.isNaN(price)) return NaN;
  const { high, low, at } = path;
  // The columns reach to the end of the path.
  let isTouching = low[at] as number <= price && price <= (high[at] as number);
  let count = 0;
  for (let k = 1; k <= path.bars; k++) {
    const isTouched = touches(path, k, price);
    if (isTouched && !isTouching) count++;
    isTouching = isTouched;
  }
  return count;
}
