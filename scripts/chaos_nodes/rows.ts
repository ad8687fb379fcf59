/**
 * What is compared: candles, labels and the label log of every series, each row as its time and a hash
 * over all its bits, so that a million rows of several nodes fit into memory.
 *
 * @module
 */

import { hashOfRow } from "../../bench/labels/checksum.ts";
import { type CandleBlock, type LabelBlock, LabelStatus } from "../../src/market/block.ts";
import type { LoggedCommit, Rows } from "../../src/store/port.ts";

const PRIME = 0x01000193;
const CANDLES = ["ts", "open", "high", "low", "close", "volume"] as const;
const number = new Float64Array(1);
const words = new Int32Array(number.buffer);
/** Rows that a list has room for at first. */
const ROWS_AT_FIRST = 256;

/** A list of times and hashes. Half rows, of which one half is not final yet, have negative times. */
export class RowList {
  length = 0;
  ts = new Float64Array(ROWS_AT_FIRST);
  hash = new Int32Array(ROWS_AT_FIRST);

  push(ts: number, hash: number): void {
    if (this.length === this.ts.length) {
      const [oldTs, oldHash] = [this.ts, this.hash];
      this.ts = new Float64Array(2 * this.length);
      this.ts.set(oldTs);
      this.hash = new Int32Array(2 * this.length);
      this.hash.set(oldHash);
    }
    this.ts[this.length] = ts;
    this.hash[this.length++] = hash;
  }
}

/** What there is of every series. */
export const ROW_KINDS = ["candles", "labels", "log"] as const;

/** See {@linkcode ROW_KINDS}. */
export type RowKind = (typeof ROW_KINDS)[number];

/** Rows of all series. */
export class SeriesRows {
  readonly #lists = new Map<string, RowList>();
  readonly series = new Set<string>();

  of(kind: RowKind, series: string): RowList {
    const key = `${kind}/${series}`;
    let list = this.#lists.get(key);
    if (list === undefined) {
      this.#lists.set(key, list = new RowList());
      this.series.add(series);
    }
    return list;
  }

  /** Rows of one kind, of all series. */
  count(kind: RowKind): number {
    let sum = 0;
    for (const series of this.series) sum += this.of(kind, series).length;
    return sum;
  }

  /** Rows of one kind that are there once more than they need be. O(rows). */
  repeated(kind: RowKind): number {
    let count = 0;
    for (const series of this.series) {
      const { ts, hash, length } = this.of(kind, series);
      const seen = new Set<string>();
      for (let row = 0; row < length; row++) seen.add(`${ts[row]}/${hash[row]}`);
      count += length - seen.size;
    }
    return count;
  }

  candles(block: CandleBlock, from = 0, to = block.length): void {
    const list = this.of("candles", block.series);
    for (let row = from; row < to; row++) {
      let hash = 0x811c9dc5;
      for (const name of CANDLES) hash = mixed(hash, block[name][row] as number);
      list.push(block.ts[row] as number, hash);
    }
  }

  /** Labels as they are stored: with their revisions. */
  labels(series: string, labels: LabelBlock, revisions: Uint32Array): void {
    const list = this.of("labels", series);
    for (let row = 0; row < labels.length; row++) {
      const hash = mixed(hashOfRow(labels, row), revisions[row] as number);
      list.push(labels.ts[row] as number, hash);
    }
  }

  /** Rows in the order in which they were written. */
  logged({ labels, runs, revisions, removed }: LoggedCommit): void {
    for (const { series, from, to } of runs) {
      const list = this.of("log", series);
      for (let row = from; row < to; row++) {
        const hash = mixed(hashOfRow(labels, row), revisions[row] as number);
        list.push(signedTs(labels, row), hash ^ (removed[row] as number));
      }
    }
  }

  /**
   * Rows of a commit as its writer made them: all of a first revision. Of those that tell all rows of
   * a range anew the ones that are there already say nothing.
   */
  written(series: string, { block, from, to }: Rows<LabelBlock>, tellsAnew: boolean): void {
    const list = this.of("log", series);
    const before = list.length;
    for (let row = from; row < to; row++) {
      const ts = signedTs(block, row);
      const hash = mixed(hashOfRow(block, row), 0);
      if (!tellsAnew || !isAmong(list, before, ts, hash)) list.push(ts, hash);
    }
  }
}

/** The time of a row, negative while only half of it is final. */
function signedTs({ ts, tbStatus, fhStatus }: LabelBlock, row: number): number {
  const isHalf = tbStatus[row] === LabelStatus.pending || fhStatus[row] === LabelStatus.pending;
  return isHalf ? -(ts[row] as number) : ts[row] as number;
}

/** Rows that are told anew lie no further back. */
const TOLD_ANEW_ROWS = 8_192;

function isAmong(list: RowList, length: number, ts: number, hash: number): boolean {
  const end = Math.max(0, length - TOLD_ANEW_ROWS);
  for (let row = length - 1; row >= end; row--) {
    if (list.ts[row] === ts && list.hash[row] === hash) return true;
  }
  return false;
}

/** FNV-1a over words for bytes. */
export function mixed(hash: number, value: number): number {
  number[0] = value === value ? value : NaN;
  return Math.imul(Math.imul(hash ^ (words[0] as number), PRIME) ^ (words[1] as number), PRIME);
}

/** How rows differ from those that were expected. */
export interface RowDifference {
  readonly kind: RowKind;
  readonly lost: number;
  /** There more often than expected. */
  readonly doubled: number;
  /** All there once, and in another order. */
  readonly outOfOrder: number;
  /** First steps of labels that became final in two; they may be missing. */
  readonly halves: number;
  /** Some of them, in words. */
  readonly examples: readonly string[];
}

/** Examples of one difference. */
const EXAMPLES_MAX = 3;

/** Whether a difference is none that matters. */
export function isRight({ lost, doubled, outOfOrder }: RowDifference): boolean {
  return lost + doubled + outOfOrder === 0;
}

/** Compares all series. O(rows). */
export function rowDifference(
  kind: RowKind,
  expected: SeriesRows,
  found: SeriesRows,
): RowDifference {
  const sum = { kind, lost: 0, doubled: 0, outOfOrder: 0, halves: 0 };
  const examples: string[] = [];
  for (const series of new Set([...expected.series, ...found.series])) {
    const one = listDifference(expected.of(kind, series), found.of(kind, series));
    if (one === null) continue;
    sum.lost += one.lost;
    sum.doubled += one.doubled;
    sum.outOfOrder += one.outOfOrder;
    sum.halves += one.halves;
    const isWrong = one.lost + one.doubled + one.outOfOrder > 0;
    if (isWrong && examples.length < EXAMPLES_MAX) examples.push(`${series}: ${one.first}`);
  }
  return { ...sum, examples };
}

/**
 * How one series differs. Of a label that becomes final in two steps the first may be missing: where a
 * repeated candle came together with new ones, a commit tells the labels around it as they are then.
 * Everything else has to be there, once, and in order.
 */
function listDifference(expected: RowList, found: RowList) {
  const at = firstDifference(expected, found);
  if (at === null) return null;
  const counts = new Map<string, number>();
  const add = ({ ts, hash, length }: RowList, by: number) => {
    for (let row = 0; row < length; row++) {
      const key = `${ts[row]}/${hash[row]}`;
      counts.set(key, (counts.get(key) ?? 0) + by);
    }
  };
  add(expected, 1);
  add(found, -1);
  let lost = 0, doubled = 0, halves = 0;
  for (const [key, count] of counts) {
    if (count < 0) doubled -= count;
    else if (key.startsWith("-")) halves += count;
    else lost += count;
  }
  const outOfOrder = lost + doubled > 0 ? 0 : disorderOf(expected, found);
  const text = (list: RowList) =>
    at < list.length ? `ts ${list.ts[at]} hash ${list.hash[at]}` : "the end";
  const first = `row ${at}: expected ${text(expected)}, found ${text(found)} ` +
    `(${expected.length} and ${found.length} rows, ${lost} lost, ${doubled} doubled)`;
  return { lost, doubled, outOfOrder, halves, first };
}

function firstDifference(expected: RowList, found: RowList): number | null {
  const length = Math.min(expected.length, found.length);
  for (let row = 0; row < length; row++) {
    if (expected.ts[row] !== found.ts[row] || expected.hash[row] !== found.hash[row]) return row;
  }
  return expected.length === found.length ? null : length;
}

/** Whole rows that are not in the order that was expected, and halves that come after their whole. */
function disorderOf(expected: RowList, found: RowList): number {
  const whole = ({ ts, hash, length }: RowList) => {
    const rows: string[] = [];
    for (let row = 0; row < length; row++) {
      if ((ts[row] as number) >= 0) rows.push(`${ts[row]}/${hash[row]}`);
    }
    return rows;
  };
  const [right, ours] = [whole(expected), whole(found)];
  let count = right.filter((row, at) => row !== ours[at]).length;
  const seen = new Set<number>();
  for (let row = 0; row < found.length; row++) {
    const ts = found.ts[row] as number;
    if (ts >= 0) seen.add(ts);
    else if (seen.has(-ts)) count++;
  }
  return count;
}

/** A difference as a line. */
export function differenceText(where: string, difference: RowDifference): string {
  const { kind, lost, doubled, outOfOrder, examples } = difference;
  return `${where}: ${kind}: ${lost} lost, ${doubled} doubled or other, ${outOfOrder} out of order` +
    examples.map((line) => `\n  ${line}`).join("");
}
