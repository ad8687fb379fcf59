/**
 * Whether chances come true: how many of the entries warmed at a chance were used, in buckets, and
 * what a chance is to be corrected by.
 *
 * An entry counts at the end of its TTL, used or not. Counting the used ones earlier would make
 * every chance look too low as long as entries with long TTLs are open.
 *
 * @module
 */

import type { ReliabilityBucket } from "./warming_types.ts";

/** Tenths, as reliability diagrams have them. */
const BUCKETS = 10;

/**
 * Entries that a correction is shrunk by: with as many of its own, a bucket is believed half. The
 * standard error of a share is 7 points by then.
 */
const SHRINK_COUNT = 50;

/** Entries that a bucket remembers: then older ones give way. */
const MEMORY_COUNT = 2_000;

/** Counts of one source of chances; a bucket's are in three columns. */
export class Reliability {
  readonly #count = new Float64Array(BUCKETS);
  readonly #predicted = new Float64Array(BUCKETS);
  readonly #used = new Float64Array(BUCKETS);

  /** An entry warmed at `chance` has come to the end of its TTL. */
  add(chance: number, isUsed: boolean): void {
    const at = bucketOf(chance);
    const keep = (this.#count[at] as number) >= MEMORY_COUNT ? 1 - 1 / MEMORY_COUNT : 1;
    this.#count[at] = (this.#count[at] as number) * keep + 1;
    this.#predicted[at] = (this.#predicted[at] as number) * keep + chance;
    this.#used[at] = (this.#used[at] as number) * keep + (isUsed ? 1 : 0);
  }

  /**
   * The chance as it has come true: moved by the mean error of its bucket, as far as the bucket is
   * believed. Between the middles of two buckets the move is interpolated, so that it does not jump.
   */
  corrected(chance: number): number {
    const place = Math.min(Math.max(chance * BUCKETS - 0.5, 0), BUCKETS - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, BUCKETS - 1);
    const share = place - below;
    const move = this.#move(below) * (1 - share) + this.#move(above) * share;
    return Math.min(Math.max(chance + move, 0), 1);
  }

  #move(at: number): number {
    const count = this.#count[at] as number;
    return ((this.#used[at] as number) - (this.#predicted[at] as number)) / (count + SHRINK_COUNT);
  }

  /** Half of what is known is forgotten: a bucket below the floor is never filled again. */
  decay(): void {
    for (const column of [this.#count, this.#predicted, this.#used]) {
      for (let at = 0; at < BUCKETS; at++) column[at] = (column[at] as number) / 2;
    }
  }

  /** All that is known is forgotten. */
  forget(): void {
    for (const column of [this.#count, this.#predicted, this.#used]) column.fill(0);
  }

  /** The buckets that have entries. */
  buckets(): readonly ReliabilityBucket[] {
    const buckets: ReliabilityBucket[] = [];
    for (let at = 0; at < BUCKETS; at++) {
      const count = this.#count[at] as number;
      if (count === 0) continue;
      buckets.push({
        from: at / BUCKETS,
        to: (at + 1) / BUCKETS,
        count,
        predicted: (this.#predicted[at] as number) / count,
        used: (this.#used[at] as number) / count,
      });
    }
    return buckets;
  }

  /** What outlives the process. */
  snapshot(): readonly number[] {
    return [...this.#count, ...this.#predicted, ...this.#used];
  }

  /** Goes on from a snapshot that was checked: {@linkcode RELIABILITY_NUMBERS} numbers ≥ 0. */
  restore(saved: readonly number[]): void {
    this.#count.set(saved.slice(0, BUCKETS));
    this.#predicted.set(saved.slice(BUCKETS, 2 * BUCKETS));
    this.#used.set(saved.slice(2 * BUCKETS, 3 * BUCKETS));
  }
}

/** Numbers of a snapshot of {@linkcode Reliability}. */
export const RELIABILITY_NUMBERS = 3 * BUCKETS;

const bucketOf = (chance: number) => Math.min(Math.floor(chance * BUCKETS), BUCKETS - 1);
