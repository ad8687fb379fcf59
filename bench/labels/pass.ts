/**
 * One pass of a file of candles through a fresh tree, in a process of its own, so that its memory is
 * that of the tree and of nothing else: `deno run -A bench/labels/pass.ts FILE every-label|counts`.
 * Prints what it measured and checksums of all labels as one line of JSON.
 *
 * @module
 */

import { systemClock } from "../../src/actor/mod.ts";
import { fileSource } from "../../src/feed/file_source.ts";
import type { FeedSource } from "../../src/feed/port.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { MemoryStore, type MemoryStoreOptions } from "../../src/store/memory.ts";
import type { PublishedLabels } from "../../actors/protocols.ts";
import { startWick } from "../../actors/tree.ts";
import { Checksums } from "./checksum.ts";
import { SERIES_COUNT, seriesKey, seriesOf } from "./market.ts";
import { RssPeak } from "./rss.ts";

/** Bounds of the store, by which its memory is bounded: about 55 MB for 1,000 series. */
export const STORE: MemoryStoreOptions = { barsMax: 256, logRowsMax: 50_000 };
/** Rows of a batch of the file feed: 32 of each series when the file is in the order of time. */
export const BATCH_ROWS = 32_768;
/** Threads that label. */
export const WORKERS = 2;

/** What a pass has to say. */
export interface PassReport {
  readonly tookMs: number;
  readonly rssMb: number;
  readonly candles: number;
  readonly labels: number;
  /** Every label that was published; null when nobody listened. */
  readonly published: { readonly counts: number[]; readonly sums: number[] } | null;
  /** Labels that the store holds in the end. */
  readonly stored: { readonly counts: number[]; readonly sums: number[] };
}

/** A source that remembers when it was opened: the threads are up by then. */
class TimedSource implements FeedSource {
  openedMs = NaN;
  readonly name: string;
  constructor(readonly inner: FeedSource) {
    this.name = inner.name;
  }
  open(cursor: string | null): Promise<void> {
    this.openedMs = performance.now();
    return this.inner.open(cursor);
  }
  read(signal: AbortSignal) {
    return this.inner.read(signal);
  }
  ack(cursor: string): Promise<void> {
    return this.inner.ack(cursor);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.inner.close();
  }
}

async function pass(path: string, listens: boolean): Promise<PassReport> {
  const rss = new RssPeak();
  const backend = new MemoryStore(STORE);
  const published = new Checksums();
  const source = new TimedSource(fileSource(systemClock, { path, rowsMax: BATCH_ROWS }));
  const onLabels = ({ labels, runs }: PublishedLabels) => {
    for (const { series, from, to } of runs) published.add(seriesOf(series), labels, from, to);
  };
  const wick = await startWick({
    workers: WORKERS,
    store: { kind: "open", backend },
    feeds: [{ name: "file", source: () => source }],
    ...(listens ? { onLabels } : {}),
  });
  await wick.feed("file").ask("ended", {}, { timeoutMs: 600_000 });
  const tookMs = performance.now() - source.openedMs;
  const { candles, labels } = await wick.pool.ask("status", {});
  await wick.system.stop();
  return {
    tookMs,
    rssMb: rss.stop(),
    candles,
    labels,
    published: listens ? plain(published) : null,
    stored: plain(storedOf(backend)),
  };
}

function storedOf(store: MemoryStore): Checksums {
  const stored = new Checksums();
  const hash = paramHash(DEFAULT_PARAMS);
  for (let series = 0; series < SERIES_COUNT; series++) {
    const { labels } = store.labels(seriesKey(series), hash, -Infinity, Infinity, Infinity);
    stored.add(series, labels, 0, labels.length);
  }
  return stored;
}

function plain({ counts, sums }: Checksums) {
  return { counts: [...counts], sums: [...sums] };
}

if (import.meta.main) {
  const [path = "", check] = Deno.args;
  console.log(JSON.stringify(await pass(path, check === "every-label")));
}
