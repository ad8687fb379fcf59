/**
 * Refuses JSON that is nested deeper than any of our shapes, before a recursive parser sees it.
 *
 * @module
 */

import { JSON_DEPTH_MAX } from "../limits.ts";
import { HttpProblem } from "../problem.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]), CLOSE = new Set([0x5d, 0x7d]);

/** Deepest nesting of brackets outside of strings. O(characters), no recursion. */
export function jsonDepth(text: string): number {
  let depth = 0, deepest = 0, isString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isString) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) isString = false;
    } else if (code === QUOTE) isString = true;
    else if (OPEN.has(code)) deepest = Math.max(deepest, ++depth);
    else if (CLOSE.has(code)) depth--;
  }
  return deepest;
}

/**
 * @throws {HttpProblem} 400 `json_depth`.
 */
export function guardDepth(text: string): void {
  const depth = jsonDepth(text);
  if (depth <= JSON_DEPTH_MAX) return;
  throw new HttpProblem(400, "json_depth", `Cannot read JSON nested ${depth} deep`, {
    expected: `at most ${JSON_DEPTH_MAX} brackets in brackets`,
    found: String(depth),
  });
}
