/**
 * Keys that wait, grouped into calls: whoever wants a key says how long it may linger, and keys of
 * one kind that wait at the same time travel in one call. It decides only; time comes in as an
 * argument, and whoever owns it calls.
 *
 * A lane holds the keys that may share a call: same endpoint, time, granularity and group. A lane
 * is due when its oldest key has lingered enough or when it fills a call. Due lanes are served by
 * the priority of their best key, then by age; a call takes its lane's keys in the same order, so
 * that it is filled up with keys that could have waited and now travel free. Keys of "now" meet
 * only if whoever wants them rounds the time.
 *
 * @module
 */

import type { Granularity } from "../market/granularity.ts";
import { WAITERS_PER_KEY_MAX, WAITING_KEYS_MAX } from "./limits.ts";
import type { ProviderKind } from "./values.ts";

/** The highest priority: the lane keeps a list of each. */
export const PRIORITY_MAX = 10;

/** What makes two keys fit into one call. */
export interface CallGroup {
  /** Kind of data. */
  readonly kind: ProviderKind;
  /** Endpoint of the call. */
  readonly endpoint: string;
  /** What `DataProvider.groupOf` says of the symbol. */
  readonly group: string;
  /** Begin of the time asked for, epoch ms. */
  readonly fromMs: number;
  /** End of it, not included. */
  readonly toMs: number;
  /** Length of a bar. */
  readonly granularity: Granularity;
}

/** A key that somebody wants. */
export interface WantedKey extends CallGroup {
  /** Its symbol. */
  readonly symbol: string;
  /** 0 to {@linkcode PRIORITY_MAX}, whole; a key wanted by several has the highest. */
  readonly priority: number;
  /** How long it may wait for others, ms; 0 for not at all. */
  readonly lingerMs: number;
  /** Most symbols of a call to the endpoint. */
  readonly symbolsMax: number;
}

/** A call to make; results go to `waiters` symbol by symbol. */
export interface GroupedCall<T> extends CallGroup {
  /** Symbols, at most as many as the endpoint takes; each once. */
  readonly symbols: readonly string[];
  /** Who waits for each symbol, in the same order. */
  readonly waiters: readonly (readonly T[])[];
  /** Highest priority of its keys. */
  readonly priority: number;
  /** When the oldest of its keys came, on the caller's clock. */
  readonly sinceMs: number;
}

/** Where a wanted key went. */
export type Grouped =
  /** It waits. */
  | "waiting"
  /** It was waiting already; one answer will do for both. */
  | "joined"
  /** There is no room. */
  | "full";

interface Waiting<T> {
  readonly symbol: string;
  readonly sinceMs: number;
  readonly waiters: T[];
  priority: number;
  dueMs: number;
}

interface Lane<T> {
  readonly group: CallGroup;
  readonly symbolsMax: number;
  readonly keys: Map<string, Waiting<T>>;
  /** The same keys by priority, each list in the order in which they came to it. */
  readonly ranks: readonly Map<string, Waiting<T>>[];
  /** When its oldest key has lingered enough; says nothing while it fills a call. */
  dueMs: number;
}

/** Bounds of a {@linkcode Grouping}. */
export interface GroupingOptions {
  /** Most keys that wait at a time. */
  readonly keysMax?: number;
}

/**
 * See the head of this file.
 *
 * - a key waits once however many want it; each of them is in `waiters`
 * - no key waits beyond its linger unless `take` is not called: limits of the provider do that
 * - `add` and `remove` are O(1) but for a lane's last keys, O(keys of a call); `nextDueMs` is
 *   O(lanes), and `take` O(lanes · calls + keys taken)
 */
export class Grouping<T> {
  readonly #keysMax: number;
  readonly #lanes = new Map<string, Lane<T>>();
  #size = 0;

  /** An empty one. */
  constructor(options: GroupingOptions = {}) {
    this.#keysMax = options.keysMax ?? WAITING_KEYS_MAX;
  }

  /** Keys that wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a key that `waiter` wants from `nowMs` on.
   *
   * @throws {RangeError} for a priority out of range.
   */
  add(wanted: WantedKey, waiter: T, nowMs: number): Grouped {
    const { symbol, priority } = wanted;
    if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX) {
      throw new RangeError(
        `Cannot group ${symbol}: expected a priority of 0 to ${PRIORITY_MAX}: ` +
          `current value is ${priority}`,
      );
    }
    const name = laneName(wanted);
    const dueMs = nowMs + wanted.lingerMs;
    const joined = this.#lanes.get(name)?.keys.get(symbol);
    if (joined === undefined && this.#size >= this.#keysMax) return "full";
    if ((joined?.waiters.length ?? 0) >= WAITERS_PER_KEY_MAX) return "full";
    const lane = this.#lane(name, wanted);
    lane.dueMs = Math.min(lane.dueMs, dueMs);
    if (joined === undefined) {
      const key: Waiting<T> = { symbol, sinceMs: nowMs, waiters: [waiter], priority, dueMs };
      lane.keys.set(symbol, key);
      lane.ranks[priority]?.set(symbol, key);
      this.#size++;
      return "waiting";
    }
    joined.waiters.push(waiter);
    lift(lane, joined, priority, dueMs);
    return "joined";
  }

  /**
   * A key is wanted sooner than whoever waits for it said; false when it does not wait any more, and
   * then nothing is to be done: it is on its way, or there. O(1).
   */
  raise(
    wanted: Pick<WantedKey, keyof CallGroup | "symbol" | "priority" | "lingerMs">,
    nowMs: number,
  ): boolean {
    const { symbol, lingerMs } = wanted;
    const priority = Math.min(PRIORITY_MAX, Math.max(0, Math.floor(wanted.priority)));
    const lane = this.#lanes.get(laneName(wanted));
    const key = lane?.keys.get(symbol);
    if (lane === undefined || key === undefined) return false;
    lane.dueMs = Math.min(lane.dueMs, nowMs + lingerMs);
    lift(lane, key, priority, nowMs + lingerMs);
    return true;
  }

  /** Takes a waiter away from a key; the key goes with its last one. Whether it was there. */
  remove(wanted: CallGroup & { readonly symbol: string }, waiter: T): boolean {
    const name = laneName(wanted);
    const lane = this.#lanes.get(name);
    const key = lane?.keys.get(wanted.symbol);
    const at = key?.waiters.indexOf(waiter) ?? -1;
    if (lane === undefined || key === undefined || at < 0) return false;
    key.waiters.splice(at, 1);
    if (key.waiters.length === 0) this.#drop(name, lane, [key]);
    return true;
  }

  /** When the next lane is due, on the caller's clock: at once if one fills a call; or Infinity. */
  nextDueMs(): number {
    let nextMs = Infinity;
    for (const lane of this.#lanes.values()) nextMs = Math.min(nextMs, dueMsOf(lane));
    return nextMs;
  }

  /**
   * Up to `callsMax` calls that are due at `nowMs`, best first, with keys of at least `priorityMin`
   * at their head; their keys wait no more.
   */
  take(nowMs: number, callsMax: number, priorityMin = 0): GroupedCall<T>[] {
    const calls: GroupedCall<T>[] = [];
    while (calls.length < callsMax) {
      let first:
        | { readonly name: string; readonly lane: Lane<T>; readonly key: Waiting<T> }
        | null = null;
      for (const [name, lane] of this.#lanes) {
        if (dueMsOf(lane) > nowMs) continue;
        const [key] = bestOf(lane, 1);
        if (key === undefined || key.priority < priorityMin) continue;
        if (first === null || byRank(key, first.key) < 0) first = { name, lane, key };
      }
      if (first === null) return calls;
      calls.push(this.#call(first.name, first.lane));
    }
    return calls;
  }

  /** Throws unless sizes agree and no lane is empty; for tests. O(keys). */
  invariant(): void {
    let size = 0;
    for (const [name, { keys, group, ranks }] of this.#lanes) {
      const ranked = ranks.reduce((sum, rank) => sum + rank.size, 0);
      const isSound = keys.size > 0 && ranked === keys.size && name === laneName(group) &&
        [...keys.values()].every(({ waiters, symbol, priority }) =>
          waiters.length > 0 && ranks[priority]?.has(symbol) === true
        );
      if (!isSound) throw new Error(`Cannot keep lane ${name}: expected keys that are waited for`);
      size += keys.size;
    }
    if (size !== this.#size) {
      throw new Error(
        `Cannot keep the grouping: expected ${size} keys: current value is ${this.#size}`,
      );
    }
  }

  #lane(name: string, wanted: WantedKey): Lane<T> {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const { kind, endpoint, group, fromMs, toMs, granularity, symbolsMax } = wanted;
    const made: Lane<T> = {
      group: { kind, endpoint, group, fromMs, toMs, granularity },
      symbolsMax,
      keys: new Map(),
      ranks: Array.from({ length: PRIORITY_MAX + 1 }, () => new Map()),
      dueMs: Infinity,
    };
    this.#lanes.set(name, made);
    return made;
  }

  #call(name: string, lane: Lane<T>): GroupedCall<T> {
    const keys = bestOf(lane, lane.symbolsMax);
    this.#drop(name, lane, keys);
    return {
      ...lane.group,
      symbols: keys.map(({ symbol }) => symbol),
      waiters: keys.map(({ waiters }) => waiters),
      priority: keys[0]?.priority ?? 0,
      sinceMs: Math.min(...keys.map(({ sinceMs }) => sinceMs)),
    };
  }

  #drop(name: string, lane: Lane<T>, keys: readonly Waiting<T>[]): void {
    for (const { symbol, priority } of keys) {
      lane.keys.delete(symbol);
      lane.ranks[priority]?.delete(symbol);
    }
    this.#size -= keys.length;
    if (lane.keys.size === 0) this.#lanes.delete(name);
    // A lane that still fills a call is due whatever its keys say.
    if (lane.keys.size >= lane.symbolsMax) return;
    lane.dueMs = Infinity;
    for (const { dueMs } of lane.keys.values()) lane.dueMs = Math.min(lane.dueMs, dueMs);
  }
}

/** Gives a key a higher priority, or an earlier time, than it has. */
function lift<T>(lane: Lane<T>, key: Waiting<T>, priority: number, dueMs: number): void {
  key.dueMs = Math.min(key.dueMs, dueMs);
  if (priority <= key.priority) return;
  lane.ranks[key.priority]?.delete(key.symbol);
  lane.ranks[priority]?.set(key.symbol, key);
  key.priority = priority;
}

function laneName({ kind, endpoint, group, fromMs, toMs, granularity }: CallGroup): string {
  return `${kind} ${endpoint} ${fromMs} ${toMs} ${granularity} ${group}`;
}

/** The higher priority first, then the one that waits longer. */
function byRank(a: Waiting<unknown>, b: Waiting<unknown>): number {
  return b.priority - a.priority || a.sinceMs - b.sinceMs;
}

/** Up to `count` keys of a lane, best first. O(priorities + count). */
function bestOf<T>({ ranks }: Lane<T>, count: number): Waiting<T>[] {
  const best: Waiting<T>[] = [];
  for (let priority = PRIORITY_MAX; priority >= 0 && best.length < count; priority--) {
    for (const key of ranks[priority]?.values() ?? []) {
      if (best.length === count) break;
      best.push(key);
    }
  }
  return best;
}

/** -Infinity for a lane that fills a call. */
function dueMsOf<T>(lane: Lane<T>): number {
  return lane.keys.size >= lane.symbolsMax ? -Infinity : lane.dueMs;
}
