/**
 * What commits touched lately: whether the candles that something was made of changed since. Asked
 * when an entry comes back from the second tier, which may have slept through invalidations.
 *
 * ## Never wrong to the one side
 * "Untouched" is certain; "touched" may be said of what is not known any more. Each series has
 * ranges that do not overlap, each with the seq of the last commit that touched it. They say
 * exactly what was touched after any seq until their number is bounded:
 * - a series that has too many joins neighbours, those touched longest ago first, and the gap
 *   between them, under the later of their seqs. Commits at the live edge leave such ranges side by
 *   side in the order of their seqs, so that only questions about seqs long ago lose anything
 * - when all series together have too many, those touched longest ago are forgotten, and what was
 *   touched up to then counts as touched in every series that is not known
 *
 * @module
 */

import type { Dependency, TouchedRange } from "./types.ts";

/** Bounds of a {@linkcode TouchedIndex}, each with its reason. */
export const TOUCHED_BOUNDS = {
  /** Ranges of one series: a commit a minute for an hour, exactly. */
  rangesPerSeriesMax: 64,
  /** Ranges of all series together: some 10 MB. */
  rangesMax: 200_000,
} as const;

/** Bounds that differ from {@linkcode TOUCHED_BOUNDS}. */
export interface TouchedOptions {
  /**
   * What commits up to this seq touched is not known; default 0: all commits will be added. From
   * Infinity everything counts as touched until {@linkcode TouchedIndex.forget} says where commits
   * begin.
   */
  readonly fromSeq?: number;
  /** At least 2. */
  readonly rangesPerSeriesMax?: number;
  /** At least `rangesPerSeriesMax`. */
  readonly rangesMax?: number;
}

/** Ranges of one series: ascending, apart from or beside each other, from ≤ t < to. */
class SeriesRanges {
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly seq: number[] = [];
  /** Seq of the last commit that touched it. */
  lastSeq = 0;
  /** What commits up to this seq touched here is not known. */
  readonly floorSeq: number;

  constructor(floorSeq: number) {
    this.floorSeq = floorSeq;
  }

  /** Whether any of from ≤ t < to was touched after a seq. O(log ranges + ranges hit). */
  isTouched(from: number, to: number, afterSeq: number): boolean {
    for (let at = this.#firstEndingAfter(from); at < this.from.length; at++) {
      if ((this.from[at] as number) >= to) return false;
      if ((this.seq[at] as number) > afterSeq) return true;
    }
    return false;
  }

  /** From ≤ t < to was touched at a seq that is none of the earlier ones. O(ranges). */
  touch(from: number, to: number, seq: number): void {
    this.lastSeq = seq;
    const last = this.to.length - 1;
    // Most commits are at the live edge.
    if (last < 0 || from >= (this.to[last] as number)) {
      this.from.push(from);
      this.to.push(to);
      this.seq.push(seq);
      if (last >= 0) this.#joinSame(last);
      return;
    }
    const first = this.#firstEndingAfter(from);
    let end = first;
    while (end < this.from.length && (this.from[end] as number) < to) end++;
    // What sticks out of the first and the last range that it covers in part.
    const before = first < end && (this.from[first] as number) < from ? first : -1;
    const after = first < end && (this.to[end - 1] as number) > to ? end - 1 : -1;
    const pieces: [from: number, to: number, seq: number][] = [];
    if (before >= 0) pieces.push([this.from[before] as number, from, this.seq[before] as number]);
    pieces.push([from, to, seq]);
    if (after >= 0) pieces.push([to, this.to[after] as number, this.seq[after] as number]);
    this.#replace(first, end, pieces);
    this.#joinSame(first + (before >= 0 ? 1 : 0));
  }

  /** Joins neighbours, those touched longest ago first, until there are at most `max` ranges. */
  joinTo(max: number): void {
    const over = this.from.length - max;
    if (over > 0 && this.#isAscending()) {
      const [from, to, seq] = [this.from[0], this.to[over], this.seq[over]] as number[];
      this.#replace(0, over + 1, [[from as number, to as number, seq as number]]);
      return;
    }
    while (this.from.length > max) {
      let least = 0;
      let leastSeq = Infinity;
      for (let at = 0; at + 1 < this.from.length; at++) {
        const seq = Math.max(this.seq[at] as number, this.seq[at + 1] as number);
        if (seq < leastSeq) [least, leastSeq] = [at, seq];
      }
      this.#join(least);
    }
  }

  /**
   * Whether later ranges were touched later, as at the live edge: then those touched longest ago are
   * the first ones. All series of a feed have too many ranges in the same commit, so that the search
   * would hold the loop up for some 5 ms a thousand series.
   */
  #isAscending(): boolean {
    return this.seq.every((seq, at) => at === 0 || (this.seq[at - 1] as number) <= seq);
  }

  /** One commit's ranges side by side are one. */
  #joinSame(at: number): void {
    if (this.#isOne(at)) this.#join(at);
    if (at > 0 && this.#isOne(at - 1)) this.#join(at - 1);
  }

  #isOne(at: number): boolean {
    return this.to[at] === this.from[at + 1] && this.seq[at] === this.seq[at + 1];
  }

  #join(at: number): void {
    const seq = Math.max(this.seq[at] as number, this.seq[at + 1] as number);
    this.#replace(at, at + 2, [[this.from[at] as number, this.to[at + 1] as number, seq]]);
  }

  #replace(first: number, end: number, pieces: readonly [number, number, number][]): void {
    this.from.splice(first, end - first, ...pieces.map(([from]) => from));
    this.to.splice(first, end - first, ...pieces.map(([, to]) => to));
    this.seq.splice(first, end - first, ...pieces.map(([, , seq]) => seq));
  }

  #firstEndingAfter(t: number): number {
    let low = 0;
    let high = this.to.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.to[middle] as number) <= t) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** See the head of this file. */
export class TouchedIndex {
  readonly #series = new Map<string, SeriesRanges>();
  readonly #rangesPerSeriesMax: number;
  readonly #rangesKept: number;
  readonly #rangesMax: number;
  #ranges = 0;
  #floorSeq: number;
  #lastSeq: number;

  /** Knows nothing of what commits up to `fromSeq` touched. */
  constructor(options: TouchedOptions = {}) {
    const bounds = { ...TOUCHED_BOUNDS, fromSeq: 0, ...options };
    this.#rangesPerSeriesMax = Math.max(2, bounds.rangesPerSeriesMax);
    this.#rangesKept = Math.max(1, Math.floor(this.#rangesPerSeriesMax * 0.75));
    this.#rangesMax = Math.max(bounds.rangesMax, this.#rangesPerSeriesMax);
    this.#floorSeq = this.#lastSeq = bounds.fromSeq;
  }

  /** Ranges held. */
  get size(): number {
    return this.#ranges;
  }

  /** What commits up to this seq touched is not known of any series but those held. */
  get floorSeq(): number {
    return this.#floorSeq;
  }

  /**
   * A commit touched candles. Commits are told of in the order of their seqs; one that comes late
   * counts as the last one, one that comes twice changes nothing that matters.
   *
   * A range at the live edge costs a third of a microsecond.
   */
  add(seq: number, ranges: readonly TouchedRange[]): void {
    if (this.#floorSeq === Infinity) return;
    // Whatever the seq is, a number that orders nothing must not make anything untouched.
    const counted = seq > this.#lastSeq ? seq : this.#lastSeq;
    this.#lastSeq = counted;
    for (const { series, fromTs, toTs } of ranges) {
      if (!(fromTs < toTs)) continue;
      let known = this.#series.get(series);
      if (known === undefined) {
        known = new SeriesRanges(this.#floorSeq);
        this.#series.set(series, known);
      }
      const before = known.from.length;
      known.touch(fromTs, toTs, counted);
      // A few at once, so that a commit seldom looks at all of them.
      if (known.from.length > this.#rangesPerSeriesMax) known.joinTo(this.#rangesKept);
      this.#ranges += known.from.length - before;
    }
    if (this.#ranges > this.#rangesMax) this.#forgetOldest();
  }

  /** Forgets all that was touched up to `seq`, told of or not: it counts as touched. O(1). */
  forget(seq: number): void {
    this.#series.clear();
    this.#ranges = 0;
    const isFirst = this.#floorSeq === Infinity;
    this.#floorSeq = isFirst ? seq : Math.max(this.#floorSeq, this.#lastSeq, seq);
    this.#lastSeq = this.#floorSeq;
  }

  /** Forgets everything, and seqs begin again: what comes next is after `seq`, however low. O(1). */
  restart(seq: number): void {
    this.#series.clear();
    this.#ranges = 0;
    this.#floorSeq = this.#lastSeq = seq;
  }

  /**
   * Whether a commit after `afterSeq` touched what a dependency names; true where that is not
   * known. Of levels and of other entries nothing is known here. O(log ranges of the series +
   * ranges hit).
   */
  isTouched(dependency: Dependency | TouchedRange, afterSeq: number): boolean {
    if ("kind" in dependency && dependency.kind !== "candles") return true;
    const { series, fromTs, toTs } = dependency;
    const known = this.#series.get(series);
    // The negation also holds for what is no number.
    if (!(afterSeq >= (known === undefined ? this.#floorSeq : known.floorSeq))) return true;
    if (known === undefined || known.lastSeq <= afterSeq) return false;
    return known.isTouched(fromTs, toTs, afterSeq);
  }

  /**
   * Checks what must hold at any time. O(ranges).
   *
   * @throws {Error} saying what does not.
   */
  invariant(): void {
    let ranges = 0;
    for (const [series, { from, to, seq, lastSeq, floorSeq }] of this.#series) {
      ranges += from.length;
      const isRight = from.length > 0 && from.length <= this.#rangesPerSeriesMax &&
        from.every((start, at) =>
          start < (to[at] as number) && (at === 0 || (to[at - 1] as number) <= start) &&
          (seq[at] as number) <= lastSeq
        ) && lastSeq <= this.#lastSeq && floorSeq <= this.#floorSeq;
      if (!isRight) throw new Error(`Cannot trust touched ranges of ${series}: out of order`);
    }
    if (ranges !== this.#ranges || ranges > this.#rangesMax) {
      throw new Error(`Cannot trust touched ranges: counted ${ranges}, held ${this.#ranges}`);
    }
  }

  /**
   * Gives up a quarter of all ranges at once, so that it happens seldom. O(series · log series).
   */
  #forgetOldest(): void {
    const oldest = [...this.#series].sort(([, a], [, b]) => a.lastSeq - b.lastSeq);
    const keptMax = this.#rangesMax * 0.75;
    for (const [series, { from, lastSeq }] of oldest) {
      if (this.#ranges <= keptMax) return;
      this.#series.delete(series);
      this.#ranges -= from.length;
      this.#floorSeq = Math.max(this.#floorSeq, lastSeq);
    }
  }
}
