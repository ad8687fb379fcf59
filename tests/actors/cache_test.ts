/** The cache in the running tree: providers, labels, levels, commits, restarts, and the second tier. */

import { assert, assertEquals } from "@std/assert";
import { LabelPool } from "../../actors/protocols.ts";
import { type CachedLabels, CacheShard, CacheTier } from "../../actors/protocols_cache.ts";
import { PATHS, startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import { shardName } from "../../actors/tree_cache.ts";
import type { CacheSpec } from "../../src/cache/spec.ts";
import { pause, seededRandom, systemClock } from "../../src/actor/mod.ts";
import type { LoadAsk } from "../../src/cache/types.ts";
import { labelCandles } from "../../src/label/label_candles.ts";
import { labelKeyOf } from "../../src/label/label_key.ts";
import { labelParams, paramHash } from "../../src/label/params.ts";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { correlationOf } from "../../src/market/correlation.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";
import { SpyStore } from "./spy_store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { putLevels } from "../../src/store/records.ts";

const ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 10_000 };
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2024, 0, 1);
const PARAMS = labelParams({ horizon: 12 });

/** A walk of so many H1 candles from a bar on. */
function candlesOf(series: string, bars: number, fromBar = 0, seed = 7): CandleBlock {
  const random = seededRandom(seed);
  const rows = new CandleBuilder(series, bars);
  let close = 100;
  for (let bar = 0; bar < fromBar + bars; bar++) {
    const open = close;
    close = Math.max(20, open + random.next() - 0.5);
    const high = Math.max(open, close) + 0.2;
    const low = Math.min(open, close) - 0.2;
    if (bar >= fromBar) rows.push(START_MS + bar * HOUR_MS, open, high, low, close, 1);
  }
  return rows.finish();
}

interface Rig {
  readonly wick: Wick;
  readonly router: NonNullable<Wick["cache"]>;
  readonly upstream: ReturnType<typeof simulatedProvider>;
  readonly ingest: (...blocks: CandleBlock[]) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

async function rigOf(
  cache: Partial<CacheSpec> = {},
  more: Partial<WickOptions> = {},
  provider: SimulatedOptions = {},
): Promise<Rig> {
  const upstream = simulatedProvider(systemClock, {
    medianMs: 5,
    p99Ms: 10,
    transientRatio: 0,
    ...provider,
  });
  const wick = await startWick({
    workers: 1,
    providers: [{ name: "upstream", begin: "free", open: () => upstream }],
    cache: { provider: "upstream", ...cache },
    system: { log: null },
    ...more,
  });
  const ingest = async (...blocks: CandleBlock[]) => {
    const batch = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
    const { state } = await wick.pool.ask("ingest", batch);
    assertEquals(state, "committed");
  };
  const router = wick.cache;
  assert(router !== null);
  const dispose = () => wick.system.stop();
  return { wick, router, upstream, ingest, [Symbol.asyncDispose]: dispose };
}

function keyOf(fromBar: number, toBar: number, series = "EUR_USD:H1"): string {
  return labelKeyOf({
    series,
    fromTs: START_MS + fromBar * HOUR_MS,
    toTs: START_MS + toBar * HOUR_MS,
    limit: 1_000,
    params: PARAMS,
  });
}

/** The labels of a key, which must be there or come. */
async function labelsOf({ router }: Rig, key: string) {
  const found = await router.get(key, ASK);
  assert(found.state === "fresh" || found.state === "loaded", JSON.stringify(found));
  return { ...(found.value as CachedLabels), tier: found.tier };
}

/** Closes and final labels of the rows: what differs when candles do. */
function shownOf({ block }: { readonly block: CachedLabels["block"] }) {
  return { ts: [...block.ts], close: [...block.close], label: [...block.label] };
}

/** The same, computed from all candles at once. */
function expectedOf(candles: CandleBlock, fromBar: number, toBar: number) {
  const { ts, close, label } = labelCandles(candles, PARAMS, paramHash(PARAMS));
  const cut = <T>(column: ArrayLike<T>) => Array.from(column).slice(fromBar, toBar);
  return { ts: cut(ts), close: cut(close), label: cut(label) };
}

Deno.test("the cache asks its provider once for what a hundred want at once, and then never", async () => {
  await using rig = await rigOf();
  const { router, upstream } = rig;
  assertEquals(router.peek("price:AAPL"), undefined);
  const found = await Promise.all(
    Array.from({ length: 100 }, () => router.get("price:AAPL", ASK)),
  );
  for (const one of found) assert(one.state === "loaded" || one.state === "fresh");
  assertEquals(upstream.stats().keys, 1);
  const price = router.peek("price:AAPL") as { price: number };
  assert(price.price > 0 && Object.isFrozen(price));
  // Keys of several shards and kinds, grouped: no call for each of them.
  const keys = Array.from({ length: 40 }, (_, i) => `price:X${i}`);
  await router.getMany([...keys, "news:AAPL"], ASK);
  const { calls } = upstream.stats();
  assert(calls <= 1 + 4 + 1, `${calls} calls`);
  for (const key of keys) assert(router.peek(key) !== undefined, key);
});

Deno.test("the cache says what is wrong with a key, and of a provider that fails", async () => {
  await using rig = await rigOf({}, {}, { unknown: ["GONE"], poison: { BAD: "permanent" } });
  const failureOf = async (key: string) => {
    const found = await rig.router.get(key, ASK);
    return found.state === "failed" ? found.failure.code : found.state;
  };
  assertEquals(await failureOf("price:GONE"), "missing");
  assertEquals(await failureOf("price:BAD"), "symbol");
  assertEquals(await failureOf("price:A B"), "key");
  assertEquals(await failureOf("correlation:EUR_USD:H1"), "key");
  assertEquals(await failureOf("label:EUR_USD:H1"), "key");
  assertEquals(await failureOf("mine:of any kind"), "missing");
  await using without = await rigOf({ provider: null });
  const found = await without.router.get("price:AAPL", ASK);
  assertEquals(found.state === "failed" && found.failure.code, "no_provider");
});

Deno.test("a corrected candle ends exactly the labels that it touched, before they are published", async () => {
  const candles = candlesOf("EUR_USD:H1", 200);
  const seenAt: boolean[] = [];
  const early = keyOf(30, 60);
  const late = keyOf(120, 150);
  const live = keyOf(180, 300);
  const other = keyOf(30, 60, "GBP_USD:H1");
  let router: Rig["router"] | null = null;
  await using rig = await rigOf({}, {
    // Told of the labels of every commit: by then nothing that it outdated may be read.
    onLabels: () => void seenAt.push(router?.explain(late)?.state === "fresh"),
  });
  router = rig.router;
  await rig.ingest(candles, candlesOf("GBP_USD:H1", 200, 0, 8));
  for (const key of [early, late, live, other]) await labelsOf(rig, key);
  assertEquals(shownOf(await labelsOf(rig, late)), expectedOf(candles, 120, 150));
  assertEquals((await labelsOf(rig, late)).tier, "l1");

  for (let i = 0; i < 500 && seenAt.length === 0; i++) await pause(systemClock, 2);
  seenAt.length = 0;
  // A correction in the reach of `late`: within 12 bars after its end.
  const at = 155;
  const fixed = new CandleBuilder("EUR_USD:H1", 1);
  const row = [candles.open[at], candles.high[at], candles.low[at]] as [number, number, number];
  fixed.push(candles.ts[at] as number, row[0], row[1] + 9, row[2], row[1] + 8, 1);
  await rig.ingest(fixed.finish());
  // The sender is told first.
  for (let i = 0; i < 500 && seenAt.length === 0; i++) await pause(systemClock, 2);
  assertEquals(seenAt, [false]);
  const there = (key: string) => rig.router.peek(key) !== undefined;
  assertEquals([early, late, live, other].map(there), [true, false, false, true]);

  const corrected = candlesOf("EUR_USD:H1", 200);
  corrected.high[at] = row[1] + 9;
  corrected.close[at] = row[1] + 8;
  assertEquals(shownOf(await labelsOf(rig, late)), expectedOf(corrected, 120, 150));

  // A new candle touches only what reaches to the end of the series.
  await labelsOf(rig, live);
  await rig.ingest(candlesOf("EUR_USD:H1", 1, 200));
  assertEquals([early, late, live, other].map(there), [true, true, false, true]);
});

Deno.test("levels and correlations are kept until what they are made of changes", async () => {
  const backend = new MemoryStore();
  await using rig = await rigOf({}, { store: { kind: "open", backend } });
  const { router } = rig;
  const [a, b] = [candlesOf("EUR_USD:H1", 100), candlesOf("GBP_USD:H1", 100, 0, 8)];
  await rig.ingest(a, b);
  const key = "correlation:EUR_USD:H1?with=GBP_USD&bars=50";
  const found = await router.get(key, ASK);
  assertEquals(found.state === "loaded" && found.value, correlationOf(a, b, 50));
  await rig.ingest(candlesOf("USD_JPY:H1", 5));
  assert(router.peek(key) !== undefined);
  await rig.ingest(candlesOf("GBP_USD:H1", 1, 100, 8));
  assertEquals(router.peek(key), undefined);

  const valueOf = async (name: string) => {
    const levels = await router.get(name, ASK);
    return "value" in levels ? levels.value : levels.state;
  };
  assertEquals(await valueOf("levels:EUR_USD"), []);
  const level = { kind: "support", price: 1, fromTs: 0, toTs: 1 } as const;
  await putLevels(backend, "EUR_USD", [level]);
  await router.invalidate({ dependencies: [{ kind: "levels", instrument: "EUR_USD" }] });
  assertEquals(await valueOf("levels:EUR_USD"), [level]);
});

Deno.test("a shard that restarts is empty, serves on, and keeps what is protected", async () => {
  await using rig = await rigOf({ shards: 2 });
  const { router, wick } = rig;
  router.protect("price:A*");
  await router.get("price:AAPL", ASK);
  const path = `core/cache/${shardName(router.shardOf("price:AAPL"))}`;
  const before = await wick.system.ref(CacheShard, path).ask("status", {});
  assertEquals([before.entries, before.protectedEntries], [1, 1]);
  wick.system.restart(`${wick.system.root.path}/${path}`);
  for (let i = 0; i < 500 && router.peek("price:AAPL") !== undefined; i++) {
    await pause(systemClock, 2);
  }
  const found = await router.get("price:AAPL", ASK);
  assertEquals(found.state, "loaded");
  const after = await wick.system.ref(CacheShard, path).ask("status", {});
  assertEquals([after.entries, after.protectedEntries], [1, 1]);
  assertEquals(after.protectedPatterns, ["price:A*"]);
});

Deno.test("commits that a pool did not tell the cache of are made up for when it starts again", async () => {
  const backend = new MemoryStore();
  await using rig = await rigOf({}, { store: { kind: "open", backend } });
  const candles = candlesOf("EUR_USD:H1", 100);
  await rig.ingest(candles, candlesOf("GBP_USD:H1", 100, 0, 8));
  const [touched, spared] = [keyOf(60, 80), keyOf(60, 80, "GBP_USD:H1")];
  for (const key of [touched, spared]) await labelsOf(rig, key);
  // As if the pool had died after the store had committed.
  const at = 70;
  const changed = candlesOf("EUR_USD:H1", 1, at, 9);
  const window = await backend.window("EUR_USD:H1", changed.ts[0] as number, Infinity, 0);
  const fromTs = changed.ts[0] as number;
  await backend.commit([{
    feed: null,
    after: null,
    cursor: null,
    series: [{
      series: "EUR_USD:H1",
      baseSeq: window.count,
      append: null,
      replace: { fromTs, toTs: fromTs + 1, candles: changed },
      labels: [],
      relabelled: null,
    }],
  }]);
  assert(rig.router.peek(touched) !== undefined);
  rig.wick.system.restart(`${rig.wick.system.root.path}/${PATHS.pool}`);
  // Its next answer comes from the new incarnation.
  await rig.wick.system.ref(LabelPool, PATHS.pool).ask("status", {});
  assertEquals(rig.router.peek(touched), undefined);
  assert(rig.router.peek(spared) !== undefined);
  const { block } = await labelsOf(rig, touched);
  assertEquals(block.close[at - 60], changed.close[0]);
});

Deno.test("a commit whose answer comes too late for the pool ends what it touched all the same", async () => {
  const backend = new SpyStore();
  await using rig = await rigOf({}, { store: { kind: "open", backend } });
  await rig.ingest(candlesOf("EUR_USD:H1", 100));
  const key = keyOf(90, 300);
  assertEquals((await labelsOf(rig, key)).block.length, 10);
  backend.hold();
  const blocks = [candlesOf("EUR_USD:H1", 1, 100)];
  const batch = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
  const answer = rig.wick.pool.ask("ingest", batch);
  const commits = () => backend.calls.filter(({ type }) => type === "commit").length;
  for (let i = 0; i < 500 && commits() < 2; i++) await pause(systemClock, 2);
  // As when a label worker dies: all that is under way is given back.
  for (const epoch of [0, 2 ** 32]) {
    rig.wick.pool.tell("failed", { epoch, code: "worker", message: "it died" });
  }
  assertEquals((await answer).state, "failed");
  backend.release();
  for (let i = 0; i < 500 && rig.router.seq !== 2; i++) await pause(systemClock, 2);
  assertEquals([backend.seq, rig.router.seq], [2, 2]);
  assertEquals((await labelsOf(rig, key)).block.length, 11);
});

Deno.test("what the pool read for the cache before a later commit takes nothing back", async () => {
  const backend = new SpyStore();
  await using rig = await rigOf({}, { store: { kind: "open", backend } });
  const ingest = (bar: number) => {
    const blocks = [candlesOf("EUR_USD:H1", 1, bar)];
    const batch = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
    return rig.wick.pool.ask("ingest", batch);
  };
  await ingest(0);
  // How the store is, as it was when it was asked.
  const gate = Promise.withResolvers<void>();
  const info = async () => {
    const now = backend.memory.info();
    await gate.promise;
    return now;
  };
  Object.assign(backend, { info });
  backend.hold();
  const lost = ingest(1);
  const commits = () => backend.calls.filter(({ type }) => type === "commit").length;
  for (let i = 0; i < 500 && commits() < 2; i++) await pause(systemClock, 2);
  for (const epoch of [0, 2 ** 32]) {
    rig.wick.pool.tell("failed", { epoch, code: "worker", message: "it died" });
  }
  assertEquals((await lost).state, "failed");
  backend.release();
  assertEquals((await ingest(2)).state, "committed");
  assertEquals(rig.router.seq, 3);
  const key = keyOf(0, 2);
  await labelsOf(rig, key);
  gate.resolve();
  await pause(systemClock, 50);
  assertEquals(rig.router.seq, 3);
  assert(rig.router.peek(key) !== undefined);
});

Deno.test("labels with kinds of a range without candles are none, and cost no worker", async () => {
  await using rig = await rigOf();
  const wanted = { fromTs: 0, toTs: HOUR_MS, limit: 10, params: PARAMS, kinds: "ret_sign" };
  for (const series of ["NO_SUCH:H1", "EUR_USD:H1"]) {
    const { block, kinds } = await labelsOf(rig, labelKeyOf({ ...wanted, series }));
    assertEquals([block.length, kinds.map(({ length }) => length)], [0, [0]]);
    await rig.ingest(candlesOf("EUR_USD:H1", 50, series === "NO_SUCH:H1" ? 0 : 50));
  }
  assertEquals((await rig.wick.pool.ask("status", {})).failures, 0);
});

Deno.test("what a process left in the second tier is served by the next one, unless it was touched", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = { kind: "sqlite", options: { path: `${folder}/wick.db` } } as const;
    const tier = { kind: "sqlite", path: `${folder}/cache.db` } as const;
    const [touched, spared] = [keyOf(60, 80), keyOf(60, 80, "GBP_USD:H1")];
    {
      await using rig = await rigOf({ tier }, { store });
      await rig.ingest(candlesOf("EUR_USD:H1", 200), candlesOf("GBP_USD:H1", 200, 0, 8));
      for (const key of [touched, spared, "price:AAPL"]) await rig.router.get(key, ASK);
      assertEquals(rig.upstream.stats().keys, 1);
      // Written behind, within some 50 ms, or when it stops.
    }
    {
      // A process without a cache commits: the crash between commit and invalidation, at its worst.
      const wick = await startWick({ workers: 1, store, system: { log: null } });
      const blocks = [candlesOf("EUR_USD:H1", 1, 70, 9)];
      const batch = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
      await wick.pool.ask("ingest", batch);
      await wick.system.stop();
    }
    await using rig = await rigOf({ tier }, { store });
    const found = await labelsOf(rig, touched);
    assertEquals(found.tier, "upstream");
    assertEquals(found.block.close[10], candlesOf("EUR_USD:H1", 1, 70, 9).close[0]);
    assertEquals((await labelsOf(rig, spared)).tier, "l2");
    const price = await rig.router.get("price:AAPL", ASK);
    assertEquals([price.state, "tier" in price && price.tier], ["loaded", "l2"]);
    assertEquals(rig.upstream.stats().keys, 0);
    // What is ended is ended there too.
    await rig.router.invalidate({ patterns: ["price:*"] });
    await rig.router.get("price:AAPL", ASK);
    assertEquals(rig.upstream.stats().keys, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the second tier's thread may die: the shards go on, and it comes back with what it had", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tier = { kind: "sqlite", path: `${folder}/cache.db` } as const;
    await using rig = await rigOf({ tier });
    await rig.router.get("price:AAPL", ASK);
    rig.wick.system.restart(`${rig.wick.system.root.path}/core/cache/tier`);
    const found = await rig.router.getMany(["price:AAPL", "price:MSFT"], ASK);
    assertEquals(found.map(({ state }) => state), ["fresh", "loaded"]);
    // Its answer is that of the new incarnation, whose mailbox holds what came meanwhile.
    await rig.wick.system.ref(CacheTier, "core/cache/tier").ask("status", {});
    rig.router.flush();
    const again = await rig.router.get("price:AAPL", ASK);
    assertEquals("tier" in again && again.tier, "l2");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the cache shows what came in one call at once, whatever the shard", async () => {
  await using rig = await rigOf();
  const { router, upstream } = rig;
  const keys = Array.from({ length: 40 }, (_, i) => `price:G${i}`);
  const shards = new Set(keys.map((key) => router.shardOf(key)));
  assert(shards.size > 1);
  const views = new Set<number>();
  const look = () => views.add(keys.filter((key) => router.peek(key) !== undefined).length);
  look();
  await Promise.all(keys.map(async (key) => {
    await router.get(key, ASK);
    look();
  }));
  assertEquals([...views], [0, 40]);
  assertEquals(upstream.stats().calls, 1);
});

Deno.test("the cache makes one key of what warming and a user want", async () => {
  await using rig = await rigOf();
  const { router, upstream } = rig;
  const warm = { priority: 1, origin: "warm:popular", timeoutMs: 60_000 } as const;
  const [warmed, asked] = await Promise.all([
    router.get("price:AAPL", warm),
    router.get("price:AAPL", ASK),
  ]);
  assertEquals([warmed.state, asked.state], ["loaded", "loaded"]);
  assertEquals(upstream.stats().keys, 1);
});
