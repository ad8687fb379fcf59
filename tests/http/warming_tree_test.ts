/** Routes and metrics of warming over the whole tree, with a provider that answers at once. */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import type { z } from "zod";
import { startWick } from "../../actors/tree.ts";
import { systemClock } from "../../src/actor/clock.ts";
import { CacheError } from "../../src/cache/error.ts";
import { wickClient } from "../../src/http/client.ts";
import * as cacheShape from "../../src/http/cache_schemas.ts";
import { healthReply } from "../../src/http/schemas.ts";
import * as shape from "../../src/http/warming_schemas.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import { keyOf, parseExposition } from "./exposition.ts";

const FAST = { medianMs: 1, p99Ms: 2, perKeyMs: 0, limits: [], transientRatio: 0 };

const OFF = { isEnabled: false };

async function rig({ isWarmed = true } = {}) {
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    providers: [{
      name: "simulated",
      begin: "free",
      open: () => simulatedProvider(systemClock, FAST),
    }],
    cache: { provider: "simulated" },
    // Keys that stand side by side in a test would be taken for successors of each other.
    ...(isWarmed ? { warming: { settings: { strategies: { predictive: OFF } } } } : {}),
    monitor: { intervalMs: 20 },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  const { url } = await wick.admin.ask("status", {});
  const ask = (path: string, body?: unknown, method = "POST") => {
    const headers = { "content-type": "application/json" };
    return fetch(
      url + path,
      body === undefined ? {} : { method, headers, body: JSON.stringify(body) },
    );
  };
  const read = async <S extends z.ZodType>(
    path: string,
    schema: S,
    body?: unknown,
    method?: string,
  ): Promise<z.output<S>> => {
    const answer = await ask(path, body, method);
    const text = await answer.text();
    assertEquals(answer.status, 200, text);
    return schema.parse(JSON.parse(text));
  };
  return {
    wick,
    url: url as string,
    read,
    ask,
    metrics: async () => parseExposition(await (await fetch(`${url}/metrics`)).text()).values,
    [Symbol.asyncDispose]: () => wick.system.stop(),
  };
}

/** Waits until it holds; the test's own timeout ends a wait for ever. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 300; look++) {
    if (await holds()) return;
    await new Promise((go) => setTimeout(go, 10));
  }
  throw new Error("it did not come to hold within 3 s");
}

Deno.test("accesses from everywhere come to the patterns and metrics of the tree", async () => {
  await using one = await rig();
  const patterns = () => one.read("/warming/patterns", shape.warmingPatterns);
  // Through the cache, from elsewhere over HTTP, and from the program that embeds it.
  const keys = Array.from({ length: 5 }, (_, i) => `price:S${i}`);
  await one.read("/api/cache/get", cacheShape.cacheFound, { keys });
  const told = Array.from({ length: 20 }, () => ({ key: "price:S1", user: "u" }));
  const taken = await one.read("/warming/accesses", shape.warmingTaken, told);
  assertEquals(taken, { taken: 20, of: 20 });
  for (let i = 0; i < 10; i++) one.wick.trackAccess("news:S2", { user: "u" });
  one.wick.trackAccess("news:S3");
  await until(async () => (await patterns()).totalAccesses === 36);
  const { top10, uniqueKeys, byHour } = await patterns();
  assertEquals(top10[0]?.key, "price:S1");
  assertEquals(top10[1]?.key, "news:S2");
  assert(Math.abs(uniqueKeys - 7) <= 1, `${uniqueKeys} keys`);
  assertEquals(byHour.length, 24);

  // What was asked for elsewhere is no access to this cache.
  const accesses = keyOf("wick_warming_accesses_total", {});
  const tracked = keyOf("wick_warming_tracked_keys", {});
  // The cache and the warmer are looked at one after the other.
  await until(async () => {
    const values = await one.metrics();
    return values.get(accesses) === 5 && values.get(tracked) === 7;
  });
  const values = await one.metrics();
  assertEquals(values.get(keyOf("wick_warming_lost_accesses_total", {})), 0);
  const health = await one.read("/api/health", healthReply);
  assertEquals(health.parts.find(({ name }) => name === "core/work/warmer")?.state, "ok");
});

Deno.test("who reads over HTTP and by the typed client is told to the cache", async () => {
  await using one = await rig();
  const { cache } = one.wick;
  assert(cache !== null);
  const told: unknown[] = [];
  const getMany = cache.getMany.bind(cache);
  cache.getMany = (keys, ask) => {
    told.push([keys, ask?.user]);
    return getMany(keys, ask);
  };
  const keys = ["price:A"];
  await one.read("/api/cache/get", cacheShape.cacheFound, { keys, user: "ann" });
  await one.read("/api/cache/prices", cacheShape.pricesFound, { symbols: ["A"], user: "bob" });
  await one.read("/api/cache/get", cacheShape.cacheFound, { keys });
  const client = wickClient(one.url);
  const answer = await client.api.cache.get.$post({ json: { keys, user: "cid" } });
  assertEquals((await answer.json()).found.length, 1);
  assertEquals(told, ["ann", "bob", undefined, "cid"].map((user) => [keys, user]));
});

Deno.test("what is warmed by hand is there when it is asked for, and credited", async () => {
  await using one = await rig();
  const before = await one.read("/warming/stats", shape.warmingStats);
  assertEquals([before.totalWarmed, Object.keys(before.byStrategy).sort()], [
    0,
    [...STRATEGY_NAMES].sort(),
  ]);
  // Asked for so often that the chance is beyond every floor.
  const hot = Array.from({ length: 4_000 }, (_, i) => ({ key: `price:HOT${i % 20}` }));
  await one.read("/warming/accesses", shape.warmingTaken, hot);
  const { results } = await one.read("/warming/run", shape.warmingRan, { strategy: "popular" });
  assertEquals([results.length, results[0]?.state], [1, "started"]);
  const stats = () => one.read("/warming/stats", shape.warmingStats);
  const first = results[0];
  assert(first?.state === "started" && first.report.proposed > 0, JSON.stringify(first));
  await until(async () => (await stats()).totalWarmed > 0);
  const warmed = await stats();
  assertGreater(warmed.byStrategy.popular.keys, 0);
  assertEquals(warmed.budget.callsUsed, warmed.totalCalls);
  const { found } = await one.read("/api/cache/get", cacheShape.cacheFound, {
    keys: hot.slice(0, 20).map(({ key }) => key),
  });
  const there = found.filter(({ state }) => state === "fresh").length;
  assertGreater(there, 0);
  await until(async () => (await stats()).totalUsed > 0);
  const status = await one.read("/warming/status", shape.warmingStatus);
  assertEquals(status.lastResults.popular?.by, "hand");
  assertGreater(status.nextRuns.popular ?? 0, status.atMs);
});

Deno.test("sectors and dates are taken, kept in the store, and read by a warmer that restarts", async () => {
  await using one = await rig();
  const sectors = { AAPL: "technology", constructor: "builders" };
  await one.read("/api/warming/sectors", shape.warmingSectorsKept, sectors, "PUT");
  const events = [{ symbol: "AAPL", kind: "earnings", date: "2030-03-05", when: "after_close" }];
  const kept = await one.read("/warming/calendar", shape.warmingCalendarKept, events, "PUT");
  assertEquals(kept, { events: 1 });
  const record = async (key: string) => {
    const json = await one.wick.store.ask("record", { kind: "warming", key });
    return json === null ? null : JSON.parse(json);
  };
  assertEquals(await record("sectors"), sectors);
  assertEquals(await record("calendar"), events);
  one.wick.system.restart("/wick/core/work/warmer");
  await until(async () =>
    (await one.ask("/warming/status").then(async (answer) => {
      await answer.body?.cancel();
      return answer.status;
    })) === 200
  );
});

Deno.test("Wick.trackAccess() refuses what is no key, and does nothing without a warmer", async () => {
  await using one = await rig({ isWarmed: false });
  for (const key of ["", "AAPL", "__proto__", "price:", "a:b:\u0000", `x:A:${"y".repeat(1_024)}`]) {
    assertThrows(() => one.wick.trackAccess(key), CacheError, "Cannot track cache key");
  }
  one.wick.trackAccess("price:AAPL", { user: "u" });
  assertEquals(one.wick.warmer, null);
  const answer = await one.ask("/warming/stats");
  assertEquals([answer.status, (await answer.json()).code], [404, "no_warming"]);
  const values = await one.metrics();
  assert(![...values.keys()].some((key) => key.startsWith("wick_warming_")));
});

Deno.test("Wick.trackAccess() of a flood loses what it cannot note, and counts it", async () => {
  await using one = await rig();
  for (let i = 0; i < 100_000; i++) one.wick.trackAccess(`price:F${i % 1_000}`);
  const noted = async () =>
    (await one.read("/warming/patterns", shape.warmingPatterns)).totalAccesses;
  await until(async () => await noted() > 0);
  const { accessesLost } = await one.read("/warming/stats", shape.warmingStats);
  assertEquals(await noted() + accessesLost, 100_000);
  assertGreater(accessesLost, 0);
});
