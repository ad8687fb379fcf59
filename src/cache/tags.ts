/**
 * Which entries have a tag, so that they can be ended together.
 *
 * @module
 */

import { shown } from "./error.ts";

/** Bounds of a {@linkcode TagIndex}, each with its reason. */
export const TAG_BOUNDS = {
  /** Longest tag, in characters: a word or a key, not a document. */
  tagCharsMax: 256,
  /** Tags of one entry: more would say that a dependency is meant. */
  tagsPerKeyMax: 16,
  /** Tags of all entries together, counted once for each entry: some 40 MB. */
  linksMax: 400_000,
} as const;

/**
 * Entries by tag.
 *
 * - an entry's tags are set as a whole; setting them again replaces them
 * - all in O(tags of the entry), {@linkcode TagIndex.keysOf} in O(1)
 */
export class TagIndex {
  readonly #byTag = new Map<string, Set<string>>();
  readonly #byKey = new Map<string, readonly string[]>();
  readonly #linksMax: number;
  #links = 0;

  /** Holds at most `linksMax` tags, counted once for each entry. */
  constructor(linksMax: number = TAG_BOUNDS.linksMax) {
    this.#linksMax = linksMax;
  }

  /** Entries that have tags. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Tags held, counted once for each entry. */
  get links(): number {
    return this.#links;
  }

  /**
   * The tags of an entry are these. `refused` when {@linkcode areTags} says no or there is no room:
   * then it has none and must not be kept, since it would not be found by its tags.
   */
  set(key: string, tags: readonly string[]): "set" | "refused" {
    this.remove(key);
    const distinct = tags.length < 2 ? [...tags] : [...new Set(tags)];
    if (distinct.length === 0) return "set";
    if (!areTags(distinct) || this.#links + distinct.length > this.#linksMax) return "refused";
    this.#byKey.set(key, distinct);
    this.#links += distinct.length;
    for (const tag of distinct) {
      const keys = this.#byTag.get(tag);
      if (keys === undefined) this.#byTag.set(tag, new Set([key]));
      else keys.add(key);
    }
    return "set";
  }

  /** The entry is gone; false when it had no tags. */
  remove(key: string): boolean {
    const tags = this.#byKey.get(key);
    if (tags === undefined) return false;
    this.#byKey.delete(key);
    this.#links -= tags.length;
    for (const tag of tags) {
      const keys = this.#byTag.get(tag);
      keys?.delete(key);
      if (keys?.size === 0) this.#byTag.delete(tag);
    }
    return true;
  }

  /** The entries with a tag, live: those removed in a loop over it are not met any more. */
  keysOf(tag: string): ReadonlySet<string> {
    return this.#byTag.get(tag) ?? NONE;
  }

  /** The tags of an entry. */
  tagsOf(key: string): readonly string[] {
    return this.#byKey.get(key) ?? [];
  }

  /** All entries are gone. */
  clear(): void {
    this.#byTag.clear();
    this.#byKey.clear();
    this.#links = 0;
  }

  /**
   * Checks what must hold at any time. O(links).
   *
   * @throws {Error} saying what does not.
   */
  invariant(): void {
    let links = 0;
    for (const [key, tags] of this.#byKey) {
      links += tags.length;
      const isThere = tags.length > 0 && tags.every((tag) => this.#byTag.get(tag)?.has(key));
      if (!isThere) {
        throw new Error(`Cannot trust tags: ${shown(key)} is not under all of its tags`);
      }
    }
    let byTag = 0;
    for (const [tag, keys] of this.#byTag) {
      byTag += keys.size;
      if (keys.size === 0) {
        throw new Error(`Cannot trust tags: ${shown(tag)} is held without entries`);
      }
    }
    if (links !== byTag || links !== this.#links || links > this.#linksMax) {
      throw new Error(
        `Cannot trust tags: ${links} by key, ${byTag} by tag, ${this.#links} counted`,
      );
    }
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Whether an entry may have these tags: few enough, none empty or too long. */
export function areTags(tags: readonly string[]): boolean {
  const { tagCharsMax, tagsPerKeyMax } = TAG_BOUNDS;
  return tags.length <= tagsPerKeyMax &&
    tags.every(({ length }) => length > 0 && length <= tagCharsMax);
}
