/**
 * A snapshot as bytes: a header, JSON in which typed arrays are replaced by where they lie, and then
 * the arrays, each at a multiple of 8 bytes, in the byte order of the machine that wrote them.
 *
 * ```
 * "WARM" | format, u32 | characters of JSON in bytes, u32 | check of that and all that follows, u32 | JSON | …
 * ```
 *
 * @module
 */

import { shown, WarmError } from "./error.ts";
import type { WarmingSnapshot } from "./warming_types.ts";

const MAGIC = 0x5741_524d;
/** Written in the machine's byte order: another machine reads another number. */
const FORMAT = 1;
const HEADER_BYTES = 16;

/** Most bytes that are read: those of a million keys. */
export const SNAPSHOT_BYTES_MAX = 256 * 2 ** 20;

const ARRAYS = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
} as const;

type ArrayName = keyof typeof ARRAYS;

/** In place of a typed array: its type, first byte behind the JSON, and length. */
interface Placed {
  readonly $array: ArrayName;
  readonly at: number;
  readonly length: number;
}

/** A snapshot as bytes. O(bytes). */
export function warmingBytes(snapshot: WarmingSnapshot): Uint8Array<ArrayBuffer> {
  const arrays: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  let end = 0;
  const json = JSON.stringify(snapshot, (_, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    const name = value.constructor.name as ArrayName;
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const at = end;
    arrays.push({ at, bytes });
    end = padded(at + bytes.byteLength);
    return { $array: name, at, length: (value as Uint8Array).length } satisfies Placed;
  });
  const text = new TextEncoder().encode(json);
  const bodyAt = padded(HEADER_BYTES + text.byteLength);
  const bytes = new Uint8Array(bodyAt + end);
  bytes.set(text, HEADER_BYTES);
  for (const { at, bytes: from } of arrays) bytes.set(from, bodyAt + at);
  const header = new Uint32Array(bytes.buffer, 0, 4);
  header.set([MAGIC, FORMAT, text.byteLength, checkOf(bytes, text.byteLength)]);
  return bytes;
}

/**
 * The snapshot that these bytes are of; its parts are checked when it is restored.
 *
 * @throws {WarmError} code `snapshot`.
 */
export function readWarmingBytes(bytes: Uint8Array): WarmingSnapshot {
  const { byteLength } = bytes;
  if (byteLength < HEADER_BYTES || byteLength > SNAPSHOT_BYTES_MAX || byteLength % 8 !== 0) {
    throw wrong(`expected whole words, at most ${SNAPSHOT_BYTES_MAX} bytes`, byteLength);
  }
  // A copy begins at a multiple of 8 bytes, as arrays need it.
  const copy = bytes.slice();
  const [magic, format, textBytes = 0, check] = new Uint32Array(copy.buffer, 0, 4);
  if (magic !== MAGIC) throw wrong("expected bytes that warming wrote on such a machine", magic);
  if (format !== FORMAT) throw wrong(`expected format ${FORMAT}`, format);
  const bodyAt = padded(HEADER_BYTES + textBytes);
  if (check !== checkOf(copy, textBytes) || bodyAt > byteLength) {
    throw wrong("expected all bytes as they were written", check);
  }
  const json = new TextDecoder().decode(copy.subarray(HEADER_BYTES, HEADER_BYTES + textBytes));
  return JSON.parse(json, (_, value: unknown) => {
    if (!isPlaced(value)) return value;
    const make = ARRAYS[value.$array];
    const from = bodyAt + value.at;
    if (from + value.length * make.BYTES_PER_ELEMENT > byteLength) {
      throw wrong("expected arrays within the bytes", value.at);
    }
    return new make(copy.buffer, from, value.length).slice();
  }) as WarmingSnapshot;
}

function isPlaced(value: unknown): value is Placed {
  if (typeof value !== "object" || value === null || !("$array" in value)) return false;
  const { $array, at, length } = value as Partial<Placed>;
  if (typeof $array !== "string" || !Object.hasOwn(ARRAYS, $array)) {
    throw wrong("expected a kind of array", $array);
  }
  const isPlace = Number.isInteger(at) && Number.isInteger(length) && (at as number) >= 0 &&
    (at as number) % 8 === 0 && (length as number) >= 0;
  if (!isPlace) throw wrong("expected where an array lies", at);
  return true;
}

const padded = (bytes: number) => (bytes + 7) & ~7;

/** FNV-1a over words: finds what storage garbles; not a seal. */
function checkOf(bytes: Uint8Array<ArrayBuffer>, textBytes: number): number {
  const words = new Int32Array(bytes.buffer, HEADER_BYTES, (bytes.byteLength - HEADER_BYTES) / 4);
  let hash = 0x811c_9dc5 ^ textBytes;
  for (const word of words) hash = Math.imul(hash ^ word, 0x0100_0193);
  return hash >>> 0;
}

const wrong = (expected: string, value: unknown) =>
  new WarmError(
    "snapshot",
    `Cannot read what warming saved: ${expected}: current value is ${shown(value)}`,
  );
