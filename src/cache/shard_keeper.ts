/**
 * How values get into a shard and out of it: shielded, with their times, and to the second tier and
 * back as bytes.
 *
 * @module
 */

import type { StoredNote } from "./access_log.ts";
import type { ShardCounts } from "./counts.ts";
import { copyOf, inspectValue, shielded } from "./shield.ts";
import type { EntryTtl, ShardSettings } from "./shard_options.ts";
import type { ShardTable } from "./shard_table.ts";
import { isForTier, leftOf, SteadyWall, TIER_TTL_MAX_MS, tierTags } from "./shard_tier.ts";
import { TAG_BOUNDS } from "./tags.ts";
import type { Dependency, Origin, TierEntry } from "./types.ts";

/** A value as it is kept. */
export interface Shielded<V> {
  readonly value: V;
  /** Whether who gets it gets a copy. */
  readonly isCopied: boolean;
  readonly weightBytes: number;
}

/** What a value was made of, as far as was said. */
export interface MadeOf {
  readonly dependsOn: readonly Dependency[];
  readonly tags: readonly string[];
  readonly seq: number | null;
}

/** A value to be kept that comes now. */
export interface Coming<V> {
  readonly key: string;
  readonly shielded: Shielded<V>;
  readonly made: MadeOf;
  readonly ttl: EntryTtl;
  readonly origin: Origin;
  /** Whether somebody waited for it. */
  readonly wasUsed: boolean;
}

/** What came back from the second tier. */
export interface FromTier<V> {
  readonly shielded: Shielded<V>;
  readonly made: MadeOf;
  readonly ageMs: number;
  readonly softLeftMs: number;
  readonly hardLeftMs: number;
  /** Whole soft TTL that it had. */
  readonly softTtlMs: number;
}

/** See the head of this file. */
export class Keeper<V> {
  readonly #settings: ShardSettings<V>;
  readonly #counts: ShardCounts;
  readonly #table: ShardTable<V>;
  readonly #wall: SteadyWall;
  /** Entries of the tier that could not be read, values that it cannot take. */
  failures = 0;

  /** Keeps in that table. */
  constructor(settings: ShardSettings<V>, counts: ShardCounts, table: ShardTable<V>) {
    this.#settings = settings;
    this.#counts = counts;
    this.#table = table;
    this.#wall = settings.wall ?? new SteadyWall(settings.clock);
  }

  /**
   * The value as it may be kept. O(size).
   *
   * @throws {TypeError} when it is not fit to be kept, see `shield.ts`; for tags out of bounds.
   */
  shield(value: V, tags: readonly string[] = []): Shielded<V> {
    const { tagCharsMax, tagsPerKeyMax } = TAG_BOUNDS;
    const areTags = tags.length <= tagsPerKeyMax &&
      tags.every(({ length }) => length > 0 && length <= tagCharsMax);
    if (!areTags) {
      throw new TypeError(
        `Cannot keep a value: expected at most ${tagsPerKeyMax} tags of 1 to ${tagCharsMax} ` +
          `characters: current value is ${tags.length} tags`,
      );
    }
    const inspection = inspectValue(value);
    return {
      value: shielded(value, inspection),
      isCopied: inspection.hasColumns,
      weightBytes: this.#settings.codec.weigh?.(value) ?? inspection.weightBytes,
    };
  }

  /** What a caller gets of a kept value: the same, or a copy of its own. */
  handedOut(value: V, isCopied: boolean): V {
    if (!isCopied) return value;
    return this.#settings.codec.share?.(value) ?? copyOf(value);
  }

  /** How long a value is good that comes now. */
  ttl(key: string): EntryTtl {
    return this.#settings.ttl(key, this.#settings.clock.wallNow());
  }

  /** Puts a value in; false when it is not kept. */
  put({ key, shielded, made, ttl, origin, wasUsed }: Coming<V>): boolean {
    const { softTtlMs, hardTtlMs, staleIfErrorMs } = ttl;
    if (hardTtlMs <= 0) {
      this.#table.remove(key);
      return false;
    }
    const hardLeftMs = Math.max(softTtlMs, hardTtlMs);
    const isKept = this.#table.put({
      key,
      ...shielded,
      ...made,
      softLeftMs: softTtlMs,
      hardLeftMs,
      staleIfErrorMs,
      attendInMs: softTtlMs * (this.#settings.refreshAheadRatio ?? 1),
      ageMs: 0,
      type: this.#counts.typeOf(key),
      origin: this.#counts.originOf(origin),
      wasUsed,
    });
    const { weightBytes } = shielded;
    if (isKept) this.#note({ key, origin, softLeftMs: softTtlMs, hardLeftMs, weightBytes });
    return isKept;
  }

  #note(note: StoredNote): void {
    this.#settings.accesses?.store(note);
  }

  /** Takes into the shard what came back from the second tier. */
  promote(key: string, from: FromTier<V>): boolean {
    const { softLeftMs, hardLeftMs, ageMs, softTtlMs } = from;
    const ttl = this.ttl(key);
    const isCut = softLeftMs > ttl.softTtlMs;
    const leftMs = isCut ? ttl.softTtlMs : softLeftMs;
    const aheadMs = (1 - (this.#settings.refreshAheadRatio ?? 1)) *
      (isCut ? ttl.softTtlMs : softTtlMs);
    const keptMs = Math.min(hardLeftMs, Math.max(ttl.hardTtlMs, 1));
    const isKept = this.#table.put({
      key,
      ...from.shielded,
      ...from.made,
      softLeftMs: leftMs,
      hardLeftMs: keptMs,
      staleIfErrorMs: ttl.staleIfErrorMs,
      attendInMs: Math.max(0, leftMs - aheadMs),
      ageMs,
      type: this.#counts.typeOf(key),
      origin: this.#counts.originOf("promoted"),
      // As of a load: who asked for it is no reader of the entry.
      wasUsed: false,
    });
    const { weightBytes } = from.shielded;
    if (isKept) {
      const left = { softLeftMs: leftMs, hardLeftMs: keptMs };
      this.#note({ key, origin: "promoted", ...left, weightBytes });
    }
    return isKept;
  }

  /**
   * Writes entries to the second tier, those that it may have, and says which; `mark` as in
   * `TierEntry`.
   */
  toTier(entries: readonly Coming<V>[], mark: number | null): string[] {
    const { secondTier } = this.#settings;
    if (secondTier === null) return [];
    const written = entries.flatMap((entry) => this.#tierEntry(entry, mark) ?? []);
    if (written.length > 0) secondTier.setMany(written);
    return written.map(({ key }) => key);
  }

  #tierEntry({ key, shielded, made, ttl }: Coming<V>, mark: number | null): TierEntry | null {
    const { dependsOn, tags, seq } = made;
    const { codec, isTouched } = this.#settings;
    const isComparable = dependsOn.length === 0 || isTouched !== undefined;
    if (!isForTier(dependsOn, seq) || !isComparable || ttl.hardTtlMs <= 0) return null;
    const allTags = tierTags(tags, dependsOn);
    if (allTags.some(({ length }) => length > TAG_BOUNDS.tagCharsMax)) return null;
    let bytes: Uint8Array;
    try {
      bytes = codec.encode(shielded.value);
    } catch {
      this.failures++;
      return null;
    }
    const loadedAtMs = this.#wall.now();
    return {
      key,
      bytes,
      loadedAtMs,
      softAtMs: loadedAtMs + Math.min(ttl.softTtlMs, TIER_TTL_MAX_MS),
      hardAtMs: loadedAtMs + Math.min(ttl.hardTtlMs, TIER_TTL_MAX_MS),
      seq,
      dependsOn,
      tags: allTags,
      ...(mark === null ? {} : { mark }),
    };
  }

  /** What is in an entry of the second tier; null when it is past its end or cannot be read. */
  fromTier(entry: TierEntry): FromTier<V> | null {
    const { dependsOn, tags, seq } = entry;
    const { codec, isTouched } = this.#settings;
    const left = leftOf(entry, this.#wall.now());
    const isComparable = dependsOn.length === 0 || isTouched !== undefined;
    if (left === null || !isForTier(dependsOn, seq) || !isComparable) return null;
    try {
      const value = codec.decode(entry.bytes);
      // Its own come first; those that stand for its series do no harm here.
      const made = { dependsOn, tags: tags.slice(0, TAG_BOUNDS.tagsPerKeyMax), seq };
      const softTtlMs = entry.softAtMs - entry.loadedAtMs;
      return { ...left, shielded: this.shield(value, made.tags), made, softTtlMs };
    } catch {
      this.failures++;
      return null;
    }
  }
}
