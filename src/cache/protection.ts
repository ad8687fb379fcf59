/**
 * Which keys are never evicted: patterns, and how much of the cache they may hold.
 *
 * @module
 */

import { compileKeyPattern, type KeyPattern } from "./key_pattern.ts";

/** Most patterns: each is tried on every insert. */
export const PROTECTED_PATTERNS_MAX = 64;

/** Patterns that protect. */
export class Protection {
  readonly #patterns = new Map<string, KeyPattern>();
  /** Those without a star, found at once. */
  readonly #exact = new Set<string>();
  #globs: readonly KeyPattern[] = [];

  /** Whether nothing is protected. */
  get isEmpty(): boolean {
    return this.#patterns.size === 0;
  }

  /** The patterns, in the order they came. */
  get patterns(): string[] {
    return [...this.#patterns.keys()];
  }

  /**
   * Adds a pattern; false when there is no room for it.
   *
   * @throws {CacheError} code `key_pattern` when it is none.
   */
  add(pattern: string): boolean {
    if (this.#patterns.has(pattern)) return true;
    const compiled = compileKeyPattern(pattern);
    if (this.#patterns.size === PROTECTED_PATTERNS_MAX) return false;
    this.#patterns.set(pattern, compiled);
    this.#sort();
    return true;
  }

  /** Drops a pattern; false when it was not there. */
  remove(pattern: string): boolean {
    const isThere = this.#patterns.delete(pattern);
    this.#sort();
    return isThere;
  }

  #sort(): void {
    const patterns = [...this.#patterns.values()];
    this.#exact.clear();
    for (const { isExact, prefix } of patterns) if (isExact) this.#exact.add(prefix);
    this.#globs = patterns.filter(({ isExact }) => !isExact);
  }

  /** Whether a key is to be protected. O(length × patterns). */
  matches(key: string): boolean {
    return this.#exact.has(key) || this.#globs.some((glob) => glob.matches(key));
  }
}
