/**
 * What the tests of kinds share: paths from bars, and the slow twin.
 *
 * @module
 */

import type { KindPath } from "../../../src/label/kinds/path.ts";
import type { Level } from "../../../src/label/levels.ts";
import type { LabelParams } from "../../../src/label/params.ts";
import { type CandleBlock, type LabelBlock, LabelStatus } from "../../../src/market/block.ts";

/** A bar as [high, low, close]. */
export type Bar = readonly [number, number, number];

/** The path of bars, the first of which is the event's candle. */
export function pathOf(bars: readonly Bar[], given: Partial<KindPath> = {}): KindPath {
  // Two strangers in front: a kind that reads before the event's candle shows.
  const padded: Bar[] = [[1e9, 1e-9, 1e9], [1e9, 1e-9, 1e-9], ...bars];
  return {
    bars: bars.length - 1,
    at: 2,
    high: Float64Array.from(padded, ([high]) => high),
    low: Float64Array.from(padded, ([, low]) => low),
    close: Float64Array.from(padded, ([, , close]) => close),
    logReturn: Float64Array.from(
      padded,
      ([, , close], at) => Math.log(close / (padded[at - 1]?.[2] ?? NaN)),
    ),
    atr: 2,
    resistance: Infinity,
    support: -Infinity,
    tbRet: NaN,
    label: 0,
    side: NaN,
    past: new Float64Array(0),
    pastEnd: 0,
    pastCount: 0,
    ...given,
  };
}

/** A path of closes alone. */
export function closesOf(closes: readonly number[], given: Partial<KindPath> = {}): KindPath {
  return pathOf(closes.map((close): Bar => [close, close, close]), given);
}

interface TwinCandle {
  readonly h: number;
  readonly l: number;
  readonly c: number;
}

/** One event as the slow twin sees it. */
interface TwinEvent {
  /** All candles of the event's segment. */
  readonly all: readonly TwinCandle[];
  readonly i: number;
  readonly horizon: number;
  readonly atr: number;
  readonly tbRet: number;
  readonly label: number;
  /** Prices of the active levels by kind. */
  readonly resistances: readonly number[];
  readonly supports: readonly number[];
}

const get = <T>(list: readonly T[], at: number): T => {
  const found = list[at];
  if (found === undefined) throw new Error(`nothing at ${at}`);
  return found;
};

/** Candles i … i+H. */
const pathCandles = ({ all, i, horizon }: TwinEvent) => all.slice(i, i + horizon + 1);

/** The level, or null. */
function twinLevel(event: TwinEvent): number | null {
  const price = get(event.all, event.i).c;
  const near = [
    ...event.supports.filter((level) => level < price),
    ...event.resistances.filter((level) => level > price),
  ].sort((a, b) => Math.abs(a - price) - Math.abs(b - price) || a - b);
  return near[0] ?? null;
}

/** For each bar of the path whether it touches; the first is the event's candle. */
function twinTouches(event: TwinEvent, level: number): boolean[] {
  const path = pathCandles(event);
  return path.map(({ h, l }, k) => {
    const reach = k === 0 ? [h, l] : [h, l, get(path, k - 1).c];
    return Math.min(...reach) <= level && level <= Math.max(...reach);
  });
}

function twinRetouches(event: TwinEvent, level: number | null): number | null {
  if (level === null) return null;
  const text = twinTouches(event, level).map((is) => is ? "x" : ".").join("");
  return text.split(".x").length - 1;
}

function twinReturn(all: readonly TwinCandle[], at: number, horizon: number): number {
  return get(all, at + horizon).c / get(all, at).c - 1;
}

function twinQuantile({ all, i, horizon }: TwinEvent, window: number): number | null {
  if (i - window < 0) return null;
  const own = twinReturn(all, i, horizon);
  const others = Array.from(
    { length: window },
    (_, back) => twinReturn(all, i - 1 - back, horizon),
  );
  // The mean of both ways to rank ties.
  const under = others.filter((x) => x < own).length;
  const upTo = others.filter((x) => x <= own).length;
  return (under + upTo) / 2 / window;
}

function twinFlip(event: TwinEvent): number | null {
  const level = twinLevel(event);
  if (level === null) return null;
  const path = pathCandles(event);
  const side = level > get(path, 0).c ? 1 : -1;
  const beyond = path.map(({ c }) => (c - level) * side > 0);
  const touched = twinTouches(event, level);
  // A bar that touches and closes beyond, after one that closed beyond just before it.
  return path.some((_, k) => k > 1 && beyond[k] && beyond[k - 1] && touched[k]) ? 1 : 0;
}

function twinBreakout(event: TwinEvent, margin: number): number | null {
  const path = pathCandles(event);
  const price = get(path, 0).c;
  const top = Math.min(Infinity, ...event.resistances.filter((x) => x > price));
  const bottom = Math.max(-Infinity, ...event.supports.filter((x) => x < price));
  if (top === Infinity && bottom === -Infinity) return null;
  const extra = margin * event.atr;
  const first = path.slice(1).find(({ c }) => c > top + extra || c < bottom - extra);
  return first === undefined ? 0 : first.c > top + extra ? 1 : -1;
}

function twinSkew(event: TwinEvent): number | null {
  const path = pathCandles(event);
  const returns = path.slice(1).map(({ c }, k) => Math.log(c / get(path, k).c));
  const mean = (of: number[]) => of.reduce((sum, x) => sum + x, 0) / of.length;
  const centre = mean(returns);
  const variance = mean(returns.map((x) => (x - centre) ** 2));
  if (returns.length < 3 || Math.sqrt(variance) < 1e-14) return null;
  return mean(returns.map((x) => ((x - centre) / Math.sqrt(variance)) ** 3));
}

function twinMeta(side: number | null, ret: number): number | null {
  return side === null || side === 0 ? null : side * ret > 0 ? 1 : 0;
}

/** Every kind by the definition, with lists of everything; null is null. */
export const TWINS: Readonly<Record<string, (event: TwinEvent) => number | null>> = {
  "ret_sign": (event) => Math.sign(twinReturn(event.all, event.i, event.horizon)),
  "ret_quantile:window=5": (event) => twinQuantile(event, 5),
  "ret_quantile": (event) => twinQuantile(event, 100),
  "retouches": (event) => twinRetouches(event, twinLevel(event)),
  "retouches:of=close": (event) => twinRetouches(event, get(event.all, event.i).c),
  "breakout": (event) => twinBreakout(event, 0),
  "breakout:margin=0.25": (event) => twinBreakout(event, 0.25),
  "flip": twinFlip,
  "level_dist": (event) => {
    const level = twinLevel(event);
    return level === null ? null : (level - get(event.all, event.i).c) / event.atr;
  },
  "penetration": (event) => {
    const level = twinLevel(event);
    if (level === null) return null;
    const isAbove = level > get(event.all, event.i).c;
    const beyond = pathCandles(event).slice(1).map(({ h, l }) => isAbove ? h - level : level - l);
    return Math.max(0, ...beyond) / event.atr;
  },
  "next_touch": (event) => {
    const level = twinLevel(event);
    if (level === null) return null;
    return Math.max(0, twinTouches(event, level).indexOf(true, 1));
  },
  "drawdown": (event) => {
    const closes = pathCandles(event).map(({ c }) => c);
    const falls = closes.flatMap((peak, k) => closes.slice(k).map((c) => 1 - c / peak));
    return Math.max(...falls);
  },
  "under_water": (event) => {
    const closes = pathCandles(event).map(({ c }) => c);
    const wet = closes.map((c, k) => c < Math.max(...closes.slice(0, k + 1)) ? "w" : " ").join("");
    return Math.max(...wet.split(" ").map((run) => run.length));
  },
  "path_skew": twinSkew,
  "meta": ({ tbRet }) => twinMeta(1, tbRet),
  "meta:side=-1:ret=horizon": (event) =>
    twinMeta(-1, twinReturn(event.all, event.i, event.horizon)),
  "meta:side=label:ret=horizon": (event) =>
    twinMeta(event.label, twinReturn(event.all, event.i, event.horizon)),
  "meta:side=level_dist": (event) => {
    const level = twinLevel(event);
    return twinMeta(level === null ? null : level - get(event.all, event.i).c, event.tbRet);
  },
};

/** A kind of every row by the slow twin; the rows say which are final, and the ATR. */
export function twinColumn(
  text: string,
  candles: CandleBlock,
  rows: LabelBlock,
  params: LabelParams,
  levels: readonly Level[],
): (number | null)[] {
  const twin = TWINS[text];
  if (twin === undefined) throw new Error(`no twin of ${text}`);
  const starts: number[] = [];
  for (let row = 0; row < candles.length; row++) {
    const hole = get([...candles.ts.subarray(row, row + 1)], 0) -
      (candles.ts[row - 1] ?? -Infinity);
    starts.push(hole > params.maxGapMs ? row : starts[row - 1] ?? 0);
  }
  const all = Array.from(candles.close, (c, row): TwinCandle => ({
    h: candles.high[row] as number,
    l: candles.low[row] as number,
    c,
  }));
  return Array.from({ length: rows.length }, (_, row) => {
    if (rows.fhStatus[row] !== LabelStatus.final) return null;
    const start = get(starts, row);
    const ts = candles.ts[row] as number;
    const active = levels.filter(({ fromTs, toTs }) => fromTs <= ts && ts < toTs);
    const prices = (kind: Level["kind"]) =>
      active.filter((level) => level.kind === kind).map(({ price }) => price);
    return twin({
      all: all.slice(start),
      i: row - start,
      horizon: params.horizon,
      atr: rows.atr[row] as number,
      tbRet: rows.tbRet[row] as number,
      label: rows.label[row] as number,
      resistances: prices("resistance"),
      supports: prices("support"),
    });
  });
}
