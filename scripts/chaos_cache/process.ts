/**
 * One process's cache over Redis, with the check that it never answers with a version older than what
 * it was told of: by its own invalidations at once, by those of others when their message is there.
 *
 * @module
 */

import { type Random, systemClock } from "../../src/actor/clock.ts";
import { KeyIndex } from "../../src/cache/key_index.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { CacheShard, guardedTier } from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type { Found, LoadAsk, Selection, TierStatus } from "../../src/cache/types.ts";
import type { StreamStatus } from "../../src/store/cache/invalidation_stream.ts";
import { openRedisCache, type RedisCache } from "../../src/store/cache/redis_cache.ts";
import type { Truth, Versioned } from "./truth.ts";

const SHARDS = 2;
const ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 5_000 };
/** Short enough that renewals happen, long enough that the tier behind matters. */
const TTL = { softTtlMs: 3_000, hardTtlMs: 20_000, staleIfErrorMs: 0 };
/** Begins a key that only says which version an invalidation made true. */
const NOTE = "\u0001version:";

/** What went wrong. */
export interface Fault {
  readonly process: string;
  readonly what: string;
}

/** See the module's text. */
export class CacheProcess implements AsyncDisposable {
  readonly name: string;
  readonly router: CacheRouter<Versioned>;
  readonly #redis: RedisCache;
  readonly #shards: CacheShard<Versioned>[];
  readonly #truth: Truth;
  readonly #faults: Fault[];
  /** Oldest version that may still be answered, by key. */
  readonly #floor = new Map<string, number>();
  gets = 0;

  /** `entriesMax` is small against the keys, so that the tier behind is asked. */
  constructor(
    name: string,
    url: string,
    given: { truth: Truth; random: Random; entriesMax: number; faults: Fault[] },
  ) {
    const { truth, random, entriesMax } = given;
    this.name = name;
    this.#truth = truth;
    this.#faults = given.faults;
    const processId = `${name}-${crypto.randomUUID()}`;
    const redis = openRedisCache({ url, clock: systemClock, random, processId });
    this.#redis = redis;
    const secondTier = guardedTier(redis.tier);
    const keys = new KeyIndex();
    this.#shards = Array.from({ length: SHARDS }, (_, index) =>
      new CacheShard<Versioned>({
        index,
        keys,
        entriesMax: Math.ceil(entriesMax / SHARDS),
        weightMaxBytes: Infinity,
        clock: systemClock,
        random,
        ttl: () => TTL,
        load: (key) => truth.load(key),
        secondTier,
      }));
    this.router = new CacheRouter<Versioned>({
      shards: SHARDS,
      keys,
      actor: (shard) => {
        const table = this.#shards[shard] as CacheShard<Versioned>;
        return {
          load: (key, ask) => table.load(key, ask),
          loadMany: (keys, ask) => Promise.all(keys.map((key) => table.load(key, ask))),
        };
      },
      touched: new TouchedIndex(),
      secondTier,
      onInvalidated: (selection) => redis.stream.publish({ kind: "selection", selection }),
    });
    this.#shards.forEach((shard, index) => this.router.attach(index, shard));
    redis.stream.subscribe({
      onInvalidation: (message) => {
        if (message.kind !== "selection") return;
        this.router.invalidateHere(message.selection);
        this.#takeNotes(message.selection);
      },
      onGap: () => void this.router.flush(),
    });
  }

  /** Its tier. */
  get tier(): TierStatus {
    return this.#redis.tier.status();
  }

  /** Its stream. */
  get stream(): StreamStatus {
    return this.#redis.stream.status();
  }

  /** Gets some keys and checks every answer. */
  async get(keys: readonly string[]): Promise<void> {
    const floors = keys.map((key) => this.#floor.get(key) ?? 1);
    const found = keys.length === 1
      ? [await this.router.get(keys[0] as string, ASK)]
      : await this.router.getMany(keys, ASK);
    this.gets += keys.length;
    found.forEach((one, i) => this.#check(keys[i] as string, one, floors[i] as number));
  }

  #check(key: string, found: Found<Versioned>, floor: number): void {
    if (found.state === "missing" || found.state === "failed") {
      const why = found.state === "failed" ? found.failure.message : "missing";
      this.#fault(`get ${key} failed: ${why}`);
    } else if (found.value.version < floor) {
      const { value: { version }, state, tier } = found;
      this.#fault(
        `get ${key}: version ${version} (${state}, ${tier}) after ${floor} was invalidated`,
      );
    }
  }

  /** Makes new versions true and invalidates the old ones. */
  async change(selection: Selection, keys: readonly string[]): Promise<void> {
    this.#truth.change(keys);
    const notes = keys.map((key) => `${NOTE}${this.#truth.version(key)}:${key}`);
    const told = { ...selection, keys: [...selection.keys ?? [], ...notes] };
    const ending = this.router.invalidate(told);
    this.#takeNotes(told);
    await ending;
  }

  #takeNotes({ keys = [] }: Selection): void {
    for (const note of keys) {
      if (!note.startsWith(NOTE)) continue;
      const [version = "", ...rest] = note.slice(NOTE.length).split(":");
      const key = rest.join(":");
      this.#floor.set(key, Math.max(Number(version), this.#floor.get(key) ?? 1));
    }
  }

  /** Compares every key with the truth, which nobody may change meanwhile. */
  async checkAll(): Promise<void> {
    for (const key of this.#truth.keys) {
      const found = await this.router.get(key, ASK);
      this.#check(key, found, this.#truth.version(key));
    }
  }

  #fault(what: string): void {
    this.#faults.push({ process: this.name, what });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const shard of this.#shards) shard.close();
    await this.#redis.close();
  }
}
