/**
 * What changed while loads were under way. Every invalidation, commit and `set` is one generation; a
 * load remembers the generation in which it began, and what it brings is kept only if nothing that it
 * was made of changed since.
 *
 * Keys of loads are known, so loads of a key that is invalidated are told at once (`flights.ts`). What
 * a value is made of, and its tags, are known only at the end of its load: for these the last
 * generation that changed each is remembered here, as many as there is room for. What is not
 * remembered any more counts as changed. While no load is under way nothing needs to be remembered.
 *
 * @module
 */

import type { KeyPattern } from "./key_pattern.ts";
import { TouchedIndex } from "./touched.ts";
import type { Dependency, TouchedRange } from "./types.ts";

/** Keys, tags and instruments remembered, each: some 100 bytes. Loads last seconds. */
export const MARKS_MAX = 8_192;
/** Patterns remembered; each is tried on the key of every dependency on a key. */
export const PATTERN_MARKS_MAX = 128;
/** Ranges remembered, of explicit invalidations and of commits each: some 1 MB. */
const RANGES_MAX = 20_000;

/** What a value was made of. */
export interface Made {
  readonly dependsOn?: readonly Dependency[];
  readonly tags?: readonly string[];
  readonly seq?: number | null;
}

/** Whether candles of a dependency were touched by a commit after `afterSeq`. */
export type IsTouched = (dependency: Dependency, afterSeq: number) => boolean;

/** What happened last to each name; the names longest untouched are forgotten. */
class Marks {
  readonly #at = new Map<string, number>();
  #floor = 0;

  add(name: string, generation: number): void {
    this.#at.delete(name);
    this.#at.set(name, generation);
    if (this.#at.size <= MARKS_MAX) return;
    const [oldest] = this.#at;
    const [oldName, oldGeneration] = oldest as [string, number];
    this.#at.delete(oldName);
    this.#floor = oldGeneration;
  }

  isChanged(name: string, since: number): boolean {
    return (this.#at.get(name) ?? this.#floor) > since;
  }
}

/**
 * See the head of this file.
 *
 * - what `isChanged` denies is certain; it may say "changed" of what is not remembered
 * - all is O(1) a name, O(log ranges) a range
 */
export class Generations {
  readonly #keys = new Marks();
  readonly #tags = new Marks();
  readonly #instruments = new Marks();
  readonly #patterns: { readonly pattern: KeyPattern; readonly generation: number }[] = [];
  #patternFloor = 0;
  /** By generation: ranges of invalidations, which no seq stands for. */
  readonly #ranges = new TouchedIndex({ rangesMax: RANGES_MAX });
  /** By generation: ranges of commits, for values that do not say as of which commit they are. */
  readonly #commits = new TouchedIndex({ rangesMax: RANGES_MAX });
  /** By the seq of commits. */
  readonly #bySeq = new TouchedIndex({ rangesMax: RANGES_MAX });
  readonly #isTouched: IsTouched | null;
  #generation = 0;
  #seq = -Infinity;

  /** `isTouched` knows commits from before the shard was there. */
  constructor(isTouched?: IsTouched) {
    this.#isTouched = isTouched ?? null;
  }

  /** The present one. */
  get current(): number {
    return this.#generation;
  }

  /** Seq of the last commit told of; -Infinity before the first. */
  get seq(): number {
    return this.#seq;
  }

  /** The next one begins: what is added from here on belongs to it. */
  next(): void {
    this.#generation++;
  }

  /** An entry was changed. */
  addKey(key: string): void {
    this.#keys.add(key, this.#generation);
  }

  /** All entries of a tag were. */
  addTag(tag: string): void {
    this.#tags.add(tag, this.#generation);
  }

  /** All entries that match were. */
  addPattern(pattern: KeyPattern): void {
    this.#patterns.push({ pattern, generation: this.#generation });
    if (this.#patterns.length <= PATTERN_MARKS_MAX) return;
    this.#patternFloor = this.#patterns.shift()?.generation ?? 0;
  }

  /** What depends on this was. */
  addDependency(dependency: Dependency): void {
    switch (dependency.kind) {
      case "key":
        return this.addKey(dependency.key);
      case "levels":
        return this.#instruments.add(dependency.instrument, this.#generation);
      case "candles":
        return this.#ranges.add(this.#generation, [dependency]);
    }
  }

  /** A commit touched candles; `isWatched`: loads are under way. */
  addCommit(seq: number, ranges: readonly TouchedRange[], isWatched: boolean): void {
    this.#seq = Math.max(this.#seq, seq);
    if (isWatched) this.#commits.add(this.#generation, ranges);
    if (this.#isTouched === null) this.#bySeq.add(seq, ranges);
  }

  /**
   * Everything made of candles was changed: nobody knows what commits up to `seq` touched. One below
   * the last says that seqs begin again there.
   */
  addAllCandles(seq: number): void {
    this.#ranges.forget(this.#generation);
    this.#commits.forget(this.#generation);
    this.#bySeq.restart(seq);
    this.#seq = seq;
  }

  /**
   * Whether anything that a value was made of changed after generation `since`, other than by
   * commits that it is as of.
   */
  isChanged({ dependsOn = [], tags = [], seq = null }: Made, since: number): boolean {
    return tags.some((tag) => this.#tags.isChanged(tag, since)) ||
      dependsOn.some((dependency) =>
        this.#isChangedSince(dependency, since) ||
        (seq === null && dependency.kind === "candles" &&
          this.#commits.isTouched(dependency, since))
      );
  }

  /** Whether a commit that a value is not as of touched its candles. */
  isBehind({ dependsOn = [], seq = null }: Made): boolean {
    return seq !== null && dependsOn.some((dependency) =>
      dependency.kind === "candles" &&
      (this.#isTouched?.(dependency, seq) ?? this.#bySeq.isTouched(dependency, seq))
    );
  }

  #isChangedSince(dependency: Dependency, since: number): boolean {
    switch (dependency.kind) {
      case "key":
        return this.#keys.isChanged(dependency.key, since) ||
          this.#patternFloor > since ||
          this.#patterns.some(({ pattern, generation }) =>
            generation > since && pattern.matches(dependency.key)
          );
      case "levels":
        return this.#instruments.isChanged(dependency.instrument, since);
      case "candles":
        return this.#ranges.isTouched(dependency, since);
    }
  }
}
