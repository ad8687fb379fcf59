/**
 * The CRC that the program `cksum` prints, which every Linux has; POSIX.1-2024, XCU `cksum`.
 *
 * @module
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? crc << 1 ^ 0x04c1_1db7 : crc << 1;
  return crc >>> 0;
});

/** The CRC of the bytes and, as the standard has it, of their number. O(bytes). */
export function cksum(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = crc << 8 ^ (TABLE[crc >>> 24 ^ byte] as number);
  for (let left = bytes.length; left > 0; left = Math.floor(left / 256)) {
    crc = crc << 8 ^ (TABLE[crc >>> 24 ^ left & 0xff] as number);
  }
  return ~crc >>> 0;
}
