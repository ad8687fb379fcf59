/**
 * Labels of candles that are all there: a batch run of the streaming labeler.
 *
 * @module
 */

import type { CandleBlock, LabelBlock } from "../market/block.ts";
import { Labeler, type LabelerOptions } from "./labeler.ts";
import type { LabelParams } from "./params.ts";
import { LabelBuilder } from "./rows.ts";

/**
 * Every candle's row, once and in order: row indices are candle indices. O(candles).
 *
 * @throws {RangeError} when the candles are not canonical.
 */
export function labelCandles(
  candles: CandleBlock,
  params: LabelParams,
  paramHash: string,
  options: Omit<LabelerOptions, "emit"> = {},
): LabelBlock {
  const labeler = new Labeler(params, { ...options, emit: "rows" });
  const rows = new LabelBuilder(Math.max(1, candles.length));
  labeler.push(candles, 0, candles.length, rows);
  labeler.finish(rows);
  return rows.take(candles.series, paramHash);
}
