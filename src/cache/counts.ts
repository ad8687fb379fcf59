/**
 * What a shard counts, by type of data and by who put entries in: sums in two typed arrays, so that a
 * hit costs one addition, and a histogram of waits for each type that has any.
 *
 * @module
 */

import { Histogram } from "../monitor/histogram.ts";
import { KEY_KINDS } from "./key.ts";
import { ORIGINS_MAX, type TypeCounts, TYPES_MAX } from "./status.ts";
import { type Origin, REMOVAL_CAUSES, type RemovalCause } from "./types.ts";

/** Sums of a type; each is a column. */
export const Counter = {
  fresh: 0,
  stale: 1,
  negative: 2,
  joined: 3,
  miss: 4,
  refused: 5,
  secondTier: 6,
  demandLoad: 7,
  refreshLoad: 8,
  warmLoad: 9,
  failure: 10,
  abandoned: 11,
  missing: 12,
  outdated: 13,
  entries: 14,
  weightBytes: 15,
  /** The first of the removals, in the order of `REMOVAL_CAUSES`. */
  removed: 16,
} as const;

/** Columns of a type; a power of two, so that a row begins at a shift. */
const WIDTH = 32;

const INSERTED = 0, EVICTED_UNREAD = 1, EXPIRED_UNREAD = 2;
const ORIGIN_WIDTH = 3;

/** Type of keys that have none, and of those beyond `TYPES_MAX`. */
const OTHER = "other";
/** Origin of warming strategies beyond `ORIGINS_MAX`. */
const OTHER_ORIGIN = "warm:other";
/** Longest name of a type that is told apart, in characters. */
const TYPE_CHARS_MAX = 32;

/** A tenth of a millisecond to a quarter of an hour: 12 kB a type. */
export const WAIT_SECONDS = { lowest: 1e-4, highest: 1e3 } as const;

/** See the head of this file. Types and origins are small numbers, as the table keeps them. */
export class ShardCounts {
  readonly #sums = new Float64Array(TYPES_MAX * WIDTH);
  readonly #origins = new Float64Array(TYPES_MAX * ORIGINS_MAX * ORIGIN_WIDTH);
  /** Known kinds first: made-up ones, which anybody may ask for, must not take their place. */
  readonly #types = new Map<string, number>([OTHER, ...KEY_KINDS].map((type, at) => [type, at]));
  readonly #originNumbers = new Map<string, number>();
  readonly #waits: (Histogram | undefined)[] = [];

  /** Nothing counted. */
  constructor() {
    // The last number is kept for those that are not told apart.
    for (const name of ["demand", "refresh", "set", "promoted", OTHER_ORIGIN]) {
      this.#originNumbers.set(name, this.#originNumbers.size);
    }
  }

  /** Number of the type of a key: what stands before its first colon. O(characters before it). */
  typeOf(key: string): number {
    const colon = key.indexOf(":");
    if (colon <= 0 || colon > TYPE_CHARS_MAX) return 0;
    return numberOf(this.#types, key.slice(0, colon), TYPES_MAX, OTHER);
  }

  /** Name of a type. */
  typeName(type: number): string {
    return [...this.#types.keys()][type] ?? OTHER;
  }

  /** Number of an origin. */
  originOf(origin: Origin): number {
    return numberOf(this.#originNumbers, origin, ORIGINS_MAX, OTHER_ORIGIN);
  }

  /** Name of an origin. */
  originName(origin: number): Origin {
    return ([...this.#originNumbers.keys()][origin] ?? OTHER_ORIGIN) as Origin;
  }

  /** Adds one to a sum. */
  add(type: number, counter: number): void {
    const at = type * WIDTH + counter;
    this.#sums[at] = (this.#sums[at] as number) + 1;
  }

  /** An entry came in. */
  inserted(type: number, origin: number, weightBytes: number): void {
    this.#weigh(type, 1, weightBytes);
    this.#addOrigin(type, origin, INSERTED);
  }

  /** An entry left. */
  removed(
    type: number,
    origin: number,
    weightBytes: number,
    cause: RemovalCause,
    wasRead: boolean,
  ): void {
    this.#weigh(type, -1, -weightBytes);
    this.add(type, Counter.removed + REMOVAL_CAUSES.indexOf(cause));
    if (wasRead) return;
    if (cause === "evicted") this.#addOrigin(type, origin, EVICTED_UNREAD);
    else if (cause === "expired") this.#addOrigin(type, origin, EXPIRED_UNREAD);
  }

  /** Somebody waited so long for an answer. */
  waited(type: number, seconds: number): void {
    (this.#waits[type] ??= new Histogram(WAIT_SECONDS)).record(seconds);
  }

  #weigh(type: number, entries: number, weightBytes: number): void {
    const row = type * WIDTH, sums = this.#sums;
    sums[row + Counter.entries] = (sums[row + Counter.entries] as number) + entries;
    sums[row + Counter.weightBytes] = (sums[row + Counter.weightBytes] as number) + weightBytes;
  }

  #addOrigin(type: number, origin: number, what: number): void {
    const at = (type * ORIGINS_MAX + origin) * ORIGIN_WIDTH + what;
    this.#origins[at] = (this.#origins[at] as number) + 1;
  }

  /** All types that anything was counted of. O(types · origins + buckets). */
  read(): TypeCounts[] {
    return [...this.#types].filter(([, type]) => this.#isUsed(type))
      .map(([name, type]) => this.#readType(name, type));
  }

  #isUsed(type: number): boolean {
    return this.#sums.subarray(type * WIDTH, (type + 1) * WIDTH).some((sum) => sum !== 0);
  }

  #readType(name: string, type: number): TypeCounts {
    const of = (counter: number) => this.#sums[type * WIDTH + counter] as number;
    const wait = this.#waits[type] ?? new Histogram(WAIT_SECONDS);
    const removed = REMOVAL_CAUSES.map((cause, i) => [cause, of(Counter.removed + i)]);
    return {
      type: name,
      requests: of(Counter.fresh) + of(Counter.stale) + of(Counter.negative) +
        of(Counter.joined) + of(Counter.miss) + of(Counter.refused),
      freshHits: of(Counter.fresh),
      staleHits: of(Counter.stale),
      negativeHits: of(Counter.negative),
      joined: of(Counter.joined),
      misses: of(Counter.miss),
      refused: of(Counter.refused),
      secondTierHits: of(Counter.secondTier),
      loads: {
        demand: of(Counter.demandLoad),
        refresh: of(Counter.refreshLoad),
        warm: of(Counter.warmLoad),
      },
      loadFailures: of(Counter.failure),
      loadsAbandoned: of(Counter.abandoned),
      loadsMissing: of(Counter.missing),
      loadsOutdated: of(Counter.outdated),
      removed: Object.fromEntries(removed) as Record<RemovalCause, number>,
      byOrigin: this.#readOrigins(type),
      entries: of(Counter.entries),
      weightBytes: of(Counter.weightBytes),
      waitSeconds: { count: wait.count, sum: wait.sum, histogram: wait.encode() },
    };
  }

  #readOrigins(type: number): TypeCounts["byOrigin"] {
    return [...this.#originNumbers].map(([origin, number]) => {
      const at = (type * ORIGINS_MAX + number) * ORIGIN_WIDTH;
      return {
        origin,
        inserted: this.#origins[at + INSERTED] as number,
        evictedUnread: this.#origins[at + EVICTED_UNREAD] as number,
        expiredUnread: this.#origins[at + EXPIRED_UNREAD] as number,
      };
    }).filter(({ inserted }) => inserted > 0);
  }
}

/** The number of a name, a new one while there are any, then that of `rest`. */
function numberOf(
  numbers: Map<string, number>,
  name: string,
  max: number,
  rest: string,
): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  if (numbers.size === max) return numbers.get(rest) as number;
  numbers.set(name, numbers.size);
  return numbers.size - 1;
}
