/**
 * What a shard holds: the table, and beside it the tags and dependencies of entries, what is known of
 * each slot, counts, and why the last entries left.
 *
 * ## Dependencies of what is gone
 * An entry may be made of another that is evicted before it, and that may have been in another shard.
 * What that one was made of still counts. So the last {@linkcode DEPARTED_MAX} entries with
 * dependencies or tags that were evicted or expired are found by changes as if they were there: what
 * was made of them is ended with them, and those who follow dependencies from shard to shard learn of
 * it. When one is forgotten, what was made of it goes, since nobody would end it any more. For the
 * same reason an entry that is renewed keeps its old dependencies, beside the new, while anything
 * depends on it.
 *
 * @module
 */

import { BURIED_MAX, LISTS } from "./arena.ts";
import { Cache, type TimeSource } from "./cache.ts";
import type { ShardCounts } from "./counts.ts";
import { DependencyIndex } from "./dependencies.ts";
import { SlotColumns, SlotFlag } from "./shard_columns.ts";
import type { ShardBounds, ShardSettings } from "./shard_options.ts";
import { RecentRemovals } from "./shard_removals.ts";
import { TagIndex } from "./tags.ts";
import { TTL_LEFT_LOOKS_MAX, type TtlLeftCounts, TtlLeftSums } from "./ttl_left.ts";
import type { Dependency, RemovalCause, TouchedRange } from "./types.ts";

/** Entries that left, whose dependencies are remembered. */
export const DEPARTED_MAX = 4_096;

/** Bytes that an entry is accounted with beside its value and the characters of its key. */
export const ENTRY_BYTES = 160;

/** An entry to be held. */
export interface TableEntry<V> {
  readonly key: string;
  /** Shielded. */
  readonly value: V;
  /** Whether who gets it gets a copy. */
  readonly isCopied: boolean;
  /** Of the value. */
  readonly weightBytes: number;
  /** From now on, ms. */
  readonly softLeftMs: number;
  readonly hardLeftMs: number;
  readonly staleIfErrorMs: number;
  /** From now on, ms: when a read begins to look after it. */
  readonly attendInMs: number;
  readonly ageMs: number;
  readonly type: number;
  readonly origin: number;
  readonly seq: number | null;
  readonly dependsOn: readonly Dependency[];
  readonly tags: readonly string[];
  /** Whether somebody waited for it. */
  readonly wasUsed: boolean;
}

/** See the head of this file. */
export class ShardTable<V> {
  readonly cache: Cache<V>;
  readonly columns: SlotColumns;
  readonly removals: RecentRemovals = new RecentRemovals();
  readonly #counts: ShardCounts;
  readonly #time: TimeSource;
  readonly #tags = new TagIndex();
  readonly #dependencies = new DependencyIndex();
  readonly #onForgotten: (keys: readonly string[]) => void;
  /** Gone, and still known for what they were made of; in the order in which they went. */
  readonly #departed = new Set<string>();
  /** Of the departed, those that were forgotten, until they are told of. */
  #forgotten: string[] = [];
  /** Bytes of what is being put in. */
  #puttingBytes = 0;

  /** An empty one; `onForgotten` is told of keys as in {@linkcode ShardSettings}. */
  constructor(
    settings: ShardSettings<V>,
    counts: ShardCounts,
    onForgotten: (keys: readonly string[]) => void,
  ) {
    const { index, keys, entriesMax, weightMaxBytes, policy, time, random } = settings;
    const { protectedRatioMax } = settings;
    this.#counts = counts;
    this.#time = time;
    this.#onForgotten = onForgotten;
    // Some slots of a table are no entries.
    this.columns = new SlotColumns(entriesMax + LISTS + BURIED_MAX);
    this.cache = new Cache<V>({
      entriesMax,
      weightMaxBytes,
      weigh: () => this.#puttingBytes,
      policy,
      time,
      random,
      protectedRatioMax,
      ...(keys === undefined ? {} : { index: keys, table: index }),
      onRemoved: (slot, cause) => this.#removed(slot, cause),
    });
  }

  /**
   * Puts an entry in, in place of the one of its key; false when it is not kept: it is too heavy, or
   * there is no room for its links. Then there is none of that key. O(links).
   *
   * @throws {CacheError} for tags out of bounds; then too there is none of that key.
   */
  put(entry: TableEntry<V>): boolean {
    const { key, value, type, origin, softLeftMs, hardLeftMs, staleIfErrorMs, seq } = entry;
    const bytes = entry.weightBytes + ENTRY_BYTES + key.length;
    this.#puttingBytes = bytes;
    const result = this.cache.set(key, value, {
      softTtlMs: softLeftMs,
      // The table cuts fractions off; until when it is served is known exactly here.
      hardTtlMs: Math.ceil(hardLeftMs + staleIfErrorMs),
      type,
      origin,
      ...(seq === null ? {} : { seq }),
    });
    if (result === "refused") {
      this.#depart(key);
      return this.#tell(false);
    }
    if (this.#departed.delete(key)) this.#tags.remove(key);
    this.#counts.inserted(type, origin, bytes);
    const slot = this.cache.locate(key);
    if (slot >= 0) this.#describe(slot, entry);
    // Its time may be over by now.
    else this.#depart(key);
    return this.#tell(slot >= 0 && this.#link(slot, entry));
  }

  #describe(slot: number, entry: TableEntry<V>): void {
    const { columns } = this;
    const nowMs = this.#time.now();
    columns.reserve(slot);
    columns.attendAtMs[slot] = nowMs + entry.attendInMs;
    columns.staleAtMs[slot] = nowMs + entry.softLeftMs;
    columns.hardAtMs[slot] = nowMs + entry.hardLeftMs;
    columns.loadedAtMs[slot] = nowMs - entry.ageMs;
    columns.flags[slot] = (entry.isCopied ? SlotFlag.copied : 0) |
      (entry.wasUsed ? SlotFlag.used : 0);
  }

  #link(slot: number, { key, tags, dependsOn }: TableEntry<V>): boolean {
    const before = this.#dependencies.dependenciesOf(key);
    const isNeeded = before.length > 0 && this.#dependencies.dependentsCount(key) > 0;
    const all = isNeeded ? [...before, ...dependsOn] : dependsOn;
    if (tags.length === 0 && all.length === 0) {
      if (before.length > 0) this.#dependencies.remove(key);
      return true;
    }
    const { flags } = this.columns;
    flags[slot] = (flags[slot] as number) | SlotFlag.linked;
    let isLinked = false;
    try {
      isLinked = this.#tags.set(key, tags) === "set" && this.#dependencies.set(key, all) === "set";
    } finally {
      // What cannot be found by its links could not be ended by them.
      if (!isLinked) {
        this.remove(key);
        this.#forgotten.push(key);
      }
    }
    return isLinked;
  }

  /** Called by the table before a slot is cleared, and for each value that is replaced. */
  #removed(slot: number, cause: RemovalCause): void {
    const { cache, columns } = this;
    const key = cache.keyAt(slot);
    columns.reserve(slot);
    const flags = columns.flags[slot] as number;
    columns.flags[slot] = 0;
    // The index may still lead here.
    columns.hardAtMs[slot] = -Infinity;
    if ((flags & SlotFlag.linked) !== 0) this.#unlink(key, cause);
    if (cause !== "replaced") this.removals.add(key, cause, this.#time.now());
    const wasRead = cache.wasReadAt(slot) || (flags & SlotFlag.used) !== 0;
    const bytes = cache.weightAt(slot);
    this.#counts.removed(cache.typeAt(slot), cache.originAt(slot), bytes, cause, wasRead);
  }

  #unlink(key: string, cause: RemovalCause): void {
    if (cause === "evicted" || cause === "expired") this.#depart(key);
    // Of what is replaced, who replaces it decides which dependencies stay.
    else if (cause === "replaced") this.#tags.remove(key);
    else this.#forget(key);
  }

  /** There is no such entry until one of these changes; then the key is among those ended. */
  rememberAbsent(key: string, dependsOn: readonly Dependency[]): void {
    if (dependsOn.length === 0 || this.#dependencies.set(key, dependsOn) !== "set") return;
    this.#tags.remove(key);
    this.#depart(key);
    this.#tell(null);
  }

  #depart(key: string): void {
    if (!this.#isLinked(key)) return;
    this.#departed.add(key);
    if (this.#departed.size <= DEPARTED_MAX) return;
    const [oldest] = this.#departed;
    this.#departed.delete(oldest as string);
    this.#forgotten.push(oldest as string);
  }

  #forget(key: string): void {
    this.#dependencies.remove(key);
    this.#tags.remove(key);
  }

  /** False when nothing of the key was remembered. */
  #forgetDeparted(key: string): boolean {
    if (!this.#departed.delete(key)) return false;
    this.#forget(key);
    return true;
  }

  /** Ends what was made of what is forgotten; not in the middle of a removal. */
  #tell<T>(result: T): T {
    if (this.#forgotten.length === 0) return result;
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    const gone = this.dependentsOf(forgotten.map((key) => ({ kind: "key", key })));
    for (const key of forgotten) {
      // It may have come back since.
      const isKnown = this.#departed.has(key) || this.cache.locate(key) >= 0;
      if (!isKnown) this.#forget(key);
    }
    for (const key of gone) this.remove(key);
    this.#onForgotten([...forgotten, ...gone]);
    return result;
  }

  /** Removes an entry, or what is remembered of it; false when there was neither. */
  remove(key: string, cause: RemovalCause = "invalidated"): boolean {
    const wasRemembered = this.#forgetDeparted(key);
    const wasThere = this.cache.delete(key, cause);
    // Past its end but not noticed before: it departs only now.
    return this.#forgetDeparted(key) || wasRemembered || wasThere;
  }

  /** The entry is stale from now on; false when there is none. */
  markStale(key: string): boolean {
    const slot = this.cache.locate(key);
    if (slot < 0) return false;
    this.cache.markStale(key);
    this.columns.attendAtMs[slot] = -Infinity;
    this.columns.staleAtMs[slot] = -Infinity;
    return true;
  }

  /** Removes what is past its time; how many. */
  expire(): number {
    return this.#tell(this.cache.expire());
  }

  /** Removes everything; how many entries there were. */
  flush(): number {
    const { size } = this.cache;
    this.cache.clear();
    this.#tags.clear();
    this.#dependencies.clear();
    this.#departed.clear();
    this.#forgotten = [];
    return size;
  }

  /** Other bounds, as `Cache.resize`. */
  resize(bounds: ShardBounds, evictionsMax?: number): boolean {
    return this.#tell(this.cache.resize(bounds, evictionsMax));
  }

  /** Keys that depend on any of these, directly or through others; departed ones included. */
  dependentsOf(changes: readonly (Dependency | TouchedRange)[]): Set<string> {
    return this.#dependencies.dependentsOf(changes);
  }

  /** Keys that depend on any candles. */
  dependentsOfCandles(): Set<string> {
    return this.#dependencies.dependentsOfCandles();
  }

  /** Keys of which something is known that could end them: dependencies or tags. O(entries). */
  linkedKeys(): string[] {
    return [...new Set(this.keys())].filter((key) => this.#isLinked(key));
  }

  #isLinked(key: string): boolean {
    return this.#dependencies.dependenciesOf(key).length > 0 || this.#tags.tagsOf(key).length > 0;
  }

  /** Keys with a tag. */
  keysOfTag(tag: string): Iterable<string> {
    return this.#tags.keysOf(tag);
  }

  /** Entries by the time after which they are stale, by type. O({@linkcode TTL_LEFT_LOOKS_MAX}). */
  ttlLeft(): TtlLeftCounts[] {
    const { cache, columns } = this;
    const sums = new TtlLeftSums();
    const nowMs = this.#time.now();
    const { slots, step } = cache.sample(TTL_LEFT_LOOKS_MAX);
    for (const slot of slots) {
      sums.add(cache.typeAt(slot), (columns.staleAtMs[slot] as number) - nowMs, step);
    }
    return sums.read((type) => this.#counts.typeName(type));
  }

  /** Tags of an entry. */
  tagsOf(key: string): readonly string[] {
    return this.#tags.tagsOf(key);
  }

  /** What an entry was made of, also one that is gone and remembered. */
  dependenciesOf(key: string): readonly Dependency[] {
    return this.#dependencies.dependenciesOf(key);
  }

  /** Keys of entries, of what is remembered, and of what others depend on; some of them twice. */
  *keys(): Iterable<string> {
    yield* this.cache.keys();
    yield* this.#departed;
    yield* this.#dependencies.neededKeys();
  }

  /**
   * Checks what must hold at any time. O(entries).
   *
   * @throws {Error} saying what does not.
   */
  invariant(): void {
    this.cache.invariant();
    this.#tags.invariant();
    this.#dependencies.invariant();
    for (const key of this.#departed) {
      if (this.cache.locate(key) < 0) continue;
      throw new Error(`Cannot trust a shard: ${key} is there and departed`);
    }
  }
}
