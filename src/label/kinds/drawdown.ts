import { closeAfter, type KindFunction } from "./path.ts";

/**
 * Drawdown depth: the largest fall of a close from the highest close since the event, as a fraction
 * of that high: max over k of 1 − c[i+k] / max(P, c[i+1] … c[i+k]); 0 when it never falls. Closes
 * alone, since the order of high and low within a bar is not known. Never null. Looks at candles i
 * … i+H. (Maximum drawdown: M. Magdon-Ismail and A. F. Atiya, "Maximum drawdown", *Risk* 17(10),
 * 2004.)
 */
export const drawdown: KindFunction = (path) => {
  let peak = closeAfter(path, 0);
  let deepest = 0;
  for (let k = 1; k <= path.bars; k++) {
    const close = closeAfter(path, k);
    if (close > peak) peak = close;
    const depth = 1 - close / peak;
    if (depth > deepest) deepest = depth;
  }
  return deepest;
};
