/**
 * What every source promises (`src/feed/port.ts`), as tests that each of them runs.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { candleReason } from "../../src/market/candle.ts";
import {
  FEED_BATCH_BYTES_MAX,
  FEED_BATCH_REJECTIONS_MAX,
  FEED_CURSOR_CHARS_MAX,
  type FeedBatch,
  feedBatchBytes,
  feedBatchRows,
  FeedError,
  type FeedSource,
} from "../../src/feed/port.ts";
import { CALM, readAll, receivedIn } from "./support.ts";

/** A source to be tested. */
export interface FeedCase {
  readonly name: string;
  /**
   * A new source, not open, over the same rows each time: at least 300 of two series or more, in
   * at least 6 batches, some of them refused; and then the end.
   */
  readonly create: () => FeedSource;
  /** The rows of a batch it was told to keep to. */
  readonly rowsMax: number;
}

async function readWhole(create: () => FeedSource): Promise<FeedBatch[]> {
  await using source = create();
  await source.open(null);
  return await readAll(source);
}

async function readFrom(source: FeedSource, cursor: string | null): Promise<FeedBatch[]> {
  await source.open(cursor);
  return await readAll(source);
}

async function assertFeedError(work: () => Promise<unknown>, code: string): Promise<void> {
  const error = await assertRejects(work, FeedError);
  assertEquals(error.code, code);
}

/** Registers the tests of one source. */
export function testFeed({ name, create, rowsMax }: FeedCase): void {
  // What the others are compared with is read once: some sources take a while for it.
  let all: Promise<FeedBatch[]> | null = null;
  const whole = () => all ??= readWhole(create);
  testRows(name, { create, whole, rowsMax });
  testResuming(name, { create, whole });
  testLifecycle(name, { create, whole });
  testAborting(name, { create, whole });
}

/** New sources, and what one of them has read. */
interface Given {
  readonly create: () => FeedSource;
  readonly whole: () => Promise<readonly FeedBatch[]>;
}

function testRows(
  name: string,
  { create, whole, rowsMax }: Given & { readonly rowsMax: number },
): void {
  Deno.test(`${name}: the case has what the suite needs`, async () => {
    const batches = await whole();
    const { rows, rejections } = receivedIn(batches);
    assert(batches.length >= 6 && rows.size >= 2 && rejections.length > 0);
    assert([...rows.values()].flat().length >= 300);
  });

  Deno.test(`${name}: read() keeps to the bounds of a batch`, async () => {
    for (const batch of await whole()) {
      assertLessOrEqual(feedBatchRows(batch) + batch.rejections.length, rowsMax);
      assertLessOrEqual(batch.rejections.length, FEED_BATCH_REJECTIONS_MAX);
      assertLessOrEqual(feedBatchBytes(batch), FEED_BATCH_BYTES_MAX);
      assertLessOrEqual(batch.cursor.length, FEED_CURSOR_CHARS_MAX);
      const series = batch.blocks.map((block) => block.series);
      assertEquals(new Set(series).size, series.length);
    }
  });

  Deno.test(`${name}: read() yields only candles and deletions`, async () => {
    for (
      const { ts, open, high, low, close, volume, deleted } of blocksOf(await whole())
    ) {
      for (let i = 0; i < ts.length; i++) {
        if (deleted?.[i] === 1) continue;
        const row = [ts, open, high, low, close, volume].map((column) => column[i] as number);
        assertEquals(candleReason(...row as [number, number, number, number, number, number]), 0);
      }
    }
  });

  Deno.test(`${name}: read() gives columns away`, async () => {
    const expected = receivedIn(await whole());
    await using source = create();
    await source.open(null);
    const kept: FeedBatch[] = [];
    for (let isDone = false; !isDone;) {
      const batch = await source.read(CALM);
      if (batch === null) continue;
      // Throws if two columns share memory.
      const transfer = batch.blocks.flatMap(buffersOf);
      kept.push(structuredClone(batch, { transfer }));
      isDone = batch.done;
    }
    assertEquals(receivedIn(kept), expected);
  });

  Deno.test(`${name}: read() after the end is empty and done`, async () => {
    await using source = create();
    await source.open(null);
    const { cursor } = (await readAll(source)).at(-1) as FeedBatch;
    for (let i = 0; i < 2; i++) {
      assertEquals(await source.read(CALM), { blocks: [], rejections: [], cursor, done: true });
    }
  });
}

function testResuming(name: string, { create, whole }: Given): void {
  Deno.test(`${name}: open() resumes after any cursor with exactly the following rows`, async () => {
    const batches = await whole();
    const expected = receivedIn(batches);
    const stride = Math.ceil(batches.length / 20);
    for (let i = 0; i < batches.length; i += i < 3 ? 1 : stride) {
      await using source = create();
      const rest = await readFrom(source, (batches[i] as FeedBatch).cursor);
      assertEquals(receivedIn([...batches.slice(0, i + 1), ...rest]), expected);
    }
  });

  Deno.test(`${name}: open() resumes after the cursor of a resumed source`, async () => {
    const expected = receivedIn(await whole());
    const batches: FeedBatch[] = [];
    while (batches.at(-1)?.done !== true) {
      await using source = create();
      await source.open(batches.at(-1)?.cursor ?? null);
      batches.push(...await readAll(source, 3));
    }
    assertEquals(receivedIn(batches), expected);
  });

  Deno.test(`${name}: open() at the last cursor yields nothing and ends`, async () => {
    const { cursor } = (await whole()).at(-1) as FeedBatch;
    await using source = create();
    const rest = await readFrom(source, cursor);
    assertEquals(receivedIn(rest), { rows: new Map(), rejections: [] });
    assertEquals(rest.at(-1)?.cursor, cursor);
  });

  Deno.test(`${name}: open() moves an open source, back and forth`, async () => {
    const batches = await whole();
    const { cursor } = batches[2] as FeedBatch;
    await using source = create();
    await readFrom(source, null);
    assertEquals(receivedIn(await readFrom(source, cursor)), receivedIn(batches.slice(3)));
    assertEquals(receivedIn(await readFrom(source, null)), receivedIn(batches));
  });

  Deno.test(`${name}: batches that were not acknowledged come again`, async () => {
    await using first = create();
    await first.open(null);
    const [committed, ...lost] = await readAll(first, 3);
    const { cursor } = committed as FeedBatch;
    await first.ack(cursor);
    await first.close();
    await using second = create();
    await second.open(cursor);
    const again = receivedIn(await readAll(second));
    for (const [series, rows] of receivedIn(lost).rows) {
      assertEquals(again.rows.get(series)?.slice(0, rows.length), rows);
    }
  });

  Deno.test(`${name}: open() refuses what is no cursor of it`, async () => {
    await using source = create();
    for (const cursor of ["", "x", "1:2:3", "0.0.0", "-1"]) {
      await assertFeedError(() => source.open(cursor), "cursor");
    }
  });
}

function testLifecycle(name: string, { create, whole }: Given): void {
  Deno.test(`${name}: close() is idempotent, also before open()`, async () => {
    const source = create();
    await source.close();
    await source.open(null);
    await source.read(CALM);
    await source.close();
    await source.close();
    await source[Symbol.asyncDispose]();
  });

  Deno.test(`${name}: read() and ack() want an open source`, async () => {
    const source = create();
    await assertFeedError(() => source.read(CALM), "not_open");
    await assertFeedError(() => source.ack("x"), "not_open");
    await source.open(null);
    await source.close();
    await assertFeedError(() => source.read(CALM), "not_open");
  });

  Deno.test(`${name}: open() opens a closed source again`, async () => {
    const batches = await whole();
    await using source = create();
    await source.open(null);
    await source.close();
    const { cursor } = batches[1] as FeedBatch;
    assertEquals(receivedIn(await readFrom(source, cursor)), receivedIn(batches.slice(2)));
  });

  Deno.test(`${name}: ack() may be repeated and refuses what is no cursor`, async () => {
    await using source = create();
    await source.open(null);
    const [batch] = await readAll(source, 1);
    await source.ack((batch as FeedBatch).cursor);
    await source.ack((batch as FeedBatch).cursor);
    await assertFeedError(() => source.ack("x"), "cursor");
  });
}

function testAborting(name: string, { create, whole }: Given): void {
  Deno.test(`${name}: read() rejects with the reason of its signal and takes nothing`, async () => {
    const expected = receivedIn(await whole());
    await using source = create();
    await source.open(null);
    const batches: FeedBatch[] = [];
    while (batches.at(-1)?.done !== true) {
      const reason = new Error("enough");
      await assertRejects(() => source.read(AbortSignal.abort(reason)), Error, "enough");
      const controller = new AbortController();
      const reading = source.read(controller.signal);
      controller.abort(reason);
      // The abort may come too late for a source that has rows at hand.
      const early = await reading.catch((error) => assertEquals(error, reason));
      const batch = early ?? await source.read(CALM);
      if (batch !== null) batches.push(batch);
    }
    assertEquals(receivedIn(batches), expected);
  });

  Deno.test(`${name}: read() is refused while another one is under way`, async () => {
    await using source = create();
    await source.open(null);
    const first = source.read(CALM);
    await assertFeedError(() => source.read(CALM), "busy");
    assert(await first !== undefined);
  });

  Deno.test(`${name}: close() ends a read under way`, async () => {
    const source = create();
    await source.open(null);
    const reading = source.read(CALM).then(() => "rows", (error) => error.code);
    await source.close();
    assert(["rows", "closed"].includes(await reading));
  });
}

function blocksOf(batches: readonly FeedBatch[]) {
  return batches.flatMap((batch) => batch.blocks);
}

function buffersOf({ ts, open, high, low, close, volume, deleted }: FeedBatch["blocks"][number]) {
  const columns = [ts, open, high, low, close, volume, ...(deleted === null ? [] : [deleted])];
  return columns.map((column) => column.buffer as ArrayBuffer);
}
