/** The second tier in Redis: the conformance suite, and what only a shared server does. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { seededRandom, systemClock } from "../../../src/actor/clock.ts";
import { InvalidationLog } from "../../../src/store/cache/invalidation_log.ts";
import { RedisTier, type RedisTierOptions } from "../../../src/store/cache/redis_tier.ts";
import { RedisServer } from "../../support/redis.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { tierConformance } from "./conformance.ts";
import { entry, read } from "./support.ts";

const { ignore } = serviceOrSkip("redis");
const random = seededRandom(1);

function openTier(url: string, given: Partial<RedisTierOptions> = {}) {
  const log = new InvalidationLog(systemClock);
  // A machine that is busy with other things must not look like a server that is away.
  const deadlineMs = 2_000;
  return new RedisTier({ url, clock: systemClock, random, log, deadlineMs, ...given });
}

/** Waits for the connections and timers of the machine. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (!await holds()) {
    assert(performance.now() < untilMs, `waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const isUp = (tier: RedisTier) => until("up", () => tier.status().state === "up");
const isDown = (tier: RedisTier) => until("down", () => tier.status().state === "down");
const isWritten = (tier: RedisTier) => until("written", () => tier.status().waiting === 0);

tierConformance({
  name: "redis",
  ignore,
  remembersTags: true,
  open: async () => {
    const server = await RedisServer.start();
    const tier = openTier(server.url);
    await isUp(tier);
    return {
      tier,
      settled: () => isWritten(tier),
      [Symbol.asyncDispose]: async () => {
        await tier.close();
        await server[Symbol.asyncDispose]();
      },
    };
  },
});

Deno.test(
  "RedisTier: processes with one prefix share entries, others do not",
  { ignore },
  async () => {
    await using server = await RedisServer.start();
    await using a = openTier(server.url);
    await using b = openTier(server.url);
    await using other = openTier(server.url, { prefix: "other:" });
    await Promise.all([a, b, other].map(isUp));
    a.setMany([entry("price:A", "1"), entry("price:B", "2", { tags: ["t"] })]);
    await isWritten(a);
    assertEquals(await read(b, "price:A", "price:B"), ["1", "2"]);
    assertEquals(await read(other, "price:A", "price:B"), [null, null]);
    await other.invalidate({ patterns: ["*"], tags: ["t"] });
    assertEquals(await read(b, "price:A", "price:B"), ["1", "2"]);
    await b.invalidate({ tags: ["t"] });
    assertEquals(await read(a, "price:A", "price:B"), ["1", null]);
  },
);

Deno.test("RedisTier gives entries a TTL and cuts tags back", { ignore }, async () => {
  await using server = await RedisServer.start();
  await using tier = openTier(server.url);
  await isUp(tier);
  tier.setMany([entry("a", "1", { tags: ["t"], hardAtMs: Date.now() + 150 })]);
  await isWritten(tier);
  await until("expired", async () => await server.command("EXISTS", "wick:cache:e:a") === ":0");
  tier.setMany([entry("b", "2", { tags: ["t"] })]);
  await isWritten(tier);
  assertEquals(await server.command("ZCARD", "wick:cache:t:t"), ":1");
});

Deno.test("RedisTier: a server that is not there is a tier that is down", { ignore }, async () => {
  await using server = await RedisServer.start();
  await server.kill();
  await using tier = openTier(server.url);
  tier.setMany([entry("a", "1"), entry("b", "1")]);
  await tier.invalidate({ keys: ["b"] });
  assertEquals(await read(tier, "a", "b", "c"), ["1", null, null]);
  await until("an error", () => tier.status().lastError !== null);
  assertEquals(tier.status().state, "down");
  await server.start();
  await isUp(tier);
  await isWritten(tier);
  await using other = openTier(server.url);
  await isUp(other);
  assertEquals(await read(other, "a", "b"), ["1", null]);
});

Deno.test("RedisTier: what is invalidated while the server is away is gone when it is back", {
  ignore,
}, async () => {
  await using server = await RedisServer.start({
    config: [["appendonly", "yes"], ["appendfsync", "always"]],
  });
  await using tier = openTier(server.url);
  await isUp(tier);
  const keys = ["key", "pattern:1", "tagged", "kept"];
  tier.setMany(keys.map((key) => entry(key, "1", key === "tagged" ? { tags: ["t"] } : {})));
  await isWritten(tier);
  await server.kill();
  await isDown(tier);
  await tier.invalidate({ keys: ["key"] });
  await tier.invalidate({ patterns: ["pattern:*"] });
  await tier.invalidate({ tags: ["t"] });
  assertEquals(await read(tier, ...keys), [null, null, null, null]);
  await server.start();
  await isUp(tier);
  assertEquals(await read(tier, ...keys), [null, null, null, "1"]);
});

Deno.test("RedisTier: a server that comes back with old data brings nothing back that was ended", {
  ignore,
}, async () => {
  await using server = await RedisServer.start();
  await using tier = openTier(server.url);
  await isUp(tier);
  tier.setMany([entry("ended", "1"), entry("kept", "1")]);
  await isWritten(tier);
  await server.command("SAVE");
  await tier.invalidate({ keys: ["ended"] });
  await server.kill();
  await isDown(tier);
  await server.start();
  assertEquals(await server.command("EXISTS", "wick:cache:e:ended"), ":1", "the server lost it");
  await isUp(tier);
  assertEquals(await read(tier, "ended", "kept"), [null, "1"]);
});

Deno.test("RedisTier: a server that hangs costs a deadline, then nothing, and is found again", {
  ignore,
}, async () => {
  await using server = await RedisServer.start();
  await using tier = openTier(server.url, { deadlineMs: 100 });
  await isUp(tier);
  tier.setMany([entry("a", "1")]);
  await isWritten(tier);
  server.signal("SIGSTOP");
  for (let i = 0; i < 3; i++) assertEquals(await read(tier, "a"), [null]);
  const startMs = performance.now();
  for (let i = 0; i < 100; i++) assertEquals(await read(tier, "a"), [null]);
  // Deadlines for all of them would be 10 s.
  assertLess(performance.now() - startMs, 1_000);
  assertEquals(tier.status().state, "down");
  await tier.invalidate({ keys: ["a"] });
  server.signal("SIGCONT");
  await isUp(tier);
  assertEquals(await read(tier, "a"), [null]);
});

Deno.test(
  "RedisTier: a write that is refused takes the older entry with it",
  { ignore },
  async () => {
    await using server = await RedisServer.start();
    await using tier = openTier(server.url);
    await isUp(tier);
    tier.setMany([entry("a", "old")]);
    await isWritten(tier);
    await server.command("CONFIG", "SET", "maxmemory", "1");
    tier.setMany([entry("a", "new")]);
    await isWritten(tier);
    await until("deleted", async () => await server.command("EXISTS", "wick:cache:e:a") === ":0");
    assertEquals(await read(tier, "a"), [null]);
    assertMatch(tier.status().lastError ?? "", /OOM/);
    assertEquals(tier.status().dropped, 1);
  },
);

Deno.test("RedisTier keeps no tags where the server may evict them", { ignore }, async () => {
  await using server = await RedisServer.start({ config: [["maxmemory-policy", "allkeys-lru"]] });
  await using tier = openTier(server.url);
  await isUp(tier);
  tier.setMany([entry("a", "1", { tags: ["t"] }), entry("b", "1")]);
  await isWritten(tier);
  assertEquals(await read(tier, "a", "b"), [null, "1"]);
});

Deno.test("RedisTier does not use an entry whose load began before an invalidation elsewhere", {
  ignore,
}, async () => {
  await using server = await RedisServer.start();
  const logs = [new InvalidationLog(systemClock), new InvalidationLog(systemClock)] as const;
  await using slow = openTier(server.url, { log: logs[0] });
  await using other = openTier(server.url, { log: logs[1] });
  await Promise.all([slow, other].map(isUp));
  for (const log of logs) log.reached(10);
  const mark = slow.mark();
  // The other process invalidates, as its stream says at position 11, and deletes; then the slow one,
  // which has not heard of it yet, writes what it had begun to load.
  logs[1].add({ keys: ["a"] }, { order: 11 });
  await other.invalidate({ keys: ["a"] });
  slow.setMany([entry("a", "old", { mark })]);
  await isWritten(slow);
  assertEquals(await read(other, "a"), [null]);
  slow.setMany([entry("a", "old", { mark })]);
  logs[0].add({ keys: ["a"] }, { order: 11 });
  assertEquals(await read(slow, "a"), [null], "also before it is written");
  slow.setMany([entry("a", "new", { mark: slow.mark() })]);
  await isWritten(slow);
  assertEquals(await read(other, "a"), ["new"]);
});

Deno.test("RedisTier does not use bytes that are no frame", { ignore }, async () => {
  await using server = await RedisServer.start();
  await using tier = openTier(server.url);
  await isUp(tier);
  await server.command("SET", "wick:cache:e:a", "somebody else's");
  assertEquals(await read(tier, "a"), [null]);
  assertEquals(tier.status().failures, 1);
  await until("deleted", async () => await server.command("EXISTS", "wick:cache:e:a") === ":0");
});

Deno.test("RedisTier.status() says what the server says", { ignore }, async () => {
  await using server = await RedisServer.start({ config: [["maxmemory", "50mb"]] });
  await using tier = openTier(server.url);
  await isUp(tier);
  await until("asked", () => tier.status().bytesMax > 0);
  const { kind, bytesMax, bytes } = tier.status();
  assertEquals([kind, bytesMax, bytes > 100_000], ["redis", 50 * 1024 * 1024, true]);
});
