/**
 * What the tests of the ingest path share: a source over an array, random series with everything
 * that can go wrong, and the slow way to say what the store must hold in the end.
 */

import { type Random, seededRandom } from "../../src/actor/mod.ts";
import type { FeedBatch, FeedSource } from "../../src/feed/port.ts";
import { sameRow } from "../../src/label/correction.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { type LabelParams, paramHash } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import {
  type CandleBlock,
  CandleBuilder,
  concatCandles,
  type LabelBlock,
  LabelStatus,
  sliceCandles,
} from "../../src/market/block.ts";
import { canonicalOf } from "../../src/market/canonical.ts";
import type { Store } from "../../src/store/port.ts";
import { assert, assertEquals } from "@std/assert";

/** A source that yields the batches it was given; its cursor is the number of batches read. */
export class ArraySource implements FeedSource {
  acked: string[] = [];
  #at = 0;
  #open = false;
  constructor(readonly name: string, readonly batches: readonly (readonly CandleBlock[])[]) {}

  open(cursor: string | null): Promise<void> {
    this.#at = Number(cursor ?? 0);
    this.#open = true;
    return Promise.resolve();
  }
  read(_signal: AbortSignal): Promise<FeedBatch | null> {
    assert(this.#open, "read of a closed source");
    const blocks = this.batches[this.#at];
    if (blocks === undefined) {
      return Promise.resolve({
        blocks: [],
        rejections: [],
        cursor: String(this.#at),
        done: true,
      });
    }
    this.#at++;
    const copies = blocks.map((block) => concatCandles([block]));
    const done = this.#at === this.batches.length;
    return Promise.resolve({ blocks: copies, rejections: [], cursor: String(this.#at), done });
  }
  ack(cursor: string): Promise<void> {
    this.acked.push(cursor);
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.#open = false;
    return Promise.resolve();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How a random night looks. */
export interface StreamOptions {
  readonly series: number;
  readonly bars: number;
  /** Rows per block at most. */
  readonly blockRowsMax: number;
  /** Chance per block of a correction, a late row or a deletion. */
  readonly changes: number;
}

/** Batches of a random stream: each series walks on, with holes, breaks and changes. */
export function randomStream(seed: number, options: StreamOptions): CandleBlock[][] {
  const random = seededRandom(seed);
  const walks = Array.from(
    { length: options.series },
    (_, i) => new Walk(`S${i}:M1`, random, options),
  );
  const batches: CandleBlock[][] = [];
  let alive = walks;
  while (alive.length > 0) {
    const batch = alive.filter(() => random.next() < 0.7).map((walk) => walk.block());
    if (batch.length > 0) batches.push(batch);
    alive = alive.filter((walk) => walk.left > 0);
  }
  return batches;
}

class Walk {
  left: number;
  #ts = 1_700_000_000_000;
  #close = 100;
  readonly #sent: number[] = [];
  constructor(
    readonly series: string,
    readonly random: Random,
    readonly options: StreamOptions,
  ) {
    this.left = options.bars;
  }

  block(): CandleBlock {
    const { random, options } = this;
    const rows = new CandleBuilder(this.series, 8);
    const count = Math.min(this.left, 1 + Math.floor(random.next() * options.blockRowsMax));
    for (let i = 0; i < count; i++) {
      const kind = random.next();
      this.#ts += kind < 0.002 ? 11 * 86_400_000 : kind < 0.02 ? 300_000 : 60_000;
      this.#candle(rows, this.#ts);
      this.#sent.push(this.#ts);
    }
    this.left -= count;
    if (random.next() < options.changes) this.#change(rows);
    return rows.finish();
  }

  #change(rows: CandleBuilder): void {
    const { random } = this;
    const near = Math.min(this.#sent.length, random.next() < 0.7 ? 40 : 1_000);
    const ts = this.#sent[this.#sent.length - 1 - Math.floor(random.next() * near)] as number;
    const kind = random.next();
    if (kind < 0.3) rows.pushDeleted(ts);
    else this.#candle(rows, kind < 0.7 ? ts : ts + 30_000);
  }

  #candle(rows: CandleBuilder, ts: number): void {
    const { random } = this;
    const step = () => (random.next() - 0.5) * 0.8;
    const open = round(this.#close + (random.next() < 0.1 ? step() : 0));
    const close = round(random.next() < 0.05 ? open : open + step());
    const high = round(Math.max(open, close) + random.next() * 0.3);
    const low = round(Math.min(open, close) - random.next() * 0.3);
    rows.push(ts, open, high, low, close, Math.floor(random.next() * 900));
    this.#close = Math.max(20, close);
  }
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** What a store must hold after all rows of all batches: the slow way, from scratch. */
export function expectedOf(batches: readonly (readonly CandleBlock[])[], params: LabelParams) {
  const groups = Map.groupBy(batches.flat(), (block) => block.series);
  return [...groups].map(([series, blocks]) => {
    const candles = canonicalOf(concatCandles(blocks)).block;
    const labeler = new Labeler(params, { emit: "rows" });
    const rows = new LabelBuilder(64);
    labeler.push(candles, 0, candles.length, rows);
    labeler.finish(rows);
    const all = rows.take(series, paramHash(params));
    const final = new LabelBuilder(64);
    for (let i = 0; i < all.length; i++) {
      if (all.tbStatus[i] === LabelStatus.final || all.fhStatus[i] === LabelStatus.final) {
        final.append(all, i);
      }
    }
    return { series, candles, labels: final.take(series, all.paramHash) };
  });
}

/** Asserts that the store holds exactly the candles and labels of `expectedOf`, bit for bit. */
export async function assertStoreHolds(
  store: Store,
  batches: readonly (readonly CandleBlock[])[],
  params: LabelParams,
): Promise<void> {
  for (const { series, candles, labels } of expectedOf(batches, params)) {
    const stored = await store.candles(series, -Infinity, Infinity, Infinity);
    assertEquals(stored.length, candles.length, `candles of ${series}`);
    for (const name of ["ts", "open", "high", "low", "close", "volume"] as const) {
      assertEquals([...stored[name]], [...candles[name]], `${name} of ${series}`);
    }
    const hash = paramHash(params);
    const rows = await store.labels(series, hash, -Infinity, Infinity, Infinity);
    assertSameRows(rows.labels, labels, series);
  }
}

function assertSameRows(actual: LabelBlock, expected: LabelBlock, series: string): void {
  assertEquals([...actual.ts], [...expected.ts], `times of the labels of ${series}`);
  for (let row = 0; row < expected.length; row++) {
    // The horizon half of an event before a break stays "pending" as emitted; both say "no value".
    const halves = [actual.fhStatus[row], expected.fhStatus[row]];
    if (!halves.includes(LabelStatus.final) && halves[0] !== halves[1]) {
      actual.fhStatus[row] = expected.fhStatus[row] as number;
    }
    assert(sameRow(actual, row, expected, row), `label ${row} of ${series} differs`);
  }
}

/** Rows from ≤ i < to of a block, in memory of their own. */
export function rowsOf(block: CandleBlock, from: number, to = block.length): CandleBlock {
  return concatCandles([sliceCandles(block, from, to)]);
}

/** A random walk of one series as one canonical block. */
export function walkOf(seed: number, series: string, bars: number): CandleBlock {
  const walk = new Walk(series, seededRandom(seed), {
    series: 1,
    bars,
    blockRowsMax: 64,
    changes: 0,
  });
  const blocks: CandleBlock[] = [];
  while (walk.left > 0) blocks.push(walk.block());
  return concatCandles(blocks);
}

/** As {@linkcode walkOf}, a candle every minute: nothing ends a segment. */
export function calmWalkOf(seed: number, series: string, bars: number): CandleBlock {
  const block = walkOf(seed, series, bars);
  const ts = block.ts.map((_, i) => 1_700_000_040_000 + 60_000 * i);
  return { ...block, ts };
}

/** Every row of a canonical block, labelled in one go. */
export function labelledRows(candles: CandleBlock, params: LabelParams): LabelBlock {
  const labeler = new Labeler(params, { emit: "rows" });
  const rows = new LabelBuilder(64);
  labeler.push(candles, 0, candles.length, rows);
  labeler.finish(rows);
  return rows.take(candles.series, paramHash(params));
}
