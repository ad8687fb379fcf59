/**
 * What decides which entry leaves: one small interface, five ways.
 *
 * | name | what it keeps | from |
 * |---|---|---|
 * | `lru` | what was used last | |
 * | `lfu` | what is used most, with ageing | M. Arlitt et al., LFU-DA, 1999 |
 * | `hybrid` | recency in steps of frequency | Q. Huang et al., S4LRU, SOSP 2013 |
 * | `s3fifo` | three queues, moved at eviction only | J. Yang et al., SOSP 2023 |
 * | `adaptive` | chosen live from shadows | see `policy_adaptive.ts` |
 *
 * A policy owns the lists of the arena but the last one, which holds protected entries.
 *
 * A hit writes to the entry only: it counts up its reads (0 to 15) and sets MARK, and that is all
 * that `s3fifo` and `adaptive` need until somebody must leave. A policy that wants to hear of the
 * hits of an entry sets NOTED in it; it hears of them in batches, in order, before anything else
 * happens: of all of them if it is exact, otherwise of the latest of each batch.
 *
 * @module
 */

import type { Arena } from "./arena.ts";
import type { CurvePoint } from "./status.ts";
import type { PolicyName } from "./types.ts";
import { AdaptivePolicy } from "./policy_adaptive.ts";
import { HybridPolicy } from "./policy_hybrid.ts";
import { LfuPolicy } from "./policy_lfu.ts";
import { LruPolicy } from "./policy_lru.ts";
import { S3FifoPolicy } from "./policy_s3fifo.ts";

/** Decides which entry leaves. */
export interface Policy {
  /** What an adaptive one has chosen; null for the others. */
  readonly choice: string | null;
  /** Takes a new entry in. Comes after `victim` made room for it. */
  inserted(slot: number): void;
  /** Whether it must hear of every hit of a noted entry. */
  readonly isExact: boolean;
  /**
   * The first `count` of `slots`, all of them noted, were hit, in this order. `noted` is how many
   * hits of noted entries there were, `count` or more.
   */
  hits(slots: Int32Array, count: number, noted: number): void;
  /** An entry has got another value. */
  replaced(slot: number): void;
  /** Lets go of an entry, by its own choice or not; the hash of an evicted one stays until `reused`. */
  removed(slot: number, isEvicted: boolean): void;
  /** The slots of those that were evicted are given to others from here on. */
  reused(): void;
  /** Which entry shall leave for a new one; it stays until `removed`. −1 when it has none. */
  victim(): number;
  /** Another number of entries is allowed. */
  resize(entriesMax: number): void;
  /** The part of the policy that an entry is in. */
  segmentOf(slot: number): string;
  /** The miss-ratio curve, if it knows one. */
  curve(): CurvePoint[];
  /** Throws when it is not as it must be. The lists themselves are the arena's. */
  invariant(): void;
}

/** The policy of that name. */
export function createPolicy(
  name: PolicyName,
  arena: Arena<unknown>,
  entriesMax: number,
): Policy {
  switch (name) {
    case "lru":
      return new LruPolicy(arena);
    case "lfu":
      return new LfuPolicy(arena);
    case "hybrid":
      return new HybridPolicy(arena);
    case "s3fifo":
      return new S3FifoPolicy(arena, entriesMax);
    case "adaptive":
      return new AdaptivePolicy(arena, entriesMax);
  }
}
