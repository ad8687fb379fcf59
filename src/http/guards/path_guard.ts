/**
 * Refuses request targets that mean one thing to a guard and another to a router: dot segments,
 * empty segments, backslashes, control characters, and encodings of any of them.
 *
 * A few routes name what may hold any character: a key of the cache, an edge and a cluster is one
 * segment, encoded, with its slashes too. No guard looks at that segment, and the router decodes it
 * once.
 *
 * @module
 */

import type { RequestFacts } from "../facts.ts";
import { TARGET_CHARS_MAX } from "../limits.ts";
import { HttpProblem } from "../problem.ts";

/** `%` that begins no byte; `%00`–`%1f`, `%7f`, `%2f`, `%5c`, `%2e`, `%25` in any case. */
const TRICKS = /%(?![0-9a-f]{2})|%(?:[01][0-9a-f]|7f|2f|5c|2e|25)/i;
/** What may stand in a path (RFC 3986, 3.3), and what we take besides: `^` of index symbols. */
const PATH = /^\/[\w\-.~!$&'()*+,;=:@%^/]*$/;

/** The routes of keys, and the segment that is one. */
const KEY_PATH = /^\/api\/(?:(?:cache\/keys|edges)\/([^/]+)|clusters\/([^/]+)\/correlations)$/;
const NO_BYTE = /%(?![0-9a-f]{2})/i;

/**
 * @throws {HttpProblem} 400 `path` or 414 `target_too_long`.
 */
export function guardPath({ target }: Pick<RequestFacts, "target">): void {
  if (target.length > TARGET_CHARS_MAX) {
    throw new HttpProblem(
      414,
      "target_too_long",
      `Cannot read the request target: expected at most ${TARGET_CHARS_MAX} characters`,
      { expected: `at most ${TARGET_CHARS_MAX} characters`, found: String(target.length) },
    );
  }
  const path = pathOf(target);
  const [, last, inner] = KEY_PATH.exec(path) ?? [];
  const key = last ?? inner;
  if (PATH.test(path) && (key === undefined ? isPlain(path) : isKey(key))) return;
  throw new HttpProblem(
    400,
    "path",
    "Cannot read the path: expected plain segments, without dots, blanks or encoded slashes",
  );
}

function isPlain(path: string): boolean {
  return !TRICKS.test(path) &&
    (path === "/" || path.slice(1).split("/").every((part) => !["", ".", ".."].includes(part)));
}

/**
 * A URL parser takes dots for a segment of their own, also encoded; no other escape moves one. What is
 * no UTF-8 would be left encoded, and be taken for another key.
 */
function isKey(segment: string): boolean {
  if (NO_BYTE.test(segment)) return false;
  try {
    return ![".", ".."].includes(decodeURIComponent(segment));
  } catch {
    return false;
  }
}

/** The path of a target in origin or absolute form, without its query. */
export function pathOf(target: string): string {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  const rest = absolute === undefined ? target : target.slice(absolute.length) || "/";
  const end = rest.search(/[?#]/);
  return end < 0 ? rest : rest.slice(0, end);
}
