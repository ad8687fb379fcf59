/**
 * A cache for the tests of the admin HTTP: real shards behind a real router, on a clock that stands
 * still, in front of a map. What it is asked is kept, so that tests see what reached it.
 *
 * @module
 */

import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { CacheFigures } from "../../src/cache/report.ts";
import { KeyIndex } from "../../src/cache/key_index.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { CacheShard, type SetEntry } from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type { Explanation, Found, LoadAsk, Loaded, Selection } from "../../src/cache/types.ts";
import type { CacheEntry, CachePort } from "../../src/http/port.ts";
import { tierOf } from "../cache/report_support.ts";

/** Shards; more than one, so that dependents are in others. */
const SHARDS = 2;
const TTL = { softTtlMs: 60_000, hardTtlMs: 120_000, staleIfErrorMs: 0 };

type Ask = Pick<LoadAsk, "priority" | "timeoutMs"> & { readonly user: string | null };

/** See the module's text. */
export class MemoryCache implements CachePort {
  readonly clock = new VirtualClock();
  /** What a load brings; nothing for what there is not. */
  readonly upstream = new Map<string, Loaded<unknown>>();
  /** Keys that were loaded, in order. */
  readonly loads: string[] = [];
  /** Calls of `get`, as they came. */
  readonly asks: ({ keys: readonly string[] } & Ask)[] = [];
  /** Selections as they came. */
  readonly selections: Selection[] = [];
  readonly #keys = new KeyIndex();
  readonly #shards = Array.from({ length: SHARDS }, (_, index) => this.#shard(index));
  readonly #router: CacheRouter<unknown>;
  #detach: (() => void)[] = [];

  constructor() {
    this.#router = new CacheRouter<unknown>({
      shards: SHARDS,
      keys: this.#keys,
      actor: (shard) => {
        const table = this.#shards[shard];
        if (table === undefined) throw new Error(`Cannot reach shard ${shard}`);
        return table;
      },
      touched: new TouchedIndex(),
    });
    this.attach();
  }

  #shard(index: number): CacheShard<unknown> {
    return new CacheShard<unknown>({
      index,
      keys: this.#keys,
      entriesMax: 10_000,
      weightMaxBytes: 100_000_000,
      clock: this.clock,
      random: seededRandom(index + 1),
      ttl: () => TTL,
      load: (key) => {
        this.loads.push(key);
        return Promise.resolve(this.upstream.get(key) ?? { state: "missing" });
      },
    });
  }

  /** Its shards are up. */
  attach(): void {
    this.#detach = this.#shards.map((table, index) => this.#router.attach(index, table));
  }

  /** Its shards restart: nothing can be explained, nothing is kept. */
  detach(): void {
    for (const detach of this.#detach.splice(0)) detach();
  }

  /** What is in it, fresh, without counting. */
  get keys(): string[] {
    const all = [...this.#known].filter((key) => this.#router.explain(key)?.state === "fresh");
    return all.sort();
  }

  readonly #known = new Set<string>();

  async get(
    keys: readonly string[],
    ask: Ask,
  ): Promise<Found<unknown>[]> {
    this.asks.push({ keys, ...ask });
    for (const key of keys) this.#known.add(key);
    const { priority, timeoutMs } = ask;
    return await this.#router.getMany(keys, { priority, timeoutMs, origin: "demand" });
  }

  set(entries: readonly CacheEntry[]): number {
    for (const { key } of entries) this.#known.add(key);
    return this.#router.setMany(
      entries.map(({ key, value, ttlMs, tags, dependsOn }): SetEntry<unknown> => ({
        key,
        value,
        tags,
        dependsOn,
        ...(ttlMs === null ? {} : { ttl: { ...TTL, softTtlMs: ttlMs, hardTtlMs: 2 * ttlMs } }),
      })),
    );
  }

  explain(key: string): Explanation | null {
    return this.#router.explain(key);
  }

  async invalidate(selection: Selection): Promise<{ removed: number }> {
    this.selections.push(selection);
    return await this.#router.invalidate(selection);
  }

  protect(pattern: string): void {
    this.#router.protect(pattern);
  }

  unprotect(pattern: string): boolean {
    return this.#router.unprotect(pattern);
  }

  stats(): CacheFigures {
    const calls = this.loads.length;
    return {
      shards: this.#router.status(),
      tier: tierOf({ kind: "memory" }),
      upstream: [{ endpoint: "quotes", calls, failed: 0, keys: calls }],
    };
  }

  /** Ends its timers. */
  close(): void {
    for (const shard of this.#shards) shard.close();
  }
}
