/**
 * Tables for people: columns as wide as their texts, the last one free.
 *
 * @module
 */

import type { CliIo } from "./io.ts";
import { palette } from "./text.ts";

/** Space between two columns. */
const GAP = 2;

/** Widest column but the last, characters: a path of the tree, a long key. */
const WIDTH_MAX = 48;

// deno-lint-ignore no-control-regex -- SGR codes take no room on a terminal
const SGR = /\x1b\[\d+m/g;

/** Characters that a text takes on a terminal. */
export function widthOf(text: string): number {
  return text.replace(SGR, "").length;
}

/**
 * Lines of a table with a header. On a terminal a line is cut at its width; elsewhere it is whole.
 * Cells of `alignRight` columns stand to the right.
 */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  io: Pick<CliIo, "columns" | "isTerminal" | "hasColour">,
  alignRight: readonly number[] = [],
): string {
  const { dim } = palette(io.hasColour.stdout);
  const all = [header.map(dim), ...rows];
  const widths = header.map((_, column) =>
    Math.min(WIDTH_MAX, Math.max(...all.map((row) => widthOf(row[column] ?? ""))))
  );
  const lines = all.map((row) =>
    row.map((cell, column) => {
      const space = " ".repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)));
      if (alignRight.includes(column)) return space + cell;
      return column === row.length - 1 ? cell : cell + space;
    }).join(" ".repeat(GAP)).trimEnd()
  );
  const width = io.isTerminal.stdout ? io.columns() : Infinity;
  return lines.map((line) => `${cut(line, width)}\n`).join("");
}

/** A line of at most so many characters; codes of colours are kept whole and ended. */
export function cut(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let room = width - 1;
  let made = "";
  // deno-lint-ignore no-control-regex -- as above
  for (const [part] of line.matchAll(/\x1b\[\d+m|[^\x1b]+/g)) {
    if (part.startsWith("\x1b")) made += part;
    else {
      made += part.slice(0, Math.max(0, room));
      room -= part.length;
    }
  }
  return `${made}…`;
}
