/** The streams in Redis when things go wrong around them. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { pause, seededRandom, systemClock, systemRandom } from "../../../src/actor/clock.ts";
import type { CandleBlock } from "../../../src/market/block.ts";
import { LogError } from "../../../src/store/log/port.ts";
import type { AppendResult, StreamPlace } from "../../../src/store/partitions/port.ts";
import {
  RedisStreams,
  type RedisStreamsOptions,
} from "../../../src/store/partitions/redis_streams.ts";
import { RedisServer } from "../../support/redis.ts";
import { RedisCluster } from "../../support/redis_cluster.ts";
import { TcpProxy } from "../../support/tcp_proxy.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { candles, seriesOf, textOf } from "./support.ts";

// The parser of ioredis keeps a timer while it gives back the memory of long replies.
const redis = { ...serviceOrSkip("redis"), sanitizeResources: false, sanitizeOps: false };
const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const ALWAYS = { config: [["appendonly", "yes"], ["appendfsync", "always"]] } as const;
const [S] = seriesOf(3, 1) as [string];

function streamsAt(url: string, options: Partial<RedisStreamsOptions> = {}): RedisStreams {
  return new RedisStreams({
    redis: url,
    clock: systemClock,
    random: systemRandom,
    prefix: "t",
    session: crypto.randomUUID(),
    ...options,
  });
}

/** All candles of a partition, in the order of the stream. */
async function lying(streams: RedisStreams, partition: number): Promise<CandleBlock[]> {
  const places = new Map<number, StreamPlace | null>([[partition, null]]);
  const blocks: CandleBlock[] = [];
  while (true) {
    const [page] = await streams.read(places, 0);
    if (page === undefined) return blocks;
    places.set(partition, page.place);
    blocks.push(...page.blocks);
  }
}

/** Until it is so; at most 10 s. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500 && !await isSo().catch(() => false); i++) await pause(systemClock, 20);
}

Deno.test(
  "RedisStreams: what was appended is there once and in order, over restarts of Redis",
  redis,
  async () => {
    await using server = await RedisServer.start(ALWAYS);
    await using streams = streamsAt(server.url);
    const random = seededRandom(SEED);
    const outcomes: Promise<[from: number, AppendResult | null]>[] = [];
    let isOver = false;
    const killing = (async () => {
      for (let i = 0; i < 4; i++) {
        await pause(systemClock, 50 + 100 * random.next());
        await server.kill();
        await pause(systemClock, 100 * random.next());
        await server.start();
      }
      isOver = true;
    })();
    for (let from = 0; !isOver || from < 100; from++) {
      outcomes.push(
        streams.append([candles(S, from, 1)]).then((found) => [from, found], () => [from, null]),
      );
      await pause(systemClock, 1);
    }
    await killing;
    const settled = await Promise.all(outcomes);
    const rows = (await lying(streams, 3)).flatMap(({ volume }) => [...volume]);
    for (let i = 1; i < rows.length; i++) {
      assertLess(rows[i - 1] as number, rows[i] as number, `WICK_SEED=${SEED}`);
    }
    const there = new Set(rows);
    const appended = settled.filter(([, found]) => found?.state === "appended");
    assertGreater(appended.length, 50);
    for (const [from] of appended) assert(there.has(from), `${from} is lost; WICK_SEED=${SEED}`);
  },
);

Deno.test(
  "RedisStreams: a given up append that arrives late is not carried out",
  redis,
  async () => {
    await using server = await RedisServer.start();
    await using proxy = new TcpProxy(server.port);
    await using streams = streamsAt(`redis://127.0.0.1:${proxy.port}`, { patienceMs: 200 });
    await streams.append([candles(S, 0, 1)]);
    proxy.hold();
    const error = await assertRejects(() => streams.append([candles(S, 1, 1)]), LogError);
    assertEquals([error.code, streams.status.state], ["away", "away"]);
    await until(async () => (await streams.append([candles(S, 2, 1)])).state === "appended");
    await proxy.release();
    assertEquals(textOf(await lying(streams, 3)), textOf([candles(S, 0, 1), candles(S, 2, 1)]));
    assertEquals(streams.status.state, "ok");
  },
);

Deno.test("RedisStreams: an append whose answer was lost is there once", redis, async () => {
  await using server = await RedisServer.start();
  await using proxy = new TcpProxy(server.port);
  await using streams = streamsAt(`redis://127.0.0.1:${proxy.port}`);
  await streams.append([candles(S, 0, 1)]);
  proxy.mute();
  const appended = await Promise.all([1, 2].map((from) => streams.append([candles(S, from, 1)])));
  assertEquals(appended, [{ state: "appended" }, { state: "appended" }]);
  assertEquals(textOf(await lying(streams, 3)), textOf([candles(S, 0, 3)]));
  assertEquals((await streams.backlog([3]))[0]?.entries, 2);
});

Deno.test(
  "RedisStreams: while Redis is away appends are refused at once, and reads fail",
  redis,
  async () => {
    await using server = await RedisServer.start();
    await using streams = streamsAt(server.url, { patienceMs: 100 });
    await streams.append([candles(S, 0, 1)]);
    await pause(systemClock, 1_000);
    await server.kill();
    await assertRejects(() => streams.append([candles(S, 1, 1)]), LogError);
    const fromMs = systemClock.now();
    await assertRejects(() => streams.append([candles(S, 1, 1)]), LogError);
    assertLess(systemClock.now() - fromMs, 50);
    await assertRejects(() => streams.read(new Map([[3, null]]), 0), LogError);
    await server.start();
    await until(async () => (await streams.append([candles(S, 2, 1)])).state === "appended");
    assertEquals(textOf(await lying(streams, 3)), textOf([candles(S, 2, 1)]));
  },
);

Deno.test(
  "RedisStreams: a server that lost everything is read from its new beginning",
  redis,
  async () => {
    await using server = await RedisServer.start();
    await using streams = streamsAt(server.url);
    for (let i = 0; i < 5; i++) await streams.append([candles(S, 100 * i, 100)]);
    const [page] = await streams.read(new Map([[3, null]]), 0);
    await server.kill();
    await server.empty();
    await server.start();
    await until(async () => (await streams.append([candles(S, 500, 1)])).state === "appended");
    const [next] = await streams.read(new Map([[3, page?.place ?? ""]]), 2_000);
    assertEquals(textOf(next?.blocks ?? []), textOf([candles(S, 500, 1)]));
  },
);

Deno.test("RedisStreams: what is not heard of is found, later", redis, async () => {
  await using server = await RedisServer.start();
  await using reader = streamsAt(server.url, { fullRoundMs: 100 });
  await using appender = streamsAt(server.url);
  const places = new Map<number, StreamPlace | null>([[3, null]]);
  assertEquals(await reader.read(places, 50), []);
  for (let i = 0; i < 3; i++) {
    await server.command("CLIENT", "KILL", "TYPE", "pubsub");
    await appender.append([candles(S, i, 1)]);
    const [page] = await reader.read(places, 5_000);
    assertEquals(textOf(page?.blocks ?? []), textOf([candles(S, i, 1)]));
    places.set(3, page?.place ?? null);
  }
});

Deno.test(
  "RedisStreams: pages are as long as is wished, and at least an entry",
  redis,
  async () => {
    await using server = await RedisServer.start();
    await using appender = streamsAt(server.url);
    for (let i = 0; i < 6; i++) await appender.append([candles(S, 50 * i, 50)]);
    const pages = async (pageBytes: number) => {
      await using reader = streamsAt(server.url, { pageBytes });
      const places = new Map<number, StreamPlace | null>([[3, null]]);
      const entries: number[] = [];
      for (;;) {
        const [page] = await reader.read(places, 0);
        if (page === undefined) return entries;
        places.set(3, page.place);
        entries.push(page.entries);
      }
    };
    // Each entry has 50 rows of 48 bytes, and some more for its head.
    assertEquals(await pages(1_000), [1, 1, 1, 1, 1, 1]);
    assertEquals(await pages(5_500), [2, 2, 2]);
    assertEquals(await pages(100_000), [6]);
  },
);

Deno.test("RedisStreams: without memory Redis is full, and has room again", redis, async () => {
  await using server = await RedisServer.start();
  await using streams = streamsAt(server.url);
  await streams.append([candles(S, 0, 1)]);
  await server.command("CONFIG", "SET", "maxmemory", "1");
  assertEquals(await streams.append([candles(S, 1, 1)]), { state: "full", partitions: [3] });
  await server.command("CONFIG", "SET", "maxmemory", "0");
  assertEquals(await streams.append([candles(S, 1, 1)]), { state: "appended" });
});

Deno.test(
  "RedisStreams: what belongs to a stream is made anew when it is lost",
  redis,
  async () => {
    await using server = await RedisServer.start();
    await using streams = streamsAt(server.url, { waitingBytes: 30_000 });
    await streams.append([candles(S, 0, 200)]);
    const [before] = await streams.backlog([3]);
    await server.command("DEL", "t:{p3}:state", "t:{p3}:writers");
    await streams.append([candles(S, 200, 1)]);
    const [after] = await streams.backlog([3]);
    assertGreater(after?.bytes ?? 0, before?.bytes ?? 0);
    assertLess(after?.bytes ?? 0, 2 * (before?.bytes ?? 0));
    assertEquals((await streams.append([candles(S, 201, 500)])).state, "full");
    assertEquals(textOf(await lying(streams, 3)), textOf([candles(S, 0, 201)]));
  },
);

Deno.test(
  "RedisStreams: an id of the future that somebody else wrote does not stop appends",
  redis,
  async () => {
    await using server = await RedisServer.start();
    await using streams = streamsAt(server.url);
    await streams.append([candles(S, 0, 1)]);
    await server.command("XADD", "t:{p3}:in", "9000000000000-5", "x", "foreign");
    assertEquals(await streams.append([candles(S, 1, 1)]), { state: "appended" });
    assertEquals(textOf(await lying(streams, 3)), textOf([candles(S, 0, 2)]));
    await server.command("DEL", "t:{p3}:in");
    await server.command("SET", "t:{p3}:in", "no stream");
    await using other = streamsAt(server.url, { patienceMs: 100 });
    const error = await assertRejects(() => other.append([candles(S, 2, 1)]), LogError);
    assert(error.message.includes("WRONGTYPE"), error.message);
  },
);

Deno.test("RedisStreams: appenders that are gone are forgotten", redis, async () => {
  await using server = await RedisServer.start();
  const old = Array.from({ length: 130 }, (_, i) => [`s${i}`, `9:${i}`]).flat();
  await server.command("HSET", "t:{p3}:writers", ...old);
  await using streams = streamsAt(server.url);
  await streams.append([candles(S, 0, 1)]);
  assertEquals(await server.command("HLEN", "t:{p3}:writers"), ":1");
});

Deno.test("RedisStreams: a prefix with braces would put all partitions in one slot", () => {
  assertThrows(() => streamsAt("redis://127.0.0.1:1", { prefix: "{t}" }), TypeError);
});

Deno.test(
  "RedisStreams on a Cluster: a master that dies is replaced, the others go on",
  redis,
  async () => {
    await using cluster = await RedisCluster.start(6);
    await using streams = streamsAt(cluster.url, { patienceMs: 500 });
    const all = Array.from({ length: 32 }, (_, partition) => seriesOf(partition, 1)[0] as string);
    await streams.append(all.map((series) => candles(series, 0, 1)));
    const dying = await cluster.masterOf("t:{p3}:in");
    // What was not replicated would be lost, which is Redis' own promise.
    await pause(systemClock, 300);
    await dying.kill();
    const outcomes = await Promise.allSettled(
      all.map((series) => streams.append([candles(series, 1, 1)])),
    );
    assertGreater(outcomes.filter(({ status }) => status === "fulfilled").length, 10);
    await until(async () => (await streams.append([candles(S, 2, 1)])).state === "appended");
    for (const partition of [3, 4, 5, 6, 7, 8]) {
      const times = new Set((await lying(streams, partition)).flatMap(({ volume }) => [...volume]));
      assert(times.has(0), `partition ${partition}`);
    }
    assert((await lying(streams, 3)).some(({ volume }) => volume.includes(2)));
  },
);
