/** The router: cells that come and go, invalidation over shards, and commits in their order. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { PROTECTED_PATTERNS_MAX } from "../../src/cache/protection.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { CacheShard } from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type { Dependency, LoadAsk, Selection } from "../../src/cache/types.ts";

const ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 1_000 };
const TTL = { softTtlMs: 1e6, hardTtlMs: 2e6, staleIfErrorMs: 0 };

function rigOf(shards = 4) {
  const clock = new VirtualClock();
  const told: Selection[] = [];
  const inTier: Selection[] = [];
  const messages: string[] = [];
  const touched = new TouchedIndex();
  const router: CacheRouter<string> = new CacheRouter<string>({
    shards,
    actor: (shard) => ({
      load: (key, ask) => {
        messages.push(`load ${shard}`);
        return (tables[shard] as CacheShard<string>).load(key, ask);
      },
      loadMany: (keys, ask) => {
        messages.push(`loadMany ${shard}`);
        return (tables[shard] as CacheShard<string>).loadMany(keys, ask);
      },
    }),
    touched,
    secondTier: { invalidate: (selection) => Promise.resolve(void inTier.push(selection)) },
    onInvalidated: (selection) => told.push(selection),
  });
  const tableOf = (index: number) =>
    new CacheShard<string>({
      index,
      keys: router.keysOf(index),
      entriesMax: 1_000,
      weightMaxBytes: 1e7,
      clock,
      random: seededRandom(index),
      ttl: () => TTL,
      load: (key) => Promise.resolve({ state: "ok", value: `loaded ${key}` }),
    });
  const tables = Array.from({ length: shards }, (_, index) => tableOf(index));
  const detach = tables.map((table, shard) => router.attach(shard, table));
  return { clock, router, tables, tableOf, detach, touched, told, inTier, messages };
}

type Rig = ReturnType<typeof rigOf>;

/** Keys `k0`, `k1`, … each in another shard than the one before. */
function alternating({ router }: Rig, count: number): string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const last = keys.at(-1);
    const key = `k${i}`;
    if (last === undefined || router.shardOf(last) !== router.shardOf(key)) keys.push(key);
  }
  return keys;
}

function put({ router }: Rig, key: string, dependsOn: readonly Dependency[] = []): void {
  assertEquals(router.setMany([{ key, value: key, dependsOn, seq: router.seq ?? 0 }]), 1);
}

function there({ router }: Rig, keys: readonly string[]): boolean[] {
  return keys.map((key) => router.peek(key) !== undefined);
}

const candles = (series: string, fromTs: number, toTs: number): Dependency => ({
  kind: "candles",
  series,
  fromTs,
  toTs,
});

Deno.test("CacheRouter.get() sends a message only for what its cells do not have", async () => {
  const rig = rigOf();
  const { router, messages } = rig;
  const found = await router.get("a", ASK);
  assertEquals(found.state, "loaded");
  assertEquals(messages.length, 1);
  assertEquals((await router.get("a", ASK)).state, "fresh");
  assertEquals(router.peek("a"), "loaded a");
  assertEquals(messages.length, 1);
  const keys = Array.from({ length: 100 }, (_, i) => `x${i}`);
  const many = await router.getMany([...keys, "a"], ASK);
  assertEquals(many.map((one) => "value" in one && one.value), [
    ...keys.map((key) => `loaded ${key}`),
    "loaded a",
  ]);
  // One message a shard.
  assertEquals(messages.length, 1 + 4);
});

Deno.test("CacheRouter.getPrices() and setPrices() are about the keys of symbols", async () => {
  const { router } = rigOf();
  assertEquals(router.setPrices(new Map([["AAPL", "187.2"], ["MSFT", "411.3"]])), 2);
  assertEquals(router.peek("price:AAPL"), "187.2");
  const found = await router.getPrices(["MSFT", "NVDA", "AAPL"]);
  assertEquals([...found].map(([symbol, one]) => [symbol, "value" in one && one.value]), [
    ["MSFT", "411.3"],
    ["NVDA", "loaded price:NVDA"],
    ["AAPL", "187.2"],
  ]);
});

Deno.test("CacheRouter with an empty cell has nothing of that shard, and its next one begins empty", async () => {
  const rig = rigOf();
  const { router, detach, tableOf } = rig;
  const keys = Array.from({ length: 40 }, (_, i) => `x${i}`);
  await router.getMany(keys, ASK);
  const shard = router.shardOf("x0");
  detach[shard]?.();
  const others = keys.filter((key) => router.shardOf(key) !== shard);
  assertEquals(keys.filter((key) => router.peek(key) !== undefined), others);
  assertEquals(router.explain("x0"), null);
  assertEquals(router.setMany([{ key: "x0", value: "1" }]), 0);
  assertEquals(router.status().length, 3);
  const next = tableOf(shard);
  const leave = router.attach(shard, next);
  assertEquals(keys.filter((key) => router.peek(key) !== undefined), others);
  assertEquals(router.setMany([{ key: "x0", value: "1" }]), 1);
  assertEquals(router.peek("x0"), "1");
  // The end of a former incarnation takes nothing away from its successor.
  router.attach(shard, tableOf(shard));
  leave();
  assertEquals(router.status().length, 4);
  assertEquals(router.peek("x0"), undefined);
  const stranger = new CacheShard<string>({ ...OPTIONS, index: shard, clock: rig.clock });
  assertThrows(() => router.attach(shard, stranger), TypeError, "Cannot attach");
});

const OPTIONS = {
  entriesMax: 10,
  weightMaxBytes: 1e6,
  random: seededRandom(1),
  ttl: () => TTL,
  load: () => Promise.resolve({ state: "missing" } as const),
};

Deno.test("CacheRouter.invalidate() follows dependencies from shard to shard, to the end of a chain", async () => {
  const rig = rigOf();
  const keys = alternating(rig, 12);
  keys.forEach((key, i) =>
    put(rig, key, i === 0 ? [] : [{ kind: "key", key: keys[i - 1] as string }])
  );
  put(rig, "apart");
  const { removed } = await rig.router.invalidate({ keys: [keys[4] as string] });
  assertEquals(there(rig, keys), keys.map((_, i) => i < 4));
  assertEquals(rig.router.peek("apart"), "apart");
  assert(removed >= 8);
  // Everything that went is forgotten behind the shards too, and others are told what it was about.
  assertEquals(rig.told, [{ keys: [keys[4] as string] }]);
  assertEquals(new Set(rig.inTier[0]?.keys), new Set(keys.slice(4)));
});

Deno.test("CacheRouter.invalidate() ends rings of dependencies, by pattern, tag and levels too", async () => {
  const rig = rigOf();
  const [a, b, c] = alternating(rig, 3) as [string, string, string];
  put(rig, a, [{ kind: "key", key: c }]);
  put(rig, b, [{ kind: "key", key: a }]);
  put(rig, c, [{ kind: "key", key: b }]);
  await rig.router.invalidate({ patterns: [b] });
  assertEquals(there(rig, [a, b, c]), [false, false, false]);
  rig.router.setMany([{ key: a, value: a, tags: ["t"] }, { key: b, value: b }]);
  put(rig, c, [{ kind: "levels", instrument: "EUR_USD" }]);
  await rig.router.invalidate({ tags: ["t"] });
  assertEquals(there(rig, [a, b, c]), [false, true, true]);
  await rig.router.invalidate({ dependencies: [{ kind: "levels", instrument: "EUR_USD" }] });
  assertEquals(there(rig, [a, b, c]), [false, true, false]);
});

Deno.test("CacheRouter.setMany() ends what was made of former values, in every shard, and keeps its own", () => {
  const rig = rigOf();
  const [a, b, c] = alternating(rig, 3) as [string, string, string];
  put(rig, a);
  put(rig, b, [{ kind: "key", key: a }]);
  put(rig, c, [{ kind: "key", key: b }]);
  assertEquals(rig.router.explain(a)?.dependents, [b]);
  const kept = rig.router.setMany([
    { key: a, value: "new" },
    { key: b, value: "made of the new one", dependsOn: [{ kind: "key", key: a }] },
  ]);
  assertEquals(kept, 2);
  assertEquals(there(rig, [a, b, c]), [true, true, false]);
  assertEquals(rig.router.peek(b), "made of the new one");
});

Deno.test("CacheRouter.touched() ends what was made of the candles, in every shard, and no more", () => {
  const rig = rigOf();
  const { router, touched } = rig;
  const keys = alternating(rig, 4) as [string, string, string, string];
  router.caughtUp(0, 10, []);
  put(rig, keys[0], [candles("A:H1", 0, 100)]);
  put(rig, keys[1], [candles("A:H1", 100, 200)]);
  put(rig, keys[2], [candles("B:H1", 0, 100)]);
  put(rig, keys[3], [{ kind: "key", key: keys[0] }]);
  assertEquals(router.touched(11, [{ series: "A:H1", fromTs: 99, toTs: 100 }]), 2);
  assertEquals(there(rig, keys), [false, true, true, false]);
  assertEquals(touched.isTouched(candles("A:H1", 0, 100), 10), true);
  assertEquals(touched.isTouched(candles("A:H1", 100, 200), 10), false);
  // The same commit again, as a pool that starts anew tells it.
  put(rig, keys[0], [candles("A:H1", 0, 100)]);
  assertEquals(router.touched(11, [{ series: "A:H1", fromTs: 0, toTs: 100 }]), 0);
  assertEquals(router.peek(keys[0]), keys[0]);
});

Deno.test("CacheRouter.touched() after a commit that is missing ends all that is made of candles", () => {
  const rig = rigOf();
  const { router, touched } = rig;
  const keys = alternating(rig, 3) as [string, string, string];
  router.caughtUp(0, 10, []);
  put(rig, keys[0], [candles("A:H1", 0, 100)]);
  put(rig, keys[1], [candles("B:H1", 0, 100)]);
  put(rig, keys[2]);
  assertEquals(router.touched(12, []), 2);
  assertEquals(there(rig, keys), [false, false, true]);
  assertEquals(router.seq, 12);
  assertEquals(touched.isTouched(candles("C:H1", 0, 1), 11), true);
  assertEquals(touched.isTouched(candles("C:H1", 0, 1), 12), false);
  // Nor is anything taken in that is as of before it.
  const dependsOn = [candles("A:H1", 0, 100)];
  assertEquals(router.setMany([{ key: keys[0], value: "old", dependsOn, seq: 11 }]), 0);
  assertEquals(router.setMany([{ key: keys[0], value: "new", dependsOn, seq: 12 }]), 1);
});

Deno.test("CacheRouter.caughtUp() applies what was not told, once, and is exact where it can be", () => {
  const rig = rigOf();
  const { router, touched } = rig;
  const keys = alternating(rig, 2) as [string, string];
  const range = (series: string) => ({ series, fromTs: 0, toTs: 10 });
  assertEquals(router.seq, null);
  // At the start of a process: commits 5 to 7 are known of, those before are not.
  router.caughtUp(4, 7, [{ seq: 5, ranges: [range("A:H1")] }, { seq: 7, ranges: [range("B:H1")] }]);
  const answers = (series: string) =>
    [3, 4, 5, 6, 7].map((seq) => touched.isTouched(candles(series, 0, 10), seq));
  assertEquals(answers("A:H1"), [true, true, false, false, false]);
  assertEquals(answers("B:H1"), [true, true, true, true, false]);
  assertEquals(answers("C:H1"), [true, false, false, false, false]);
  put(rig, keys[0], [candles("A:H1", 0, 10)]);
  put(rig, keys[1], [candles("B:H1", 0, 10)]);
  // Later: the pool has restarted after commit 9 and read the log from 7 on.
  assertEquals(router.caughtUp(7, 9, [{ seq: 8, ranges: [range("B:H1")] }]), 1);
  assertEquals(there(rig, keys), [true, false]);
  assertEquals(router.seq, 9);
  // The log does not reach back: nobody knows.
  assertEquals(router.caughtUp(20, 21, []), 1);
  assertEquals(there(rig, keys), [false, false]);
});

Deno.test("CacheRouter.caughtUp() of a store that lost its commits begins anew", () => {
  const rig = rigOf();
  const { router, touched, inTier } = rig;
  const keys = alternating(rig, 2) as [string, string];
  const range = { series: "A:H1", fromTs: 0, toTs: 10 };
  router.caughtUp(0, 50, [{ seq: 50, ranges: [range] }]);
  put(rig, keys[0], [candles("A:H1", 0, 10)]);
  put(rig, keys[1]);
  assertEquals(router.caughtUp(50, 2, []), 1);
  assertEquals(there(rig, keys), [false, true]);
  assertEquals(router.seq, 2);
  // Its entries may be as of commits that there are no more.
  assertEquals(inTier, [{ patterns: ["*"] }]);
  // Commits count again, and what is as of them is kept.
  put(rig, keys[0], [candles("A:H1", 0, 10)]);
  assertEquals(touched.isTouched(candles("A:H1", 0, 10), 2), false);
  assertEquals(router.touched(3, [range]), 1);
  assertEquals(there(rig, keys), [false, true]);
  assertEquals(touched.isTouched(candles("A:H1", 0, 10), 2), true);
  put(rig, keys[0], [candles("A:H1", 0, 10)]);
  assertEquals(there(rig, keys), [true, true]);
});

Deno.test("CacheRouter.protect() holds for shards that come later, up to a bound, and is taken back", () => {
  const rig = rigOf(1);
  const { router } = rig;
  router.protect("a*");
  put(rig, "abc");
  assertEquals(router.explain("abc")?.isProtected, true);
  const other = rig.tableOf(0);
  router.attach(0, other);
  assertEquals(other.status().protectedPatterns, ["a*"]);
  assertEquals(router.unprotect("a*"), true);
  assertEquals(router.unprotect("a*"), false);
  assertEquals(other.status().protectedPatterns, []);
  for (let i = 0; i < PROTECTED_PATTERNS_MAX; i++) router.protect(`p${i}`);
  router.protect("p0");
  assertThrows(() => router.protect("one more"), Error, "Cannot protect another pattern");
  assertThrows(() => router.protect(""), Error, "Cannot");
});
