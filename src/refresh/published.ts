/**
 * The best set as others know it. It moves only when that matters, so that subscribers do not chase
 * noise.
 *
 * - It moves when the best score is ε or more away from the score **last published**, not from the
 *   last score seen: many small steps cannot add up unnoticed.
 * - It moves when the published set itself is no longer within ε of the best: another set may hold
 *   the old score while the published one has fallen.
 * - It moves when the published set is gone.
 * - A refresh that failed never lowers it.
 * - With `monotonic` it falls only when the published set itself did, or is gone or cannot be
 *   scored any more.
 *
 * @module
 */

import { RefreshError } from "./error.ts";

/** Least difference of scores that is published. */
export const EPSILON_DEFAULT = 0.001;

/** The best set of a moment. */
export interface BestSet {
  /** Id of the candidate set. */
  readonly setId: string;
  /** Ids of its edges. */
  readonly members: readonly string[];
  /** Its score. */
  readonly score: number;
  /** Revision of the inputs the score holds for. */
  readonly revision: number;
  /** When it was found, epoch ms. */
  readonly atMs: number;
}

/** What has become of the published set since it was published. */
export type PublishedMark =
  /** Nothing that is known. */
  | "none"
  /** Its edges moved, and its score was taken anew. */
  | "own_edges_moved"
  /** Its score was taken anew and is another, though none of its edges is known to have moved. */
  | "rescored"
  /** It was removed, or has other edges now. */
  | "removed"
  /** The scorer throws on it. */
  | "unscored";

/** What is published. */
export interface PublishedSet extends BestSet {
  /** See {@linkcode PublishedMark}. */
  readonly mark: PublishedMark;
  /** Score of this set now; null when it has none. */
  readonly currentScore: number | null;
}

/** Why what is published moved. */
export type PublicationCause =
  /** Nothing was published before. */
  | "first"
  /** Another score, or a set of another score. */
  | "moved"
  /** The published set fell with its own edges. */
  | "own_edges_fell"
  /** The published set was removed. */
  | "removed"
  /** The published set cannot be scored any more. */
  | "unscored"
  /** What was published before was wrong: found by an audit or a check. */
  | "corrected";

/** A move of what is published. */
export interface Publication {
  /** What is published now. */
  readonly best: BestSet;
  /** What was before. */
  readonly before: PublishedSet | null;
  /** Why. */
  readonly cause: PublicationCause;
  /** Whether the score is lower than the one published before. */
  readonly isFall: boolean;
}

/**
 * How far a best set can be trusted: found by a refresh that succeeded, by a rebuild after an
 * earlier result proved wrong, or by a refresh that failed on some sets.
 */
export type BestQuality = "right" | "correction" | "failed";

/** How {@linkcode PublishedBest} is set up. */
export interface PublishedOptions {
  /** Least difference that is published, ≥ 0; {@linkcode EPSILON_DEFAULT} unless said otherwise. */
  readonly epsilon?: number;
  /** See the head of this file; false unless said otherwise. */
  readonly monotonic?: boolean;
}

/** See the head of this file. All is O(1). */
export class PublishedBest {
  readonly #epsilon: number;
  readonly #isMonotonic: boolean;
  #value: PublishedSet | null = null;
  #held = 0;

  /**
   * Nothing is published yet.
   *
   * @throws {RefreshError} code `options`, when ε is negative or no number.
   */
  constructor(options: PublishedOptions = {}) {
    const { epsilon = EPSILON_DEFAULT, monotonic = false } = options;
    if (!(epsilon >= 0 && epsilon < Infinity)) {
      throw new RefreshError(
        "options",
        `Cannot publish a best set: expected epsilon ≥ 0: current value is ${epsilon}`,
      );
    }
    this.#epsilon = epsilon;
    this.#isMonotonic = monotonic;
  }

  /** Least difference of scores that moves it. */
  get epsilon(): number {
    return this.#epsilon;
  }

  /** What is published; null before the first. */
  get value(): PublishedSet | null {
    return this.#value;
  }

  /** Falls that were held back, because a refresh failed or because of `monotonic`. */
  get held(): number {
    return this.#held;
  }

  /** The published set was scored anew, or cannot be. The published score stays what it is. */
  mark(mark: PublishedMark, currentScore: number | null): void {
    if (this.#value !== null) this.#value = { ...this.#value, mark, currentScore };
  }

  /** A refresh found `best`. Returns the move of what is published, null if it stays. */
  offer(best: BestSet, quality: BestQuality): Publication | null {
    const before = this.#value;
    if (before === null) return this.#publish(best, "first");
    const isAway = Math.abs(best.score - before.score) >= this.#epsilon &&
      best.score !== before.score;
    if (!isAway && !this.#isDisplaced(before, best)) return null;
    const isFall = best.score < before.score;
    if (isFall && (quality === "failed" || (this.#isMonotonic && !hasFallen(before)))) {
      this.#held++;
      return null;
    }
    return this.#publish(best, causeOf(before, isFall, quality));
  }

  /** There are no sets any more. Returns whether anything was published until now. */
  clear(): PublishedSet | null {
    const before = this.#value;
    this.#value = null;
    return before;
  }

  /** Goes on from what was published before a restart, already checked. */
  restore(saved: PublishedSet | null): void {
    this.#value = saved;
  }

  #isDisplaced(before: PublishedSet, best: BestSet): boolean {
    if (before.mark === "removed" || before.mark === "unscored") return true;
    if (before.mark === "none" || before.currentScore === null) return false;
    // Another set of the same score is no news.
    return best.setId !== before.setId && best.score !== before.currentScore &&
      Math.abs(best.score - before.currentScore) >= this.#epsilon;
  }

  #publish(best: BestSet, cause: PublicationCause): Publication {
    const before = this.#value;
    this.#value = { ...best, mark: "none", currentScore: best.score };
    return { best, before, cause, isFall: before !== null && best.score < before.score };
  }
}

/** Whether the published set itself is below what was published, or is no more. */
const hasFallen = (before: PublishedSet) =>
  before.mark !== "none" && (before.currentScore === null || before.currentScore < before.score);

function causeOf(before: PublishedSet, isFall: boolean, quality: BestQuality): PublicationCause {
  if (before.mark === "removed" || before.mark === "unscored") return before.mark;
  if (!isFall) return "moved";
  if (quality === "correction") return "corrected";
  return hasFallen(before) ? "own_edges_fell" : "moved";
}
