/**
 * Labels and kinds of candles that are all there: a batch run of the streaming labeler.
 *
 * @module
 */

import type { CandleBlock, LabelBlock } from "../../market/block.ts";
import type { LabelParams } from "../params.ts";
import { LabelBuilder } from "../rows.ts";
import { KindBuilder, type KindColumns } from "./columns.ts";
import { KindLabeler, type KindLabelerOptions } from "./kind_labeler.ts";
import type { AskedKind } from "./registry.ts";

/**
 * Every candle's row, once and in order, and its kinds: row indices are candle indices.
 *
 * @throws {RangeError} when the candles are not canonical.
 */
export function labelKinds(
  candles: CandleBlock,
  params: LabelParams,
  paramHash: string,
  kinds: readonly AskedKind[],
  options: Omit<KindLabelerOptions, "emit"> = {},
): { readonly rows: LabelBlock; readonly kinds: KindColumns } {
  const labeler = new KindLabeler(params, kinds, { ...options, emit: "rows" });
  const rows = new LabelBuilder(Math.max(1, candles.length));
  const found = new KindBuilder(kinds.length, Math.max(1, candles.length));
  labeler.push(candles, 0, candles.length, rows, found);
  labeler.finish(rows, found);
  return { rows: rows.take(candles.series, paramHash), kinds: found.take() };
}
