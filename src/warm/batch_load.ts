/**
 * Whether a provider has little to do, so that bulk work may go now instead of waiting for company.
 *
 * Bulk gets what others leave: it goes at once while less than a share of the provider's limits is in
 * use, and by going it raises that share, so it never takes more than the share by itself.
 *
 * @module
 */

import type { LimitUse } from "../batch/limit_status.ts";

/** Above that share of the limits in use bulk waits: half is left to who comes in between. */
export const BULK_LOAD_MAX = 0.5;

/** The same for what holds for days and so can wait for hours of low load. */
export const PATIENT_LOAD_MAX = 0.25;

/** The same in hours of low load, when hardly anybody comes in between. */
export const LOW_LOAD_MAX = 0.75;

/**
 * A limit over a longer window than that is a quota: what is used of it says how much of the day is
 * over, and not how busy the provider is, ms.
 */
const LOAD_WINDOW_MAX_MS = 3_600_000;

/** Share of a quota in use above which the rest is for those who wait. */
const QUOTA_MAX = 0.9;

/** The limits of a provider as they are now; a `LimiterStatus` is one. */
export interface LimitsNow {
  readonly limits: readonly Pick<LimitUse, "windowMs" | "usedRatio">[];
  /** Ms until the longest pause ends. */
  readonly pausedForMs: number;
  /** Calls that wait for them. */
  readonly waiting: number;
}

/**
 * How busy a provider is: the share of its limits in use, of the one most used, 0 to 1; 1 while calls
 * wait for a limit, in a pause, and when a quota is nearly used up; 0 without limits. O(limits).
 */
export function loadRatioOf(now: LimitsNow | null): number {
  if (now === null) return 0;
  if (now.pausedForMs > 0 || now.waiting > 0) return 1;
  let ratio = 0;
  for (const { windowMs, usedRatio } of now.limits) {
    if (windowMs <= LOAD_WINDOW_MAX_MS) ratio = Math.max(ratio, usedRatio);
    else if (usedRatio > QUOTA_MAX) return 1;
  }
  return Math.min(1, ratio);
}

/** What decides whether bulk may go. */
export interface BulkLook {
  /** As {@linkcode loadRatioOf}. */
  readonly loadRatio: number;
  /** Whether this is an hour of low load. */
  readonly isLowLoad: boolean;
  /** Whether what is wanted holds for days. */
  readonly isPatient: boolean;
}

/** Whether bulk work goes at once; else it waits, at most as long as it said. */
export function mayBulkGo({ loadRatio, isLowLoad, isPatient }: BulkLook): boolean {
  const most = isLowLoad ? LOW_LOAD_MAX : isPatient ? PATIENT_LOAD_MAX : BULK_LOAD_MAX;
  return loadRatio <= most;
}
