/** The twins of the log: memory, Redis, and a Redis Cluster. */

import { VirtualClock } from "../../../src/actor/clock.ts";
import { MemoryLog, MemoryLogServer } from "../../../src/store/log/memory_log.ts";
import { RedisServer } from "../../support/redis.ts";
import { RedisCluster } from "../../support/redis_cluster.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { logConformance } from "./conformance.ts";
import { newPrefix, oneServer, redisLog } from "./support.ts";

logConformance("MemoryLog", (bytesMax) => {
  const clock = new VirtualClock();
  const server = new MemoryLogServer({ clock, ...(bytesMax === undefined ? {} : { bytesMax }) });
  return Promise.resolve({
    open: () => new MemoryLog(server),
    pass: async (ms: number) => {
      // What was asked for a moment ago is under way first.
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      clock.advance(ms);
    },
  });
});

function redisRig(server: () => string) {
  return (bytesMax?: number) => {
    const prefix = newPrefix();
    const more = bytesMax === undefined ? {} : { bytesMax };
    return Promise.resolve({
      open: () => redisLog(server(), { prefix, ...more }),
      pass: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)),
    });
  };
}

const single = oneServer(() => RedisServer.start());
logConformance("RedisLog", redisRig(single), serviceOrSkip("redis"));
const cluster = oneServer(() => RedisCluster.start(6));
logConformance("RedisLog on a Cluster", redisRig(cluster), serviceOrSkip("redis"));
