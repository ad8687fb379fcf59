/** The feed of a Redis Stream: what it reads, where it goes on, and what it says about what is lost. */

import { Buffer } from "node:buffer";
import { Redis } from "ioredis";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { seededRandom, systemClock } from "../../src/actor/clock.ts";
import { type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import {
  packCandles,
  redisStreamFeed,
  type RedisStreamFeedOptions,
  STREAM_BLOCK_FIELD,
  STREAM_ENTRY_BYTES_MAX,
  STREAM_ENTRY_ROWS_MAX,
} from "../../src/feed/redis_stream.ts";
import { compareStreamIds } from "../../src/feed/redis_stream_pages.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { type CandleBlock, CandleBuilder, sliceCandles } from "../../src/market/block.ts";
import { MarketError } from "../../src/market/error.ts";
import { RedisGroup } from "../../src/store/nodes/redis_group.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { startWick } from "../../actors/tree.ts";
import { assertStoreHolds, randomStream } from "../actors/support.ts";
import { RedisServer } from "../support/redis.ts";
import { RedisCluster } from "../support/redis_cluster.ts";
import { serviceOrSkip } from "../support/services.ts";
import { testFeed } from "./conformance.ts";
import { CALM, readAll, receivedIn } from "./support.ts";

const { ignore } = serviceOrSkip("redis");
const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`redis_stream_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const KEY = "candles";
const ROWS_MAX = 64;
const S = "BTC_USDT:M1";

/** A client for one test, gone at its end. */
class Producer implements AsyncDisposable {
  readonly redis: Redis;

  constructor(url: string) {
    this.redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    this.redis.on("error", () => {});
  }

  async pack(block: CandleBlock, id = "*"): Promise<string> {
    const packed = Buffer.from(packCandles(block));
    const added = await this.redis.xadd(KEY, id, STREAM_BLOCK_FIELD, packed);
    return String(added);
  }

  async plain(fields: Record<string, string | number>, id = "*"): Promise<string> {
    return String(await this.redis.xadd(KEY, id, ...Object.entries(fields).flat()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.redis.once("end", resolve));
    this.redis.disconnect();
    await ended;
  }
}

/** Row number i of a walk that tells rows apart. */
function fieldsOf(i: number, series = S): Record<string, string | number> {
  return { series, ts: i * 60_000, open: 2, high: 3, low: 1, close: 2 + i / 1e4, volume: i };
}

function blockOf(from: number, to: number, series = S): CandleBlock {
  const rows = new CandleBuilder(series, to - from);
  for (let i = from; i < to; i++) rows.push(i * 60_000, 2, 3, 1, 2 + i / 1e4, i);
  return rows.finish();
}

/** Open times of the rows of a series, in minutes. */
function minutesOf(batches: readonly FeedBatch[], series = S): number[] {
  const blocks = batches.flatMap((batch) => batch.blocks).filter((one) => one.series === series);
  return blocks.flatMap((block) => Array.from(block.ts, (ts) => ts / 60_000));
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

function feedOf(url: string, options: Partial<RedisStreamFeedOptions> = {}): FeedSource {
  return redisStreamFeed(systemClock, { url, key: KEY, random: seededRandom(1), ...options });
}

/** A test with a server of its own. */
function test(
  name: string,
  run: (server: RedisServer, producer: Producer) => Promise<void>,
  config: [string, string][] = [],
): void {
  Deno.test(name, { ignore }, async () => {
    await using server = await RedisServer.start({ config });
    await using producer = new Producer(server.url);
    await run(server, producer);
  });
}

/** Reads until so many rows came. */
async function readRows(source: FeedSource, rows: number): Promise<FeedBatch[]> {
  const batches: FeedBatch[] = [];
  for (let tries = 0; minutesOf(batches).length < rows && tries < 50; tries++) {
    const batch = await source.read(CALM);
    if (batch !== null) batches.push(batch);
  }
  return batches;
}

// ---- what every source promises -----------------------------------------------------------------------

if (!ignore) {
  // 40 kB in all: beyond that the client's parser has a timer that outlives a test.
  const server = await RedisServer.start();
  await using producer = new Producer(server.url);
  for (let entry = 0; entry < 40; entry++) {
    await producer.plain(fieldsOf(1_000 + entry, "ETH_USDT:M5"));
    if (entry % 5 === 0) await producer.plain({ ...fieldsOf(0), volume: "many" });
    if (entry % 7 === 0) await producer.plain({ ...fieldsOf(9), complete: 0 });
    const block = blockOf(entry * 14, entry * 14 + 14);
    block.high[7] = 0.5;
    await producer.pack(block);
  }
  const large = blockOf(2_000, 2_130);
  await producer.pack({
    ...large,
    deleted: Uint8Array.from(large.ts, (_, i) => i % 90 === 1 ? 1 : 0),
  });
  testFeed({
    name: "redisStreamFeed()",
    create: () => feedOf(server.url, { rowsMax: ROWS_MAX, follow: false }),
    rowsMax: ROWS_MAX,
  });
  Deno.test.afterAll(() => server[Symbol.asyncDispose]());
}

// ---- entries ------------------------------------------------------------------------------------------

Deno.test("packCandles() refuses no rows, too many rows, and what is no series", () => {
  assertThrows(() => packCandles(blockOf(0, 0)), MarketError, "expected 1 to 8192 rows");
  assertThrows(() => packCandles(blockOf(0, STREAM_ENTRY_ROWS_MAX + 1)), MarketError);
  assertThrows(() => packCandles(blockOf(0, 1, "BTC/USDT")), MarketError);
  assert(packCandles(blockOf(0, STREAM_ENTRY_ROWS_MAX)).length <= STREAM_ENTRY_BYTES_MAX);
});

Deno.test("packCandles() makes the bytes that are documented", () => {
  // Written by hand from the table of redis_stream_entry.ts, for a candle of one minute.
  const expected = new Uint8Array(24 + 16 + 48);
  const view = new DataView(expected.buffer);
  expected.set(new TextEncoder().encode("WICK"), 0);
  expected.set([1, 1, 0, 0, 1, 0, 0, 0, 88, 0, 0, 0, 11, 0], 4);
  expected.set(new TextEncoder().encode("BTC_USDT:M1"), 24);
  [60_000, 2, 3, 1, 2.0001, 1].forEach((value, i) => view.setFloat64(40 + 8 * i, value, true));
  assertEquals(packCandles(blockOf(1, 2)), expected);
});

Deno.test("compareStreamIds() compares numbers, not texts, up to 64 bits", () => {
  const sorted = ["0-0", "9-10", "10-2", "10-10", "18446744073709551615-0"];
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      assertEquals(Math.sign(compareStreamIds(a, b)), Math.sign(i - j));
    }
  }
});

test(
  "redisStreamFeed() refuses malformed entries with their id and goes on",
  async (server, producer) => {
    const damaged = Buffer.from(packCandles(blockOf(0, 3)));
    damaged[0] = 0;
    const cut = Buffer.from(packCandles(blockOf(0, 3)).slice(0, -8));
    const raw = async (...words: (string | Uint8Array)[]) =>
      String(await producer.redis.xadd(KEY, "*", ...words as string[]));
    const { volume: _, ...short } = fieldsOf(1);
    const ids = [
      await raw(STREAM_BLOCK_FIELD, damaged),
      await raw(STREAM_BLOCK_FIELD, cut),
      await raw(STREAM_BLOCK_FIELD, "x".repeat(STREAM_ENTRY_BYTES_MAX)),
      await raw("__proto__", "1"),
      await producer.plain(short),
      await producer.plain({ ...fieldsOf(1), close: "0x2" }),
      await producer.plain({ ...fieldsOf(1), ts: "60000.5" }),
      await producer.plain({ ...fieldsOf(1), series: "BTC/USDT:M1" }),
      await producer.plain({ ...fieldsOf(1), complete: "maybe" }),
      await producer.plain({ ...fieldsOf(1), colour: "red" }),
      await raw("series", S, "series", S),
      await producer.plain({ ...fieldsOf(1), open: 4 }),
      await producer.plain({ ...fieldsOf(1), volume: "1".repeat(300) }),
    ];
    await producer.plain({ ...fieldsOf(7), complete: "true" });
    await using source = feedOf(server.url, { follow: false });
    await source.open(null);
    const batches = await readAll(source);
    const { rejections } = receivedIn(batches);
    assertEquals(minutesOf(batches), [7]);
    assertEquals(rejections.length, ids.length);
    for (const [i, id] of ids.entries()) {
      assert(
        rejections[i]?.includes(`entry ${id}`),
        rejections[i],
      );
    }
  },
);

test("redisStreamFeed() leaves out bars that still go on", async (server, producer) => {
  for (const complete of ["0", "false", "FALSE", "1"]) {
    await producer.plain({ ...fieldsOf(3), complete });
  }
  await using source = feedOf(server.url, { follow: false });
  await source.open(null);
  const batches = await readAll(source);
  assertEquals(minutesOf(batches), [3]);
  assertEquals(receivedIn(batches).rejections, []);
});

// ---- waiting ------------------------------------------------------------------------------------------

test("redisStreamFeed() yields what is added while it waits, at once", async (server, producer) => {
  await using source = feedOf(server.url);
  await source.open(null);
  assertEquals(await source.read(CALM), null);
  for (let i = 0; i < 5; i++) {
    const reading = readRows(source, 1);
    // The read waits at the server by then, or will find it there.
    await producer.redis.ping();
    const startMs = performance.now();
    await producer.pack(blockOf(i, i + 1));
    assertEquals(minutesOf(await reading), [i]);
    assert(performance.now() - startMs < 900, "the entry came at the end of the wait only");
  }
});

test("redisStreamFeed() keeps an aborted wait for the next read", async (server, producer) => {
  await using source = feedOf(server.url);
  await source.open(null);
  const controller = new AbortController();
  const reading = source.read(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => reading, Error, "enough");
  await producer.pack(blockOf(0, 3));
  assertEquals(minutesOf(await readRows(source, 3)), [0, 1, 2]);
});

// ---- what is lost -------------------------------------------------------------------------------------

test(
  "redisStreamFeed() says how many entries were trimmed before they were read",
  async (server, producer) => {
    await using source = feedOf(server.url);
    for (let i = 0; i < 5; i++) await producer.plain(fieldsOf(i));
    await source.open(null);
    const first = await readRows(source, 5);
    for (let i = 5; i < 20; i++) await producer.plain(fieldsOf(i));
    await producer.redis.xtrim(KEY, "MAXLEN", 4);
    const rest = await readRows(source, 4);
    assertEquals(minutesOf(rest), [16, 17, 18, 19]);
    const notes = rest.flatMap((batch) => batch.notes ?? []);
    assertEquals(notes.length, 1);
    assertMatch(notes[0] ?? "", /^gap in the stream candles: 11 entries were removed after /);
    assertEquals(source.detail?.().missedEntries, 11);

    // The same from the cursor, by another process.
    await using other = feedOf(server.url);
    await other.open(first.at(-1)?.cursor ?? null);
    const again = await readRows(other, 4);
    assertEquals(minutesOf(again), [16, 17, 18, 19]);
    assertEquals(again[0]?.notes, notes);
  },
);

test("redisStreamFeed() takes a trim up to the cursor for no gap", async (server, producer) => {
  await using source = feedOf(server.url);
  for (let i = 0; i < 5; i++) await producer.plain(fieldsOf(i));
  await source.open(null);
  const { cursor } = (await readRows(source, 5)).at(-1) as FeedBatch;
  // The committed entry goes as well, and so exactly what was read.
  for (let i = 5; i < 8; i++) await producer.plain(fieldsOf(i));
  await producer.redis.xtrim(KEY, "MAXLEN", 3);
  await source.open(cursor);
  const rest = await readRows(source, 3);
  assertEquals(minutesOf(rest), [5, 6, 7]);
  assertEquals(rest.flatMap((batch) => batch.notes ?? []), []);
});

test(
  "redisStreamFeed() says that the rest of an entry half read is gone",
  async (server, producer) => {
    await using source = feedOf(server.url, { rowsMax: 10 });
    await producer.pack(blockOf(0, 25));
    await source.open(null);
    const { cursor } = (await readRows(source, 10)).at(-1) as FeedBatch;
    await producer.pack(blockOf(25, 30));
    await producer.redis.xtrim(KEY, "MAXLEN", 1);
    await source.open(cursor);
    const rest = await readRows(source, 5);
    assertEquals(minutesOf(rest), range(25, 30));
    assertMatch(rest[0]?.notes?.[0] ?? "", /gap in the stream candles: 1 entries were removed/);
  },
);

test(
  "redisStreamFeed() reads a stream that was emptied from its start, and says so",
  async (server, producer) => {
    await using source = feedOf(server.url);
    for (let i = 0; i < 5; i++) await producer.plain(fieldsOf(i), `9999999999999-${i + 1}`);
    await source.open(null);
    await readRows(source, 5);
    await producer.redis.del(KEY);
    // Ids below the cursor.
    for (let i = 5; i < 8; i++) await producer.plain(fieldsOf(i), `5-${i}`);
    const rest = await readRows(source, 3);
    assertEquals(minutesOf(rest), [5, 6, 7]);
    const notes = rest.flatMap((batch) => batch.notes ?? []);
    assertEquals(notes.length, 1);
    assertMatch(notes[0] ?? "", /was emptied or is another one/);
    assertEquals(rest.at(-1)?.cursor, "r1:5-7:*:3");
  },
);

test("redisStreamFeed() notices a stream made anew whose ids go on", async (server, producer) => {
  await using source = feedOf(server.url);
  for (let i = 0; i < 5; i++) await producer.plain(fieldsOf(i));
  await source.open(null);
  const { cursor } = (await readRows(source, 5)).at(-1) as FeedBatch;
  await producer.redis.del(KEY);
  for (let i = 5; i < 7; i++) await producer.plain(fieldsOf(i));
  await source.open(cursor);
  const rest = await readRows(source, 2);
  assertEquals(minutesOf(rest), [5, 6]);
  assertMatch(rest[0]?.notes?.[0] ?? "", /was emptied or is another one/);
});

test("redisStreamFeed() refuses a key that holds something else", async (server, producer) => {
  await producer.redis.set(KEY, "1");
  await using source = feedOf(server.url);
  await source.open(null);
  const error = await assertRejects(
    () => source.read(CALM),
    FeedError,
    "current value is a string",
  );
  assertEquals(error.code, "unreadable");
});

// ---- a server that goes ---------------------------------------------------------------------------------

test(
  "redisStreamFeed() goes on at its cursor after a server that was killed",
  async (server, producer) => {
    await using source = feedOf(server.url);
    await producer.pack(blockOf(0, 10));
    await source.open(null);
    const { cursor } = (await readRows(source, 10)).at(-1) as FeedBatch;
    const failing = assertRejects(() => source.read(CALM), FeedError);
    await server.kill();
    assertEquals((await failing).code, "unreadable");
    await source.close();
    const refused = await assertRejects(() => source.open(cursor), FeedError);
    assertEquals(refused.code, "unreadable");
    await server.start();
    await producer.pack(blockOf(10, 15));
    await source.open(cursor);
    const rest = await readRows(source, 5);
    assertEquals(minutesOf(rest), range(10, 15));
    assertEquals(rest.flatMap((batch) => batch.notes ?? []), []);
  },
  [["appendonly", "yes"], ["appendfsync", "always"]],
);

test("redisStreamFeed() shows no password when it is refused", async (server) => {
  const url = server.url.replace("://", "://wick:hunter2@");
  await using source = feedOf(url);
  const error = await assertRejects(() => source.open(null), FeedError);
  assertEquals(error.code, "unreadable");
  assert(!`${error.message} ${JSON.stringify(source.detail?.())}`.includes("hunter2"));
});

// ---- trimming -----------------------------------------------------------------------------------------

test(
  "redisStreamFeed() removes what is committed only where it is told to",
  async (server, producer) => {
    for (const trim of [false, true]) {
      await producer.redis.del(KEY);
      await using source = feedOf(server.url, { trim });
      for (let i = 0; i < 10; i++) await producer.plain(fieldsOf(i));
      await source.open(null);
      const [batch] = await readRows(source, 10);
      await source.ack(batch?.cursor ?? "");
      for (let tries = 0; trim && tries < 100 && source.detail?.().trims !== 1; tries++) {
        await producer.redis.ping();
      }
      // The committed entry itself stays.
      assertEquals(await producer.redis.xlen(KEY), trim ? 1 : 10);
      await source.open(batch?.cursor ?? "");
      await producer.plain(fieldsOf(10));
      const rest = await readRows(source, 1);
      assertEquals([minutesOf(rest), rest[0]?.notes], [[10], undefined]);
    }
  },
);

// ---- the whole tree -----------------------------------------------------------------------------------

Deno.test(
  "a tree on a Redis Stream holds what a batch run computes, through kills of the server",
  { ignore },
  async () => {
    const config: [string, string][] = [["appendonly", "yes"], ["appendfsync", "always"]];
    await using server = await RedisServer.start({ config });
    await using producer = new Producer(server.url);
    const batches = randomStream(SEED, { series: 5, bars: 300, blockRowsMax: 25, changes: 0.2 });
    const backend = new MemoryStore();
    const wick = await startWick({
      store: { kind: "open", backend },
      workers: 1,
      feeds: [{ name: "feed", source: () => feedOf(server.url, { rowsMax: 256, trim: true }) }],
      system: { log: () => {} },
    });
    try {
      for (const [i, blocks] of batches.entries()) {
        if (i === Math.floor(batches.length / 2)) {
          await server.kill();
          await server.start();
        }
        for (const block of blocks) await producer.pack(block);
      }
      const last = await producer.redis.xrevrange(KEY, "+", "-", "COUNT", 1);
      await untilCommitted(() => wick.feed("feed").ask("status", {}), last[0]?.[0] ?? "");
      await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    } finally {
      await wick.system.stop();
    }
  },
);

async function untilCommitted(
  status: () => Promise<{ readonly cursor: string | null }>,
  id: string,
): Promise<void> {
  const untilMs = performance.now() + 20_000;
  for (;;) {
    const { cursor } = await status();
    if (cursor?.startsWith(`r1:${id}:*:`)) return;
    assert(performance.now() < untilMs, `the feed stands at ${cursor}, not at ${id}`);
    await new Promise((resolve) => systemClock.setTimer(20, () => resolve(null)));
  }
}

Deno.test("redisStreamFeed() finds its stream in a Cluster", { ignore }, async () => {
  await using cluster = await RedisCluster.start();
  // Each key lies on one of three servers.
  for (const key of ["a", "b", "c", "d"]) {
    const group = new RedisGroup({
      place: cluster.url,
      clock: systemClock,
      random: seededRandom(1),
    });
    try {
      const packed = Buffer.from(packCandles(blockOf(0, 20)));
      await group.trip(key, (redis) => redis.xadd(key, "*", STREAM_BLOCK_FIELD, packed), 5_000);
      await using source = feedOf(cluster.url, { key, follow: false, trim: true });
      await source.open(null);
      const batches = await readAll(source);
      assertEquals(minutesOf(batches), range(0, 20));
      await source.ack(batches.at(-1)?.cursor ?? "");
    } finally {
      await group.close();
    }
  }
});

Deno.test("redisStreamFeed() refuses options that cannot work", () => {
  for (
    const options of [
      { url: "http://127.0.0.1:1" },
      { url: "redis://127.0.0.1:1", key: "" },
      { url: "redis://127.0.0.1:1", rowsMax: 0 },
    ]
  ) {
    assertThrows(() => feedOf(options.url, options), FeedError, "Cannot set up");
  }
});

Deno.test("sliced blocks are packed by themselves", () => {
  const block = blockOf(0, 10);
  assertEquals(packCandles(sliceCandles(block, 2, 5)), packCandles(blockOf(2, 5)));
});
