/** Shards with a loader that answers when it is told to, and a second tier in memory. */

import { assert } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { compileKeyPattern } from "../../src/cache/key_pattern.ts";
import { CacheShard, guardedTier, type ShardOptions } from "../../src/cache/shard.ts";
import type {
  Found,
  LoadAsk,
  Loaded,
  LoaderAsk,
  SecondTier,
  TierEntry,
  TierSelection,
  TierStatus,
} from "../../src/cache/types.ts";

/** A caller who waits. */
export const ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 60_000 };

/** One load that was begun. */
export interface Call {
  readonly key: string;
  readonly ask: LoaderAsk;
  readonly resolve: (loaded: Loaded<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** What a test holds. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly shard: CacheShard<unknown>;
  /** Loads in the order in which they began. */
  readonly calls: Call[];
  /** Answers the oldest load that waits and lets the answer get where it goes. */
  readonly answer: (loaded: Loaded<unknown>) => Promise<void>;
  /** The same with a value. */
  readonly bring: (
    value: unknown,
    made?: Partial<Extract<Loaded<unknown>, { state: "ok" }>>,
  ) => Promise<void>;
  /** Loads a key with this value. */
  readonly fill: (
    key: string,
    value: unknown,
    made?: Partial<Extract<Loaded<unknown>, { state: "ok" }>>,
  ) => Promise<void>;
}

/** A minute fresh, another one stale, a third one if loads fail. */
export const TTL = { softTtlMs: 60_000, hardTtlMs: 120_000, staleIfErrorMs: 60_000 };

/** A shard whose loads wait for the test. */
export function bench(options: Partial<ShardOptions<unknown>> = {}): Bench {
  const clock = new VirtualClock(1_000);
  const calls: Call[] = [];
  const waiting: Call[] = [];
  const shard = new CacheShard<unknown>({
    index: 3,
    entriesMax: 1_000,
    weightMaxBytes: 10_000_000,
    clock,
    random: seededRandom(1),
    ttl: () => TTL,
    load: (key, ask) => {
      const { promise, resolve, reject } = Promise.withResolvers<Loaded<unknown>>();
      const call = { key, ask, resolve, reject };
      calls.push(call);
      waiting.push(call);
      return promise;
    },
    ...options,
  });
  const answer = async (loaded: Loaded<unknown>) => {
    const call = waiting.shift();
    assert(call !== undefined, "no load waits");
    call.resolve(loaded);
    await turns();
  };
  const bring: Bench["bring"] = (value, made = {}) => answer({ state: "ok", value, ...made });
  const fill: Bench["fill"] = async (key, value, made) => {
    const found = shard.load(key, ASK);
    await turns();
    await bring(value, made);
    assert((await found).state === "loaded");
  };
  return { clock, shard, calls, answer, bring, fill };
}

/** Lets promises settle that wait for nothing but one another. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

/** The value of an answer. */
export function valueOf(found: Found<unknown>): unknown {
  assert("value" in found, `no value: ${JSON.stringify(found)}`);
  return found.value;
}

/** A failed load. */
export function failed(code = "upstream", retryAfterMs: number | null = null): Loaded<unknown> {
  return { state: "failed", failure: { code, message: "it failed", retryAfterMs } };
}

/** A second tier in memory whose reads and invalidations end when `step` says so, or at once. */
export class TestTier implements SecondTier {
  readonly entries = new Map<string, TierEntry>();
  readonly reads: (readonly string[])[] = [];
  /** What waits for `step`. */
  readonly waiting: (() => void)[] = [];
  isManual = false;
  isHanging = false;

  #then<T>(make: () => T): Promise<T> {
    if (this.isHanging) return new Promise(() => {});
    if (!this.isManual) return Promise.resolve(make());
    return new Promise((resolve) => this.waiting.push(() => resolve(make())));
  }

  /** Ends the oldest read or invalidation. */
  async step(): Promise<void> {
    this.waiting.shift()?.();
    await turns();
  }

  getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]> {
    this.reads.push(keys);
    return this.#then(() => keys.map((key) => this.entries.get(key) ?? null));
  }

  setMany(entries: readonly TierEntry[]): void {
    for (const entry of entries) this.entries.set(entry.key, entry);
  }

  invalidate({ keys = [], patterns = [], tags = [] }: TierSelection): Promise<void> {
    const compiled = patterns.map(compileKeyPattern);
    return this.#then(() => {
      for (const key of keys) this.entries.delete(key);
      for (const [key, entry] of this.entries) {
        const isEnded = compiled.some((pattern) => pattern.matches(key)) ||
          entry.tags.some((tag) => tags.includes(tag));
        if (isEnded) this.entries.delete(key);
      }
    });
  }

  mark(): number {
    return 0;
  }

  status(): TierStatus {
    throw new Error("Cannot say how it is: expected nobody to ask");
  }
}

/** A tier and its guarded form. */
export function testTier(): { tier: TestTier; guarded: SecondTier } {
  const tier = new TestTier();
  return { tier, guarded: guardedTier(tier) };
}
