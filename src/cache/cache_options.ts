/**
 * What a cache is told and what it says of itself, and the checks of what it is told.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { ENTRIES_MAX } from "./arena.ts";
import type { KeyIndex } from "./key_index.ts";
import { TTL_MAX_MS } from "./ttl_code.ts";
import type { PolicyName, RemovalCause } from "./types.ts";

/** Share of the entries (and of the weight) that protection may hold unless said otherwise. */
export const PROTECTED_RATIO_DEFAULT = 0.2;
/**
 * Where a cache gets the time from; every `Clock` is one. An object and no function: the engine
 * compiles a method of a class into its callers, however many such clocks there are.
 */
export interface TimeSource {
  /** Monotonic ms. */
  now(): number;
}

/** How a cache is set up. */
export interface CacheOptions<V> {
  /** Most entries. */
  readonly entriesMax: number;
  /** Most bytes, as `weigh` says; no such bound unless given. */
  readonly weightMaxBytes?: number;
  /** Bytes of an entry, ≥ 0. Needed for a bound on bytes; called once for each `set`. */
  readonly weigh?: (value: V, key: string) => number;
  /** What decides who leaves; `adaptive` unless said otherwise. */
  readonly policy?: PolicyName;
  /** Asked on every access; a coarse clock will do. */
  readonly time: TimeSource;
  /** Seeds the hash. Keys from outside can be made to collide, at the cost of hits, without it. */
  readonly random?: Random;
  /** Share that protection may hold; {@linkcode PROTECTED_RATIO_DEFAULT} unless said otherwise. */
  readonly protectedRatioMax?: number;
  /** Where keys are noted; one of its own unless given. Several tables may share one. */
  readonly index?: KeyIndex;
  /** Which table of the index this is, 0 to 255, and no other; 0 unless given. */
  readonly table?: number;
  /** Told of every removal while the slot can still be read. Must not change the cache. */
  readonly onRemoved?: (slot: number, cause: RemovalCause) => void;
}

/** How long an entry lives, ms from now; Infinity for ever. Fractions are cut off. */
export interface EntryTimes {
  /** Then it is stale. What exceeds the hard TTL counts as that. */
  readonly softTtlMs: number;
  /** Then it is gone. At most `TTL_MAX_MS` (12.4 days) or Infinity; longer ones are cut to that. */
  readonly hardTtlMs: number;
}

/** What an entry is set with. */
export interface SetOptions extends EntryTimes {
  /** Type of data, 0 to 255; 0 unless given. */
  readonly type?: number;
  /** Who put it in, 0 to 255; 0 unless given. */
  readonly origin?: number;
  /** Commit that it is as of. */
  readonly seq?: number;
}

/** Sums over the life of a cache. */
export interface CacheCounts {
  /** Sets by outcome. */
  readonly added: number;
  /** Sets of a key that was there. */
  readonly replaced: number;
  /** Sets of what is too heavy. */
  readonly refused: number;
  /** Entries that left, by cause; `replaced` are those whose value made room for another. */
  readonly removed: Readonly<Record<RemovalCause, number>>;
}

/** How protection is. */
export interface ProtectionStatus {
  /** Entries that are protected, and how many may be. */
  readonly entries: number;
  /** Most entries. */
  readonly entriesMax: number;
  /** Patterns that protect. */
  readonly patterns: readonly string[];
  /** Entries that matched and were not protected, for want of room. */
  readonly refused: number;
}

/** What came of protecting a pattern. */
export interface Protected {
  /** False: too many patterns; nothing was done. */
  readonly isAccepted: boolean;
  /** Entries that match and are protected now. */
  readonly entries: number;
  /** Entries that match and are not, for want of room. */
  readonly refused: number;
}

/** The error for an option that is not what it must be. */
export function wrong(name: string, expected: string, value: number): RangeError {
  return new RangeError(
    `Cannot set up a cache: expected ${name} to be ${expected}: current value is ${value}`,
  );
}

/**
 * Passes a number of entries that a cache can have.
 *
 * @throws {RangeError} for a bound that is none.
 */
export function assertEntriesMax(entriesMax: number): void {
  if (Number.isInteger(entriesMax) && entriesMax >= 1 && entriesMax <= ENTRIES_MAX) return;
  throw wrong("entriesMax", `an integer of 1 to ${ENTRIES_MAX}`, entriesMax);
}

/**
 * Passes a bound on bytes that somebody can keep.
 *
 * @throws {RangeError} for a bound that is none, or that nobody can keep.
 */
export function assertWeightMax(weightMaxBytes: number, isWeighed: boolean): void {
  if (!(weightMaxBytes > 0)) throw wrong("weightMaxBytes", "above 0", weightMaxBytes);
  if (weightMaxBytes === Infinity || isWeighed) return;
  throw wrong("weightMaxBytes", "left out where nobody weighs", weightMaxBytes);
}

/**
 * Passes two TTLs that are times.
 *
 * @throws {RangeError} for a TTL that is negative or not a number.
 */
export function assertTtls({ softTtlMs, hardTtlMs }: EntryTimes): void {
  // Written so that NaN fails.
  if (softTtlMs >= 0 && hardTtlMs >= 0) return;
  throw new RangeError(
    `Cannot set an entry: expected TTLs of 0 ms or more: current value is ` +
      `${softTtlMs} and ${hardTtlMs}`,
  );
}

/** A TTL in whole ms, cut to the longest one. */
export const wholeTtl = (ttlMs: number): number =>
  ttlMs === Infinity ? Infinity : Math.min(Math.floor(ttlMs), TTL_MAX_MS);

/**
 * A weight as it is.
 *
 * @throws {RangeError} when it is not finite or below 0.
 */
export function checkedWeight(weightBytes: number): number {
  if (weightBytes >= 0 && weightBytes < Infinity) return weightBytes;
  throw new RangeError(
    `Cannot set an entry: expected a weight of 0 bytes or more: current value is ${weightBytes}`,
  );
}
