/**
 * What a traced message holds, as counts: a batch of many candles is one span that says how many.
 *
 * @module
 */

import type { TracingOptions } from "../src/actor/mod.ts";
import type { FeedBatch } from "../src/feed/port.ts";
import type { CommitResult } from "../src/store/port.ts";
import { Feed, type Ingest, LabelPool, LabelWorker, rowsOf, Store } from "./protocols.ts";
import type { CommitBatch } from "../src/store/port.ts";
import type { LabelParts, LabelRequest } from "./protocols_label.ts";

type Counts = Readonly<Record<string, number>>;
type Counter = (payload: never) => Counts;

const COUNTERS: ReadonlyMap<string, Counter> = new Map<string, Counter>([
  [nameOf(Feed, "read"), ({ batch }: { readonly batch: FeedBatch | null }) => ({
    candles: rowsOf(batch?.blocks ?? []),
    rejected: batch?.rejections.length ?? 0,
  })],
  [nameOf(LabelPool, "ingest"), ({ blocks }: Ingest) => ({
    candles: rowsOf(blocks),
    series: blocks.length,
  })],
  [nameOf(LabelWorker, "label"), ({ ends, series }: LabelRequest) => ({
    candles: ends[ends.length - 1] ?? 0,
    series: series.length,
  })],
  [nameOf(LabelWorker, "labelParts"), ({ blocks }: LabelParts) => ({
    candles: rowsOf(blocks),
    series: blocks.length,
  })],
  [nameOf(Store, "commit"), ({ batches }: { readonly batches: readonly CommitBatch[] }) => ({
    batches: batches.length,
  })],
  [
    nameOf(LabelPool, "committed"),
    ({ result }: { readonly result: CommitResult }) =>
      result.state === "refused" ? {} : {
        batches: result.batches.length,
        candles: result.batches.reduce((sum, { candles }) => sum + candles, 0),
        labels: result.batches.reduce((sum, { labels }) => sum + labels, 0),
      },
  ],
]);

function nameOf<D extends object>(
  { name }: { readonly name: string; readonly definition: D },
  type: keyof D & string,
): string {
  return `${name} ${type}`;
}

/** Counts of a message's payload; null when there is nothing to count in it. O(blocks). */
export const traceCounts: NonNullable<TracingOptions["countsOf"]> = ({ protocol, type }, payload) =>
  COUNTERS.get(`${protocol} ${type}`)?.(payload as never) ?? null;
