/**
 * From rows as received to the canonical series (rule R1 of the label specification): sorted by
 * time, one row per time, the last accepted one wins, deletions carried out.
 *
 * @module
 */

import { type CandleBlock, candleBlock } from "./block.ts";

/** What was found in the rows as received. */
export interface CanonicalCounts {
  /** Rows received. */
  readonly rows: number;
  /** Rows whose time another row has too, less one per such time: rows - distinct times. */
  readonly duplicates: number;
  /** Duplicates that say bit for bit what the row before them at that time said. */
  readonly identicalDuplicates: number;
  /** Rows that are earlier than the row received just before them. */
  readonly unordered: number;
  /** Times that end up without a candle because the last row at them deletes it. */
  readonly deleted: number;
}

/** A canonical series and what it took to get there. */
export interface Canonical {
  /** Strictly ascending, without `deleted`. The input itself when it was that already. */
  readonly block: CandleBlock;
  /** What was wrong with the rows as received. */
  readonly counts: CanonicalCounts;
}

/**
 * The canonical series of rows as received; their values are taken as valid (see `candle.ts`).
 *
 * O(rows) and nothing copied when they are strictly ascending already; otherwise
 * O(rows · log runs), a run being a stretch in order: a few late rows cost little.
 */
export function canonicalOf(received: CandleBlock): Canonical {
  const { ts, length } = received;
  let unordered = 0;
  let isAscending = received.deleted === null;
  for (let i = 1; i < length; i++) {
    const before = ts[i - 1] as number;
    const time = ts[i] as number;
    if (time < before) unordered++;
    if (!(time > before)) isAscending = false;
  }
  if (isAscending) {
    const counts = { rows: length, duplicates: 0, identicalDuplicates: 0, unordered, deleted: 0 };
    return { block: received, counts };
  }
  const order = orderByTime(ts);
  const kept = new Uint32Array(length);
  let keptRows = 0;
  let duplicates = 0;
  let identicalDuplicates = 0;
  let deleted = 0;
  for (let i = 0; i < length; i++) {
    const row = order[i] as number;
    const next = i + 1 < length ? order[i + 1] as number : -1;
    if (next >= 0 && ts[next] === ts[row]) {
      duplicates++;
      if (isSameRow(received, row, next)) identicalDuplicates++;
    } else if (received.deleted?.[row] === 1) deleted++;
    else kept[keptRows++] = row;
  }
  const counts = { rows: length, duplicates, identicalDuplicates, unordered, deleted };
  return { block: gathered(received, kept.subarray(0, keptRows)), counts };
}

/**
 * Row indexes by time, equal times in the order received: a bottom-up merge sort over the runs
 * that are in order already.
 */
function orderByTime(ts: Float64Array): Uint32Array {
  const length = ts.length;
  let order = Uint32Array.from(ts, (_, i) => i);
  let runs = [0];
  for (let i = 1; i < length; i++) if ((ts[i] as number) < (ts[i - 1] as number)) runs.push(i);
  let spare = new Uint32Array(length);
  while (runs.length > 1) {
    const merged: number[] = [];
    for (let r = 0; r < runs.length; r += 2) {
      const from = runs[r] as number;
      const middle = runs[r + 1] ?? length;
      mergeRuns(ts, order, spare, from, middle, runs[r + 2] ?? length);
      merged.push(from);
    }
    [order, spare] = [spare, order];
    runs = merged;
  }
  return order;
}

/** Merges the runs [from, middle) and [middle, to) of `order` into the same place of `into`. */
function mergeRuns(
  ts: Float64Array,
  order: Uint32Array,
  into: Uint32Array,
  from: number,
  middle: number,
  to: number,
): void {
  let left = from;
  let right = middle;
  for (let at = from; at < to; at++) {
    // Not after: the left run was received first, and its rows stay first at equal times.
    const takesLeft = left < middle &&
      (right >= to ||
        !((ts[order[left] as number] as number) > (ts[order[right] as number] as number)));
    into[at] = order[takesLeft ? left++ : right++] as number;
  }
}

function isSameRow(block: CandleBlock, a: number, b: number): boolean {
  const isDeleted = block.deleted?.[a] === 1;
  if (isDeleted !== (block.deleted?.[b] === 1)) return false;
  return isDeleted || (
    Object.is(block.open[a], block.open[b]) && Object.is(block.high[a], block.high[b]) &&
    Object.is(block.low[a], block.low[b]) && Object.is(block.close[a], block.close[b]) &&
    Object.is(block.volume[a], block.volume[b])
  );
}

function gathered(block: CandleBlock, rows: Uint32Array): CandleBlock {
  const pick = (column: Float64Array) => {
    const picked = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i++) picked[i] = column[rows[i] as number] as number;
    return picked;
  };
  return candleBlock(block.series, {
    ts: pick(block.ts),
    open: pick(block.open),
    high: pick(block.high),
    low: pick(block.low),
    close: pick(block.close),
    volume: pick(block.volume),
  });
}
