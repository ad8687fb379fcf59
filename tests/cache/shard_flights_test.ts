/** Reading through: one load for each key, renewals, failures, deadlines. */

import { assert, assertEquals } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { ASK, bench, failed, TTL, turns, valueOf } from "./shard_support.ts";

const KEY = "price:AAPL";

Deno.test("CacheShard.load() 100 at once of a cold key make one load", async () => {
  const { shard, calls, bring } = bench();
  const answers = Array.from({ length: 100 }, () => shard.load(KEY, ASK));
  await bring(187.2);
  assertEquals(calls.length, 1);
  assertEquals((await Promise.all(answers)).map(valueOf), Array(100).fill(187.2));
  const [counts] = shard.status().types;
  assertEquals([counts?.requests, counts?.misses, counts?.joined], [100, 1, 99]);
  assertEquals(counts?.waitSeconds.count, 100);
  shard.close();
});

Deno.test("CacheShard.get() 100 at once of a stale key are answered at once and make one load", async () => {
  const { shard, clock, calls, fill, bring } = bench();
  await fill(KEY, 1);
  clock.advance(60_000);
  const answers = await Promise.all(Array.from({ length: 100 }, () => shard.get(KEY, ASK)));
  assert(answers.every((found) => found.state === "stale" && found.value === 1));
  assertEquals(calls.length, 2);
  await bring(2);
  assertEquals(shard.peek(KEY), 2);
  assertEquals(shard.status().types[0]?.staleHits, 100);
  shard.close();
});

Deno.test("CacheShard.load() 100 at once of a failing key make one load, and 100 right after none", async () => {
  const { shard, calls, answer } = bench();
  const first = Array.from({ length: 100 }, () => shard.get(KEY, ASK));
  await answer(failed());
  assert((await Promise.all(first)).every(({ state }) => state === "failed"));
  const after = await Promise.all(Array.from({ length: 100 }, () => shard.get(KEY, ASK)));
  assert(after.every(({ state }) => state === "failed"));
  assertEquals(calls.length, 1);
  const [counts] = shard.status().types;
  assertEquals([counts?.loadFailures, counts?.negativeHits], [1, 100]);
  shard.close();
});

Deno.test("CacheShard.getMany() joins loads under way and loads each key once", async () => {
  const { shard, calls, bring } = bench();
  const before = shard.load("price:B", ASK);
  const many = shard.getMany(["price:A", "price:B", "price:A", "price:C"], ASK);
  assertEquals(calls.map(({ key }) => key), ["price:B", "price:A", "price:C"]);
  for (const value of ["b", "a", "c"]) await bring(value);
  assertEquals((await many).map(valueOf), ["a", "b", "a", "c"]);
  assertEquals(valueOf(await before), "b");
  shard.close();
});

Deno.test("CacheShard.peek() of a stale value renews it once behind its readers", async () => {
  const { shard, clock, calls, fill, bring } = bench();
  await fill(KEY, 1);
  clock.advance(119_999);
  for (let i = 0; i < 10; i++) assertEquals(shard.peek(KEY), 1);
  assertEquals(calls.length, 2);
  assertEquals(calls[1]?.ask.origin, "refresh");
  await bring(2);
  assertEquals(shard.peek(KEY), 2);
  shard.close();
});

Deno.test("CacheShard.peek() gives nothing at the end of the hard TTL", async () => {
  const { shard, clock, fill } = bench();
  await fill(KEY, 1);
  clock.advance(119_999);
  assertEquals(shard.peek(KEY), 1);
  clock.advance(1);
  assertEquals(shard.peek(KEY), undefined);
  shard.close();
});

Deno.test("CacheShard.peek() past 80 % of the TTL renews ahead, once and with low priority", async () => {
  const { shard, clock, calls, fill, bring } = bench();
  await fill(KEY, 1);
  clock.advance(47_999);
  assertEquals(shard.peek(KEY), 1);
  assertEquals(calls.length, 1);
  clock.advance(1);
  for (let i = 0; i < 3; i++) assertEquals(shard.peek(KEY), 1);
  assertEquals(calls.length, 2);
  assert((calls[1]?.ask.priority ?? 10) < ASK.priority);
  assertEquals(shard.status().types[0]?.freshHits, 4);
  await bring(2);
  clock.advance(47_999);
  assertEquals(shard.find(KEY)?.state, "fresh");
  assertEquals(calls.length, 2);
  shard.close();
});

Deno.test("CacheShard with refreshAheadReadsMin renews ahead only what was read so often since its load", async () => {
  const { shard, clock, calls, fill, bring } = bench({ refreshAheadReadsMin: 3 });
  await fill(KEY, 1);
  clock.advance(50_000);
  shard.peek(KEY);
  shard.find(KEY);
  assertEquals(calls.length, 1);
  shard.peek(KEY);
  assertEquals(calls.length, 2);
  await bring(2);
  clock.advance(50_000);
  shard.peek(KEY);
  assertEquals(calls.length, 2);
  shard.close();
});

Deno.test("CacheShard lets a renewal linger, and who joins it waits no longer than for a load", async () => {
  const { shard, clock, calls, fill } = bench({ renewalTimeoutMs: 30_000, loadTimeoutMs: 10_000 });
  await fill(KEY, 1);
  clock.advance(119_000);
  shard.peek(KEY);
  clock.advance(1_000);
  const found = shard.load(KEY, ASK);
  clock.advance(9_999);
  assertEquals([calls.length, shard.status().waitsEnded], [2, 0]);
  clock.advance(1);
  assertEquals((await found).state, "stale");
  assertEquals([shard.status().flights, shard.status().waitsEnded], [1, 1]);
  clock.advance(19_000);
  assertEquals(shard.status().types[0]?.loadsAbandoned, 1);
  shard.close();
});

Deno.test("CacheShard never renews an entry that nobody reads", async () => {
  const { shard, clock, calls, fill } = bench();
  await fill(KEY, 1);
  for (let i = 0; i < 200; i++) {
    clock.advance(1_000);
    shard.expire();
  }
  assertEquals(calls.length, 1);
  assertEquals(shard.status().entries, 0);
  shard.close();
});

Deno.test("CacheShard with refreshAheadRatio null renews only what is stale", async () => {
  const { shard, clock, calls, fill } = bench({ refreshAheadRatio: null });
  await fill(KEY, 1);
  clock.advance(59_999);
  shard.peek(KEY);
  assertEquals(calls.length, 1);
  clock.advance(1);
  shard.peek(KEY);
  assertEquals(calls.length, 2);
  shard.close();
});

Deno.test("CacheShard without staleWhileRevalidate makes the reader of a stale value wait", async () => {
  const { shard, clock, fill, bring } = bench({ staleWhileRevalidate: false });
  await fill(KEY, 1);
  clock.advance(60_000);
  assertEquals(shard.peek(KEY), undefined);
  const found = shard.get(KEY, ASK);
  await bring(2);
  assertEquals(await found, { state: "loaded", value: 2, tier: "upstream", ageMs: 0 });
  shard.close();
});

Deno.test("CacheShard serves a value past its hard TTL when its load fails, and not for ever", async () => {
  const { shard, clock, calls, fill, answer } = bench();
  await fill(KEY, 1);
  clock.advance(150_000);
  assertEquals(shard.peek(KEY), undefined);
  const during = shard.load(KEY, ASK);
  await answer(failed());
  assertEquals(await during, { state: "stale", value: 1, tier: "l1", ageMs: 150_000 });
  // Remembered: no second load.
  assertEquals((await shard.get(KEY, ASK)).state, "stale");
  assertEquals(calls.length, 2);
  clock.advance(30_000);
  const after = shard.load(KEY, ASK);
  await answer(failed());
  assertEquals((await after).state, "failed");
  shard.close();
});

Deno.test("CacheShard does not renew a stale value while its failure is remembered", async () => {
  const { shard, clock, calls, fill, answer } = bench();
  await fill(KEY, 1);
  clock.advance(60_000);
  shard.peek(KEY);
  await answer(failed());
  for (let i = 0; i < 10; i++) assertEquals(shard.peek(KEY), 1);
  assertEquals(calls.length, 2);
  clock.advance(1_000);
  assertEquals(shard.peek(KEY), 1);
  assertEquals(calls.length, 3);
  shard.close();
});

Deno.test("CacheShard remembers for a minute that there is no such thing", async () => {
  const { shard, clock, calls, answer } = bench();
  const first = shard.get(KEY, ASK);
  await answer({ state: "missing" });
  assertEquals(await first, { state: "missing" });
  clock.advance(59_999);
  assertEquals(await shard.get(KEY, ASK), { state: "missing" });
  assertEquals(shard.explain(KEY).state, "missing");
  assertEquals(calls.length, 1);
  clock.advance(1);
  void shard.get(KEY, ASK);
  assertEquals(calls.length, 2);
  shard.close();
});

Deno.test("CacheShard drops an entry that a renewal finds missing", async () => {
  const { shard, clock, fill, answer } = bench();
  await fill(KEY, 1);
  await fill("index:ALL", 1, { dependsOn: [{ kind: "key", key: KEY }] });
  clock.advance(50_000);
  assertEquals(shard.peek(KEY), 1);
  await answer({ state: "missing" });
  assertEquals(shard.peek(KEY), undefined);
  assertEquals(shard.peek("index:ALL"), undefined);
  assertEquals(shard.find(KEY), { state: "missing" });
  shard.close();
});

Deno.test("CacheShard.set() ends what is remembered of a key", async () => {
  const { shard, answer } = bench();
  const first = shard.get(KEY, ASK);
  await answer({ state: "missing" });
  await first;
  assert(shard.set(KEY, 5));
  assertEquals(shard.peek(KEY), 5);
  shard.close();
});

Deno.test("CacheShard gives a load up that never settles, and ignores what it brings later", async () => {
  const { shard, clock, calls } = bench({ loadTimeoutMs: 10_000 });
  const found = shard.load(KEY, ASK);
  clock.advance(10_000);
  const answer = await found;
  assert(answer.state === "failed" && answer.failure.code === "timeout");
  const [counts] = shard.status().types;
  assertEquals([counts?.loadsAbandoned, counts?.loadFailures], [1, 1]);
  assertEquals(shard.status().flights, 0);
  calls[0]?.resolve({ state: "ok", value: 1 });
  await turns();
  assertEquals(shard.peek(KEY), undefined);
  shard.close();
});

Deno.test("CacheShard lets a caller stop waiting while the load goes on for the others", async () => {
  const { shard, clock, bring } = bench();
  const hasty = shard.load(KEY, { ...ASK, timeoutMs: 100 });
  const patient = shard.load(KEY, ASK);
  clock.advance(100);
  const answer = await hasty;
  assert(answer.state === "failed" && answer.failure.code === "timeout");
  await bring(1);
  assertEquals(valueOf(await patient), 1);
  assertEquals(shard.status().waitsEnded, 1);
  shard.close();
});

Deno.test("CacheShard refuses loads beyond its bound and keeps half of it free of renewals", async () => {
  const { shard, clock, calls, bring } = bench({ flightsMax: 4 });
  const keys = ["price:A", "price:B", "price:C", "price:D", "price:E"];
  const filled = keys.slice(0, 4).map((key) => shard.load(key, ASK));
  const refused = await shard.load("price:E", ASK);
  assert(refused.state === "failed" && refused.failure.code === "overload");
  for (let i = 0; i < 4; i++) await bring(i);
  await Promise.all(filled);
  clock.advance(60_000);
  for (const key of keys.slice(0, 4)) assert(shard.peek(key) !== undefined);
  assertEquals(calls.length, 4 + 2);
  void shard.load("price:E", ASK);
  assertEquals(calls.length, 4 + 2 + 1);
  assertEquals(shard.status().types[0]?.refused, 1);
  shard.close();
});

Deno.test("CacheShard tells the loader when somebody waits for what is loaded at a low priority", async () => {
  const raised: [string, number][] = [];
  const { shard, clock, calls, fill } = bench({
    raise: (key, priority) => raised.push([key, priority]),
  });
  await fill(KEY, 1);
  clock.advance(115_000);
  shard.peek(KEY);
  clock.advance(5_000);
  void shard.load(KEY, ASK);
  void shard.load(KEY, ASK);
  assertEquals(calls.length, 2);
  assertEquals(raised, [[KEY, ASK.priority]]);
  shard.close();
});

Deno.test("CacheShard takes a loader that throws or rejects for a failed load without its text", async () => {
  const { shard } = bench({
    load: (key) => {
      if (key === "a") throw new TypeError("secret");
      return Promise.reject(new Error("secret"));
    },
  });
  for (const key of ["a", "b"]) {
    const found = await shard.load(key, ASK);
    assert(found.state === "failed" && !found.failure.message.includes("secret"));
  }
  shard.close();
});

Deno.test("CacheShard answers a failure when a TTL is none, and nobody waits for ever", async () => {
  const { shard, bring } = bench({
    ttl: () => ({ softTtlMs: NaN, hardTtlMs: NaN, staleIfErrorMs: 0 }),
  });
  const found = shard.load(KEY, ASK);
  await bring(1);
  assertEquals((await found).state, "failed");
  shard.close();
});

Deno.test("CacheShard.load() ahead of need counts no request and waits for a renewal that is due", async () => {
  const { shard, clock, calls, fill, bring } = bench();
  await fill(KEY, 1);
  const warm = { priority: 1, origin: "warm:popular", timeoutMs: 60_000 } as const;
  assertEquals((await shard.load(KEY, warm)).state, "fresh");
  assertEquals(calls.length, 1);
  clock.advance(50_000);
  const renewed = shard.load(KEY, warm);
  await bring(2);
  assertEquals(valueOf(await renewed), 2);
  const [counts] = shard.status().types;
  assertEquals([counts?.requests, counts?.loads.warm, counts?.loads.demand], [1, 1, 1]);
  assertEquals(shard.explain(KEY).origin, "warm:popular");
  shard.close();
});

Deno.test("CacheShard.close() answers who waits, ends timers and is idempotent", async () => {
  const { shard, clock } = bench();
  const found = shard.load(KEY, ASK);
  shard.close();
  shard.close();
  const answer = await found;
  assert(answer.state === "failed" && answer.failure.code === "closed");
  assertEquals((await shard.load(KEY, ASK)).state, "failed");
  assertEquals(shard.set(KEY, 1), false);
  assertEquals(clock.nextTimerAt(), Infinity);
});

Deno.test("CacheShard is not touched by jumps of the wall clock", async () => {
  const clock = new VirtualClock();
  let wallMs = 1_000_000;
  const jumping = {
    now: () => clock.now(),
    wallNow: () => wallMs,
    setTimer: (delayMs: number, fire: () => void) => clock.setTimer(delayMs, fire),
  };
  const { shard, fill } = bench({ clock: jumping });
  await fill(KEY, 1);
  for (const jumpMs of [86_400_000, -200_000_000]) {
    wallMs += jumpMs;
    assertEquals(shard.find(KEY)?.state, "fresh");
  }
  clock.advance(TTL.hardTtlMs);
  assertEquals(shard.peek(KEY), undefined);
  shard.close();
});

Deno.test("CacheShard counts what was evicted unread by who put it in", () => {
  const { shard } = bench({ entriesMax: 4, policy: "lru" });
  for (let i = 0; i < 4; i++) shard.set(`price:${i}`, i);
  assertEquals(shard.peek("price:1"), 1);
  for (let i = 4; i < 8; i++) shard.set(`price:${i}`, i);
  const [counts] = shard.status().types;
  const bySet = counts?.byOrigin.find(({ origin }) => origin === "set");
  assertEquals([bySet?.inserted, bySet?.evictedUnread], [8, 3]);
  assertEquals([counts?.removed.evicted, counts?.entries], [4, 4]);
  assertEquals(shard.explain("price:0").lastRemoval, { cause: "evicted", agoMs: 0 });
  assertEquals(shard.status().weightBytes, counts?.weightBytes);
  shard.close();
});

Deno.test("CacheShard.flush() empties the table, and what is loaded meanwhile is not kept", async () => {
  const { shard, clock, calls, fill, bring } = bench();
  await fill(KEY, 1);
  clock.advance(60_000);
  shard.peek(KEY);
  assertEquals(shard.flush(), 1);
  await bring(2);
  assertEquals(shard.peek(KEY), undefined);
  assertEquals([shard.status().entries, calls.length], [0, 2]);
  assertEquals(shard.status().types[0]?.removed.flushed, 1);
  shard.close();
});

Deno.test("CacheShard.resize() changes the bounds at once, up and down", () => {
  const { shard } = bench({ entriesMax: 10, policy: "lru" });
  for (let i = 0; i < 20; i++) shard.set(`price:${i}`, i);
  assertEquals(shard.status().entries, 10);
  shard.resize({ entriesMax: 500, weightMaxBytes: 10_000_000 });
  for (let i = 0; i < 500; i++) shard.set(`price:${i}`, i);
  assertEquals(shard.status().entries, 500);
  shard.resize({ entriesMax: 3, weightMaxBytes: 10_000_000 });
  assertEquals(shard.status().entries, 3);
  assertEquals(shard.peek("price:499"), 499);
  shard.invariant();
  shard.close();
});

Deno.test("CacheShard.explain() says what happened to a key", async () => {
  const { shard } = bench();
  assertEquals(shard.explain(KEY).state, "absent");
  const pending = shard.load(KEY, ASK);
  assertEquals(shard.explain(KEY).state, "inflight");
  shard.close();
  assert((await pending).state === "failed");

  const other = bench();
  await other.fill(KEY, 1, { tags: ["t"], dependsOn: [{ kind: "levels", instrument: "AAPL" }] });
  await other.fill("index:ALL", 2, { dependsOn: [{ kind: "key", key: KEY }] });
  other.clock.advance(70_000);
  other.shard.protect("price:*");
  const { weightBytes, segment, reads, ...explained } = other.shard.explain(KEY);
  assertEquals(explained, {
    key: KEY,
    state: "stale",
    tier: "l1",
    shard: 3,
    ageMs: 70_000,
    softLeftMs: 0,
    hardLeftMs: 50_000,
    origin: "demand",
    isProtected: true,
    isInflight: false,
    seq: null,
    tags: ["t"],
    dependsOn: [{ kind: "levels", instrument: "AAPL" }],
    dependents: ["index:ALL"],
    lastRemoval: null,
  });
  assert(weightBytes !== null && weightBytes > 0 && segment === "pinned" && reads !== null);
  other.shard.close();
});
