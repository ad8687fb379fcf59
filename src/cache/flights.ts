/**
 * Loads under way: one for each key, and who waits for it.
 *
 * A load whose key is invalidated is *detached*: it goes on, since it cannot be taken back, and
 * those who waited for it get what it brings, but it is not kept and nobody can join it any more. So
 * after an invalidation there may be two loads of one key, of which the younger counts.
 *
 * @module
 */

import type { Cancel } from "../actor/clock.ts";
import type { Found, Origin } from "./types.ts";

/** Loads of one shard at a time, detached ones included; some 500 bytes each, and the values. */
export const FLIGHTS_MAX = 4_096;

/** Callers who wait for one load; as many as may wait for a key at the provider. */
export const WAITERS_PER_FLIGHT_MAX = 10_000;

/** What a load is for. */
export type Purpose = "demand" | "refresh" | "warm";

/** Share of the room in which a load begins: the rest is for those who are more urgent. */
const ROOM: Readonly<Record<Purpose, number>> = { demand: 1, refresh: 1 / 2, warm: 1 / 4 };

/** A caller who waits. */
export interface Waiter<V> {
  /** Gives it its answer. */
  readonly resolve: (found: Found<V>) => void;
  /** Monotonic ms. */
  readonly sinceMs: number;
  /** Monotonic ms at which it waits no longer. */
  readonly endsAtMs: number;
  /** Generation in which it came: it may not get what is older. */
  readonly mark: number;
  /** Seq of the last commit at that time. */
  readonly seq: number;
  /** Whether it counts as a request. */
  readonly isCounted: boolean;
  /** Had an answer that was too old for it, and waits for the next. */
  isAgain: boolean;
  /** It has its answer. */
  isOver: boolean;
  /** Ends its own deadline; null where that of the load comes first. */
  cancel: Cancel | null;
}

/** A load. */
export interface Flight<V> {
  /** What is loaded. */
  readonly key: string;
  /** Number of its type. */
  readonly type: number;
  /** What it is counted as. */
  readonly purpose: Purpose;
  /** Who began it. */
  readonly origin: Origin;
  /** Generation in which it began. */
  readonly mark: number;
  /** `SecondTier.mark` at that time; null without one. */
  readonly tierMark: number | null;
  /** Monotonic ms at which it is given up. */
  endsAtMs: number;
  /** Who waits, those who have their answer included; at most {@linkcode WAITERS_PER_FLIGHT_MAX}. */
  readonly waiters: Waiter<V>[];
  /** The highest of those who asked. */
  priority: number;
  /** The most urgent of those who asked; it begins as that of `purpose`. */
  urgency: Purpose;
  /** The second tier did not say in time whether it has the key. */
  mayBeInTier: boolean;
  /** See the head of this file. */
  isDetached: boolean;
  /** It has landed, or was given up. */
  isOver: boolean;
  /** Ends its deadline. */
  cancel: Cancel | null;
}

/** What a flight begins with. */
export type FlightStart = Pick<
  Flight<never>,
  "key" | "type" | "purpose" | "origin" | "mark" | "tierMark" | "endsAtMs" | "priority"
>;

/** See the head of this file. All is O(1) but for what says otherwise. */
export class Flights<V> {
  readonly #byKey = new Map<string, Flight<V>>();
  readonly #all = new Set<Flight<V>>();
  readonly #max: number;

  /** None under way. */
  constructor(max: number = FLIGHTS_MAX) {
    this.#max = max;
  }

  /** Most at a time. */
  get max(): number {
    return this.#max;
  }

  /** Under way, detached ones included. */
  get size(): number {
    return this.#all.size;
  }

  /** The load that can be joined. */
  get(key: string): Flight<V> | undefined {
    return this.#byKey.get(key);
  }

  /** A load of a key that none is under way of; null when there is no room for its purpose. */
  begin(start: FlightStart): Flight<V> | null {
    if (this.#all.size >= this.#max * ROOM[start.purpose]) return null;
    const flight: Flight<V> = {
      ...start,
      urgency: start.purpose,
      waiters: [],
      mayBeInTier: false,
      isDetached: false,
      isOver: false,
      cancel: null,
    };
    this.#byKey.set(start.key, flight);
    this.#all.add(flight);
    return flight;
  }

  /** Nobody can join it any more and it is not kept. */
  detach(flight: Flight<V>): void {
    flight.isDetached = true;
    if (this.#byKey.get(flight.key) === flight) this.#byKey.delete(flight.key);
  }

  /** It is over; false when it was before. */
  end(flight: Flight<V>): boolean {
    if (flight.isOver) return false;
    flight.isOver = true;
    flight.cancel?.();
    flight.cancel = null;
    if (this.#byKey.get(flight.key) === flight) this.#byKey.delete(flight.key);
    this.#all.delete(flight);
    return true;
  }

  /** Those that can be joined. */
  joinable(): Iterable<Flight<V>> {
    return this.#byKey.values();
  }

  /** All of them. */
  [Symbol.iterator](): Iterator<Flight<V>> {
    return this.#all.values();
  }

  /**
   * Checks what must hold at any time. O(flights).
   *
   * @throws {Error} saying what does not.
   */
  invariant(): void {
    for (const [key, flight] of this.#byKey) {
      if (flight.key !== key || flight.isDetached || flight.isOver || !this.#all.has(flight)) {
        throw new Error(`Cannot trust flights: that of ${key} is detached or over`);
      }
    }
    for (const { key, isOver } of this.#all) {
      if (isOver) throw new Error(`Cannot trust flights: that of ${key} is over`);
    }
  }
}
