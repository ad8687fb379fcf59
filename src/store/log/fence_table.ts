/**
 * The partitions that a node may write to, and which of them a commit needs.
 *
 * @module
 */

import type { SeriesKey } from "../../market/block.ts";
import { partitionOf, PARTITIONS } from "../../market/partition.ts";
import { isEmpty } from "../commit_rules.ts";
import type { CommitBatch, Refused } from "../port.ts";
import type { Fence } from "./port.ts";

/** Series whose partitions are remembered; then all are forgotten. */
const SERIES_MAX = 20_000;
/** A partition that is not one's own. */
const NOT_OWN = 0;

/** Tokens by partition. */
export class FenceTable {
  /** Tokens begin at 1. */
  readonly #tokens = new Float64Array(PARTITIONS);
  readonly #partitions = new Map<SeriesKey, number>();

  /** These instead of those before. */
  set(fences: ReadonlyMap<number, number>): void {
    this.#tokens.fill(NOT_OWN);
    for (const [partition, token] of fences) this.#tokens[partition] = token;
  }

  /** Whether a partition may be written to. */
  has(partition: number): boolean {
    return this.#tokens[partition] !== NOT_OWN;
  }

  /** The fences that batches need, each once; refused when one is missing. O(parts). */
  of(batches: readonly CommitBatch[]): Fence[] | Refused {
    const fences: Fence[] = [];
    const seen = new Set<number>();
    for (const { series } of batches) {
      for (const part of series) {
        if (isEmpty(part)) continue;
        const partition = this.#partitionOf(part.series);
        if (seen.has(partition)) continue;
        seen.add(partition);
        const token = this.#tokens[partition] as number;
        if (token === NOT_OWN) return this.refused([partition]);
        fences.push({ partition, token });
      }
    }
    return fences;
  }

  /** The refusal for partitions that belong to another; none = the node was replaced. */
  refused(partitions: readonly number[]): Refused {
    const what = partitions.length === 0
      ? "this life of the node was replaced by another"
      : `partition ${partitions.join(", ")} belongs to another node, or to none`;
    return { state: "refused", code: "stale", message: `Cannot commit: ${what}` };
  }

  #partitionOf(series: SeriesKey): number {
    let partition = this.#partitions.get(series);
    if (partition === undefined) {
      if (this.#partitions.size >= SERIES_MAX) this.#partitions.clear();
      this.#partitions.set(series, partition = partitionOf(series));
    }
    return partition;
  }
}
