import { closeAfter, type KindPath } from "./path.ts";

/**
 * Breakout beyond a level: which of the levels next to P a close of the path is beyond first. +1
 * when it is above R + margin·ATR, −1 when it is below S − margin·ATR, 0 when none is; R is the
 * lowest active resistance above P, S the highest active support below it, at ts[i]. A wick is no
 * breakout: closes alone count (the closing penetration of J. J. Murphy, *Technical Analysis of the
 * Financial Markets*, 1999, chapter 4), so that one bar never decides both.
 *
 * Null without R and S; with one of them the other side cannot break. Looks at candles i … i+H.
 *
 * @param margin In units of ATR, 0 or more.
 */
export function breakout(path: KindPath, margin: number): number {
  const { resistance, support, atr } = path;
  if (resistance === Infinity && support === -Infinity) return NaN;
  const top = resistance + margin * atr;
  const bottom = support - margin * atr;
  for (let k = 1; k <= path.bars; k++) {
    const close = closeAfter(path, k);
    if (close > top) return 1;
    if (close < bottom) return -1;
  }
  return 0;
}
