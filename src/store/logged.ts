/**
 * Columns of logged label rows: what a commit wrote to the label log, in one buffer, so that it
 * travels to a thread, into a file and to a subscriber as one piece of memory.
 *
 * @module
 */

import {
  copyRow,
  copyRows,
  LABEL_BYTES,
  LABEL_FLOATS,
  LABEL_ROW_BYTES,
  LABEL_SHORTS,
  labelViews,
} from "../label/rows.ts";
import type { LabelBlock, SeriesKey } from "../market/block.ts";
import type { LoggedRows, LoggedRun } from "./port.ts";

const REVISION_BYTES = 4;
const REMOVED_BYTES = 1;

/** Memory of one logged row, bytes. */
export const LOGGED_ROW_BYTES: number = LABEL_ROW_BYTES + REVISION_BYTES + REMOVED_BYTES;

/** The columns of logged rows, without whose they are. */
export type LoggedColumns = Pick<LoggedRows, "labels" | "revisions" | "removed">;

/**
 * Views of `rows` logged rows that lie in `buffer` from byte `at` (a multiple of 8) on:
 * {@linkcode LOGGED_ROW_BYTES} a row. O(1), nothing is copied.
 */
export function loggedViews(
  buffer: ArrayBufferLike,
  at: number,
  rows: number,
  series: SeriesKey = "",
  paramHash = "",
): LoggedColumns {
  const revisionsAt = at + 8 * LABEL_FLOATS * rows;
  const shortsAt = revisionsAt + REVISION_BYTES * rows;
  const bytesAt = shortsAt + 2 * LABEL_SHORTS * rows;
  return {
    labels: labelViews(series, paramHash, rows, buffer, { floatsAt: at, shortsAt, bytesAt }),
    revisions: new Uint32Array(buffer, revisionsAt, rows),
    removed: new Uint8Array(buffer, bytesAt + LABEL_BYTES * rows, rows),
  };
}

/** Zeroed columns of `rows` rows in a buffer of their own. */
export function allocateLogged(
  rows: number,
  series: SeriesKey = "",
  paramHash = "",
): LoggedColumns {
  return loggedViews(new ArrayBuffer(rows * LOGGED_ROW_BYTES), 0, rows, series, paramHash);
}

/** Copies rows from ≤ row < to of some columns to row `at` and on of others. O(rows). */
export function copyLogged(
  source: LoggedColumns,
  from: number,
  to: number,
  target: LoggedColumns,
  at: number,
): void {
  copyRows(source.labels, from, to, target.labels, at);
  for (let row = from; row < to; row++, at++) {
    // Inside both lengths by contract; typed arrays give a number there.
    target.revisions[at] = source.revisions[row] as number;
    target.removed[at] = source.removed[row] as number;
  }
}

class Run implements LoggedRun {
  constructor(
    readonly series: SeriesKey,
    readonly paramHash: string,
    readonly from: number,
    public to: number,
  ) {}
}

/** Capacity of a builder that was not told better. */
const ROWS_MIN = 16;

/** What one commit logs, while it is being worked out. Used once. */
export class LoggedBuilder {
  /** Rows so far. */
  length = 0;
  /** The columns; rows from `length` on mean nothing. Replaced when the builder grows. */
  columns: LoggedColumns;
  readonly #runs: Run[] = [];

  /** Empty, with room for `capacity` rows; when that many come, nothing is copied at the end. */
  constructor(capacity: number) {
    this.columns = allocateLogged(Math.max(0, capacity));
  }

  /** Adds a copy of a row. O(columns). */
  write(
    series: SeriesKey,
    paramHash: string,
    labels: LabelBlock,
    row: number,
    revision: number,
    removed: 0 | 1,
  ): void {
    const at = this.length++;
    if (at === this.columns.labels.length) this.#grow();
    const { columns } = this;
    copyRow(labels, row, columns.labels, at);
    columns.revisions[at] = revision;
    columns.removed[at] = removed;
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined && last.series === series && last.paramHash === paramHash) last.to++;
    else this.#runs.push(new Run(series, paramHash, at, at + 1));
  }

  /** The rows, in columns of exactly their number. O(1) when the capacity was right. */
  finish(): LoggedRows {
    if (this.columns.labels.length !== this.length) this.#resize(this.length);
    return { ...this.columns, runs: this.#runs };
  }

  #grow(): void {
    this.#resize(Math.max(ROWS_MIN, 2 * this.columns.labels.length));
  }

  #resize(rows: number): void {
    const resized = allocateLogged(rows);
    copyLogged(this.columns, 0, Math.min(rows, this.columns.labels.length), resized, 0);
    this.columns = resized;
  }
}
