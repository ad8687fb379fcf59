/**
 * The three bests of a run: live (exact), published (moves when it matters), ever.
 *
 * @module
 */

import { type BestQuality, type BestSet, type Publication, PublishedBest } from "./published.ts";
import type { PublishedMark, PublishedOptions } from "./published.ts";
import { BestEver } from "./published_ever.ts";
import type { RunBook } from "./run_book.ts";
import type { RunChanges } from "./run_changes.ts";
import type { RunEngine, ScoredSet, SetScore } from "./run_engine.ts";
import type { RunEvent } from "./run_types.ts";

/** What a best set led to. */
export interface Accepted {
  /** How what is published moved; null when it stayed. */
  readonly publication: Publication | null;
  /** What is to be told. */
  readonly events: readonly RunEvent[];
}

/** What it works with. */
export interface ResultsParts {
  /** The structures. */
  readonly engine: RunEngine;
  /** Tells which edges moved. */
  readonly changes: RunChanges;
  /** Keeps count. */
  readonly book: RunBook;
}

/** See the head of this file. */
export class RunResults {
  readonly #parts: ResultsParts;
  /** What is published. */
  readonly published: PublishedBest;
  /** The best ever seen. */
  readonly ever: BestEver = new BestEver();
  /** The best set at the revision of the last refresh that gave one. */
  live: BestSet | null = null;

  /** No best yet. @throws {RefreshError} code `options`. */
  constructor(parts: ResultsParts, options: PublishedOptions) {
    this.#parts = parts;
    this.published = new PublishedBest(options);
  }

  /**
   * Scores the published set anew if one of its edges moved, in any case if `isThorough`, and marks
   * it. O(1) scores.
   */
  markPublished(isThorough: boolean): RunEvent[] {
    const before = this.published.value;
    if (before === null) return [];
    if (!this.#isSame(before)) return this.#mark("removed", null);
    const hasMoved = this.#parts.changes.touches(before.members);
    if (!isThorough && !hasMoved) return [];
    const now = this.#score(before.setId);
    if (now.state === "failed") return this.#mark("unscored", null);
    if (hasMoved || before.mark === "own_edges_moved") {
      return this.#mark("own_edges_moved", now.score);
    }
    const isNews = before.mark !== "none" || now.score !== before.currentScore;
    return isNews ? this.#mark("rescored", now.score) : [];
  }

  /**
   * A set whose score is known: the best of a refresh cannot be below it. Scored anew if one of its
   * edges moved, or if `isThorough`.
   */
  floor(isThorough: boolean): ScoredSet | null {
    const { live } = this;
    if (live === null || !this.#isSame(live)) return this.#publishedNow();
    if (!isThorough && !this.#parts.changes.touches(live.members)) return live;
    const now = this.#score(live.setId);
    return now.state === "scored" ? { setId: live.setId, score: now.score } : null;
  }

  /** An evaluation found this best, at that revision. */
  accept(
    { setId, score }: ScoredSet,
    quality: BestQuality,
    revision: number,
    nowMs: number,
  ): Accepted {
    const { engine, book } = this.#parts;
    const best: BestSet = {
      setId,
      members: [...engine.membersOf(setId)],
      score,
      revision,
      atMs: nowMs,
    };
    this.live = best;
    book.best(best);
    const events: RunEvent[] = [];
    if (this.ever.offer(best)) events.push({ type: "best_ever", best });
    const publication = this.published.offer(best, quality);
    if (publication !== null) {
      book.count("publications");
      events.push({ type: "published", publication });
    }
    return { publication, events };
  }

  /** No set has a score. What is published goes only if there is no set at all. */
  none(sets: number): RunEvent[] {
    this.live = null;
    if (sets > 0) return [];
    const before = this.published.clear();
    return before === null ? [] : [{ type: "withdrawn", before }];
  }

  /** The published set as it was scored last, if it is there and has a score. */
  #publishedNow(): ScoredSet | null {
    const published = this.published.value;
    if (published === null || published.mark === "removed") return null;
    const { setId, currentScore } = published;
    return currentScore === null ? null : { setId, score: currentScore };
  }

  #mark(mark: PublishedMark, currentScore: number | null): RunEvent[] {
    const before = this.published.value;
    if (before === null) return [];
    this.published.mark(mark, currentScore);
    if (before.mark === mark && before.currentScore === currentScore) return [];
    return [{ type: "marked", setId: before.setId, mark, currentScore }];
  }

  #score(setId: string): SetScore {
    this.#parts.book.count("rescored");
    return this.#parts.engine.scoreOf(setId);
  }

  /** Whether the set is still there, and still the one that was scored. */
  #isSame({ setId, members }: BestSet): boolean {
    const { engine } = this.#parts;
    if (!engine.hasSet(setId)) return false;
    const now = engine.membersOf(setId);
    return now.length === members.length && now.every((edgeId) => members.includes(edgeId));
  }
}
