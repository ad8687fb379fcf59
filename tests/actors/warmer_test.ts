/** The warmer in the running tree: hearing, loading ahead, credit, restarts, a provider that is down. */

import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import type { WarmingSpec } from "../../actors/warmer.ts";
import { pause, systemClock } from "../../src/actor/mod.ts";
import type { CacheSpec } from "../../src/cache/spec.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";

interface Rig {
  readonly wick: Wick;
  readonly router: NonNullable<Wick["cache"]>;
  readonly warmer: NonNullable<Wick["warmer"]>;
  readonly upstream: ReturnType<typeof simulatedProvider>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

interface RigOptions {
  readonly warming?: WarmingSpec;
  readonly cache?: Partial<CacheSpec>;
  readonly provider?: SimulatedOptions;
  readonly store?: WickOptions["store"];
}

/** Keys go at once: how long they wait for company is a matter of `src/warm/planner.ts`. */
const AT_ONCE: WarmingSpec = { settings: { lingerRatio: 0 } };

async function rigOf(
  { warming = AT_ONCE, cache = {}, provider = {}, store }: RigOptions = {},
): Promise<
  Rig
> {
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
    warming,
    system: { log: null },
    ...(store === undefined ? {} : { store }),
  });
  const { cache: router, warmer } = wick;
  assert(router !== null && warmer !== null);
  return { wick, router, warmer, upstream, [Symbol.asyncDispose]: () => wick.system.stop() };
}

/** Damages what is saved, as a half-written copy of a file would. */
function spoil(path: string): void {
  using database = new DatabaseSync(path);
  const spoilt = database.prepare("UPDATE records SET json = ? WHERE kind = 'warming'")
    .run(JSON.stringify(btoa("no statistics")));
  assert(spoilt.changes > 0);
}

/** Waits for what comes by messages and timers of other actors, 10 s at most. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!await isSo()) {
    assert(performance.now() < endMs, "it did not come about within 10 s");
    await pause(systemClock, 20);
  }
}

async function readOften({ router, warmer }: Rig, keys: readonly string[], times: number) {
  const before = (await warmer.ask("stats", {})).accesses;
  for (let i = 0; i < times; i++) await router.getMany(keys, { user: "ann" });
  await until(async () =>
    (await warmer.ask("stats", {})).accesses === before + times * keys.length
  );
}

const isFresh = ({ router }: Rig, key: string) => (router.timeLeft(key)?.softLeftMs ?? 0) > 0;

Deno.test("the warmer hears every read of the cache, and ranks keys by them", async () => {
  await using rig = await rigOf();
  await readOften(rig, ["price:AAPL"], 30);
  await readOften(rig, ["price:MSFT", "news:MSFT"], 10);
  const patterns = await rig.warmer.ask("patterns", {});
  assertEquals(patterns.totalAccesses, 50);
  assertEquals(patterns.uniqueKeys, 3);
  assertEquals(patterns.top10.map(({ key }) => key), ["price:AAPL", "price:MSFT", "news:MSFT"]);
  const { hits, accessesLost } = await rig.warmer.ask("stats", {});
  // All but the first of each key.
  assertEquals([hits, accessesLost], [47, 0]);
});

Deno.test("the warmer loads what is popular and gone, once, and credits the read that follows", async () => {
  await using rig = await rigOf();
  const { router, warmer, upstream } = rig;
  await readOften(rig, ["price:AAPL"], 200);
  await router.invalidate({ keys: ["price:AAPL"] });
  const before = upstream.stats().keys;
  const [result] = await warmer.ask("run", { strategy: "popular" });
  assertEquals(result?.state, "started");
  await until(() => isFresh(rig, "price:AAPL"));
  assertEquals(upstream.stats().keys, before + 1);
  await until(async () => (await warmer.ask("stats", {})).byStrategy.popular.warmed === 1);
  assertEquals((await warmer.ask("stats", {})).byStrategy.popular.used, 0);
  assertEquals(rig.wick.cache?.explain("price:AAPL")?.origin, "warm:popular");
  await readOften(rig, ["price:AAPL"], 1);
  const { popular } = (await warmer.ask("stats", {})).byStrategy;
  assertEquals([popular.used, popular.wasted, popular.keys], [1, 0, 1]);
  // It is fresh: a second run has nothing to load.
  const [again] = await warmer.ask("run", { strategy: "popular" });
  assert(again?.state === "started");
  assertEquals(again.report.wanted, 0);
});

Deno.test("the warmer renews what ends and will be wanted, and nobody waits for it", async () => {
  const ttl = { rules: { price: { openMs: 1_000, closedMs: 1_000, cryptoMs: 1_000 } } };
  await using rig = await rigOf({ cache: { ttl } });
  const { router, warmer } = rig;
  // Read twenty times a second for ten minutes, as far as the warmer knows.
  const nowMs = Date.now();
  for (let sent = 0; sent < 12_000; sent += 4_000) {
    const accesses = Array.from({ length: 4_000 }, (_, i) => ({
      key: "price:AAPL",
      at: nowMs - (12_000 - sent - i) * 50,
    }));
    await warmer.ask("accesses", { accesses });
  }
  await router.get("price:AAPL");
  // Nobody reads it now, so what renews it is the warmer.
  await until(async () => (await warmer.ask("stats", {})).byStrategy.renewal.warmed >= 2);
  assertEquals((await router.get("price:AAPL")).state, "fresh");
  await until(async () => (await warmer.ask("stats", {})).byStrategy.renewal.used === 1);
});

Deno.test("the warmer stops first when its provider fails, and users go on with what is there", async () => {
  await using rig = await rigOf({ provider: { transientRatio: 1 } });
  const { router, warmer, wick } = rig;
  router.setMany([{ key: "price:HELD", value: { price: 1 } }]);
  await readOften(rig, ["price:HELD"], 50);
  // Different keys: failures are remembered by key.
  for (let i = 0; i < 8; i++) await router.get(`price:X${i}`, { timeoutMs: 500 });
  await until(async () => (await wick.provider("upstream").ask("status", {})).breaker !== "closed");
  await until(async () => (await warmer.ask("status", {})).paused === "down");
  await router.invalidate({ keys: ["price:X0"] });
  const [refused] = await warmer.ask("run", { strategy: "popular" });
  assertEquals(refused, { state: "refused", strategy: "popular", reason: "down" });
  assertEquals((await router.get("price:HELD")).state, "fresh");
});

Deno.test("what the warmer has learned outlives the process, as sectors and dates do", async () => {
  const folder = await Deno.makeTempDir();
  const store = { kind: "sqlite", options: { path: `${folder}/wick.db` } } as const;
  try {
    {
      await using rig = await rigOf({ store });
      await readOften(rig, ["price:AAPL", "price:MSFT"], 40);
      await rig.warmer.ask("sectors", { sectors: { AAPL: "technology" } });
      const events = [{ symbol: "AAPL", kind: "earnings", date: "2026-03-03", when: null }];
      await rig.warmer.ask("calendar", { events });
    }
    await using rig = await rigOf({ store });
    const patterns = await rig.warmer.ask("patterns", {});
    assertEquals(patterns.totalAccesses, 80);
    assertEquals(patterns.top10.map(({ key }) => key).sort(), ["price:AAPL", "price:MSFT"]);
    // The cache is empty, and what was popular is loaded without anybody asking.
    assertEquals(rig.router.timeLeft("price:AAPL"), null);
    await rig.warmer.ask("run", { strategy: "popular" });
    await until(() => isFresh(rig, "price:AAPL") && isFresh(rig, "price:MSFT"));
    const kept = await rig.wick.store.ask("records", { kind: "warming" });
    assertEquals(kept.map(({ key }) => key).sort(), ["calendar", "sectors", "statistics"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("statistics that cannot be read cost what was learned, not the service", async () => {
  const folder = await Deno.makeTempDir();
  const store = { kind: "sqlite", options: { path: `${folder}/wick.db` } } as const;
  try {
    {
      await using rig = await rigOf({ store });
      await readOften(rig, ["price:AAPL"], 5);
      await rig.warmer.ask("save", {});
    }
    spoil(`${folder}/wick.db`);
    await using rig = await rigOf({ store });
    assertEquals((await rig.warmer.ask("patterns", {})).totalAccesses, 0);
    await readOften(rig, ["price:AAPL"], 5);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("accesses made elsewhere count, never later than now", async () => {
  await using rig = await rigOf();
  const inAnHour = Date.now() + 3_600_000;
  const accesses = Array.from({ length: 20 }, () => ({ key: "price:AAPL", at: inAnHour }));
  assertEquals(await rig.warmer.ask("accesses", { accesses }), { taken: 20 });
  const { totalAccesses, top10 } = await rig.warmer.ask("patterns", {});
  assertEquals([totalAccesses, top10[0]?.key], [20, "price:AAPL"]);
});

Deno.test("a tree that warms without a cache does not start", async () => {
  const error = await assertRejects(() => startWick({ workers: 1, warming: {} }), TypeError);
  assertEquals(error.message, "Cannot warm: expected a cache: current value is none");
});

Deno.test("a warmer without a provider loads nothing and says why", async () => {
  const wick = await startWick({
    workers: 1,
    cache: { provider: null },
    warming: {},
    system: { log: null },
  });
  try {
    const [result] = await wick.warmer?.ask("run", { strategy: "popular" }) ?? [];
    assertEquals(result, { state: "refused", strategy: "popular", reason: "down" });
  } finally {
    await wick.system.stop();
  }
});
