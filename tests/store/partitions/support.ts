/** What the tests of the streams share: candles that say who they are, and series of partitions. */

import { type CandleBlock, CandleBuilder } from "../../../src/market/block.ts";
import { partitionOf } from "../../../src/market/partition.ts";

/** Series keys of a partition, found by trying. */
export function seriesOf(partition: number, count: number): string[] {
  const found: string[] = [];
  for (let i = 0; found.length < count; i++) {
    const series = `T${i}:M1`;
    if (partitionOf(series) === partition) found.push(series);
  }
  return found;
}

/** Candles of a series, `rows` of them, whose times and volumes go on from `from`. */
export function candles(series: string, from: number, rows: number): CandleBlock {
  const builder = new CandleBuilder(series, rows);
  for (let i = from; i < from + rows; i++) {
    builder.push(60_000 * i, 1.5, 2.25 + i, 1.25, 1.75, i);
  }
  return builder.finish();
}

/** The rows of blocks as text, series by series, to be compared. */
export function textOf(blocks: readonly CandleBlock[]): string[] {
  const sorted = blocks.toSorted((a, b) => a.series < b.series ? -1 : +(a.series > b.series));
  return sorted.flatMap((block) =>
    Array.from(
      block.ts,
      (ts, i) =>
        [
          block.series,
          ts,
          block.open[i],
          block.high[i],
          block.low[i],
          block.close[i],
          block.volume[i],
          block.deleted?.[i] ?? 0,
        ].join(" "),
    )
  );
}
