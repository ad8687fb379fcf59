/**
 * A mean number of accesses in one byte: 0 for not known, 1 for none, and above that steps of 6 %
 * from 1/4 to 500,000. Means that are halved towards what is new do not stick between two steps.
 *
 * @module
 */

const UNKNOWN = 0;
const ZERO = 1;
const FIRST = 2;
const CODE_MAX = 255;
const LOWEST = 0.25;
const STEP = 1.06;
const LOG_STEP = Math.log(STEP);

const MEANS = Float64Array.from(
  { length: CODE_MAX + 1 },
  (_, code) => code === UNKNOWN ? NaN : code === ZERO ? 0 : LOWEST * STEP ** (code - FIRST),
);

/** The mean of a cell; NaN when nothing is known. */
export const meanOf = (cell: number): number => MEANS[cell] ?? NaN;

/** The cell with the mean that is nearest. */
export function cellOf(mean: number): number {
  if (Number.isNaN(mean)) return UNKNOWN;
  const code = Math.round(Math.log(mean / LOWEST) / LOG_STEP) + FIRST;
  // Written so that the logarithm of 0 is none.
  return code >= FIRST ? Math.min(code, CODE_MAX) : ZERO;
}

/** A mean, NaN for none yet, after one more count: half of it is the new one. */
export function nextMean(mean: number, count: number): number {
  return Number.isNaN(mean) ? count : (mean + count) / 2;
}
