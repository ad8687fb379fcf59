/**
 * Users of the day in front of a bare table: what is not fresh there is a call upstream of its own,
 * whoever else is waiting for the same key. The baseline of the ladder and its first step.
 *
 * @module
 */

import type { Clock, Random } from "../../src/actor/clock.ts";
import { Cache } from "../../src/cache/cache.ts";
import { Rendezvous } from "../../src/cache/rendezvous.ts";
import type { LoadAsk, PolicyName } from "../../src/cache/types.ts";
import { type Day, dayTtlMs } from "./day1.ts";
import type { DayCache } from "./day_run.ts";
import { type DayUpstream, DEMAND_PRIORITY } from "./day_upstream.ts";

/** What somebody who waits says. */
export const DEMAND: LoadAsk = { priority: DEMAND_PRIORITY, origin: "demand", timeoutMs: 10_000 };

/** The table itself. */
export interface DayTable {
  /** Whether the key is there and fresh; counts as a use. */
  has(key: string): boolean;
  /** Puts the key in for so long. */
  put(key: string, ttlMs: number): void;
}

/** Users in front of a table. */
export class TableCache implements DayCache {
  readonly #day: Day;
  readonly #clock: Clock;
  readonly #upstream: DayUpstream;
  readonly #table: DayTable;

  /** In front of that one. */
  constructor(day: Day, clock: Clock, upstream: DayUpstream, table: DayTable) {
    this.#day = day;
    this.#clock = clock;
    this.#upstream = upstream;
    this.#table = table;
  }

  find(place: number): "fresh" | null {
    return this.#table.has(this.#day.keys[place] as string) ? "fresh" : null;
  }

  async load(place: number): Promise<boolean> {
    const key = this.#day.keys[place] as string;
    const loaded = await this.#upstream.load(key, DEMAND);
    if (loaded.state !== "ok") return false;
    const asset = this.#day.assets[place] ?? "equity";
    this.#table.put(key, dayTtlMs(key, asset, this.#clock.wallNow()));
    return true;
  }
}

/** The baseline's table: a Map in the order of use, in which what is past its TTL keeps its place. */
export function plainLru(entriesMax: number, clock: Clock): DayTable {
  /** When each key's value ends, monotonic ms. */
  const ends = new Map<string, number>();
  const putLast = (key: string, endsMs: number) => {
    ends.delete(key);
    ends.set(key, endsMs);
  };
  return {
    has(key) {
      const endsMs = ends.get(key);
      if (endsMs === undefined || clock.now() >= endsMs) return false;
      putLast(key, endsMs);
      return true;
    },
    put(key, ttlMs) {
      putLast(key, clock.now() + ttlMs);
      if (ends.size <= entriesMax) return;
      const [oldest] = ends.keys();
      ends.delete(oldest as string);
    },
  };
}

/** Tables of the cache itself, one a shard. */
export function shardedTable(options: {
  readonly clock: Clock;
  readonly random: Random;
  /** Of all shards together. */
  readonly entriesMax: number;
  readonly policy: PolicyName;
  readonly shards: number;
}): DayTable {
  const { clock, random, shards, policy } = options;
  const rendezvous = new Rendezvous(shards);
  const entriesMax = Math.floor(options.entriesMax / shards);
  const tables = Array.from(
    { length: shards },
    () => new Cache<true>({ entriesMax, policy, random, time: clock }),
  );
  const tableOf = (key: string) => tables[rendezvous.shardOf(key)] as Cache<true>;
  return {
    has(key) {
      const table = tableOf(key);
      table.expire();
      return table.find(key) >= 0;
    },
    put(key, ttlMs) {
      tableOf(key).set(key, true, { softTtlMs: ttlMs, hardTtlMs: ttlMs });
    },
  };
}
