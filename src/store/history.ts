/**
 * The memory twin's history: the versions of candles and of labels that were superseded, as rows.
 *
 * @module
 */

import { copyRow } from "../label/rows.ts";
import type { CandleColumns, LabelBlock } from "../market/block.ts";
import { allocateCandles, type CandleRows, copyCandles } from "./candle_rows.ts";
import { allocateLogged, copyLogged, type LoggedColumns } from "./logged.ts";
import { release } from "../market/release.ts";
import { Superseded } from "./superseded.ts";

/** Superseded labels. */
export class LabelHistory {
  /** When they stood. */
  readonly versions: Superseded;
  #rows: LoggedColumns;

  /** Keeps `max` versions. */
  constructor(max: number) {
    this.versions = new Superseded(max);
    this.#rows = allocateLogged(this.versions.capacity);
  }

  /** What they were, by slot. */
  get rows(): LoggedColumns {
    return this.#rows;
  }

  /** Keeps a copy of what a row was. O(columns). */
  add(
    owner: number,
    fromSeq: number,
    untilSeq: number,
    labels: LabelBlock,
    row: number,
    revision: number,
  ): void {
    const slot = this.versions.add(owner, labels.ts[row] as number, fromSeq, untilSeq);
    if (slot < 0) return;
    const { capacity } = this.versions;
    if (this.#rows.labels.length < capacity) {
      const grown = allocateLogged(capacity);
      copyLogged(this.#rows, 0, this.#rows.labels.length, grown, 0);
      release(this.#rows.revisions);
      this.#rows = grown;
    }
    copyRow(labels, row, this.#rows.labels, slot);
    this.#rows.revisions[slot] = revision;
  }
}

/** Superseded candles. */
export class CandleHistory {
  /** When they stood. */
  readonly versions: Superseded;
  #rows: CandleRows;

  /** Keeps `max` versions. */
  constructor(max: number) {
    this.versions = new Superseded(max);
    this.#rows = allocateCandles(this.versions.capacity);
  }

  /** What they were, by slot. */
  get columns(): CandleColumns {
    return this.#rows.columns;
  }

  /** Keeps a copy of what a candle was. O(1). */
  add(
    owner: number,
    fromSeq: number,
    untilSeq: number,
    candles: CandleColumns,
    row: number,
  ): void {
    const slot = this.versions.add(owner, candles.ts[row] as number, fromSeq, untilSeq);
    if (slot < 0) return;
    const { capacity } = this.versions;
    if (this.#rows.length < capacity) {
      const grown = allocateCandles(capacity);
      copyCandles(this.#rows.columns, 0, this.#rows.length, grown.columns, 0);
      release(this.#rows.removed);
      this.#rows = grown;
    }
    copyCandles(candles, row, row + 1, this.#rows.columns, slot);
  }
}
