/**
 * The candles of every label measurement: random walks that can be entered anywhere, so that a
 * candle needs no memory of those before it and can be made again when it is checked.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/mod.ts";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";

/** Series of every measurement but the one on a single series. */
export const SERIES_COUNT = 1_000;
const BAR_MS = 60_000;
const START_TS = 1_767_571_200_000;
/** Candles of the one walk that all series are stretches of: a power of two. */
const WALK_CANDLES = 65_536;
/** A prime, so that series begin far apart on the walk. */
const SERIES_STEP = 7_919;
const SEED = 7;

/** Key of series `series`. */
export const seriesKey = (series: number): string => `S${String(series).padStart(4, "0")}:M1`;

/** Number of the series with this key. */
export const seriesOf = (key: string): number => Number(key.slice(1, 5));

/** Which candle of its series stands at `ts`. */
export const indexOf = (ts: number): number => (ts - START_TS) / BAR_MS;

/** Candles of {@linkcode SERIES_COUNT} series, each as long as is asked for. */
export class Market {
  /** open, high, low, close, volume of each candle of the walk. */
  readonly #walk = new Float64Array(WALK_CANDLES * 5);

  constructor() {
    const random = seededRandom(SEED);
    let close = 100;
    for (let i = 0; i < WALK_CANDLES; i++) {
      // Sums of uniform steps that are drawn back to 100: the walk never leaves its range.
      const step = () => (random.next() + random.next() + random.next() - 1.5) * 0.3;
      const open = rounded(close + (random.next() < 0.05 ? step() : 0));
      close = rounded(open + step() + (100 - open) * 0.002);
      const high = rounded(Math.max(open, close) + random.next() * 0.1);
      const low = rounded(Math.min(open, close) - random.next() * 0.1);
      this.#walk.set([open, high, low, close, Math.floor(random.next() * 900)], i * 5);
    }
  }

  /** Candles from ≤ index < to of a series, in fresh columns. */
  block(series: number, from: number, to: number): CandleBlock {
    const rows = new CandleBuilder(seriesKey(series), to - from);
    const row = new Float64Array(6);
    for (let index = from; index < to; index++) {
      const at = place(series, index);
      row[0] = START_TS + index * BAR_MS;
      for (let column = 0; column < 5; column++) {
        row[column + 1] = this.#walk[at + column] as number;
      }
      rows.pushRow(row);
    }
    return rows.finish();
  }

  /** Makes `block`, which has one row, candle `index` of a series. */
  put(block: SingleCandle, series: number, index: number): void {
    const at = place(series, index);
    const walk = this.#walk;
    block.series = KEYS[series] as string;
    block.ts[0] = START_TS + index * BAR_MS;
    block.open[0] = walk[at] as number;
    block.high[0] = walk[at + 1] as number;
    block.low[0] = walk[at + 2] as number;
    block.close[0] = walk[at + 3] as number;
    block.volume[0] = walk[at + 4] as number;
  }

  /** One CSV file of all series, in the order of time; its bytes. */
  writeCsv(path: string, bars: number): number {
    using file = Deno.openSync(path, { write: true, create: true, truncate: true });
    const encoder = new TextEncoder();
    const texts = Array.from({ length: WALK_CANDLES }, (_, i) => {
      return this.#walk.subarray(i * 5, i * 5 + 5).join(",");
    });
    let bytes = 0;
    const write = (text: string) => {
      for (let rest = encoder.encode(text); rest.length > 0;) {
        const written = file.writeSync(rest);
        bytes += written;
        rest = rest.subarray(written);
      }
    };
    write("ts,open,high,low,close,volume,series\n");
    for (let index = 0; index < bars; index++) {
      const ts = START_TS + index * BAR_MS;
      const lines = KEYS.map((key, series) => {
        return `${ts},${texts[place(series, index) / 5]},${key}\n`;
      });
      write(lines.join(""));
    }
    return bytes;
  }
}

/** A block of one row that is used again and again. */
export type SingleCandle = { -readonly [Name in keyof CandleBlock]: CandleBlock[Name] };

/** A block for {@linkcode Market.put}. */
export function singleCandle(): SingleCandle {
  const column = () => new Float64Array(1);
  return {
    series: "",
    length: 1,
    ts: column(),
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column(),
    deleted: null,
  };
}

const KEYS = Array.from({ length: SERIES_COUNT }, (_, series) => seriesKey(series));

function place(series: number, index: number): number {
  return ((series * SERIES_STEP + index) & (WALK_CANDLES - 1)) * 5;
}

function rounded(price: number): number {
  return Math.round(price * 1e4) / 1e4;
}
