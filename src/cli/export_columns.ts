/**
 * What an export holds: its columns with their types, and rows of them as numbers.
 *
 * @module
 */

import { COLUMNS } from "../label/format.ts";
import { type AskedKind, parseKinds } from "../label/kinds/registry.ts";
import { CANDLE_COLUMNS, LABEL_HIT_NAMES, LABEL_STATUS_NAMES } from "../market/block.ts";
import { Exit } from "./exit_code.ts";
import { ServiceError } from "./service_client.ts";

/** What is exported. */
export type ExportKind = "labels" | "candles";

/** Type of a column: a time in ms, a double, a whole number of so many bits, or one of few words. */
export type ColumnType = "time" | "double" | "int8" | "int16" | "int32" | "int64" | "word";

/** One column. */
export interface ExportColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Of type `word`: its words, which values are indices of. */
  readonly words: readonly string[];
}

/** Rows as numbers, column by column; NaN is null. Every format is written from this. */
export interface ExportRows {
  readonly length: number;
  /** In the order of the columns, each at least `length` long. */
  readonly values: readonly Float64Array[];
}

/** A row as the service answers it. */
export type JsonRow = Readonly<Record<string, number | string | null | undefined>>;

const INTEGERS: Readonly<Record<string, ColumnType>> = {
  adj: "int8",
  label: "int8",
  bars: "int16",
  gap: "int8",
  amb: "int8",
  t_mfe: "int16",
  t_mae: "int16",
};

/** Words of columns that hold one of few. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  tb_status: LABEL_STATUS_NAMES,
  fh_status: LABEL_STATUS_NAMES,
  hit: LABEL_HIT_NAMES,
};

function column(name: string): ExportColumn {
  const words = WORDS[name];
  if (words !== undefined) return { name, type: "word", words };
  return { name, type: name === "ts" ? "time" : INTEGERS[name] ?? "double", words: [] };
}

/**
 * The columns of the data itself, in file order: those of `wick label`, or of a candle.
 *
 * @param kinds Further kinds of labels, as they were asked for.
 */
export function dataColumns(kind: ExportKind, kinds?: string): readonly ExportColumn[] {
  if (kind === "candles") return CANDLE_COLUMNS.map(column);
  return [...COLUMNS.map(column), ...kinds === undefined ? [] : parseKinds(kinds).map(kindColumn)];
}

function kindColumn({ name, isInteger }: AskedKind): ExportColumn {
  // Counts of bars are at most a horizon, which 16 bits hold.
  return { name, type: isInteger ? "int16" : "double", words: [] };
}

/** The column that says which series a row is of. */
export function seriesColumn(series: readonly string[]): ExportColumn {
  return { name: "series", type: "word", words: series };
}

/** The columns that say which version of a label it is, and since which commit. */
export const VERSION_COLUMNS: readonly ExportColumn[] = [
  { name: "revision", type: "int32", words: [] },
  { name: "seq", type: "int64", words: [] },
];

/**
 * Rows of one series as numbers. O(rows · columns).
 *
 * @throws {ServiceError} when a cell is not of its column's type: such a row is not the service's.
 */
export function rowsOf(
  columns: readonly ExportColumn[],
  rows: readonly JsonRow[],
  series: string,
): ExportRows {
  const values = columns.map(({ name, type, words }) => {
    const made = new Float64Array(rows.length);
    if (name === "series") return made.fill(words.indexOf(series));
    for (const [index, row] of rows.entries()) {
      const value = row[name] ?? null;
      if (value === null && type !== "time") made[index] = NaN;
      else if (type !== "word" && typeof value === "number") made[index] = value;
      else made[index] = wordIndex(name, words, value);
    }
    return made;
  });
  return { length: rows.length, values };
}

function wordIndex(name: string, words: readonly string[], value: unknown): number {
  const index = typeof value === "string" ? words.indexOf(value) : -1;
  if (index >= 0) return index;
  const shown = JSON.stringify(value)?.slice(0, 100);
  throw new ServiceError(
    `Cannot read the rows of the service: expected another ${name}: current value is ${shown}`,
    Exit.failed,
    { code: "reply" },
  );
}

/** Writes rows as text. */
export type RowsText = (rows: ExportRows) => string;

/** Rows as CSV lines: null is empty, a number the shortest text that reads back to it. */
export function csvText(columns: readonly ExportColumn[]): RowsText {
  return textOf(
    columns,
    columns.map((_, index) => index === 0 ? "" : ","),
    "\n",
    "",
    (word) => word,
  );
}

/** Rows as NDJSON lines. */
export function ndjsonText(columns: readonly ExportColumn[]): RowsText {
  const before = columns.map(({ name }, index) => `${index === 0 ? "{" : ","}"${name}":`);
  return textOf(columns, before, "}\n", "null", (word) => JSON.stringify(word));
}

function textOf(
  columns: readonly ExportColumn[],
  before: readonly string[],
  end: string,
  absent: string,
  spelt: (word: string) => string,
): RowsText {
  const words = columns.map((column) => column.words.map(spelt));
  return (rows) => {
    let text = "";
    for (let row = 0; row < rows.length; row++) {
      for (let at = 0; at < columns.length; at++) {
        // One array a column, each as long as the rows.
        const value = (rows.values[at] as Float64Array)[row] as number;
        text += before[at];
        text += value !== value
          ? absent
          : columns[at]?.type === "word"
          ? words[at]?.[value] ?? absent
          : value;
      }
      text += end;
    }
    return text;
  };
}
