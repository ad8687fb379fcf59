/**
 * The commits of the memory twin in their order, bounded in rows: the label log and the ranges of
 * candles that were touched.
 *
 * Rows and ranges lie in chunks of columns, each with the numbers of its names, so that a commit leaves
 * no objects behind: thousands of small ones a second would otherwise all grow old, which is what a
 * garbage collector is worst at. A reader pays for putting the rows of a commit together instead.
 * The chunk that is given up is the next one that is filled: columns lie outside the heap, so hundreds
 * of megabytes of them would gather before a collector saw a reason to look.
 *
 * @module
 */

import { goneError } from "./error.ts";
import type { LabelBlock, SeriesKey } from "../market/block.ts";
import { copyRow } from "../label/rows.ts";
import { allocateLogged, copyLogged, LoggedBuilder, type LoggedColumns } from "./logged.ts";
import { Names } from "./names.ts";
import type { LoggedCommit, LoggedRows, LoggedRun, Touched } from "./port.ts";

/** Rows of a chunk: 650 KB of labels. */
const CHUNK_ROWS_MAX = 4_096;
/** Chunks of a full log: at a bound this share of it is given up at a time. */
const CHUNKS_MIN = 32;
/** Given up chunks of a kind that wait to be filled: one is given up for each that is needed. */
const SPARES_MAX = 2;

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
  readonly #spareLabels: LabelChunk[] = [];
  readonly #spareRanges: RangeChunk[] = [];
  /** Label rows and ranges in the log. */
  #held = 0;
  /** The commit that is being written. */
  #seq = 0;
  #atMs = 0;
  #rows = 0;
  /** Whose the last row was, which is most often whose the next one is. */
  #series = "";
  #hash = "";
  #seriesAt = -1;
  #hashAt = -1;

  /**
   * Keeps the newest commits, at most `max` label rows and touched ranges together; the newest one
   * is kept whole, however large.
   */
  constructor(max: number) {
    this.#max = max;
    this.#chunkRows = Math.max(1, Math.min(CHUNK_ROWS_MAX, Math.floor(max / CHUNKS_MIN)));
  }

  /** Begins a commit; seqs must ascend. */
  begin(seq: number, atMs: number): void {
    this.#seq = seq;
    this.#atMs = atMs;
    this.#rows = 0;
  }

  /** Adds a copy of a label row to the commit. O(columns); makes nothing but a chunk at times. */
  write(
    series: SeriesKey,
    paramHash: string,
    labels: LabelBlock,
    row: number,
    revision: number,
    removed: 0 | 1,
  ): void {
    let chunk = this.#labels[this.#labels.length - 1];
    if (chunk === undefined || chunk.rows === this.#chunkRows) chunk = this.#nextLabels();
    if (this.#seriesAt < 0 || series !== this.#series) {
      this.#series = series;
      this.#seriesAt = this.#names.of(series);
    }
    if (this.#hashAt < 0 || paramHash !== this.#hash) {
      this.#hash = paramHash;
      this.#hashAt = this.#names.of(paramHash);
    }
    const at = chunk.rows++;
    const { columns } = chunk;
    copyRow(labels, row, columns.labels, at);
    columns.revisions[at] = revision;
    columns.removed[at] = removed;
    chunk.seqs[at] = this.#seq;
    chunk.ats[at] = this.#atMs;
    chunk.series[at] = this.#seriesAt;
    chunk.hashes[at] = this.#hashAt;
    this.#rows++;
    this.#held++;
  }

  /** Adds a touched range to the commit. */
  touch(series: SeriesKey, fromTs: number, toTs: number): void {
    let chunk = this.#ranges[this.#ranges.length - 1];
    if (chunk === undefined || chunk.rows === this.#chunkRows) chunk = this.#nextRanges();
    const at = chunk.rows++;
    chunk.seqs[at] = this.#seq;
    chunk.series[at] = this.#names.of(series);
    chunk.bounds[2 * at] = fromTs;
    chunk.bounds[2 * at + 1] = toTs;
    this.#held++;
  }

  /** Ends the commit; the number of its label rows. */
  end(): number {
    this.#giveUpTo(this.#max);
    return this.#rows;
  }

  #nextLabels(): LabelChunk {
    this.#giveUpTo(this.#max - this.#chunkRows);
    const chunk = this.#spareLabels.pop() ?? emptyLabels(this.#chunkRows);
    this.#labels.push(chunk);
    return chunk;
  }

  #nextRanges(): RangeChunk {
    this.#giveUpTo(this.#max - this.#chunkRows);
    const chunk = this.#spareRanges.pop() ?? emptyRanges(this.#chunkRows);
    this.#ranges.push(chunk);
    return chunk;
  }

  /** Gives up chunks with the oldest commits, but nothing of the commit that is being written. */
  #giveUpTo(rows: number): void {
    while (this.#held > rows) {
      const labels = this.#oldest(this.#labels), ranges = this.#oldest(this.#ranges);
      const isLabels = labels !== null &&
        (labels.seqs[0] as number) <= (ranges?.seqs[0] ?? Infinity);
      const chunk = isLabels ? labels : ranges;
      if (chunk === null) return;
      this.fromSeq = Math.max(this.fromSeq, lastSeqOf(chunk));
      this.#held -= chunk.rows;
      chunk.rows = 0;
      if (isLabels) keepSpare(this.#spareLabels, this.#labels.shift());
      else keepSpare(this.#spareRanges, this.#ranges.shift());
    }
  }

  /** The oldest chunk, unless rows of the commit that is being written lie in it. */
  #oldest<C extends Chunk>(chunks: readonly C[]): C | null {
    const chunk = chunks[0];
    return chunk !== undefined && lastSeqOf(chunk) < this.#seq ? chunk : null;
  }

  /**
   * The label rows of one commit, `rows` of them, in memory of their own. O(rows + chunks).
   *
   * @throws {StoreError} code `gone` when they were given up.
   */
  labelsOf(seq: number, rows: number): LoggedRows {
    if (seq <= this.fromSeq) throw goneError("labels of seq", seq, this.fromSeq + 1);
    const found = allocateLogged(rows);
    const runs: LoggedRun[] = [];
    let first = rows === 0 ? 0 : this.#labels.length;
    while (first > 0 && lastSeqOf(this.#labels[first - 1]) >= seq) first--;
    for (let to = 0; to < rows; first++) {
      const chunk = this.#labels[first] as LabelChunk;
      const at = firstAfter(chunk, seq - 1);
      const count = Math.min(rows - to, chunk.rows - at);
      copyLogged(chunk.columns, at, at + count, found, to);
      this.#addRuns(chunk, at, count, to, runs);
      to += count;
    }
    return { ...found, runs };
  }

  /** Runs of the rows from `from` on of a chunk, which lie at `at` and on in what is read. */
  #addRuns(chunk: LabelChunk, from: number, count: number, at: number, runs: LoggedRun[]): void {
    const { series, hashes } = chunk;
    const { list } = this.#names;
    for (let row = from, end = from; row < from + count; row = end) {
      while (end < from + count && series[end] === series[row] && hashes[end] === hashes[row]) {
        end++;
      }
      const name = list[series[row] as number] as string;
      const paramHash = list[hashes[row] as number] as string;
      const begin = at + row - from, last = runs[runs.length - 1];
      const goesOn = last !== undefined && last.series === name && last.paramHash === paramHash;
      if (goesOn) runs.pop();
      runs.push({
        series: name,
        paramHash,
        from: goesOn ? last.from : begin,
        to: at + end - from,
      });
    }
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

function lastSeqOf(chunk: Chunk | undefined): number {
  return chunk === undefined ? -Infinity : chunk.seqs[chunk.rows - 1] ?? -Infinity;
}

function keepSpare<C extends Chunk>(spares: C[], chunk: C | undefined): void {
  if (chunk !== undefined && spares.length < SPARES_MAX) spares.push(chunk);
}

function emptyLabels(rows: number): LabelChunk {
  return {
    columns: allocateLogged(rows),
    seqs: new Float64Array(rows),
    ats: new Float64Array(rows),
    series: new Uint32Array(rows),
    hashes: new Uint32Array(rows),
    rows: 0,
  };
}

function emptyRanges(rows: number): RangeChunk {
  return {
    bounds: new Float64Array(2 * rows),
    seqs: new Float64Array(rows),
    series: new Uint32Array(rows),
    rows: 0,
  };
}
