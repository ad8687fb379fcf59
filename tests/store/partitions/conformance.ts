/** What every twin of the streams promises. */

import { assert, assertEquals, assertLess, assertLessOrEqual, assertRejects } from "@std/assert";
import { seededRandom } from "../../../src/actor/clock.ts";
import { type CandleBlock, CandleBuilder } from "../../../src/market/block.ts";
import { partitionOf } from "../../../src/market/partition.ts";
import { LogError } from "../../../src/store/log/port.ts";
import { comparePlaces, placeParts } from "../../../src/store/partitions/place.ts";
import {
  PARTITION_BOUNDS,
  type PartitionPage,
  type PartitionStreams,
  type StreamPlace,
} from "../../../src/store/partitions/port.ts";
import { candles, seriesOf, textOf } from "./support.ts";

/** How a twin is made and damaged. */
export interface Twin {
  /** A further connection to the same streams. */
  connect(waitingBytes?: number): PartitionStreams;
  /** Writes an entry with these bytes, as somebody else might. */
  write(partition: number, bytes: Uint8Array): Promise<void>;
}

type Test = (name: string, run: (twin: Twin) => Promise<void>) => void;

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const OPEN = [3, 17, 200] as const;
const [S, T] = seriesOf(3, 2) as [string, string];
const [U] = seriesOf(17, 1) as [string];
const [V] = seriesOf(200, 1) as [string];

/** Reads until nothing comes; the text of the candles of each partition. */
async function readAll(
  streams: PartitionStreams,
  places: Map<number, StreamPlace | null>,
): Promise<Map<number, string[]>> {
  const found = new Map<number, CandleBlock[]>();
  while (true) {
    const pages = await streams.read(places, 0);
    if (pages.length === 0) break;
    for (const page of pages) {
      assertEquals(page.after, places.get(page.partition));
      places.set(page.partition, page.place);
      found.set(page.partition, [...found.get(page.partition) ?? [], ...page.blocks]);
    }
  }
  return new Map([...found].map(([partition, blocks]) => [partition, textOf(blocks)]));
}

function fromStart(partitions: readonly number[] = OPEN): Map<number, StreamPlace | null> {
  return new Map(partitions.map((partition) => [partition, null]));
}

async function onePage(streams: PartitionStreams, partition: number): Promise<PartitionPage> {
  const [page] = await streams.read(new Map([[partition, null]]), 2_000);
  assert(page !== undefined);
  return page;
}

/** Registers the suite; each test has streams of its own. */
export function conformance(test: Test): void {
  test("append() is read by the partition of each series, in order", async (twin) => {
    const streams = twin.connect();
    const appended = [candles(S, 0, 3), candles(U, 0, 2), candles(T, 0, 1), candles(S, 3, 2)];
    assertEquals(await streams.append(appended), { state: "appended" });
    assertEquals(await streams.append([candles(S, 5, 1)]), { state: "appended" });
    const found = await readAll(streams, fromStart());
    assertEquals(
      found.get(3),
      textOf([
        candles(S, 0, 3),
        candles(T, 0, 1),
        candles(S, 3, 2),
        candles(S, 5, 1),
      ]),
    );
    assertEquals(found.get(17), textOf([candles(U, 0, 2)]));
    assertEquals(found.has(200), false);
  });

  test("append() takes nothing, and blocks without rows", async (twin) => {
    const streams = twin.connect();
    assertEquals(await streams.append([]), { state: "appended" });
    assertEquals(await streams.append([candles(S, 0, 0)]), { state: "appended" });
    assertEquals(await readAll(streams, fromStart()), new Map());
  });

  test("append() keeps every number and what deletes", async (twin) => {
    const streams = twin.connect();
    const builder = new CandleBuilder(S);
    builder.push(-1, 0.1, 1e300, -0, 5e-324, Number.MAX_SAFE_INTEGER);
    builder.pushDeleted(60_000);
    const block = builder.finish();
    await streams.append([block, candles(T, 0, 2)]);
    const { blocks } = await onePage(streams, 3);
    assertEquals(textOf(blocks), textOf([block, candles(T, 0, 2)]));
    assertEquals(blocks.map(({ deleted }) => deleted === null), [false, true]);
  });

  test("append() refuses a series key that no entry can hold", async (twin) => {
    const streams = twin.connect();
    const error = await assertRejects(() => streams.append([candles("X".repeat(2_000), 0, 1)]));
    assert(error instanceof Error && error.message.includes("at most 1024 bytes"));
  });

  test("append() divides blocks that are larger than an entry", async (twin) => {
    const streams = twin.connect();
    const rows = PARTITION_BOUNDS.entryRows + 5;
    await streams.append([candles(S, 0, rows)]);
    const [backlog] = await streams.backlog([3]);
    assertEquals(backlog?.entries, 2);
    const found = await readAll(streams, fromStart());
    assertEquals(found.get(3), textOf([candles(S, 0, rows)]));
  });

  test("append() calls made at once keep their order", async (twin) => {
    const streams = twin.connect();
    const random = seededRandom(SEED);
    const expected = new Map<number, CandleBlock[]>();
    const next = new Map([S, T, U, V].map((series) => [series, 0]));
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 200; call++) {
      const blocks = [S, T, U, V].filter(() => random.next() < 0.5).map((series) => {
        const rows = 1 + Math.floor(20 * random.next());
        const from = next.get(series) ?? 0;
        next.set(series, from + rows);
        return candles(series, from, rows);
      });
      for (const block of blocks) {
        const own = expected.get(partitionOf(block.series)) ?? [];
        own.push(block);
        expected.set(partitionOf(block.series), own);
      }
      calls.push(streams.append(blocks));
      if (random.next() < 0.2) await Promise.all(calls);
    }
    await Promise.all(calls);
    const found = await readAll(streams, fromStart());
    assertEquals(found.size, expected.size, `WICK_SEED=${SEED}`);
    for (const [partition, blocks] of expected) {
      assertEquals(found.get(partition), textOf(blocks), `WICK_SEED=${SEED}`);
    }
  });

  test("places ascend, are of the bytes before them, and reading goes on at each", async (twin) => {
    const streams = twin.connect();
    const places: StreamPlace[] = [];
    for (let i = 0; i < 5; i++) {
      await streams.append([candles(S, i, 1)]);
      const [page] = await streams.read(new Map([[3, places.at(-1) ?? null]]), 2_000);
      assertEquals(textOf(page?.blocks ?? []), textOf([candles(S, i, 1)]));
      places.push(page?.place ?? "");
    }
    const parts = places.map((place) => placeParts(place));
    for (let i = 1; i < parts.length; i++) {
      const [a, b] = [parts[i - 1], parts[i]];
      assert(a !== null && a !== undefined && b !== null && b !== undefined);
      assertLess(comparePlaces(a, b), 0);
      assertLess(a.endBytes, b.endBytes);
    }
    const again = await readAll(streams, new Map([[3, places[1] as string]]));
    assertEquals(again.get(3), textOf([candles(S, 2, 3)]));
  });

  test("read() gives pages of bounded size", async (twin) => {
    const streams = twin.connect();
    const rows = 4_000;
    for (let i = 0; i < 8; i++) await streams.append([candles(S, i * rows, rows)]);
    const places = fromStart();
    let pages = 0;
    while (true) {
      const [page] = await streams.read(places, 0);
      if (page === undefined) break;
      pages++;
      assertLessOrEqual(page.bytes, PARTITION_BOUNDS.pageBytes);
      places.set(3, page.place);
    }
    assertEquals(pages, 4);
  });

  test("read() waits for an append of somebody else", async (twin) => {
    const [reader, appender] = [twin.connect(), twin.connect()];
    assertEquals(await reader.read(fromStart(), 0), []);
    const reading = reader.read(fromStart(), 10_000);
    await appender.append([candles(S, 0, 1)]);
    const [page] = await reading;
    assertEquals(textOf(page?.blocks ?? []), textOf([candles(S, 0, 1)]));
  });

  test("read() ends when it is told to", async (twin) => {
    const streams = twin.connect();
    const abort = new AbortController();
    const reading = streams.read(fromStart(), 60_000, abort.signal);
    abort.abort();
    assertEquals(await reading, []);
    assertEquals(await streams.read(fromStart(), 60_000, abort.signal), []);
  });

  test("read() begins anew at what is no place, or one before all that is left", async (twin) => {
    const streams = twin.connect();
    await streams.append([candles(S, 0, 1)]);
    for (const place of ["", "somewhere", "0-0"]) {
      const found = await readAll(streams, new Map([[3, place]]));
      assertEquals(found.get(3), textOf([candles(S, 0, 1)]));
    }
  });

  test("read() leaves no partition out while others are busy", async (twin) => {
    const streams = twin.connect();
    const all = Array.from({ length: 256 }, (_, partition) => partition);
    const blocks = all.map((partition) => candles(seriesOf(partition, 1)[0] as string, 0, 2));
    await streams.append(blocks);
    const found = await readAll(streams, fromStart(all));
    assertEquals(found.size, 256);
    for (const [partition, texts] of found) {
      assertEquals(texts, textOf([blocks[partition] as (typeof blocks)[number]]));
    }
  });

  test("append() refuses when too much waits, and trim() makes room", async (twin) => {
    const streams = twin.connect(20_000);
    assertEquals((await streams.append([candles(S, 0, 200)])).state, "appended");
    assertEquals((await streams.append([candles(S, 200, 150)])).state, "appended");
    const refused = await streams.append([candles(T, 0, 200), candles(U, 0, 200)]);
    assertEquals(refused, { state: "full", partitions: [3] });
    const places = fromStart();
    const before = await readAll(streams, places);
    assertEquals(before.get(3), textOf([candles(S, 0, 350)]));
    assertEquals(before.get(17), textOf([candles(U, 0, 200)]));
    const [waits] = await streams.backlog([3]);
    assertEquals(waits?.entries, 2);
    await streams.trim(new Map([[3, places.get(3) as string]]));
    assertEquals(await streams.backlog([3]), [
      { partition: 3, entries: 0, bytes: 0, oldestAtMs: null },
    ]);
    assertEquals((await streams.append([candles(T, 0, 200)])).state, "appended");
    assertEquals((await readAll(streams, places)).get(3), textOf([candles(T, 0, 200)]));
  });

  test("append() takes one that is larger than the bound when nothing waits", async (twin) => {
    const streams = twin.connect(1_000);
    assertEquals((await streams.append([candles(S, 0, 200)])).state, "appended");
    assertEquals((await streams.append([candles(S, 200, 1)])).state, "full");
  });

  test("append() calls behind one that found no room are refused, too", async (twin) => {
    const streams = twin.connect(20_000);
    await streams.append([candles(S, 0, 350)]);
    const [large, small] = await Promise.all([
      streams.append([candles(S, 350, 200)]),
      streams.append([candles(S, 550, 200)]),
    ]);
    assertEquals([large.state, small.state], ["full", "full"]);
    assertEquals((await readAll(streams, fromStart())).get(3), textOf([candles(S, 0, 350)]));
  });

  test("trim() gives up nothing beyond its place, and may be repeated", async (twin) => {
    const streams = twin.connect();
    const places = fromStart();
    await streams.append([candles(S, 0, 1)]);
    await readAll(streams, places);
    const first = places.get(3) as string;
    await streams.append([candles(S, 1, 1)]);
    await streams.append([candles(S, 2, 1)]);
    const [before] = await streams.backlog([3]);
    for (let i = 0; i < 3; i++) await streams.trim(new Map([[3, first], [200, "9-9"]]));
    const [after] = await streams.backlog([3]);
    assertEquals([before?.entries, after?.entries], [3, 2]);
    assertEquals(after?.bytes, ((before?.bytes ?? 0) / 3) * 2);
    assertEquals((await readAll(streams, fromStart())).get(3), textOf([candles(S, 1, 2)]));
  });

  test("backlog() says since when the oldest entry waits", async (twin) => {
    const streams = twin.connect();
    await streams.append([candles(S, 0, 1)]);
    const { firstAtMs } = await onePage(streams, 3);
    const [own, other] = await streams.backlog([3, 17]);
    assertEquals(own?.oldestAtMs, firstAtMs);
    assertEquals(other, { partition: 17, entries: 0, bytes: 0, oldestAtMs: null });
  });

  test("an entry that nobody of us wrote is told of, and reading goes on", async (twin) => {
    const streams = twin.connect();
    await streams.append([candles(S, 0, 1)]);
    await twin.write(3, Uint8Array.from({ length: 100 }, (_, i) => i));
    await streams.append([candles(S, 1, 1)]);
    const places = fromStart();
    const blocks: string[] = [], damaged: unknown[] = [];
    while (true) {
      const [page] = await streams.read(places, 0);
      if (page === undefined) break;
      places.set(3, page.place);
      blocks.push(...textOf(page.blocks));
      for (const { reason, bytes, head } of page.damaged) damaged.push({ reason, bytes, head });
    }
    assertEquals(blocks, textOf([candles(S, 0, 2)]));
    assertEquals(damaged, [{
      reason: "Cannot read entry: expected the magic WKPE: current value is 0x03020100",
      bytes: 100,
      head: Uint8Array.from({ length: 64 }, (_, i) => i).toHex(),
    }]);
  });

  test("nothing can be asked of closed streams", async (twin) => {
    const streams = twin.connect();
    await streams.close();
    await streams.close();
    for (
      const ask of [
        () => streams.append([candles(S, 0, 1)]),
        () => streams.read(fromStart(), 0),
      ]
    ) {
      const error = await assertRejects(ask, LogError);
      assertEquals(error.code, "closed");
    }
  });
}
