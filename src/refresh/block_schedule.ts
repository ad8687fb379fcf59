/**
 * When the correlation block of an impacted cluster is warmed in the cache.
 *
 * - Only clusters with at least `membersMin` members have a block that is worth it.
 * - At most `atOnceMax` blocks are warmed at once; others wait in the order they were asked for.
 * - Blocks of one cluster begin at least `apartMs` apart, whether or not they succeed: a provider
 *   that fails is not asked more often than one that does not.
 * - A cluster's block is never warmed twice at the same time, however long it takes: one that is
 *   never reported as finished holds its place, and shows in `running` with its age.
 * - Nothing happens by itself: whoever owns the time asks {@linkcode BlockSchedule.next}.
 *
 * @module
 */

import { checkWhole, checkWithin } from "./aggregator_checks.ts";
import {
  type BlockScheduleSnapshot,
  type BlockTotals,
  checkedSchedule,
} from "./block_schedule_snapshot.ts";
import type { Cluster, Clusters } from "./clusters.ts";
import { Histogram } from "../monitor/histogram.ts";

export type { BlockScheduleSnapshot, BlockTotals } from "./block_schedule_snapshot.ts";

/** What one may set of a {@linkcode BlockSchedule}. */
export interface BlockScheduleSettings {
  /** Fewest members of a cluster whose block is warmed. */
  readonly membersMin: number;
  /** Most blocks that are warmed at once. */
  readonly atOnceMax: number;
  /** Least time from one start to the next of one cluster, ms. */
  readonly apartMs: number;
}

/** What holds unless told otherwise. */
export const BLOCK_SCHEDULE_DEFAULTS: BlockScheduleSettings = {
  membersMin: 5,
  atOnceMax: 3,
  apartMs: 300_000,
};

/** Most clusters that wait, and most whose last start is remembered: some 100 bytes each. */
export const BLOCK_CLUSTERS_MAX = 10_000;

/** A block to warm. */
export interface BlockJob {
  /** Differs from that of every other job of this schedule. */
  readonly jobId: number;
  /** Whose block it is. */
  readonly clusterId: string;
  /** Ascending by code units: the block has a row and a column for each. */
  readonly members: readonly string[];
  /** When it began, epoch ms. */
  readonly startedAt: number;
}

/** What becomes of a wish to warm a cluster's block. */
export type BlockWish =
  /** It waits for {@linkcode BlockSchedule.next}. */
  | "queued"
  /** It waits already. */
  | "waiting"
  /** It is being warmed. */
  | "running"
  /** It was begun less than `apartMs` ago. */
  | "recent"
  /** It has too few members. */
  | "small"
  /** Too many wait, or are remembered. */
  | "full";

/** Figures of a {@linkcode BlockSchedule}. */
export interface BlockStatus {
  /** Blocks under way, the oldest first. */
  readonly running: readonly BlockJob[];
  /** Clusters that wait, the next first. */
  readonly waiting: readonly string[];
  /** What has happened since the schedule began. */
  readonly totals: BlockTotals;
  /** Share of reads of blocks that found one; null without any. */
  readonly hitRatio: number | null;
  /** Times of warmed blocks since the process began, ms; null without any. */
  readonly warmMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
}

/** See the top of the file. */
export class BlockSchedule {
  /** What was set. */
  readonly settings: BlockScheduleSettings;
  readonly #waiting = new Map<string, Cluster>();
  /** By cluster, in the order of their start. */
  readonly #running = new Map<string, BlockJob>();
  /** Last start by cluster, epoch ms, in the order of time. */
  readonly #startedAt = new Map<string, number>();
  readonly #warmMs = new Histogram({ lowest: 0.01, highest: 1e6 });
  #totals: Record<keyof BlockTotals, number> = {
    ...{ warmed: 0, failed: 0, hits: 0, misses: 0 },
    ...{ waiting: 0, running: 0, recent: 0, small: 0, full: 0 },
  };
  #nextJobId = 1;

  /**
   * Nothing waits.
   *
   * @throws {RefreshError} code `options`.
   */
  constructor(overrides: Partial<BlockScheduleSettings> = {}) {
    this.settings = { ...BLOCK_SCHEDULE_DEFAULTS, ...overrides };
    checkWhole("membersMin", this.settings.membersMin, 1, BLOCK_CLUSTERS_MAX);
    checkWhole("atOnceMax", this.settings.atOnceMax, 1, 1_000);
    checkWithin("apartMs", this.settings.apartMs, 0, 86_400_000);
  }

  /** A cluster is impacted: its block is wished for. O(1). */
  want(cluster: Cluster, nowMs: number): BlockWish {
    const wish = this.#wishOf(cluster, nowMs);
    if (wish === "queued") this.#waiting.set(cluster.id, cluster);
    else this.#totals[wish]++;
    return wish;
  }

  /** Blocks to begin warming now: the caller does so, and reports each one's end. */
  next(nowMs: number): readonly BlockJob[] {
    this.#forget(nowMs);
    const jobs: BlockJob[] = [];
    for (const [clusterId, { members }] of this.#waiting) {
      if (this.#running.size >= this.settings.atOnceMax) break;
      if (this.#startedAt.size >= BLOCK_CLUSTERS_MAX) break;
      this.#waiting.delete(clusterId);
      const job = { jobId: this.#nextJobId++, clusterId, members, startedAt: nowMs };
      this.#running.set(clusterId, job);
      // Behind all others, which began before.
      this.#startedAt.delete(clusterId);
      this.#startedAt.set(clusterId, nowMs);
      jobs.push(job);
    }
    return jobs;
  }

  /** A job ended; false when it is not under way, as after a restart. O(1). */
  finish({ jobId, clusterId }: BlockJob, isWarmed: boolean, tookMs: number): boolean {
    if (this.#running.get(clusterId)?.jobId !== jobId) return false;
    this.#running.delete(clusterId);
    if (isWarmed) this.#warmMs.record(tookMs);
    this.#totals[isWarmed ? "warmed" : "failed"]++;
    return true;
  }

  /** Somebody read a block from the cache, and found it or not. O(1). */
  read(isHit: boolean): void {
    this.#totals[isHit ? "hits" : "misses"]++;
  }

  /** Clusters are others than they were: what waits is what they are now. O(waiting). */
  regroup(clusters: Clusters): void {
    for (const id of [...this.#waiting.keys()]) {
      const cluster = clusters.of(id);
      if (cluster?.id !== id || cluster.members.length < this.settings.membersMin) {
        this.#waiting.delete(id);
      } else this.#waiting.set(id, cluster);
    }
  }

  /** Figures. O(running + waiting). */
  status(): BlockStatus {
    const { hits, misses } = this.#totals;
    const times = this.#warmMs;
    return {
      running: [...this.#running.values()],
      waiting: [...this.#waiting.keys()],
      totals: { ...this.#totals },
      hitRatio: hits + misses === 0 ? null : hits / (hits + misses),
      warmMs: times.count === 0
        ? null
        : { p50: times.percentile(0.5), p99: times.percentile(0.99), max: times.max },
    };
  }

  /** What must survive: when each cluster's block began, and the totals. */
  snapshot(): BlockScheduleSnapshot {
    return {
      version: 1,
      nextJobId: this.#nextJobId,
      startedAt: [...this.#startedAt],
      totals: { ...this.#totals },
    };
  }

  /**
   * Goes on from a snapshot: nothing is under way, and nothing waits.
   *
   * @throws {RefreshError} code `snapshot`.
   */
  restore(snapshot: unknown): void {
    const saved = checkedSchedule(snapshot, BLOCK_CLUSTERS_MAX);
    this.#waiting.clear();
    this.#running.clear();
    this.#startedAt.clear();
    for (const [id, at] of saved.startedAt) this.#startedAt.set(id, at);
    this.#totals = { ...saved.totals };
    this.#nextJobId = saved.nextJobId;
  }

  #wishOf({ id, members }: Cluster, nowMs: number): BlockWish {
    if (members.length < this.settings.membersMin) return "small";
    if (this.#running.has(id)) return "running";
    if (this.#waiting.has(id)) return "waiting";
    this.#forget(nowMs);
    if (nowMs - (this.#startedAt.get(id) ?? -Infinity) < this.settings.apartMs) return "recent";
    const isFull = this.#waiting.size >= BLOCK_CLUSTERS_MAX ||
      this.#startedAt.size >= BLOCK_CLUSTERS_MAX;
    return isFull ? "full" : "queued";
  }

  /** Drops starts that are long enough ago. O(1) on average: the oldest stand first. */
  #forget(nowMs: number): void {
    for (const [id, at] of this.#startedAt) {
      // The machine's clock may have been set back: then the wait begins anew, and is not endless.
      if (at > nowMs) this.#startedAt.set(id, nowMs);
      else if (nowMs - at >= this.settings.apartMs) this.#startedAt.delete(id);
      else return;
    }
  }
}
