/**
 * Lanes of keys that may share a call, as `grouping.ts` keeps them.
 *
 * @module
 */

import type { Granularity } from "../market/granularity.ts";
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

/** A call that waits to be sent; see `grouping.ts`. */
export interface OpenCall<T> extends CallGroup {
  /** Highest priority of its keys; constant, since it is dissolved when that rises. */
  readonly priority: number;
  /** Its keys now. */
  readonly size: number;
  /** Whoever waits for its best key first; null when all of its keys were taken away. */
  readonly first: T | null;
}

/** Whether the provider is idle enough for bulk of that kind. */
export type IsIdle = (kind: ProviderKind) => boolean;

/** A key that waits. */
export interface Waiting<T> {
  readonly symbol: string;
  readonly sinceMs: number;
  readonly waiters: T[];
  priority: number;
  /** When it has lingered enough, and when it has if the provider is idle. */
  dueMs: number;
  idleDueMs: number;
  /** The open call that it is in. */
  call: Open<T> | null;
}

/** Keys that may share a call. */
export interface Lane<T> {
  readonly group: CallGroup;
  readonly symbolsMax: number;
  /** Those in open calls too. */
  readonly keys: Map<string, Waiting<T>>;
  /** Those in no call by priority, each list in the order in which they came to it. */
  readonly ranks: readonly Map<string, Waiting<T>>[];
  /** Keys of the ranks, and those of them that are bulk. */
  waiting: number;
  bulk: number;
  /** The open call that has room for more keys. */
  roomy: Open<T> | null;
  /** When the oldest key of the ranks has lingered enough; null = to be found out. */
  due: { ms: number; idleMs: number } | null;
}

/** An {@linkcode OpenCall} from within. */
export class Open<T> implements OpenCall<T> {
  readonly kind: ProviderKind;
  readonly endpoint: string;
  readonly group: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly granularity: Granularity;
  readonly priority: number;
  /** It was sealed or dissolved. */
  isOver = false;

  /** Of these keys, best first. */
  constructor(readonly name: string, readonly lane: Lane<T>, readonly keys: Waiting<T>[]) {
    const { kind, endpoint, group, fromMs, toMs, granularity } = lane.group;
    this.kind = kind;
    this.endpoint = endpoint;
    this.group = group;
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.granularity = granularity;
    this.priority = keys[0]?.priority ?? 0;
  }

  /** See {@linkcode OpenCall}. */
  get size(): number {
    return this.keys.length;
  }

  /** See {@linkcode OpenCall}. */
  get first(): T | null {
    return this.keys[0]?.waiters[0] ?? null;
  }
}

/** An empty one. */
export function newLane<T>(group: CallGroup, symbolsMax: number): Lane<T> {
  const { kind, endpoint, fromMs, toMs, granularity } = group;
  return {
    group: { kind, endpoint, group: group.group, fromMs, toMs, granularity },
    symbolsMax,
    keys: new Map(),
    ranks: Array.from({ length: PRIORITY_MAX + 1 }, () => new Map()),
    waiting: 0,
    bulk: 0,
    roomy: null,
    due: { ms: Infinity, idleMs: Infinity },
  };
}

/** Whether it goes sooner when the provider is idle. */
export function isBulk({ dueMs, idleDueMs }: Waiting<unknown>): boolean {
  return idleDueMs < dueMs;
}

/** Takes in when a key is due. */
export function sooner(due: { ms: number; idleMs: number }, key: Waiting<unknown>): void {
  due.ms = Math.min(due.ms, key.dueMs);
  due.idleMs = Math.min(due.idleMs, key.idleDueMs);
}

/** Same for keys that may share a call. */
export function laneName({ kind, endpoint, group, fromMs, toMs, granularity }: CallGroup): string {
  return `${kind} ${endpoint} ${fromMs} ${toMs} ${granularity} ${group}`;
}

/** The higher priority first, then the one that waits longer. */
export function byRank(a: Waiting<unknown>, b: Waiting<unknown>): number {
  return b.priority - a.priority || a.sinceMs - b.sinceMs;
}

/** Up to `count` keys of a lane that are in no call, best first. O(priorities + count). */
export function bestOf<T>({ ranks }: Lane<T>, count: number): Waiting<T>[] {
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
export function dueMsOf<T>(lane: Lane<T>, isIdleFor: IsIdle): number {
  const isIdle = lane.bulk > 0 && isIdleFor(lane.group.kind);
  const count = isIdle ? lane.waiting : lane.waiting - lane.bulk;
  if (count >= lane.symbolsMax) return -Infinity;
  if (lane.due === null) {
    lane.due = { ms: Infinity, idleMs: Infinity };
    for (const rank of lane.ranks) for (const key of rank.values()) sooner(lane.due, key);
  }
  return isIdle ? lane.due.idleMs : lane.due.ms;
}

/** Whether a key is where it should be, for tests. */
export function isPlaced<T>({ ranks }: Lane<T>, key: Waiting<T>): boolean {
  const { symbol, priority, waiters, call } = key;
  const isRanked = ranks[priority]?.get(symbol) === key;
  const isCalled = call !== null && call.keys.includes(key) && priority <= call.priority;
  return waiters.length > 0 && isRanked !== isCalled;
}
