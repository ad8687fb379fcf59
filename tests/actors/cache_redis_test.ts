/** Two trees on one Redis: what one loads the other finds, what one ends is ended in both. */

import { assert, assertEquals } from "@std/assert";
import { CacheTier } from "../../actors/protocols_cache.ts";
import { startWick, type Wick } from "../../actors/tree.ts";
import { pause, systemClock } from "../../src/actor/mod.ts";
import type { LoadAsk } from "../../src/cache/types.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { RedisServer } from "../support/redis.ts";
import { serviceOrSkip } from "../support/services.ts";

const ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 10_000 };

async function treeOn(url: string) {
  const upstream = simulatedProvider(systemClock, { medianMs: 5, p99Ms: 10, transientRatio: 0 });
  const wick = await startWick({
    workers: 1,
    providers: [{ name: "upstream", begin: "free", open: () => upstream }],
    cache: { provider: "upstream", tier: { kind: "redis", url } },
    system: { log: null },
  });
  const dispose = () => wick.system.stop();
  return { wick, upstream, [Symbol.asyncDispose]: dispose };
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (await isSo()) return;
    await pause(systemClock, 5);
  }
  throw new Error(`Cannot go on: ${what} did not come`);
}

async function tierOf({ cache }: Wick, key: string): Promise<string> {
  const found = await cache?.get(key, ASK);
  return found !== undefined && "tier" in found ? found.tier : "none";
}

const NAME = "trees on one Redis share entries and keep their shards alike";

Deno.test(NAME, serviceOrSkip("redis"), async () => {
  await using server = await RedisServer.start();
  await using a = await treeOn(server.url);
  await using b = await treeOn(server.url);
  // Until they are connected there is no tier, and their first gap flushes the shards.
  for (const { wick } of [a, b]) {
    const tier = wick.system.ref(CacheTier, "core/cache/tier");
    await until("a connection", async () => (await tier.ask("status", {})).state === "up");
  }
  assertEquals(await tierOf(a.wick, "price:AAPL"), "upstream");
  await until("the entry in Redis", async () => {
    b.wick.cache?.flush();
    return await tierOf(b.wick, "price:AAPL") === "l2";
  });
  const loads = b.upstream.stats().keys;
  assert(b.wick.cache?.peek("price:AAPL") !== undefined);

  await a.wick.cache?.invalidate({ patterns: ["price:*"] });
  assertEquals(a.wick.cache?.peek("price:AAPL"), undefined);
  await until("the invalidation", () => b.wick.cache?.peek("price:AAPL") === undefined);
  assertEquals(await tierOf(b.wick, "price:AAPL"), "upstream");
  assertEquals(b.upstream.stats().keys, loads + 1);

  // Without the server both go on by themselves, and say so.
  await server.kill();
  assertEquals(await tierOf(a.wick, "price:MSFT"), "upstream");
  assertEquals(await tierOf(a.wick, "price:MSFT"), "l1");
  await server.start();
});
