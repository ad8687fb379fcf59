import { isDeepStrictEqual } from "node:util";

/**
 * Whether two values are deeply equal by the rules of `@std/assert`. They differ from those of
 * node:assert/strict in two points that matter here: 0 equals -0, and an object without a
 * prototype (a row of node:sqlite) equals a plain one.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

// `seen` pairs what is being compared further up, so that a cycle ends.
type Seen = Map<object, object>;

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (typeof a === "number" && typeof b === "number") {
    return a === b || (Number.isNaN(a) && Number.isNaN(b));
  }
  if (Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (classOf(a) !== classOf(b)) return false;
  if (Array.isArray(a) && Array.isArray(b) && areNumbers(a, b)) return true;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Map && b instanceof Map) return compareEntries([...a], [...b], seen);
  if (a instanceof Set && b instanceof Set) return compareEntries([...a], [...b], seen);
  if (isNumbers(a) && isNumbers(b)) return compareNumbers(a, b);
  if (isOpaque(a)) return isDeepStrictEqual(a, b);
  return compareProperties(a, b, seen);
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

function classOf(value: object): unknown {
  return value.constructor ?? Object;
}

function isNumbers(value: unknown): value is ArrayLike<number | bigint> {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/**
 * Whether two lists are equal and hold nothing but numbers: most of what twins are compared by, and
 * by properties it takes ten times as long. False says nothing.
 */
function areNumbers(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const x = a[i], y = b[i];
    if (typeof x !== "number" || typeof y !== "number") return false;
    if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) return false;
  }
  // Every index is there, so this is whether there are other properties.
  return Object.keys(a).length === a.length && Object.keys(b).length === b.length &&
    !hasSymbols(a) && !hasSymbols(b);
}

/** What holds its value in internal slots, not in properties. */
function isOpaque(value: object): boolean {
  return value instanceof Date || value instanceof RegExp || value instanceof URL ||
    value instanceof Error || value instanceof ArrayBuffer || value instanceof DataView ||
    value instanceof SharedArrayBuffer || value instanceof Number || value instanceof String ||
    value instanceof Boolean;
}

function compareNumbers(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    // Only NaN differs from itself.
    if (a[i] !== b[i] && (a[i] === a[i] || b[i] === b[i])) return false;
  }
  return true;
}

/** Entries in any order, O(N) when the order agrees and O(N²) when it does not. */
function compareEntries(a: unknown[], b: unknown[], seen: Seen): boolean {
  if (a.length !== b.length) return false;
  const rest = [...b];
  for (const entry of a) {
    // A copy, because a pair that was tried and failed must not count as equal later.
    const at = rest.findIndex((other) => compare(entry, other, new Map(seen)));
    if (at === -1) return false;
    rest.splice(at, 1);
  }
  return true;
}

function compareProperties(
  a: Record<PropertyKey, unknown>,
  b: Record<PropertyKey, unknown>,
  seen: Seen,
): boolean {
  const keys = ownKeys(a);
  if (keys.length !== ownKeys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && compare(a[key], b[key], seen));
}

function ownKeys(value: object): PropertyKey[] {
  const keys: PropertyKey[] = Object.keys(value);
  if (!hasSymbols(value)) return keys;
  const symbols = Object.getOwnPropertySymbols(value);
  return keys.concat(
    symbols.filter((key) => Object.prototype.propertyIsEnumerable.call(value, key)),
  );
}

function hasSymbols(value: object): boolean {
  return Object.getOwnPropertySymbols(value).length > 0;
}
