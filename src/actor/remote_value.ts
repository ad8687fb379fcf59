/**
 * Plain values as bytes, for the way between nodes: what a message may hold, and nothing that could
 * do something where it arrives. Columns travel as they lie in memory.
 *
 * - Numbers (with NaN, the infinities and -0), texts, booleans, null, undefined, bigints, lists,
 *   objects, dates, maps, sets, typed arrays and buffers come out as they went in.
 * - An object of a class arrives as an object of its own enumerable properties, as by
 *   `structuredClone`. Functions, symbols and everything else is refused by the writer.
 * - Reading costs at most some 32 bytes of memory per byte read, and no key named `__proto__` is
 *   ever set.
 *
 * @module
 */

import { ByteReader, type ByteWriter, WireFormatError } from "./remote_bytes.ts";

/** How deep a value may be: messages of this program have some 6 levels. A bound against cycles. */
export const VALUE_DEPTH_MAX = 32;

const TAG = {
  null: 0,
  undefined: 1,
  false: 2,
  true: 3,
  integer: 4,
  number: 5,
  text: 6,
  list: 7,
  object: 8,
  columns: 9,
  buffer: 10,
  bigint: 11,
  date: 12,
  map: 13,
  set: 14,
} as const;

/** Longest bigint, characters: reading one takes time that grows with the square. */
const BIGINT_CHARS_MAX = 1_024;

/** Kinds of columns, by the number that stands for each. */
const COLUMNS: readonly ColumnsKind[] = [
  Float64Array,
  Float32Array,
  Int32Array,
  Uint32Array,
  Int16Array,
  Uint16Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

interface ColumnsKind {
  readonly BYTES_PER_ELEMENT?: number;
  new (buffer: ArrayBuffer): ArrayBufferView;
}

/**
 * Writes a value. O(its parts).
 *
 * @throws {TypeError} when it holds what cannot travel, or is deeper than {@linkcode VALUE_DEPTH_MAX}.
 */
export function writeValue(to: ByteWriter, value: unknown, depth = 0): void {
  switch (typeof value) {
    case "number":
      return writeNumber(to, value);
    case "string":
      to.byte(TAG.text);
      return to.text(value);
    case "boolean":
      return to.byte(value ? TAG.true : TAG.false);
    case "undefined":
      return to.byte(TAG.undefined);
    case "bigint":
      to.byte(TAG.bigint);
      return to.text(bigintText(value));
    case "object":
      if (value === null) return to.byte(TAG.null);
      if (depth >= VALUE_DEPTH_MAX) throw notPlain("it is too deep, or holds itself");
      return writeObject(to, value, depth + 1);
    default:
      throw notPlain(`a ${typeof value} is none`);
  }
}

function notPlain(why: string): TypeError {
  return new TypeError(`Cannot send it to another node: expected plain data: ${why}`);
}

function bigintText(value: bigint): string {
  const text = value.toString();
  if (text.length > BIGINT_CHARS_MAX) throw notPlain("a bigint is too large");
  return text;
}

function writeNumber(to: ByteWriter, value: number): void {
  // -0 is an integer by all other signs.
  if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
    to.byte(TAG.integer);
    return to.varint(value >= 0 ? 2 * value : -2 * value - 1);
  }
  to.byte(TAG.number);
  to.number(value);
}

function writeObject(to: ByteWriter, value: object, depth: number): void {
  if (Array.isArray(value)) {
    to.byte(TAG.list);
    to.varint(value.length);
    for (let i = 0; i < value.length; i++) writeValue(to, value[i], depth);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && writeBuiltIn(to, value, depth)) return;
  const keys = Object.keys(value);
  to.byte(TAG.object);
  to.varint(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (key === "__proto__") throw notPlain("a key is __proto__");
    to.text(key);
    writeValue(to, (value as Record<string, unknown>)[key], depth);
  }
}

function writeBuiltIn(to: ByteWriter, value: object, depth: number): boolean {
  if (ArrayBuffer.isView(value)) {
    const kind = COLUMNS.findIndex((one) => value instanceof one);
    if (kind < 0) throw notPlain("its columns are of an unknown kind");
    to.byte(TAG.columns);
    to.byte(kind);
    writeBytes(to, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (value instanceof ArrayBuffer) {
    to.byte(TAG.buffer);
    writeBytes(to, new Uint8Array(value));
  } else if (value instanceof Date) {
    to.byte(TAG.date);
    to.number(value.getTime());
  } else if (value instanceof Map) {
    to.byte(TAG.map);
    to.varint(value.size);
    for (const [key, part] of value) {
      writeValue(to, key, depth);
      writeValue(to, part, depth);
    }
  } else if (value instanceof Set) {
    to.byte(TAG.set);
    to.varint(value.size);
    for (const part of value) writeValue(to, part, depth);
  } else return false;
  return true;
}

function writeBytes(to: ByteWriter, bytes: Uint8Array): void {
  to.varint(bytes.length);
  to.raw(bytes);
}

/**
 * Reads a value that {@linkcode writeValue} wrote. O(bytes).
 *
 * @throws {WireFormatError} for anything else.
 */
export function readValue(from: ByteReader, depth = 0): unknown {
  const tag = from.byte();
  switch (tag) {
    case TAG.null:
      return null;
    case TAG.undefined:
      return undefined;
    case TAG.false:
      return false;
    case TAG.true:
      return true;
    case TAG.integer: {
      const folded = from.varint();
      return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
    }
    case TAG.number:
      return from.number();
    case TAG.text:
      return from.text();
    case TAG.bigint:
      return readBigint(from.text(BIGINT_CHARS_MAX));
    case TAG.date:
      return new Date(from.number());
    case TAG.columns:
      return readColumns(from);
    case TAG.buffer:
      return readBuffer(from);
  }
  if (depth >= VALUE_DEPTH_MAX) throw new WireFormatError("a value is too deep");
  return readParts(from, tag, depth + 1);
}

function readParts(from: ByteReader, tag: number, depth: number): unknown {
  switch (tag) {
    case TAG.list: {
      const list: unknown[] = [];
      for (let left = from.count(); left > 0; left--) list.push(readValue(from, depth));
      return list;
    }
    case TAG.object:
      return readObject(from, depth);
    case TAG.map: {
      const map = new Map<unknown, unknown>();
      for (let left = from.count(2); left > 0; left--) {
        const key = readValue(from, depth);
        map.set(key, readValue(from, depth));
      }
      return map;
    }
    case TAG.set: {
      const set = new Set<unknown>();
      for (let left = from.count(); left > 0; left--) set.add(readValue(from, depth));
      return set;
    }
    default:
      throw new WireFormatError("a value is of an unknown kind");
  }
}

function readObject(from: ByteReader, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let left = from.count(2); left > 0; left--) {
    const key = from.text();
    // Set by assignment it would be the prototype, and no key.
    if (key === "__proto__") throw new WireFormatError("a key is __proto__");
    object[key] = readValue(from, depth);
  }
  return object;
}

function readBigint(text: string): bigint {
  if (!/^-?\d+$/.test(text)) throw new WireFormatError("a bigint is none");
  return BigInt(text);
}

/** A copy, so that it lies as columns must and the frame it came in can be given up. */
function readBuffer(from: ByteReader): ArrayBuffer {
  const bytes = from.raw(from.count());
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

function readColumns(from: ByteReader): ArrayBufferView {
  const kind = COLUMNS[from.byte()];
  if (kind === undefined) throw new WireFormatError("columns are of an unknown kind");
  const buffer = readBuffer(from);
  const bytesEach = kind.BYTES_PER_ELEMENT ?? 1;
  if (buffer.byteLength % bytesEach !== 0) throw new WireFormatError("columns end in between");
  return new kind(buffer);
}

/** The value that lies in `bytes` and in nothing but them. */
export function valueOf(bytes: Uint8Array): unknown {
  const from = new ByteReader(bytes);
  const value = readValue(from);
  if (from.left > 0) throw new WireFormatError("something follows a value");
  return value;
}
