/**
 * The 32-bit hash of a key that routing, sketch, ghosts and shadows share. It is no index: keys are
 * found by a Map, so keys made to collide here cost hit ratio at most, never time.
 *
 * @module
 */

/** Longer keys are hashed by their two ends and their length, so that a key of 1 MB costs no more. */
const HASHED_WHOLE_MAX = 256;
const HASHED_END = HASHED_WHOLE_MAX / 2;
/** Odd; keeps a length from being undone by the first characters. */
const LENGTH_FACTOR = 0x9e3779b1;

/**
 * The last short key and its sum: a key that is routed, missed and put in is the same one three times
 * in a row.
 */
let lastKey = "";
let lastUnit = NaN;
let lastSum = 0;

/**
 * Hash of the UTF-16 code units of `key` under a seed, as a signed 32-bit integer: multiply and
 * shift over pairs of units, then the finalizer of MurmurHash3 (A. Appleby, public domain) with the
 * seed. Who knows the seed alone can make hashes that agree in some of their bits; whole hashes can
 * be made to agree without it. O(min(length, 256)).
 */
export function hashKey(key: string, seed: number): number {
  const length = key.length;
  // The last characters differ more often than the first ones; most keys are told apart by them.
  if (key.charCodeAt(length - 1) === lastUnit && key === lastKey) {
    lastKey = key; // The same object next time is known without a comparison.
    return mix(lastSum ^ seed);
  }
  if (length > HASHED_WHOLE_MAX) {
    const head = sumOfUnits(key, 0, HASHED_END, Math.imul(length, LENGTH_FACTOR));
    return mix(sumOfUnits(key, length - HASHED_END, length, head) ^ seed);
  }
  lastKey = key;
  lastUnit = key.charCodeAt(length - 1);
  lastSum = sumOfUnits(key, 0, length, Math.imul(length, LENGTH_FACTOR));
  return mix(lastSum ^ seed);
}

function sumOfUnits(key: string, from: number, to: number, start: number): number {
  let sum = start;
  let at = from;
  for (; at + 1 < to; at += 2) {
    sum = Math.imul(sum ^ (key.charCodeAt(at) | (key.charCodeAt(at + 1) << 16)), 0xcc9e2d51);
    sum ^= sum >>> 15;
  }
  if (at < to) sum = Math.imul(sum ^ key.charCodeAt(at), 0xcc9e2d51);
  return sum;
}

/** Spreads every bit of `hash` over all 32: the finalizer of MurmurHash3. One to one; signed. */
export function mix(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
