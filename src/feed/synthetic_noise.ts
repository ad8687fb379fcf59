/**
 * Chance that can be asked at any place: a number is a hash of a key and a counter, so that the
 * draw for bar one million needs no draw before it (Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011). Integer arithmetic only: the same on every machine.
 *
 * @module
 */

/** Odd and close to 2^32 / golden ratio: neighbouring counters land far apart. */
const COUNTER_STEP = 0x9e3779b1;

/** Mean and inverse deviation of the sum of four numbers uniform over 0 … 65535. */
const SUM_MEAN = 2 * 65_535;
const SUM_SCALE = 1 / Math.sqrt((65_536 ** 2 - 1) / 3);

/** Largest |{@linkcode normalAt}|: 2·√3, rounded up. */
export const NORMAL_MAX = 3.4642;

/** A bijection of 32 bits that spreads every bit over all (lowbias32, C. Wellons). */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** 32 random bits for a key and a counter; two counters less than 2^32 apart differ. */
export function bitsAt(key: number, counter: number): number {
  return mix(key ^ mix(Math.imul(counter, COUNTER_STEP)));
}

/** A key of its own for a text under a key: FNV-1a, then mixed. */
export function keyOf(key: number, text: string): number {
  let hash = mix(key) ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** A key of its own for a number under a key. */
export function keyAt(key: number, index: number): number {
  return mix(Math.imul(key, 0x01000193) + Math.imul(index, 0x85ebca6b));
}

/**
 * A number of mean 0 and variance 1, nearly normal: the sum of four uniform ones (Irwin–Hall),
 * so never beyond {@linkcode NORMAL_MAX}.
 */
export function normalAt(key: number, counter: number): number {
  const a = bitsAt(key, counter);
  const b = mix(a + COUNTER_STEP);
  const sum = (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16);
  return (sum - SUM_MEAN) * SUM_SCALE;
}

/** 32 bits as a number in [0, 1). */
export function unit(bits: number): number {
  return (bits >>> 0) / 4_294_967_296;
}
