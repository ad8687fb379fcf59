import { closeAfter, type KindFunction } from "./path.ts";

/**
 * Time under water: the most bars in a row that close below the highest close since the event (P
 * included), 0 to H; reaching it again ends the run, and one that the horizon cuts counts as far as
 * it goes. Never null. Looks at candles i … i+H. (M. López de Prado, *Advances in Financial Machine
 * Learning*, 2018, section 14.5.2, here in bars.)
 */
export const underWater: KindFunction = (path) => {
  let peak = closeAfter(path, 0);
  let run = 0;
  let longest = 0;
  for (let k = 1; k <= path.bars; k++) {
    const close = closeAfter(path, k);
    run = close < peak ? run + 1 : 0;
    if (close > peak) peak = close;
    if (run > longest) longest = run;
  }
  return longest;
};
