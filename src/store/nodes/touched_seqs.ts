/**
 * The last commit that was about each series, for whoever asks whether there is something new of one.
 *
 * @module
 */

/** Series whose last commit is known by itself: 100,000 cost some 10 MB. */
export const TOUCHED_SERIES_MAX = 100_000;

/** See the module's text. It may say a later seq than the right one, and never an earlier one. */
export class TouchedSeqs {
  readonly #seqs = new Map<string, number>();
  readonly #max: number;
  /** Of series that are not known. */
  #floor = 0;

  /** `max` series at most. */
  constructor(max = TOUCHED_SERIES_MAX) {
    this.#max = max;
  }

  /** A commit was about a series; seqs ascend. */
  touch(series: string, seq: number): void {
    // Those touched longest ago come first.
    this.#seqs.delete(series);
    this.#seqs.set(series, seq);
    if (this.#seqs.size <= this.#max) return;
    for (const [oldest, last] of this.#seqs) {
      this.#seqs.delete(oldest);
      this.#floor = Math.max(this.#floor, last);
      return;
    }
  }

  /** Nobody knows what commits up to a seq were about. */
  forget(seq: number): void {
    this.#floor = Math.max(this.#floor, seq);
  }

  /** A seq after which no commit was about the series. O(1). */
  after(series: string): number {
    return Math.max(this.#floor, this.#seqs.get(series) ?? 0);
  }
}
