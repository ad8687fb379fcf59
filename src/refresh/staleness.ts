/**
 * Whether what a run says still holds for its inputs, and if not, why.
 *
 * @module
 */

/** Longest age of the last refresh, ms. */
export const AGE_MAX_MS = 3_600_000;
/** Failures in a row from which a run counts as stale. */
export const FAILURES_STALE = 3;
/** Longest that a change may wait, ms: the minimum of changed edges may hold it back for ever. */
export const UNAPPLIED_MAX_MS = 60_000;

/** One reason, with its measure. */
export type StaleReason =
  /** No refresh has succeeded yet. */
  | { readonly reason: "never_refreshed" }
  /** The inputs are so many changes ahead of the last refresh that succeeded. */
  | { readonly reason: "revision_gap"; readonly changes: number }
  /** The oldest change that waits came so long ago, ms. */
  | { readonly reason: "unapplied_change"; readonly ageMs: number }
  /** The last refresh that succeeded was so long ago, ms. */
  | { readonly reason: "age"; readonly ageMs: number }
  /** So many refreshes in a row failed. */
  | { readonly reason: "failures"; readonly failures: number }
  /**
   * So many edges or sets came or went, or so often what the scorer keeps changed, since the last
   * refresh that succeeded.
   */
  | { readonly reason: "structure_changed"; readonly changes: number }
  /** So many sets have no score because the scorer throws on them. */
  | { readonly reason: "sets_failed"; readonly sets: number };

/** What staleness is judged by. */
export interface StaleFacts {
  /** When a refresh last succeeded, epoch ms; null if none did. */
  readonly refreshedAtMs: number | null;
  /** When the run was made, epoch ms. */
  readonly createdAtMs: number;
  /** Changes of the inputs since the last refresh that succeeded. */
  readonly changes: number;
  /** When the oldest of them came, epoch ms; null if there is none. */
  readonly oldestChangeAtMs: number | null;
  /** Refreshes that failed in a row. */
  readonly failures: number;
  /** Of these changes, those that are not of values. */
  readonly structureChanges: number;
  /** Sets without a score. */
  readonly failedSets: number;
}

/** Bounds; see the constants of this file. */
export interface StaleLimits {
  /** Longest age of the last refresh, ms; {@linkcode AGE_MAX_MS} unless said otherwise. */
  readonly ageMaxMs?: number;
  /** Failures in a row; {@linkcode FAILURES_STALE} unless said otherwise. */
  readonly failuresStale?: number;
  /** Longest wait of a change, ms; {@linkcode UNAPPLIED_MAX_MS} unless said otherwise. */
  readonly unappliedMaxMs?: number;
}

/**
 * All reasons that hold at `nowMs`, in a fixed order; none means fresh. A clock that went backwards
 * makes nothing stale. O(1).
 */
export function staleReasons(
  facts: StaleFacts,
  nowMs: number,
  limits: StaleLimits = {},
): readonly StaleReason[] {
  const {
    ageMaxMs = AGE_MAX_MS,
    failuresStale = FAILURES_STALE,
    unappliedMaxMs = UNAPPLIED_MAX_MS,
  } = limits;
  const reasons: StaleReason[] = [];
  if (facts.refreshedAtMs === null) reasons.push({ reason: "never_refreshed" });
  if (facts.changes > 0) reasons.push({ reason: "revision_gap", changes: facts.changes });
  const waitedMs = facts.oldestChangeAtMs === null ? 0 : nowMs - facts.oldestChangeAtMs;
  if (waitedMs > unappliedMaxMs) reasons.push({ reason: "unapplied_change", ageMs: waitedMs });
  const ageMs = nowMs - (facts.refreshedAtMs ?? facts.createdAtMs);
  if (ageMs > ageMaxMs) reasons.push({ reason: "age", ageMs });
  if (facts.failures >= failuresStale) {
    reasons.push({ reason: "failures", failures: facts.failures });
  }
  if (facts.structureChanges > 0) {
    reasons.push({ reason: "structure_changed", changes: facts.structureChanges });
  }
  if (facts.failedSets > 0) reasons.push({ reason: "sets_failed", sets: facts.failedSets });
  return reasons;
}
