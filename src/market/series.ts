/**
 * Keys of series: `INSTRUMENT:GRANULARITY`, for example `EUR_USD:H1`.
 *
 * @module
 */

import type { SeriesKey } from "./block.ts";
import { MarketError } from "./error.ts";
import { GRANULARITIES, type Granularity, isGranularity } from "./granularity.ts";

/** Longest symbol, in characters: keys travel in URLs, file names and primary keys. */
export const SYMBOL_LENGTH_MAX = 32;

/**
 * What a symbol is made of. No colon (it parts the key), no slash or blank (file names and URLs),
 * and never a dot first (hidden files, `..`). Case matters and is left as it is.
 */
const SYMBOL = /^[A-Za-z0-9^][A-Za-z0-9._^=+-]*$/;

/** The two halves of a series key. */
export interface SeriesParts {
  /** The instrument: what stands before the colon. */
  readonly symbol: string;
  /** Length of a bar: what stands after it. */
  readonly granularity: Granularity;
}

/** Whether the text can name an instrument. */
export function isSymbol(text: string): boolean {
  return text.length <= SYMBOL_LENGTH_MAX && SYMBOL.test(text);
}

/** Whether the text is a series key. */
export function isSeries(text: string): boolean {
  return problemOf(text) === null;
}

/**
 * Symbol and granularity of a series key.
 *
 * @throws {MarketError} code `series`, saying which half is wrong.
 */
export function parseSeries(text: string): SeriesParts {
  const problem = problemOf(text);
  if (problem !== null) throw seriesError("parse", problem, text);
  const colon = text.indexOf(":");
  return { symbol: text.slice(0, colon), granularity: text.slice(colon + 1) as Granularity };
}

/**
 * The key of a series.
 *
 * @throws {MarketError} code `series` for a symbol that cannot be in a key.
 */
export function formatSeries(symbol: string, granularity: Granularity): SeriesKey {
  const key = `${symbol}:${granularity}`;
  const problem = problemOf(key);
  if (problem !== null) throw seriesError("format", problem, key);
  return key;
}

function problemOf(text: string): string | null {
  const colon = text.indexOf(":");
  if (colon < 0) return "expected INSTRUMENT:GRANULARITY, as EUR_USD:H1";
  if (!isSymbol(text.slice(0, colon))) {
    return `expected an instrument of 1 to ${SYMBOL_LENGTH_MAX} letters, digits or . _ - ^ = +`;
  }
  if (!isGranularity(text.slice(colon + 1))) {
    return `expected a granularity of ${GRANULARITIES.join(" ")}`;
  }
  return null;
}

function seriesError(verb: string, expected: string, text: string): MarketError {
  const found = JSON.stringify(text.slice(0, 2 * SYMBOL_LENGTH_MAX));
  return new MarketError("series", `Cannot ${verb} series: ${expected}: current value is ${found}`);
}
