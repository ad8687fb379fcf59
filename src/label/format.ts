/**
 * Label rows as CSV or NDJSON bytes, in the reference's columns, order and spelling.
 *
 * - Null is empty in CSV and `null` in NDJSON.
 * - A number prints as the shortest text that reads back to the same double (ECMA-262,
 *   Number::toString), so a file loses nothing.
 * - Rows are written as bytes straight into one growing buffer: no string per row, no join.
 *
 * @module
 */

import {
  LABEL_HIT_NAMES,
  LABEL_STATUS_NAMES,
  type LabelBlock,
  LabelStatus,
} from "../market/block.ts";

/** Column names, in file order. */
export const COLUMNS = [
  "ts",
  "close",
  "atr",
  "rv",
  "up",
  "dn",
  "adj",
  "tb_status",
  "label",
  "hit",
  "bars",
  "gap",
  "amb",
  "exit",
  "tb_ret",
  "fh_status",
  "fwd_ret",
  "vsr",
  "zret",
  "mfe",
  "t_mfe",
  "mae",
  "t_mae",
  "pf",
] as const;

/** A file format of {@linkcode LabelFormatter}. */
export type LabelFormat = "csv" | "ndjson";

/**
 * Most bytes of a row: 24 columns of at most 24 characters, their names and punctuation (NDJSON)
 * take under 900. One check per row, none per character.
 */
const ROW_BYTES_MAX = 1024;

/** The texts around and instead of numbers. */
interface Spelling {
  /** What stands before each column's value. */
  readonly before: readonly Uint8Array[];
  readonly rowEnd: Uint8Array;
  readonly absent: Uint8Array;
  readonly statuses: readonly Uint8Array[];
  readonly hits: readonly Uint8Array[];
}

const encoder = new TextEncoder();
const encodeAll = (texts: readonly string[]) => texts.map((text) => encoder.encode(text));

const SPELLINGS: Readonly<Record<LabelFormat, Spelling>> = {
  csv: {
    before: encodeAll(COLUMNS.map((_, index) => index === 0 ? "" : ",")),
    rowEnd: encoder.encode("\n"),
    absent: encoder.encode(""),
    statuses: encodeAll(LABEL_STATUS_NAMES),
    hits: encodeAll(LABEL_HIT_NAMES),
  },
  ndjson: {
    before: encodeAll(COLUMNS.map((name, index) => `${index === 0 ? "{" : ","}"${name}":`)),
    rowEnd: encoder.encode("}\n"),
    absent: encoder.encode("null"),
    statuses: encodeAll(LABEL_STATUS_NAMES.map((name) => `"${name}"`)),
    hits: encodeAll(LABEL_HIT_NAMES.map((name) => `"${name}"`)),
  },
};

/**
 * Turns label rows into bytes of one format. Holds a buffer that grows to the largest call; what
 * it returns is the caller's own copy.
 *
 * @example
 * ```ts ignore
 * const formatter = new LabelFormatter("csv");
 * await file.write(formatter.header());
 * await file.write(formatter.rows(block));
 * ```
 */
export class LabelFormatter {
  /** What it writes. */
  readonly format: LabelFormat;
  readonly #spelling: Spelling;
  #bytes = new Uint8Array(64 * ROW_BYTES_MAX);
  #at = 0;

  /** Starts with a buffer of 64 rows. */
  constructor(format: LabelFormat) {
    this.format = format;
    this.#spelling = SPELLINGS[format];
  }

  /** What a file begins with: the column names in CSV, nothing in NDJSON. */
  header(): Uint8Array<ArrayBuffer> {
    return encoder.encode(this.format === "csv" ? `${COLUMNS.join(",")}\n` : "");
  }

  /** Rows from ≤ row < to of a block, each with its line end. About 1 µs a row. */
  rows(block: LabelBlock, from = 0, to = block.length): Uint8Array<ArrayBuffer> {
    if (!(from >= 0 && from <= to && to <= block.length)) {
      throw new RangeError(
        `Cannot format labels: expected rows inside 0 to ${block.length}: ` +
          `current value is ${from} to ${to}`,
      );
    }
    this.#at = 0;
    for (let row = from; row < to; row++) {
      if (this.#bytes.length - this.#at < ROW_BYTES_MAX) this.#grow();
      this.#row(block, row);
    }
    return this.#bytes.slice(0, this.#at);
  }

  #row(block: LabelBlock, row: number): void {
    const { statuses, hits, rowEnd } = this.#spelling;
    const isTouched = block.tbStatus[row] === LabelStatus.final;
    const isFull = block.fhStatus[row] === LabelStatus.final;
    // Rows are inside the block; statuses and hits are indices of their names.
    this.#float(0, block.ts, row);
    this.#float(1, block.close, row);
    this.#float(2, block.atr, row);
    this.#float(3, block.rv, row);
    this.#float(4, block.up, row);
    this.#float(5, block.dn, row);
    this.#integer(6, block.adj[row] as number, true);
    this.#text(7, statuses[block.tbStatus[row] as number] as Uint8Array);
    this.#integer(8, block.label[row] as number, isTouched);
    this.#text(
      9,
      isTouched ? hits[block.hit[row] as number] as Uint8Array : this.#spelling.absent,
    );
    this.#integer(10, block.bars[row] as number, isTouched);
    this.#integer(11, block.gap[row] as number, true);
    this.#integer(12, block.amb[row] as number, true);
    this.#float(13, block.exit, row);
    this.#float(14, block.tbRet, row);
    this.#text(15, statuses[block.fhStatus[row] as number] as Uint8Array);
    this.#float(16, block.fwdRet, row);
    this.#float(17, block.vsr, row);
    this.#float(18, block.zret, row);
    this.#float(19, block.mfe, row);
    this.#integer(20, block.tMfe[row] as number, isFull);
    this.#float(21, block.mae, row);
    this.#integer(22, block.tMae[row] as number, isFull);
    this.#float(23, block.pf, row);
    this.#put(rowEnd);
  }

  #float(column: number, values: Float64Array, row: number): void {
    this.#put(this.#spelling.before[column] as Uint8Array);
    const value = values[row] as number;
    if (value !== value) {
      this.#put(this.#spelling.absent);
      return;
    }
    const text = String(value);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  /** A whole number of at most five digits. */
  #integer(column: number, value: number, isPresent: boolean): void {
    this.#put(this.#spelling.before[column] as Uint8Array);
    if (!isPresent) {
      this.#put(this.#spelling.absent);
      return;
    }
    if (value < 0) {
      this.#bytes[this.#at++] = 0x2d;
      value = -value;
    }
    let size = 1;
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) size++;
    let rest = value;
    for (let at = this.#at + size - 1; at >= this.#at; at--) {
      const next = (rest / 10) | 0;
      this.#bytes[at] = 0x30 + rest - 10 * next;
      rest = next;
    }
    this.#at += size;
  }

  #text(column: number, text: Uint8Array): void {
    this.#put(this.#spelling.before[column] as Uint8Array);
    this.#put(text);
  }

  #put(text: Uint8Array): void {
    const bytes = this.#bytes;
    let at = this.#at;
    // Texts are a few bytes long: a loop beats `set`.
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i] as number;
    this.#at = at;
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#bytes.length);
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
