/**
 * How it is checked that the labels that came out are those of the pure labeler: a count and a sum
 * of hashes over every bit of every row, per series.
 *
 * @module
 */

import { Labeler } from "../../src/label/labeler.ts";
import type { LabelParams } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { type CandleBlock, LABEL_COLUMNS, type LabelBlock } from "../../src/market/block.ts";
import { SERIES_COUNT, seriesKey } from "./market.ts";

const FLOATS = LABEL_COLUMNS.filter(([, type]) => type === "f64").map(([name]) => name);
const INTEGERS = LABEL_COLUMNS.filter(([, type]) => type !== "f64").map(([name]) => name);
const PRIME = 0x01000193;
const value = new Float64Array(1);
const bits = new Int32Array(value.buffer);

/** FNV-1a over the 24 columns, words for bytes; every NaN is null and counts alike. */
export function hashOfRow(block: LabelBlock, row: number): number {
  let hash = 0x811c9dc5;
  for (const name of FLOATS) {
    const number = block[name][row] as number;
    value[0] = number === number ? number : NaN;
    hash = Math.imul(hash ^ (bits[0] as number), PRIME);
    hash = Math.imul(hash ^ (bits[1] as number), PRIME);
  }
  for (const name of INTEGERS) hash = Math.imul(hash ^ (block[name][row] as number), PRIME);
  return hash ^ (hash >>> 15);
}

/** Count and sum of the rows of each series. */
export class Checksums {
  readonly counts = new Float64Array(SERIES_COUNT);
  readonly sums = new Int32Array(SERIES_COUNT);

  /** Label rows of all series. */
  get rows(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  add(series: number, labels: LabelBlock, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      this.sums[series] = (this.sums[series] as number) + hashOfRow(labels, row);
    }
    this.counts[series] = (this.counts[series] as number) + to - from;
  }

  /** @throws {Error} naming the first series that differs. */
  verify(expected: Checksums): void {
    for (let series = 0; series < SERIES_COUNT; series++) {
      const same = this.counts[series] === expected.counts[series] &&
        this.sums[series] === expected.sums[series];
      if (same) continue;
      const text = (of: Checksums) => `${of.counts[series]} rows, sum ${of.sums[series]}`;
      throw new Error(
        `Cannot trust this run: labels of ${seriesKey(series)}: expected ${text(expected)}: ` +
          `found ${text(this)}`,
      );
    }
  }
}

/** What the pure labeler says about the candles of each series: all rows as they come out. */
export function labelsOf(
  params: LabelParams,
  blockOf: (series: number) => CandleBlock,
): Checksums {
  const checksums = new Checksums();
  const out = new LabelBuilder(1_024);
  const labeler = new Labeler(params, { emit: "final" });
  for (let series = 0; series < SERIES_COUNT; series++) {
    const block = blockOf(series);
    out.clear();
    labeler.reset();
    labeler.push(block, 0, block.length, out);
    checksums.add(series, out.columns, 0, out.length);
  }
  return checksums;
}
