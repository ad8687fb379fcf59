/** A feed through writer, streams in Redis, reader and label pool, while Redis is killed. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  child,
  createSystem,
  pause,
  seededRandom,
  systemClock,
  systemRandom,
} from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { PARTITIONS } from "../../src/market/partition.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { RedisStreams } from "../../src/store/partitions/redis_streams.ts";
import { feed } from "../../actors/feed.ts";
import { labelPool } from "../../actors/label_pool.ts";
import { labelWorker } from "../../actors/label_worker.ts";
import { partitionReader } from "../../actors/partition_reader.ts";
import { partitionWriter } from "../../actors/partition_writer.ts";
import { Feed, LabelPool, LabelWorker, Store } from "../../actors/protocols.ts";
import { PartitionReader, PartitionWriter } from "../../actors/protocols_nodes.ts";
import { store } from "../../actors/store.ts";
import { RedisServer } from "../support/redis.ts";
import { serviceOrSkip } from "../support/services.ts";
import { ArraySource, assertStoreHolds, randomStream } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
// The parser of ioredis keeps a timer while it gives back the memory of long replies.
const redis = { ...serviceOrSkip("redis"), sanitizeResources: false, sanitizeOps: false };
const WAIT_MS = 60_000;

Deno.test(
  "a feed through Redis that dies again and again ends as in one process",
  redis,
  async () => {
    console.log(`WICK_SEED=${SEED}`);
    const config = [["appendonly", "yes"], ["appendfsync", "always"]] as const;
    await using server = await RedisServer.start({ config });
    await using streams = new RedisStreams({
      redis: server.url,
      clock: systemClock,
      random: systemRandom,
      prefix: "t",
      session: crypto.randomUUID(),
      patienceMs: 1_000,
      fullRoundMs: 200,
      waitingBytes: 30_000,
    });
    const backend = new MemoryStore();
    const batches = randomStream(SEED, { series: 20, bars: 400, blockRowsMax: 8, changes: 0.05 });
    const owned = new Set(Array.from({ length: PARTITIONS }, (_, partition) => partition));
    const params = DEFAULT_PARAMS;
    const system = createSystem({
      log: null,
      children: [
        child(store, { name: "store", args: { kind: "open", backend } }),
        child(labelWorker, { name: "worker", args: { params } }),
        child(labelPool, {
          name: "pool",
          args: (refs) => ({
            store: refs.ask(Store, "store"),
            workers: [refs.ask(LabelWorker, "worker")],
            params,
          }),
        }),
        child(partitionReader, {
          name: "reader",
          args: (refs) => ({
            store: refs.ask(Store, "store"),
            pool: refs.ask(LabelPool, "pool"),
            streams,
            owned,
          }),
        }),
        child(partitionWriter, {
          name: "writer",
          args: (refs) => ({ store: refs.ask(Store, "store"), streams }),
        }),
        child(feed, {
          name: "feed",
          args: (refs) => ({
            store: refs.ask(Store, "store"),
            pool: refs.ask(PartitionWriter, "writer"),
            source: () => new ArraySource("feed", batches),
          }),
        }),
      ],
    });
    const random = seededRandom(SEED);
    let kills = 0;
    const ended = system.ref(Feed, "feed").ask("ended", {}, { timeoutMs: WAIT_MS });
    let isEnded = false;
    ended.finally(() => isEnded = true).catch(() => {});
    while (!isEnded) {
      await pause(systemClock, 100 * random.next());
      if (kills++ >= 5) continue;
      await server.kill();
      await pause(systemClock, 50 * random.next());
      await server.start();
    }
    await ended;
    assertGreater(kills, 1);
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const isEmpty = async () => {
      const left = await streams.backlog(all).catch(() => null);
      return left?.every(({ entries }) => entries === 0) ?? false;
    };
    const untilMs = systemClock.now() + WAIT_MS;
    while (!await isEmpty()) {
      assert(systemClock.now() < untilMs, "entries are left");
      await pause(systemClock, 50);
    }
    await assertStoreHolds(backend, batches, params);
    const status = await system.ref(PartitionReader, "reader").ask("status", {});
    assertEquals([status.underWayRows, status.damaged], [0, 0]);
    await system.stop();
  },
);
