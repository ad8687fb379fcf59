/**
 * The first line of a candle CSV: which column stands where.
 *
 * @module
 */

import { CANDLE_COLUMNS } from "./columns.ts";
import { MarketError } from "./error.ts";
import { excerptOf } from "./reject.ts";

/** Place of the series in a {@linkcode CsvHeader}: after the six numbers. */
export const SERIES_COLUMN: number = CANDLE_COLUMNS.length;

/** For each cell of a line, left to right, its index in `CANDLE_COLUMNS` or `SERIES_COLUMN`. */
export type CsvHeader = Uint8Array;

const NAMES: readonly string[] = [...CANDLE_COLUMNS, "series"];
const EXPECTED = `the columns ${CANDLE_COLUMNS.join(",")} and, if wanted, series, in any order`;

/**
 * The header held as bytes without its line end: names in any order and case, blanks around them
 * and a byte order mark before them ignored.
 *
 * @throws {MarketError} code `csv_header`, naming what is missing, unknown or there twice.
 */
export function parseCsvHeader(line: Uint8Array): CsvHeader {
  const text = new TextDecoder().decode(line.slice());
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  const found = new Set(names);
  const missing = CANDLE_COLUMNS.filter((name) => !found.has(name));
  if (missing.length === CANDLE_COLUMNS.length) {
    throw csvHeaderError(hintOf(line) ?? "there is none of them", line);
  }
  const problems: string[] = [];
  if (missing.length > 0) problems.push(`${missing.join(", ")} missing`);
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) problems.push(`${unknown.map(shown).join(", ")} unknown`);
  const twice = NAMES.filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice.length > 0) problems.push(`${twice.join(", ")} there twice`);
  if (problems.length > 0) throw csvHeaderError(problems.join("; "), line);
  return Uint8Array.from(names, (name) => NAMES.indexOf(name));
}

/** The error for a first line that is no header of a candle CSV; `problem` says in what way. */
export function csvHeaderError(problem: string, line: Uint8Array): MarketError {
  const found = `"${excerptOf(line)}"`;
  return new MarketError(
    "csv_header",
    `Cannot read CSV header: expected ${EXPECTED} (${problem}): current value is ${found}`,
  );
}

/** What the input may be instead, for files that are often given by mistake. */
function hintOf(line: Uint8Array): string | null {
  const [first, second] = line;
  if (first === 0x1f && second === 0x8b) return "this is gzip data";
  if (first === 0x50 && second === 0x4b) return "this is a zip archive";
  if (first === 0xff && second === 0xfe) return "this is UTF-16 text";
  if (first === 0xfe && second === 0xff) return "this is UTF-16 text";
  if (first === 0x7b) return "this looks like JSON";
  return null;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 32));
}
