/**
 * One run of a trace through the cache's own table: on demand, or with what the successors of each
 * key propose fetched ahead of need into the same table.
 *
 * @module
 */

import { Cache } from "../../src/cache/cache.ts";
import type { PolicyName } from "../../src/cache/types.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { Successors } from "../../src/warm/successors.ts";
import { Throttle } from "../../src/warm/throttle.ts";
import { TrackedKeys } from "../../src/warm/tracked_keys.ts";
import type { Trace } from "../cache/trace_files.ts";
import { verify } from "../support/workload.ts";

/**
 * One request each second. It matters where a throttle closes: at one each ms its back-off of 30
 * min outlasts any trace, and cphys-w106-1M, where it closes once, gains 2.5 points instead of 11.
 */
const REQUEST_MS = 1_000;
/** As the predictive strategy is set. */
const STEP_LIMIT = 20;
const PRECISION_FLOOR = 0.55;
/** Nothing expires. */
const FOREVER = { softTtlMs: Infinity, hardTtlMs: Infinity } as const;
/** The only client. */
const CLIENT = "trace";
const ON_DEMAND = 0;
const WARMED = 1;

/** How a trace is run. */
export interface TraceRun {
  readonly policy: PolicyName;
  readonly entriesMax: number;
  /** Requests until a key that was fetched ahead of need is there; null: nothing is fetched so. */
  readonly leadRequests: number | null;
  /** Least chance of what is fetched ahead. */
  readonly chanceMin: number;
  /** Most keys that are tracked. */
  readonly keysMax: number;
}

/** What came of it. */
export interface TraceResult {
  hits: number;
  /** Keys fetched on demand. */
  demanded: number;
  /** Keys fetched ahead of need. */
  warmed: number;
  /**
   * Of them: asked for before they left. Those that were asked for while they were on their way
   * count as used, since the guess was right and no other fetch is made, but not as hits.
   */
  used: number;
  /** Of those used: they were on their way. */
  late: number;
  /** Chances of the keys fetched ahead of need, summed. */
  chances: number;
}

/**
 * Runs a trace. Nothing is known of a key
 * before it was asked for, and what is fetched ahead takes its room like any entry.
 */
export function runTrace(trace: Trace, run: TraceRun): TraceResult {
  return new Run(trace, run).result();
}

class Run {
  readonly #trace: Trace;
  readonly #run: TraceRun;
  readonly #cache: Cache<number>;
  readonly #tracked: TrackedKeys;
  readonly #successors: Successors;
  readonly #throttle = new Throttle();
  readonly #onTheirWay: { readonly id: number; readonly atMs: number }[] = [];
  readonly #isOnItsWay: Uint8Array;
  readonly #origins: Uint8Array;
  readonly #idOfSlot: Uint32Array;
  #nowMs = 0;
  readonly #result: TraceResult = {
    hits: 0,
    demanded: 0,
    warmed: 0,
    used: 0,
    late: 0,
    chances: 0,
  };

  constructor(trace: Trace, run: TraceRun) {
    const { keys } = trace;
    this.#trace = trace;
    this.#run = run;
    this.#isOnItsWay = new Uint8Array(keys.length);
    this.#origins = new Uint8Array(keys.length);
    this.#idOfSlot = new Uint32Array(run.keysMax);
    this.#cache = new Cache<number>({
      entriesMax: run.entriesMax,
      policy: run.policy,
      time: { now: () => this.#nowMs },
      random: seededRandom(1),
      onRemoved: (place) => this.#removed(this.#cache.valueAt(place)),
    });
    this.#successors = new Successors({
      slotsMax: run.keysMax,
      lifeMs: (slot) => this.#lifeMs(this.#idOfSlot[slot] as number),
    });
    this.#tracked = new TrackedKeys({
      keysMax: run.keysMax,
      random: seededRandom(1),
      onReplaced: (slot) => this.#successors.forget(slot),
    });
  }

  result(): TraceResult {
    const { ids } = this.#trace;
    const isWarming = this.#run.leadRequests !== null;
    for (let at = 0; at < ids.length; at++) {
      this.#nowMs = at * REQUEST_MS;
      this.#arrive();
      const id = ids[at] as number;
      const isHit = this.#request(id);
      if (isWarming) this.#warm(id, isHit);
    }
    const { hits, demanded, late } = this.#result;
    verify("requests", hits + demanded + late, ids.length);
    verify("whether the cache is full", this.#cache.size, this.#run.entriesMax);
    this.#successors.invariant();
    return this.#result;
  }

  /** What was just stored is there for at least as many requests as there is room, under LRU. */
  #lifeMs(id: number): number {
    const isThere = this.#isOnItsWay[id] === 1 || this.#cache.has(this.#trace.keys[id] as string);
    return isThere ? 0 : this.#run.entriesMax * REQUEST_MS;
  }

  #request(id: number): boolean {
    const result = this.#result;
    const found = this.#cache.get(this.#trace.keys[id] as string);
    if (found !== undefined) {
      verify("value of a hit", found, id);
      result.hits++;
      if (this.#origins[id] === WARMED) this.#used(id);
      return true;
    }
    if (this.#isOnItsWay[id] === 1) {
      result.late++;
      this.#isOnItsWay[id] = 0;
      this.#used(id);
    } else result.demanded++;
    this.#store(id, ON_DEMAND);
    return false;
  }

  #warm(id: number, isHit: boolean): void {
    const successors = this.#successors;
    const slot = this.#tracked.touch(this.#trace.keys[id] as string);
    this.#idOfSlot[slot] = id;
    successors.accessed(CLIENT, slot, this.#nowMs, !isHit);
    const proposed = successors.propose(slot, this.#nowMs, this.#run.chanceMin, STEP_LIMIT);
    if (proposed === 0) return;
    const count = Math.min(proposed, this.#throttle.allows(this.#nowMs));
    this.#throttle.asked(count);
    for (let place = 0; place < count; place++) {
      this.#result.chances += successors.chances[place] as number;
      this.#fetch(this.#idOfSlot[successors.slots[place] as number] as number);
    }
  }

  #fetch(id: number): void {
    const leadRequests = this.#run.leadRequests ?? 0;
    this.#result.warmed++;
    this.#isOnItsWay[id] = 1;
    this.#onTheirWay.push({ id, atMs: this.#nowMs + leadRequests * REQUEST_MS });
    if (leadRequests === 0) this.#arrive();
  }

  #arrive(): void {
    const waiting = this.#onTheirWay;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (first.atMs > this.#nowMs) return;
      waiting.shift();
      // Somebody who could not wait has stored it.
      if (this.#isOnItsWay[first.id] === 0) continue;
      this.#isOnItsWay[first.id] = 0;
      this.#store(first.id, WARMED);
      const slot = this.#tracked.slotOf(this.#trace.keys[first.id] as string);
      if (slot >= 0) this.#successors.fetched(slot);
    }
  }

  #store(id: number, origin: number): void {
    this.#origins[id] = origin;
    this.#cache.set(this.#trace.keys[id] as string, id, FOREVER);
  }

  #used(id: number): void {
    this.#origins[id] = ON_DEMAND;
    this.#result.used++;
    this.#throttle.outcome(true, PRECISION_FLOOR, this.#nowMs);
  }

  #removed(id: number): void {
    if (this.#origins[id] !== WARMED) return;
    this.#origins[id] = ON_DEMAND;
    this.#throttle.outcome(false, PRECISION_FLOOR, this.#nowMs);
  }
}
