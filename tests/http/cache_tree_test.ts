/** Routes and metrics of the cache over the whole tree, with a provider that answers at once. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { z } from "zod";
import { startWick } from "../../actors/tree.ts";
import { systemClock } from "../../src/actor/clock.ts";
import * as shape from "../../src/http/cache_schemas.ts";
import { healthReply } from "../../src/http/schemas.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { keyOf, parseExposition } from "./exposition.ts";

const FAST = { medianMs: 1, p99Ms: 2, perKeyMs: 0, limits: [], transientRatio: 0 };

async function rig() {
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    providers: [{
      name: "simulated",
      begin: "free",
      open: () => simulatedProvider(systemClock, FAST),
    }],
    cache: { provider: "simulated", tier: { kind: "memory" } },
    monitor: { intervalMs: 20 },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  const { url } = await wick.admin.ask("status", {});
  const read = async <S extends z.ZodType>(
    path: string,
    schema: S,
    body?: unknown,
  ): Promise<z.output<S>> => {
    const headers = { "content-type": "application/json" };
    const init = body === undefined
      ? undefined
      : { method: "POST", headers, body: JSON.stringify(body) };
    const answer = await fetch(url + path, init);
    const text = await answer.text();
    assertEquals(answer.status, 200, text);
    return schema.parse(JSON.parse(text));
  };
  return {
    read,
    metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    [Symbol.asyncDispose]: () => wick.system.stop(),
  };
}

Deno.test("prices go through the cache of the tree, and its report and metrics say so", async () => {
  await using one = await rig();
  const symbols = Array.from({ length: 40 }, (_, i) => `S${i}`);
  const cold = await one.read("/api/cache/prices", shape.pricesFound, { symbols });
  assertEquals([...new Set(cold.prices.map(({ state }) => state))], ["loaded"]);
  assert(cold.prices.every(({ value }) => typeof value === "object" && value !== null));
  const warm = await one.read("/api/cache/prices", shape.pricesFound, { symbols });
  assertEquals([...new Set(warm.prices.map(({ state }) => state))], ["fresh"]);
  assertEquals(warm.prices.map(({ value }) => value), cold.prices.map(({ value }) => value));

  const key = "price:S7";
  const found = await one.read(`/api/cache/keys/${key}`, shape.cacheExplanation);
  assertEquals([found.state, found.tier, found.origin], ["fresh", "l1", "demand"]);

  const report = await one.read("/api/cache/report", shape.cacheReport);
  const price = report.types.find(({ type }) => type === "price");
  assertEquals([price?.requests, price?.freshHits, price?.loads.all], [80, 40, 40]);
  assertEquals([price?.servedRatio, price?.keysPer100, price?.wait.count], [0.5, 50, 40]);
  assertGreater(price?.wait.p95Seconds ?? 0, 0);
  // Forty keys of four shards go upstream in a few calls.
  assertEquals(report.upstream.keys, 40);
  assertLess(report.upstream.calls, 10);

  const ended = await one.read("/api/cache/invalidate", shape.cacheEnded, {
    patterns: ["price:*"],
  });
  assertEquals(ended.removed, 40);
  const gone = await one.read(`/api/cache/keys/${key}`, shape.cacheExplanation);
  assertEquals([gone.state, gone.lastRemoval?.cause], ["absent", "invalidated"]);

  const invalidations = keyOf("wick_cache_invalidations_total", { type: "price" });
  for (let look = 0; look < 200; look++) {
    if (parseExposition(await one.metrics()).values.get(invalidations) === 40) break;
    await new Promise((go) => setTimeout(go, 10));
  }
  const { values } = parseExposition(await one.metrics());
  const type = "price", l1 = { type, tier: "l1" };
  const expected: [string, Record<string, string>, number][] = [
    ["invalidations_total", { type }, 40],
    ["hits_total", l1, 40],
    ["misses_total", l1, 40],
    ["loads_total", { type, reason: "demand" }, 40],
    ["latency_seconds_count", { type }, 40],
    ["hit_ratio", l1, 0.5],
    ["entries", l1, 0],
    ["tier_up", { tier: "l2" }, 1],
  ];
  for (const [name, labels, value] of expected) {
    assertEquals(values.get(keyOf(`wick_cache_${name}`, labels)), value, name);
  }
  const health = await one.read("/api/health", healthReply);
  assertEquals(health.parts.find(({ name }) => name === "core/cache")?.state, "ok");
});

Deno.test("metrics of the tree do not grow with keys and types of the cache", async () => {
  await using one = await rig();
  const bytes: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let kind = 0; kind < 60; kind++) {
      const entries = Array.from({ length: 50 }, (_, i) => ({
        key: `kind${kind}:S${round * 50 + i}`,
        value: i,
      }));
      await one.read("/api/cache/set", shape.cacheKept, { entries });
    }
    await new Promise((go) => setTimeout(go, 60));
    bytes.push((await one.metrics()).length);
  }
  const [, second = 0, third = 0] = bytes;
  assertLess(Math.max(...bytes), 64 * 1024);
  // Numbers have more digits, and no series came.
  assertLess(third, 1.02 * second);
});
