/**
 * The commits of the memory twin in their order, bounded in rows: the label log and the ranges of
 * candles that were touched.
 *
 * Rows and ranges lie in chunks of columns, each with the numbers of its names, so that a commit leaves
 * no objects behind: thousands of small ones a second would otherwise all grow old, which is what a
 * garbage collector is worst at. A reader pays for putting the rows of a commit together instead.
 *
 * @module
 */

import { goneError } from "./error.ts";
import { allocateLogged, copyLogged, LoggedBuilder, type LoggedColumns } from "./logged.ts";
import { Names } from "./names.ts";
import type { LoggedCommit, LoggedRows, LoggedRun, Touched } from "./port.ts";

/** Rows of a chunk: 650 KB of labels. */
const CHUNK_ROWS_MAX = 4_096;
/** Chunks of a full log: at a bound this share of it is given up at a time. */
const CHUNKS_MIN = 32;

/** Ranges of candles, without an object for each. */
export interface TouchedRanges {
  /** Whose range it is. */
  readonly series: readonly string[];
  /** Beginnings and ends in turn. */
  readonly bounds: readonly number[];
}

interface Chunk {
  readonly seqs: Float64Array;
  /** Numbers of the series of rows. */
  readonly series: Uint32Array;
  rows: number;
}

interface LabelChunk extends Chunk {
  readonly columns: LoggedColumns;
  /** Numbers of the parameter hashes. */
  readonly hashes: Uint32Array;
  /** Epoch ms of the commits. */
  readonly ats: Float64Array;
}

interface RangeChunk extends Chunk {
  readonly bounds: Float64Array;
}

/** See the module's text. */
export class CommitLog {
  /** Seq up to which commits may have been given up. */
  fromSeq = 0;
  readonly #max: number;
  readonly #chunkRows: number;
  readonly #names = new Names();
  #labels: LabelChunk[] = [];
  #ranges: RangeChunk[] = [];
  #held = 0;

  /** Keeps the newest commits, at most `max` label rows and touched ranges together. */
  constructor(max: number) {
    this.#max = max;
    this.#chunkRows = Math.max(1, Math.min(CHUNK_ROWS_MAX, Math.floor(max / CHUNKS_MIN)));
  }

  /** Adds a commit; seqs must ascend. O(rows), allocates nothing but a chunk now and then. */
  push(seq: number, atMs: number, logged: LoggedRows, touched: TouchedRanges): void {
    for (const run of logged.runs) this.#pushRun(seq, atMs, logged, run);
    const { series, bounds } = touched;
    for (let i = 0; i < series.length; i++) {
      let chunk = this.#ranges[this.#ranges.length - 1];
      if (chunk === undefined || chunk.rows === this.#chunkRows) {
        this.#ranges.push(chunk = this.#emptyRanges());
      }
      const at = chunk.rows++;
      chunk.seqs[at] = seq;
      chunk.series[at] = this.#names.of(series[i] as string);
      chunk.bounds[2 * at] = bounds[2 * i] as number;
      chunk.bounds[2 * at + 1] = bounds[2 * i + 1] as number;
    }
    this.#held += logged.labels.length + series.length;
    while (this.#held > this.#max && this.#giveUp());
  }

  #pushRun(seq: number, atMs: number, logged: LoggedRows, run: LoggedRun): void {
    const series = this.#names.of(run.series), hash = this.#names.of(run.paramHash);
    for (let from = run.from; from < run.to;) {
      let chunk = this.#labels[this.#labels.length - 1];
      if (chunk === undefined || chunk.rows === this.#chunkRows) {
        this.#labels.push(chunk = this.#emptyLabels());
      }
      const at = chunk.rows;
      const count = Math.min(run.to - from, this.#chunkRows - at);
      copyLogged(logged, from, from + count, chunk.columns, at);
      chunk.seqs.fill(seq, at, at + count);
      chunk.ats.fill(atMs, at, at + count);
      chunk.series.fill(series, at, at + count);
      chunk.hashes.fill(hash, at, at + count);
      chunk.rows += count;
      from += count;
    }
  }

  #emptyLabels(): LabelChunk {
    const rows = this.#chunkRows;
    return {
      columns: allocateLogged(rows),
      seqs: new Float64Array(rows),
      ats: new Float64Array(rows),
      series: new Uint32Array(rows),
      hashes: new Uint32Array(rows),
      rows: 0,
    };
  }

  #emptyRanges(): RangeChunk {
    const rows = this.#chunkRows;
    return {
      bounds: new Float64Array(2 * rows),
      seqs: new Float64Array(rows),
      series: new Uint32Array(rows),
      rows: 0,
    };
  }

  /** Gives up the chunk with the oldest commit; false when there is none. */
  #giveUp(): boolean {
    const labelSeq = this.#labels[0]?.seqs[0] ?? Infinity;
    const rangeSeq = this.#ranges[0]?.seqs[0] ?? Infinity;
    const chunk = labelSeq <= rangeSeq ? this.#labels.shift() : this.#ranges.shift();
    if (chunk === undefined) return false;
    this.#held -= chunk.rows;
    this.fromSeq = Math.max(this.fromSeq, chunk.seqs[chunk.rows - 1] as number);
    return true;
  }

  /** Label rows after `seq`, whole commits, until `limit` rows are passed. O(rows + chunks). */
  labelsAfter(seq: number, limit: number): LoggedCommit[] {
    if (seq < this.fromSeq) throw goneError("labels after seq", seq, this.fromSeq);
    const found: LoggedCommit[] = [];
    let rows = 0;
    let commit: { seq: number; atMs: number; rows: LoggedBuilder } | null = null;
    for (const chunk of this.#labels) {
      for (let at = firstAfter(chunk, seq); at < chunk.rows; at++) {
        const seqAt = chunk.seqs[at] as number;
        if (commit !== null && commit.seq !== seqAt) {
          found.push({ seq: commit.seq, atMs: commit.atMs, ...commit.rows.finish() });
          rows += commit.rows.length;
          commit = null;
          if (rows >= limit) return found;
        }
        commit ??= { seq: seqAt, atMs: chunk.ats[at] as number, rows: new LoggedBuilder(1) };
        const series = this.#names.list[chunk.series[at] as number] as string;
        const paramHash = this.#names.list[chunk.hashes[at] as number] as string;
        const { labels, revisions, removed } = chunk.columns;
        const isRemoved = removed[at] === 1 ? 1 : 0;
        const revision = revisions[at] as number;
        commit.rows.write(series, paramHash, labels, at, revision, isRemoved);
      }
    }
    if (commit !== null) {
      found.push({ seq: commit.seq, atMs: commit.atMs, ...commit.rows.finish() });
    }
    return found;
  }

  /** Touched ranges after `seq`, whole commits, until `limit` ranges are passed. O(ranges). */
  touched(seq: number, limit: number): Touched[] {
    if (seq < this.fromSeq) throw goneError("touched ranges after seq", seq, this.fromSeq);
    const found: Touched[] = [];
    for (const chunk of this.#ranges) {
      for (let at = firstAfter(chunk, seq); at < chunk.rows; at++) {
        const seqAt = chunk.seqs[at] as number;
        if (found.length >= limit && found.at(-1)?.seq !== seqAt) return found;
        found.push({
          seq: seqAt,
          series: this.#names.list[chunk.series[at] as number] as string,
          fromTs: chunk.bounds[2 * at] as number,
          toTs: chunk.bounds[2 * at + 1] as number,
        });
      }
    }
    return found;
  }
}

/** First row of a chunk with a higher seq. O(log rows). */
function firstAfter({ seqs, rows }: Chunk, seq: number): number {
  let low = 0, high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((seqs[middle] as number) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
