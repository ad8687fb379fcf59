/**
 * Answers of a shard to those who wait.
 *
 * @module
 */

import type { Flight, Waiter } from "./flights.ts";
import { SlotFlag } from "./shard_columns.ts";
import type { Failed } from "./shard_failures.ts";
import type { Shielded } from "./shard_keeper.ts";
import type { ShardParts } from "./shard_parts.ts";
import type { Found } from "./types.ts";

/** See the head of this file. */
export class ShardAnswers<V> {
  readonly #parts: ShardParts<V>;

  /** Of that shard. */
  constructor(parts: ShardParts<V>) {
    this.#parts = parts;
  }

  /** A kept value as a caller gets it. */
  handedOut({ value, isCopied }: Shielded<V>): V {
    return this.#parts.keeper.handedOut(value, isCopied);
  }

  /** What a load brought. */
  loaded(shielded: Shielded<V>, tier: "l1" | "upstream" = "upstream"): Found<V> {
    return { state: "loaded", value: this.handedOut(shielded), tier, ageMs: 0 };
  }

  /** A value past its end is better than none. */
  instead(key: string, failed: Failed): Found<V> {
    const { table, settings } = this.#parts;
    const { cache, columns } = table;
    const slot = cache.locate(key);
    if (slot < 0) return failed;
    const isCopied = ((columns.flags[slot] as number) & SlotFlag.copied) !== 0;
    return {
      state: "stale",
      value: this.#parts.keeper.handedOut(cache.valueAt(slot), isCopied),
      tier: "l1",
      ageMs: settings.time.now() - (columns.loadedAtMs[slot] as number),
    };
  }

  /** Gives the same to all who wait. */
  giveAll(flight: Flight<V>, found: Found<V>): void {
    for (const waiter of flight.waiters) this.give(flight, waiter, found);
  }

  /** Gives one who waits its answer, unless it has one. */
  give({ type }: Pick<Flight<V>, "type">, waiter: Waiter<V>, found: Found<V>): void {
    if (waiter.isOver) return;
    waiter.isOver = true;
    waiter.cancel?.();
    const { counts, settings } = this.#parts;
    if (waiter.isCounted) counts.waited(type, (settings.clock.now() - waiter.sinceMs) / 1_000);
    waiter.resolve(found);
  }
}
