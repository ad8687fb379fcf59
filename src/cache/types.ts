/**
 * The words that all parts of the cache share, from one shard's table to the tiers behind it.
 *
 * @module
 */

/** How a shard decides what to evict; see `policy.ts`. */
export const POLICY_NAMES = ["lru", "lfu", "hybrid", "s3fifo", "adaptive"] as const;

/** See {@linkcode POLICY_NAMES}. */
export type PolicyName = (typeof POLICY_NAMES)[number];

/** Why an entry left its shard. */
export const REMOVAL_CAUSES = [
  "evicted",
  "expired",
  "invalidated",
  "replaced",
  "flushed",
] as const;

/** See {@linkcode REMOVAL_CAUSES}. */
export type RemovalCause = (typeof REMOVAL_CAUSES)[number];

/**
 * Who put an entry in: somebody who waited for it (`demand`), a renewal behind a stale answer or
 * ahead of expiry (`refresh`), a writer (`set`), the second tier (`promoted`), or a warming strategy
 * (`warm:popular` and the like).
 */
export type Origin = "demand" | "refresh" | "set" | "promoted" | `warm:${string}`;

/** What an entry was made of, so that a change there ends it. */
export type Dependency =
  /** Candles of a series, epoch ms, from ≤ t < to; `toTs` Infinity where new candles change it too. */
  | {
    readonly kind: "candles";
    readonly series: string;
    readonly fromTs: number;
    readonly toTs: number;
  }
  /** The levels of an instrument. */
  | { readonly kind: "levels"; readonly instrument: string }
  /** Another entry. */
  | { readonly kind: "key"; readonly key: string };

/** Candles that a commit added, changed or deleted, epoch ms, from ≤ t < to. */
export interface TouchedRange {
  /** Which series. */
  readonly series: string;
  /** Begin, included. */
  readonly fromTs: number;
  /** End, not included. */
  readonly toTs: number;
}

/** Which entries a call is about: every given part adds its own. */
export interface Selection {
  /** Exactly these keys. */
  readonly keys?: readonly string[];
  /** Keys that match one of them, as `key_pattern.ts`. */
  readonly patterns?: readonly string[];
  /** Entries with one of these tags. */
  readonly tags?: readonly string[];
  /** Entries made of one of these, and what is made of those. */
  readonly dependencies?: readonly Dependency[];
}

/** Why a load gave nothing. */
export interface LoadFailure {
  /** `timeout`, `overload`, `upstream`, or the provider's own word. */
  readonly code: string;
  /** The same for a person; holds no secret. */
  readonly message: string;
  /** When to try again, ms; null when nobody said. */
  readonly retryAfterMs: number | null;
}

/**
 * Results of one call that come one by one and are to be seen all at once: so many come that say this
 * number.
 */
export interface LoadedTogether {
  /** Never used twice by one source. */
  readonly id: number;
  /** At least 1. */
  readonly size: number;
}

/** What a loader brings for one key. */
export type Loaded<V> =
  & {
    /** With which others it came; with none unless given. */
    readonly together?: LoadedTogether;
  }
  & LoadedAlone<V>;

/** What a loader brings, whatever it came with. */
export type LoadedAlone<V> =
  | {
    readonly state: "ok";
    readonly value: V;
    /** What it was made of; none unless given. */
    readonly dependsOn?: readonly Dependency[];
    readonly tags?: readonly string[];
    /** Commit that it is as of; compared with what later commits touched. */
    readonly seq?: number;
  }
  /** There is no such thing, says who should know; until what it would be made of changes. */
  | {
    readonly state: "missing";
    readonly dependsOn?: readonly Dependency[];
    readonly seq?: number;
  }
  | { readonly state: "failed"; readonly failure: LoadFailure };

/** What a caller may say about a load. */
export interface LoadAsk {
  /** 0 to 10; higher ones go first upstream. */
  readonly priority: number;
  /** Who is asking, for credit; `demand` for a caller who waits. */
  readonly origin: Origin;
  /** Longest time of the load, ms. */
  readonly timeoutMs: number;
  /** Who reads, where that is known: what one user reads next can be learned from it. */
  readonly user?: string;
}

/** What a shard says about a load. */
export interface LoaderAsk extends LoadAsk {
  /** From now to when the value that is there can be served no more, ms; null: there is none. */
  readonly lostInMs: number | null;
}

/** Brings what is not there. May be called for many keys at once: whoever is behind it groups. */
export type Loader<V> = (key: string, ask: LoaderAsk) => Promise<Loaded<V>>;

/** Where an answer came from. */
export type Tier = "l1" | "l2" | "upstream";

/** What came of asking for a key. */
export type Found<V> =
  | {
    /** `fresh`: within its soft TTL. `stale`: past it, a renewal is under way. `loaded`: waited for. */
    readonly state: "fresh" | "stale" | "loaded";
    readonly value: V;
    readonly tier: Tier;
    /** Since it was loaded, ms. */
    readonly ageMs: number;
  }
  | { readonly state: "missing" }
  | { readonly state: "failed"; readonly failure: LoadFailure };

/** What happened at a call, and what is known of the key; see `shard.ts`. */
export interface Explanation {
  /** The key. */
  readonly key: string;
  /** `inflight`: a load is under way and there is no value. */
  readonly state: "fresh" | "stale" | "missing" | "failed" | "inflight" | "absent";
  /** Which tier holds it; null for none. */
  readonly tier: Tier | null;
  /** Index of its shard. */
  readonly shard: number;
  /** Since it was loaded; null where it is not there, as in the three that follow. */
  readonly ageMs: number | null;
  /** Until it is stale, negative from then on; Infinity for never. */
  readonly softLeftMs: number | null;
  /** Until it is gone. */
  readonly hardLeftMs: number | null;
  /** Its weight, as accounted. */
  readonly weightBytes: number | null;
  /** Reads since it was put in, as far as the policy counts them. */
  readonly reads: number | null;
  /** Who put it in. */
  readonly origin: Origin | null;
  /** Whether a pattern keeps it from being evicted. */
  readonly isProtected: boolean;
  /** Whether a load of it is under way. */
  readonly isInflight: boolean;
  /** Segment of the policy that holds it: `window`, `probation`, `protected`, `small`, …. */
  readonly segment: string | null;
  /** Commit that it is as of; null where it has none. */
  readonly seq: number | null;
  /** Its tags. */
  readonly tags: readonly string[];
  /** What it was made of. */
  readonly dependsOn: readonly Dependency[];
  /** Keys that depend on it, at most `EXPLAINED_DEPENDENTS_MAX`. */
  readonly dependents: readonly string[];
  /** Why it is not there, if the shard remembers; it remembers the last few thousand. */
  readonly lastRemoval: { readonly cause: RemovalCause; readonly agoMs: number } | null;
}

/** An entry as the second tier keeps it. */
export interface TierEntry {
  /** The key. */
  readonly key: string;
  /** The encoded value; a tier compresses it for itself where that pays. Nobody changes it. */
  readonly bytes: Uint8Array;
  /** Epoch ms: it was loaded, becomes stale, and is gone. */
  readonly loadedAtMs: number;
  /** When it becomes stale. */
  readonly softAtMs: number;
  /** When it is gone. */
  readonly hardAtMs: number;
  /** As in {@linkcode Loaded}; null where it has none. */
  readonly seq: number | null;
  /** What it was made of. */
  readonly dependsOn: readonly Dependency[];
  /** Its tags. */
  readonly tags: readonly string[];
  /**
   * {@linkcode SecondTier.mark} when its load began, so that what was invalidated meanwhile, also by
   * another process, is found out. Left out: the moment at which the tier gets it.
   */
  readonly mark?: number;
}

/** Every entry there is. */
export const EVERY_ENTRY = { patterns: ["*"] } as const satisfies Selection;

/** What the second tier can find without an index of dependencies. */
export type TierSelection = Pick<Selection, "keys" | "patterns" | "tags">;

/**
 * The tier behind the shards, shared by all of them. Nothing of it throws or rejects: a tier that is
 * down has nothing, takes nothing, and says so in `status`.
 */
export interface SecondTier {
  /** Entries in the order of the keys; null for one that is not there or past its end. One trip. */
  getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]>;
  /** Keeps entries, several at once and later; a later `getMany` of this process sees them at once. */
  setMany(entries: readonly TierEntry[]): void;
  /**
   * Forgets them; resolves when no later read, of any process, finds them. A tier that is down
   * resolves at once, and forgets them before it answers reads again.
   */
  invalidate(selection: TierSelection): Promise<void>;
  /** This moment among the invalidations that the tier knows of, for `TierEntry.mark`. O(1). */
  mark(): number;
  /** How it is. */
  status(): TierStatus;
}

/** How the second tier is. */
export interface TierStatus {
  /** What it is on. */
  readonly kind: "memory" | "sqlite" | "redis";
  /** Whether it answers. */
  readonly state: "up" | "down";
  /** Entries held. */
  readonly entries: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Bound of those; 0 where somebody else sets one. */
  readonly bytesMax: number;
  /** Entries that wait to be written. */
  readonly waiting: number;
  /** Reads that found something, key by key. */
  readonly hits: number;
  /** Reads that did not. */
  readonly misses: number;
  /** Entries written. */
  readonly written: number;
  /** Entries given up: because of the bound, or while it was down. */
  readonly evicted: number;
  /** Entries that could not be taken. */
  readonly dropped: number;
  /** Calls that failed. */
  readonly failures: number;
  /** Why the last one did; null when none has. */
  readonly lastError: string | null;
}
