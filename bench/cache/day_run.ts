/**
 * Plays a day against a cache in virtual time, and counts what its users saw.
 *
 * @module
 */

import { nextTurn, type VirtualClock } from "../../src/actor/clock.ts";
import type { Day } from "./day1.ts";

/**
 * What a cache looks like to the users of the day; keys by their place in {@linkcode Day.keys}, requests
 * by theirs in the day.
 */
export interface DayCache {
  /** What can be answered at once: fresh, or past its TTL but at most twice as old; null = nothing. */
  find(place: number, request: number): "fresh" | "stale" | null;
  /** Waits for what `find` did not have; false when there is none. Never rejects. */
  load(place: number, request: number): Promise<boolean>;
}

/** What the users saw. */
export interface DaySeen {
  readonly requests: number;
  /** Answered from the cache within the TTL. */
  readonly fresh: number;
  /** Answered without waiting for upstream, at most twice the TTL old. */
  readonly served: number;
  /** Waited and got nothing. */
  readonly failed: number;
  /** How long each request waited, ms; 0 for what was served. */
  readonly waitMs: Float64Array;
}

/** Longest that is waited for answers after the last request, ms: deadlines of loads are shorter. */
const END_MS = 60_000;

/**
 * Plays the day from its first request on. The clock stands at its first request or before, and its
 * wall time is the day's.
 */
export async function playDay(day: Day, clock: VirtualClock, cache: DayCache): Promise<DaySeen> {
  const requests = day.atMs.length;
  const waitMs = new Float64Array(requests);
  let fresh = 0, served = 0, failed = 0, waiting = 0;
  const startMs = clock.wallNow() - clock.now();
  const wait = async (request: number, place: number) => {
    const sinceMs = clock.now();
    waiting++;
    if (!await cache.load(place, request)) failed++;
    waiting--;
    waitMs[request] = clock.now() - sinceMs;
  };
  for (let i = 0; i < requests; i++) {
    const atMs = day.atMs[i] as number - startMs, place = day.keyOf[i] as number;
    await timePasses(clock, atMs);
    const found = cache.find(place, i);
    if (found === null) void wait(i, place);
    else {
      served++;
      if (found === "fresh") fresh++;
    }
    await settled();
  }
  const endMs = clock.now() + END_MS;
  while (waiting > 0 && clock.nextTimerAt() <= endMs) {
    clock.fireNext();
    await settled();
  }
  if (waiting > 0) throw new Error(`Cannot end the day: ${waiting} requests were never answered`);
  return { requests, fresh, served, failed, waitMs };
}

/** Fires what is due on the way, and lets what hangs on it happen at its own time. */
async function timePasses(clock: VirtualClock, untilMs: number): Promise<void> {
  while (clock.nextTimerAt() <= untilMs) {
    clock.fireNext();
    await settled();
  }
  clock.advance(Math.max(0, untilMs - clock.now()));
}

/** Everything that needs no time has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}
