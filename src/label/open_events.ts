/**
 * Events that are not decided yet: what a series waits for at its last candle.
 *
 * @module
 */

import { type CandleBlock, LabelStatus } from "../market/block.ts";
import { Labeler } from "./labeler.ts";
import type { LabelParams } from "./params.ts";
import { LabelBuilder } from "./rows.ts";

/** An event whose barriers no candle has touched and whose horizon has not ended. */
export interface OpenEvent {
  /** Open time of its candle, epoch ms UTC. */
  readonly ts: number;
  /** Close P of that candle, at which it opened. */
  readonly close: number;
  /** Volatility at the event, price units. */
  readonly atr: number;
  /** Upper barrier, price. */
  readonly up: number;
  /** Lower barrier, price. */
  readonly dn: number;
  /** Candles of its path that are there, 0 to H − 1. */
  readonly barsElapsed: number;
  /** Candles until its horizon ends, 1 to H; weekends and holes count for none. */
  readonly barsLeft: number;
}

/**
 * Events that are open at the last candle, the oldest first: at most H. What the labeler says later
 * about exactly these is what became of them.
 *
 * O(candles); as the labeler, without levels and finer candles.
 *
 * @param candles The last {@linkcode historyBars} candles of a series or more, or all there are, as
 * stored: valid, ascending. With `ewma` they must begin where the segment does.
 * @throws {RangeError} when the candles are not canonical.
 */
export function openEvents(candles: CandleBlock, params: LabelParams): OpenEvent[] {
  const { length } = candles;
  const labeler = new Labeler(params, { emit: "rows" });
  labeler.hydrate(candles, length);
  const rows = new LabelBuilder(Math.max(1, Math.min(params.horizon, length)));
  labeler.finish(rows);
  const { columns } = rows;
  const events: OpenEvent[] = [];
  for (let row = 0; row < rows.length; row++) {
    if (columns.tbStatus[row] !== LabelStatus.pending) continue;
    // The rows are those of the last candles, one a candle.
    const barsElapsed = rows.length - 1 - row;
    events.push({
      ts: columns.ts[row] as number,
      close: columns.close[row] as number,
      atr: columns.atr[row] as number,
      up: columns.up[row] as number,
      dn: columns.dn[row] as number,
      barsElapsed,
      barsLeft: params.horizon - barsElapsed,
    });
  }
  return events;
}
