/** Trees that share the work over real servers. */

import { assertLessOrEqual } from "@std/assert";
import { RedisServer } from "../support/redis.ts";
import { RedisCluster } from "../support/redis_cluster.ts";
import { serviceOrSkip } from "../support/services.ts";
import { LEASE_MS, NodesRig, redisWays, until } from "./nodes_rig.ts";
import { ArraySource, randomStream } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`nodes_redis_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

// The client's parser shrinks its pool by an interval of its own, seconds after the last large answer.
const REDIS = { ...serviceOrSkip("redis"), sanitizeOps: false, sanitizeResources: false };

/** One joins, one leaves, one is killed, while candles come; all over Redis. */
async function life(redis: string): Promise<void> {
  await using rig = new NodesRig(redisWays(redis));
  const batches = randomStream(SEED, { series: 40, bars: 400, blockRowsMax: 20, changes: 0.1 });
  const a = await rig.join("a", {
    feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
  });
  const b = await rig.join("b");
  const c = await rig.join("c");
  await until(async () => await rig.ownersOf("c") === 85 && c.store.seq > 3);
  const leaving = b.stop();
  const handedMs = await until(async () => await a.owned() + await c.owned() === 256);
  await leaving;
  await c.kill();
  const takenMs = await until(async () => await a.owned() === 256);
  console.log(`handed over in ${handedMs.toFixed(1)} ms, taken over in ${takenMs.toFixed(1)} ms`);
  assertLessOrEqual(takenMs, LEASE_MS + 250);
  await rig.join("d");
  await rig.settled(batches);
}

Deno.test(
  "trees on Redis come, go and die, and lose and double nothing",
  REDIS,
  async () => {
    await using redis = await RedisServer.start();
    await life(redis.url);
  },
);

Deno.test(
  "trees on a Redis Cluster come, go and die, and lose and double nothing",
  REDIS,
  async () => {
    await using cluster = await RedisCluster.start(6);
    await life(cluster.url);
  },
);
