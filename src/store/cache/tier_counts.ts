/**
 * What a tier counts of itself.
 *
 * @module
 */

/** Sums that only grow, as in `TierStatus`. */
export interface TierCounts {
  hits: number;
  misses: number;
  written: number;
  evicted: number;
  dropped: number;
  failures: number;
  lastError: string | null;
}

/** Nothing yet. */
export function tierCounts(): TierCounts {
  return {
    hits: 0,
    misses: 0,
    written: 0,
    evicted: 0,
    dropped: 0,
    failures: 0,
    lastError: null,
  };
}

/** An error as one line of text. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
