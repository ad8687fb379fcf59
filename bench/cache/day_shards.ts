/**
 * Users of the day in front of the shards as they are deployed, each feature on or off.
 *
 * @module
 */

import type { Random, VirtualClock } from "../../src/actor/clock.ts";
import { Rendezvous } from "../../src/cache/rendezvous.ts";
import { CacheShard, type ShardOptions } from "../../src/cache/shard.ts";
import { type Day, type DayAsset, dayTtlMs } from "./day1.ts";
import type { DayCache } from "./day_run.ts";
import { DEMAND } from "./day_table.ts";

/** What may differ between steps of the ladder. */
export interface ShardsOptions extends
  Pick<
    ShardOptions<unknown>,
    | "policy"
    | "staleWhileRevalidate"
    | "refreshAheadRatio"
    | "refreshAheadReadsMin"
    | "accesses"
    | "keys"
    | "groups"
  > {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly upstream: Required<Pick<ShardOptions<unknown>, "load" | "raise">>;
  /** Entries of all shards together. */
  readonly entriesMax: number;
  readonly shards: number;
  /** Who asks, by request; nobody says unless given. */
  readonly userOf?: (request: number) => string;
  /** What a key's symbol is, for keys that are loaded without having been asked for. */
  readonly assetOf?: (key: string) => DayAsset;
}

/** How often what is past its time is looked for, ms of the day. */
const EXPIRE_EVERY_MS = 1_000;

/** See the head of this file. */
export class ShardsCache implements DayCache {
  readonly #day: Day;
  readonly #clock: VirtualClock;
  readonly #rendezvous: Rendezvous;
  /** Shard of each key. */
  readonly #shardOf: Uint8Array;
  readonly #expiredAtMs: Float64Array;
  readonly #userOf: ShardsOptions["userOf"];
  /** As deployed; for looking at. */
  readonly shards: readonly CacheShard<unknown>[];

  /** Empty ones. */
  constructor(day: Day, options: ShardsOptions) {
    const { clock, random, upstream, entriesMax, shards, userOf, assetOf, ...features } = options;
    this.#day = day;
    this.#clock = clock;
    this.#rendezvous = new Rendezvous(shards);
    this.#shardOf = Uint8Array.from(day.keys, (key) => this.#rendezvous.shardOf(key));
    this.#expiredAtMs = new Float64Array(shards);
    this.#userOf = userOf;
    const assets = new Map(day.keys.map((key, place) => [key, day.assets[place]]));
    const asset = assetOf ?? ((key: string) => assets.get(key) ?? "equity");
    this.shards = Array.from({ length: shards }, (_, index) =>
      new CacheShard<unknown>({
        ...features,
        index,
        entriesMax: Math.floor(entriesMax / shards),
        weightMaxBytes: Infinity,
        clock,
        random,
        ttl: (key, nowMs) => {
          const softTtlMs = dayTtlMs(key, asset(key), nowMs);
          // Served is what is at most twice its TTL old, so nothing older is given out.
          const hardTtlMs = options.staleWhileRevalidate === false ? softTtlMs : 2 * softTtlMs;
          return { softTtlMs, hardTtlMs, staleIfErrorMs: 0 };
        },
        load: upstream.load,
        raise: upstream.raise,
      }));
  }

  /** The shard of any key. */
  shardFor(key: string): CacheShard<unknown> {
    return this.shards[this.#rendezvous.shardOf(key)] as CacheShard<unknown>;
  }

  find(place: number, request: number): "fresh" | "stale" | null {
    const index = this.#shardOf[place] as number;
    const shard = this.shards[index] as CacheShard<unknown>;
    const nowMs = this.#clock.now();
    if (nowMs - (this.#expiredAtMs[index] as number) >= EXPIRE_EVERY_MS) {
      this.#expiredAtMs[index] = nowMs;
      shard.expire();
    }
    const found = shard.find(this.#day.keys[place] as string, this.#userOf?.(request));
    return found?.state === "fresh" || found?.state === "stale" ? found.state : null;
  }

  async load(place: number, request: number): Promise<boolean> {
    const shard = this.shards[this.#shardOf[place] as number] as CacheShard<unknown>;
    const ask = this.#userOf === undefined ? DEMAND : { ...DEMAND, user: this.#userOf(request) };
    const found = await shard.load(this.#day.keys[place] as string, ask);
    return found.state !== "failed" && found.state !== "missing";
  }

  /** Ends loads. */
  close(): void {
    for (const shard of this.shards) shard.close();
  }
}
