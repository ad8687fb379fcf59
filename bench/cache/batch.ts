/**
 * What one call for 50 keys saves against 50 calls, in the second tier as it is deployed: SQLite behind
 * an actor in a thread, Redis over a socket. Entries are quotes, all of them there. The rival is the
 * same tier asked for one key after the other, each awaited.
 *
 * Redis is measured twice: over the loopback of one machine, beside a bare socket that only counts
 * the bytes of the reply, which is about the most that any client could save there; and over a link
 * of {@linkcode LINK_MS} each way, as between machines, which is what Redis is there for. The latter
 * is held against the must.
 *
 * @module
 */

import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { createSystem, systemClock, systemRandom } from "../../src/actor/mod.ts";
import { encodeValue } from "../../src/cache/value_codec.ts";
import type { TierEntry } from "../../src/cache/types.ts";
import { openRedisCache } from "../../src/store/cache/redis_cache.ts";
import { SqliteEngine } from "../../src/store/cache/sqlite_engine.ts";
import { cacheTier } from "../../actors/cache_tier.ts";
import { isInstalled } from "../../scripts/support/services.ts";
import { RedisServer } from "../../tests/support/redis.ts";
import type { Figures } from "../support/figures.ts";
import { compare, type Contender, type Effort, FULL, QUICK } from "../support/rounds.ts";
import { verify } from "../support/workload.ts";
import type { RelayData } from "./relay.ts";

/** Keys of one call: the limit of most providers' batch calls. */
const BATCH = 50;
const ENTRIES = 2_000;
/** Delay of either way between two machines, ms: what a timer can do, and a zone or two apart. */
const LINK_MS = 1;

type Read = (keys: readonly string[]) => Promise<readonly (TierEntry | null)[]>;

/** Must show 3: `getMany` of 50 against single gets. */
export async function batchFigures(figures: Figures, { quick }: { quick: boolean }): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wick-bench-" });
  try {
    await sqliteFigures(figures, `${folder}/cache.db`, quick);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (isInstalled("redis")) await redisFigures(figures, quick);
  else figures.note("redis-server is not installed: getMany of Redis was not measured");
}

async function sqliteFigures(figures: Figures, path: string, quick: boolean): Promise<void> {
  const engine = new SqliteEngine({ path, clock: systemClock, random: systemRandom });
  for (let from = 0; from < ENTRIES; from += 500) engine.setMany(entries(from, from + 500));
  engine.flush();
  const inPlace = await ratioOf((keys) => Promise.resolve(engine.getMany(keys)), quick);
  engine.close();
  await using system = createSystem({ name: "bench" });
  const tier = system.spawn(cacheTier, {
    name: "tier",
    args: { kind: "sqlite", path },
    thread: { entry: new URL("../../actors/threads/cache_tier.ts", import.meta.url) },
  });
  const { ratio, ours, rival } = await ratioOf((keys) => tier.ask("getMany", { keys }), quick);
  figures.add("getMany of 50 in SQLite, against single gets", ratio, {
    better: "higher",
    unit: "×",
    must: 5,
  });
  figures.note(
    `${perSecond(ours.median)} keys a second by 50, ${
      perSecond(rival.median)
    } one by one, through ` +
      `the tier's thread; without it ${perSecond(inPlace.ours.median)} and ` +
      `${perSecond(inPlace.rival.median)}, ${inPlace.ratio.median.toFixed(1)}×`,
  );
}

async function redisFigures(figures: Figures, quick: boolean): Promise<void> {
  await using server = await RedisServer.start();
  const loopback = await redisRatio(server.url, quick);
  const [bareBatch, bareSingle] = [bareSide(server.port, BATCH), bareSide(server.port, 1)];
  const bare = await compare(bareBatch, bareSingle, effort(quick));
  await Promise.all([bareBatch, bareSingle].map((one) => one.close()));
  const relay = new Worker(new URL("./relay.ts", import.meta.url), {
    workerData: { port: server.port, delayMs: LINK_MS } satisfies RelayData,
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  relay.once("message", resolve);
  const { ratio, ours, rival } = await redisRatio(`redis://127.0.0.1:${await promise}`, quick);
  await relay.terminate();
  figures.add(`getMany of 50 in Redis ${LINK_MS} ms away, against awaits`, ratio, {
    better: "higher",
    unit: "×",
    must: 30,
  });
  figures.note(`${perSecond(ours.median)} keys a second by 50, ${perSecond(rival.median)} in turn`);
  figures.note(
    `over the loopback ${loopback.ratio.median.toFixed(1)}× (${
      perSecond(loopback.ours.median)
    } and ` +
      `${perSecond(loopback.rival.median)}); a bare socket that only counts the bytes: ` +
      `${bare.ratio.median.toFixed(1)}×`,
  );
}

async function redisRatio(url: string, quick: boolean) {
  await using cache = openRedisCache({
    url,
    clock: systemClock,
    random: systemRandom,
    processId: crypto.randomUUID(),
    deadlineMs: 5_000,
  });
  const { tier } = cache;
  const isReady = () => tier.status().state === "up" && tier.status().waiting === 0;
  const ready = async () => {
    while (!isReady()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await ready();
  tier.setMany(entries(0, ENTRIES));
  await ready();
  return await ratioOf((keys) => tier.getMany(keys), quick);
}

/** The least that a client can do: one MGET, and wait for as many bytes as the reply has. */
function bareSide(port: number, batch: number): Contender {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  let at = 0, missing = 0, done = () => {};
  // Frames of all entries are of one length, but for the digits of their numbers.
  let replyBytes = 0;
  socket.on("data", (bytes) => {
    missing -= bytes.length;
    if (missing <= 0) done();
  });
  const ask = (keys: readonly string[], bytes: number) => {
    const words = ["MGET", ...keys.map((key) => `wick:cache:e:${key}`)];
    missing = bytes;
    const { promise, resolve } = Promise.withResolvers<void>();
    done = resolve;
    socket.write(
      `*${words.length}\r\n${words.map((one) => `$${one.length}\r\n${one}\r\n`).join("")}`,
    );
    return promise;
  };
  return {
    name: "bare socket",
    async run(units) {
      if (replyBytes === 0) {
        await ask([keyOf(ENTRIES - 1)], 1);
        replyBytes = 1 - missing;
      }
      let asked = 0;
      while (asked < units) {
        const keys = Array.from(
          { length: batch },
          () => keyOf(ENTRIES - 1 - (at = (at + 7) % 500)),
        );
        // `*1` and `*50` differ by a character; the rest is the same for each key.
        await ask(keys, (replyBytes - 4) * batch + 3 + String(batch).length);
        asked += batch;
      }
      return asked;
    },
    close: () => Promise.resolve(void socket.destroy()),
  };
}

/** Both ways over the same keys, in turns. */
async function ratioOf(read: Read, quick: boolean) {
  return await compare(side("by 50", BATCH, read), side("one by one", 1, read), effort(quick));
}

function effort(quick: boolean): Effort {
  return quick ? QUICK : FULL;
}

/** Reads keys in a fixed scattered order, `batch` at a time, and counts those that were there. */
function side(name: string, batch: number, read: Read): Contender {
  let at = 0;
  const next = () => keyOf(at = (at + 791) % ENTRIES);
  return {
    name,
    async run(units) {
      let found = 0, asked = 0;
      while (asked < units) {
        const keys = Array.from({ length: batch }, next);
        const values = await read(keys);
        asked += batch;
        values.forEach((one, i) => {
          if (one !== null && one.key === keys[i] && one.bytes.length > 50) found++;
        });
      }
      verify("entries found", found, asked);
      return found;
    },
    close: () => Promise.resolve(),
  };
}

function keyOf(index: number): string {
  return `price:S${String(index).padStart(4, "0")}`;
}

function entries(from: number, to: number): TierEntry[] {
  const nowMs = systemClock.wallNow();
  return Array.from({ length: to - from }, (_, i) => ({
    key: keyOf(from + i),
    bytes: encodeValue({
      atMs: nowMs,
      price: 187.23,
      open: 186.1,
      high: 188.2,
      low: 185.9,
      previousClose: 186.4,
      volume: 1_234_567,
    }),
    loadedAtMs: nowMs,
    softAtMs: nowMs + 3_600_000,
    hardAtMs: nowMs + 7_200_000,
    seq: null,
    dependsOn: [],
    tags: [],
  }));
}

function perSecond(rate: number): string {
  return rate >= 10_000 ? `${Math.round(rate / 1e3)} k` : String(Math.round(rate));
}
