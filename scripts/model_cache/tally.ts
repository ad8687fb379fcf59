/**
 * What happened in a run of the model.
 *
 * @module
 */

import { REMOVAL_CAUSES, type RemovalCause } from "../../src/cache/types.ts";

/** What happened: a run in which nothing was evicted says little. */
export interface ModelTally {
  episodes: number;
  operations: number;
  hits: number;
  misses: number;
  sets: number;
  refused: number;
  invariants: number;
  /** Most entries that were protected at once. */
  protectedMost: number;
  readonly removed: Record<RemovalCause, number>;
}

/** Nothing happened yet. */
export function newTally(): ModelTally {
  return {
    episodes: 0,
    operations: 0,
    hits: 0,
    misses: 0,
    sets: 0,
    refused: 0,
    invariants: 0,
    protectedMost: 0,
    removed: zeros(),
  };
}

/** No removals. */
export function zeros(): Record<RemovalCause, number> {
  return Object.fromEntries(REMOVAL_CAUSES.map((cause) => [cause, 0])) as Record<
    RemovalCause,
    number
  >;
}
