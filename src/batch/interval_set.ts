/**
 * A set of item numbers kept as sorted ranges: what a checkpoint says is done.
 *
 * @module
 */

/** Items `from` ≤ i < `to`. */
export interface Interval {
  /** The first item. */
  readonly from: number;
  /** The item after the last one. */
  readonly to: number;
}

/**
 * Most ranges of one set. What is not done lies between two ranges, so that this bounds the holes:
 * the chunks under way and those set aside, a few hundred; the rest is room for data gone wrong.
 */
export const INTERVALS_MAX = 65_536;

/** Longest text, in characters: that many ranges of the largest numbers, so that each set fits. */
export const INTERVALS_TEXT_MAX = INTERVALS_MAX * "9007199254740991-9007199254740991,".length;

/**
 * Non-negative integers as sorted ranges that neither overlap nor touch.
 *
 * - `add`, `has`: O(log n) to find and at most O(n) to move, n ranges
 * - the text is canonical: two sets are equal exactly when their texts are
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { IntervalSet } from "./interval_set.ts";
 *
 * const done = IntervalSet.parse("0-4500,4700-4800");
 * done.add(4500, 4600);
 * assertEquals(done.toText(), "0-4600,4700-4800");
 * assertEquals([...done.holes(5000)], [{ from: 4600, to: 4700 }, { from: 4800, to: 5000 }]);
 * ```
 */
export class IntervalSet {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  #size = 0;

  /** How many items it holds. */
  get size(): number {
    return this.#size;
  }

  /** How many ranges it takes. */
  get intervals(): number {
    return this.#from.length;
  }

  /** Whether item `i` is in it. */
  has(i: number): boolean {
    const at = this.#firstEndingAfter(i);
    return (this.#from[at] ?? Infinity) <= i;
  }

  /**
   * Takes in the items `from` ≤ i < `to`, whether or not some of them are in already.
   *
   * @returns how many of them are new.
   * @throws {RangeError} when the range is empty or no range of integers ≥ 0, or when the set would
   * need more than {@linkcode INTERVALS_MAX} ranges.
   */
  add(from: number, to: number): number {
    assertRange("add", from, to);
    // Ranges that overlap or touch become one with it: those from `first` up to before `last`.
    const first = this.#firstEndingAfter(from - 1);
    let last = first, within = 0, start = from, end = to;
    for (; (this.#from[last] ?? Infinity) <= to; last++) {
      const rangeFrom = this.#from[last] as number, rangeTo = this.#to[last] as number;
      within += rangeTo - rangeFrom;
      start = Math.min(start, rangeFrom);
      end = Math.max(end, rangeTo);
    }
    if (first === last && this.#from.length >= INTERVALS_MAX) {
      throw new RangeError(
        `Cannot add ${from}-${to}: expected at most ${INTERVALS_MAX} ranges: ` +
          `current value is ${this.#from.length + 1}`,
      );
    }
    this.#from.splice(first, last - first, start);
    this.#to.splice(first, last - first, end);
    const added = end - start - within;
    this.#size += added;
    return added;
  }

  /** The ranges, ascending. */
  *[Symbol.iterator](): IterableIterator<Interval> {
    for (let at = 0; at < this.#from.length; at++) {
      yield { from: this.#from[at] as number, to: this.#to[at] as number };
    }
  }

  /** The ranges of 0 ≤ i < `count` that are not in it, ascending. */
  *holes(count: number): IterableIterator<Interval> {
    let from = 0;
    for (const interval of this) {
      if (interval.from >= count) break;
      if (interval.from > from) yield { from, to: interval.from };
      from = interval.to;
    }
    if (from < count) yield { from, to: count };
  }

  /** The ranges as `from-to` with `to` exclusive, separated by commas; empty for the empty set. */
  toText(): string {
    return this.#from.map((from, at) => `${from}-${this.#to[at]}`).join(",");
  }

  /**
   * Reads what {@linkcode IntervalSet.toText} wrote, and nothing else: canonical text only, so that
   * a damaged checkpoint is seen.
   *
   * @throws {RangeError} when the text is too long, or is not canonical.
   */
  static parse(text: string): IntervalSet {
    if (text.length > INTERVALS_TEXT_MAX) {
      throw new RangeError(
        `Cannot read intervals: expected at most ${INTERVALS_TEXT_MAX} characters: ` +
          `current value is ${text.length}`,
      );
    }
    const set = new IntervalSet();
    if (text === "") return set;
    let end = -1;
    for (const part of text.split(",")) {
      const [, from, to] = /^(0|[1-9]\d{0,15})-([1-9]\d{0,15})$/.exec(part) ?? [];
      // A range that touches the one before would have been written as one with it.
      if (from === undefined || to === undefined || Number(from) <= end) {
        throw new RangeError(
          "Cannot read intervals: expected ascending from-to, neither empty nor touching: " +
            `current value is ${JSON.stringify(part.slice(0, 40))}`,
        );
      }
      set.add(Number(from), Number(to));
      end = Number(to);
    }
    return set;
  }

  /**
   * Checks the structure, O(n): for tests.
   *
   * @throws {Error} when it is broken.
   */
  invariant(): void {
    let end = -1, size = 0;
    for (const { from, to } of this) {
      if (from <= end || to <= from) throw new Error(`IntervalSet is broken at ${from}-${to}`);
      size += to - from;
      end = to;
    }
    if (size !== this.#size) throw new Error(`IntervalSet counts ${this.#size} of ${size}`);
  }

  /** Index of the first range that ends after `i`; their count if there is none. */
  #firstEndingAfter(i: number): number {
    let low = 0, high = this.#to.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#to[middle] as number) > i) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function assertRange(verb: string, from: number, to: number): void {
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from < to) return;
  throw new RangeError(
    `Cannot ${verb} a range: expected integers 0 ≤ from < to: current value is ${from}-${to}`,
  );
}
