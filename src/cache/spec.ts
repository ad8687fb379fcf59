/**
 * How the cache of a program is set up: what the tree is given, and what a configuration is read to.
 *
 * @module
 */

import type { TtlSettings } from "./ttl_rules.ts";
import type { PolicyName } from "./types.ts";

/** Entries of all shards together, unless told otherwise. */
export const CACHE_ENTRIES_DEFAULT = 50_000;

/** Bytes of them, unless told otherwise: 5 kB an entry. */
export const CACHE_BYTES_DEFAULT = 256_000_000;

/** The tier behind the shards. */
export type TierSpec =
  | { readonly kind: "memory"; readonly bytesMax?: number }
  /** A file of its own, `cache.db`; its actor runs in a thread. */
  | { readonly kind: "sqlite"; readonly path: string; readonly bytesMax?: number }
  /** Shared by several processes, which tell each other what ends. */
  | { readonly kind: "redis"; readonly url: string; readonly prefix?: string };

/** How the cache is set up. */
export interface CacheSpec {
  /** Shards; default `SHARDS_DEFAULT`. */
  readonly shards?: number;
  /** Entries of all shards together; default {@linkcode CACHE_ENTRIES_DEFAULT}. */
  readonly entriesMax?: number;
  /** Bytes of all shards together; default {@linkcode CACHE_BYTES_DEFAULT}. */
  readonly bytesMax?: number;
  /** What is evicted first; default `adaptive`. */
  readonly policy?: PolicyName;
  /** How long keys are good; what is left out is as by default. */
  readonly ttl?: TtlSettings;
  /** Provider of what is not there; null = none, and such keys then fail. */
  readonly provider: string | null;
  /** The tier behind; default: none. */
  readonly tier?: TierSpec | null;
  /** Patterns of keys that are not evicted. */
  readonly protect?: readonly string[];
  /** Whether what is read late in its life is renewed ahead; default yes. */
  readonly refreshAhead?: boolean;
}
