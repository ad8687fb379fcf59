/**
 * Messages of the cache: its shards, and the second tier behind them.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import { ENTRIES_MAX } from "../src/cache/arena.ts";
import { CACHE_KEY_CHARS_MAX } from "../src/cache/key.ts";
import { KEY_PATTERN_CHARS_MAX } from "../src/cache/key_pattern.ts";
import type { ShardStatus } from "../src/cache/status.ts";
import type {
  Explanation,
  Found,
  LoadAsk,
  TierEntry,
  TierSelection,
  TierStatus,
} from "../src/cache/types.ts";
import { knobAnswer } from "../src/http/tuning_schemas.ts";
import type { ComputedBlock } from "./protocols.ts";
import type { Refusal } from "../src/label/admission.ts";

const nothing = z.strictObject({});
const cacheKey = z.string().min(1).max(CACHE_KEY_CHARS_MAX);
const pattern = z.string().min(1).max(KEY_PATTERN_CHARS_MAX);

/** What a message about keys is accounted with, beside them. */
const KEYS_BYTES = 128;
const KEY_BYTES = 64;

const bytesOfKeys = (keys: readonly string[]) => KEYS_BYTES + KEY_BYTES * keys.length;

/** Values of any kind: JSON-like ones are frozen, those with columns are the receiver's own. */
export type CacheValue = unknown;

/** Value of a key of computed labels. */
export type CachedLabels = Pick<ComputedBlock, "block" | "kinds" | "tookMs">;

/** One key, to be loaded if it is not there. */
export interface KeyLoad {
  readonly key: string;
  readonly ask: LoadAsk;
}

/** Several keys of one shard. */
export interface KeysLoad {
  readonly keys: readonly string[];
  readonly ask: LoadAsk;
}

/** Labels that a shard asked the pool for. */
export interface ComputedLabels {
  /** As in `computeFor`. */
  readonly id: number;
  /** An error says why there are none. */
  readonly result: ComputedBlock | Refusal | { readonly state: "error"; readonly message: string };
}

/** One shard: what is not there is loaded by it, once. */
export const CacheShard = protocol("cache_shard", {
  load: {
    payload: z.custom<KeyLoad>(),
    reply: z.custom<Found<CacheValue>>(),
    internal: true,
    bytesOf: () => KEYS_BYTES + KEY_BYTES,
  },
  loadMany: {
    payload: z.custom<KeysLoad>(),
    reply: z.custom<readonly Found<CacheValue>[]>(),
    internal: true,
    bytesOf: ({ keys }: KeysLoad) => bytesOfKeys(keys),
  },
  computed: { payload: z.custom<ComputedLabels>(), internal: true, priority: "high" },
  explain: {
    about: "What this shard knows of a key",
    payload: z.strictObject({ key: cacheKey }),
    reply: z.custom<Explanation>(),
  },
  drop: {
    about: "Forgets keys of this shard; what depends on them goes too",
    payload: z.strictObject({ keys: z.array(cacheKey).min(1).max(1_000) }),
    reply: z.number(),
  },
  protect: {
    about: "Keeps keys of a pattern from being evicted, as far as there is room",
    payload: z.strictObject({ pattern }),
    reply: z.null(),
  },
  unprotect: {
    about: "Takes a pattern back",
    payload: z.strictObject({ pattern }),
    reply: z.null(),
  },
  status: {
    about: "Sums, sizes, policy and miss-ratio curve of this shard",
    payload: nothing,
    reply: z.custom<ShardStatus>(),
  },
  resize: {
    about: "Changes how much this shard holds; what no longer fits is evicted by and by",
    payload: z.strictObject({
      entriesMax: z.int().min(1).max(ENTRIES_MAX),
      weightMaxBytes: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    }),
    reply: knobAnswer,
  },
  // What it tells itself: entries past their time go, and those that no longer fit.
  expire: { payload: nothing, internal: true, priority: "low" },
  shrink: { payload: nothing, internal: true, priority: "low" },
});

/** Keys for the second tier. */
export interface TierKeys {
  readonly keys: readonly string[];
}

/** The tier behind all shards. */
export const CacheTier = protocol("cache_tier", {
  getMany: {
    payload: z.custom<TierKeys>(),
    reply: z.custom<readonly (TierEntry | null)[]>(),
    internal: true,
    bytesOf: ({ keys }: TierKeys) => bytesOfKeys(keys),
  },
  // In the lane of the others: what is forgotten first and what is written must keep their order.
  setMany: {
    payload: z.custom<{ readonly entries: readonly TierEntry[] }>(),
    internal: true,
    bytesOf: ({ entries }: { readonly entries: readonly TierEntry[] }) =>
      entries.reduce((sum, { bytes }) => sum + KEYS_BYTES + bytes.length, 0),
  },
  invalidate: {
    payload: z.custom<TierSelection>(),
    reply: z.null(),
    internal: true,
  },
  status: {
    about: "State, sizes and counts of the second tier",
    payload: nothing,
    reply: z.custom<TierStatus>(),
  },
  // What it tells itself: write what waits, and see whether it is still up.
  flush: { payload: nothing, internal: true },
  look: { payload: nothing, internal: true, priority: "low" },
});
