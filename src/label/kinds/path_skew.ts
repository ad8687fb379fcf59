import type { KindFunction } from "./path.ts";

/** Bars from which a skewness can differ from 0. */
const BARS_MIN = 3;

/**
 * Variance up to which returns count as equal: a quotient of two closes is rounded by 1.1e-16, and
 * so is its logarithm, which is near it.
 */
const VARIANCE_MIN = 1e-30;

/**
 * Path skewness: the sample skewness g1 = m3 / m2^1.5 of the H log returns ln(c[i+k] / c[i+k−1]),
 * with m2 and m3 their central moments over H (D. N. Joanes and C. A. Gill, "Comparing measures of
 * sample skewness and kurtosis", *The Statistician* 47(1), 1998). No unit; above 0 when few large
 * rises stand against many small falls.
 *
 * Null when H < 3 or all returns are equal. Sums are taken oldest first. Looks at candles i … i+H.
 */
export const pathSkewness: KindFunction = (path) => {
  const { bars, at, logReturn } = path;
  if (bars < BARS_MIN) return NaN;
  let sum = 0;
  // The columns reach to the end of the path.
  for (let k = 1; k <= bars; k++) sum += logReturn[at + k] as number;
  const mean = sum / bars;
  let squares = 0;
  let cubes = 0;
  for (let k = 1; k <= bars; k++) {
    const off = (logReturn[at + k] as number) - mean;
    squares += off * off;
    cubes += off * off * off;
  }
  const variance = squares / bars;
  return variance > VARIANCE_MIN ? cubes / bars / (variance * Math.sqrt(variance)) : NaN;
};
