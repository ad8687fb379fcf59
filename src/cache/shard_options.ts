/**
 * How a shard is set up, and what is put into it.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import type { AccessLog } from "./access_log.ts";
import type { TimeSource } from "./cache_options.ts";
import { FLIGHTS_MAX } from "./flights.ts";
import type { KeyIndex } from "./key_index.ts";
import { LoadGroups } from "./load_groups.ts";
import { NEGATIVE_TIMES, type NegativeTimes } from "./negative.ts";
import type { SteadyWall } from "./shard_tier.ts";
import type { IsTouched } from "./shard_generations.ts";
import type { Dependency, Loader, Origin, PolicyName, SecondTier } from "./types.ts";
import { decodeValue, encodeValue } from "./value_codec.ts";

/** How long an entry is good, ms. */
export interface EntryTtl {
  /** Until then it is fresh. */
  readonly softTtlMs: number;
  /** Until then it may be served stale while it is renewed behind; at least `softTtlMs`. */
  readonly hardTtlMs: number;
  /** For so long after that it is served if its load fails. */
  readonly staleIfErrorMs: number;
}

/** How much a shard may hold; both can change while it runs. */
export interface ShardBounds {
  /** Entries at most. */
  readonly entriesMax: number;
  /** Bytes of them at most, as weighed; Infinity for no such bound. */
  readonly weightMaxBytes: number;
}

/** Values as bytes, for the second tier. */
export interface ValueCodec<V> {
  /** Throws for what has no such form: it is then not written. */
  readonly encode: (value: V) => Uint8Array;
  /** Throws for what `encode` does not make. */
  readonly decode: (bytes: Uint8Array) => V;
  /** Bytes in memory; an estimate from the shape unless given. */
  readonly weigh?: (value: V) => number;
  /** What is handed out of a value with columns: a copy unless given. */
  readonly share?: (value: V) => V;
}

/** How a shard is set up. */
export interface ShardOptions<V> extends ShardBounds {
  /** Its index among the shards. */
  readonly index: number;
  /**
   * Where keys of all shards of an isolate are, under that index; a shard of its own unless given. What
   * a former shard of the same index has left there must be dropped before.
   */
  readonly keys?: KeyIndex;
  /** Default `adaptive`. */
  readonly policy?: PolicyName;
  /** Timers, the time of waits, and the wall clock. */
  readonly clock: Clock;
  /** Seeds the table's hash. */
  readonly random: Random;
  /** Times of the second tier, one for all shards of a process; one of its own unless given. */
  readonly wall?: SteadyWall;
  /** Monotonic ms for hits, on the same scale as `clock.now`; a coarse clock is fine. */
  readonly time?: TimeSource;
  /** How long a value is good that comes now. */
  readonly ttl: (key: string, nowWallMs: number) => EntryTtl;
  /** Brings what is not there. */
  readonly load: Loader<V>;
  /**
   * Somebody wants a key that is being loaded at a lower priority or ahead of need: told once for each
   * step up. Who groups keys into calls can let it go first; it may not load a second time. `origin`
   * is `demand` for somebody who waits, `refresh` for a renewal behind a stale answer.
   */
  readonly raise?: (key: string, priority: number, origin: Origin) => void;
  /** Holds back what came in one call until all of it is there; one for all shards of an isolate. */
  readonly groups?: LoadGroups;
  /** The tier behind, shared by all shards: `guardedTier` of it. */
  readonly secondTier?: SecondTier | null;
  /** Default: JSON-like values with columns, `value_codec.ts`. */
  readonly codec?: ValueCodec<V>;
  /**
   * Whether a commit after a seq touched candles, true where that is not known. Without it entries
   * made of candles are neither read from nor written to the second tier.
   */
  readonly isTouched?: IsTouched;
  /** Longest time of a load, and longest wait of a caller, ms; default 10 s. */
  readonly loadTimeoutMs?: number;
  /** Longest time of a renewal, for which nobody waits and which may linger, ms; default 30 s. */
  readonly renewalTimeoutMs?: number;
  /**
   * Longest time of a load ahead of need (an origin of `warm:`), which may wait for an idle provider,
   * and longest wait of who asks for one, ms; default 90 s.
   */
  readonly aheadTimeoutMs?: number;
  /** Longest time of a read of the second tier, ms, before the load goes upstream; default 500. */
  readonly secondTierTimeoutMs?: number;
  /**
   * Loads at a time; default 4,096. Renewals begin only in the first half of that room, loads ahead of
   * need in the first quarter.
   */
  readonly flightsMax?: number;
  /** Whether a value past its soft TTL is served while it is renewed behind; default yes. */
  readonly staleWhileRevalidate?: boolean;
  /** Share of the soft TTL after which a read renews ahead; null for never; default 0.8. */
  readonly refreshAheadRatio?: number | null;
  /** Reads since the load, that one included, that a renewal ahead takes, up to 31; default 1. */
  readonly refreshAheadReadsMin?: number;
  /** Priority upstream of renewals ahead, 0 to 10; default 2. */
  readonly refreshAheadPriority?: number;
  /** Priority upstream of renewals behind a stale answer; default 4. */
  readonly renewalPriority?: number;
  /** How long "not there" and failures are remembered. */
  readonly negative?: Partial<NegativeTimes>;
  /** Share of the entries that may be protected; default 0.2. */
  readonly protectedRatioMax?: number;
  /** Where reads and stored entries are noted; nowhere unless given. */
  readonly accesses?: AccessLog;
  /**
   * Told of keys whose dependencies are not known any more, since they were lost with others or with
   * the shard: what depends on them must go, in all shards. Called when the shard may be changed.
   */
  readonly onForgotten?: (keys: readonly string[]) => void;
}

/** Something to put in. */
export interface SetEntry<V> {
  /** Any text. */
  readonly key: string;
  /** Belongs to the cache from now on: it is frozen, or copied if it has columns. */
  readonly value: V;
  /** Default: as `ShardOptions.ttl` says. */
  readonly ttl?: EntryTtl;
  /** Default `set`. */
  readonly origin?: Origin;
  /** What it was made of; nothing unless given. */
  readonly dependsOn?: readonly Dependency[];
  /** Names to end it by, bounds as `TAG_BOUNDS` of `tags.ts`. */
  readonly tags?: readonly string[];
  /** Commit that it is as of. */
  readonly seq?: number;
}

/** Options with their defaults. */
export type ShardSettings<V> =
  & Required<
    Omit<
      ShardOptions<V>,
      "wall" | "keys" | "raise" | "accesses" | "isTouched" | "onForgotten" | "policy"
    >
  >
  & Pick<ShardOptions<V>, "wall" | "keys" | "raise" | "accesses" | "isTouched" | "onForgotten">
  & { readonly policy: PolicyName; readonly negative: NegativeTimes };

const DEFAULTS = {
  policy: "adaptive",
  secondTier: null,
  loadTimeoutMs: 10_000,
  renewalTimeoutMs: 30_000,
  // A minute for an idle provider, and as long as a renewal takes.
  aheadTimeoutMs: 90_000,
  secondTierTimeoutMs: 500,
  flightsMax: FLIGHTS_MAX,
  staleWhileRevalidate: true,
  refreshAheadRatio: 0.8,
  refreshAheadReadsMin: 1,
  refreshAheadPriority: 2,
  renewalPriority: 4,
  protectedRatioMax: 0.2,
} as const;

/**
 * Options with their defaults.
 *
 * @throws {RangeError} for a share or a time that cannot be.
 */
export function shardSettings<V>(options: ShardOptions<V>): ShardSettings<V> {
  const settings = {
    time: options.clock,
    groups: new LoadGroups(options.clock),
    codec: { encode: encodeValue, decode: (bytes: Uint8Array) => decodeValue(bytes) as V },
    ...DEFAULTS,
    ...options,
    negative: { ...NEGATIVE_TIMES, ...options.negative },
  };
  const { refreshAheadRatio: ratio } = settings;
  const { loadTimeoutMs, renewalTimeoutMs, aheadTimeoutMs, secondTierTimeoutMs } = settings;
  if (ratio !== null && !(ratio > 0 && ratio <= 1)) {
    throw new RangeError(
      `Cannot make a shard: expected a share of the TTL above 0 up to 1: current value is ${ratio}`,
    );
  }
  const times = [loadTimeoutMs, renewalTimeoutMs, aheadTimeoutMs, secondTierTimeoutMs];
  if (!times.every((ms) => ms > 0)) {
    throw new RangeError(
      `Cannot make a shard: expected times above 0 ms: current value is ${times.join(", ")}`,
    );
  }
  return settings;
}
