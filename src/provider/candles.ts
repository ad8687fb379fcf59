/**
 * Candles out of the rows of an answer.
 *
 * @module
 */

import { CandleBuilder } from "../market/block.ts";
import { CandleReason, candleRowReason, describeCandleReason } from "../market/candle.ts";
import { CANDLE_WIDTH } from "../market/columns.ts";
import type { Granularity } from "../market/granularity.ts";
import { type Rejection } from "../market/reject.ts";
import { formatSeries } from "../market/series.ts";
import { PRICE_REJECTIONS_MAX } from "./limits.ts";
import type { PriceValue } from "./values.ts";

/** One row: ts in epoch ms, open, high, low, close, volume; NaN for what is not there. */
export type CandleRow = readonly [
  ts: number,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: number,
];

/** What was asked for. */
export interface CandleQuery {
  /** Begin, epoch ms, included. */
  readonly fromMs: number;
  /** End, not included. */
  readonly toMs: number;
  /** Length of a bar. */
  readonly granularity: Granularity;
}

/**
 * Rows as a value: candles by rule R2 within the time asked for, in ascending order; of rows of one
 * time the last one counts. Rows outside of the time are left out, and refused ones told. Null when
 * no row is left and none was refused. O(n log n), O(n) for rows in order.
 */
export function priceValue(
  symbol: string,
  rows: readonly CandleRow[],
  { fromMs, toMs, granularity }: CandleQuery,
): PriceValue | null {
  const kept: CandleRow[] = [];
  const rejections: Rejection[] = [];
  let rejected = 0;
  const cells = new Float64Array(CANDLE_WIDTH);
  rows.forEach((row, index) => {
    if (row[0] < fromMs || row[0] >= toMs) return;
    cells.set(row);
    const reason = candleRowReason(cells);
    if (reason === CandleReason.ok) {
      kept.push(row);
      return;
    }
    rejected++;
    if (rejections.length >= PRICE_REJECTIONS_MAX) return;
    const message = describeCandleReason(reason, cells);
    rejections.push({ line: index + 1, reason, message, excerpt: row.join(",") });
  });
  if (kept.length === 0 && rejected === 0) return null;
  // Stable, so that the last of one time stays the last.
  kept.sort((a, b) => a[0] - b[0]);
  const builder = new CandleBuilder(formatSeries(symbol, granularity), kept.length);
  kept.forEach((row, index) => {
    if (kept[index + 1]?.[0] !== row[0]) builder.push(...row);
  });
  return { candles: builder.finish(), rejected, rejections };
}
