/**
 * What a shard is made of, as its organs see one another.
 *
 * @module
 */

import type { ShardCounts } from "./counts.ts";
import type { Flights } from "./flights.ts";
import type { Negatives } from "./negative.ts";
import type { Generations } from "./shard_generations.ts";
import type { Keeper } from "./shard_keeper.ts";
import type { ShardSettings } from "./shard_options.ts";
import type { ShardTable } from "./shard_table.ts";

/** What a shard is made of. */
export interface ShardParts<V> {
  readonly settings: ShardSettings<V>;
  readonly counts: ShardCounts;
  readonly table: ShardTable<V>;
  readonly keeper: Keeper<V>;
  readonly negatives: Negatives;
  readonly generations: Generations;
  readonly flights: Flights<V>;
  /**
   * A load found out that there is no such thing any more: the entry and what it makes up go, in the
   * second tier too if it may have it.
   */
  readonly ended: (key: string, mayBeInTier: boolean) => void;
}
