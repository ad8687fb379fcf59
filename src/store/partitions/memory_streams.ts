/**
 * The streams in memory: the twin of those in Redis, for tests and the simulator. Entries are encoded
 * as there.
 *
 * @module
 */

import type { Cancel, Clock } from "../../actor/clock.ts";
import type { CandleBlock } from "../../market/block.ts";
import { LogError, type LogStatus } from "../log/port.ts";
import { byPartition, entriesOf, pageOf, type RawEntry } from "./entries.ts";
import {
  comparePlaces,
  ENTRY_OVERHEAD_BYTES,
  placeOf,
  type PlaceParts,
  placeParts,
} from "./place.ts";
import {
  type AppendResult,
  PARTITION_BOUNDS,
  type PartitionBacklog,
  type PartitionPage,
  type PartitionStreams,
  type StreamPlace,
} from "./port.ts";

/** How {@linkcode StreamsMemory} is set up. */
export interface StreamsMemoryOptions {
  /** Bytes that may wait in a partition; default {@linkcode PARTITION_BOUNDS}. */
  readonly waitingBytes?: number;
}

interface Stream {
  entries: RawEntry[];
  last: PlaceParts;
  /** END of what was given up last. */
  doneBytes: number;
}

/** What all nodes of a test share: the place of a Redis. */
export class StreamsMemory {
  /** Nothing can be reached. */
  isAway = false;
  readonly #clock: Clock;
  readonly #waitingBytes: number;
  readonly #streams = new Map<number, Stream>();
  readonly #listeners = new Set<() => void>();

  /** Without entries. */
  constructor(clock: Clock, options: StreamsMemoryOptions = {}) {
    this.#clock = clock;
    this.#waitingBytes = options.waitingBytes ?? PARTITION_BOUNDS.waitingBytes;
  }

  /** A connection of a node. */
  connect(): MemoryStreams {
    return new MemoryStreams(this, this.#clock);
  }

  /**
   * The stream of a partition, made when it is not there.
   *
   * @ignore
   */
  stream(partition: number): Stream {
    let stream = this.#streams.get(partition);
    if (stream === undefined) {
      stream = { entries: [], last: { atMs: 0, endBytes: 0 }, doneBytes: 0 };
      this.#streams.set(partition, stream);
    }
    return stream;
  }

  /** Appends entries as they are; false when there is no room. */
  append(partition: number, entries: readonly Uint8Array[]): boolean {
    const stream = this.stream(partition);
    const waiting = stream.last.endBytes - stream.doneBytes;
    const bytes = entries.reduce((sum, entry) => sum + entry.length + ENTRY_OVERHEAD_BYTES, 0);
    if (waiting > 0 && waiting + bytes > this.#waitingBytes) return false;
    const atMs = Math.max(stream.last.atMs, this.#clock.wallNow());
    for (const entry of entries) {
      const endBytes = stream.last.endBytes + entry.length + ENTRY_OVERHEAD_BYTES;
      stream.last = { atMs, endBytes };
      stream.entries.push({ place: placeOf(stream.last), bytes: entry });
    }
    for (const listener of [...this.#listeners]) listener();
    return true;
  }

  /** Loses everything, as a Redis without persistence does when it ends. */
  empty(): void {
    this.#streams.clear();
  }

  /** Calls `listener` after every append. */
  onAppend(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** A node's connection to {@linkcode StreamsMemory}. */
export class MemoryStreams implements PartitionStreams {
  readonly #memory: StreamsMemory;
  readonly #clock: Clock;
  #isClosed = false;

  /** Use {@linkcode StreamsMemory.connect}. */
  constructor(memory: StreamsMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  append(blocks: readonly CandleBlock[]): Promise<AppendResult> {
    return Promise.try(() => {
      this.#reach();
      const full: number[] = [];
      for (const [partition, own] of byPartition(blocks)) {
        if (!this.#memory.append(partition, entriesOf(own))) full.push(partition);
      }
      return full.length === 0 ? { state: "appended" } : { state: "full", partitions: full };
    });
  }

  async read(
    places: ReadonlyMap<number, StreamPlace | null>,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PartitionPage[]> {
    this.#reach();
    const pages = this.#pages(places);
    if (pages.length > 0 || waitMs <= 0 || isAborted(signal)) return pages;
    await new Promise<void>((resolve) => {
      const end = () => {
        for (const stop of ends) stop();
        resolve();
      };
      const ends = [
        this.#memory.onAppend(end),
        this.#clock.setTimer(waitMs, end),
        () => signal?.removeEventListener("abort", end),
      ];
      signal?.addEventListener("abort", end);
    });
    if (isAborted(signal)) return [];
    this.#reach();
    return this.#pages(places);
  }

  #pages(places: ReadonlyMap<number, StreamPlace | null>): PartitionPage[] {
    const pages: PartitionPage[] = [];
    for (const [partition, after] of places) {
      if (pages.length >= PARTITION_BOUNDS.roundPartitions) break;
      const entries = pageAfter(this.#memory.stream(partition).entries, after);
      if (entries.length > 0) pages.push(pageOf(partition, after, entries));
    }
    return pages;
  }

  trim(places: ReadonlyMap<number, StreamPlace>): Promise<void> {
    return Promise.try(() => {
      this.#reach();
      for (const [partition, place] of places) {
        const upTo = placeParts(place);
        if (upTo === null) continue;
        const stream = this.#memory.stream(partition);
        stream.entries = stream.entries.filter((entry) => isAfter(entry, upTo));
        if (comparePlaces(upTo, stream.last) <= 0 && upTo.endBytes <= stream.last.endBytes) {
          stream.doneBytes = Math.max(stream.doneBytes, upTo.endBytes);
        }
      }
    });
  }

  backlog(partitions: readonly number[]): Promise<readonly PartitionBacklog[]> {
    return Promise.try(() => {
      this.#reach();
      return partitions.map((partition) => {
        const { entries, last, doneBytes } = this.#memory.stream(partition);
        const [first] = entries;
        return {
          partition,
          entries: entries.length,
          bytes: last.endBytes - doneBytes,
          oldestAtMs: first === undefined ? null : placeParts(first.place)?.atMs ?? null,
        };
      });
    });
  }

  get status(): LogStatus {
    const { isAway } = this.#memory;
    return {
      backend: "memory",
      state: isAway ? "away" : "ok",
      lastError: isAway ? "the streams are away" : null,
    };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  #reach(): void {
    if (this.#isClosed) throw new LogError("closed", "Cannot reach streams: they are closed");
    if (this.#memory.isAway) throw new LogError("away", "Cannot reach streams: they are away");
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Entries after a place, as many as a page may have. */
function pageAfter(entries: readonly RawEntry[], after: StreamPlace | null): RawEntry[] {
  const parts = after === null ? null : placeParts(after);
  const page: RawEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (parts !== null && !isAfter(entry, parts)) continue;
    if (page.length > 0 && bytes + entry.bytes.length > PARTITION_BOUNDS.pageBytes) break;
    page.push(entry);
    bytes += entry.bytes.length;
    if (page.length >= PARTITION_BOUNDS.pageEntries) break;
  }
  return page;
}

function isAfter({ place }: RawEntry, upTo: PlaceParts): boolean {
  const parts = placeParts(place);
  return parts !== null && comparePlaces(parts, upTo) > 0;
}
