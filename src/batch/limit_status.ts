/**
 * Counters of a limiter, for reports, metrics and the dashboard.
 *
 * @module
 */

import type { LimitLane } from "./limit_lane.ts";
import type { Claim, LimitUser } from "./limit_queue.ts";
import type { LimitReserve } from "./limit_reserve.ts";

/** One limit of one key, or of all keys when `key` is null. */
export interface LimitUse {
  /** Name of the limit. */
  readonly name: string;
  /** The key; null for all keys together. */
  readonly key: string | null;
  /** As in force now, which the provider may have lowered. */
  readonly requests: number;
  /** Wider than configured by the allowance for drift, ms. */
  readonly windowMs: number;
  /** Slots not free now: under way, or released less than a window ago. */
  readonly used: number;
  /** `used` of `requests`. */
  readonly usedRatio: number;
  /** Ms until a slot is free; 0 = one is; null = that hangs on a response. */
  readonly freeInMs: number | null;
}

/** One user's counts. */
export interface LimitUserStatus {
  /** Name of the user. */
  readonly user: string;
  /** Claims granted. */
  readonly granted: number;
  /** What they cost. */
  readonly grantedCost: number;
  /** How long they waited in all, ms. */
  readonly waitedMs: number;
  /** Claims that could not even wait. */
  readonly refused: number;
  /** Claims given up while they waited. */
  readonly cancelled: number;
  /** Claims that wait now. */
  readonly waiting: number;
}

/** A limiter at one moment; counts are since its start. */
export interface LimiterStatus {
  /** Ms since the start. */
  readonly upMs: number;
  /** Claims granted. */
  readonly granted: number;
  /** What they cost. */
  readonly grantedCost: number;
  /** Time that granted claims waited in all, ms. */
  readonly waitedMs: number;
  /** The longest wait of a granted claim, ms. */
  readonly waitedMaxMs: number;
  /** Claims that could not even wait. */
  readonly refused: number;
  /** Claims given up while they waited. */
  readonly cancelled: number;
  /** Requests without a response. */
  readonly lost: number;
  /** Granted, but never sent. */
  readonly unused: number;
  /** Requests that the provider refused for its limit. */
  readonly limited: number;
  /** Time in pauses that the provider asked for, summed over keys, ms. */
  readonly pausedMs: number;
  /** Ms until the longest pause ends; 0 = none is on. */
  readonly pausedForMs: number;
  /** Claims that wait. */
  readonly waiting: number;
  /** Claims that wait, of each priority from 0 to 10. */
  readonly waitingByPriority: readonly number[];
  /** Cost of the requests under way. */
  readonly inFlight: number;
  /** What the provider last named as its limit; null = nothing. */
  readonly reportedLimit: number | null;
  /** Those of all keys first. */
  readonly limits: readonly LimitUse[];
  /** Those known, then the sum of those forgotten. */
  readonly users: readonly LimitUserStatus[];
  /** Cost that may be granted before a snapshot is on disk; null = nothing is persisted. */
  readonly reserveLeft: number | null;
  /** Snapshots known to be on disk. */
  readonly snapshots: number;
}

/** Sums of a limiter. */
export interface LimitTotals {
  /** Claims that could not even wait. */
  refused: number;
  /** Claims given up while they waited. */
  cancelled: number;
  /** Requests without a response. */
  lost: number;
  /** Granted, but never sent. */
  unused: number;
  /** Requests that the provider refused for its limit. */
  limited: number;
  /** With what is still to come of the pauses that are on. */
  pausedMs: number;
  /** What the provider last named as its limit. */
  reportedLimit: number | null;
  /** Monotonic ms. */
  readonly startMs: number;
  /** Claims granted. */
  granted: number;
  /** What they cost. */
  grantedCost: number;
  /** How long they waited in all, ms. */
  waitedMs: number;
  /** The longest of these waits, ms. */
  waitedMaxMs: number;
  /** Counts a grant, for the user too. */
  grant(claim: Claim & { readonly owner: LimitUser }): void;
}

/** All zero. */
export function newTotals(startMs: number): LimitTotals {
  return {
    refused: 0,
    cancelled: 0,
    lost: 0,
    unused: 0,
    limited: 0,
    pausedMs: 0,
    reportedLimit: null,
    startMs,
    granted: 0,
    grantedCost: 0,
    waitedMs: 0,
    waitedMaxMs: 0,
    grant({ owner, cost, askedMs, grantedMs }) {
      const waitedMs = grantedMs - askedMs;
      this.granted++;
      this.grantedCost += cost;
      this.waitedMs += waitedMs;
      this.waitedMaxMs = Math.max(this.waitedMaxMs, waitedMs);
      owner.granted++;
      owner.grantedCost += cost;
      owner.waitedMs += waitedMs;
    },
  };
}

/** What {@linkcode limiterStatus} looks at. */
export interface LimiterParts {
  /** That of all keys first. */
  readonly lanes: readonly LimitLane[];
  /** All that are known. */
  readonly users: readonly LimitUser[];
  /** Claims that wait, of each priority. */
  readonly waiting: Uint32Array;
  /** What may go before the next snapshot. */
  readonly reserve: LimitReserve;
}

/** Everything as plain data. */
export function limiterStatus(
  totals: LimitTotals,
  { lanes, users, waiting, reserve }: LimiterParts,
  nowMs: number,
): LimiterStatus {
  const { startMs, grant: _grant, ...counts } = totals;
  const aheadMs = lanes.map(({ pausedUntilMs }) => Math.max(0, pausedUntilMs - nowMs));
  return {
    ...counts,
    upMs: nowMs - startMs,
    pausedMs: totals.pausedMs - aheadMs.reduce((sum, ms) => sum + ms, 0),
    pausedForMs: Math.max(...aheadMs),
    waiting: waiting.reduce((sum, count) => sum + count, 0),
    waitingByPriority: [...waiting],
    inFlight: lanes[0]?.inFlight ?? 0,
    limits: lanes.flatMap((lane) => usesOf(lane, nowMs)),
    users: users.map((user) => ({
      user: user.name,
      granted: user.granted,
      grantedCost: user.grantedCost,
      waitedMs: user.waitedMs,
      refused: user.refused,
      cancelled: user.cancelled,
      waiting: user.waitingTotal,
    })),
    reserveLeft: reserve.size === 0 ? null : Math.max(0, reserve.left),
    snapshots: reserve.written,
  };
}

function usesOf({ key, rings }: LimitLane, nowMs: number): LimitUse[] {
  return rings.map(({ name, ring }) => {
    const { requests, windowMs } = ring.rate;
    const used = ring.used(nowMs);
    const freeMs = ring.freeAtMs(1, nowMs);
    return {
      name,
      key,
      requests,
      windowMs,
      used,
      usedRatio: used / requests,
      freeInMs: freeMs === Infinity ? null : Math.max(0, freeMs - nowMs),
    };
  });
}
