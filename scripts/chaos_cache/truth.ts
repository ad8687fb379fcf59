/**
 * What is upstream of the caches: keys with versions that only grow, and a loader that is as slow as
 * it can be to the detriment of freshness: it reads first and waits then.
 *
 * @module
 */

import { type Clock, pause, type Random } from "../../src/actor/clock.ts";
import type { Loaded } from "../../src/cache/types.ts";

/** A value: the version that was true when it was read. */
export interface Versioned {
  readonly version: number;
}

/** Keys of one group have a tag and a prefix in common. */
const GROUPS = 20;
/** Longest time of a load, ms. */
const LOAD_MS = 8;

/** See the module's text. */
export class Truth {
  readonly keys: readonly string[];
  readonly #versions: Map<string, number>;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Keys that were loaded. */
  loads = 0;

  /** `count` keys at version 1. */
  constructor(count: number, clock: Clock, random: Random) {
    this.keys = Array.from({ length: count }, (_, i) => `g${i % GROUPS}:k${i}`);
    this.#versions = new Map(this.keys.map((key) => [key, 1]));
    this.#clock = clock;
    this.#random = random;
  }

  /** The version that is true now. */
  version(key: string): number {
    return this.#versions.get(key) ?? 0;
  }

  /** The group of a key, which is its tag and its first part. */
  groupOf(key: string): string {
    return key.slice(0, key.indexOf(":"));
  }

  /** Keys of a group. */
  membersOf(group: string): string[] {
    return this.keys.filter((key) => key.startsWith(`${group}:`));
  }

  /** Makes new versions true. */
  change(keys: readonly string[]): void {
    for (const key of keys) this.#versions.set(key, this.version(key) + 1);
  }

  /** Loads one key. */
  async load(key: string): Promise<Loaded<Versioned>> {
    this.loads++;
    const version = this.version(key);
    await pause(this.#clock, this.#random.next() * LOAD_MS);
    return { state: "ok", value: { version }, tags: [this.groupOf(key)] };
  }

  /** A key, of which few are asked for often (log-uniform ranks, as of a Zipf law with exponent 1). */
  draw(): string {
    const rank = Math.floor(this.keys.length ** this.#random.next()) - 1;
    return this.keys[rank] as string;
  }
}
