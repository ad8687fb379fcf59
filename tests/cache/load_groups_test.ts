/** What came in one call is seen at once. */

import { assert, assertEquals } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { GROUPS_MAX, LoadGroups, TOGETHER_WAIT_MS } from "../../src/cache/load_groups.ts";
import { CacheShard } from "../../src/cache/shard.ts";
import type { Loaded } from "../../src/cache/types.ts";
import { ASK, bench, testTier, turns } from "./shard_support.ts";

const WARM = { priority: 1, origin: "warm:popular", timeoutMs: 60_000 } as const;

Deno.test("LoadGroups puts a group in when its last has come, in the order in which they came", () => {
  const groups = new LoadGroups(new VirtualClock());
  const seen: string[] = [];
  groups.arrived({ id: 1, size: 3 }, () => seen.push("a"));
  groups.arrived({ id: 2, size: 2 }, () => seen.push("x"));
  groups.arrived({ id: 1, size: 3 }, () => seen.push("b"));
  assertEquals([seen, groups.size], [[], 2]);
  groups.arrived({ id: 1, size: 3 }, () => seen.push("c"));
  assertEquals([seen, groups.size], [["a", "b", "c"], 1]);
  groups.arrived({ id: 2, size: 2 }, () => seen.push("y"));
  assertEquals(seen, ["a", "b", "c", "x", "y"]);
  assertEquals([groups.size, groups.broken], [0, 0]);
});

Deno.test("LoadGroups waits so long for one that does not come, and counts it", () => {
  const clock = new VirtualClock();
  const groups = new LoadGroups(clock);
  let seen = 0;
  groups.arrived({ id: 1, size: 2 }, () => seen++);
  clock.advance(TOGETHER_WAIT_MS - 1);
  assertEquals(seen, 0);
  clock.advance(1);
  assertEquals([seen, groups.size, groups.broken], [1, 0, 1]);
});

Deno.test("LoadGroups holds so many groups at a time; more are put in as they come", () => {
  const groups = new LoadGroups(new VirtualClock());
  let seen = 0;
  for (let id = 0; id < GROUPS_MAX + 5; id++) groups.arrived({ id, size: 2 }, () => seen++);
  assertEquals([seen, groups.size], [5, GROUPS_MAX]);
});

/** Two shards of one isolate, whose loads are answered by hand. */
function twoShards() {
  const clock = new VirtualClock(1_000);
  const groups = new LoadGroups(clock);
  const a = bench({ index: 0, clock, groups });
  const b = bench({ index: 1, clock, groups });
  return { clock, groups, a, b };
}

const ok = (value: unknown, together?: { id: number; size: number }): Loaded<unknown> =>
  together === undefined ? { state: "ok", value } : { state: "ok", value, together };

Deno.test("CacheShard shows what came in one call at once, in all shards of an isolate", async () => {
  const { a, b, clock, groups } = twoShards();
  const shardOf = (key: string) => key < "c" ? a : b;
  const keys = ["a", "b", "c", "d"];
  for (const key of keys) await shardOf(key).fill(key, `old ${key}`);
  const renewals = keys.map((key) => shardOf(key).shard.load(key, WARM));
  // They are fresh: what is asked for ahead of need has them at once.
  await Promise.all(renewals);
  clock.advance(61_000);
  const loads = keys.map((key) => shardOf(key).shard.load(key, WARM));
  await turns();
  const views: string[] = [];
  const look = () => views.push(keys.map((key) => shardOf(key).shard.peek(key)).join());
  const together = { id: 7, size: 4 };
  for (const key of keys) {
    // Between any two of them a reader comes.
    await shardOf(key).answer(ok(`new ${key}`, together));
    look();
  }
  const old = keys.map((key) => `old ${key}`).join();
  const fresh = keys.map((key) => `new ${key}`).join();
  assertEquals(views, [old, old, old, fresh]);
  for (const found of await Promise.all(loads)) assertEquals(found.state, "loaded");
  assertEquals(groups.size, 0);
  a.shard.invariant();
  b.shard.invariant();
});

Deno.test("CacheShard: readers in between microtasks see all of a call's values or none", async () => {
  const { a, b } = twoShards();
  const keys = ["a", "b", "c", "d"];
  const shardOf = (key: string) => key < "c" ? a : b;
  const loads = keys.map((key) => shardOf(key).shard.load(key, ASK));
  await turns();
  const views = new Set<number>();
  const look = () => views.add(keys.filter((key) => shardOf(key).shard.peek(key)).length);
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      look();
      await Promise.resolve();
    }
  })();
  for (const shard of [a, b]) {
    for (const call of shard.calls) {
      call.resolve(ok(1, { id: 9, size: 4 }));
      // Each result takes its own way here.
      await turns(3);
    }
  }
  for (const found of loads) {
    await found;
    look();
  }
  isOver = true;
  await watching;
  assertEquals([...views], [0, 4]);
});

Deno.test("CacheShard keeps the others when one of a group was given up or failed", async () => {
  const { a, clock, groups } = twoShards();
  const found = ["a", "b", "c"].map((key) => a.shard.load(key, ASK));
  await turns();
  const together = { id: 3, size: 3 };
  await a.answer(ok(1, together));
  await a.answer({
    state: "failed",
    failure: { code: "x", message: "it failed", retryAfterMs: null },
    together,
  });
  assertEquals(a.shard.peek("a"), undefined);
  // The third never comes; the first two wait no longer for it.
  clock.advance(TOGETHER_WAIT_MS);
  await turns();
  assertEquals([a.shard.peek("a"), groups.broken], [1, 1]);
  assertEquals((await found[0])?.state, "loaded");
  assertEquals((await found[1])?.state, "failed");
  a.shard.close();
  assertEquals((await found[2])?.state, "failed");
});

Deno.test("CacheShard puts nothing in that came in a group but was invalidated meanwhile", async () => {
  const { a } = twoShards();
  const loads = ["a", "b"].map((key) => a.shard.load(key, ASK));
  await turns();
  const together = { id: 4, size: 2 };
  await a.answer(ok("old a", together));
  a.shard.invalidate({ keys: ["a"] });
  await a.answer(ok("b", together));
  await Promise.all(loads);
  assertEquals([a.shard.peek("a"), a.shard.peek("b")], [undefined, "b"]);
  a.shard.invariant();
});

Deno.test("CacheShard without a group of its own is none the slower", async () => {
  const { shard, bring } = bench();
  const found = shard.load("a", ASK);
  await turns();
  await bring(1, { together: { id: 1, size: 1 } });
  assertEquals((await found).state, "loaded");
  assert(shard instanceof CacheShard);
});

// ---- ahead of need --------------------------------------------------------------------------------

Deno.test("CacheShard tells how long what it holds is served yet", async () => {
  const { shard, calls, fill, clock } = bench();
  await fill("a", 1);
  assertEquals(calls[0]?.ask.lostInMs, null);
  clock.advance(70_000);
  void shard.load("a", WARM);
  await turns();
  assertEquals(calls[1]?.ask.lostInMs, 50_000);
});

Deno.test("CacheShard: somebody who waits takes over a load ahead of need, whatever his priority", async () => {
  const raised: [string, number, string][] = [];
  const { shard, bring } = bench({
    raise: (key, priority, origin) => raised.push([key, priority, origin]),
  });
  const warm = shard.load("a", { ...WARM, priority: 3 });
  const user = shard.load("a", { ...ASK, priority: 2 });
  const other = shard.load("a", { ...ASK, priority: 2 });
  assertEquals(raised, [["a", 3, "demand"]]);
  const third = shard.load("a", { ...ASK, priority: 6 });
  assertEquals(raised.slice(1), [["a", 6, "demand"]]);
  await turns();
  await bring(1);
  for (const found of [warm, user, other, third]) assertEquals((await found).state, "loaded");
});

Deno.test("CacheShard: who waits for a load ahead of need does so from upstream on", async () => {
  const { tier, guarded } = testTier();
  tier.isManual = true;
  const { shard, calls, bring } = bench({ secondTier: guarded });
  const warm = shard.load("a", WARM);
  const user = shard.load("a", ASK);
  await turns();
  // Only now is it known that the tier does not have it.
  await tier.step();
  assertEquals([calls[0]?.ask.origin, calls[0]?.ask.priority], ["demand", 5]);
  await bring(1);
  assertEquals([(await warm).state, (await user).state], ["loaded", "loaded"]);
  // Who asked first is whose entry it is.
  assertEquals(shard.explain("a").origin, "warm:popular");
});

Deno.test("CacheShard: a renewal behind a reader takes over a load ahead of need", async () => {
  const raised: [string, number, string][] = [];
  const { shard, fill, calls, clock } = bench({
    raise: (key, priority, origin) => raised.push([key, priority, origin]),
  });
  await fill("a", 1);
  clock.advance(61_000);
  void shard.load("a", WARM);
  await turns();
  assertEquals(shard.peek("a"), 1);
  assertEquals([raised, calls.length], [[["a", 4, "refresh"]], 2]);
  shard.close();
});

Deno.test("CacheShard gives a load ahead of need more time, until somebody waits for it", async () => {
  const { shard, clock } = bench({ loadTimeoutMs: 10_000, aheadTimeoutMs: 90_000 });
  const warm = shard.load("a", { ...WARM, timeoutMs: 90_000 });
  clock.advance(60_000);
  assertEquals(shard.status().flights, 1);
  const user = shard.load("a", ASK);
  clock.advance(10_000);
  assertEquals([(await user).state, (await warm).state], ["failed", "failed"]);
  assertEquals(shard.status().flights, 0);
});

Deno.test("CacheShard: loads ahead of need leave room to those that somebody waits for", async () => {
  const { shard, calls } = bench({ flightsMax: 8 });
  const warm = ["a", "b", "c"].map((key) => shard.load(key, WARM));
  await turns();
  assertEquals(calls.length, 2);
  assertEquals((await warm[2])?.state, "failed");
  for (const key of ["d", "e", "f", "g", "h", "i"]) void shard.load(key, ASK);
  await turns();
  assertEquals(calls.length, 8);
  shard.close();
});
