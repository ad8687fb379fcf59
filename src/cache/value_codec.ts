/**
 * Values of the cache as bytes, for the tier behind the shards: JSON-like data in which columns
 * (typed arrays) may stand anywhere, as candles and labels have them.
 *
 * ## Format
 * `length of the head in bytes (u32, little endian) · head · padding to 8 · columns, each padded to 8`.
 * The head is JSON: `v` is the value with null in place of each column, `c` lists the columns as
 * `[path, type, begin in bytes, length]`. Kept apart, nothing in a value can pass for a column. The
 * columns are in the machine's byte order, little endian wherever this runs.
 *
 * @module
 */

/** Depth of a value; deeper ones are refused. */
export const VALUE_DEPTH_MAX = 64;

const COLUMN_TYPES = {
  Float64Array,
  Float32Array,
  Int32Array,
  Uint32Array,
  Int16Array,
  Uint16Array,
  Int8Array,
  Uint8Array,
} as const;

type ColumnType = keyof typeof COLUMN_TYPES;
type Column = InstanceType<(typeof COLUMN_TYPES)[ColumnType]>;
type Path = (string | number)[];
type PlacedColumn = [path: Path, type: ColumnType, begin: number, length: number];

/** Bytes that a number, a null or a short text is accounted with. */
const CELL_BYTES = 16;
/** Bytes that an object or a list is accounted with, beside what is in it. */
const HOLDER_BYTES = 56;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * A value as bytes. O(size).
 *
 * @throws {TypeError} for what is neither JSON-like nor a column, or deeper than
 * {@linkcode VALUE_DEPTH_MAX}.
 */
export function encodeValue(value: unknown): Uint8Array {
  const columns: { place: PlacedColumn; column: Column }[] = [];
  let begin = 0;
  const v = plain(value, [], (column, path) => {
    const place: PlacedColumn = [path, typeOf(column), begin, column.length];
    columns.push({ place, column });
    begin += padded(column.byteLength);
  });
  const head = encoder.encode(JSON.stringify({ v, c: columns.map(({ place }) => place) }));
  const columnsAt = padded(4 + head.length);
  const bytes = new Uint8Array(columnsAt + begin);
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  for (const { place, column } of columns) {
    const raw = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
    bytes.set(raw, columnsAt + place[2]);
  }
  return bytes;
}

/**
 * The value of bytes, with columns of its own. O(size).
 *
 * @throws {TypeError} when they are not what {@linkcode encodeValue} makes.
 */
export function decodeValue(bytes: Uint8Array): unknown {
  const { v, c, columnsAt } = headOf(bytes);
  const holder: Record<string, unknown> = { v };
  for (const [path, type, begin, length] of c) {
    const { BYTES_PER_ELEMENT } = COLUMN_TYPES[type];
    const from = columnsAt + begin;
    const to = from + length * BYTES_PER_ELEMENT;
    if (!(begin >= 0 && length >= 0 && to <= bytes.length)) throw damaged("columns within it");
    // A copy: the columns must be aligned, and the bytes are somebody else's.
    const raw = bytes.slice(from, to);
    put(holder, ["v", ...path], new COLUMN_TYPES[type](raw.buffer, 0, length));
  }
  return holder.v;
}

/** What a value takes in memory, bytes, as accounted: an estimate, not a measurement. O(size). */
export function weighValue(value: unknown): number {
  switch (typeof value) {
    case "string":
      return CELL_BYTES + 2 * value.length;
    case "object":
      break;
    default:
      return CELL_BYTES;
  }
  if (value === null) return CELL_BYTES;
  if (ArrayBuffer.isView(value)) return HOLDER_BYTES + value.byteLength;
  let bytes = HOLDER_BYTES;
  if (Array.isArray(value)) {
    for (const one of value) bytes += weighValue(one);
    return bytes;
  }
  // The names are shared between values of a shape.
  for (const one of Object.values(value)) bytes += weighValue(one);
  return bytes;
}

function plain(
  value: unknown,
  path: Path,
  onColumn: (column: Column, path: Path) => void,
): unknown {
  if (path.length > VALUE_DEPTH_MAX) throw refused(`a depth of at most ${VALUE_DEPTH_MAX}`, path);
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw refused("finite numbers", path);
      return value;
    case "undefined":
      return undefined;
    case "object":
      break;
    default:
      throw refused("JSON-like data", path);
  }
  if (value === null) return null;
  if (ArrayBuffer.isView(value)) {
    if (!Object.hasOwn(COLUMN_TYPES, typeOf(value))) throw refused("columns of numbers", path);
    onColumn(value as Column, path);
    return null;
  }
  if (Array.isArray(value)) return value.map((one, i) => plain(one, [...path, i], onColumn));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refused("plain objects", path);
  // Without a prototype: a name like `__proto__` is a name.
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, one] of Object.entries(value)) {
    copy[name] = plain(one, [...path, name], onColumn);
  }
  return copy;
}

function typeOf(view: ArrayBufferView): ColumnType {
  return Object.prototype.toString.call(view).slice(8, -1) as ColumnType;
}

function headOf(bytes: Uint8Array): { v: unknown; c: PlacedColumn[]; columnsAt: number } {
  if (bytes.length < 4) throw damaged("a head");
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (4 + length > bytes.length) throw damaged("a whole head");
  let head: { v?: unknown; c?: unknown };
  try {
    head = JSON.parse(decoder.decode(bytes.subarray(4, 4 + length)));
  } catch {
    throw damaged("a head of JSON");
  }
  const c = head?.c;
  if (!Array.isArray(c) || !c.every(isPlaced)) throw damaged("a list of columns");
  return { v: head.v, c, columnsAt: padded(4 + length) };
}

function isPlaced(place: unknown): place is PlacedColumn {
  if (!Array.isArray(place) || place.length !== 4) return false;
  const [path, type, begin, length] = place;
  return Array.isArray(path) && Object.hasOwn(COLUMN_TYPES, type) && Number.isInteger(begin) &&
    Number.isInteger(length);
}

function put(holder: Record<string, unknown>, path: Path, column: Column): void {
  let at: unknown = holder;
  for (const step of path.slice(0, -1)) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) {
      throw damaged("its paths");
    }
    at = (at as Record<string | number, unknown>)[step];
  }
  const last = path.at(-1) as string | number;
  if (typeof at !== "object" || at === null || !Object.hasOwn(at, last)) throw damaged("its paths");
  (at as Record<string | number, unknown>)[last] = column;
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

function refused(expected: string, path: Path): TypeError {
  const where = path.length === 0 ? "the value itself" : path.slice(0, 8).join(".");
  return new TypeError(
    `Cannot encode a cached value: expected ${expected}: current value is ${where}`,
  );
}

function damaged(expected: string): TypeError {
  return new TypeError(`Cannot decode a cached value: expected ${expected}`);
}
