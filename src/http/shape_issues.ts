/**
 * What is wrong with a value of the wrong shape, field by field, as problems say it: what was
 * expected and what came.
 *
 * @module
 */

import type { z } from "zod";

/** One field that is wrong. */
export interface ShapeIssue {
  /** Where it stands, beginning with the part that it came in: `json.edges.3.value`. */
  readonly path: string;
  /** What was expected; what came, where that is short enough to be read. */
  readonly message: string;
}

/** Issues named in one answer. */
export const ISSUES_MAX = 20;
/** Most characters of a value that are shown: enough to recognise it. */
const VALUE_CHARS_MAX = 64;
/** Characters that would break a line, or turn it around, where it is shown. */
const UNSHOWN = /[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Kinds of issues whose own text says what came, or which name what there should not be. */
const SAID: ReadonlySet<string> = new Set(["invalid_type", "unrecognized_keys"]);

/**
 * The issues of an error about `value`, at most {@linkcode ISSUES_MAX}; `where` is the part that
 * it came in. O(issues).
 */
export function shapeIssues(where: string, error: z.ZodError, value: unknown): ShapeIssue[] {
  return error.issues.flatMap(meant).slice(0, ISSUES_MAX).map((issue) => ({
    path: [where, ...issue.path.map(String)].join("."),
    message: messageOf(issue, value),
  }));
}

/**
 * An issue of a choice of shapes as those of the one shape that was meant: the only one that takes
 * this type of value.
 */
function meant(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const near = issue.errors.filter((choice) => !choice.some(isOtherType));
  const [only] = near;
  if (only === undefined || near.length > 1) return [issue];
  return only.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(meant);
}

function isOtherType({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && code === "invalid_type";
}

function messageOf({ code, message, path }: z.core.$ZodIssue, value: unknown): string {
  if (SAID.has(code) || message.includes("current value is")) return message;
  const shown = shownValue(valueAt(value, path));
  return shown === null ? message : `${message}: current value is ${shown}`;
}

/** What stands at a path; undefined where the value has no such place. */
function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** Null for what says nothing to people: what is not there, and what holds others. */
function shownValue(value: unknown): string | null {
  if (value === null || typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  if (typeof value !== "string") return null;
  const isLong = value.length > VALUE_CHARS_MAX;
  const text = (isLong ? `${value.slice(0, VALUE_CHARS_MAX)}…` : value).replace(UNSHOWN, "�");
  return JSON.stringify(text);
}
