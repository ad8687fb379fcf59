/**
 * Nodes of a group on a Redis of their own, as `wick serve --redis` in processes, and a steady flow of
 * candles through all of their partitions.
 *
 * @module
 */

import { pause, systemClock, systemRandom } from "../../src/actor/clock.ts";
import { type CandleBlock, sliceCandles } from "../../src/market/block.ts";
import { partitionOf } from "../../src/market/partition.ts";
import { RedisStreams } from "../../src/store/partitions/redis_streams.ts";
import { NodeProcess } from "../../scripts/chaos_nodes/node_process.ts";
import { RedisServer } from "../../tests/support/redis.ts";
import { type Market, SERIES_COUNT, seriesKey } from "../labels/market.ts";
import { CommitTrail } from "./log_reader.ts";

const PREFIX = "bench";
const PERSISTENT = [["appendonly", "yes"], ["appendfsync", "everysec"]] as const;
/** Nodes that do not agree on who owns what within this have failed, ms. */
const SETTLE_LIMIT_MS = 30_000;
/** Partitions that a node may own more than another: a joining node is given none while it starts. */
const UNEVEN_MAX = 16;
/** Agreed for so long it counts, ms: several beats. */
const SETTLED_MS = 500;

/** See the module's text. Ends all of it when disposed of. */
export class NodeGroup implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly trail: CommitTrail;
  readonly leaseMs: number;
  readonly #folder: string;
  readonly #nodes = new Map<string, NodeProcess>();

  private constructor(redis: RedisServer, folder: string, leaseMs: number) {
    this.redis = redis;
    this.#folder = folder;
    this.leaseMs = leaseMs;
    this.trail = new CommitTrail(redis.url, PREFIX);
  }

  /** A Redis, and no node yet. */
  static async start(leaseMs: number): Promise<NodeGroup> {
    const redis = await RedisServer.start({ config: PERSISTENT });
    return new NodeGroup(redis, await Deno.makeTempDir({ prefix: "wick-bench-" }), leaseMs);
  }

  /** Streams to append to, as a node does. */
  streams(session: string): RedisStreams {
    return new RedisStreams({
      ...{ redis: this.redis.url, prefix: PREFIX, session },
      ...{ clock: systemClock, random: systemRandom },
    });
  }

  /** Starts a node, with what an earlier life left in its folder; where it is reached. */
  async join(name: string): Promise<string> {
    const node = new NodeProcess({
      ...{ name, data: `${this.#folder}/${name}`, redis: this.redis.url, prefix: PREFIX },
      ...{ leaseMs: this.leaseMs, hooks: null },
    });
    this.#nodes.set(name, node);
    return await node.url;
  }

  /** SIGTERM, or SIGKILL; resolves when it is gone, to when it was told, epoch ms. */
  async end(name: string, signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    const node = this.#nodes.get(name);
    this.#nodes.delete(name);
    const atMs = systemClock.wallNow();
    node?.signal(signal);
    await node?.over;
    return atMs;
  }

  /** Who owns which partition: sessions by partition. */
  async owners(): Promise<ReadonlyMap<number, string>> {
    const { owners } = await this.trail.log.view();
    return new Map(owners.map(({ partition, session }) => [partition, session]));
  }

  /** Session of a node. */
  async sessionOf(name: string): Promise<string> {
    const { nodes } = await this.trail.log.view();
    const found = nodes.find(({ node }) => node === name);
    if (found === undefined) throw new Error(`${name} is no member`);
    return found.session;
  }

  /** Waits until every node owns about as much as another, and nothing moves. */
  async settled(): Promise<void> {
    const untilMs = systemClock.now() + SETTLE_LIMIT_MS;
    for (let last = "", sinceMs = systemClock.now();;) {
      const { nodes, owners } = await this.trail.log.view();
      const text = owners.map(({ token }) => token).join();
      const owned = new Map(nodes.map(({ session }) => [session, 0]));
      for (const { session } of owners) owned.set(session, (owned.get(session) ?? 0) + 1);
      const isEven = Math.max(...owned.values()) - Math.min(...owned.values()) <= UNEVEN_MAX;
      const isWhole = owners.length === 256 && nodes.length === this.#nodes.size && isEven;
      if (text !== last || !isWhole) {
        last = text;
        sinceMs = systemClock.now();
      }
      if (systemClock.now() - sinceMs >= SETTLED_MS) return;
      if (systemClock.now() > untilMs) throw new Error("the nodes do not come to rest");
      await pause(systemClock, 25);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes.values()) node.signal("SIGKILL");
    await Promise.all([...this.#nodes.values()].map(({ over }) => over));
    await this.trail[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Rows of a series that flow at most; made before, so that flowing costs nothing. */
const FLOW_BARS = 6_000;
/** Parts in which a round goes through all partitions, so that they are spread over its time. */
const PARTS = 16;

/** A candle of one series in every partition, again and again. Ends when disposed of. */
export class CandleFlow implements AsyncDisposable {
  readonly #streams: RedisStreams;
  /** By part. */
  readonly #blocks: CandleBlock[][] = Array.from({ length: PARTS }, () => []);
  /** Epoch ms at which parts were appended, ascending, by part. */
  readonly #sentMs: number[][] = Array.from({ length: PARTS }, () => []);
  readonly #everyMs: number;
  readonly #loop: Promise<void>;
  #isOver = false;

  /** Begins; a candle in each partition every so many ms. */
  constructor(group: NodeGroup, market: Market, everyMs: number) {
    this.#streams = group.streams("flow");
    this.#everyMs = everyMs;
    const seen = new Set<number>();
    for (let series = 0; series < SERIES_COUNT; series++) {
      const partition = partitionOf(seriesKey(series));
      if (seen.has(partition)) continue;
      seen.add(partition);
      this.#blocks[partition % PARTS]?.push(market.block(series, 0, FLOW_BARS));
    }
    this.#loop = this.#flow();
    this.#loop.catch(() => {});
  }

  async #flow(): Promise<void> {
    let nextMs = systemClock.now();
    for (let turn = 0; !this.#isOver; turn++) {
      const part = turn % PARTS, bar = Math.floor(turn / PARTS);
      if (bar >= FLOW_BARS) throw new Error("the flow has no candles left");
      this.#sentMs[part]?.push(systemClock.wallNow());
      const blocks = this.#blocks[part] ?? [];
      const result = await this.#streams.append(
        blocks.map((block) => sliceCandles(block, bar, bar + 1)),
      );
      if (result.state !== "appended") throw new Error("the streams are full");
      nextMs = Math.max(systemClock.now(), nextMs + this.#everyMs / PARTS);
      await pause(systemClock, nextMs - systemClock.now());
    }
  }

  /** When the candle of a partition after a time was appended; Infinity when there is none yet. */
  after(partition: number, ms: number): number {
    const sentMs = this.#sentMs[partition % PARTS] ?? [];
    let low = 0, high = sentMs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sentMs[middle] as number) <= ms) low = middle + 1;
      else high = middle;
    }
    return sentMs[low] ?? Infinity;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#loop;
    await this.#streams.close();
  }
}
