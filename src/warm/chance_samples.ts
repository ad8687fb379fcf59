/**
 * Predictions that wait for the end of their windows, the next one first: a binary heap over typed
 * arrays.
 *
 * @module
 */

import { FEATURE_COUNT } from "./chance_model.ts";

/**
 * Predictions that wait at a time. As many are learned from within the mean window, some hundred a
 * minute: far more than eight weights need.
 */
export const SAMPLES_MAX = 1_024;

/** See the head of this file. */
export class ChanceSamples {
  /** Features of place p begin at p × FEATURE_COUNT. */
  readonly features = new Float32Array(SAMPLES_MAX * FEATURE_COUNT);
  readonly slots = new Uint32Array(SAMPLES_MAX);
  /** Of the slot, when it was predicted. */
  readonly generations = new Uint8Array(SAMPLES_MAX);
  /** When it was predicted, and what. */
  readonly atMs = new Float64Array(SAMPLES_MAX);
  readonly chances = new Float64Array(SAMPLES_MAX);
  readonly #endsMs = new Float64Array(SAMPLES_MAX);
  /** Places, in the order of a heap; behind `size`, the free ones. */
  readonly #heap = Uint16Array.from({ length: SAMPLES_MAX }, (_, place) => place);
  #size = 0;

  /** Bytes of its columns. */
  get bytes(): number {
    return SAMPLES_MAX * (4 * FEATURE_COUNT + 4 + 1 + 3 * 8 + 2);
  }

  /** Predictions that wait. */
  get size(): number {
    return this.#size;
  }

  /** Takes a place; -1 when there is none. The caller fills its columns. O(log n). */
  add(endMs: number): number {
    if (this.#size === SAMPLES_MAX) return -1;
    const place = this.#heap[this.#size] as number;
    this.#endsMs[place] = endMs;
    let at = this.#size++;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#endOf(above) <= endMs) break;
      this.#swap(at, above);
      at = above;
    }
    return place;
  }

  /**
   * The place whose window ended first, before `nowMs`; -1 when none did. It is free then, but its
   * columns hold until the next `add`. O(log n).
   */
  takeEnded(nowMs: number): number {
    if (this.#size === 0 || this.#endOf(0) >= nowMs) return -1;
    const place = this.#heap[0] as number;
    this.#swap(0, --this.#size);
    for (let at = 0;;) {
      let least = at;
      const left = 2 * at + 1, right = left + 1;
      if (left < this.#size && this.#endOf(left) < this.#endOf(least)) least = left;
      if (right < this.#size && this.#endOf(right) < this.#endOf(least)) least = right;
      if (least === at) return place;
      this.#swap(at, least);
      at = least;
    }
  }

  #endOf(at: number): number {
    return this.#endsMs[this.#heap[at] as number] as number;
  }

  #swap(a: number, b: number): void {
    const place = this.#heap[a] as number;
    this.#heap[a] = this.#heap[b] as number;
    this.#heap[b] = place;
  }
}
