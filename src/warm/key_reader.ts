/**
 * A key as words: what is hashed, compared and kept of it. Reading one is the greater part of what it
 * costs to record an access, so that it is done once.
 *
 * The hash is multilinear: the sum of secret words, each times two bytes of the key, modulo 2^32.
 * Its upper 17 bits are strongly universal (D. Lemire, O. Kaser, "Strongly universal string hashing
 * is fast", The Computer Journal 57, 2014): whatever two keys are, they agree in them with a chance
 * of 2^-17. Keys come from whoever may ask for one; without the secret nobody can make keys that all
 * fall into one chain. The lower bits are worth less, so buckets are numbered by the upper ones.
 *
 * @module
 */

import { mix } from "../cache/hash.ts";

/** Longest key, in bytes of UTF-8: one byte holds the length. Longer ones are not tracked. */
export const KEY_BYTES_MAX = 255;

/** Bits of a hash, counted from above, of which nobody can foresee anything. */
export const HASH_BITS_SURE = 17;

const WORDS = (KEY_BYTES_MAX + 1) / 4;
/** One for each two bytes, and one for the length. */
const SECRETS = 2 * WORDS + 1;
const ASCII_END = 0x80;
/** Odd, near 2^32 over the golden ratio: the steps of Weyl's sequence in splitmix32. */
const WEYL_STEP = 0x9e3779b9;

const encoder = new TextEncoder();

/** Secret words out of two: splitmix32 of each, one from the other. */
function secretsOf(seed0: number, seed1: number): Int32Array {
  return Int32Array.from(
    { length: SECRETS },
    (_, at) => mix(mix(seed0 + Math.imul(at, WEYL_STEP)) ^ seed1),
  );
}

/** Reads one key at a time. */
export class KeyReader {
  /** UTF-8 of the key, filled up with zeros to a whole word. */
  readonly words = new Int32Array(WORDS);
  readonly #bytes = new Uint8Array(this.words.buffer);
  readonly #secrets: Int32Array;
  /** Of the key that was read last, in bytes. */
  length = 0;
  /** Of the key that was read last; a signed 32-bit integer. */
  hash = 0;

  /** With two words of chance, of which the secret ones are made. */
  constructor(seed0: number, seed1: number) {
    this.#secrets = secretsOf(seed0 | 0, seed1 | 0);
  }

  /**
   * Reads a key; false when it cannot be kept: longer than {@linkcode KEY_BYTES_MAX}, or with half
   * a surrogate pair, of which bytes know no difference. O(characters), at most that many.
   */
  read(key: string): boolean {
    const length = key.length;
    if (length > KEY_BYTES_MAX) return false;
    const words = this.words, secrets = this.#secrets;
    let hash = Math.imul(secrets[SECRETS - 1] as number, length);
    let seen = 0, at = 0;
    for (; at + 3 < length; at += 4) {
      const a = key.charCodeAt(at), b = key.charCodeAt(at + 1);
      const c = key.charCodeAt(at + 2), d = key.charCodeAt(at + 3);
      seen |= a | b | c | d;
      const low = a | b << 8, high = c | d << 8;
      words[at >> 2] = low | high << 16;
      hash += Math.imul(secrets[at >> 1] as number, low);
      hash = (hash + Math.imul(secrets[(at >> 1) + 1] as number, high)) | 0;
    }
    let rest = 0;
    for (let shift = 0; at < length; at++, shift += 8) {
      const unit = key.charCodeAt(at);
      seen |= unit;
      rest |= unit << shift;
    }
    const last = length >> 2;
    words[last] = rest;
    hash += Math.imul(secrets[2 * last] as number, rest & 0xffff);
    this.hash = (hash + Math.imul(secrets[2 * last + 1] as number, rest >>> 16)) | 0;
    this.length = length;
    return seen < ASCII_END || this.#readOther(key);
  }

  #readOther(key: string): boolean {
    if (!key.isWellFormed()) return false;
    this.words.fill(0);
    const { read, written } = encoder.encodeInto(key, this.#bytes);
    if (read < key.length || written > KEY_BYTES_MAX) return false;
    this.length = written;
    this.hash = this.hashAt(this.words, 0, written);
    return true;
  }

  /** Hash of the bytes that begin at a word, filled up with zeros. O(words). */
  hashAt(words: Int32Array, from: number, length: number): number {
    const secrets = this.#secrets;
    let hash = Math.imul(secrets[SECRETS - 1] as number, length);
    for (let at = 0; at < (length + 3 >> 2); at++) {
      const word = words[from + at] as number;
      hash += Math.imul(secrets[2 * at] as number, word & 0xffff);
      hash = (hash + Math.imul(secrets[2 * at + 1] as number, word >>> 16)) | 0;
    }
    return hash;
  }
}
