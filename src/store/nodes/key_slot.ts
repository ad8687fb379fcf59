/**
 * The slot of a key in a Redis Cluster (redis.io/docs/reference/cluster-spec): CRC-16/XMODEM of the
 * key, or of what stands between its first braces, modulo 16,384.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Slots of a Cluster. */
export const SLOTS = 16_384;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

/** The slot of a key, 0 to 16,383. O(characters). */
export function keySlot(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashed(key))) {
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] as number);
  }
  return crc % SLOTS;
}

/** What of a key is hashed: its tag when it has one that is not empty. */
function hashed(key: string): string {
  const from = key.indexOf("{");
  if (from < 0) return key;
  const to = key.indexOf("}", from + 1);
  return to < 0 || to === from + 1 ? key : key.slice(from + 1, to);
}
