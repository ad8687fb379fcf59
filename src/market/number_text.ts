/**
 * Numbers as text bytes: for each double the text that `String` gives (ECMA-262,
 * Number::toString: the shortest digits that read back to it, and of those the closest), written
 * without making a string. NaN is the caller's.
 *
 * ## How
 * A double is v = m · 2^e with 2^52 ≤ m < 2^53, and every real closer to it than half = 2^(e−1) reads
 * back to it. Take the k for which 1 ≤ 2^e · 10^k < 10: then x = v · 10^k has 16 or 17 digits before
 * the point, less than ten whole numbers are within half · 10^k of it, and at least one is. So one
 * multiple of ten at most is among them. If there is one, it has the shortest digits once its zeros
 * are off; if not, the whole number nearest to x has. (The same reasoning as in R. Giulietti, "The
 * Schubfach way to render doubles", 2020.)
 *
 * For 1e-6 ≤ v < 2^53, all that has neither an exponent nor more than 16 digits before the point, k
 * is at most 22, so 10^k is a double itself, and the product of two doubles is the exact sum of two
 * doubles (T. J. Dekker, "A floating-point technique for extending the available precision", 1971).
 * Nothing is approximated: x is known exactly. What is left goes to `String`: other magnitudes,
 * powers of two, whose lower neighbour is nearer than the upper one, and exact ties.
 *
 * @module
 */

/** Bytes that {@linkcode writeNumber} may touch from its place on; the text is shorter. */
export const NUMBER_BYTES_MAX = 48;

/** Biased exponents of the range: 2^-20 < 1e-6 and 2^52. */
const EXPONENT_MIN = 1_023 - 20;
const EXPONENT_MAX = 1_023 + 52;
const EXPONENTS = EXPONENT_MAX - EXPONENT_MIN + 1;
const SMALLEST = 1e-6;

/** By exponent: k, 10^k, its two halves of 26 bits, and half · 10^k. */
const shifts = new Int32Array(EXPONENTS);
const powers = new Float64Array(EXPONENTS);
const powersHigh = new Float64Array(EXPONENTS);
const powersLow = new Float64Array(EXPONENTS);
const halves = new Float64Array(EXPONENTS);

/** Splits a double into two halves: 2^27 + 1 (Veltkamp). */
const SPLITTER = 134_217_729;

for (let index = 0; index < EXPONENTS; index++) {
  const ulp = 2 ** (index + EXPONENT_MIN - 1_023 - 52);
  let k = 0;
  while (ulp * Number(`1e${k}`) < 1) k++;
  // Parsed, so exact: `10 ** k` need not be.
  const power = Number(`1e${k}`);
  const scaled = SPLITTER * power;
  shifts[index] = k;
  powers[index] = power;
  powersHigh[index] = scaled - (scaled - power);
  powersLow[index] = power - (powersHigh[index] as number);
  halves[index] = 0.5 * ulp * power;
}

/** The four digits of 0 to 9,999, as they lie in memory. */
const fourDigits = new Uint32Array(10_000);
for (let i = 0; i < 10_000; i++) {
  const digits = [(i / 1_000) | 0, ((i / 100) | 0) % 10, ((i / 10) | 0) % 10, i % 10];
  fourDigits[i] = digits.reduce((word, digit, at) => word | (0x30 + digit) << (8 * at), 0) >>> 0;
}

const oneDouble = new Float64Array(1);
const itsWords = new Uint32Array(oneDouble.buffer);

const ZERO = 0x30, MINUS = 0x2d, POINT = 0x2e;
/** `0.00` and `0000`, as they lie in memory. */
const ZERO_POINT = 0x30302e30, ZEROS = 0x30303030;
const UNIT = 100_000_000;

/**
 * Writes `String(values[index])` at `at` and gives the place after it. About 27 ns for 17 digits, 200
 * for the rare numbers that go through a string. A column and a place in it, because a double as an
 * argument would be put into memory for the call.
 *
 * Where either way is as likely (the sign, 16 digits or 17, a zero at the end) it calculates instead
 * of branching: a branch that is guessed wrong costs half of what a number does.
 *
 * @param view Over the same bytes, with {@linkcode NUMBER_BYTES_MAX} of room from `at` on.
 */
export function writeNumber(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  values: Float64Array,
  index: number,
): number {
  // Inside the column by contract.
  const signed = values[index] as number;
  const value = Math.abs(signed);
  oneDouble[0] = signed;
  const word = itsWords[1] as number;
  const small = value | 0;
  // Written over unless there is a sign; zero has none, whatever its first bit says.
  bytes[at] = MINUS;
  if (small === value) return writeSmall(bytes, view, signed < 0 ? at + 1 : at, small);
  const first = at + (word >>> 31);
  if (!(value >= SMALLEST && value < 2 ** 53)) return writeString(bytes, at, signed);
  if (Math.floor(value) === value) return writeParts(bytes, view, first, value);

  if ((word & 0xfffff) === 0 && itsWords[0] === 0) return writeString(bytes, at, signed);
  const row = ((word >>> 20) & 0x7ff) - EXPONENT_MIN;
  const power = powers[row] as number;
  const powerHigh = powersHigh[row] as number, powerLow = powersLow[row] as number;
  const scaled = SPLITTER * value;
  const valueHigh = scaled - (scaled - value), valueLow = value - valueHigh;
  // x = whole + rest, exactly; whole is at least 2^52, so it has no fraction.
  const whole = value * power;
  const rest = ((valueHigh * powerHigh - whole) + valueHigh * powerLow + valueLow * powerHigh) +
    valueLow * powerLow;
  let upper = Math.floor(whole * 1e-8);
  // The product may have rounded over a whole number: from −1 to UNIT, both included.
  const low = whole - upper * UNIT;
  const ten = 10 * Math.floor((low + rest) * 0.1 + 0.5);
  const distance = Math.abs(ten - low - rest);
  const half = halves[row] as number;
  const nearest = Math.floor(rest + 0.5);
  if (distance === half || rest - nearest === -0.5) return writeString(bytes, at, signed);
  // All ones where ten is within half.
  const isTen = (Math.floor(distance - half) | 0) >> 31;
  const one = (low + nearest) | 0;
  let lower = one ^ ((one ^ (ten | 0)) & isTen);
  if (lower < 0) {
    lower += UNIT;
    upper--;
  } else if (lower >= UNIT) {
    lower -= UNIT;
    upper++;
  }
  return writeDigits(bytes, view, first, upper | 0, lower, shifts[row] as number, isTen);
}

/**
 * Writes upper · 10^8 + lower, 16 or 17 digits, with `shift` digits after the point.
 *
 * @param isTen All ones when it is a multiple of ten, else 0.
 */
function writeDigits(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  upper: number,
  lower: number,
  shift: number,
  isTen: number,
): number {
  // 1 where there are 17 digits; without a branch, since either is as likely.
  const more = (UNIT - 1 - upper) >>> 31;
  const before = 16 + more - shift;
  let from = at + 1;
  if (before <= 0) {
    view.setUint32(at, ZERO_POINT, true);
    view.setUint32(at + 4, ZEROS, true);
    from = at + 2 - before;
  }
  const first = (upper / UNIT) | 0;
  bytes[from] = ZERO + first;
  upper -= Math.imul(first, UNIT);
  let to = from + more;
  const a = (upper / 10_000) | 0;
  view.setUint32(to, fourDigits[a] as number, true);
  view.setUint32(to + 4, fourDigits[upper - Math.imul(a, 10_000)] as number, true);
  to += 8;
  if (lower !== 0) {
    const c = (lower / 10_000) | 0;
    view.setUint32(to, fourDigits[c] as number, true);
    view.setUint32(to + 4, fourDigits[lower - Math.imul(c, 10_000)] as number, true);
    // Without the zero that a multiple of ten ends in.
    to += 8 + isTen;
  }
  if (before > 0) {
    for (let i = 0; i < before; i++) bytes[at + i] = bytes[at + i + 1] as number;
    bytes[at + before] = POINT;
  }
  while (bytes[to - 1] === ZERO) to--;
  return to;
}

/** As {@linkcode writeNumber}, a little faster where most numbers are whole. */
export function writeWhole(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  values: Float64Array,
  index: number,
): number {
  const value = values[index] as number;
  if (!(value >= UNIT && value < 2 ** 53 && Math.floor(value) === value)) {
    return writeNumber(bytes, view, at, values, index);
  }
  return writeParts(bytes, view, at, value);
}

/** Writes a whole number from 10^8 to 2^53. */
function writeParts(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  const top = Math.floor(value * 1e-8), low = value - top * UNIT;
  // The product may have rounded over a whole number, either way.
  const more = low < 0 ? -1 : low >= UNIT ? 1 : 0;
  const lower = (low - more * UNIT) | 0;
  at = writeSmall(bytes, view, at, (top + more) | 0);
  const c = (lower / 10_000) | 0;
  view.setUint32(at, fourDigits[c] as number, true);
  view.setUint32(at + 4, fourDigits[lower - Math.imul(c, 10_000)] as number, true);
  return at + 8;
}

/** Writes a whole number below 2^31. */
export function writeSmall(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  value: number,
): number {
  if (value < 10) {
    bytes[at] = ZERO + value;
    return at + 1;
  }
  if (value < 10_000) {
    const skipped = value < 100 ? 2 : value < 1_000 ? 1 : 0;
    view.setUint32(at, (fourDigits[value] as number) >>> (8 * skipped), true);
    return at + 4 - skipped;
  }
  const rest = (value / 10_000) | 0;
  at = writeSmall(bytes, view, at, rest);
  view.setUint32(at, fourDigits[value - rest * 10_000] as number, true);
  return at + 4;
}

function writeString(bytes: Uint8Array, at: number, value: number): number {
  const text = String(value);
  for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  return at;
}
