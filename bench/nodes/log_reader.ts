/**
 * The log as it stands in Redis, read beside the nodes: when which partition was committed to, by whom,
 * and every label that it holds.
 *
 * @module
 */

import { pause, systemClock, systemRandom } from "../../src/actor/clock.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { unpackChange } from "../../src/store/log/entry_codec.ts";
import { type LogEntry, LogError } from "../../src/store/log/port.ts";
import { RedisLog } from "../../src/store/log/redis_log.ts";
import { placeParts } from "../../src/store/partitions/place.ts";
import { Checksums } from "../labels/checksum.ts";
import { seriesOf } from "../labels/market.ts";

const PARTITION_FEED = /^partition\/(\d+)$/;
const READ_MS = 1_000;
const FAILED_MS = 20;

/** A way to the log that makes none. */
export function lookingLog(redis: string, prefix: string): RedisLog {
  return new RedisLog({
    ...{ redis, prefix, isMaking: false, clock: systemClock, random: systemRandom },
  });
}

/** A commit to a partition. */
export interface PartitionCommit {
  readonly partition: number;
  readonly session: string;
  /** Epoch ms of the log's clock. */
  readonly atMs: number;
  /** The last of its candles was appended then. */
  readonly appendedMs: number;
}

/** Reads the commits of the log as they come. Ends when disposed of. */
export class CommitTrail implements AsyncDisposable {
  readonly commits: PartitionCommit[] = [];
  readonly log: RedisLog;
  readonly #ending = new AbortController();
  readonly #loop: Promise<void>;
  #position = 0;

  constructor(redis: string, prefix: string) {
    this.log = lookingLog(redis, prefix);
    this.#loop = this.#follow();
    this.#loop.catch(() => {});
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        const entries = await this.log.read(this.#position, READ_MS, signal);
        for (const entry of entries) this.#take(entry);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof LogError) || error.code !== "away") throw error;
        await pause(systemClock, FAILED_MS);
      }
    }
  }

  #take({ position, kind, bytes, writer, atMs }: LogEntry): void {
    this.#position = position;
    if (kind !== "commit") return;
    const change = unpackChange(kind, bytes);
    if (change.kind !== "commit") return;
    const session = writer.slice(0, writer.lastIndexOf("/"));
    for (const { feed, cursor } of change.batches) {
      const partition = PARTITION_FEED.exec(feed ?? "")?.[1];
      if (partition === undefined) continue;
      const appendedMs = placeParts(cursor ?? "")?.atMs ?? Infinity;
      this.commits.push({ partition: Number(partition), session, atMs, appendedMs });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.log.close();
    await this.#loop;
  }
}

/** What a whole log holds. */
export interface WholeLog {
  /** Every label row of every commit. */
  readonly labels: Checksums;
  readonly candles: number;
  readonly commits: number;
  readonly bytes: number;
  /** Epoch ms of the last commit. */
  readonly lastMs: number;
}

/** Reads a log from its beginning, after the fact. O(bytes). */
export async function readWholeLog(log: RedisLog): Promise<WholeLog> {
  const hash = paramHash(DEFAULT_PARAMS);
  const labels = new Checksums();
  let candles = 0, commits = 0, bytes = 0, lastMs = 0;
  for (let position = 0;;) {
    const entries = await log.between(position, Infinity);
    if (entries.length === 0) return { labels, candles, commits, bytes, lastMs };
    for (const entry of entries) {
      position = entry.position;
      if (entry.kind !== "commit") continue;
      const change = unpackChange(entry.kind, entry.bytes);
      if (change.kind !== "commit") continue;
      commits++;
      bytes += entry.bytes.length;
      for (const { series } of change.batches) {
        for (const { series: key, append, labels: rows, replace } of series) {
          if (replace !== null) throw new Error(`a commit tells ${key} anew`);
          if (append !== null) candles += append.to - append.from;
          for (const { block, from, to } of rows) {
            if (block.paramHash !== hash) throw new Error(`foreign labels of ${key}`);
            labels.add(seriesOf(key), block, from, to);
          }
          lastMs = entry.atMs;
        }
      }
    }
  }
}
