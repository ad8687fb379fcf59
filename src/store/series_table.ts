/**
 * Candles and labels of one series in memory, in parallel columns: the label of a candle stands at the
 * candle's index, so finding it is finding its time.
 *
 * @module
 */

import { copyCandles } from "./candle_rows.ts";
import { firstAt } from "./first_at.ts";
import { release } from "../market/release.ts";
import { allocateLabels, copyRows } from "../label/rows.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  candleBlock,
  type CandleColumns,
  LABEL_COLUMNS,
  type LabelBlock,
  type SeriesKey,
} from "../market/block.ts";

/** First room of a series; it doubles. */
const CAPACITY_MIN = 32;
/** `tbStatus` of an index at which no label row stands. */
export const NO_LABEL = 255;

/** Numbers for those to whom rows belong. */
export interface Owners {
  /** The next one. */
  next: number;
}

/** Labels of one series under one parameter set, at the indices of their candles. */
export interface LabelTable {
  /** The rows; an index without one has the status {@linkcode NO_LABEL}. */
  columns: LabelBlock;
  /** Revision of each row. */
  revisions: Uint32Array;
  /** Seq each row was written at. */
  seqs: Float64Array;
  /** Who its rows belong to in the history. */
  readonly owner: number;
  /** Last revision of rows that ceased to be, by time: one that comes back goes on counting. */
  readonly ceased: Map<number, number>;
}

/** Candles and labels of one series. Indices are places in the columns. */
export class SeriesTable {
  /** The candles; what lies from `length` on means nothing. */
  columns: CandleColumns;
  /** Seq each candle was written at. */
  seqs: Float64Array;
  /** Candles held. */
  length = 0;
  /** Candles that retention has given up. */
  dropped = 0;
  /** Who its candles belong to in the history. */
  readonly owner: number;
  readonly #owners: Owners;
  /** Labels by parameter hash. */
  readonly labels = new Map<string, LabelTable>();

  /** Without candles. */
  constructor(readonly series: SeriesKey, owners: Owners) {
    this.#owners = owners;
    this.owner = owners.next++;
    this.columns = emptyColumns(CAPACITY_MIN);
    this.seqs = new Float64Array(CAPACITY_MIN);
  }

  /** Candles committed so far, given up ones included. */
  get count(): number {
    return this.dropped + this.length;
  }

  /** Time of the last candle; −Infinity without one. */
  get lastTs(): number {
    return this.length === 0 ? -Infinity : this.columns.ts[this.length - 1] as number;
  }

  /** First index with a time of at least `ts`. O(log n), O(1) near the end. */
  at(ts: number): number {
    return firstAt(this.columns.ts, this.length, ts);
  }

  /** A copy of the candles at from ≤ index < to. */
  block(from: number, to: number): CandleBlock {
    const { columns } = this;
    const part = (column: Float64Array) => column.slice(from, to);
    return candleBlock(this.series, {
      ts: part(columns.ts),
      open: part(columns.open),
      high: part(columns.high),
      low: part(columns.low),
      close: part(columns.close),
      volume: part(columns.volume),
    });
  }

  /** The labels under a parameter set, made when there are none. */
  table(paramHash: string): LabelTable {
    let table = this.labels.get(paramHash);
    if (table === undefined) {
      const capacity = this.columns.ts.length;
      table = {
        columns: emptyLabels(this.series, paramHash, capacity),
        revisions: new Uint32Array(capacity),
        seqs: new Float64Array(capacity),
        owner: this.#owners.next++,
        ceased: new Map(),
      };
      this.labels.set(paramHash, table);
    }
    return table;
  }

  /** Adds candles at the end; gives up the oldest when there are more than `barsMax`. */
  append(rows: CandleBlock, from: number, to: number, barsMax: number, seq: number): void {
    const added = to - from;
    if (this.length + added > this.columns.ts.length) this.#makeRoom(added, barsMax);
    copyCandles(rows, from, to, this.columns, this.length);
    this.seqs.fill(seq, this.length, this.length + added);
    this.length += added;
  }

  /** Gives up the oldest candles once the series has its full length, or doubles. */
  #makeRoom(added: number, barsMax: number): void {
    const excess = this.length + added - barsMax;
    if (excess > 0) this.#giveUp(Math.min(this.length, Math.max(excess, barsMax >> 2)));
    let capacity = this.columns.ts.length;
    if (this.length + added <= capacity) return;
    while (capacity < this.length + added) capacity *= 2;
    this.#rebuild(capacity, (set) => set(0, this.length, 0));
  }

  /** Moves the candles after the first `count` to the front, in place. */
  #giveUp(count: number): void {
    const { length } = this;
    const keep = length - count;
    for (const name of CANDLE_COLUMNS) this.columns[name].copyWithin(0, count, length);
    this.seqs.copyWithin(0, count, length);
    for (const { columns, revisions, seqs } of this.labels.values()) {
      for (const [name] of LABEL_COLUMNS) columns[name].copyWithin(0, count, length);
      columns.tbStatus.fill(NO_LABEL, keep, length);
      revisions.copyWithin(0, count, length).fill(0, keep, length);
      seqs.copyWithin(0, count, length);
    }
    this.length = keep;
    this.dropped += count;
    const firstTs = keep === 0 ? Infinity : this.columns.ts[0] as number;
    for (const { ceased } of this.labels.values()) {
      for (const ts of ceased.keys()) if (ts < firstTs) ceased.delete(ts);
    }
  }

  /**
   * Puts `candles` in the place of the indices from ≤ i < to; labels of kept times stay, as does the
   * seq of candles that are the same.
   */
  splice(from: number, to: number, candles: CandleBlock, seq: number): void {
    const length = this.length - (to - from) + candles.length;
    const old = this.columns.ts.slice(from, to);
    let capacity = this.columns.ts.length;
    while (capacity < length) capacity *= 2;
    const oldLength = this.length;
    const before = this.columns;
    const sameAt = new Map<number, number>();
    this.#rebuild(capacity, (set) => {
      set(0, from, 0);
      set(to, oldLength, from + candles.length);
      // Candles that are there before and after keep their label rows.
      for (let i = 0, j = 0; i < candles.length && j < old.length;) {
        const was = old[j] as number, is = candles.ts[i] as number;
        if (was === is) {
          set(from + j, from + j + 1, from + i);
          if (CANDLE_COLUMNS.every((name) => before[name][from + j] === candles[name][i])) {
            sameAt.set(i, this.seqs[from + j] as number);
          }
        }
        if (was <= is) j++;
        if (is <= was) i++;
      }
    });
    for (const name of CANDLE_COLUMNS) this.columns[name].set(candles[name], from);
    for (let i = 0; i < candles.length; i++) this.seqs[from + i] = sameAt.get(i) ?? seq;
    this.length = length;
  }

  /** Copies stretches of all columns into new ones. */
  #rebuild(
    capacity: number,
    copy: (set: (from: number, to: number, at: number) => void) => void,
  ): void {
    const columns = emptyColumns(capacity);
    const candleSeqs = new Float64Array(capacity);
    const tables = [...this.labels].map(([paramHash, table]) => ({
      table,
      columns: emptyLabels(this.series, paramHash, capacity),
      revisions: new Uint32Array(capacity),
      seqs: new Float64Array(capacity),
    }));
    copy((from, to, at) => {
      for (const name of CANDLE_COLUMNS) {
        columns[name].set(this.columns[name].subarray(from, to), at);
      }
      candleSeqs.set(this.seqs.subarray(from, to), at);
      for (const { table, columns: labels, revisions, seqs } of tables) {
        copyRows(table.columns, from, to, labels, at);
        revisions.set(table.revisions.subarray(from, to), at);
        seqs.set(table.seqs.subarray(from, to), at);
      }
    });
    for (const name of CANDLE_COLUMNS) release(this.columns[name]);
    release(this.seqs);
    this.columns = columns;
    this.seqs = candleSeqs;
    for (const { table, columns: labels, revisions, seqs } of tables) {
      release(table.columns.ts);
      release(table.revisions);
      release(table.seqs);
      Object.assign(table, { columns: labels, revisions, seqs });
    }
  }
}

function emptyColumns(capacity: number): CandleColumns {
  return {
    ts: new Float64Array(capacity),
    open: new Float64Array(capacity),
    high: new Float64Array(capacity),
    low: new Float64Array(capacity),
    close: new Float64Array(capacity),
    volume: new Float64Array(capacity),
  };
}

function emptyLabels(series: SeriesKey, paramHash: string, capacity: number): LabelBlock {
  const labels = allocateLabels(series, paramHash, capacity);
  labels.tbStatus.fill(NO_LABEL);
  return labels;
}
