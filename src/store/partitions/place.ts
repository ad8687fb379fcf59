/**
 * Places in a partition's stream: `MS-END`, ids of Redis Streams. MS is when the entry was appended,
 * by the streams' clock, and END counts the bytes that the stream has ever had up to its end. So
 * places ascend even when a stream was lost and begins anew, and the bytes between two of them are
 * known without looking at what lies there.
 *
 * @module
 */

import type { StreamPlace } from "./port.ts";

/** The parts of a {@linkcode StreamPlace}. */
export interface PlaceParts {
  /** Epoch ms of the streams' clock. */
  readonly atMs: number;
  /** Bytes of the stream up to the end of the entry, those given up included. */
  readonly endBytes: number;
}

/** Bytes that an entry counts beside its own: what Redis keeps of it, about. */
export const ENTRY_OVERHEAD_BYTES = 64;

const PLACE = /^(\d{1,16})-(\d{1,16})$/;

/** The place of these parts. */
export function placeOf({ atMs, endBytes }: PlaceParts): StreamPlace {
  return `${atMs}-${endBytes}`;
}

/** Its parts; null when the text is no place. */
export function placeParts(place: string): PlaceParts | null {
  const found = PLACE.exec(place);
  if (found === null) return null;
  return { atMs: Number(found[1]), endBytes: Number(found[2]) };
}

/** Order of two places: below 0 when `a` lies before `b`. */
export function comparePlaces(a: PlaceParts, b: PlaceParts): number {
  return a.atMs - b.atMs || a.endBytes - b.endBytes;
}
