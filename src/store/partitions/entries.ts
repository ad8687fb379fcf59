/**
 * Blocks to entries and back: how candles are divided over partitions and entries, and what a page of
 * entries holds.
 *
 * @module
 */

import type { CandleBlock } from "../../market/block.ts";
import { CANDLE_COLUMNS } from "../../market/columns.ts";
import { partitionOf } from "../../market/partition.ts";
import { encodeEntry, Entry, EntryError, type EntryRun, type RunRows } from "./entry_codec.ts";
import { placeParts } from "./place.ts";
import { withoutRepeats } from "./repeats.ts";
import {
  type DamagedEntry,
  PARTITION_BOUNDS,
  type PartitionPage,
  type StreamPlace,
} from "./port.ts";

/** An entry as it lies in a stream. */
export interface RawEntry {
  readonly place: StreamPlace;
  readonly bytes: Uint8Array;
}

/** Blocks by the partition of their series; those without rows are left out. O(blocks). */
export function byPartition(blocks: readonly CandleBlock[]): Map<number, CandleBlock[]> {
  const found = new Map<number, CandleBlock[]>();
  for (const block of blocks) {
    if (block.length === 0) continue;
    const partition = partitionOf(block.series);
    const own = found.get(partition);
    if (own === undefined) found.set(partition, [block]);
    else own.push(block);
  }
  return found;
}

/**
 * Entries that hold all rows of blocks of one partition in their order, as few as the bound on rows
 * lets them be. O(rows).
 *
 * @throws {MarketError} code `encoding` for a series key that is too long.
 */
export function entriesOf(blocks: readonly CandleBlock[]): Uint8Array<ArrayBuffer>[] {
  const entries: Uint8Array<ArrayBuffer>[] = [];
  let runs: EntryRun[] = [];
  let rows = 0;
  for (const block of blocks) {
    for (let from = 0; from < block.length;) {
      const to = Math.min(block.length, from + PARTITION_BOUNDS.entryRows - rows);
      runs.push({ block, from, to });
      rows += to - from;
      from = to;
      if (rows < PARTITION_BOUNDS.entryRows) continue;
      entries.push(encodeEntry(runs));
      runs = [];
      rows = 0;
    }
  }
  if (rows > 0) entries.push(encodeEntry(runs));
  return entries;
}

/** What entries of a partition hold; there is at least one. O(rows). */
export function pageOf(
  partition: number,
  after: StreamPlace | null,
  entries: readonly RawEntry[],
): PartitionPage {
  const whole: Entry[] = [];
  const damaged: DamagedEntry[] = [];
  let bytes = 0;
  for (const { place, bytes: held } of entries) {
    bytes += held.length;
    try {
      whole.push(new Entry(partition, held));
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      const head = new Uint8Array(held.subarray(0, PARTITION_BOUNDS.headBytes)).toHex();
      damaged.push({ place, reason: error.message, bytes: held.length, head });
    }
  }
  const first = entries[0] as RawEntry;
  const last = entries.at(-1) as RawEntry;
  return {
    partition,
    after,
    blocks: blocksOf(whole),
    damaged,
    place: last.place,
    entries: entries.length,
    bytes,
    firstAtMs: placeParts(first.place)?.atMs ?? 0,
  };
}

/** Runs of one series in all entries of a page. */
interface SeriesRuns {
  rows: number;
  readonly runs: { readonly entry: Entry; readonly run: RunRows }[];
}

/** The rows of entries, one block a series, without repeats, in memory of their own. O(rows). */
function blocksOf(entries: readonly Entry[]): CandleBlock[] {
  const found = new Map<string, SeriesRuns>();
  let rows = 0;
  for (const entry of entries) {
    for (const run of entry.runs) {
      rows += run.rows;
      const own = found.get(run.series);
      if (own === undefined) found.set(run.series, { rows: run.rows, runs: [{ entry, run }] });
      else {
        own.rows += run.rows;
        own.runs.push({ entry, run });
      }
    }
  }
  const numbers = new Float64Array(rows * CANDLE_COLUMNS.length);
  let from = 0;
  return Array.from(found, ([series, own]) => {
    const block = blockOf(series, own, numbers, from);
    from += own.rows * CANDLE_COLUMNS.length;
    return block;
  });
}

/** One series' rows; its columns follow each other in `numbers`, from `from` on. */
function blockOf(
  series: string,
  { rows, runs }: SeriesRuns,
  numbers: Float64Array,
  from: number,
): CandleBlock {
  // Zeros would make the pool take each row for a correction.
  let deleted: Uint8Array | null = null;
  let row = 0;
  for (const { entry, run } of runs) {
    for (let column = 0; column < CANDLE_COLUMNS.length; column++) {
      entry.copyColumn(column, run, numbers, from + column * rows + row);
    }
    const own = entry.deletedOf(run);
    if (own !== null) (deleted ??= new Uint8Array(rows)).set(own, row);
    row += run.rows;
  }
  const column = (index: number) =>
    numbers.subarray(from + index * rows, from + (index + 1) * rows);
  return withoutRepeats({
    series,
    length: rows,
    ts: column(0),
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(5),
    deleted,
  });
}
