/**
 * What a limiter has to remember across a restart, as plain JSON data.
 *
 * Times are ages at the moment of the snapshot, so that only one wall time is in it. How long ago
 * that was is the one thing the wall clock is asked: a clock that was set back says 0 at worst,
 * which frees slots later, never earlier. A clock that was set forward meanwhile cannot be told
 * from a long pause; see `elapsedMaxMs` of `Limiter.restore`.
 *
 * @module
 */

import { RATE_REQUESTS_MAX, RATE_WINDOW_MAX_MS, STRAY_MS_MAX } from "./limit_rate.ts";
import type { SlotRun } from "./slot_ring.ts";

/** Version of the shape below. */
export const LIMITER_SNAPSHOT_VERSION = 1;
/** Runs in a snapshot: 8,192 are about 80 kB of JSON, little beside what a job commits. */
const SNAPSHOT_RUNS_MAX = 8_192;
/** Of one ring at most: a restart then costs 1/512 of a window on average, once. */
const RING_RUNS_MAX = 256;
/** Fewer would cost more than 1/16 of a window at a restart. */
const RING_RUNS_MIN = 8;
/** Lanes in a snapshot at most; a larger one is not ours. */
const LANES_MAX = 100_000;

/** One limit of one key. */
export interface RingSnapshot {
  /** Name of the limit. */
  readonly limit: string;
  /** Its window when the snapshot was taken, ms. */
  readonly windowMs: number;
  /** Slots whose requests were under way. */
  readonly inFlight: number;
  /**
   * Ms since slots were released, oldest first; below zero the ms until they count as released, for
   * requests that may still arrive without a response. A process that is killed again and again
   * would otherwise give each of them its full time anew, and soon grant nothing at all.
   */
  readonly ages: readonly number[];
  /** How many are of each age. */
  readonly counts: readonly number[];
}

/** The limits of one key; of all keys together when `key` is null. */
export interface LaneSnapshot {
  /** The key; null for all keys together. */
  readonly key: string | null;
  /** Ms that the provider still wanted no requests for. */
  readonly pausedMs: number;
  /** Its limits. */
  readonly rings: readonly RingSnapshot[];
}

/** A limiter at one moment. */
export interface LimiterSnapshot {
  /** Of the shape. */
  readonly version: typeof LIMITER_SNAPSHOT_VERSION;
  /** Number for `Limiter.snapshotWritten`. */
  readonly id: number;
  /** Epoch ms UTC. */
  readonly wallMs: number;
  /** Names of the limits at work. */
  readonly limits: readonly string[];
  /** Cost that may have been granted after the snapshot, to any key. */
  readonly reserved: number;
  /** What any key not named here may have used, and how long ago at the latest. */
  readonly others: { readonly count: number; readonly ageMs: number };
  /** The limits of all keys together first, then of each key. */
  readonly lanes: readonly LaneSnapshot[];
}

/** Runs that each ring may fill when there are so many rings. */
export function runsPerRing(rings: number): number {
  const share = Math.floor(SNAPSHOT_RUNS_MAX / Math.max(1, rings));
  return Math.max(RING_RUNS_MIN, Math.min(RING_RUNS_MAX, share));
}

/**
 * At most `runsMax` + 2 runs that cool no earlier than the given ones, ages rounded down. Runs
 * within 1/`runsMax` of the window count as the last of them.
 */
export function coarseRuns(
  runs: readonly SlotRun[],
  windowMs: number,
  runsMax: number,
  nowMs: number,
): { ages: number[]; counts: number[] } {
  const ages: number[] = [], counts: number[] = [];
  const grainMs = runs.length <= runsMax ? 0 : windowMs / runsMax;
  let fromMs = -Infinity;
  for (const { atMs, count } of runs) {
    const age = Math.floor(nowMs - atMs);
    const last = ages.length - 1;
    if (last >= 0 && (ages[last] === age || atMs - fromMs < grainMs)) {
      ages[last] = age;
      counts[last] = (counts[last] as number) + count;
    } else {
      ages.push(age);
      counts.push(count);
      fromMs = atMs;
    }
  }
  return { ages, counts };
}

/**
 * Checks what a store gave back. Returns the snapshot, or what is wrong with it as text: an
 * expected outcome, since a limiter without a snapshot still works.
 */
export function readLimiterSnapshot(data: unknown): LimiterSnapshot | string {
  if (!isRecord(data)) return "expected an object";
  if (data.version !== LIMITER_SNAPSHOT_VERSION) {
    return `expected version ${LIMITER_SNAPSHOT_VERSION}: current value is ${data.version}`;
  }
  const { id, limits, wallMs, reserved, others, lanes } = data;
  if (!isCount(id) || !isCount(reserved)) return "expected id and reserved to be counts";
  if (!Array.isArray(limits) || !limits.every((name) => typeof name === "string")) {
    return "expected limits to be names";
  }
  if (!isMs(wallMs, Number.MAX_SAFE_INTEGER)) return "expected wallMs to be a time";
  if (!isRecord(others) || !isCount(others.count) || !isMs(others.ageMs, Infinity, -Infinity)) {
    return "expected others to be a count and an age";
  }
  if (!Array.isArray(lanes) || lanes.length > LANES_MAX) return "expected lanes";
  const wrong = lanes.findIndex((lane) => !isLane(lane));
  if (wrong >= 0) return `expected lane ${wrong} to have a key, a pause and rings`;
  return data as unknown as LimiterSnapshot;
}

function isLane(lane: unknown): boolean {
  return isRecord(lane) && (lane.key === null || typeof lane.key === "string") &&
    isMs(lane.pausedMs, Number.MAX_SAFE_INTEGER) && Array.isArray(lane.rings) &&
    lane.rings.every(isRing);
}

function isRing(ring: unknown): boolean {
  if (!isRecord(ring) || typeof ring.limit !== "string" || !isCount(ring.inFlight)) return false;
  const { windowMs, ages, counts } = ring;
  // A window is wider than its rate by the allowance for drift.
  if (!isMs(windowMs, 2 * RATE_WINDOW_MAX_MS, 1)) return false;
  if (!Array.isArray(ages) || !Array.isArray(counts) || ages.length !== counts.length) return false;
  return counts.every(isCount) &&
    ages.every((age, i) => isMs(age, Infinity, -STRAY_MS_MAX) && (i === 0 || age <= ages[i - 1]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && value as number >= 0 &&
    value as number <= 2 * RATE_REQUESTS_MAX;
}

function isMs(value: unknown, most: number, least = 0): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= least && value <= most;
}
