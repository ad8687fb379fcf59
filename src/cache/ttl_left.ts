/**
 * How long entries are still fresh, by type of data: counts in a few spans, so that shards add up.
 *
 * @module
 */

/** Upper edges of the spans, exclusive, ms: what people tell apart. */
export const TTL_LEFT_BELOW_MS: readonly number[] = [
  1_000,
  10_000,
  60_000,
  600_000,
  3_600_000,
  86_400_000,
];

/** Entries that are looked at in one shard: some 0.1 ms, which each look of a dashboard costs. */
export const TTL_LEFT_LOOKS_MAX = 8_192;

/** Stale ones, one class for each edge, longer ones, and those that never become stale. */
const CLASSES = TTL_LEFT_BELOW_MS.length + 3;
const STALE = 0;
const NEVER = CLASSES - 1;

/** Entries of one type by what is left, as a shard counts them; see {@linkcode ttlLeftReport}. */
export interface TtlLeftCounts {
  /** Type of data. */
  readonly type: string;
  /** Entries in each class; estimates where the shard holds more than are looked at. */
  readonly counts: readonly number[];
}

/** Entries by the time after which they are stale. */
export interface TtlLeftReport {
  /** Stale already. */
  readonly stale: number;
  /** Fresh for less than `belowMs`, and at least as long as the span before says; null = longer. */
  readonly spans: readonly { readonly belowMs: number | null; readonly entries: number }[];
  /** Never stale by time. */
  readonly never: number;
}

/** Counts entries by type; types are small numbers. */
export class TtlLeftSums {
  readonly #byType = new Map<number, number[]>();

  /** Adds `entries` of a type that are stale after `leftMs`; not above 0 = stale now. O(1). */
  add(type: number, leftMs: number, entries: number): void {
    let counts = this.#byType.get(type);
    if (counts === undefined) this.#byType.set(type, counts = new Array(CLASSES).fill(0));
    const at = classOf(leftMs);
    counts[at] = (counts[at] ?? 0) + entries;
  }

  /** What was added, by name of the type. */
  read(nameOf: (type: number) => string): TtlLeftCounts[] {
    return [...this.#byType].map(([type, counts]) => ({ type: nameOf(type), counts }));
  }
}

function classOf(leftMs: number): number {
  if (leftMs === Infinity) return NEVER;
  if (!(leftMs > 0)) return STALE;
  const at = TTL_LEFT_BELOW_MS.findIndex((belowMs) => leftMs < belowMs);
  return at < 0 ? NEVER - 1 : at + 1;
}

/** All parts together. O(parts). */
export function ttlLeftReport(parts: readonly Pick<TtlLeftCounts, "counts">[]): TtlLeftReport {
  const of = (at: number) => parts.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0);
  return {
    stale: of(STALE),
    spans: [...TTL_LEFT_BELOW_MS, null].map((belowMs, i) => ({ belowMs, entries: of(i + 1) })),
    never: of(NEVER),
  };
}
