/**
 * The day by counting alone: loads take no time and never fail, as where its README counts. The slow
 * twin of what is played in virtual time.
 *
 * @module
 */

import { type Day, dayTtlMs } from "./day1.ts";

/** What was counted. */
export interface DayCount {
  /** Requests answered within the TTL. */
  readonly fresh: number;
  /** Keys fetched; each is a call. */
  readonly fetched: number;
}

/**
 * Plays the day against an LRU in the order of a Map: what is asked for moves to its end, and what is
 * past its TTL is fetched again. `entriesMax` may be Infinity. O(requests).
 */
export function countDay(day: Day, entriesMax: number): DayCount {
  /** When each key's value ends, epoch ms. */
  const ends = new Map<number, number>();
  let fresh = 0, fetched = 0;
  day.atMs.forEach((atMs, i) => {
    const place = day.keyOf[i] as number;
    let endsMs = ends.get(place);
    if (endsMs !== undefined && atMs < endsMs) fresh++;
    else {
      fetched++;
      endsMs = atMs + dayTtlMs(day.keys[place] ?? "", day.assets[place] ?? "equity", atMs);
    }
    ends.delete(place);
    ends.set(place, endsMs);
    if (ends.size <= entriesMax) return;
    const [oldest] = ends.keys();
    ends.delete(oldest as number);
  });
  return { fresh, fetched };
}
