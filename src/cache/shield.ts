/**
 * What stands between stored values and those who get them, so that nobody can change what is
 * stored. JSON-like values are frozen through and through when they come in, and then shared: a hit
 * costs nothing. Values with columns (typed arrays, which cannot be frozen) are copied when they
 * come in and again for each who gets them.
 *
 * @module
 */

/** Depth of a value; deeper ones, and rings, are refused. */
export const SHIELD_DEPTH_MAX = 64;

/** Numbers, texts, lists and objects of a value: freezing so many takes some 50 ms. */
export const SHIELD_PARTS_MAX = 500_000;

/** Bytes that a number, a null or a short text is accounted with. */
const CELL_BYTES = 16;
/** Bytes that an object, a list or a column is accounted with, beside what is in it. */
const HOLDER_BYTES = 56;

/** What is known of a value that may be kept. */
export interface Inspection {
  /** Whether a column is anywhere in it. */
  readonly hasColumns: boolean;
  /** What it takes in memory, bytes: an estimate, not a measurement. */
  readonly weightBytes: number;
}

interface Walk {
  parts: number;
  bytes: number;
  hasColumns: boolean;
}

/**
 * Whether a value may be kept, and as what. O(size); changes nothing.
 *
 * @throws {TypeError} for what is neither JSON-like nor a column (functions, class instances), is
 * deeper than {@linkcode SHIELD_DEPTH_MAX}, or has more than {@linkcode SHIELD_PARTS_MAX} parts.
 */
export function inspectValue(value: unknown): Inspection {
  const walk: Walk = { parts: 0, bytes: 0, hasColumns: false };
  inspect(value, 0, walk);
  return { hasColumns: walk.hasColumns, weightBytes: walk.bytes };
}

function inspect(value: unknown, depth: number, walk: Walk): void {
  if (++walk.parts > SHIELD_PARTS_MAX) throw refused(`at most ${SHIELD_PARTS_MAX} parts`, "more");
  walk.bytes += CELL_BYTES;
  switch (typeof value) {
    case "string":
      walk.bytes += value.length;
      return;
    case "number":
    case "boolean":
    case "undefined":
      return;
    case "object":
      break;
    default:
      throw refused("JSON-like data or columns", `a ${typeof value}`);
  }
  if (value === null) return;
  if (depth === SHIELD_DEPTH_MAX) throw refused(`a depth of at most ${SHIELD_DEPTH_MAX}`, "deeper");
  walk.bytes += HOLDER_BYTES;
  if (isColumn(value)) {
    walk.hasColumns = true;
    walk.bytes += value.byteLength;
  } else if (Array.isArray(value)) {
    for (const one of value) inspect(one, depth + 1, walk);
  } else {
    assertPlain(value);
    for (const name of Object.keys(value)) {
      inspect((value as Record<string, unknown>)[name], depth + 1, walk);
    }
  }
}

/**
 * The value as it is kept: the same one, frozen, or a copy where it has columns. `inspectValue` has
 * found it good. O(size).
 */
export function shielded<V>(value: V, { hasColumns }: Inspection): V {
  return hasColumns ? copyOf(value) : frozen(value);
}

/** A copy whose columns are the receiver's own; the objects around them are frozen. O(size). */
export function copyOf<V>(value: V): V {
  if (typeof value !== "object" || value === null) return value;
  if (isColumn(value)) return value.slice() as V;
  if (Array.isArray(value)) return Object.freeze(value.map(copyOf)) as V;
  const copy: Record<string, unknown> = Object.create(Object.getPrototypeOf(value));
  for (const name of Object.keys(value)) {
    // Defined, not assigned: a name may be `__proto__`.
    Object.defineProperty(copy, name, {
      value: copyOf((value as Record<string, unknown>)[name]),
      enumerable: true,
    });
  }
  return Object.freeze(copy) as V;
}

function frozen<V>(value: V): V {
  if (typeof value !== "object" || value === null) return value;
  for (const one of Array.isArray(value) ? value : Object.values(value)) frozen(one);
  return Object.freeze(value);
}

type Column = Exclude<ArrayBufferView, DataView> & { slice(): unknown };

function isColumn(value: object): value is Column {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function assertPlain(value: object): void {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return;
  throw refused("plain objects", `an instance of ${prototype.constructor?.name ?? "a class"}`);
}

function refused(expected: string, found: string): TypeError {
  return new TypeError(`Cannot keep a value: expected ${expected}: current value is ${found}`);
}
