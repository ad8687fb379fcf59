/**
 * One commit as a row of the file: redo log of what is not in chunks yet, and label stream.
 *
 * Its head is JSON, flat lists of numbers over two tables of names; its rows are columns. Rows that
 * went straight into chunks are not repeated: the head says in which chunks they are.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { StoreError } from "../error.ts";
import { allocateLogged, copyLogged, LOGGED_ROW_BYTES, loggedViews } from "../logged.ts";
import type { LoggedColumns } from "../logged.ts";
import {
  allocateCandles,
  CANDLE_ROW_BYTES,
  type CandleRows,
  candleViews,
  copyCandles,
} from "../candle_rows.ts";
import type { Draft, DraftRun } from "./draft.ts";
import type { SeriesState } from "./series_state.ts";

const numbers = z.array(z.number());

/** Flat lists; the comment says what comes in turn. */
const headSchema = z.strictObject({
  /** Series keys. */
  s: z.array(z.string()),
  /** Parameter hashes. */
  h: z.array(z.string()),
  /** Per series in the order of `s`: count and last time (null = none) after the commit. */
  n: z.array(z.number().nullable()),
  /** Candle rows in the columns: series, rows, late. */
  c: numbers,
  /** Label rows in the order of the log: series, hash, rows, late, in chunks. */
  l: numbers,
  /** Touched ranges: series, first time, end. */
  t: numbers,
  /** Label rows in chunks, in the order of the log of each: series, hash, chunk, first row, end. */
  k: numbers,
  /** Cursors by feed. */
  f: z.record(z.string(), z.string()),
});

/** See {@linkcode headSchema}'s lists. */
export type CommitHead = z.output<typeof headSchema>;

/** Where rows of a commit went that are not in its columns. */
export interface InChunks {
  /** Whose rows. */
  readonly state: SeriesState;
  /** Under which parameter set. */
  readonly set: number;
  /** In which chunk. */
  readonly chunkId: number;
  /** First row there. */
  readonly from: number;
  /** Row after the last one there. */
  readonly to: number;
}

/** A commit ready to be written; the rows in it are those that wait for chunks. */
export interface CommitRow {
  /** Everything but the rows, as JSON. */
  readonly head: Uint8Array;
  /** Candle rows. */
  readonly candles: CandleRows;
  /** Label rows. */
  readonly labels: LoggedColumns;
  /** Whose the candle rows are. */
  readonly candleRuns: readonly DraftRun[];
  /** Whose the label rows are. */
  readonly labelRuns: readonly DraftRun[];
}

/** Furthest time of a Date, ms, and one more for ends. */
const TIME_MAX = 8.64e15 + 1;

/** Names and their indices. */
class Names {
  readonly list: string[] = [];
  readonly #at = new Map<unknown, number>();
  of(key: unknown, name: string): number {
    let at = this.#at.get(key);
    if (at === undefined) this.#at.set(key, at = this.list.push(name) - 1);
    return at;
  }
}

/**
 * The row of a finished draft. O(rows that are not in chunks).
 *
 * @param direct Series whose rows went straight into chunks, and where they are.
 */
export function commitRow(
  draft: Draft,
  hashOf: (set: number) => string,
  direct: ReadonlySet<SeriesState>,
  inChunks: readonly InChunks[],
): CommitRow {
  const series = new Names(), hashes = new Names();
  const n: (number | null)[] = [];
  for (const state of draft.before.keys()) {
    series.of(state, state.key);
    n.push(state.count, Number.isFinite(state.lastTs) ? state.lastTs : null);
  }
  const at = (state: SeriesState) => series.of(state, state.key);
  const setAt = (set: number) => hashes.of(set, hashOf(set));
  const c: number[] = [], l: number[] = [], t: number[] = [], k: number[] = [];
  for (const { state, from, to, late } of draft.candleRuns) {
    if (!direct.has(state)) c.push(at(state), to - from, Number(late));
  }
  for (const { state, set, from, to, late } of draft.labelRuns) {
    l.push(at(state), setAt(set), to - from, Number(late), Number(direct.has(state)));
  }
  for (const { state, fromTs, toTs } of draft.touched) {
    // JSON has no Infinity, and no time lies beyond these.
    t.push(at(state), Math.max(-TIME_MAX, fromTs), Math.min(TIME_MAX, toTs));
  }
  for (const { state, set, chunkId, from, to } of inChunks) {
    k.push(at(state), setAt(set), chunkId, from, to);
  }
  const f = Object.fromEntries(draft.cursors);
  const head: CommitHead = { s: series.list, h: hashes.list, n, c, l, t, k, f };
  return { head: Buffer.from(JSON.stringify(head)), ...waitingRows(draft, direct) };
}

/** The rows that are not in chunks; the draft's own columns when that is all of them. */
function waitingRows(
  draft: Draft,
  direct: ReadonlySet<SeriesState>,
): Omit<CommitRow, "head"> {
  const candles = draft.candles.finish();
  const labels = draft.logged.columns;
  const isWaiting = ({ state }: DraftRun) => !direct.has(state);
  const candleRuns = draft.candleRuns.filter(isWaiting);
  const labelRuns = draft.labelRuns.filter(isWaiting);
  if (candleRuns.length === draft.candleRuns.length) {
    if (labelRuns.length === draft.labelRuns.length) {
      return { candles, labels, candleRuns, labelRuns };
    }
  }
  const candlesLeft = allocateCandles(rowsOf(candleRuns));
  const labelsLeft = allocateLogged(rowsOf(labelRuns));
  const movedCandles = moved(candleRuns, (from, to, at) => {
    copyCandles(candles.columns, from, to, candlesLeft.columns, at);
    candlesLeft.removed.set(candles.removed.subarray(from, to), at);
  });
  const movedLabels = moved(labelRuns, (from, to, at) => {
    copyLogged(labels, from, to, labelsLeft, at);
  });
  return {
    candles: candlesLeft,
    labels: labelsLeft,
    candleRuns: movedCandles,
    labelRuns: movedLabels,
  };
}

function rowsOf(runs: readonly DraftRun[]): number {
  return runs.reduce((sum, { from, to }) => sum + to - from, 0);
}

function moved(
  runs: readonly DraftRun[],
  copy: (from: number, to: number, at: number) => void,
): DraftRun[] {
  let at = 0;
  return runs.map((run) => {
    const rows = run.to - run.from;
    copy(run.from, run.to, at);
    at += rows;
    return { ...run, from: at - rows, to: at };
  });
}

/** The bytes of columns, which lie in one buffer of their own. O(1). */
export function bytesOf(columns: CandleRows | LoggedColumns): Uint8Array {
  const ts = "columns" in columns ? columns.columns.ts : columns.labels.ts;
  return new Uint8Array(ts.buffer as ArrayBuffer);
}

/** Checksum of a commit. */
export function commitSum(head: Uint8Array, candles: Uint8Array, labels: Uint8Array): number {
  return crc32(labels, crc32(candles, crc32(head)));
}

/**
 * The head of a commit as read.
 *
 * @throws {StoreError} code `damaged`.
 */
export function decodeHead(seq: number, head: Uint8Array): CommitHead {
  try {
    return headSchema.parse(JSON.parse(new TextDecoder().decode(head)));
  } catch (error) {
    throw damaged(seq, "a head that was written by this program", error);
  }
}

/**
 * The columns of a commit as read. O(1).
 *
 * @throws {StoreError} code `damaged`.
 */
export function decodeColumns(
  seq: number,
  candles: Uint8Array,
  labels: Uint8Array,
): { candles: CandleRows; labels: LoggedColumns } {
  const candleCount = candles.length / CANDLE_ROW_BYTES;
  const labelCount = labels.length / LOGGED_ROW_BYTES;
  if (!Number.isInteger(candleCount) || !Number.isInteger(labelCount)) {
    throw damaged(seq, "whole rows");
  }
  const [c, l] = [aligned(candles), aligned(labels)];
  return {
    candles: candleViews(c.buffer, c.byteOffset, candleCount),
    labels: loggedViews(l.buffer, l.byteOffset, labelCount),
  };
}

function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}

/** The error for a commit that is not what was written. */
export function damaged(seq: number, expected: string, cause?: unknown): StoreError {
  return new StoreError(
    "damaged",
    `Cannot read commit ${seq}: expected ${expected}: restore the file from a backup`,
    cause === undefined ? {} : { cause },
  );
}
