/** The kline feed against an exchange that misbehaves: no hole, no double, whatever goes wrong. */

import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { instrumentOfPair, klineFeed } from "../../src/feed/kline.ts";
import { FEED_IDLE_MS, type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { concatCandles } from "../../src/market/block.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { startWick } from "../../actors/tree.ts";
import { pause, systemClock } from "../../src/actor/clock.ts";
import { assertStoreHolds } from "../actors/support.ts";
import { JumpClock } from "../support/kline_server.ts";
import { testFeed } from "./conformance.ts";
import {
  BASE_MS,
  candlesOf,
  cellsOf,
  Exchange,
  MINUTE_MS,
  minutesOf,
  notesOf,
  range,
  readMinutes,
  until,
} from "./kline_rig.ts";
import { CALM, receivedIn } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`kline_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const BTC = "btcusdt@kline_1m";

/** A test with an exchange whose first bars go on. */
function test(name: string, run: (exchange: Exchange) => Promise<void>): void {
  Deno.test(`klineFeed() ${name}`, async () => {
    await using exchange = await Exchange.start(SEED);
    await run(exchange);
  });
}

/** Opens a feed that has begun at the bar that goes on; that bar's minute. */
async function begun(exchange: Exchange, source: ReturnType<Exchange["feed"]>): Promise<number> {
  await source.open(null);
  let batch: FeedBatch | null = null;
  while (batch === null) batch = await source.read(CALM);
  return exchange.nextMinute - 1;
}

/** Reads on into `batches` until it holds, and no longer than that. */
async function readUntil(
  { exchange, source, batches = [] }: {
    exchange: Exchange;
    source: FeedSource;
    batches?: FeedBatch[];
  },
  what: string,
  holds: () => boolean,
): Promise<void> {
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      const batch = await source.read(CALM);
      if (batch !== null) batches.push(batch);
    }
  })();
  try {
    await Promise.race([reading, until(what, holds)]);
  } finally {
    isOver = true;
    // A read that waits for more is over once its time is.
    exchange.clock.jump(FEED_IDLE_MS);
    await reading;
  }
}

/** A read for which there is nothing, whose wait is cut short. */
async function readNothing(exchange: Exchange, source: FeedSource): Promise<void> {
  const reading = source.read(CALM);
  // So long that what it might have asked for is asked for.
  await pause(systemClock, 50);
  exchange.clock.jump(FEED_IDLE_MS);
  assertEquals(await reading, null);
}

// ---- what every source promises -----------------------------------------------------------------------

{
  const exchange = await Exchange.start(1);
  const { server } = exchange;
  for (let i = -300; i < 0; i++) {
    for (const symbol of ["BTCUSDT", "ETHUSDT"]) {
      // Of one series alone: which series comes first is up to the answers.
      const bad = symbol === "BTCUSDT" && i % 31 === 0;
      const [open, high, low, close, volume] = cellsOf(i + 1_000);
      // No trades in some minutes.
      if (symbol === "ETHUSDT" && i % 17 < -12) continue;
      const cells = [open, bad ? "80" : high, low, close, volume] as const;
      server.add(symbol, "1m", BASE_MS + i * MINUTE_MS, cells);
      if (i % 5 === 0) server.add(symbol, "5m", BASE_MS + i * MINUTE_MS, cellsOf(i + 1_000));
    }
  }
  exchange.clock.jump(2 * MINUTE_MS);
  testFeed({
    name: "klineFeed()",
    create: () =>
      exchange.feed({
        symbols: [{ symbol: "BTCUSDT" }, { symbol: "ETHUSDT" }],
        granularities: ["M1", "M5"],
        rowsMax: 64,
        weightPerMinute: 6_000,
        startMs: BASE_MS - 300 * MINUTE_MS,
        endMs: BASE_MS,
      }),
    rowsMax: 64,
  });
  Deno.test.afterAll(() => exchange[Symbol.asyncDispose]());
}

// ---- live ---------------------------------------------------------------------------------------------

test("yields closed candles at once, and none that goes on", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  const ts = BASE_MS + first * MINUTE_MS;
  server.tell("BTCUSDT", "1m", ts, ["1", "1", "1", "1", "1"], false);
  const reading = readMinutes(source, 1);
  exchange.minute(first);
  const batches = await reading;
  assertEquals(minutesOf(batches), [first]);
  const [block] = batches.flatMap(({ blocks }) => blocks);
  assertEquals(block, candlesOf(first, first + 1, "BTC_USDT:M1"));
  assertEquals(server.calls.filter(({ path }) => path === "/api/v3/klines"), []);
});

test("asks for what is documented", async (exchange) => {
  await using source = exchange.feed({ startMs: BASE_MS - 10 * MINUTE_MS });
  exchange.silentMinute(-10);
  await source.open(null);
  await readUntil({ exchange, source }, "asked", () => exchange.server.calls.length > 1);
  assertEquals(exchange.server.calls[0]?.path, "/api/v3/time");
  assertEquals(exchange.server.calls[1], {
    path: "/api/v3/klines",
    symbol: "BTCUSDT",
    interval: "1m",
    startTime: BASE_MS - 10 * MINUTE_MS,
    limit: 1_000,
  });
});

test("answers pings", async (exchange) => {
  await using source = exchange.feed();
  await begun(exchange, source);
  exchange.server.ping();
  await until("a pong", () => exchange.server.pongs === 1);
});

test("drops doubles and orders what comes out of order", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed({ settleMs: 20_000 });
  const first = await begun(exchange, source);
  const close = (i: number) => server.close("BTCUSDT", "1m", BASE_MS + i * MINUTE_MS, cellsOf(i));
  exchange.endOf(first + 3);
  for (const i of [0, 0, 2, 3, 2, 1, 0, 3]) close(first + i);
  const batches = await readMinutes(source, 4);
  exchange.minute(first + 4);
  batches.push(...await readMinutes(source, 1));
  assertEquals(minutesOf(batches), range(first, first + 5));
});

test("fetches a candle whose frame was lost, before those after it", async (exchange) => {
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.minute(first);
  exchange.silentMinute(first + 1);
  exchange.minute(first + 2);
  exchange.clock.jump(4_000);
  const batches = await readMinutes(source, 3);
  assertEquals(minutesOf(batches), range(first, first + 3));
  assertEquals(notesOf(batches), []);
});

// ---- what is no kline ---------------------------------------------------------------------------------

test("refuses damaged frames and fetches what they may have been", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  const ts = BASE_MS + first * MINUTE_MS;
  exchange.silentMinute(first);
  const frame = () => server.frame("BTCUSDT", "1m", ts, cellsOf(first), true);
  const k = (change: Record<string, unknown>) => {
    const { stream, data } = frame();
    return JSON.stringify({ stream, data: { ...data, k: { ...data.k, ...change } } });
  };
  const texts = [
    JSON.stringify(frame()).slice(0, 50),
    "[]",
    "7",
    "{}",
    "x".repeat(100_000),
    JSON.stringify({ ...frame(), stream: "ethusdt@kline_1m" }),
    JSON.stringify({ ...frame(), data: null }),
    JSON.stringify({ ...frame(), data: { e: "kline" } }),
    k({ x: "true" }),
    k({ s: "ETHUSDT" }),
    k({ i: "5m" }),
    k({ t: ts + 1, T: ts + MINUTE_MS }),
    k({ t: `${ts}` }),
    k({ T: ts + MINUTE_MS }),
    k({ t: ts + 600_000, T: ts + 660_000 - 1 }),
    k({ o: 100 }),
    k({ o: "0x10" }),
    k({ h: "1" }),
    k({ v: "-1" }),
    k({ c: undefined }),
  ];
  for (const text of texts) server.send(text);
  server.sendBytes(new Uint8Array([1, 2, 3]));
  // Events of other kinds are none of this feed's business.
  server.send(JSON.stringify({ stream: BTC, data: { e: "trade" } }));
  exchange.clock.jump(4_000);
  const batches = await readMinutes(source, 1);
  assertEquals(minutesOf(batches), [first]);
  const { rejections } = receivedIn(batches);
  assertEquals(rejections.length, texts.length + 1, rejections.join("\n"));
});

test("fails with what the server says against the subscription", async (exchange) => {
  await using source = exchange.feed();
  await begun(exchange, source);
  exchange.server.send(JSON.stringify({ error: { code: 2, msg: "Invalid request" }, id: null }));
  const error = await assertRejects(
    async () => {
      for (;;) await source.read(CALM);
    },
    FeedError,
    "the subscription was refused: 2 Invalid request",
  );
  assertEquals(error.code, "unreadable");
});

// ---- connections that end -----------------------------------------------------------------------------

test("fills what was missed, live candles meanwhile, without hole and double", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.minute(first);
  const before = await readMinutes(source, 1);
  server.disconnect(null);
  const error = await assertRejects(async () => {
    for (;;) await source.read(CALM);
  }, FeedError);
  assertEquals(error.code, "unreadable");
  for (let i = 1; i < 2_500; i++) exchange.silentMinute(first + i);
  exchange.clock.jump(5_000);
  server.delayMs = 50;
  await source.open(before.at(-1)?.cursor ?? "");
  const reading = readMinutes(source, 2_502);
  // While REST is asked: one that it has as well, and then new ones.
  await until("asked", () => server.calls.some(({ path }) => path === "/api/v3/klines"));
  for (let i = 2_498; i < 2_503; i++) exchange.minute(first + i);
  const after = await reading;
  assertEquals(minutesOf(after), range(first + 1, first + 2_503));
});

test("connects anew by itself after a day's connection ends", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.minute(first);
  const batches = await readMinutes(source, 1);
  exchange.minute(first + 1);
  exchange.clock.jump(61_000);
  server.disconnect(1001);
  exchange.silentMinute(first + 3);
  for (const i of [2, 3]) {
    server.add("BTCUSDT", "1m", BASE_MS + (first + i) * MINUTE_MS, cellsOf(first + i));
  }
  exchange.clock.jump(4_000);
  batches.push(...await readMinutes(source, 3));
  assertEquals(minutesOf(batches), range(first, first + 4));
  assertEquals(source.detail?.().reconnects, 1);
  await readUntil({ exchange, source }, "connected", () => server.connections === 1);
  assertEquals(server.accepted, 2);
  // The same when the server says so before.
  exchange.clock.jump(61_000);
  server.send(JSON.stringify({ e: "serverShutdown", E: server.nowMs }));
  await readUntil(
    { exchange, source },
    "connected",
    () => server.accepted === 3 && server.connections === 1,
  );
});

test("takes a silent connection for dead, but not one on which nobody trades", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed({ silenceMs: 200 });
  await begun(exchange, source);
  const untilMs = performance.now() + 700;
  while (performance.now() < untilMs) await source.read(CALM);
  server.isStalled = true;
  await assertRejects(
    async () => {
      for (;;) await source.read(CALM);
    },
    FeedError,
    "no frame for",
  );
});

test("fails to open while the exchange is away, and goes on when it is back", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.minute(first);
  const [batch] = await readMinutes(source, 1);
  await server.stop();
  const error = await assertRejects(() => source.open(batch?.cursor ?? ""), FeedError);
  assertEquals(error.code, "unreadable");
  exchange.silentMinute(first + 1);
  exchange.clock.jump(4_000);
  await server.start();
  await source.open(batch?.cursor ?? "");
  assertEquals(minutesOf(await readMinutes(source, 1)), [first + 1]);
});

// ---- REST ---------------------------------------------------------------------------------------------

for (const status of [429, 418]) {
  test(`waits as long as it is told to by ${status}, live candles meanwhile`, async (exchange) => {
    const { server } = exchange;
    await using source = exchange.feed({
      symbols: [{ symbol: "BTCUSDT" }, { symbol: "ETHUSDT" }],
    });
    const first = await begun(exchange, source);
    exchange.silentMinute(first, ["BTCUSDT"]);
    exchange.minute(first, ["ETHUSDT"]);
    exchange.clock.jump(4_000);
    server.statuses.push({ status, retryAfter: "30" });
    const batches = await readMinutes(source, 1, "ETH_USDT:M1");
    await readUntil({ exchange, source, batches }, "told", () => notesOf(batches).length > 0);
    assertMatch(notesOf(batches)[0] ?? "", new RegExp(`status ${status}; again in (29|30) s`));
    const calls = server.calls.length;
    exchange.clock.jump(20_000);
    await readNothing(exchange, source);
    assertEquals(server.calls.length, calls);
    exchange.clock.jump(11_000);
    batches.push(...await readMinutes(source, 1));
    assertEquals(minutesOf(batches), [first]);
    assertEquals(minutesOf(batches, "ETH_USDT:M1"), [first]);
  });
}

test("makes do with answers that are late, broken or lack the newest", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed({ timeoutMs: 100, absentMs: 86_400_000 });
  const first = await begun(exchange, source);
  server.delayMs = 200;
  exchange.silentMinute(first);
  exchange.clock.jump(4_000);
  const batches: FeedBatch[] = [];
  const failing = [
    () => server.delayMs = 0,
    () => server.statuses.push({ status: 200, body: "[[" }),
    () => server.statuses.push({ status: 200, body: '{"a":1}' }),
    () => server.statuses.push({ status: 503 }),
    () => server.statuses.push({ status: 302 }),
    () => server.faults.lag = 1,
  ];
  const failures = () => Number(source.detail?.().restFailures);
  const asked = () => server.calls.filter(({ path }) => path === "/api/v3/klines").length;
  const answered = () => Number(source.detail?.().restCalls);
  await readUntil({ exchange, source, batches }, "late", () => failures() === 1);
  for (const [i, fail] of failing.entries()) {
    const before = { asked: asked(), answered: answered() };
    fail();
    if (i === 0) continue;
    exchange.clock.jump(120_000);
    await readUntil(
      { exchange, source, batches },
      `failure ${i}`,
      () =>
        failures() === i + 1 ||
        (server.faults.lag > 0 && asked() > before.asked && answered() > before.answered),
    );
  }
  assertEquals(minutesOf(batches), []);
  server.faults.lag = 0;
  exchange.clock.jump(120_000);
  batches.push(...await readMinutes(source, 1));
  assertEquals(minutesOf(batches), [first]);
});

test("stays within the weight that it may use", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed({ weightPerMinute: 6, startMs: BASE_MS - 5_000 * MINUTE_MS });
  for (let i = -5_000; i < 0; i++) {
    server.add("BTCUSDT", "1m", BASE_MS + i * MINUTE_MS, cellsOf(i + 10_000));
  }
  await source.open(null);
  await readMinutes(source, 2_000);
  for (let i = 0; i < 3; i++) await readNothing(exchange, source);
  assertEquals(server.calls.length, 3);
  // What others used of the address counts as well.
  server.usedWeight = 5_000;
  exchange.clock.jump(61_000);
  await readMinutes(source, 1_000);
  await readNothing(exchange, source);
  assertEquals(server.calls.length, 4);
});

test("goes on without a symbol that the exchange does not know", async (exchange) => {
  await using source = exchange.feed({ symbols: [{ symbol: "BTCUSDT" }, { symbol: "NONEUSDT" }] });
  const first = await begun(exchange, source);
  const batches: FeedBatch[] = [];
  for (let i = 0; i < 100; i++) {
    exchange.minute(first + i);
    if (i === 1) exchange.clock.jump(4_000);
    batches.push(...await readMinutes(source, 1));
    if (i === 1) {
      await readUntil({ exchange, source, batches }, "told", () => notesOf(batches).length > 0);
    }
  }
  assertEquals(minutesOf(batches), range(first, first + 100));
  assertEquals(notesOf(batches).filter((note) => note.includes("symbol")), [
    "the exchange does not know the symbol NONEUSDT: the others go on without it",
  ]);
  assertEquals(source.detail?.().unknownSymbols, 1);
});

test("takes minutes without trades for no error, and one that comes late all the same", async (exchange) => {
  const { server } = exchange;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.minute(first);
  // Nothing for two minutes; then a candle that shows that there was nothing.
  exchange.minute(first + 3);
  exchange.clock.jump(4_000);
  const batches = await readMinutes(source, 2);
  assertEquals(minutesOf(batches), [first, first + 3]);
  assertEquals(receivedIn(batches).rejections, []);
  server.close("BTCUSDT", "1m", BASE_MS + (first + 2) * MINUTE_MS, cellsOf(first + 2));
  server.close("BTCUSDT", "1m", BASE_MS + (first + 3) * MINUTE_MS, cellsOf(first + 3));
  batches.push(...await readMinutes(source, 1));
  assertEquals(minutesOf(batches), [first, first + 3, first + 2]);
});

test("keeps to the exchange's time, whatever this machine's clock says", async (exchange) => {
  exchange.clock.skewMs -= 3_600_000;
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.silentMinute(first);
  exchange.clock.jump(4_000);
  assertEquals(minutesOf(await readMinutes(source, 1)), [first]);
  const behindMs = -Number(source.detail?.().clockAheadMs);
  assertLessOrEqual(Math.abs(behindMs - 3_600_000), 5_000);
});

// ---- series, cursors ------------------------------------------------------------------------------------

test("holds back what is more than 63 bars ahead, and has room for it in the cursor", async (exchange) => {
  const { server } = exchange;
  const symbols = [{ symbol: "BTCUSDT" }, { symbol: "ETHUSDT" }];
  await using source = exchange.feed({ symbols, startMs: BASE_MS - 100 * MINUTE_MS });
  for (let i = -100; i < 0; i++) {
    server.add("BTCUSDT", "1m", BASE_MS + i * MINUTE_MS, cellsOf(i + 1_000));
  }
  exchange.clock.jump(4_000);
  // ETHUSDT has nothing at all, and its minutes count as empty only one after their end.
  await source.open(null);
  const batches = await readMinutes(source, 100);
  assertEquals(minutesOf(batches), range(-100, 0));
  for (const { cursor } of batches) assertLessOrEqual(cursor.length, 256);
  await using other = exchange.feed({ symbols, startMs: BASE_MS - 100 * MINUTE_MS });
  await other.open(batches[0]?.cursor ?? "");
  const rest = await readMinutes(other, 100 - minutesOf(batches.slice(0, 1)).length);
  assertEquals(minutesOf([...batches.slice(0, 1), ...rest]), range(-100, 0));
});

test("goes on from its time when its series changed", async (exchange) => {
  await using source = exchange.feed();
  const first = await begun(exchange, source);
  exchange.minute(first, ["BTCUSDT", "ETHUSDT"]);
  const batches = await readMinutes(source, 1);
  exchange.silentMinute(first + 1, ["BTCUSDT", "ETHUSDT"]);
  exchange.clock.jump(4_000);
  await using other = exchange.feed({ symbols: [{ symbol: "ETHUSDT" }, { symbol: "BTCUSDT" }] });
  await other.open(batches.at(-1)?.cursor ?? "");
  const rest = await readMinutes(other, 1);
  rest.push(...await readMinutes(other, 1 - minutesOf(rest, "ETH_USDT:M1").length, "ETH_USDT:M1"));
  assertEquals(minutesOf(rest), [first + 1]);
  assertEquals(minutesOf(rest, "ETH_USDT:M1"), [first + 1]);
  assertMatch(notesOf(rest)[0] ?? "", /^the series of the feed changed/);
});

Deno.test("instrumentOfPair() parts base and quote", () => {
  const pairs = {
    BTCUSDT: "BTC_USDT",
    ETHBTC: "ETH_BTC",
    "1000SATSFDUSD": "1000SATS_FDUSD",
    EURUSDT: "EUR_USDT",
    USDTTRY: "USDT_TRY",
    BTC_USDT: "BTC_USDT",
    USDT: null,
    XYZ: null,
  };
  for (const [symbol, expected] of Object.entries(pairs)) {
    assertEquals(instrumentOfPair(symbol), expected);
  }
});

Deno.test("klineFeed() refuses options that cannot work", () => {
  const symbols = [{ symbol: "BTCUSDT" }];
  for (
    const options of [
      { symbols: [] },
      { symbols: [{ symbol: "btcusdt" }] },
      { symbols: [{ symbol: "XYZ" }] },
      { symbols: [{ symbol: "BTCUSDT" }, { symbol: "BTCUSDC", instrument: "BTC_USDT" }] },
      { symbols: [{ symbol: "BTCUSDT" }, { symbol: "BTCUSDT", instrument: "BTC" }] },
      { symbols: range(0, 101).map((i) => ({ symbol: `A${i}USDT` })) },
      { symbols, wsUrl: "http://127.0.0.1" },
      { symbols, wsUrl: "ws://user:secret@127.0.0.1" },
      { symbols, restUrl: "ftp://127.0.0.1" },
      { symbols, klinesPath: "//example.org/klines" },
      { symbols, silenceMs: 1 },
      { symbols, absentMs: 1_000 },
      { symbols, endMs: -1 },
      { symbols, rowsMax: 0 },
    ]
  ) assertThrows(() => klineFeed(new JumpClock(), options), FeedError, "Cannot set up");
});

// ---- the whole tree -----------------------------------------------------------------------------------

/**
 * Minutes that a tree misses before the exchange goes on: one that is cut off at the first frames
 * would be away for all the rest, since a second of its pause is hours of the exchange.
 */
const AWAY_MINUTES = 20;

Deno.test("a tree on klines of an exchange that misbehaves holds what a batch run computes", async () => {
  await using exchange = await Exchange.start(SEED);
  const { server, clock } = exchange;
  const names = ["BTCUSDT", "ETHUSDT"];
  const symbols = names.map((symbol) => ({ symbol }));
  const backend = new MemoryStore();
  const wick = await startWick({
    store: { kind: "open", backend },
    workers: 1,
    feeds: [{
      name: "feed",
      source: () => exchange.feed({ symbols, weightPerMinute: 6_000, settleMs: 1_000 }),
    }],
    system: { log: () => {} },
  });
  try {
    const status = () => wick.feed("feed").ask("status", {});
    const resume = async () => {
      if ((await status()).state === "waiting") await wick.feed("feed").ask("resume", {});
    };
    await until("begun", async () => (await status()).cursor !== null);
    const first = exchange.nextMinute - 1;
    Object.assign(server.faults, {
      ...{ drop: 0.05, double: 0.05, swap: 0.05, half: 0.03, wrong: 0.03, cut: 0.01, close: 0.01 },
      ...{ limit: 0.1, broken: 0.1, lag: 0.2 },
    });
    const end = first + 240;
    let awayMinutes = 0;
    for (let i = first; i < end; i++) {
      exchange.minute(i, names);
      if (i === first + 120) {
        await server.stop();
        await server.start();
      }
      // Bars of a minute in some milliseconds, so that the feed is still at the one before at times.
      await new Promise((resolve) => setTimeout(resolve, i % 5 === 0 ? 20 : 1));
      awayMinutes = server.connections === 0 ? awayMinutes + 1 : 0;
      if (awayMinutes < AWAY_MINUTES) continue;
      await until("connected", async () => {
        await resume();
        return server.connections > 0;
      });
      awayMinutes = 0;
    }
    Object.assign(server.faults, { limit: 0, broken: 0, lag: 0 });
    const lastTs = BASE_MS + end * MINUTE_MS;
    await until("all committed", async () => {
      clock.jump(1_000);
      await resume();
      return Number((await status()).detail.watermarkTs) > lastTs;
    });
    await until("quiet", async () => (await status()).underWay === 0);
    const blocks = ["BTC_USDT:M1", "ETH_USDT:M1"].map((series) => candlesOf(first, end, series));
    await assertStoreHolds(
      backend,
      [blocks.map((block) => concatCandles([block]))],
      DEFAULT_PARAMS,
    );
    const { retries, rejected, detail } = await status();
    const returns = retries + Number(detail.reconnects);
    assert(returns > 0 && rejected > 0, `${returns} returns, ${rejected} rejected`);
  } finally {
    await wick.system.stop();
  }
});
