/**
 * Symbols from the contents of a file.
 *
 * @module
 */

import { isSymbol } from "../market/series.ts";
import { JOB_SYMBOLS_MAX } from "./job_spec.ts";

/** What a file of symbols holds. */
export interface SymbolsFile {
  /** Each once, in the order of the file. */
  readonly symbols: readonly string[];
  /** Lines that name a symbol again. */
  readonly duplicates: number;
}

/** Longest piece of a wrong line that is shown. */
const SHOWN_MAX = 40;

/**
 * Reads symbols: one a line, or the first column of a CSV. Blank lines and those that begin with
 * `#` are left out, as is a first line whose first cell is `symbol` or `ticker`.
 *
 * @throws {RangeError} naming the first line that holds no symbol, or when there are more than
 * {@linkcode JOB_SYMBOLS_MAX}.
 */
export function parseSymbols(text: string): SymbolsFile {
  const symbols = new Set<string>();
  let duplicates = 0, isFirst = true;
  for (const [at, line] of text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/).entries()) {
    const cell = firstCell(line);
    if (cell === "" || cell.startsWith("#")) continue;
    const isHeader = isFirst && /^(symbol|ticker)$/i.test(cell);
    isFirst = false;
    if (isHeader) continue;
    if (!isSymbol(cell)) {
      throw new RangeError(
        `Cannot read symbols: expected one in line ${at + 1}: ` +
          `current value is ${JSON.stringify(cell.slice(0, SHOWN_MAX))}`,
      );
    }
    if (symbols.has(cell)) duplicates++;
    symbols.add(cell);
    if (symbols.size > JOB_SYMBOLS_MAX) {
      throw new RangeError(
        `Cannot read symbols: expected at most ${JOB_SYMBOLS_MAX}: line ${at + 1} has one more`,
      );
    }
  }
  return { symbols: [...symbols], duplicates };
}

function firstCell(line: string): string {
  const cell = (line.split(/[,;\t]/, 1)[0] ?? "").trim();
  return /^"[^"]*"$/.test(cell) ? cell.slice(1, -1).trim() : cell;
}
