/**
 * File to labels: one CSV file of 1,000 series in the order of time, read by the file feed, through
 * label pool, label workers in threads and store, until the last cursor is committed.
 *
 * @module
 */

import { systemClock } from "../../src/actor/mod.ts";
import { fileSource } from "../../src/feed/file_source.ts";
import type { FeedSource } from "../../src/feed/port.ts";
import { sameRow } from "../../src/label/correction.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { MemoryStore, type MemoryStoreOptions } from "../../src/store/memory.ts";
import type { PublishedLabels } from "../../actors/protocols.ts";
import { startWick } from "../../actors/tree.ts";
import { Checksums, expectedLabels } from "./checksum.ts";
import { type Market, SERIES_COUNT, seriesKey, seriesOf } from "./market.ts";
import { RssPeak } from "./rss.ts";
import { verify } from "../support/workload.ts";

/** Bounds of the store, which make its memory bounded: 50 MB for candles, labels and log. */
export const STORE: MemoryStoreOptions = { barsMax: 256, logRowsMax: 50_000 };
/** Rows of a batch of the file feed: 32 of each series when the file is in the order of time. */
export const BATCH_ROWS = 32_768;
export const WORKERS = 2;

/** One pass over the file. */
export interface Pass {
  readonly candlesPerSecond: number;
  /** Highest resident memory of the process, MB, the bench in it. */
  readonly rssMb: number;
}

/** A file of candles that passes can be measured on; removed when disposed of. */
export class LabelFile implements Disposable {
  readonly #market: Market;
  readonly #directory = Deno.makeTempDirSync({ prefix: "wick-bench-" });
  readonly #path = `${this.#directory}/candles.csv`;
  readonly #bars: number;
  readonly #expected: Checksums;
  readonly bytes: number;

  constructor(market: Market, bars: number) {
    this.#market = market;
    this.#bars = bars;
    this.bytes = market.writeCsv(this.#path, bars);
    this.#expected = expectedLabels(DEFAULT_PARAMS, (series) => market.block(series, 0, bars));
  }

  get candles(): number {
    return this.#bars * SERIES_COUNT;
  }

  /** Label rows per candle: an event comes out once, or twice when a barrier is touched first. */
  get labelsPerCandle(): number {
    return this.#expected.rows / this.candles;
  }

  /**
   * Runs the file through a fresh tree. `every-label` has each published row hashed and compared,
   * which takes time; `counts` compares counts, and bit for bit what the store holds in the end.
   *
   * @throws {Error} when a label is missing or differs from the pure labeler's.
   */
  async pass(check: "every-label" | "counts"): Promise<Pass> {
    const backend = new MemoryStore(STORE);
    const found = new Checksums();
    const source = new TimedSource(fileSource(systemClock, {
      path: this.#path,
      rowsMax: BATCH_ROWS,
    }));
    const onLabels = ({ labels }: PublishedLabels) => {
      for (const { block, runs } of labels) {
        for (const { series, from, to } of runs) found.add(seriesOf(series), block, from, to);
      }
    };
    const rss = new RssPeak();
    const wick = await startWick({
      workers: WORKERS,
      store: { kind: "open", backend },
      feeds: [{ name: "file", source: () => source }],
      ...(check === "every-label" ? { onLabels } : {}),
    });
    await wick.feed("file").ask("ended", {}, { timeoutMs: 600_000 });
    const tookMs = performance.now() - source.openedMs;
    const rssMb = rss.stop();
    const { candles, labels } = await wick.pool.ask("status", {});
    await wick.system.stop();
    verify("candles committed", candles, this.candles);
    verify("labels committed", labels, this.#expected.rows);
    if (check === "every-label") found.verify(this.#expected);
    this.#verifyStore(backend);
    return { candlesPerSecond: this.candles / tookMs * 1_000, rssMb };
  }

  /** Every label row that the store kept is, bit for bit, the last word of the pure labeler. */
  #verifyStore(store: MemoryStore): void {
    const hash = paramHash(DEFAULT_PARAMS);
    const out = new LabelBuilder(this.#bars);
    const labeler = new Labeler(DEFAULT_PARAMS, { emit: "final" });
    for (let series = 0; series < SERIES_COUNT; series++) {
      out.clear();
      labeler.reset();
      labeler.push(this.#market.block(series, 0, this.#bars), 0, this.#bars, out);
      const rowAt = new Map<number, number>();
      for (let row = 0; row < out.length; row++) rowAt.set(out.columns.ts[row] as number, row);
      const kept = store.labels(seriesKey(series), hash, -Infinity, Infinity, Infinity).labels;
      let same = 0;
      for (let row = 0; row < kept.length; row++) {
        const expected = rowAt.get(kept.ts[row] as number);
        if (expected !== undefined && sameRow(kept, row, out.columns, expected)) same++;
      }
      verify(`labels of ${seriesKey(series)} in the store`, same, kept.length);
      if (kept.length < Math.min(this.#bars, LEAST_KEPT) - WARM_AND_OPEN) {
        throw new Error(`Cannot trust this run: the store holds ${kept.length} labels of a series`);
      }
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

/** Rows that a series keeps at least once it was full, and those without a label at its ends. */
const LEAST_KEPT = 128;
const WARM_AND_OPEN = 20;

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
