/**
 * Names and number types of the columns of a block, in the order in which they are stored.
 *
 * @module
 */

/** Columns of a candle row, in the order of a CSV file and of the binary encoding. */
export const CANDLE_COLUMNS = ["ts", "open", "high", "low", "close", "volume"] as const;

/** Name of one candle column. */
export type CandleColumn = (typeof CANDLE_COLUMNS)[number];

/** Number of values in one candle row. */
export const CANDLE_WIDTH: number = CANDLE_COLUMNS.length;

/** Number types of a column: 64-bit float, signed and unsigned bytes, 16-bit unsigned. */
export type ColumnType = "f64" | "u8" | "i8" | "u16";

/** Size of one value in bytes. */
export const COLUMN_BYTES: Readonly<Record<ColumnType, number>> = { f64: 8, u8: 1, i8: 1, u16: 2 };

/**
 * Columns of a label row with their number types, in the order of the binary encoding, which is
 * also the order of the CSV columns of `wick label`.
 */
export const LABEL_COLUMNS = [
  ["ts", "f64"],
  ["close", "f64"],
  ["atr", "f64"],
  ["rv", "f64"],
  ["up", "f64"],
  ["dn", "f64"],
  ["adj", "u8"],
  ["tbStatus", "u8"],
  ["label", "i8"],
  ["hit", "u8"],
  ["bars", "u16"],
  ["gap", "u8"],
  ["amb", "u8"],
  ["exit", "f64"],
  ["tbRet", "f64"],
  ["fhStatus", "u8"],
  ["fwdRet", "f64"],
  ["vsr", "f64"],
  ["zret", "f64"],
  ["mfe", "f64"],
  ["tMfe", "u16"],
  ["mae", "f64"],
  ["tMae", "u16"],
  ["pf", "f64"],
] as const satisfies readonly (readonly [string, ColumnType])[];

/** Name of one label column. */
export type LabelColumn = (typeof LABEL_COLUMNS)[number][0];
