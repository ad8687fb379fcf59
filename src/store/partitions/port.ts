/**
 * The streams of candles that wait to be labelled, one per partition: any node appends, the owner of
 * the partition reads from where its last commit stands, and what was committed is given up.
 *
 * At least once: whoever appends may do so again when it does not know whether it was done. Candles
 * that come twice are harmless, and the commit's cursor decides what was read.
 *
 * @module
 */

import type { CandleBlock } from "../../market/block.ts";
import type { LogStatus } from "../log/port.ts";

/** Place in a partition's stream, as text that is stored as a feed's cursor; null = the beginning. */
export type StreamPlace = string;

/** The feed as which the owner of a partition commits where it stands. */
export function partitionFeed(partition: number): string {
  return `partition/${partition}`;
}

/** Bounds of the streams. */
export const PARTITION_BOUNDS = {
  /** Rows of one entry: 393 kB, of which Redis moves some thousands a second. */
  entryRows: 8_192,
  /** Bytes of entries that wait in one partition; then who appends is refused. 2 GB in all. */
  waitingBytes: 8 * 1024 * 1024,
  /** Bytes of one page that is read of one partition, unless its first entry is longer. */
  pageBytes: 512 * 1024,
  /** Entries of one page. */
  pageEntries: 512,
  /** Partitions of one round of reading: 32 MB when every page is full. */
  roundPartitions: 64,
  /** First bytes of a damaged entry that are shown. */
  headBytes: 64,
} as const;

/** What came of appending. */
export type AppendResult =
  | { readonly state: "appended" }
  /** So much waits in these that there is no room; what went to the others was appended. */
  | { readonly state: "full"; readonly partitions: readonly number[] };

/** An entry that is not what this program writes. */
export interface DamagedEntry {
  /** Where it stands. */
  readonly place: StreamPlace;
  /** What is wrong with it. */
  readonly reason: string;
  /** Its length in bytes. */
  readonly bytes: number;
  /** Its first {@linkcode PARTITION_BOUNDS}`.headBytes`, hex. */
  readonly head: string;
}

/** Entries of a partition that were read. */
export interface PartitionPage {
  /** 0 to 255. */
  readonly partition: number;
  /** The page follows this place. */
  readonly after: StreamPlace | null;
  /** One a series, its candles in the order in which they were appended; nobody else's memory. */
  readonly blocks: readonly CandleBlock[];
  /** Entries of the page that cannot be read. */
  readonly damaged: readonly DamagedEntry[];
  /** The last entry of the page. */
  readonly place: StreamPlace;
  /** Entries of the page. */
  readonly entries: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Epoch ms of the streams' clock when its first entry was appended. */
  readonly firstAtMs: number;
}

/** What waits in a partition. */
export interface PartitionBacklog {
  /** 0 to 255. */
  readonly partition: number;
  /** Entries that wait. */
  readonly entries: number;
  /** As they count against {@linkcode PARTITION_BOUNDS}`.waitingBytes`. */
  readonly bytes: number;
  /** Epoch ms of the streams' clock of the oldest entry; null when none waits. */
  readonly oldestAtMs: number | null;
}

/**
 * See the module's text.
 *
 * - Calls fail with `LogError` code `away` when the streams cannot be reached, or not in time, and
 *   with code `closed` once they are.
 * - What one appender appended to a partition is read in the order of its calls. Once a call has
 *   failed, later calls that had been made already fail too where they share a partition with it.
 * - An append that failed is never carried out after a later one of the same partition.
 */
export interface PartitionStreams {
  /**
   * Appends blocks to the partitions of their series; the blocks are read until it resolves. Durable
   * as the streams are when it resolves.
   *
   * @throws {MarketError} code `encoding` for a series key that is too long.
   */
  append(blocks: readonly CandleBlock[]): Promise<AppendResult>;
  /**
   * Pages of those of the partitions that have entries after their places, one each. Waits up to
   * `waitMs` while there are none; none when `signal` ends it. One call at a time.
   */
  read(
    places: ReadonlyMap<number, StreamPlace | null>,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PartitionPage[]>;
  /** Gives up everything up to and with these places. */
  trim(places: ReadonlyMap<number, StreamPlace>): Promise<void>;
  /** What waits, of the partitions asked for. */
  backlog(partitions: readonly number[]): Promise<readonly PartitionBacklog[]>;
  /** Whether they can be reached, and what they ran into last. */
  readonly status: LogStatus;
  /** Lets go of connections; idempotent. */
  close(): Promise<void>;
}
