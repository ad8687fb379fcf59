/** What tests of instruments as edges share: walks that move together, and their way into a store. */

import type { Random } from "../../src/actor/mod.ts";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { granularityMs } from "../../src/market/granularity.ts";
import { parseSeries } from "../../src/market/series.ts";
import type { CommitBatch, SeriesCommit } from "../../src/store/port.ts";

/** When the first bar of every walk opens. */
export const T0 = 1_700_006_400_000;

/** Closes of several walks by name, those of one group alike. */
export function walks(
  random: Random,
  groups: readonly (readonly string[])[],
  bars: number,
): Map<string, number[]> {
  const closes = new Map<string, number[]>();
  for (const group of groups) {
    const shared = Array.from({ length: bars }, () => random.next() - 0.5);
    for (const name of group) {
      let log = 0;
      closes.set(
        name,
        shared.map((step) => 100 * Math.exp(log += 0.002 * (step + 0.3 * (random.next() - 0.5)))),
      );
    }
  }
  return closes;
}

/** Candles with these closes, from bar `from` on. */
export function candlesOf(series: string, closes: readonly number[], from = 0): CandleBlock {
  const lengthMs = granularityMs(parseSeries(series).granularity);
  const rows = new CandleBuilder(series);
  closes.forEach((close, i) => {
    const open = closes[i - 1] ?? close;
    const high = Math.max(open, close) * 1.0001, low = Math.min(open, close) * 0.9999;
    rows.push(T0 + lengthMs * (from + i), open, high, low, close, 1);
  });
  return rows.finish();
}

/** A commit of new candles, each series at the count that it has. */
export function batchOf(blocks: readonly CandleBlock[], counts: Map<string, number>): CommitBatch {
  const series = blocks.map((block): SeriesCommit => {
    const baseSeq = counts.get(block.series) ?? 0;
    counts.set(block.series, baseSeq + block.length);
    return {
      series: block.series,
      baseSeq,
      append: { block, from: 0, to: block.length },
      replace: null,
      labels: [],
      relabelled: null,
    };
  });
  return { feed: null, after: null, cursor: null, series };
}
