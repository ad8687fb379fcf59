/**
 * Partitions: series are divided into 256, which are what threads and nodes own.
 *
 * @module
 */

import type { SeriesKey } from "./block.ts";

/** Partitions of all series. */
export const PARTITIONS = 256;

/** Partition of a series, 0 to 255: FNV-1a over its UTF-16 units, folded (RFC draft, Noll). */
export function partitionOf(series: SeriesKey): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < series.length; i++) {
    hash = Math.imul(hash ^ series.charCodeAt(i), 0x01000193);
  }
  return ((hash >>> 24) ^ (hash >>> 16) ^ (hash >>> 8) ^ hash) & (PARTITIONS - 1);
}
