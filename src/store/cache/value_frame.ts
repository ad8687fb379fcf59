/**
 * An entry of the second tier as one run of bytes, for SQLite and Redis alike. Little endian.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | magic `WCVF` |
 * | 4 | 1 | encoding version |
 * | 5 | 1 | flags: bit 0, the value is compressed; bit 1, there is a seq |
 * | 8 | 4 | bytes of the notes |
 * | 12 | 4 | bytes of the value before compression |
 * | 16 | 40 | loadedAtMs, softAtMs, hardAtMs, seq, mark, 8 bytes each |
 * | 56 | … | notes: JSON of dependencies and tags, absent where there are none |
 * | … | … | the value |
 * | last 4 | 4 | CRC-32 of everything before it |
 *
 * ## Checksum
 * The CRC-32 of bytes that are followed by their own CRC-32, least significant byte first, is the
 * same for all bytes (R. Williams, A Painless Guide to CRC Error Detection Algorithms, 1993). So a
 * frame is checked as it stands, in one call, with no view of a part of it: views are what decoding
 * costs.
 *
 * ## Compression
 * Deflate at level 1 from {@linkcode COMPRESS_BYTES_MIN} on, where at least an eighth is saved. Measured
 * with `bench/cache/frames.ts` (µs for making it smaller and larger again, share of the size left):
 *
 * | value | deflate 1 | zstd 1 |
 * |---|---|---|
 * | news, 568 B | 8 + 17, 54 % | 17 + 15, 48 % |
 * | news, 2.3 kB | 10 + 7, 37 % | 21 + 16, 30 % |
 * | news, 9 kB | 22 + 13, 33 % | 35 + 22, 23 % |
 * | news, 37 kB | 62 + 49, 32 % | 75 + 55, 21 % |
 * | candles, 2.2 kB | 12 + 14, 57 % | 22 + 16, 71 % |
 * | candles, 8.3 kB | 26 + 16, 52 % | 32 + 21, 57 % |
 *
 * A call costs some 10 µs (zstd: 17), as much as all else that is done with an entry. Prices and
 * profiles are well below 2 kB: compressing them would double the cost of a read for 200 bytes.
 *
 * @module
 */

import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import type { Dependency, TierEntry } from "../../cache/types.ts";

/** Values from this size on are compressed, bytes. */
export const COMPRESS_BYTES_MIN = 2_048;

/** Largest value that a tier keeps, bytes; also what a frame may inflate to. */
export const VALUE_BYTES_MAX: number = 8 * 1024 * 1024;

/** Largest notes of an entry, bytes; entries with longer ones are not kept. */
export const NOTES_BYTES_MAX: number = 64 * 1024;

/** Bytes of a frame beside notes and value. */
export const FRAME_OVERHEAD_BYTES = 60;

const MAGIC = 0x46564357;
const VERSION = 2;
const FLAG_COMPRESSED = 1;
const FLAG_SEQ = 2;
const NOTES_AT = 56;
const CRC_BYTES = 4;
/** CRC-32 of whatever ends with its own CRC-32. */
const CRC_RESIDUE = 0x2144df1c;

const DEFLATE = { level: 1 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An entry as a frame; null when value or notes are larger than a tier keeps. O(bytes). */
export function encodeFrame(entry: TierEntry, mark: number): Uint8Array | null {
  const { bytes } = entry;
  const notes = encodeNotes(entry);
  if (bytes.length > VALUE_BYTES_MAX || notes.length > NOTES_BYTES_MAX) return null;
  const value = compressed(bytes);
  const frame = new Uint8Array(FRAME_OVERHEAD_BYTES + notes.length + value.length);
  const crcAt = frame.length - CRC_BYTES;
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, (value === bytes ? 0 : FLAG_COMPRESSED) | (entry.seq === null ? 0 : FLAG_SEQ));
  view.setUint32(8, notes.length, true);
  view.setUint32(12, bytes.length, true);
  view.setFloat64(16, entry.loadedAtMs, true);
  view.setFloat64(24, entry.softAtMs, true);
  view.setFloat64(32, entry.hardAtMs, true);
  view.setFloat64(40, entry.seq ?? 0, true);
  view.setFloat64(48, mark, true);
  frame.set(notes, NOTES_AT);
  frame.set(value, NOTES_AT + notes.length);
  view.setUint32(crcAt, crc32(frame.subarray(0, crcAt)), true);
  return frame;
}

/** An entry out of a frame; it always has a mark. */
export type FramedEntry = TierEntry & { readonly mark: number };

/** As {@linkcode decodeFrame}, for frames of one reply; see {@linkcode frameDecoder}. */
export type FrameDecoder = (key: string, frame: Uint8Array) => FramedEntry | null;

/**
 * Decodes the frames of one reply: as they stand in one buffer, they share one view of it, which
 * saves a third of what a small frame costs. Holds the buffer of the last frame: keep it no longer
 * than the reply.
 */
export function frameDecoder(): FrameDecoder {
  let view: DataView | null = null;
  return (key, frame) => {
    if (view?.buffer !== frame.buffer) view = new DataView(frame.buffer);
    return decodeAt(key, frame, view, frame.byteOffset);
  };
}

/**
 * The entry of a frame, or null when it is not what {@linkcode encodeFrame} made, says of itself that
 * it is too large, or inflates to another size than it says. The value is a view of the frame unless
 * it was compressed. O(bytes).
 */
export function decodeFrame(key: string, frame: Uint8Array): FramedEntry | null {
  return decodeAt(key, frame, new DataView(frame.buffer), frame.byteOffset);
}

/** `view` is of the frame's whole buffer, in which the frame begins at `at`. */
function decodeAt(
  key: string,
  frame: Uint8Array,
  view: DataView,
  at: number,
): FramedEntry | null {
  const { length } = frame;
  if (length < FRAME_OVERHEAD_BYTES || crc32(frame) !== CRC_RESIDUE) return null;
  if (view.getUint32(at, true) !== MAGIC || view.getUint8(at + 4) !== VERSION) return null;
  const flags = view.getUint8(at + 5);
  const notesBytes = view.getUint32(at + 8, true);
  const valueBytes = view.getUint32(at + 12, true);
  const heldBytes = length - FRAME_OVERHEAD_BYTES - notesBytes;
  if (heldBytes < 0 || valueBytes > VALUE_BYTES_MAX) return null;
  const held = new Uint8Array(view.buffer, at + NOTES_AT + notesBytes, heldBytes);
  const bytes = (flags & FLAG_COMPRESSED) === 0 ? held : inflated(held, valueBytes);
  const notes = notesBytes === 0
    ? NO_NOTES
    : decodeNotes(frame.subarray(NOTES_AT, NOTES_AT + notesBytes));
  if (bytes === null || bytes.length !== valueBytes || notes === null) return null;
  return {
    key,
    bytes,
    loadedAtMs: view.getFloat64(at + 16, true),
    softAtMs: view.getFloat64(at + 24, true),
    hardAtMs: view.getFloat64(at + 32, true),
    seq: (flags & FLAG_SEQ) === 0 ? null : view.getFloat64(at + 40, true),
    mark: view.getFloat64(at + 48, true),
    dependsOn: notes.dependsOn,
    tags: notes.tags,
  };
}

function compressed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < COMPRESS_BYTES_MIN) return bytes;
  const smaller = deflateRawSync(bytes, DEFLATE);
  return smaller.length <= bytes.length - (bytes.length >> 3) ? smaller : bytes;
}

function inflated(bytes: Uint8Array, lengthMax: number): Uint8Array | null {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, lengthMax) });
  } catch {
    return null;
  }
}

interface Notes {
  readonly dependsOn: readonly Dependency[];
  readonly tags: readonly string[];
}

const NO_NOTES: Notes = { dependsOn: [], tags: [] };
const NO_BYTES = new Uint8Array(0);

// JSON has no Infinity: null stands for the open end on either side.
type Row = ["c", string, number | null, number | null] | ["l", string] | ["k", string];

function encodeNotes({ dependsOn, tags }: TierEntry): Uint8Array {
  if (dependsOn.length === 0 && tags.length === 0) return NO_BYTES;
  return encoder.encode(JSON.stringify([dependsOn.map(rowOf), tags]));
}

function rowOf(dependency: Dependency): Row {
  switch (dependency.kind) {
    case "candles": {
      const { series, fromTs, toTs } = dependency;
      return ["c", series, fromTs === -Infinity ? null : fromTs, toTs === Infinity ? null : toTs];
    }
    case "levels":
      return ["l", dependency.instrument];
    case "key":
      return ["k", dependency.key];
  }
}

function decodeNotes(bytes: Uint8Array): Notes | null {
  try {
    // The checksum was right, so this is what was encoded.
    const [rows, tags] = JSON.parse(decoder.decode(bytes)) as [Row[], string[]];
    return { dependsOn: rows.map(dependencyOf), tags };
  } catch {
    return null;
  }
}

function dependencyOf(row: Row): Dependency {
  if (row[0] === "l") return { kind: "levels", instrument: row[1] };
  if (row[0] === "k") return { kind: "key", key: row[1] };
  return { kind: "candles", series: row[1], fromTs: row[2] ?? -Infinity, toTs: row[3] ?? Infinity };
}
