/** Trees that share the work over real servers. */

import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { NodeMember } from "../../actors/protocols_nodes.ts";
import { PATHS, startWick } from "../../actors/tree.ts";
import { Store } from "../../actors/protocols.ts";
import { ActorFailed } from "../../src/actor/mod.ts";
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
  "a node whose store crashes is up again at once: nobody waits for a store that is down",
  REDIS,
  async () => {
    await using redis = await RedisServer.start();
    const folder = await Deno.makeTempDir({ prefix: "wick_store_crash_" });
    const session = crypto.randomUUID();
    const killed: string[] = [];
    const wick = await startWick({
      store: {
        ...{ kind: "shared", redis: redis.url, session },
        copy: { kind: "sqlite", options: { path: `${folder}/wick.db` } },
      },
      nodes: { node: "a", session, leaseMs: LEASE_MS, way: { kind: "redis", redis: redis.url } },
      refresh: {},
      workers: 1,
      system: {
        log: (_level, path, message) => {
          if (message.startsWith("killed")) killed.push(path);
        },
      },
    });
    try {
      const { system } = wick;
      const member = system.ref(NodeMember, "core/work/ingest/node");
      const isUp = async (life: number) =>
        system.nodeAt(member.path)?.incarnation === life &&
        (await member.ask("status", {})).owned === 256;
      await until(() => isUp(1));
      // Both keep what they have in the store, and do so when they end.
      const made = await wick.createRun({
        runId: "run",
        edges: [{ edgeId: "x", value: 1 }, { edgeId: "y", value: 2 }],
        generator: { kind: "combinations", size: 2, setsMax: 10 },
        scorer: { name: "product" },
      });
      assertEquals(made.state, "created");
      await wick.recordOptimizationEdgeChange({ edgeId: "x", magnitude: 1 });
      const broken = system.ref(Store, PATHS.store).ask("tails", null as never);
      await assertRejects(() => broken, ActorFailed);
      const tookMs = await until(() => isUp(2));
      console.log(`up again in ${tookMs.toFixed(1)} ms`);
      assertEquals(killed, []);
      assertEquals(system.nodeAt(`/wick/${PATHS.store}`)?.incarnation, 2);
      // What they had to save was done by the store's next life, before they began theirs.
      const runs = await wick.refresh?.ask("list", {});
      assertEquals(runs?.map(({ runId }) => runId), ["run"]);
      const edges = await wick.aggregator?.ask("status", {});
      assertEquals(edges?.totals.recorded, 1);
    } finally {
      await wick.system.stop();
      await Deno.remove(folder, { recursive: true });
    }
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
