/**
 * Cells of a small CSV text (RFC 4180), for settings; candles have a reader of their own.
 *
 * @module
 */

/** One row. */
export interface CsvRow {
  /** Line on which it begins, from 1. */
  readonly line: number;
  /** Its cells, quotes taken off; at least one. */
  readonly cells: readonly string[];
}

/**
 * The rows of a text: cells parted by commas, quoted ones may hold commas, line ends, and quotes
 * written twice; LF or CRLF; a line end at the very end begins no row. A quote that is not closed
 * runs to the end. O(characters).
 */
export function parseCsvCells(text: string): readonly CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  for (let at = 0; at < text.length;) {
    const begin = line;
    const cells: string[] = [];
    for (;;) {
      const cell = cellAt(text, at);
      cells.push(cell.text);
      line += cell.lines;
      at = cell.end;
      if (text[at] !== ",") break;
      at++;
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    line++;
    rows.push({ line: begin, cells });
  }
  return rows;
}

function cellAt(text: string, from: number): { text: string; end: number; lines: number } {
  if (text[from] !== '"') {
    const end = plainEnd(text, from);
    return { text: text.slice(from, end), end, lines: 0 };
  }
  let cell = "";
  let at = from + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    cell += text.slice(at, end);
    if (text[end + 1] !== '"') {
      // What follows a closing quote up to the comma belongs to the cell, as it stands.
      const rest = plainEnd(text, Math.min(text.length, end + 1));
      cell += text.slice(end + 1, rest);
      return { text: cell, end: rest, lines: cell.split("\n").length - 1 };
    }
    cell += '"';
    at = end + 2;
  }
}

function plainEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== "," && text[at] !== "\n" && text[at] !== "\r") at++;
  return at;
}
