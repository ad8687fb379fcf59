/** The store conformance suite over a log. */

import { systemClock } from "../../../src/actor/clock.ts";
import { memoryHome, sqliteHome } from "../../../src/store/log/copy.ts";
import { MemoryLog } from "../../../src/store/log/memory_log.ts";
import { RedisServer } from "../../support/redis.ts";
import { RedisCluster } from "../../support/redis_cluster.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { storeConformance } from "../conformance.ts";
import { newPrefix, oneServer, ownedStore, redisLog } from "./support.ts";

// The parser of the Redis client shrinks a pool of memory every 50 ms for a while after large replies.
const POOLED = { sanitizeOps: false, sanitizeResources: false };

storeConformance(
  "ReplicatedStore, MemoryLog, MemoryStore",
  () => ownedStore(new MemoryLog({ clock: systemClock }), memoryHome()),
);

if (!serviceOrSkip("redis").ignore) {
  const single = oneServer(() => RedisServer.start());
  const open = (url: string) => redisLog(url, { prefix: newPrefix() });
  storeConformance(
    "ReplicatedStore, RedisLog, MemoryStore",
    () => ownedStore(open(single()), memoryHome()),
    POOLED,
  );
  storeConformance(
    "ReplicatedStore, RedisLog, SqliteStore",
    () => ownedStore(open(single()), sqliteHome({ path: ":memory:" })),
    POOLED,
  );
  const cluster = oneServer(() => RedisCluster.start(6));
  storeConformance(
    "ReplicatedStore, RedisLog on a Cluster, MemoryStore",
    () => ownedStore(open(cluster()), memoryHome()),
    POOLED,
  );
}
