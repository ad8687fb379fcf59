/**
 * The candles of a run: the first bars of many series, the same every time.
 *
 * @module
 */

import { Market, SERIES_COUNT, seriesKey } from "../../bench/labels/market.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import type { CandleBlock } from "../../src/market/block.ts";

/** Series of a run: most partitions have one or two. */
export const SERIES = 400;
/** Series of one request: many partitions are touched by each. */
const SERIES_PER_GROUP = 20;
/** Bars of one request. */
const BARS_PER_REQUEST = 5;
/** Bars without a label at both ends of a series, and some to spare. */
const BARS_WITHOUT_LABEL = 21 + DEFAULT_PARAMS.horizon + 5;

/** A part of the candles that is sent at once. */
export interface Request {
  /** NDJSON. */
  readonly body: string;
  readonly rows: number;
}

/** See the module's text. */
export class Inputs {
  readonly bars: number;
  readonly groups: number = SERIES / SERIES_PER_GROUP;
  readonly #market = new Market();
  readonly #first: number;

  /** As many candles as `labels` labels need; `seed` says which series. */
  constructor(labels: number, seed: number) {
    this.bars = Math.ceil(labels / SERIES) + BARS_WITHOUT_LABEL;
    this.#first = seed % (SERIES_COUNT - SERIES);
  }

  get rows(): number {
    return this.bars * SERIES;
  }

  /** Candles that come before the first label of their series. */
  get rowsBeforeLabels(): number {
    return BARS_WITHOUT_LABEL * SERIES;
  }

  /** Names of all series. */
  get series(): string[] {
    return Array.from({ length: SERIES }, (_, i) => seriesKey(this.#first + i));
  }

  /** All candles of series `i` of {@linkcode series}. */
  block(i: number): CandleBlock {
    return this.#market.block(this.#first + i, 0, this.bars);
  }

  /** The request of a group that begins at a bar; null at the end. */
  request(group: number, fromBar: number): (Request & { readonly toBar: number }) | null {
    const toBar = Math.min(this.bars, fromBar + BARS_PER_REQUEST);
    if (toBar <= fromBar) return null;
    const lines: string[] = [];
    for (let i = 0; i < SERIES_PER_GROUP; i++) {
      const at = group * SERIES_PER_GROUP + i;
      const block = this.#market.block(this.#first + at, fromBar, toBar);
      for (let row = 0; row < block.length; row++) lines.push(lineOf(block, row));
    }
    return { body: lines.join("\n"), rows: lines.length, toBar };
  }
}

function lineOf(block: CandleBlock, row: number): string {
  const { series, ts, open, high, low, close, volume } = block;
  return `{"series":"${series}","ts":${ts[row]},"open":${open[row]},"high":${high[row]},` +
    `"low":${low[row]},"close":${close[row]},"volume":${volume[row]}}`;
}
