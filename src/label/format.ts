/**
 * Label rows as CSV, NDJSON or JSON bytes, in the reference's columns, order and spelling.
 *
 * - Null is empty in CSV and `null` in JSON.
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
import { NUMBER_BYTES_MAX, writeNumber, writeSmall, writeWhole } from "../market/number_text.ts";

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

/** A format of {@linkcode LabelFormatter}; `json`: members of an array, a comma after each. */
export type LabelFormat = "csv" | "ndjson" | "json";

/** What a store knows of each row; written before its columns. */
export interface RowOrigin {
  /** Seq each row was written at. */
  readonly seqs: Float64Array;
  /** Revision of each. */
  readonly revisions: Uint32Array;
}

/**
 * Most bytes of a row, and what its last number may touch: 26 columns of at most 24 characters,
 * their names and punctuation (JSON) take under 900.
 */
const ROW_BYTES_MAX = 1_024 + NUMBER_BYTES_MAX;

/** Most bytes of a further column besides its name: a number and punctuation. */
const MORE_BYTES_MAX = 32;

/** Rows between two looks at how much of the buffer is left. */
const STRIP_ROWS = 64;

/** Texts kept of each kind, some 300 bytes each: a horizon of 6 has a hundred of the longest. */
const TEXTS_MAX = 4_096;

/** A text that is written eight bytes at a time: up to 16 more than it has are touched. */
interface Words {
  /** Two at least. */
  readonly words: Float64Array;
  readonly length: number;
}

const encoder = new TextEncoder();

/** ASCII: no word of it is a NaN, whose bits might change on the way. */
function wordsOf(text: string): Words {
  const bytes = new Uint8Array(8 * Math.max(2, Math.ceil(text.length / 8)));
  encoder.encodeInto(text, bytes);
  return { words: new Float64Array(bytes.buffer), length: text.length };
}

/** Writes a text. Most are shorter than two words: those are written without a loop. */
function put(view: DataView, at: number, { words, length }: Words): number {
  view.setFloat64(at, words[0] as number, true);
  view.setFloat64(at + 8, words[1] as number, true);
  for (let i = 2; i < words.length; i++) view.setFloat64(at + 8 * i, words[i] as number, true);
  return at + length;
}

/** Writes again the `length` bytes that begin at `from`, eight at a time as {@linkcode put}. */
function repeat(view: DataView, at: number, from: number, length: number): number {
  for (let i = 0; i < length; i += 8) {
    view.setFloat64(at + i, view.getFloat64(from + i, true), true);
  }
  return at + length;
}

/** How a format spells what is no number. */
interface Spelling {
  /** What stands before a column's value. */
  readonly before: (name: string, isFirst?: boolean) => string;
  readonly rowEnd: string;
  readonly absent: string;
  readonly word: (text: string) => string;
  /** What JSON has no number for. */
  readonly infinite: (value: number) => string;
}

const JSON_SPELLING: Spelling = {
  before: (name, isFirst = false) => `${isFirst ? "{" : ","}"${name}":`,
  rowEnd: "}\n",
  absent: "null",
  word: (text) => `"${text}"`,
  infinite: () => "null",
};

const SPELLINGS: Readonly<Record<LabelFormat, Spelling>> = {
  csv: {
    before: (_name, isFirst = false) => isFirst ? "" : ",",
    rowEnd: "\n",
    absent: "",
    word: (text) => text,
    infinite: String,
  },
  ndjson: JSON_SPELLING,
  json: { ...JSON_SPELLING, rowEnd: "}," },
};

/** Columns of doubles after `ts`, in order. */
const FLOATS = [
  "close",
  "atr",
  "rv",
  "up",
  "dn",
  "exit",
  "tb_ret",
  "fwd_ret",
  "vsr",
  "zret",
  "mfe",
  "mae",
  "pf",
] as const;
/** Those of them that other columns stand before. */
const EXIT = FLOATS.indexOf("exit"), FWD_RET = FLOATS.indexOf("fwd_ret");
const TB_RET = FLOATS.indexOf("tb_ret");
const MAE = FLOATS.indexOf("mae"), PF = FLOATS.indexOf("pf");

function floatsOf(block: LabelBlock): readonly Float64Array[] {
  const { close, atr, rv, up, dn, exit, tbRet, fwdRet, vsr, zret, mfe, mae, pf } = block;
  return [close, atr, rv, up, dn, exit, tbRet, fwdRet, vsr, zret, mfe, mae, pf];
}

const NO_BYTES = new Uint8Array();

/** No further columns. */
const NO_MORE: readonly Float64Array[] = [];

/** Stands for a time that is not known. */
const NOTHING = -1;

/**
 * Turns label rows into bytes of one format. Holds a buffer that grows to the largest call.
 *
 * A row is `ts` and 13 columns of doubles, each after the text that leads up to it: names, words and
 * small whole numbers, which are the same in many rows, so those texts are made once and kept.
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
  readonly #more: readonly string[];
  readonly #stripBytes: number;
  readonly #spelling: Spelling;
  readonly #rowEnd: Words;
  readonly #absent: Words;
  readonly #first: Words;
  readonly #origin: { readonly seq: Words; readonly revision: Words; readonly first: Words };
  /** Texts before each column of doubles; some change from row to row. */
  readonly #leads: Words[];
  readonly #toFwdRet: readonly Words[];
  readonly #toExit = new Map<number, Words>();
  /** By time + 1: found faster than in a map. */
  readonly #toMae: (Words | undefined)[] = new Array(TEXTS_MAX);
  readonly #toPf: (Words | undefined)[] = new Array(TEXTS_MAX);
  /** Where the text of the last row's origin lies; neighbours often come from one commit. */
  #originAt = 0;
  /** 0 = there is none in this call. */
  #originLength = 0;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;

  /**
   * Starts with a buffer of 64 rows.
   *
   * @param more Names of further columns of doubles (the kinds), which stand after the fixed ones.
   */
  constructor(format: LabelFormat, more: readonly string[] = []) {
    const spelling = SPELLINGS[format];
    const { before } = spelling;
    const moreBytes = more.reduce((sum, name) => sum + name.length + MORE_BYTES_MAX, 0);
    this.format = format;
    this.#more = more;
    this.#stripBytes = STRIP_ROWS * (ROW_BYTES_MAX + moreBytes);
    this.#bytes = new Uint8Array(this.#stripBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#spelling = spelling;
    this.#rowEnd = wordsOf(spelling.rowEnd);
    this.#absent = wordsOf(spelling.absent);
    this.#first = wordsOf(before("ts", true));
    this.#origin = {
      seq: wordsOf(before("seq", true)),
      revision: wordsOf(before("revision")),
      first: wordsOf(before("ts")),
    };
    this.#leads = [...FLOATS, ...more].map((name) => wordsOf(before(name)));
    this.#toFwdRet = LABEL_STATUS_NAMES.map((name) =>
      wordsOf(`${before("fh_status")}${spelling.word(name)}${before("fwd_ret")}`)
    );
  }

  /** What a file begins with: the column names in CSV, nothing in JSON. */
  header(): Uint8Array<ArrayBuffer> {
    const names = [...COLUMNS, ...this.#more];
    return encoder.encode(this.format === "csv" ? `${names.join(",")}\n` : "");
  }

  /**
   * Rows from ≤ row < to of a block, each with its end; `seq` and `revision` come first where the
   * rows are a store's. About 0.6 µs a row.
   *
   * @param more The further columns, as many as the names given, each as long as the block's.
   */
  rows(
    block: LabelBlock,
    from = 0,
    to = block.length,
    origin: RowOrigin | null = null,
    more: readonly Float64Array[] = NO_MORE,
  ): Uint8Array<ArrayBuffer> {
    return this.view(block, from, to, origin, more).slice();
  }

  /** As {@linkcode LabelFormatter.rows}, in memory that the next call writes over. */
  view(
    block: LabelBlock,
    from = 0,
    to = block.length,
    origin: RowOrigin | null = null,
    more: readonly Float64Array[] = NO_MORE,
  ): Uint8Array<ArrayBuffer> {
    if (!(from >= 0 && from <= to && to <= block.length)) {
      throw new RangeError(
        `Cannot format labels: expected rows inside 0 to ${block.length}: ` +
          `current value is ${from} to ${to}`,
      );
    }
    let at = 0;
    this.#originLength = 0;
    for (let row = from; row < to; row += STRIP_ROWS) {
      if (this.#bytes.length - at < this.#stripBytes) this.#grow(at);
      at = this.#strip(at, block, row, Math.min(to, row + STRIP_ROWS), origin, more);
    }
    return this.#bytes.subarray(0, at);
  }

  /**
   * As {@linkcode LabelFormatter.view}, in memory of the caller's, or in larger memory where that has
   * no room. Either way it is the caller's afterwards: the formatter keeps no buffer.
   */
  into(
    memory: Uint8Array<ArrayBuffer>,
    block: LabelBlock,
    from = 0,
    to = block.length,
    origin: RowOrigin | null = null,
    more: readonly Float64Array[] = NO_MORE,
  ): Uint8Array<ArrayBuffer> {
    this.#use(memory);
    try {
      return this.view(block, from, to, origin, more);
    } finally {
      this.#use(NO_BYTES);
    }
  }

  /** Writes at most {@linkcode STRIP_ROWS} rows at `at` and gives the place after them. */
  #strip(
    at: number,
    block: LabelBlock,
    from: number,
    to: number,
    origin: RowOrigin | null,
    more: readonly Float64Array[],
  ): number {
    const bytes = this.#bytes, view = this.#view, leads = this.#leads;
    const columns = [...floatsOf(block), ...more];
    const first = origin === null ? this.#first : this.#origin.first;
    for (let row = from; row < to; row++) {
      if (origin !== null) at = this.#writeOrigin(at, origin, row);
      const ts = block.ts[row] as number;
      at = put(view, at, first);
      if (ts - ts === 0) at = writeWhole(bytes, view, at, block.ts, row);
      else at = put(view, at, this.#noNumber(ts));
      this.#lead(block, row);
      let tbRetAt = 0, tbRetLength = 0;
      for (let i = 0; i < columns.length; i++) {
        // As many leads as columns, and the row is inside each.
        const from = put(view, at, leads[i] as Words);
        const values = columns[i] as Float64Array;
        const value = values[row] as number;
        // The same in more than half of all rows: those whose barrier is the last bar's.
        if (i === FWD_RET && value === block.tbRet[row]) {
          at = repeat(view, from, tbRetAt, tbRetLength);
          continue;
        }
        if (value - value === 0) at = writeNumber(bytes, view, from, values, row);
        else at = put(view, from, this.#noNumber(value));
        if (i !== TB_RET) continue;
        tbRetAt = from;
        tbRetLength = at - from;
      }
      at = put(view, at, this.#rowEnd);
    }
    return at;
  }

  #writeOrigin(at: number, { seqs, revisions }: RowOrigin, row: number): number {
    const { seq, revision } = this.#origin;
    const isSame = this.#originLength > 0 && seqs[row] === seqs[row - 1] &&
      revisions[row] === revisions[row - 1];
    if (isSame) return repeat(this.#view, at, this.#originAt, this.#originLength);
    let to = writeWhole(this.#bytes, this.#view, put(this.#view, at, seq), seqs, row);
    to = put(this.#view, to, revision);
    to = writeSmall(this.#bytes, this.#view, to, revisions[row] as number);
    this.#originAt = at;
    this.#originLength = to - at;
    return to;
  }

  #noNumber(value: number): Words {
    return Number.isNaN(value) ? this.#absent : wordsOf(this.#spelling.infinite(value));
  }

  /** Sets the texts that change with the row. */
  #lead(block: LabelBlock, row: number): void {
    const leads = this.#leads;
    const fhStatus = block.fhStatus[row] as number;
    const isFull = fhStatus === LabelStatus.final;
    leads[EXIT] = this.#exitLead(block, row);
    leads[FWD_RET] = this.#toFwdRet[fhStatus] as Words;
    const tMfe = isFull ? block.tMfe[row] as number : NOTHING;
    leads[MAE] = this.#toMae[tMfe + 1] ?? this.#timeLead(this.#toMae, "t_mfe", tMfe, "mae");
    const tMae = isFull ? block.tMae[row] as number : NOTHING;
    leads[PF] = this.#toPf[tMae + 1] ?? this.#timeLead(this.#toPf, "t_mae", tMae, "pf");
  }

  #timeLead(texts: (Words | undefined)[], name: string, time: number, next: string): Words {
    const { before, absent } = this.#spelling;
    const text = time === NOTHING ? absent : String(time);
    const made = wordsOf(`${before(name)}${text}${before(next)}`);
    if (time + 1 < texts.length) texts[time + 1] = made;
    return made;
  }

  /** The columns from `adj` to `amb`. */
  #exitLead(block: LabelBlock, row: number): Words {
    const status = block.tbStatus[row] as number;
    const isTouched = status === LabelStatus.final;
    const adj = block.adj[row] as number, gap = block.gap[row] as number;
    const amb = block.amb[row] as number;
    const label = isTouched ? block.label[row] as number : 0;
    const hit = isTouched ? block.hit[row] as number : 0;
    const bars = isTouched ? block.bars[row] as number : 0;
    // Every part within its bits; a block that breaks its contract gets its text made each time.
    const isKept = ((adj | gap | amb) >> 1 | (label + 1 | hit) >> 2 | status >> 3) === 0;
    const key = bars << 10 | hit << 8 | (label + 1) << 6 | status << 3 | amb << 2 | gap << 1 | adj;
    const kept = isKept ? this.#toExit.get(key) : undefined;
    if (kept !== undefined) return kept;
    const { before, absent, word } = this.#spelling;
    const [labelText, hitText, barsText] = isTouched
      ? [label, word(LABEL_HIT_NAMES[hit] as string), bars]
      : [absent, absent, absent];
    const made = wordsOf(
      `${before("adj")}${adj}${before("tb_status")}${word(LABEL_STATUS_NAMES[status] as string)}` +
        `${before("label")}${labelText}${before("hit")}${hitText}${before("bars")}${barsText}` +
        `${before("gap")}${gap}${before("amb")}${amb}${before("exit")}`,
    );
    return isKept ? keep(this.#toExit, key, made) : made;
  }

  #grow(used: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, used + this.#stripBytes));
    grown.set(this.#bytes.subarray(0, used));
    this.#use(grown);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

function keep(texts: Map<number, Words>, key: number, words: Words): Words {
  if (texts.size >= TEXTS_MAX) texts.clear();
  texts.set(key, words);
  return words;
}
