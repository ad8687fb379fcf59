/**
 * The table of commits: redo log, label stream and touched ranges.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LoggedCommit, LoggedRun, Touched } from "../port.ts";
import { allocateLogged, copyLogged, type LoggedColumns } from "../logged.ts";
import type { CandleRows } from "../candle_rows.ts";
import type { ChunkTable } from "./chunk_table.ts";
import {
  bytesOf,
  type CommitHead,
  type CommitRow,
  commitSum,
  damaged,
  decodeColumns,
  decodeHead,
} from "./commit_row.ts";

/** A commit as it stands in the file. */
export interface StoredCommit {
  /** Its seq. */
  readonly seq: number;
  /** Everything but the rows. */
  readonly head: CommitHead;
  /** Candle rows that are not in chunks by this commit. */
  readonly candles: CandleRows;
  /** Label rows, likewise. */
  readonly labels: LoggedColumns;
}

/** Heads read at a time. */
const HEADS_PAGE = 256;
/** Numbers per entry of the head's flat lists. */
const PER_LABEL_RUN = 5;
const PER_TOUCHED = 3;
const PER_IN_CHUNKS = 5;

/** See the module's text. */
export class CommitTable {
  readonly #insert: StatementSync;
  readonly #next: StatementSync;
  readonly #nextWithLabels: StatementSync;
  readonly #heads: StatementSync;
  readonly #chunks: ChunkTable;

  /** Over an open database with the schema. */
  constructor(db: DatabaseSync, chunks: ChunkTable) {
    this.#chunks = chunks;
    this.#insert = db.prepare(
      "INSERT INTO commits(seq, at_ms, label_rows, rows_before, crc, head, candles, labels) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#next = db.prepare("SELECT * FROM commits WHERE seq > ? ORDER BY seq LIMIT 1");
    this.#nextWithLabels = db.prepare(
      "SELECT * FROM commits WHERE seq > ? AND label_rows > 0 ORDER BY seq LIMIT 1",
    );
    this.#heads = db.prepare("SELECT seq, head FROM commits WHERE seq > ? ORDER BY seq LIMIT ?");
  }

  /** Writes a commit. One statement. */
  insert(seq: number, atMs: number, labelRows: number, rowsBefore: number, row: CommitRow): void {
    const candles = bytesOf(row.candles), labels = bytesOf(row.labels);
    const sum = commitSum(row.head, candles, labels);
    this.#insert.run(seq, atMs, labelRows, rowsBefore, sum, row.head, candles, labels);
  }

  /**
   * The first commit after `seq`, or null.
   *
   * @throws {StoreError} code `damaged`.
   */
  after(seq: number): StoredCommit | null {
    const row = this.#next.get(seq);
    return row === undefined ? null : decoded(row);
  }

  /**
   * The label log after `seq`, whole commits, until `limit` rows are passed.
   *
   * @throws {StoreError} code `damaged`.
   */
  labelsAfter(seq: number, limit: number): LoggedCommit[] {
    const found: LoggedCommit[] = [];
    for (let rows = 0, last = seq; rows < limit;) {
      const row = this.#nextWithLabels.get(last);
      if (row === undefined) break;
      const commit = decoded(row);
      last = commit.seq;
      found.push({ seq: last, atMs: Number(row.at_ms), ...this.#logged(commit) });
      rows += Number(row.label_rows);
    }
    return found;
  }

  /** Touched ranges after `seq`, whole commits, until `limit` ranges are passed. */
  touched(seq: number, limit: number): Touched[] {
    const found: Touched[] = [];
    for (let last = seq;;) {
      const page = this.#heads.all(last, HEADS_PAGE);
      for (const row of page) {
        if (found.length >= limit) return found;
        last = Number(row.seq);
        const { s, t } = decodeHead(last, row.head as Uint8Array);
        for (let i = 0; i < t.length; i += PER_TOUCHED) {
          const [at = 0, fromTs = NaN, toTs = NaN] = t.slice(i, i + PER_TOUCHED);
          found.push({ seq: last, series: s[at] ?? "", fromTs, toTs });
        }
      }
      if (page.length < HEADS_PAGE) return found;
    }
  }

  /** Label rows of a commit in the order of the log, those in chunks put back among the others. */
  #logged({ seq, head, labels }: StoredCommit): LoggedColumns & { runs: LoggedRun[] } {
    const runs: LoggedRun[] = [];
    let rows = 0, isWhole = true;
    for (const { series, paramHash, count, inChunks } of labelRuns(head)) {
      const last = runs[runs.length - 1];
      if (last?.series === series && last.paramHash === paramHash) {
        runs[runs.length - 1] = { ...last, to: last.to + count };
      } else runs.push({ series, paramHash, from: rows, to: rows + count });
      rows += count;
      if (inChunks) isWhole = false;
    }
    if (isWhole) return { ...labels, runs };
    return { ...this.#putTogether(seq, head, labels, rows), runs };
  }

  #putTogether(seq: number, head: CommitHead, inline: LoggedColumns, rows: number): LoggedColumns {
    const target = allocateLogged(rows);
    const waiting = this.#chunkRows(head);
    let at = 0, next = 0;
    for (const { series, paramHash, count, inChunks } of labelRuns(head)) {
      if (inChunks) {
        const end = at + count;
        const parts = waiting.get(`${series} ${paramHash}`) ?? [];
        while (at < end) {
          const part = parts[0];
          if (part === undefined) throw damaged(seq, "all its rows in chunks");
          const taken = Math.min(end - at, part.to - part.from);
          copyLogged(part.columns, part.from, part.from + taken, target, at);
          at += taken;
          part.from += taken;
          if (part.from === part.to) parts.shift();
        }
      } else {
        copyLogged(inline, next, next + count, target, at);
        next += count;
        at += count;
      }
    }
    return target;
  }

  #chunkRows({ s, h, k }: CommitHead) {
    const found = new Map<string, { columns: LoggedColumns; from: number; to: number }[]>();
    for (let i = 0; i < k.length; i += PER_IN_CHUNKS) {
      const [series = 0, hash = 0, id = 0, from = 0, to = 0] = k.slice(i, i + PER_IN_CHUNKS);
      const key = `${s[series]} ${h[hash]}`;
      const part = { columns: this.#chunks.labelChunk(id).columns, from, to };
      const parts = found.get(key);
      if (parts === undefined) found.set(key, [part]);
      else parts.push(part);
    }
    return found;
  }
}

function* labelRuns({ s, h, l }: CommitHead) {
  for (let i = 0; i < l.length; i += PER_LABEL_RUN) {
    const [series = 0, hash = 0, count = 0, late = 0, chunks = 0] = l.slice(i, i + PER_LABEL_RUN);
    yield {
      series: s[series] ?? "",
      paramHash: h[hash] ?? "",
      count,
      late: late === 1,
      inChunks: chunks === 1,
    };
  }
}

/** Rows of one series in the columns of a commit. */
export interface WaitingRun {
  /** Whose rows. */
  readonly series: string;
  /** First row. */
  readonly from: number;
  /** Row after the last one. */
  readonly to: number;
  /** See `TailPiece`. */
  readonly late: boolean;
}

/** Candle rows of a commit that wait for chunks, in the order of its columns. */
export function* waitingCandles({ s, c }: CommitHead): Generator<WaitingRun> {
  for (let i = 0, from = 0; i < c.length; i += 3) {
    const [series = 0, count = 0, late = 0] = c.slice(i, i + 3);
    yield { series: s[series] ?? "", from, to: from + count, late: late === 1 };
    from += count;
  }
}

/** Label rows of a commit that wait for chunks, in the order of its columns. */
export function* waitingLabels(
  head: CommitHead,
): Generator<WaitingRun & { readonly paramHash: string }> {
  let from = 0;
  for (const { series, paramHash, count, late, inChunks } of labelRuns(head)) {
    if (inChunks) continue;
    yield { series, paramHash, from, to: from + count, late };
    from += count;
  }
}

function decoded(row: Record<string, unknown>): StoredCommit {
  const seq = Number(row.seq);
  const { head, candles, labels } = row;
  const isWhole = head instanceof Uint8Array && candles instanceof Uint8Array &&
    labels instanceof Uint8Array;
  if (!isWhole || commitSum(head, candles, labels) !== row.crc) {
    throw damaged(seq, "the checksum it was written with");
  }
  return { seq, head: decodeHead(seq, head), ...decodeColumns(seq, candles, labels) };
}
