/**
 * Scores of sets: what was computed last, what must be computed again, and what failed.
 *
 * A set is in one of these states, by handle:
 *
 * - **clean**: its key is its score
 * - **failed**: the scorer threw on it; it has no key until a member moves
 * - **dirty**: it must be evaluated
 * - **stale** (only with a bound): it may be left as it is, its key is an upper bound of its score
 *
 * @module
 */

import { Blocks, NO_KEY } from "./blocks.ts";
import type { CandidateSets } from "./candidate_sets.ts";
import { DirtyBits } from "./dirty.ts";
import type { Edges } from "./edges.ts";
import { assertInvariant } from "./error.ts";
import type { FailedSet, SetScore } from "./run_engine.ts";
import type { Scorer } from "./scorer.ts";

/** Most failed sets that are named with their error; all are counted. */
export const FAILED_NAMED_MAX = 64;
const ERROR_CHARS_MAX = 300;

/** Counts of one evaluation. */
export interface Tally {
  /** Sets that were scored. */
  evaluated: number;
  /** Of these, with another score than before, bit by bit. */
  changed: number;
  /** Sets on which the scorer threw. */
  failedCount: number;
  /** The first of them. */
  failed: FailedSet[];
}

/** Nothing counted yet. */
export const newTally = (): Tally => ({ evaluated: 0, changed: 0, failedCount: 0, failed: [] });

/** See the head of this file. */
export class SetScores {
  /** Sets that must be evaluated. */
  readonly dirty = new DirtyBits();
  /** Sets whose key is only a bound. */
  readonly stale = new DirtyBits();
  /** Keys and their maxima. */
  readonly blocks: Blocks;
  readonly #failed = new DirtyBits();
  readonly #edges: Edges;
  readonly #sets: CandidateSets;
  readonly #scorer: Scorer;
  /** Last score by handle, NaN if there is none. */
  #scores = new Float64Array(0);

  /** Of sets that are added later. */
  constructor(edges: Edges, sets: CandidateSets, scorer: Scorer) {
    this.#edges = edges;
    this.#sets = sets;
    this.#scorer = scorer;
    this.blocks = new Blocks(sets.ids);
  }

  /** Sets whose last evaluation threw. */
  get failedCount(): number {
    return this.#failed.count;
  }

  /** Last score that was computed; NaN if there is none. */
  lastOf(handle: number): number {
    return this.#scores[handle] as number;
  }

  /** Whether the last evaluation of a set threw. */
  hasFailed(handle: number): boolean {
    return this.#failed.has(handle);
  }

  /** A set was added; it is dirty. */
  added(handle: number): void {
    if (handle >= this.#scores.length) this.#grow(handle + 1);
    this.dirty.mark(handle);
  }

  /** A set was removed. */
  removed(handle: number): void {
    this.dirty.clear(handle);
    this.stale.clear(handle);
    this.#failed.clear(handle);
    this.#scores[handle] = NaN;
    this.blocks.set(handle, NO_KEY);
  }

  /** A set must be evaluated, whatever its bound was. */
  touch(handle: number): void {
    this.stale.clear(handle);
    this.dirty.mark(handle);
  }

  /** Sets that failed must be evaluated. O(sets / 32). */
  retryFailed(): void {
    for (let at = this.#failed.next(0); at >= 0; at = this.#failed.next(at + 1)) this.touch(at);
  }

  /** Everything is to be evaluated, and what is derived from scores is dropped. O(sets). */
  reset(): void {
    this.stale.clearAll();
    this.dirty.clearAll();
    this.#failed.clearAll();
    this.blocks.clear();
    const { limit } = this.#sets;
    for (let set = 0; set < limit; set++) if (this.#sets.isAlive(set)) this.dirty.mark(set);
  }

  /** Scores a set and keeps what comes of it; it is clean, or failed. */
  evaluate(handle: number, tally: Tally): void {
    const { starts, sizes, members } = this.#sets;
    const from = starts[handle] as number;
    let score: number;
    try {
      score = this.#scorer.score(
        this.#edges.values,
        members,
        from,
        from + (sizes[handle] as number),
      );
    } catch (error) {
      this.#fail(handle, errorText(error), tally);
      return;
    }
    // Neither NaN nor an infinity.
    if (score - score !== 0) {
      this.#fail(handle, notFinite(score), tally);
      return;
    }
    tally.evaluated++;
    if (!Object.is(score, this.#scores[handle])) tally.changed++;
    this.#scores[handle] = score;
    if (this.#failed.count > 0) this.#failed.clear(handle);
    this.dirty.clear(handle);
    this.blocks.set(handle, score);
  }

  /** Scores a set beside what is kept. */
  compute(handle: number): SetScore {
    const { starts, sizes, members } = this.#sets;
    const from = starts[handle] as number, to = from + (sizes[handle] as number);
    try {
      const score = this.#scorer.score(this.#edges.values, members, from, to);
      if (score - score === 0) return { state: "scored", score };
      return { state: "failed", error: notFinite(score) };
    } catch (error) {
      return { state: "failed", error: errorText(error) };
    }
  }

  /**
   * Compares states, keys and scores. O(sets).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    this.dirty.invariant();
    this.stale.invariant();
    this.#failed.invariant();
    this.blocks.invariant();
    const { keys } = this.blocks;
    for (let set = 0; set < this.#sets.limit; set++) {
      const key = keys[set] as number, thing = `set ${this.#sets.ids[set]}`;
      const isDirty = this.dirty.has(set), isStale = this.stale.has(set);
      assertInvariant(!(isDirty && isStale), thing, "to be dirty or stale, not both");
      if (!this.#sets.isAlive(set)) {
        assertInvariant(
          !isDirty && !isStale && key === NO_KEY,
          thing,
          "no state, as it is removed",
        );
      } else if (!isDirty && this.#failed.has(set)) {
        assertInvariant(!isStale && key === NO_KEY, thing, "no key, as it failed");
      } else if (!isDirty && !isStale) {
        assertInvariant(Object.is(key, this.#scores[set]), thing, "its score as its key");
      }
    }
  }

  #fail(handle: number, error: string, tally: Tally): void {
    tally.failedCount++;
    if (tally.failed.length < FAILED_NAMED_MAX) {
      tally.failed.push({ setId: this.#sets.ids[handle] as string, error });
    }
    this.#scores[handle] = NaN;
    this.#failed.mark(handle);
    this.dirty.clear(handle);
    this.blocks.set(handle, NO_KEY);
  }

  #grow(size: number): void {
    const scores = new Float64Array(Math.max(size, 2 * this.#scores.length, 64)).fill(NaN);
    scores.set(this.#scores);
    this.#scores = scores;
    for (const bits of [this.dirty, this.stale, this.#failed]) bits.reserve(scores.length);
    this.blocks.reserve(scores.length);
  }
}

/** What a scorer threw, as text, cut short. */
export function errorText(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.slice(0, ERROR_CHARS_MAX);
}

const notFinite = (score: unknown) =>
  `Cannot use a score: expected a finite number: current value is ${String(score)}`;
