/**
 * Changes to a canonical series: what late, corrected, duplicate and deleted candles make of it.
 *
 * @module
 */

import { type CandleBlock, CandleBuilder, concatCandles } from "../market/block.ts";
import { canonicalOf } from "../market/canonical.ts";
import type { TsRange } from "./correction.ts";

/** A part of a series after a change. */
export interface Changed {
  /** The candles after the change. */
  readonly candles: CandleBlock;
  /** Smallest range that holds every candle that differs; null when none does. */
  readonly range: TsRange | null;
}

/**
 * Applies received rows to candles that were canonical before; the latest row of a time wins.
 * O(n log n) in the rows of both.
 */
export function applyChanges(before: CandleBlock, received: CandleBlock): Changed {
  const deletes = received.deleted !== null;
  const base = deletes ? withDeleted(before) : before;
  const merged = concatCandles([base, received]);
  const candles = canonicalOf(merged).block;
  return { candles, range: differenceOf(before, candles) };
}

/** The same rows with a column that says that none is deleted. */
function withDeleted(block: CandleBlock): CandleBlock {
  return { ...block, deleted: new Uint8Array(block.length) };
}

function differenceOf(before: CandleBlock, after: CandleBlock): TsRange | null {
  let fromTs = Infinity, lastTs = -Infinity;
  const differs = (ts: number) => {
    fromTs = Math.min(fromTs, ts);
    lastTs = Math.max(lastTs, ts);
  };
  let i = 0, j = 0;
  while (i < before.length || j < after.length) {
    const was = i < before.length ? before.ts[i] as number : Infinity;
    const is = j < after.length ? after.ts[j] as number : Infinity;
    if (was === is) {
      if (!sameCandle(before, i++, after, j++)) differs(was);
    } else if (was < is) {
      differs(was);
      i++;
    } else {
      differs(is);
      j++;
    }
  }
  return lastTs === -Infinity ? null : { fromTs, toTs: lastTs + 1 };
}

function sameCandle(a: CandleBlock, i: number, b: CandleBlock, j: number): boolean {
  return a.open[i] === b.open[j] && a.high[i] === b.high[j] && a.low[i] === b.low[j] &&
    a.close[i] === b.close[j] && a.volume[i] === b.volume[j];
}

/** The candles of a block with fromTs ≤ ts < toTs, in columns of their own. */
export function candlesIn(block: CandleBlock, range: TsRange): CandleBlock {
  return candlesWhere(block, (ts) => ts >= range.fromTs && ts < range.toTs);
}

/** The rows of a block whose time `keep` says yes to, deletions too, in their order. O(rows). */
export function candlesWhere(block: CandleBlock, keep: (ts: number) => boolean): CandleBlock {
  const part = new CandleBuilder(block.series, 16);
  for (let i = 0; i < block.length; i++) {
    const ts = block.ts[i] as number;
    if (!keep(ts)) continue;
    if (block.deleted?.[i] === 1) part.pushDeleted(ts);
    else {
      part.push(
        ts,
        block.open[i] as number,
        block.high[i] as number,
        block.low[i] as number,
        block.close[i] as number,
        block.volume[i] as number,
      );
    }
  }
  return part.finish();
}
