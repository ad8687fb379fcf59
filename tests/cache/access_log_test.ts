import { assertEquals } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import {
  AccessLog,
  Answer,
  READS_KEPT_MAX,
  STORED_KEPT_MAX,
  type StoredNote,
} from "../../src/cache/access_log.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { CacheShard } from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type { LoadAsk } from "../../src/cache/types.ts";

const NOTE: StoredNote = {
  key: "price:B",
  origin: "demand",
  softLeftMs: 1,
  hardLeftMs: 2,
  weightBytes: 3,
};

function drained(log: AccessLog): string[] {
  const told: string[] = [];
  log.drain({
    accessed: (key, answer, user) => told.push(`${answer} ${key} ${user}`),
    stored: ({ key, origin, softLeftMs, hardLeftMs }) =>
      told.push(`stored ${key} ${origin} ${softLeftMs} ${hardLeftMs}`),
  });
  return told;
}

Deno.test("AccessLog notes nothing until somebody listens, and forgets when nobody does", () => {
  const log = new AccessLog();
  log.read("price:A", Answer.fresh, null);
  const end = log.listen();
  log.read("price:A", Answer.stale, "u1");
  end();
  log.read("price:A", Answer.fresh, null);
  assertEquals(drained(log), []);
});

Deno.test("AccessLog.drain() tells of reads and stored entries in their order, once", () => {
  const log = new AccessLog();
  log.listen();
  log.read("price:A", Answer.fresh, "u1");
  log.store(NOTE);
  log.read("price:B", Answer.waited, null);
  assertEquals(drained(log), [
    "fresh price:A u1",
    "stored price:B demand 1 2",
    "waited price:B null",
  ]);
  assertEquals(drained(log), []);
});

Deno.test("AccessLog counts what finds no room, and keeps room for stored entries", () => {
  const log = new AccessLog();
  log.listen();
  for (let i = 0; i < READS_KEPT_MAX + 7; i++) log.read("price:A", Answer.fresh, null);
  for (let i = 0; i < STORED_KEPT_MAX + 5; i++) log.store(NOTE);
  assertEquals([log.readsLost, log.storedLost], [7, 5]);
  assertEquals(drained(log).length, READS_KEPT_MAX + STORED_KEPT_MAX);
  log.read("price:A", Answer.fresh, null);
  assertEquals(drained(log).length, 1);
});

const DEMAND: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 1_000, user: "ann" };

Deno.test("CacheShard notes reads of users with their answers, and what it stores, not loads ahead", async () => {
  const clock = new VirtualClock();
  const log = new AccessLog();
  log.listen();
  using shard = disposable(
    new CacheShard<number>({
      index: 0,
      entriesMax: 10,
      weightMaxBytes: Infinity,
      clock,
      random: seededRandom(1),
      ttl: () => ({ softTtlMs: 100, hardTtlMs: 200, staleIfErrorMs: 0 }),
      refreshAheadRatio: null,
      load: () => Promise.resolve({ state: "ok", value: 1 }),
      accesses: log,
    }),
  );
  await shard.load("price:A", DEMAND);
  shard.peek("price:A", "bob");
  clock.advance(150);
  shard.find("price:A");
  // The renewal of the stale one.
  await Promise.resolve();
  await Promise.resolve();
  await shard.load("price:B", { priority: 1, origin: "warm:popular", timeoutMs: 1_000 });
  shard.set("price:C", 2);
  assertEquals(drained(log), [
    "waited price:A ann",
    "stored price:A demand 100 200",
    "fresh price:A bob",
    "stale price:A null",
    "stored price:A refresh 100 200",
    "stored price:B warm:popular 100 200",
    "stored price:C set 100 200",
  ]);
});

function disposable(shard: CacheShard<number>): CacheShard<number> & Disposable {
  return Object.assign(shard, { [Symbol.dispose]: () => shard.close() });
}

Deno.test("CacheRouter.timeLeft() says what is left of a key's time and counts no read", async () => {
  const clock = new VirtualClock();
  const router: CacheRouter<number> = new CacheRouter<number>({
    shards: 1,
    actor: () => shard,
    touched: new TouchedIndex(),
  });
  using shard: CacheShard<number> & Disposable = disposable(
    new CacheShard<number>({
      index: 0,
      keys: router.keysOf(0),
      entriesMax: 10,
      weightMaxBytes: Infinity,
      clock,
      random: seededRandom(1),
      ttl: () => ({ softTtlMs: 100, hardTtlMs: 200, staleIfErrorMs: 50 }),
      load: () => Promise.resolve({ state: "ok", value: 1 }),
    }),
  );
  router.attach(0, shard);
  assertEquals(router.timeLeft("price:A"), null);
  await router.get("price:A");
  clock.advance(130);
  const { reads } = shard.explain("price:A");
  assertEquals(router.timeLeft("price:A"), { softLeftMs: -30, hardLeftMs: 70 });
  assertEquals(shard.explain("price:A").reads, reads);
  // Past its hard end it is there for failures only.
  clock.advance(80);
  assertEquals(router.timeLeft("price:A"), null);
});
