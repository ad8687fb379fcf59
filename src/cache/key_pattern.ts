/**
 * Patterns of keys: `price:*` is every price.
 *
 * - `*` stands for any run of characters, also for none; line breaks and colons are characters
 * - `\*` is a star and `\\` a backslash; every other character, a backslash too, is itself
 * - case matters; a pattern matches whole keys
 *
 * ## Linear time
 * The text between two stars is a piece. The first piece must begin the key and the last one end
 * it; each of those between them is taken where it first occurs after the one before, which is
 * right, since a star gives up no later place by that (R. Cox, "Glob Matching Can Be Simple And
 * Fast Too", 2017). No place is left and tried again, so stars multiply nothing. A piece is
 * searched for with `indexOf`, which is the fastest there is but needs up to the product of both
 * lengths; pieces of more than {@linkcode INDEX_OF_CHARS_MAX} characters are searched for as D. E.
 * Knuth, J. H. Morris and V. R. Pratt do ("Fast pattern matching in strings", SIAM J. Comput. 6(2),
 * 1977).
 *
 * @module
 */

import { CacheError, shown } from "./error.ts";

/** Longest pattern, in characters: that of the longest key from outside. */
export const KEY_PATTERN_CHARS_MAX = 1_024;

/** Most stars of a pattern: more than any kind of key has parts, and a bound on its pieces. */
export const KEY_PATTERN_STARS_MAX = 32;

/**
 * Longest piece, in characters, that `indexOf` may look for: its cost a character is at most that.
 */
const INDEX_OF_CHARS_MAX = 16;

/** A pattern of keys, ready to match. */
export interface KeyPattern {
  /** As it was written. */
  readonly pattern: string;
  /** What every match begins with; the whole key when `isExact`. For a search by range. */
  readonly prefix: string;
  /** Whether there is no star: one key matches. */
  readonly isExact: boolean;
  /**
   * The text around the stars, without escapes: one piece more than there are stars, of which only
   * the first and the last may be empty. For patterns of other systems.
   */
  readonly pieces: readonly string[];
  /** Whether the key matches. O(characters of the key), nothing allocated. */
  matches(key: string): boolean;
}

/**
 * The pattern that a text says.
 *
 * O(characters); stars in a row are one.
 *
 * @throws {CacheError} code `key_pattern` for an empty text, one that is too long, or too many
 * stars.
 */
export function compileKeyPattern(pattern: string): KeyPattern {
  if (pattern.length === 0 || pattern.length > KEY_PATTERN_CHARS_MAX) {
    throw patternError(
      `expected 1 to ${KEY_PATTERN_CHARS_MAX} characters`,
      pattern.length === 0 ? pattern : `${pattern.length} characters`,
    );
  }
  const pieces = piecesOf(pattern);
  const stars = pieces.length - 1;
  if (stars > KEY_PATTERN_STARS_MAX) {
    throw patternError(`expected at most ${KEY_PATTERN_STARS_MAX} stars`, `${stars} stars`);
  }
  const prefix = pieces[0] as string;
  return {
    pattern,
    prefix,
    isExact: stars === 0,
    pieces,
    matches: stars === 0 ? (key) => key === prefix : matcherOf(pieces),
  };
}

/** The pattern that matches exactly this key. */
export function exactKeyPattern(key: string): string {
  return key.replaceAll(/[\\*]/g, "\\$&");
}

/** The text between the stars, escapes resolved. */
function piecesOf(pattern: string): readonly string[] {
  const pieces: string[] = [];
  let piece = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    const next = pattern[at + 1];
    if (char === "\\" && (next === "*" || next === "\\")) {
      piece += next;
      at++;
    } else if (char !== "*") piece += char;
    else if (piece !== "" || pieces.length === 0) {
      pieces.push(piece);
      piece = "";
    }
  }
  pieces.push(piece);
  return pieces;
}

/** Matches pieces of which there are at least two. */
function matcherOf(pieces: readonly string[]): (key: string) => boolean {
  const first = pieces[0] as string;
  const last = pieces.at(-1) as string;
  const charsMin = pieces.reduce((sum, { length }) => sum + length, 0);
  const searches = pieces.slice(1, -1).map((piece) => ({
    length: piece.length,
    find: searchFor(piece),
  }));
  if (searches.length === 0) {
    return (key) => key.length >= charsMin && key.startsWith(first) && key.endsWith(last);
  }
  return (key) => {
    if (key.length < charsMin || !key.startsWith(first) || !key.endsWith(last)) return false;
    let from = first.length;
    for (const { find, length } of searches) {
      const found = find(key, from);
      if (found < 0) return false;
      from = found + length;
    }
    return from <= key.length - last.length;
  };
}

/** Finds the first place of a piece at or after `from`, -1 for none. */
function searchFor(piece: string): (key: string, from: number) => number {
  if (piece.length <= INDEX_OF_CHARS_MAX) return (key, from) => key.indexOf(piece, from);
  const borders = bordersOf(piece);
  return (key, from) => {
    let matched = 0;
    for (let at = from; at < key.length; at++) {
      const unit = key.charCodeAt(at);
      while (matched > 0 && piece.charCodeAt(matched) !== unit) {
        matched = borders[matched - 1] as number;
      }
      if (piece.charCodeAt(matched) === unit) matched++;
      if (matched === piece.length) return at + 1 - matched;
    }
    return -1;
  };
}

/** Of each beginning of the piece, how long the longest beginning is that it also ends with. */
function bordersOf(piece: string): Uint16Array {
  const borders = new Uint16Array(piece.length);
  let matched = 0;
  for (let at = 1; at < piece.length; at++) {
    const unit = piece.charCodeAt(at);
    while (matched > 0 && piece.charCodeAt(matched) !== unit) {
      matched = borders[matched - 1] as number;
    }
    if (piece.charCodeAt(matched) === unit) matched++;
    borders[at] = matched;
  }
  return borders;
}

function patternError(expected: string, found: string): CacheError {
  return new CacheError(
    "key_pattern",
    `Cannot compile key pattern: ${expected}: current value is ${shown(found)}`,
  );
}
