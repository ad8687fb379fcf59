/**
 * What every second tier agrees on: which keys it keeps, for how long, and how large it may grow.
 *
 * @module
 */

import { compileKeyPattern, type KeyPattern } from "../../cache/key_pattern.ts";
import { TIER_TTL_MAX_MS } from "../../cache/shard_tier.ts";
import type { TierEntry, TierSelection } from "../../cache/types.ts";

/** Size of a tier of this process unless said otherwise, bytes. */
export const TIER_BYTES_MAX_DEFAULT = 500_000_000;

/** Longest key that is kept, characters; shards have longer ones for themselves. */
export const TIER_KEY_CHARS_MAX = 1_024;

/** Most tags of an entry that is kept. */
export const TIER_TAGS_MAX = 64;

/** Bytes that an entry is counted with beside its frame and key: its rows in indexes. */
export const TIER_ENTRY_BYTES = 64;

/** An entry that waits to be written. */
export interface WaitingEntry {
  readonly entry: TierEntry;
  /** Epoch ms at which the tier forgets it. */
  readonly endsAtMs: number;
  /** Its {@linkcode TierEntry.mark}, given or as of its coming. */
  readonly mark: number;
  readonly frame: Uint8Array;
}

/**
 * Whether a tier keeps entries of this key. Every backend must give back exactly what it was given:
 * text with halves of surrogate pairs turns into other text as UTF-8, and SQLite ends text at a NUL.
 */
export function isKept(key: string): boolean {
  return key.length > 0 && key.length <= TIER_KEY_CHARS_MAX && isPlain(key);
}

/** Whether an entry's key and tags are such as a tier keeps. */
export function isKeptEntry({ key, tags }: TierEntry): boolean {
  return isKept(key) && tags.length <= TIER_TAGS_MAX && tags.every(isKept);
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && text.indexOf("\0") < 0;
}

/** Epoch ms at which a tier forgets an entry. */
export function endOf({ hardAtMs }: TierEntry, wallMs: number): number {
  return Math.min(hardAtMs, wallMs + TIER_TTL_MAX_MS);
}

/** A selection, ready to be compared with entries. */
export interface SelectionMatcher {
  readonly keys: ReadonlySet<string>;
  readonly patterns: readonly KeyPattern[];
  readonly tags: ReadonlySet<string>;
  /** Whether it holds an entry. O(patterns + the entry's tags). */
  matches(key: string, tags: readonly string[]): boolean;
}

/**
 * A selection, ready to match.
 *
 * @throws {CacheError} code `key_pattern` for a pattern that is none.
 */
export function selectionMatcher(
  { keys = [], patterns = [], tags = [] }: TierSelection,
): SelectionMatcher {
  return matcherOf(new Set(keys), patterns.map(compileKeyPattern), new Set(tags));
}

/** What any of several selections covers. */
export function mergedMatcher(all: readonly SelectionMatcher[]): SelectionMatcher {
  const keys = new Set<string>(), tags = new Set<string>();
  const patterns = new Map<string, KeyPattern>();
  for (const one of all) {
    for (const key of one.keys) keys.add(key);
    for (const tag of one.tags) tags.add(tag);
    for (const pattern of one.patterns) patterns.set(pattern.pattern, pattern);
  }
  return matcherOf(keys, [...patterns.values()], tags);
}

function matcherOf(
  keys: ReadonlySet<string>,
  patterns: readonly KeyPattern[],
  tags: ReadonlySet<string>,
): SelectionMatcher {
  return {
    keys,
    patterns,
    tags,
    matches: (key, ofEntry) =>
      keys.has(key) || (tags.size > 0 && ofEntry.some((tag) => tags.has(tag))) ||
      patterns.some((pattern) => pattern.matches(key)),
  };
}
