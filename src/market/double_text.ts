/**
 * Doubles as the shortest decimal text that reads back to the same double, as `String(value)` gives
 * it (ECMA-262, Number::toString), written as bytes where they belong.
 *
 * ## How
 * Scaled by a power of ten so that 17 digits stand before the point, a double is X = v·10^k. As long
 * as 10^k is a double itself (k ≤ 22), X is exactly the sum of two doubles (T. J. Dekker, A
 * floating-point technique for extending the available precision, 1971). Every number nearer to X
 * than H, half the distance between neighbouring doubles, reads back as v, and 0.55 < H < 11.2. So
 * the text is, first of these: the multiple of 100 within H of X, which is one at most, without its
 * zeros; the nearest multiple of 10 within H; the nearest integer.
 *
 * Whatever is close to call, H or a half away to within rounding, a power of two, whose neighbour
 * below is nearer, or outside 1e-6 ≤ |v| < 1e15, is left to the runtime. Measured, V8 15: a third of
 * the time of a string and its bytes.
 *
 * @module
 */

/** Most bytes of a text: sign, 17 digits, point, and exponent or zeros. */
export const DOUBLE_BYTES_MAX = 25;

const SMALLEST = 1e-6;
const LARGEST = 1e15;
const DIGITS = 17;
const ZERO = 0x30;
const HALF = 1e8;
/** Veltkamp's constant, 2^27 + 1: splits a double into halves whose products are exact. */
const SPLITTER = 134_217_729;
/** Far above the rounding of distances, which are sums of numbers below 1e8; far below H. */
const DOUBT = 1e-6;

const value = new Float64Array(1);
const words = new Uint32Array(value.buffer);
/** Which word of a double holds its exponent. */
const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** 10^k, each a double, and its halves. */
const POWERS = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
const POWERS_HIGH = POWERS.map((power) => {
  const scaled = SPLITTER * power;
  return scaled - (scaled - power);
});
const POWERS_LOW = POWERS.map((power, k) => power - (POWERS_HIGH[k] as number));
/** 10^e for −7 ≤ e ≤ 15, at e + 7. */
const BOUNDS = Float64Array.from({ length: 23 }, (_, at) => Number(`1e${at - 7}`));

/** The two digits of numbers below 100. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, at) =>
  ZERO + (at % 2 === 0 ? Math.floor(at / 20) : (at >> 1) % 10));
const digits = new Uint8Array(DIGITS + 1);

/**
 * Writes a finite double at `at`; gives where it ends. `bytes` must have room for
 * {@linkcode DOUBLE_BYTES_MAX}.
 */
export function writeDouble(bytes: Uint8Array, at: number, double: number): number {
  let v = double;
  if (v < 0) {
    v = -v;
    bytes[at++] = 0x2d;
  }
  if (!(v >= SMALLEST && v < LARGEST)) return writeText(bytes, at, v);
  value[0] = v;
  const high = words[HIGH] as number;
  if ((high & 0xfffff) === 0 && words[1 - HIGH] === 0) return writeText(bytes, at, v);
  const exponent2 = (high >>> 20) - 1023;
  // The floor of log10, or one below it.
  let exponent10 = Math.floor(exponent2 * 0.30102999566398114);
  if (v >= (BOUNDS[exponent10 + 8] as number)) exponent10++;
  const k = DIGITS - 1 - exponent10;

  // X = product + rest, exactly.
  const power = POWERS[k] as number;
  const scaled = SPLITTER * v;
  const vHigh = scaled - (scaled - v), vLow = v - vHigh;
  const pHigh = POWERS_HIGH[k] as number, pLow = POWERS_LOW[k] as number;
  const product = v * power;
  const rest = vLow * pLow - (product - vHigh * pHigh - vLow * pHigh - vHigh * pLow);

  // X = upper · 1e8 + lower; the product is a whole number here, and the differences are exact.
  let upper = Math.floor(product / HALF);
  let lower = product - upper * HALF + rest;
  if (lower < 0) {
    upper--;
    lower += HALF;
  } else if (lower >= HALF) {
    upper++;
    lower -= HALF;
  }
  value[0] = v;
  words[HIGH] = ((exponent2 - 53 + 1023) << 20) >>> 0;
  words[1 - HIGH] = 0;
  const h = (value[0] as number) * power;

  let whole = Math.round(lower / 100) * 100;
  const far100 = Math.abs(lower - whole) - h;
  if (far100 > -DOUBT) {
    if (far100 < DOUBT) return writeText(bytes, at, v);
    whole = Math.round(lower / 10) * 10;
    const off10 = Math.abs(lower - whole), far10 = off10 - h;
    if (far10 > -DOUBT || 5 - off10 < DOUBT) {
      if (far10 < DOUBT) return writeText(bytes, at, v);
      whole = Math.round(lower);
      if (0.5 - Math.abs(lower - whole) < DOUBT) return writeText(bytes, at, v);
    }
  }
  if (whole === HALF) {
    whole = 0;
    upper++;
  }
  return writeDigits(bytes, at, upper, whole, exponent10);
}
