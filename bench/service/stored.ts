/**
 * Whether a database holds what it should: every candle of every series bit for bit, and the labels
 * that the pure labeler finds for them.
 *
 * @module
 */

import { labelCandles } from "../../src/label/label_candles.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { hasFinalHalf, selectRows } from "../../src/label/rows.ts";
import { CANDLE_COLUMNS, type CandleBlock, type LabelBlock } from "../../src/market/block.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { Checksums } from "../labels/checksum.ts";
import { type Market, seriesKey } from "../labels/market.ts";
import { verify } from "../support/workload.ts";

const HASH = paramHash(DEFAULT_PARAMS);

/** The labels of candles as a store holds them: one row an event, those with something final. */
export function expectedLabels(candles: CandleBlock, params = DEFAULT_PARAMS): LabelBlock {
  const rows = labelCandles(candles, params, paramHash(params));
  return selectRows(rows, (row) => hasFinalHalf(rows, row));
}

/**
 * Opens the database of a service that has ended, and reads it all. Gives its label rows.
 *
 * @throws {Error} naming what differs.
 */
export function verifyDatabase(
  path: string,
  market: Market,
  series: number,
  bars: number,
): number {
  const store = new SqliteStore({ path });
  try {
    const found = new Checksums(), expected = new Checksums();
    for (let one = 0; one < series; one++) {
      const key = seriesKey(one);
      const candles = market.block(one, 0, bars);
      verifyCandles(store.candles(key, -Infinity, Infinity, Infinity), candles);
      const { labels } = store.labels(key, HASH, -Infinity, Infinity, Infinity);
      found.add(one, labels, 0, labels.length);
      const wanted = expectedLabels(candles);
      expected.add(one, wanted, 0, wanted.length);
    }
    found.verify(expected);
    return found.rows;
  } finally {
    store.close();
  }
}

function verifyCandles(found: CandleBlock, expected: CandleBlock): void {
  verify(`candles of ${expected.series}`, found.length, expected.length);
  for (const name of CANDLE_COLUMNS) {
    const differs = expected[name].findIndex((value, row) => found[name][row] !== value);
    verify(`first ${name} of ${expected.series} that differs`, differs, -1);
  }
}
