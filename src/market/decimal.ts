/**
 * Decimal numbers from bytes, bit-identical to `Number(text)`.
 *
 * A decimal with a mantissa below 2^53 and a power of ten of at most 22 is one exact integer times
 * or divided by another, so one IEEE operation rounds it correctly (W. D. Clinger, "How to Read
 * Floating Point Numbers Accurately", PLDI 1990, section 4). Nearly every price is of that kind;
 * the rest goes to `Number`, which is correct but needs a string.
 *
 * @module
 */

import { RejectReason } from "./reject.ts";

const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const SPACE = 32;
const TAB = 9;

/** Powers of ten that a double holds exactly, 10^0 to 10^22. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

const MANTISSA_END = 2 ** 53;

/**
 * Reads an unsigned decimal without exponent that starts at `from` into `row[column]`: the hot
 * path. Needs a byte after the number that is none of its own (a line feed at the latest).
 *
 * Returns the position of that byte, or -1 when there is no digit or the number is not exact this
 * way; then {@linkcode parseDecimal} knows what to do. O(digits), no allocation.
 */
export function scanDecimal(
  bytes: Uint8Array,
  from: number,
  row: Float64Array,
  column: number,
): number {
  let at = from;
  let mantissa = 0;
  let digit = (bytes[at] as number) - ZERO;
  while (digit >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    digit = (bytes[++at] as number) - ZERO;
  }
  let digits = at - from;
  if (digit === POINT - ZERO) {
    const pointAt = at;
    digit = (bytes[++at] as number) - ZERO;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = (bytes[++at] as number) - ZERO;
    }
    const decimals = at - pointAt - 1;
    digits += decimals;
    // Rounding while accumulating never brings a larger mantissa below 2^53.
    if (decimals > 22 || digits === 0 || mantissa >= MANTISSA_END) return -1;
    row[column] = mantissa / (POWERS_OF_TEN[decimals] as number);
    return at;
  }
  if (digits === 0 || mantissa >= MANTISSA_END) return -1;
  row[column] = mantissa;
  return at;
}

/** As {@linkcode scanDecimal} for digits only: a point ends the number and so refuses the cell. */
export function scanInteger(
  bytes: Uint8Array,
  from: number,
  row: Float64Array,
  column: number,
): number {
  let at = from;
  let mantissa = 0;
  let digit = (bytes[at] as number) - ZERO;
  while (digit >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    digit = (bytes[++at] as number) - ZERO;
  }
  if (at === from || mantissa >= MANTISSA_END) return -1;
  row[column] = mantissa;
  return at;
}

/** Outcome of {@linkcode parseDecimal}: 0 for a number, otherwise why there is none. */
export type DecimalReason =
  | 0
  | typeof RejectReason.cellEmpty
  | typeof RejectReason.notNumber
  | typeof RejectReason.tsNotInteger;

/**
 * Reads the cell from ≤ i < to into `row[column]`: `[+-] digits [. digits] [e [+-] digits]`, at
 * least one digit before the exponent, blanks and tabs around it ignored. Everything else that
 * `Number` or Python's `float` would take (hex, `Infinity`, `NaN`, underscores, empty) is refused.
 * A number beyond the doubles becomes Infinity, which R2 refuses. O(bytes); may build one string.
 */
export function parseDecimal(
  bytes: Uint8Array,
  from: number,
  to: number,
  row: Float64Array,
  column: number,
): DecimalReason {
  const [start, end] = trimmed(bytes, from, to);
  if (start === end) return RejectReason.cellEmpty;
  if (!isDecimal(bytes, start, end)) return RejectReason.notNumber;
  row[column] = Number(textOf(bytes, start, end));
  return 0;
}

/**
 * As {@linkcode parseDecimal} for `[+-] digits`; another number is `tsNotInteger`, so that 1.5e12
 * or 1.0 is never taken for a time. Minus zero becomes zero.
 */
export function parseInteger(
  bytes: Uint8Array,
  from: number,
  to: number,
  row: Float64Array,
  column: number,
): DecimalReason {
  const reason = parseDecimal(bytes, from, to, row, column);
  if (reason !== 0) return reason;
  const [start, end] = trimmed(bytes, from, to);
  const unsigned = start + (isSign(bytes[start]) ? 1 : 0);
  if (skipDigits(bytes, unsigned, end) !== end) return RejectReason.tsNotInteger;
  if (row[column] === 0) row[column] = 0;
  return 0;
}

/** The range without blanks and tabs at its ends. */
export function trimmed(bytes: Uint8Array, from: number, to: number): [from: number, to: number] {
  let start = from;
  let end = to;
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  return [start, end];
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

function isSign(byte: number | undefined): boolean {
  return byte === PLUS || byte === MINUS;
}

function skipDigits(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++;
  return at;
}

function isDecimal(bytes: Uint8Array, from: number, to: number): boolean {
  const whole = from + (isSign(bytes[from]) ? 1 : 0);
  let at = skipDigits(bytes, whole, to);
  let digits = at - whole;
  if (at < to && bytes[at] === POINT) {
    const decimals = at + 1;
    at = skipDigits(bytes, decimals, to);
    digits += at - decimals;
  }
  if (digits === 0) return false;
  if (at === to) return true;
  // 0x20 makes E an e.
  if (((bytes[at] as number) | 0x20) !== 0x65) return false;
  const exponent = at + 1 + (isSign(bytes[at + 1]) ? 1 : 0);
  return exponent < to && skipDigits(bytes, exponent, to) === to;
}

/** ASCII text of a short range; several times faster than a TextDecoder below some 30 bytes. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}
