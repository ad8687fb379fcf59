/**
 * What the tests of this folder share: rows of a source as texts that can be compared.
 *
 * @module
 */

import type { CandleBlock } from "../../src/market/block.ts";
import type { FeedBatch, FeedSource } from "../../src/feed/port.ts";

/** A signal that never aborts. */
export const CALM: AbortSignal = new AbortController().signal;

/** What came out of a source: texts of rows by series, and of refused rows. */
export interface Received {
  readonly rows: Map<string, string[]>;
  readonly rejections: string[];
}

/** Rows of a block as texts; NaN prices of rows that delete are left out. */
export function rowTexts(block: CandleBlock): string[] {
  return Array.from(block.ts, (ts, i) => {
    if (block.deleted?.[i] === 1) return `${ts} deleted`;
    const { open, high, low, close, volume } = block;
    return `${ts} ${open[i]} ${high[i]} ${low[i]} ${close[i]} ${volume[i]}`;
  });
}

/** All rows of batches, in order. */
export function receivedIn(batches: readonly FeedBatch[]): Received {
  const rows = new Map<string, string[]>();
  const rejections: string[] = [];
  for (const batch of batches) {
    for (const block of batch.blocks) {
      const known = rows.get(block.series) ?? [];
      rows.set(block.series, known);
      for (const text of rowTexts(block)) known.push(text);
    }
    for (const { line, reason, message, excerpt } of batch.rejections) {
      rejections.push(`${line} ${reason} ${message} ${excerpt}`);
    }
  }
  return { rows: new Map([...rows].sort(([a], [b]) => a < b ? -1 : 1)), rejections };
}

/** Reads an open source to its end; what it says when nothing came is skipped. */
export async function readAll(source: FeedSource, batchesMax = Infinity): Promise<FeedBatch[]> {
  const batches: FeedBatch[] = [];
  while (batches.length < batchesMax && batches.at(-1)?.done !== true) {
    const batch = await source.read(CALM);
    if (batch !== null) batches.push(batch);
  }
  return batches;
}
