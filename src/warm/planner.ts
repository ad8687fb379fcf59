/**
 * Which keys are loaded, when, and together with which: all strategies' wishes under one budget.
 *
 * Wanted keys wait in lanes by kind of data, since those of one kind travel in one call. A lane is
 * due when it fills a call or when the first of its keys has waited enough. Of the lanes that are
 * due, the one goes first whose next call saves the most waiting: the sum of its best keys' ranks
 * (the chance of use within the minute to come, see {@linkcode RANK_WINDOW_MS}) times how long a
 * call of that kind takes. Whatever room the call has is filled with the next best keys of the same
 * kind, which travel free.
 *
 * - a key is wanted once at a time: wanted again, it is as likely, and as urgent, as the more so of
 *   both
 * - what became fresh meanwhile is not loaded; what waited beyond its time is dropped
 * - the provider down, no call left: keys wait, and nothing is loaded
 * - no room for bytes: only keys whose entries warming has already are loaded anew
 * - the queue holds at most {@linkcode WANTED_MAX} keys, in at most {@linkcode KINDS_MAX} lanes
 *
 * @module
 */

import type { Budget } from "./budget.ts";
import type { StrategyName, WarmOutcome } from "./types.ts";
import { WARM_PRIORITIES, type WarmingPause, type WarmingPorts } from "./warming_types.ts";

/** Most keys that wait: 80 calls of 100 keys; who is refused comes again. 150 bytes each. */
export const WANTED_MAX = 8_192;

/** Kinds of data that can be told apart: those that have TTL rules. */
export const KINDS_MAX = 64;

/**
 * Keys are ranked by the chance that they are asked for within this time, ms. Calls are scarce by
 * the minute; a key that is surely wanted within its TTL of a week can wait for the next one.
 */
export const RANK_WINDOW_MS = 60_000;

/** Before anything was measured: time of a call, ms, and weight of an entry, bytes. */
const CALL_MS_INITIAL = 300;
const WEIGHT_BYTES_INITIAL = 1_024;

/** What a new measure counts for: the last 20 calls or so. */
const MEASURE_RATE = 0.05;

/** A key that a strategy wants in the cache. */
export interface Wanted {
  readonly key: string;
  /** Its slot among the tracked keys; −1 for none. */
  readonly slot: number;
  readonly kind: string;
  readonly strategy: StrategyName;
  /** Calibrated chance that it is used. */
  readonly chance: number;
  /** As the strategy said it, before it was corrected. */
  readonly saidChance: number;
  /** Whether as long as it is served; else as long as it is fresh. */
  readonly isServedChance: boolean;
  /** Chance that it is asked for within {@linkcode RANK_WINDOW_MS}. */
  readonly rank: number;
  /** How long it may wait for others, epoch ms. */
  readonly dueMs: number;
  /** It is of no use later, epoch ms. */
  readonly untilMs: number;
  /** Whether a cycle counts it. */
  readonly isOfCycle: boolean;
}

/** What is told of wanted keys. */
export interface PlannerListener {
  /** It is not wanted any more: it became fresh, waited too long, or its load has ended. */
  settled(wanted: Wanted, outcome: WarmOutcome | "fresh" | "late", nowMs: number): void;
  /** It is about to be loaded. */
  asked(wanted: Wanted): void;
  /** A call for these keys has begun; the first one is the best. */
  called(keys: readonly Wanted[]): void;
  /** Whether warming has an entry of it already, whose room the new one takes. */
  hasRoom(wanted: Wanted): boolean;
  /** Bytes that warmed entries weigh. */
  bytes(): number;
}

/** What {@linkcode Planner} is made of. */
export interface PlannerOptions {
  readonly ports: WarmingPorts;
  readonly budget: Budget;
  readonly listener: PlannerListener;
  readonly timeoutMs: number;
}

interface Lane {
  readonly keys: Map<string, Wanted>;
  /** The earliest of their due times, and of the times after which they are of no use. */
  dueMs: number;
  untilMs: number;
  /** Whether keys have gone since: then both may be too early. */
  isExact: boolean;
  /** Time of a call of this kind, ms. */
  callMs: number;
}

/** See the head of this file. */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #loading = new Map<string, Wanted>();
  #waiting = 0;
  #weightBytes = WEIGHT_BYTES_INITIAL;
  #isStopped = false;

  /** Nothing is wanted. */
  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /** Keys that wait for a call. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Keys that are being loaded. */
  get loading(): number {
    return this.#loading.size;
  }

  /** Mean time of a call by kind, ms. */
  get callMs(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#lanes].map(([kind, { callMs }]) => [kind, callMs]));
  }

  /** What was measured in another life. */
  restoreCallMs(callMs: Readonly<Record<string, number>>): void {
    for (const [kind, ms] of Object.entries(callMs)) {
      const lane = this.#lane(kind);
      if (lane !== null) lane.callMs = ms;
    }
  }

  /** Whether a key waits or is being loaded. */
  has(key: string, kind: string): boolean {
    return this.#loading.has(key) || this.#lanes.get(kind)?.keys.has(key) === true;
  }

  /** Wants a key. O(1). */
  want(wanted: Wanted): "wanted" | "present" | "full" {
    if (this.#isStopped) return "full";
    if (this.#loading.has(wanted.key)) return "present";
    const lane = this.#lane(wanted.kind);
    if (lane === null) return "full";
    const known = lane.keys.get(wanted.key);
    if (known === undefined && this.#waiting >= WANTED_MAX) return "full";
    lane.dueMs = Math.min(lane.dueMs, wanted.dueMs);
    lane.untilMs = Math.min(lane.untilMs, wanted.untilMs);
    if (known === undefined) {
      lane.keys.set(wanted.key, wanted);
      this.#waiting++;
      return "wanted";
    }
    lane.keys.set(wanted.key, {
      ...known,
      rank: Math.max(known.rank, wanted.rank),
      dueMs: Math.min(known.dueMs, wanted.dueMs),
      untilMs: Math.max(known.untilMs, wanted.untilMs),
    });
    return "present";
  }

  /** Somebody has stored a key. O(1). */
  stored(key: string, kind: string, weightBytes: number, isWarmed: boolean, nowMs: number): void {
    if (isWarmed) this.#weightBytes += MEASURE_RATE * (weightBytes - this.#weightBytes);
    const lane = this.#lanes.get(kind);
    const wanted = lane?.keys.get(key);
    if (lane !== undefined && wanted !== undefined) this.#drop(lane, wanted, "fresh", nowMs);
  }

  /** No call is begun any more, and what waits is dropped. */
  stop(nowMs: number): void {
    this.#isStopped = true;
    for (const lane of this.#lanes.values()) {
      for (const wanted of [...lane.keys.values()]) this.#drop(lane, wanted, "late", nowMs);
    }
  }

  /** Begins the calls that are due and that the budget has room for; says what holds the next. */
  pump(nowMs: number): WarmingPause | null {
    if (this.#isStopped) return "stopped";
    this.#dropLate(nowMs);
    const { budget, ports } = this.#options;
    if (ports.isDown()) return "down";
    if (nowMs < budget.pausedUntilMs) return "failing";
    // Asked once: calls that begin now are in no limiter's count yet.
    let left = budget.left(nowMs, ports.callsLeft());
    /** Lanes whose keys there is no room for: others may have keys that need none. */
    const full = new Set<Lane>();
    for (;;) {
      if (left < 1 && this.#isAnyDue(nowMs, full)) return "calls";
      const due = left < 1 ? null : this.#nextDue(nowMs, full);
      if (due === null) return full.size > 0 ? "memory" : null;
      const keys = this.#take(due.lane, due.best, nowMs);
      if (keys === "memory") full.add(due.lane);
      else if (keys.length > 0) {
        left--;
        this.#call(due.kind, keys, nowMs);
      }
    }
  }

  #isDue(lane: Lane, keysMax: number, nowMs: number): boolean {
    return lane.keys.size >= keysMax || (lane.keys.size > 0 && lane.dueMs <= nowMs);
  }

  /** Without ranking any key: this is asked as long as no call is left. O(kinds). */
  #isAnyDue(nowMs: number, full: ReadonlySet<Lane>): boolean {
    for (const [kind, lane] of this.#lanes) {
      if (!full.has(lane) && this.#isDue(lane, this.#keysPerCall(kind), nowMs)) return true;
    }
    return false;
  }

  #keysPerCall(kind: string): number {
    return Math.max(1, this.#options.ports.keysPerCall(kind));
  }

  /** The lane that is due whose next call is worth most, and the keys it may take, best first. */
  #nextDue(
    nowMs: number,
    full: ReadonlySet<Lane>,
  ): { kind: string; lane: Lane; best: readonly Wanted[] } | null {
    let found: { kind: string; lane: Lane; best: readonly Wanted[] } | null = null;
    let foundValue = -1;
    for (const [kind, lane] of this.#lanes) {
      const keysMax = this.#keysPerCall(kind);
      if (full.has(lane) || !this.#isDue(lane, keysMax, nowMs)) continue;
      const best = bestOf(lane.keys.values(), keysMax);
      const value = lane.callMs * best.reduce((sum, { rank }) => sum + rank, 0);
      if (value > foundValue) [found, foundValue] = [{ kind, lane, best }, value];
    }
    return found;
  }

  /** Takes keys out of their lane: those that are not fresh and that there is room for. */
  #take(lane: Lane, best: readonly Wanted[], nowMs: number): Wanted[] | "memory" {
    const { listener } = this.#options;
    const taken = this.#takeOf(lane, best, nowMs);
    if (taken !== "memory") return taken;
    // Best of those that need no room; O(keys of the lane), as long as memory is full.
    const roomy = lane.keys.values().filter((wanted) => listener.hasRoom(wanted));
    const instead = this.#takeOf(lane, bestOf(roomy, best.length), nowMs);
    return instead.length === 0 ? "memory" : instead;
  }

  #takeOf(lane: Lane, best: readonly Wanted[], nowMs: number): Wanted[] | "memory" {
    const { ports, budget, listener } = this.#options;
    const fits = (budget.options.memoryMaxBytes - listener.bytes()) / this.#weightBytes;
    let room = Math.floor(fits) - this.#loading.size;
    let isFull = false;
    const taken: Wanted[] = [];
    for (const wanted of best) {
      if (ports.freshLeftMs(wanted.key) > 0) {
        this.#drop(lane, wanted, "fresh", nowMs);
        continue;
      }
      if (!listener.hasRoom(wanted)) {
        isFull = room < 1;
        if (isFull) continue;
        room--;
      }
      this.#remove(lane, wanted);
      taken.push(wanted);
    }
    findEarliest(lane);
    return isFull && taken.length === 0 ? "memory" : taken;
  }

  #call(kind: string, keys: readonly Wanted[], nowMs: number): void {
    const { ports, budget, listener, timeoutMs } = this.#options;
    const [first] = keys;
    if (first === undefined) return;
    budget.begin(nowMs);
    let priority = 0;
    for (const wanted of keys) {
      this.#loading.set(wanted.key, wanted);
      listener.asked(wanted);
      priority = Math.max(priority, WARM_PRIORITIES[wanted.strategy]);
    }
    listener.called(keys);
    const ask = { origin: `warm:${first.strategy}`, priority, timeoutMs } as const;
    const failed = () => keys.map((): WarmOutcome => "failed");
    let loads: Promise<readonly WarmOutcome[]>;
    try {
      loads = ports.load(keys.map(({ key }) => key), ask);
    } catch {
      // A port that breaks its promise must not keep a call of the budget for ever.
      loads = Promise.resolve(failed());
    }
    loads.catch(failed).then((outcomes) => this.#ended(kind, keys, outcomes, nowMs));
  }

  #ended(
    kind: string,
    keys: readonly Wanted[],
    outcomes: readonly WarmOutcome[],
    beganMs: number,
  ): void {
    const nowMs = this.#options.ports.nowMs();
    const isFailed = keys.every((_, at) => (outcomes[at] ?? "failed") === "failed");
    this.#options.budget.end(nowMs, isFailed ? "failed" : "answered");
    const lane = this.#lanes.get(kind);
    if (lane !== undefined && outcomes.includes("loaded")) {
      lane.callMs += MEASURE_RATE * (nowMs - beganMs - lane.callMs);
    }
    keys.forEach((wanted, at) => {
      this.#loading.delete(wanted.key);
      this.#options.listener.settled(wanted, outcomes[at] ?? "failed", nowMs);
    });
    // Room for the next call; under the same bounds.
    this.pump(nowMs);
  }

  #dropLate(nowMs: number): void {
    for (const lane of this.#lanes.values()) {
      if (lane.untilMs < nowMs) {
        for (const wanted of [...lane.keys.values()]) {
          if (wanted.untilMs < nowMs) this.#drop(lane, wanted, "late", nowMs);
        }
        findEarliest(lane);
      } // A lane that waits for a call is not gone through each time that there is none.
      else if (!lane.isExact && lane.dueMs <= nowMs) findEarliest(lane);
    }
  }

  #drop(lane: Lane, wanted: Wanted, why: "fresh" | "late", nowMs: number): void {
    this.#remove(lane, wanted);
    this.#options.listener.settled(wanted, why, nowMs);
  }

  #remove(lane: Lane, wanted: Wanted): void {
    if (!lane.keys.delete(wanted.key)) return;
    this.#waiting--;
    // Too early at worst: `#dropLate` finds it anew when it has come.
    lane.isExact = false;
  }

  #lane(kind: string): Lane | null {
    const known = this.#lanes.get(kind);
    if (known !== undefined) return known;
    if (this.#lanes.size >= KINDS_MAX && !this.#dropEmptyLane()) return null;
    const lane: Lane = {
      keys: new Map(),
      dueMs: Infinity,
      untilMs: Infinity,
      isExact: true,
      callMs: CALL_MS_INITIAL,
    };
    this.#lanes.set(kind, lane);
    return lane;
  }

  /** Whoever makes kinds up must not take the place of those there are. O(kinds). */
  #dropEmptyLane(): boolean {
    for (const [kind, { keys }] of this.#lanes) {
      if (keys.size === 0) return this.#lanes.delete(kind);
    }
    return false;
  }
}

/** O(keys of the lane). */
function findEarliest(lane: Lane): void {
  lane.dueMs = lane.untilMs = Infinity;
  for (const { dueMs, untilMs } of lane.keys.values()) {
    lane.dueMs = Math.min(lane.dueMs, dueMs);
    lane.untilMs = Math.min(lane.untilMs, untilMs);
  }
  lane.isExact = true;
}

/** The keys with the highest ranks, best first. O(keys), and `count` more for each that is kept. */
function bestOf(keys: Iterable<Wanted>, count: number): readonly Wanted[] {
  const best: Wanted[] = [];
  for (const wanted of keys) {
    const last = best[best.length - 1];
    const isShort = best.length < count;
    if (!isShort && last !== undefined && byRank(last, wanted) <= 0) continue;
    if (!isShort) best.pop();
    let at = best.length;
    while (at > 0 && byRank(best[at - 1] as Wanted, wanted) > 0) at--;
    best.splice(at, 0, wanted);
  }
  return best;
}

/** The likelier to be asked for soon first. */
const byRank = (a: Wanted, b: Wanted) => b.rank - a.rank || b.chance - a.chance;
