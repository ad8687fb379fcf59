/**
 * Keeps blocks of correlations in the cache: works out those whose turn has come, ends those of clusters
 * that are others by now, and serves whoever asks.
 *
 * - Of one cluster one block is worked out at a time; who asks meanwhile gets the same.
 * - A block is put in only if its cluster is still the same when it is there, and no other correlations
 *   were handed in meanwhile.
 * - When blocks are warmed is decided elsewhere, see `block_schedule.ts`.
 *
 * @module
 */

import type { Aggregator } from "./aggregator.ts";
import type { BlockJob } from "./block_schedule.ts";
import {
  BLOCK_TAG,
  blockKey,
  blockOf,
  type BlockPorts,
  sameMembers,
  workOutBlock,
} from "./block_values.ts";
import type { Cluster, Clusters } from "./clusters.ts";
import { RefreshError } from "./error.ts";
import type { CorrelationBlock, ServedBlock } from "./service_types.ts";
import type { CacheRouter } from "../cache/router.ts";

/** Longest time of a block that is warmed, ms. */
export const BLOCK_TIMEOUT_MS = 60_000;
/** And of one that somebody waits for, who then gets what is known by then. */
export const BLOCK_ASKED_TIMEOUT_MS = 3_000;
/** Blocks that are worked out at once: beyond, who asks is refused. */
export const BLOCKS_AT_ONCE_MAX = 16;
/** Blocks in the cache that are ended when their cluster changes; older ones find out when read. */
const BLOCKS_KEPT_MAX = 10_000;
/** Longest read of pairs from the cache. */
const PAIRS_TIMEOUT_MS = 10_000;
/** Below anybody who waits. */
const PAIRS_PRIORITY = 1;
/** Who put a block or its pairs into the cache. */
export const BLOCK_ORIGIN = "warm:correlation_block";

/** The cache, as far as blocks need it. */
export type BlockCache = Pick<
  CacheRouter<unknown>,
  "peek" | "setMany" | "loadAhead" | "invalidate"
>;

/** What a keeper works with. */
export interface BlockKeeperPorts {
  /** The aggregator of now: clusters, correlations, and counts of reads. */
  readonly aggregator: () => Aggregator;
  /** Null = there is none: blocks are worked out for whoever asks, and nobody keeps them. */
  readonly cache: BlockCache | null;
  /** On which granularity two instruments can be compared. */
  readonly granularityOf: BlockPorts["granularityOf"];
  /** Lets others go first. */
  readonly turn: () => Promise<void>;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
  /** Epoch, ms. */
  readonly wallMs: () => number;
  /** Whether to go on, asked after everything that was waited for. */
  readonly isLive: () => boolean;
  /** A job ended, so that another one may begin. */
  readonly finished: () => void;
  /** A block could not be made. */
  readonly failed: (clusterId: string, error: unknown) => void;
}

interface Making {
  readonly members: readonly string[];
  readonly block: Promise<{ readonly block: CorrelationBlock; readonly isKept: boolean }>;
}

/** See the top of the file. */
export class BlockKeeper {
  readonly #ports: BlockKeeperPorts;
  /** By cluster. */
  readonly #making = new Map<string, Making>();
  /** Members of the blocks that were put in, by cluster. */
  readonly #kept = new Map<string, readonly string[]>();
  /** Other correlations were handed in so often. */
  #epoch = 0;

  /** Nothing is under way. */
  constructor(ports: BlockKeeperPorts) {
    this.#ports = ports;
  }

  /** Blocks to be warmed now; the aggregator is told when each of them is. */
  start(jobs: readonly BlockJob[]): void {
    for (const job of jobs) void this.#warm(job);
  }

  /**
   * The block of a cluster: from the cache, or a promise of one.
   *
   * @throws {RefreshError} code `busy` when {@linkcode BLOCKS_AT_ONCE_MAX} are under way.
   */
  get(cluster: Cluster): ServedBlock | Promise<ServedBlock> {
    const { cache, aggregator } = this.#ports;
    if (cache !== null) {
      const block = blockOf(cache.peek(blockKey(cluster.id)), cluster);
      aggregator().readBlock(block !== null);
      if (block !== null) return { block, cacheHit: true };
    }
    return this.#made(cluster, BLOCK_ASKED_TIMEOUT_MS)
      .then(({ block }) => ({ block, cacheHit: false }));
  }

  /** Clusters are others: blocks of those that have other members go. O(members of blocks). */
  endChanged(clusters: Clusters): void {
    const gone: string[] = [];
    for (const [clusterId, members] of this.#kept) {
      const now = clusters.of(clusterId);
      if (now?.id === clusterId && sameMembers(now.members, members)) continue;
      this.#kept.delete(clusterId);
      gone.push(blockKey(clusterId));
    }
    if (gone.length > 0) void this.#ports.cache?.invalidate({ keys: gone });
  }

  /** Other correlations were handed in: all blocks go, also those of a former process. */
  endAll(): void {
    this.#epoch++;
    this.#kept.clear();
    void this.#ports.cache?.invalidate({ tags: [BLOCK_TAG] });
  }

  async #warm(job: BlockJob): Promise<void> {
    const { nowMs, aggregator, isLive, finished, failed } = this.#ports;
    const beganMs = nowMs();
    const cluster = { id: job.clusterId, members: job.members };
    let isWarmed = false;
    try {
      isWarmed = (await this.#made(cluster, BLOCK_TIMEOUT_MS)).isKept;
    } catch (error) {
      if (isLive()) failed(job.clusterId, error);
    }
    if (!isLive()) return;
    aggregator().finishBlock(job, isWarmed, nowMs() - beganMs);
    finished();
  }

  async #made(cluster: Cluster, timeoutMs: number): ReturnType<BlockKeeper["make"]> {
    const under = this.#making.get(cluster.id);
    if (under !== undefined && sameMembers(under.members, cluster.members)) {
      return await under.block;
    }
    if (this.#making.size >= BLOCKS_AT_ONCE_MAX) {
      throw new RefreshError(
        "busy",
        `Cannot work out a block: expected fewer than ${BLOCKS_AT_ONCE_MAX} under way: ` +
          `current value is ${this.#making.size}`,
      );
    }
    const making = { members: cluster.members, block: this.make(cluster, timeoutMs) };
    this.#making.set(cluster.id, making);
    try {
      return await making.block;
    } finally {
      if (this.#making.get(cluster.id) === making) this.#making.delete(cluster.id);
    }
  }

  /** Works out a block and keeps it. Rejects as {@linkcode workOutBlock}. */
  async make(
    cluster: Cluster,
    timeoutMs: number,
  ): Promise<{ readonly block: CorrelationBlock; readonly isKept: boolean }> {
    const { aggregator, cache, granularityOf, turn, nowMs, wallMs, isLive } = this.#ports;
    const epoch = this.#epoch;
    const { block, isComplete } = await workOutBlock(cluster, {
      known: aggregator().correlations(),
      granularityOf,
      read: cache === null ? null : (keys, leftMs) =>
        cache.loadAhead(keys, {
          priority: PAIRS_PRIORITY,
          origin: BLOCK_ORIGIN,
          timeoutMs: Math.min(PAIRS_TIMEOUT_MS, leftMs),
        }),
      turn,
      nowMs,
      wallMs: wallMs(),
      timeoutMs,
    });
    if (cache === null || !isComplete || !isLive() || epoch !== this.#epoch) {
      return { block, isKept: false };
    }
    return { block, isKept: this.#keep(cache, cluster, block) };
  }

  #keep(cache: BlockCache, cluster: Cluster, block: CorrelationBlock): boolean {
    const now = this.#ports.aggregator().clusters().of(cluster.id);
    if (now?.id !== cluster.id || !sameMembers(now.members, cluster.members)) return false;
    const entry = { key: blockKey(cluster.id), value: block, tags: [BLOCK_TAG] };
    if (cache.setMany([{ ...entry, origin: BLOCK_ORIGIN }]) === 0) return false;
    const oldest = this.#kept.keys().next();
    if (this.#kept.size >= BLOCKS_KEPT_MAX && oldest.done !== true) this.#kept.delete(oldest.value);
    this.#kept.set(cluster.id, cluster.members);
    return true;
  }
}
