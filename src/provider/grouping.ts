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
 * ## Bulk
 * A key of bulk work lingers as long as it says while the provider is busy and hardly at all while
 * it is idle, which is said at each look. While it is busy a lane is not full by bulk either.
 *
 * ## Open calls
 * A call that waits for the provider's limits is *open*: its keys can still be joined, a key that
 * comes meanwhile travels with it if there is room, and when one of its keys is wanted at a higher
 * priority than the call has, the call is dissolved and grouped anew. {@linkcode Grouping.seal}
 * closes it when it may be sent.
 *
 * @module
 */

import {
  bestOf,
  byRank,
  type CallGroup,
  dueMsOf,
  isBulk,
  type IsIdle,
  isPlaced,
  type Lane,
  laneName,
  newLane,
  Open,
  type OpenCall,
  PRIORITY_MAX,
  sooner,
  type Waiting,
} from "./grouping_lane.ts";
import { WAITERS_PER_KEY_MAX, WAITING_KEYS_MAX } from "./limits.ts";

export { type CallGroup, type IsIdle, type OpenCall, PRIORITY_MAX } from "./grouping_lane.ts";

/**
 * How long bulk waits for company while the provider is idle, ms: the keys of one step of warming
 * come in messages of several shards.
 */
export const BULK_IDLE_LINGER_MS = 100;

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
  /** Whether it waits so long only while the provider is busy; default no. */
  readonly isBulk?: boolean;
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

const BUSY: IsIdle = () => false;

/** Bounds of a {@linkcode Grouping}, and who is told. */
export interface GroupingOptions<T> {
  /** Most keys that wait at a time. */
  readonly keysMax?: number;
  /** An open call is no more: its keys wait again, and are due. */
  readonly onDissolved?: (call: OpenCall<T>) => void;
}

/**
 * See the head of this file.
 *
 * - a key waits once however many want it; each of them is in `waiters`
 * - no key waits beyond its linger unless nobody takes it: limits of the provider do that
 * - `add`, `raise` and `remove` are O(1) but for those that dissolve a call or end a lane's last
 *   keys, O(keys of a call); `nextDueMs` is O(lanes) and, after keys have gone, O(keys) once;
 *   `open` and `take` are O(lanes · calls + keys taken)
 */
export class Grouping<T> {
  readonly #keysMax: number;
  readonly #onDissolved: (call: OpenCall<T>) => void;
  readonly #lanes = new Map<string, Lane<T>>();
  #size = 0;
  #bulk = 0;

  /** An empty one. */
  constructor(options: GroupingOptions<T> = {}) {
    this.#keysMax = options.keysMax ?? WAITING_KEYS_MAX;
    this.#onDissolved = options.onDissolved ?? (() => {});
  }

  /** Keys that wait, those of open calls included. */
  get size(): number {
    return this.#size;
  }

  /** Keys of bulk work that wait and are in no call. */
  get bulk(): number {
    return this.#bulk;
  }

  /**
   * Adds a key that `waiter` wants from `nowMs` on.
   *
   * @throws {RangeError} for a priority out of range.
   */
  add(wanted: WantedKey, waiter: T, nowMs: number): Grouped {
    const { symbol, priority, lingerMs, isBulk = false } = wanted;
    if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX) {
      throw new RangeError(
        `Cannot group ${symbol}: expected a priority of 0 to ${PRIORITY_MAX}: ` +
          `current value is ${priority}`,
      );
    }
    const name = laneName(wanted);
    const dueMs = nowMs + lingerMs;
    const idleDueMs = isBulk ? Math.min(dueMs, nowMs + BULK_IDLE_LINGER_MS) : dueMs;
    const joined = this.#lanes.get(name)?.keys.get(symbol);
    if (joined === undefined && this.#size >= this.#keysMax) return "full";
    if ((joined?.waiters.length ?? 0) >= WAITERS_PER_KEY_MAX) return "full";
    const lane = this.#lane(name, wanted);
    if (joined !== undefined) {
      joined.waiters.push(waiter);
      this.#lift(lane, joined, { priority, dueMs, idleDueMs });
      return "joined";
    }
    const key = {
      symbol,
      sinceMs: nowMs,
      waiters: [waiter],
      priority,
      dueMs,
      idleDueMs,
      call: null,
    };
    lane.keys.set(symbol, key);
    this.#size++;
    this.#rank(lane, key);
    return "waiting";
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
    const dueMs = nowMs + lingerMs;
    this.#lift(lane, key, { priority, dueMs, idleDueMs: dueMs });
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
    if (key.waiters.length > 0) return true;
    key.call?.keys.splice(key.call.keys.indexOf(key), 1);
    if (key.call === null) this.#unrank(lane, key);
    this.#drop(name, lane, [key]);
    return true;
  }

  /**
   * When the next lane is due, on the caller's clock: at once if one fills a call; or Infinity.
   *
   * @param isIdle Whether bulk may go that has not lingered enough; default no.
   */
  nextDueMs(isIdle: IsIdle = BUSY): number {
    let nextMs = Infinity;
    for (const lane of this.#lanes.values()) nextMs = Math.min(nextMs, dueMsOf(lane, isIdle));
    return nextMs;
  }

  /**
   * Up to `callsMax` calls that are due at `nowMs`, best first, with keys of at least `priorityMin`
   * at their head; their keys wait no more.
   */
  take(nowMs: number, callsMax: number, priorityMin = 0): GroupedCall<T>[] {
    return this.open(nowMs, callsMax, BUSY, priorityMin).map((call) => this.seal(call));
  }

  /**
   * The same calls, whose keys wait on: see the head of this file. `isIdle` as in
   * {@linkcode nextDueMs}.
   */
  open(nowMs: number, callsMax: number, isIdle: IsIdle = BUSY, priorityMin = 0): OpenCall<T>[] {
    const calls: OpenCall<T>[] = [];
    while (calls.length < callsMax) {
      let first:
        | { readonly name: string; readonly lane: Lane<T>; readonly key: Waiting<T> }
        | null = null;
      for (const [name, lane] of this.#lanes) {
        if (dueMsOf(lane, isIdle) > nowMs) continue;
        const [key] = bestOf(lane, 1);
        if (key === undefined || key.priority < priorityMin) continue;
        if (first === null || byRank(key, first.key) < 0) first = { name, lane, key };
      }
      if (first === null) return calls;
      const { name, lane, key } = first;
      const { roomy } = lane;
      if (roomy !== null && key.priority > roomy.priority) this.#dissolve(roomy);
      if (lane.roomy !== null) {
        this.#fill(lane.roomy, lane.symbolsMax);
        continue;
      }
      const call = new Open(name, lane, bestOf(lane, lane.symbolsMax));
      this.#enter(call, call.keys);
      calls.push(call);
    }
    return calls;
  }

  /** Takes the best keys of its lane into an open call, as far as there is room. */
  #fill(call: Open<T>, symbolsMax: number): void {
    const more = bestOf(call.lane, symbolsMax - call.keys.length);
    call.keys.push(...more);
    this.#enter(call, more);
  }

  #enter(call: Open<T>, keys: readonly Waiting<T>[]): void {
    const { lane } = call;
    for (const key of keys) {
      this.#unrank(lane, key);
      key.call = call;
    }
    if (call.keys.length < lane.symbolsMax) lane.roomy = call;
    else if (lane.roomy === call) lane.roomy = null;
  }

  /** Takes keys out of their call. */
  #leave(lane: Lane<T>, keys: readonly Waiting<T>[]): void {
    for (const key of keys) {
      key.call = null;
      this.#rank(lane, key);
    }
  }

  /**
   * Closes an open call, filled up to `symbolsMax` with the best keys that wait in its lane; they
   * wait no more. What is in it beyond that waits for the next. O(keys).
   *
   * @throws {Error} when it is not open.
   */
  seal(call: OpenCall<T>, symbolsMax = Infinity): GroupedCall<T> {
    if (!(call instanceof Open) || call.isOver) {
      throw new Error(`Cannot seal a call of ${call.kind}: expected one that is open`);
    }
    const own = call as Open<T>;
    const { name, lane, keys } = own;
    const most = Math.min(symbolsMax, lane.symbolsMax);
    this.#fill(own, most);
    const all = keys.splice(0, most);
    this.#close(own);
    this.#leave(lane, keys);
    this.#drop(name, lane, all);
    return {
      ...lane.group,
      symbols: all.map(({ symbol }) => symbol),
      waiters: all.map(({ waiters }) => waiters),
      priority: all.reduce((most, { priority }) => Math.max(most, priority), 0),
      sinceMs: Math.min(...all.map(({ sinceMs }) => sinceMs)),
    };
  }

  /** Throws unless sizes agree and no lane is empty; for tests. O(keys). */
  invariant(): void {
    let size = 0;
    let bulk = 0;
    for (const [name, lane] of this.#lanes) {
      const { keys, group, ranks } = lane;
      const ranked = ranks.flatMap((rank) => [...rank.values()]);
      const isSound = keys.size > 0 && name === laneName(group) && ranked.length === lane.waiting &&
        lane.bulk === ranked.filter(isBulk).length &&
        [...keys.values()].every((key) => isPlaced(lane, key));
      if (!isSound) throw new Error(`Cannot keep lane ${name}: expected keys that are waited for`);
      size += keys.size;
      bulk += lane.bulk;
    }
    if (size !== this.#size || bulk !== this.#bulk) {
      throw new Error(
        `Cannot keep the grouping: expected ${size} keys, ${bulk} of them bulk: ` +
          `current value is ${this.#size} and ${this.#bulk}`,
      );
    }
  }

  #lane(name: string, wanted: WantedKey): Lane<T> {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const made = newLane<T>(wanted, wanted.symbolsMax);
    this.#lanes.set(name, made);
    return made;
  }

  /** It waits in no call from now on. */
  #rank(lane: Lane<T>, key: Waiting<T>): void {
    lane.ranks[key.priority]?.set(key.symbol, key);
    lane.waiting++;
    this.#countBulk(lane, isBulk(key) ? 1 : 0);
    if (lane.due !== null) sooner(lane.due, key);
  }

  #unrank(lane: Lane<T>, key: Waiting<T>): void {
    lane.ranks[key.priority]?.delete(key.symbol);
    lane.waiting--;
    this.#countBulk(lane, isBulk(key) ? -1 : 0);
    lane.due = null;
  }

  #countBulk(lane: Lane<T>, by: number): void {
    lane.bulk += by;
    this.#bulk += by;
  }

  /** Gives a key a higher priority, or an earlier time, than it has. */
  #lift(
    lane: Lane<T>,
    key: Waiting<T>,
    to: Pick<Waiting<T>, "priority" | "dueMs" | "idleDueMs">,
  ): void {
    const { call } = key;
    const priority = Math.max(key.priority, to.priority);
    const dueMs = Math.min(key.dueMs, to.dueMs);
    const idleDueMs = Math.min(key.idleDueMs, to.idleDueMs);
    if (call !== null) {
      Object.assign(key, { priority, dueMs, idleDueMs });
      if (priority > call.priority) this.#dissolve(call);
      return;
    }
    const { due } = lane;
    // A key that keeps its priority keeps its place.
    if (priority === key.priority) {
      this.#countBulk(lane, isBulk(key) ? -1 : 0);
      Object.assign(key, { dueMs, idleDueMs });
      this.#countBulk(lane, isBulk(key) ? 1 : 0);
    } else {
      this.#unrank(lane, key);
      Object.assign(key, { priority, dueMs, idleDueMs });
      this.#rank(lane, key);
    }
    lane.due = due;
    if (due !== null) sooner(due, key);
  }

  #dissolve(call: Open<T>): void {
    this.#close(call);
    this.#leave(call.lane, call.keys);
    call.keys.length = 0;
    this.#onDissolved(call);
  }

  #close(call: Open<T>): void {
    call.isOver = true;
    if (call.lane.roomy === call) call.lane.roomy = null;
  }

  #drop(name: string, lane: Lane<T>, keys: readonly Waiting<T>[]): void {
    for (const { symbol } of keys) lane.keys.delete(symbol);
    this.#size -= keys.length;
    // Its last keys may have been taken away before, and a new lane begun.
    if (lane.keys.size === 0 && this.#lanes.get(name) === lane) this.#lanes.delete(name);
  }
}
