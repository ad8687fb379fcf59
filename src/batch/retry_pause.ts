/**
 * Pauses between tries that spread those who failed together.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";

/** Bounds of a pause, ms. */
export interface RetryBounds {
  /** The shortest. */
  readonly minMs: number;
  /** The longest. */
  readonly maxMs: number;
}

/**
 * The pause after one of `beforeMs` (0 = the first): by chance between minMs and three times the one
 * before, at most maxMs ("decorrelated jitter": M. Brooker, Exponential Backoff and Jitter, AWS
 * 2015). It grows about as 1.5^n and needs no count of tries, only the last pause.
 */
export function retryPauseMs(
  beforeMs: number,
  { minMs, maxMs }: RetryBounds,
  random: Random,
): number {
  const mostMs = Math.max(minMs, beforeMs * 3);
  return Math.min(maxMs, minMs + (mostMs - minMs) * random.next());
}
