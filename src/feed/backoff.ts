/**
 * Pauses between tries: each twice as long as the one before, up to a bound, and never the same for
 * two who began together.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";

/** Bounds of a pause in milliseconds. */
export interface BackoffBounds {
  /** The first pause. */
  readonly minMs: number;
  /** The longest one. */
  readonly maxMs: number;
}

/** How sources are tried again: 1 s·2^n up to 60 s. */
export const SOURCE_BACKOFF: BackoffBounds = { minMs: 1_000, maxMs: 60_000 };

/**
 * The pause before try `count` + 1: between half and the whole of minMs · 2^count, at most maxMs
 * ("equal jitter": M. Brooker, Exponential Backoff and Jitter, AWS 2015).
 */
export function backoffMs(count: number, { minMs, maxMs }: BackoffBounds, random: Random): number {
  return Math.min(maxMs, minMs * 2 ** count) * (0.5 + 0.5 * random.next());
}
