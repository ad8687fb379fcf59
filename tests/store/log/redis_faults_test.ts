/** The log in Redis when servers are killed, emptied, full, replaced, or lied to. */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { packCommit } from "../../../src/store/commit_codec.ts";
import { memoryHome } from "../../../src/store/log/copy.ts";
import { logKeys } from "../../../src/store/log/keys.ts";
import { type Appended, LogError, type SharedLog } from "../../../src/store/log/port.ts";
import type { RedisLog } from "../../../src/store/log/redis_log.ts";
import { Chance, SEED } from "../../label/support.ts";
import { RedisServer } from "../../support/redis.ts";
import { RedisCluster } from "../../support/redis_cluster.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { all, batch, candle, candles, part } from "../support.ts";
import { entry, node, own, ownedStore, redisLog, replicated } from "./support.ts";

const S = "EUR_USD:M1";
// Each entry is on the disk before it is answered.
const ALWAYS = { config: [["appendonly", "yes"], ["appendfsync", "always"]] } as const;
// The parser of the Redis client shrinks a pool of memory every 50 ms for a while after large replies.
const options = { ...serviceOrSkip("redis"), sanitizeOps: false, sanitizeResources: false };

const test = (name: string, fn: () => Promise<void>) => Deno.test(name, options, fn);
const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

function append(series: string, baseSeq: number, count = 2) {
  const rows = Array.from({ length: count }, (_, i) => candle((baseSeq + i) * 10, 100 + i));
  return batch(part(series, baseSeq, { append: all(candles(series, rows)) }));
}

/** Every entry of a log. */
async function everything(log: SharedLog) {
  const found = [];
  for (let at = 0;;) {
    const page = await log.between(at, Infinity);
    if (page.length === 0) return found;
    found.push(...page);
    at += page.length;
  }
}

async function until(isSo: () => boolean | Promise<boolean>, limitMs = 20_000) {
  const untilMs = performance.now() + limitMs;
  while (!await isSo()) {
    assert(performance.now() < untilMs, "not in time");
    await pause(5);
  }
}

/**
 * Appends with up to 32 under way, a number again whenever nothing of it was appended, until it is
 * told to end. Says how many numbers it had.
 */
async function pump(log: RedisLog, writer: string, isOver: () => boolean) {
  const answers = new Map<number, Appended>();
  let number = 0;
  const waiting = new Set<Promise<void>>();
  while (!isOver()) {
    const current = ++number;
    const one = log.append(entry(writer, current)).then(
      (appended) => void answers.set(current, appended),
      (error) => assertEquals((error as LogError).code, "away"),
    ).finally(() => waiting.delete(one));
    waiting.add(one);
    if (waiting.size >= 32) await Promise.race(waiting);
  }
  await Promise.all(waiting);
  return answers;
}

/** What was answered is there once and in order; what was not appended, as was said, is not there. */
async function assertOnce(log: RedisLog, answers: Map<number, Appended>) {
  const entries = await everything(log);
  const numbers = entries.map(({ number }) => number);
  assertEquals(numbers, numbers.toSorted((a, b) => a - b), `WICK_SEED=${SEED}`);
  assertEquals(numbers, [...answers.keys()].toSorted((a, b) => a - b), `WICK_SEED=${SEED}`);
  for (const { position, number } of entries) {
    const answer = answers.get(number);
    if (answer?.state === "appended") assertEquals(answer.position, position);
    else assertEquals(answer?.state, "known");
  }
  assertEquals((await log.view()).position, entries.length);
}

test("RedisLog: kill -9 while appends are under way leaves each there once, in order", async () => {
  const chance = new Chance(SEED);
  await using server = await RedisServer.start(ALWAYS);
  await using log = redisLog(server.url);
  await log.meet(null);
  let isOver = false;
  const pumped = pump(log, "w", () => isOver);
  for (let kill = 0; kill < 8; kill++) {
    await pause(chance.int(20, 150));
    await server.kill();
    await pause(chance.int(0, 100));
    await server.start();
  }
  await until(() => log.status.state === "ok");
  await pause(50);
  isOver = true;
  const answers = await pumped;
  assertGreater(answers.size, 100);
  await assertOnce(log, answers);
});

test("ReplicatedStore: commits over kill -9 of Redis are done once on every copy", async () => {
  const chance = new Chance(SEED);
  await using server = await RedisServer.start(ALWAYS);
  const first = await ownedStore(redisLog(server.url), memoryHome(), { session: "s1" });
  const second = await replicated(redisLog(server.url), memoryHome(), { session: "s2" });
  let isOver = false;
  const series = ["A:M1", "B:M1", "C:M1", "D:M1"];
  const counts = await Promise.all([
    Promise.all(series.map(async (key) => {
      let count = 0;
      while (!isOver) {
        const result = await first.commit([append(key, count, 3)]);
        if (result.state === "committed") count += 3;
        else {
          assertEquals(result.code, "busy", result.message);
          await pause(10);
        }
      }
      return count;
    })),
    (async () => {
      for (let kill = 0; kill < 5; kill++) {
        await pause(chance.int(50, 200));
        await server.kill();
        // What is under way waits; what never left is refused after a second.
        if (kill === 2) {
          await until(() => second.info().log?.state === "away");
          const refused = await second.putRecord("k", "1", "1");
          assertEquals(refused.state === "refused" && refused.code, "busy");
        }
        await pause(chance.int(0, 100));
        await server.start();
      }
      await pause(300);
      isOver = true;
    })(),
  ]);
  await second.caughtUp(first.applied);
  for (const store of [first, second]) {
    assertEquals(store.series().map(({ count }) => count), counts[0]);
    for (const [i, key] of series.entries()) {
      const { ts } = store.candles(key, 0, Infinity, Infinity);
      assertEquals([...ts], Array.from({ length: counts[0]?.[i] ?? 0 }, (_, at) => at * 10));
    }
  }
  assertEquals(first.seq, second.seq);
  await Promise.all([first.close(), second.close()]);
});

test("RedisLog on a Cluster: appends go on at the replica when the master is killed", async () => {
  await using cluster = await RedisCluster.start(6, ALWAYS);
  await using log = redisLog(cluster.url, { waitReplicas: 1 });
  await using reader = redisLog(cluster.url);
  await log.meet(null);
  await reader.meet(null);
  let isOver = false;
  const read: number[] = [];
  const reading = (async () => {
    while (!isOver || read.length < (await log.view()).position) {
      try {
        for (const { position } of await reader.read(read.length, 200)) read.push(position);
      } catch (error) {
        assertEquals((error as LogError).code, "away");
        await pause(20);
      }
    }
  })();
  const pumped = pump(log, "w", () => isOver);
  await pause(200);
  const before = (await log.view()).position;
  const master = await cluster.masterOf(logKeys("wick").meta);
  await master.kill();
  await until(async () => ((await log.view().catch(() => null))?.position ?? 0) > before);
  // The killed one comes back as the replica, so that there is one to wait for.
  await master.start();
  await until(() => log.status.state === "ok");
  await pause(500);
  isOver = true;
  const answers = await pumped;
  await assertOnce(log, answers);
  assertGreater((await log.view()).position, before);
  await reading;
  assertEquals(read, read.map((_, i) => i + 1));
});

test("RedisLog: an emptied server is not written to", async () => {
  await using server = await RedisServer.start();
  const store = await ownedStore(redisLog(server.url), memoryHome());
  assertEquals((await store.commit([append(S, 0)])).state, "committed");
  await server.command("FLUSHALL");
  await assertRejects(() => store.commit([append(S, 2)]), LogError, "nothing was changed");
  const after = await store.commit([append(S, 2)]);
  assertEquals(after.state === "refused" && after.code, "broken");
  assertEquals([store.seq, store.info().log?.state], [1, "stopped"]);
  assertEquals(await server.command("DBSIZE"), ":0");
  await store.close();
});

test("RedisLog: a server that comes back empty, or with another log, is not written to", async () => {
  for (const isOther of [false, true]) {
    await using server = await RedisServer.start();
    await using log = redisLog(server.url);
    const { log: id } = await log.meet(null);
    await log.append(entry("w", 1));
    await server.kill();
    await server.empty();
    await server.start();
    if (isOther) {
      await using other = redisLog(server.url);
      await other.meet(null);
      await other.append(entry("x", 1));
    }
    await until(() => log.status.lastError?.includes("Cannot use the log") ?? false);
    const error = await assertRejects(() => log.append(entry("w", 2)), LogError, id);
    assertEquals((error as LogError).code, "foreign");
    assertEquals(await server.command("DBSIZE"), isOther ? ":3" : ":0");
  }
});

test("RedisLog: a server that lost its end is not written to", async () => {
  await using server = await RedisServer.start();
  await using log = redisLog(server.url);
  await log.meet(null);
  await log.append(entry("w", 1));
  await server.command("SAVE");
  await log.append(entry("w", 2));
  await server.kill();
  await server.start();
  await until(() => log.status.lastError?.includes("lost its end") ?? false);
  const error = await assertRejects(() => log.append(entry("w", 3)), LogError, "lost its end");
  assertEquals((error as LogError).code, "foreign");
  await using other = redisLog(server.url);
  assertEquals((await other.meet(null)).position, 1);
});

test("RedisLog: entries that a server without memory refused come in order once it has some", async () => {
  await using server = await RedisServer.start();
  await using log = redisLog(server.url);
  await log.meet(null);
  await log.append(entry("w", 1));
  await server.command("CONFIG", "SET", "maxmemory", "1");
  const refused = await Promise.allSettled(
    [2, 3, 4].map((number) => log.append(entry("w", number))),
  );
  for (const one of refused) {
    assert(one.status === "rejected" && one.reason.code === "away");
    assert(one.reason.message.includes("nothing was appended"), one.reason.message);
  }
  await server.command("CONFIG", "SET", "maxmemory", "0");
  await Promise.all([5, 6, 7].map((number) => log.append(entry("w", number))));
  assertEquals((await everything(log)).map(({ number }) => number), [1, 5, 6, 7]);
});

test("RedisLog: a server that forgot the scripts is told them again", async () => {
  await using server = await RedisServer.start();
  await using log = redisLog(server.url);
  await log.meet(null);
  for (let number = 1; number <= 20; number++) {
    if (number % 4 === 0) await server.command("SCRIPT", "FLUSH");
    assertEquals((await log.append(entry("w", number))).state, "appended");
  }
  await server.command("SCRIPT", "FLUSH");
  await log.beat(node("n", "s"), 1_000);
  assertEquals((await everything(log)).length, 20);
});

test("RedisLog: a server that hangs is left, and nothing is doubled", async () => {
  await using server = await RedisServer.start();
  await using log = redisLog(server.url);
  await log.meet(null);
  await log.append(entry("w", 1));
  server.signal("SIGSTOP");
  const asked = [2, 3, 4].map((number) => log.append(entry("w", number)));
  await pause(5_500);
  server.signal("SIGCONT");
  const states = (await Promise.all(asked)).map(({ state }) => state);
  assert(states.every((state) => state === "appended" || state === "known"), states.join());
  assertEquals((await everything(log)).map(({ number }) => number), [1, 2, 3, 4]);
});

test("ReplicatedStore: what lies in the stream and is no entry stops it, and is left", async () => {
  await using server = await RedisServer.start();
  const { entries } = logKeys("wick");
  const hostile: string[][] = [
    ["x", "y"],
    ["w", "a", "n", "1", "k", "commit", "a", "1", "s", "", "c", "0", "b", "rubbish"],
    ["w", "a", "n", "1", "k", "never", "a", "1", "s", "", "c", "0", "b", "[]"],
    ["w", "a", "n", "NaN", "k", "put", "a", "1", "s", "", "c", "0", "b", "[]"],
    ["w", "a", "n", "1", "k", "put", "a", "1", "s", "", "c", "0", "b", '["a","b",3]'],
  ];
  for (const fields of hostile) {
    await server.command("FLUSHALL");
    const store = await ownedStore(redisLog(server.url), memoryHome());
    await store.commit([append(S, 0)]);
    await server.command("XADD", entries, "2-0", ...fields);
    assertEquals((await store.stopped).code, "foreign", fields.join(" "));
    assertEquals(store.seq, 1);
    const refused = await store.putRecord("k", "1", "1");
    assertEquals(refused.state === "refused" && refused.code, "broken");
    await store.close();
    assertEquals(await server.command("XLEN", entries), ":2");
  }
});

test("RedisLog: a key that is none of the log's is left as it is", async () => {
  await using server = await RedisServer.start();
  const { meta, entries } = logKeys("wick");
  await server.command("SET", meta, "mine");
  await using log = redisLog(server.url);
  const error = await assertRejects(() => log.meet(null), LogError);
  assertEquals((error as LogError).code, "foreign");
  assertEquals((await server.lines("GET", meta))[1], "mine");
  await server.command("DEL", meta);
  await server.command("SET", entries, "mine");
  await using second = redisLog(server.url);
  assertEquals(
    (await assertRejects(() => second.meet(null), LogError) as LogError).code,
    "foreign",
  );
  assertEquals(await server.command("EXISTS", meta), ":0");
});

test("RedisLog: user and password are used, and never said", async () => {
  await using server = await RedisServer.start();
  await server.command("CONFIG", "SET", "requirepass", "geheim");
  const right = server.url.replace("://", "://default:geheim@");
  await using log = redisLog(right);
  await log.meet(null);
  assertEquals((await log.append(entry("w", 1))).state, "appended");
  await using wrong = redisLog(server.url.replace("://", "://default:falsch@"));
  const error = await assertRejects(() => wrong.meet(null), LogError);
  assert(!JSON.stringify([error.message, wrong.status]).includes("falsch"), error.message);
});

test("RedisLog with its fence off lets a stale owner append", async () => {
  await using server = await RedisServer.start();
  const store = await ownedStore(redisLog(server.url, { fence: "off" }), memoryHome(), {
    session: "s1",
  });
  await using way = redisLog(server.url);
  await way.meet(null);
  await way.leave("s1");
  assertEquals((await store.commit([append(S, 0)])).state, "committed");
  await store.close();
});

test("ReplicatedStore: two nodes that both commit read only what they lack", async () => {
  await using server = await RedisServer.start();
  const first = await replicated(redisLog(server.url), memoryHome(), { session: "s1" });
  const second = await replicated(redisLog(server.url), memoryHome(), { session: "s2" });
  await using way = redisLog(server.url);
  await way.meet(null);
  await way.beat(node("n1", "s1"), 600_000);
  await way.beat(node("n2", "s2"), 600_000);
  const half = (odd: number) => Array.from({ length: 128 }, (_, i) => 2 * i + odd);
  await own(way, first, "s1", half(0));
  await own(way, second, "s2", half(1));
  const series = Array.from({ length: 40 }, (_, i) => `S${i}:M1`);
  const commit = async (key: string) => {
    for (let at = 0; at < 20; at += 2) {
      const results = await Promise.all(
        [first, second].map((store) => store.commit([append(key, at)])),
      );
      assertEquals(results.map(({ state }) => state).toSorted(), ["committed", "refused"]);
    }
  };
  await Promise.all(series.map(commit));
  const { position } = await way.view();
  assertEquals(position, 400);
  await Promise.all([first.caughtUp(position), second.caughtUp(position)]);
  assertEquals(first.series(), second.series());
  assertEquals([first.seq, second.seq], [400, 400]);
  assertGreater(packCommit([append(S, 0)]).length, 100);
  await Promise.all([first.close(), second.close()]);
});
