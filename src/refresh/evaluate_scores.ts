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
import { type CandidateSets, MEMBERS_MAX } from "./candidate_sets.ts";
import { DirtyBits } from "./dirty.ts";
import type { Edges } from "./edges.ts";
import { assertInvariant } from "./error.ts";
import type { FailedSet, SetScore } from "./run_engine.ts";
import type { Scorer } from "./scorer.ts";

/** Most failed sets that are named with their error; all are counted. */
export const FAILED_NAMED_MAX = 64;
const ERROR_CHARS_MAX = 300;
/** Sets that are scored before what comes of it is kept. */
export const CHUNK = 256;

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
  /**
   * Last score by handle, NaN if there is none. Null where no set is ever stale: then it is the
   * key, and a pass over all sets reads and writes that much less.
   */
  #lasts: Float64Array | null;
  /** Sets for which there is room. */
  #size = 0;
  /** Scores of a chunk. */
  readonly #found = new Float64Array(CHUNK);
  /** Members of its sets, and where those of each end. */
  readonly #members = new Uint32Array(CHUNK * MEMBERS_MAX);
  readonly #ends = new Uint32Array(CHUNK);
  readonly #one = new Uint32Array(1);
  /** Up to where the scorer did not throw, and what it threw there. */
  #scored = 0;
  #thrown = "";

  /** Of sets that are added later. Keys are bounds now and then if `hasBounds`. */
  constructor(edges: Edges, sets: CandidateSets, scorer: Scorer, hasBounds: boolean) {
    this.#edges = edges;
    this.#sets = sets;
    this.#scorer = scorer;
    this.#lasts = hasBounds ? new Float64Array(0) : null;
    this.blocks = new Blocks(sets.ids);
  }

  /** Sets whose last evaluation threw. */
  get failedCount(): number {
    return this.#failed.count;
  }

  /** Last score that was computed; NaN if there is none. */
  lastOf(handle: number): number {
    const last = (this.#lasts ?? this.blocks.keys)[handle] as number;
    return last === NO_KEY ? NaN : last;
  }

  /** Whether the last evaluation of a set threw. */
  hasFailed(handle: number): boolean {
    return this.#failed.has(handle);
  }

  /** A set was added; it is dirty. */
  added(handle: number): void {
    if (handle >= this.#size) this.#grow(handle + 1);
    this.dirty.mark(handle);
  }

  /** A set was removed. */
  removed(handle: number): void {
    this.dirty.clear(handle);
    this.stale.clear(handle);
    this.#failed.clear(handle);
    this.#noScore(handle);
  }

  /** A set must be evaluated, whatever its bound was. */
  touch(handle: number): void {
    this.stale.clear(handle);
    this.dirty.mark(handle);
  }

  /** Sets that hold an edge with a flag, by handle, must be evaluated. O(members of all sets). */
  touchHolding(flags: Uint8Array): void {
    const { starts, sizes, members, limit } = this.#sets, { dirty } = this;
    for (let set = 0; set < limit; set++) {
      const from = starts[set] as number, to = from + (sizes[set] as number);
      let isHit = 0;
      for (let i = from; i < to; i++) isHit |= flags[members[i] as number] as number;
      if (isHit === 1) dirty.mark(set);
    }
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
    if (this.#lasts === null) this.blocks.touchAll();
    else this.blocks.clear();
    const { limit } = this.#sets;
    for (let set = 0; set < limit; set++) {
      if (this.#sets.isAlive(set)) this.dirty.mark(set);
      else this.#noScore(set);
    }
  }

  /** Scores a set and keeps what comes of it; it is clean, or failed. */
  evaluate(handle: number, tally: Tally): void {
    this.#one[0] = handle;
    this.evaluateAll(this.#one, 1, tally);
  }

  /**
   * The same of the first `count` of `handles`, at most {@linkcode CHUNK}. First all are scored,
   * then what comes of it is kept: a scorer that looks at much drives everything else out of the
   * nearest cache, and so it comes back once in a chunk and not for each set.
   */
  evaluateAll(handles: Uint32Array, count: number, tally: Tally): void {
    for (let at = 0; at < count; at++) {
      const end = this.#score(handles, at, count);
      this.#keep(handles, at, end, tally);
      if (end < count) this.#fail(handles[end] as number, this.#thrown, tally);
      at = end;
    }
  }

  /** Scores from a place on, until the scorer throws; returns where that was, else `count`. */
  #score(handles: Uint32Array, from: number, count: number): number {
    this.#scored = from;
    try {
      this.#scoreAll(handles, from, count);
    } catch (error) {
      this.#thrown = errorText(error);
    }
    return this.#scored;
  }

  /** Apart from `try`, inside of which a scorer's loops are compiled to slower code. */
  #scoreAll(handles: Uint32Array, from: number, count: number): void {
    const { values } = this.#edges, scorer = this.#scorer, found = this.#found;
    const members = this.#members, ends = this.#ends;
    this.#gather(handles, from, count);
    for (let i = from, start = 0; i < count; i++) {
      const end = ends[i] as number;
      found[i] = scorer.score(values, members, start, end);
      start = end;
      this.#scored = i + 1;
    }
  }

  /** Members of a chunk, side by side: fetching them one after the other would wait for each. */
  #gather(handles: Uint32Array, from: number, count: number): void {
    const { starts, sizes, members } = this.#sets, gathered = this.#members, ends = this.#ends;
    let end = 0;
    for (let i = from; i < count; i++) {
      const handle = handles[i] as number, start = starts[handle] as number;
      const to = start + (sizes[handle] as number);
      for (let at = start; at < to; at++) gathered[end++] = members[at] as number;
      ends[i] = end;
    }
  }

  #keep(handles: Uint32Array, from: number, to: number, tally: Tally): void {
    const found = this.#found, lasts = this.#lasts, { dirty, blocks } = this;
    const before = lasts ?? blocks.keys, hasFailed = this.#failed.count > 0;
    for (let i = from; i < to; i++) {
      const handle = handles[i] as number, score = found[i] as number;
      // Neither NaN nor an infinity.
      if (score - score !== 0) {
        this.#fail(handle, notFinite(score), tally);
        continue;
      }
      tally.evaluated++;
      if (!Object.is(score, before[handle])) tally.changed++;
      if (lasts !== null) lasts[handle] = score;
      if (hasFailed) this.#failed.clear(handle);
      dirty.clear(handle);
      blocks.set(handle, score);
    }
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
        const isScore = key - key === 0 && Object.is(key, this.lastOf(set));
        assertInvariant(isScore, thing, "its score as its key");
      }
    }
  }

  #fail(handle: number, error: string, tally: Tally): void {
    tally.failedCount++;
    if (tally.failed.length < FAILED_NAMED_MAX) {
      tally.failed.push({ setId: this.#sets.ids[handle] as string, error });
    }
    this.#failed.mark(handle);
    this.dirty.clear(handle);
    this.#noScore(handle);
  }

  #noScore(handle: number): void {
    if (this.#lasts !== null) this.#lasts[handle] = NaN;
    this.blocks.set(handle, NO_KEY);
  }

  #grow(sets: number): void {
    const size = this.#size = Math.max(sets, 2 * this.#size, 64);
    if (this.#lasts !== null) {
      const lasts = new Float64Array(size).fill(NaN);
      lasts.set(this.#lasts);
      this.#lasts = lasts;
    }
    for (const bits of [this.dirty, this.stale, this.#failed]) bits.reserve(size);
    this.blocks.reserve(size);
  }
}

/** What a scorer threw, as text, cut short. */
export function errorText(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.slice(0, ERROR_CHARS_MAX);
}

const notFinite = (score: unknown) =>
  `Cannot use a score: expected a finite number: current value is ${String(score)}`;
