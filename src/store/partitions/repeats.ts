/**
 * Candles that stand in a page twice: whoever does not know whether an append was done appends again.
 *
 * They would be harmless, but the pool would take the whole block for one with corrections, which
 * costs a look at the store, and logs a label that became final in two steps once instead of twice.
 *
 * @module
 */

import { CANDLE_COLUMNS, type CandleBlock } from "../../market/block.ts";

/**
 * The block without rows that say again what an earlier row said. One with rows that say something
 * else about an earlier time, or with deleted rows, stays as it is. O(rows) without repeats.
 */
export function withoutRepeats(block: CandleBlock): CandleBlock {
  const { ts, length, deleted } = block;
  if (deleted !== null || isAscending(ts, length)) return block;
  const kept = new Int32Array(length);
  let count = 0;
  for (let row = 0; row < length; row++) {
    const at = ts[row] as number;
    if (count === 0 || at > (ts[kept[count - 1] as number] as number)) kept[count++] = row;
    else if (!isRepeat(block, row, rowAt(ts, kept, count, at))) return block;
  }
  const column = (numbers: Float64Array) => {
    for (let i = 0; i < count; i++) numbers[i] = numbers[kept[i] as number] as number;
    return numbers.subarray(0, count);
  };
  return {
    ...{ series: block.series, length: count, deleted: null },
    ...{ open: column(block.open), high: column(block.high), low: column(block.low) },
    ...{ close: column(block.close), volume: column(block.volume), ts: column(ts) },
  };
}

function isAscending(ts: Float64Array, length: number): boolean {
  for (let row = 1; row < length; row++) {
    if ((ts[row] as number) <= (ts[row - 1] as number)) return false;
  }
  return true;
}

/** The kept row of a time, or -1; kept rows ascend. */
function rowAt(ts: Float64Array, kept: Int32Array, count: number, at: number): number {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ts[kept[middle] as number] as number) < at) low = middle + 1;
    else high = middle;
  }
  const row = kept[low] as number;
  return low < count && ts[row] === at ? row : -1;
}

function isRepeat(block: CandleBlock, row: number, earlier: number): boolean {
  return earlier >= 0 &&
    CANDLE_COLUMNS.every((name) => Object.is(block[name][row], block[name][earlier]));
}
