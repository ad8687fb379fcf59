/** Invalidation, and what becomes of loads that began before it. */

import { assert, assertEquals } from "@std/assert";
import { DEPARTED_MAX } from "../../src/cache/shard_table.ts";
import type { Dependency, Loaded } from "../../src/cache/types.ts";
import { ASK, bench, failed, turns, valueOf } from "./shard_support.ts";

const KEY = "label:EUR_USD:H1";
const SERIES = "EUR_USD:H1";
const candles = (fromTs: number, toTs: number, series = SERIES): Dependency => ({
  kind: "candles",
  series,
  fromTs,
  toTs,
});

type Made = Partial<Extract<Loaded<unknown>, { state: "ok" }>>;
type Shard = ReturnType<typeof bench>["shard"];

/** Each way to invalidate what a load under way will turn out to be made of. */
const WAYS: readonly { by: string; made: Made; change: (shard: Shard) => unknown }[] = [
  { by: "key", made: {}, change: (shard) => shard.invalidate({ keys: [KEY] }) },
  { by: "pattern", made: {}, change: (shard) => shard.invalidate({ patterns: ["label:*"] }) },
  {
    by: "exact pattern",
    made: {},
    change: (shard) => shard.invalidate({ patterns: [KEY] }),
  },
  { by: "tag", made: { tags: ["fx"] }, change: (shard) => shard.invalidate({ tags: ["fx"] }) },
  {
    by: "candles",
    made: { dependsOn: [candles(0, 100)], seq: 5 },
    change: (shard) => shard.invalidate({ dependencies: [candles(99, 200)] }),
  },
  {
    by: "levels",
    made: { dependsOn: [{ kind: "levels", instrument: "EUR_USD" }] },
    change: (shard) =>
      shard.invalidate({ dependencies: [{ kind: "levels", instrument: "EUR_USD" }] }),
  },
  {
    by: "dependency on a key",
    made: { dependsOn: [{ kind: "key", key: "config:a" }] },
    change: (shard) => shard.invalidate({ keys: ["config:a"] }),
  },
  {
    by: "pattern of a key that it depends on",
    made: { dependsOn: [{ kind: "key", key: "config:a" }] },
    change: (shard) => shard.invalidate({ patterns: ["config:*"] }),
  },
  {
    by: "set of a key that it depends on",
    made: { dependsOn: [{ kind: "key", key: "config:a" }] },
    change: (shard) => shard.set("config:a", 2),
  },
  {
    by: "touched ranges, without a seq",
    made: { dependsOn: [candles(0, 100)] },
    change: (shard) => shard.touched(7, [{ series: SERIES, fromTs: 50, toTs: 51 }]),
  },
  {
    by: "touched ranges, as of an earlier seq",
    made: { dependsOn: [candles(0, 100)], seq: 6 },
    change: (shard) => shard.touched(7, [{ series: SERIES, fromTs: 50, toTs: 51 }]),
  },
  { by: "flush", made: {}, change: (shard) => shard.flush() },
  {
    by: "lost commits",
    made: { dependsOn: [candles(0, 100)] },
    change: (shard) => shard.dropCandleEntries(7),
  },
];

for (const { by, made, change } of WAYS) {
  Deno.test(`CacheShard: a load begun before an invalidation by ${by} does not write back`, async () => {
    const { shard, calls, bring } = bench();
    const before = shard.load(KEY, ASK);
    change(shard);
    const after = shard.load(KEY, ASK);
    await bring("old", made);
    assertEquals(shard.peek(KEY), undefined);
    assertEquals(valueOf(await before), "old");
    // Who asked after it gets what a new load brings.
    assertEquals(calls.length, 2);
    await bring("new", { ...made, ...(made.seq === undefined ? {} : { seq: 9 }) });
    assertEquals(valueOf(await after), "new");
    assertEquals(shard.peek(KEY), "new");
    assertEquals(calls.length, 2);
    assertEquals(shard.status().types.find(({ type }) => type === "label")?.loadsOutdated, 1);
    shard.invariant();
    shard.close();
  });

  Deno.test(`CacheShard: an invalidation by ${by} ends the entry at once`, async () => {
    const { shard, fill } = bench();
    await fill(KEY, "old", made);
    change(shard);
    assertEquals(shard.peek(KEY), undefined);
    shard.invariant();
    shard.close();
  });
}

Deno.test("CacheShard: a renewal begun before an invalidation does not write back", async () => {
  const { shard, clock, fill, bring } = bench();
  await fill(KEY, 1);
  clock.advance(60_000);
  assertEquals(shard.peek(KEY), 1);
  shard.invalidate({ keys: [KEY] });
  await bring(2);
  assertEquals(shard.peek(KEY), undefined);
  shard.close();
});

Deno.test("CacheShard: a load begun before a set does not write back, and who waits has the new value", async () => {
  const { shard, bring } = bench();
  const before = shard.load(KEY, ASK);
  shard.set(KEY, "set");
  assertEquals(valueOf(await before), "set");
  await bring("loaded");
  assertEquals(shard.peek(KEY), "set");
  shard.close();
});

Deno.test("CacheShard: a failure or a missing of before an invalidation is not remembered", async () => {
  for (const answer of [failed(), { state: "missing" } as const]) {
    const { shard, calls, ...rest } = bench();
    const before = shard.load(KEY, ASK);
    shard.invalidate({ keys: [KEY] });
    await rest.answer(answer);
    await before;
    void shard.load(KEY, ASK);
    assertEquals(calls.length, 2);
    shard.close();
  }
});

Deno.test("CacheShard.invalidate() ends what is remembered of missing keys", async () => {
  for (const selection of [{ keys: [KEY] }, { patterns: ["label:*"] }]) {
    const { shard, calls, answer } = bench();
    void shard.load(KEY, ASK);
    await answer({ state: "missing" });
    shard.invalidate(selection);
    void shard.load(KEY, ASK);
    assertEquals(calls.length, 2);
    shard.close();
  }
});

Deno.test("CacheShard forgets that a key is missing when what it would be made of changes", async () => {
  const missing = { state: "missing", dependsOn: [candles(0, Infinity)], seq: 1 } as const;
  const { shard, calls, answer } = bench();
  void shard.load(KEY, ASK);
  await answer(missing);
  shard.touched(2, [{ series: "GBP_USD:H1", fromTs: 0, toTs: 1 }]);
  assertEquals(shard.find(KEY), { state: "missing" });
  assertEquals(shard.touched(3, [{ series: SERIES, fromTs: 0, toTs: 1 }]), [KEY]);
  assertEquals(shard.find(KEY), null);
  // One that comes too late is not remembered.
  const before = shard.load(KEY, ASK);
  shard.touched(4, [{ series: SERIES, fromTs: 0, toTs: 1 }]);
  await answer({ ...missing, seq: 3 });
  assertEquals(await before, { state: "missing" });
  assertEquals(shard.find(KEY), null);
  assertEquals(calls.length, 2);
  shard.invariant();
  shard.close();
});

Deno.test("CacheShard keeps a value that is as of the commit that was told of during its load", async () => {
  const { shard, bring } = bench();
  const found = shard.load(KEY, ASK);
  shard.touched(7, [{ series: SERIES, fromTs: 50, toTs: 51 }]);
  const later = shard.load(KEY, ASK);
  await bring("new", { dependsOn: [candles(0, 100)], seq: 7 });
  assertEquals(valueOf(await found), "new");
  assertEquals(valueOf(await later), "new");
  assertEquals(shard.peek(KEY), "new");
  shard.close();
});

Deno.test("CacheShard gives no value of before a commit to who asked after it, however often it comes", async () => {
  const { shard, calls, bring } = bench();
  shard.touched(7, [{ series: SERIES, fromTs: 50, toTs: 51 }]);
  const found = shard.load(KEY, ASK);
  const made = { dependsOn: [candles(0, 100)], seq: 6 };
  await bring("old", made);
  await bring("old", made);
  const answer = await found;
  assert(answer.state === "failed" && answer.failure.code === "outdated");
  assertEquals(calls.length, 2);
  shard.close();
});

Deno.test("CacheShard.touched() ends exactly the dependents, transitively", async () => {
  const { shard, fill } = bench();
  await fill("a", 1, { dependsOn: [candles(0, 100)] });
  await fill("b", 1, { dependsOn: [candles(100, 200)] });
  await fill("c", 1, { dependsOn: [candles(50, 60, "GBP_USD:H1")] });
  await fill("d", 1, { dependsOn: [{ kind: "key", key: "a" }] });
  await fill("e", 1, { dependsOn: [{ kind: "key", key: "d" }] });
  await fill("f", 1);
  const gone = shard.touched(1, [{ series: SERIES, fromTs: 99, toTs: 100 }]);
  assertEquals(gone.sort(), ["a", "d", "e"]);
  assertEquals(["a", "b", "c", "d", "e", "f"].filter((key) => shard.peek(key) === 1), [
    "b",
    "c",
    "f",
  ]);
  assertEquals(shard.status().types[0]?.removed.invalidated, 3);
  shard.close();
});

Deno.test("CacheShard.touched() leaves what is as of the commit or later", async () => {
  const { shard, fill } = bench();
  await fill("a", 1, { dependsOn: [candles(0, 100)], seq: 8 });
  await fill("b", 1, { dependsOn: [candles(0, 100)], seq: 7 });
  assertEquals(shard.touched(8, [{ series: SERIES, fromTs: 0, toTs: 1 }]), ["b"]);
  shard.close();
});

Deno.test("CacheShard.invalidate() may mark stale: served once more while it is renewed", async () => {
  const { shard, calls, fill, bring } = bench();
  await fill("a", 1, { dependsOn: [candles(0, 100)] });
  await fill("b", 1, { dependsOn: [{ kind: "key", key: "a" }] });
  assertEquals(shard.touched(1, [{ series: SERIES, fromTs: 0, toTs: 1 }], "stale"), ["a", "b"]);
  assertEquals(shard.find("a")?.state, "stale");
  assertEquals(calls.length, 3);
  await bring(2, { dependsOn: [candles(0, 100)], seq: 1 });
  assertEquals(shard.find("a")?.state, "fresh");
  shard.close();
});

Deno.test("CacheShard: what an evicted entry was made of still ends what was made of it", async () => {
  const { shard, fill } = bench({ entriesMax: 3, policy: "lru" });
  await fill("a", 1, { dependsOn: [candles(0, 100)] });
  await fill("b", 1, { dependsOn: [{ kind: "key", key: "a" }] });
  await fill("x", 1);
  await fill("y", 1);
  assertEquals(shard.explain("a").lastRemoval?.cause, "evicted");
  assertEquals(shard.peek("b"), 1);
  // The evicted key is told too: what was made of it may be in another shard.
  assertEquals(shard.touched(1, [{ series: SERIES, fromTs: 0, toTs: 1 }]).sort(), ["a", "b"]);
  assertEquals(shard.peek("b"), undefined);
  shard.invariant();
  shard.close();
});

Deno.test("CacheShard: what a renewed entry was made of before still ends what was made of it", async () => {
  const { shard, clock, fill, bring } = bench();
  await fill("a", 1, { dependsOn: [candles(0, 100)] });
  await fill("b", 1, { dependsOn: [{ kind: "key", key: "a" }] });
  clock.advance(50_000);
  shard.peek("a");
  await bring(2, { dependsOn: [candles(100, 200)] });
  assertEquals(shard.peek("a"), 2);
  shard.touched(1, [{ series: SERIES, fromTs: 0, toTs: 1 }]);
  assertEquals(shard.peek("b"), undefined);
  shard.invariant();
  shard.close();
});

Deno.test("CacheShard ends and tells what was made of entries of which it no longer knows what they were made of", async () => {
  const told: string[] = [];
  const { shard, fill } = bench({
    entriesMax: 4,
    policy: "lru",
    protectedRatioMax: 0.5,
    onForgotten: (keys) => told.push(...keys),
  });
  shard.protect("kept");
  const dependsOn = [candles(0, 100)];
  await fill("first", 1, { dependsOn });
  await fill("kept", 1, { dependsOn: [{ kind: "key", key: "first" }] });
  const others = DEPARTED_MAX + 3;
  for (let i = 0; i < others; i++) shard.set(`n:${i}`, i, { dependsOn });
  assertEquals(told, ["first", "kept"]);
  assertEquals(shard.peek("kept"), undefined);
  shard.invariant();
  shard.close();
});

Deno.test("CacheShard tells of keys that others may depend on when it closes or drops them", async () => {
  const told: string[] = [];
  const { shard, fill } = bench({ onForgotten: (keys) => told.push(...keys) });
  await fill("a", 1, { dependsOn: [candles(0, 100)] });
  await fill("b", 1, { tags: ["t"] });
  await fill("c", 1);
  assertEquals(shard.dropCandleEntries(7), 1);
  assertEquals(told.splice(0), ["a"]);
  shard.close();
  assertEquals(told, ["b"]);
});

Deno.test("CacheShard.set() ends what depends on the key, but for what is set with it", async () => {
  const { shard, fill } = bench();
  const onA: Dependency[] = [{ kind: "key", key: "a" }];
  await fill("a", 1);
  await fill("b", 1, { dependsOn: onA });
  await fill("c", 1, { dependsOn: onA });
  assertEquals(
    shard.setMany([{ key: "a", value: 2 }, { key: "b", value: 2, dependsOn: onA }]),
    2,
  );
  assertEquals(["a", "b", "c"].map((key) => shard.peek(key)), [2, 2, undefined]);
  shard.close();
});

Deno.test("CacheShard.setMany() puts all in or none", () => {
  const { shard } = bench({ weightMaxBytes: 10_000 });
  shard.set("a", 1);
  const entries = [{ key: "a", value: 2 }, { key: "b", value: "x".repeat(20_000) }];
  assertEquals(shard.setMany(entries), 0);
  assertEquals([shard.peek("a"), shard.peek("b")], [1, undefined]);
  let thrown: unknown;
  try {
    shard.setMany([{ key: "a", value: 3 }, { key: "c", value: new Date(0) }]);
  } catch (error) {
    thrown = error;
  }
  assert(thrown instanceof TypeError);
  assertEquals([shard.peek("a"), shard.peek("c")], [1, undefined]);
  assertEquals(shard.setMany([{ key: "a", value: 4 }, { key: "c", value: 5 }]), 2);
  assertEquals([shard.peek("a"), shard.peek("c")], [4, 5]);
  shard.close();
});

Deno.test("CacheShard.set() refuses what a commit has outdated", () => {
  const { shard } = bench();
  shard.touched(7, [{ series: SERIES, fromTs: 50, toTs: 51 }]);
  const made = { dependsOn: [candles(0, 100)] };
  assertEquals(shard.set(KEY, 1, { ...made, seq: 6 }), false);
  assertEquals(shard.set(KEY, 1, { ...made, seq: 7 }), true);
  shard.close();
});

Deno.test("CacheShard: what callers get cannot change what is stored", async () => {
  const { shard, bring } = bench();
  const loaded = { rows: [{ close: 1 }], ts: new Float64Array([1, 2]) };
  const [first, second] = [shard.load("c", ASK), shard.load("c", ASK)];
  await bring(loaded);
  loaded.ts[0] = 99;
  type Block = typeof loaded;
  const [one, other] = [valueOf(await first) as Block, valueOf(await second) as Block];
  one.ts[1] = 99;
  assertEquals(other.ts, new Float64Array([1, 2]));
  const hit = shard.peek("c") as Block;
  hit.ts[0] = 99;
  assertEquals((shard.peek("c") as Block).ts, new Float64Array([1, 2]));
  assert(Object.isFrozen(hit.rows) && Object.isFrozen(hit.rows[0]));
  const plain = { a: { b: [1] } };
  shard.set("p", plain);
  assert(shard.peek("p") === plain && Object.isFrozen(plain.a.b));
  await turns();
  shard.close();
});
