import { Buffer } from "node:buffer";
import { systemClock, systemRandom } from "../../../src/actor/clock.ts";
import { RedisGroup } from "../../../src/store/nodes/redis_group.ts";
import { RedisStreams } from "../../../src/store/partitions/redis_streams.ts";
import { RedisServer } from "../../support/redis.ts";
import { RedisCluster } from "../../support/redis_cluster.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { conformance, type Twin } from "./conformance.ts";

const redis = serviceOrSkip("redis");
const time = { clock: systemClock, random: systemRandom };

/** The suite on streams of `place`; each test has a prefix of its own. */
async function conforms(t: Deno.TestContext, place: string): Promise<void> {
  await using group = new RedisGroup({ place, ...time });
  const tests: [string, (twin: Twin) => Promise<void>][] = [];
  conformance((name, run) => tests.push([name, run]));
  for (const [at, [name, run]] of tests.entries()) {
    const prefix = `t${at}`;
    const open: RedisStreams[] = [];
    const connect = (waitingBytes?: number) => {
      const session = crypto.randomUUID();
      const bound = waitingBytes === undefined ? {} : { waitingBytes };
      const streams = new RedisStreams({ redis: group, ...time, prefix, session, ...bound });
      open.push(streams);
      return streams;
    };
    const write = async (partition: number, bytes: Uint8Array) => {
      const key = `${prefix}:{p${partition}}:in`;
      await group.trip(key, (redis) => redis.xadd(key, "*", "b", Buffer.from(bytes)), 1_000);
    };
    await t.step(name, () => run({ connect, write }));
    for (const streams of open) await streams.close();
  }
}

// The parser of ioredis keeps a timer while it gives back the memory of long replies.
const parser = { sanitizeResources: false, sanitizeOps: false };

Deno.test("RedisStreams keep the promises of streams", { ...redis, ...parser }, async (t) => {
  await using server = await RedisServer.start();
  await conforms(t, server.url);
});

Deno.test(
  "RedisStreams on a Cluster keep the promises of streams",
  { ...redis, ...parser },
  async (t) => {
    await using cluster = await RedisCluster.start(6);
    await conforms(t, cluster.url);
  },
);
