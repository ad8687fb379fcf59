/**
 * Support and resistance levels that pull a barrier in (R6).
 *
 * A {@linkcode LevelSet} is sorted once and shared by all labelers of a series; each labeler walks
 * it with a {@linkcode LevelSweep} of its own. Because events come in ascending ts, every level is
 * switched on once and off once: the active prices are kept sorted, so an event costs two binary
 * searches however many levels there are.
 *
 * @module
 */

/** One price level, active for from ≤ t < to. */
export interface Level {
  /** Which barrier it pulls in: `resistance` the upper, `support` the lower. */
  readonly kind: "support" | "resistance";
  /** Price units. */
  readonly price: number;
  /** Epoch milliseconds UTC, inclusive. */
  readonly fromTs: number;
  /** Epoch milliseconds UTC, exclusive. */
  readonly toTs: number;
}

/**
 * Most levels a set may hold. Switching one on or off moves the active prices beside it in memory:
 * at this bound at most 0.8 MB, some 40 µs.
 */
export const LEVELS_MAX = 100_000;

/** When more levels than this begin at once, the active prices are sorted anew instead. */
const BEGIN_TOGETHER = 256;

/**
 * Reads the plain data of a levels file: a list of
 * `{ kind: "support" | "resistance", price, from_ts, to_ts }`. Other fields are ignored.
 *
 * @throws {TypeError} naming the entry (from 0) and the field that is not as expected.
 */
export function parseLevels(data: unknown): Level[] {
  if (!Array.isArray(data)) {
    throw new TypeError(
      `Cannot read levels: expected a list of levels: current value is ${describe(data)}`,
    );
  }
  return data.map((entry: unknown, index) => {
    if (typeof entry !== "object" || entry === null) {
      throw complaint(index, "an object with kind, price, from_ts and to_ts", entry);
    }
    const { kind, price, from_ts, to_ts } = entry as Record<string, unknown>;
    if (kind !== "support" && kind !== "resistance") {
      throw complaint(index, `kind "support" or "resistance"`, kind);
    }
    if (typeof price !== "number" || !Number.isFinite(price)) {
      throw complaint(index, "price, a finite number", price);
    }
    if (typeof from_ts !== "number" || !Number.isFinite(from_ts)) {
      throw complaint(index, "from_ts, epoch milliseconds", from_ts);
    }
    if (typeof to_ts !== "number" || !Number.isFinite(to_ts)) {
      throw complaint(index, "to_ts, epoch milliseconds", to_ts);
    }
    if (to_ts < from_ts) throw complaint(index, `to_ts at or after from_ts ${from_ts}`, to_ts);
    return { kind, price, fromTs: from_ts, toTs: to_ts };
  });
}

/** Levels of one series, sorted for sweeping. Immutable; shared between labelers. */
export class LevelSet {
  /** Levels ever active; those with an empty time range are left out. */
  readonly length: number;
  /** Beginnings, epoch milliseconds UTC, ascending. */
  readonly fromTs: Float64Array;
  /** Prices, in the same order. */
  readonly price: Float64Array;
  /** 1 for resistance. */
  readonly resistance: Uint8Array;
  /** Ends, exclusive, in the same order. */
  readonly toTs: Float64Array;
  /** Indices of the levels in the order they end. */
  readonly byEnd: Uint32Array;

  /**
   * Sorts the levels. O(n log n).
   *
   * @throws {RangeError} when there are more than {@linkcode LEVELS_MAX}.
   */
  constructor(levels: readonly Level[]) {
    if (levels.length > LEVELS_MAX) {
      throw new RangeError(
        `Cannot use levels: expected at most ${LEVELS_MAX}: current value is ${levels.length}`,
      );
    }
    const sorted = levels.filter((level) => level.fromTs < level.toTs)
      .sort((a, b) => a.fromTs - b.fromTs);
    this.length = sorted.length;
    this.fromTs = Float64Array.from(sorted, (level) => level.fromTs);
    this.toTs = Float64Array.from(sorted, (level) => level.toTs);
    this.price = Float64Array.from(sorted, (level) => level.price);
    this.resistance = Uint8Array.from(sorted, (level) => level.kind === "resistance" ? 1 : 0);
    this.byEnd = Uint32Array.from(sorted, (_, index) => index)
      .sort((a, b) => (this.toTs[a] as number) - (this.toTs[b] as number));
  }
}

/**
 * A walk over a {@linkcode LevelSet} in ascending time that knows the prices active now.
 *
 * - `advance` costs O(active) per level switched on or off, nothing otherwise;
 * - `above` and `below` cost O(log active).
 */
export class LevelSweep {
  readonly #set: LevelSet;
  readonly #resistances: SortedPrices;
  readonly #supports: SortedPrices;
  #started = 0;
  #ended = 0;

  /** Before the first level. O(1). */
  constructor(set: LevelSet) {
    this.#set = set;
    this.#resistances = new SortedPrices();
    this.#supports = new SortedPrices();
  }

  /** Levels active at the last time advanced to. */
  get active(): number {
    return this.#resistances.length + this.#supports.length;
  }

  /** Moves to `ts`, which must not be before the last one. */
  advance(ts: number): void {
    const { fromTs, toTs, byEnd, price, length } = this.#set;
    // Indices stay below the set's length: the levels begin and end in sorted order.
    const before = this.#started;
    while (this.#started < length && fromTs[this.#started] as number <= ts) this.#started++;
    if (this.#started - before > BEGIN_TOGETHER) return this.#rebuild(ts);
    // Beginning first keeps a level that began and ended since the last time in balance.
    for (let level = before; level < this.#started; level++) {
      this.#side(level).add(price[level] as number);
    }
    while (this.#ended < length) {
      const level = byEnd[this.#ended] as number;
      if (toTs[level] as number > ts) break;
      this.#side(level).remove(price[level] as number);
      this.#ended++;
    }
  }

  /** Lowest active resistance above the price, Infinity when there is none. */
  above(price: number): number {
    return this.#resistances.above(price);
  }

  /** Highest active support below the price, −Infinity when there is none. */
  below(price: number): number {
    return this.#supports.below(price);
  }

  /** Back to before the first level. O(1). */
  reset(): void {
    this.#started = 0;
    this.#ended = 0;
    this.#resistances.length = 0;
    this.#supports.length = 0;
  }

  #rebuild(ts: number): void {
    const { toTs, byEnd, price, length } = this.#set;
    const open: [number[], number[]] = [[], []];
    for (let level = 0; level < this.#started; level++) {
      if (toTs[level] as number <= ts) continue;
      open[this.#set.resistance[level] === 1 ? 0 : 1].push(price[level] as number);
    }
    while (this.#ended < length && toTs[byEnd[this.#ended] as number] as number <= ts) {
      this.#ended++;
    }
    this.#resistances.assign(open[0]);
    this.#supports.assign(open[1]);
  }

  #side(level: number): SortedPrices {
    return this.#set.resistance[level] === 1 ? this.#resistances : this.#supports;
  }
}

/** Prices in ascending order, repeats kept. */
class SortedPrices {
  length = 0;
  #prices = new Float64Array(16);

  assign(prices: readonly number[]): void {
    if (prices.length > this.#prices.length) this.#prices = new Float64Array(2 * prices.length);
    this.#prices.set(prices);
    this.#prices.subarray(0, prices.length).sort();
    this.length = prices.length;
  }

  add(price: number): void {
    if (this.length === this.#prices.length) {
      const grown = new Float64Array(2 * this.length);
      grown.set(this.#prices);
      this.#prices = grown;
    }
    const at = this.#firstAtLeast(price);
    this.#prices.copyWithin(at + 1, at, this.length);
    this.#prices[at] = price;
    this.length++;
  }

  remove(price: number): void {
    const at = this.#firstAtLeast(price);
    this.#prices.copyWithin(at, at + 1, this.length);
    this.length--;
  }

  above(price: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#prices[middle] as number <= price) low = middle + 1;
      else high = middle;
    }
    return low < this.length ? this.#prices[low] as number : Infinity;
  }

  below(price: number): number {
    const at = this.#firstAtLeast(price);
    return at > 0 ? this.#prices[at - 1] as number : -Infinity;
  }

  #firstAtLeast(price: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#prices[middle] as number < price) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function complaint(index: number, expected: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot read level ${index}: expected ${expected}: current value is ${describe(value)}`,
  );
}

function describe(value: unknown): string {
  const text = value === undefined ? "undefined" : JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
