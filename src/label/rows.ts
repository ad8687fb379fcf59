/**
 * Growable label columns: what a labeler writes into.
 *
 * @module
 */

import { type LabelBlock, LabelStatus, type SeriesKey } from "../market/block.ts";

/** Columns of doubles. */
export const LABEL_FLOATS = 14;
/** Columns of 16-bit integers. */
export const LABEL_SHORTS = 3;
/** Columns of 8-bit integers. */
export const LABEL_BYTES = 7;

/** Memory of one label row in a block, bytes. */
export const LABEL_ROW_BYTES: number = 8 * LABEL_FLOATS + 2 * LABEL_SHORTS + LABEL_BYTES;

/** Where the columns of each width begin in a buffer, bytes; the floats at a multiple of 8. */
export interface LabelLayout {
  /** Of {@linkcode LABEL_FLOATS} doubles. */
  readonly floatsAt: number;
  /** Of {@linkcode LABEL_SHORTS} 16-bit columns. */
  readonly shortsAt: number;
  /** Of {@linkcode LABEL_BYTES} 8-bit columns. */
  readonly bytesAt: number;
}

/** Columns of label rows that lie in `buffer` already. O(1), nothing is copied. */
export function labelViews(
  series: SeriesKey,
  paramHash: string,
  rows: number,
  buffer: ArrayBufferLike,
  { floatsAt, shortsAt, bytesAt }: LabelLayout,
): LabelBlock {
  const float = (column: number) => new Float64Array(buffer, floatsAt + 8 * column * rows, rows);
  const short = (column: number) => new Uint16Array(buffer, shortsAt + 2 * column * rows, rows);
  const byte = (column: number) => new Uint8Array(buffer, bytesAt + column * rows, rows);
  const block = {
    series,
    paramHash,
    length: rows,
    ts: float(0),
    close: float(1),
    atr: float(2),
    rv: float(3),
    up: float(4),
    dn: float(5),
    adj: byte(0),
    tbStatus: byte(1),
    label: new Int8Array(buffer, bytesAt + 2 * rows, rows),
    hit: byte(3),
    bars: short(0),
    gap: byte(4),
    amb: byte(5),
    exit: float(6),
    tbRet: float(7),
    fhStatus: byte(6),
    fwdRet: float(8),
    vsr: float(9),
    zret: float(10),
    mfe: float(11),
    tMfe: short(1),
    mae: float(12),
    tMae: short(2),
    pf: float(13),
  };
  // The types of typed arrays tell shared memory from other; a reader of columns need not.
  return block as LabelBlock;
}

/**
 * A zeroed LabelBlock of `rows` rows, all of whose columns are views of **one** ArrayBuffer: to
 * move it to another thread, transfer `block.ts.buffer` once.
 */
export function allocateLabels(series: SeriesKey, paramHash: string, rows: number): LabelBlock {
  const buffer = new ArrayBuffer(rows * LABEL_ROW_BYTES);
  return labelViews(series, paramHash, rows, buffer, layoutOf(rows, 0));
}

/**
 * As many label rows as fit into `bytes`, whose columns lie there: what a block of
 * {@linkcode allocateLabels} has in its buffer. O(1), nothing is copied.
 */
export function labelsIn(bytes: Uint8Array, series: SeriesKey, paramHash: string): LabelBlock {
  const rows = Math.floor(bytes.length / LABEL_ROW_BYTES);
  return labelViews(series, paramHash, rows, bytes.buffer, layoutOf(rows, bytes.byteOffset));
}

function layoutOf(rows: number, floatsAt: number): LabelLayout {
  const shortsAt = floatsAt + 8 * LABEL_FLOATS * rows;
  return { floatsAt, shortsAt, bytesAt: shortsAt + 2 * LABEL_SHORTS * rows };
}

/** Copies row `from` of one block over row `to` of another. O(columns). */
export function copyRow(source: LabelBlock, from: number, target: LabelBlock, to: number): void {
  // Inside both lengths by contract; typed arrays give a number there.
  target.ts[to] = source.ts[from] as number;
  target.close[to] = source.close[from] as number;
  target.atr[to] = source.atr[from] as number;
  target.rv[to] = source.rv[from] as number;
  target.up[to] = source.up[from] as number;
  target.dn[to] = source.dn[from] as number;
  target.adj[to] = source.adj[from] as number;
  target.tbStatus[to] = source.tbStatus[from] as number;
  target.label[to] = source.label[from] as number;
  target.hit[to] = source.hit[from] as number;
  target.bars[to] = source.bars[from] as number;
  target.gap[to] = source.gap[from] as number;
  target.amb[to] = source.amb[from] as number;
  target.exit[to] = source.exit[from] as number;
  target.tbRet[to] = source.tbRet[from] as number;
  target.fhStatus[to] = source.fhStatus[from] as number;
  target.fwdRet[to] = source.fwdRet[from] as number;
  target.vsr[to] = source.vsr[from] as number;
  target.zret[to] = source.zret[from] as number;
  target.mfe[to] = source.mfe[from] as number;
  target.tMfe[to] = source.tMfe[from] as number;
  target.mae[to] = source.mae[from] as number;
  target.tMae[to] = source.tMae[from] as number;
  target.pf[to] = source.pf[from] as number;
}

/** Below this many rows a loop over rows beats 24 `subarray` objects. */
const FEW_ROWS = 64;

/** Copies rows from ≤ row < to of one block to row `at` and on of another. O(rows). */
export function copyRows(
  source: LabelBlock,
  from: number,
  to: number,
  target: LabelBlock,
  at: number,
): void {
  if (to - from < FEW_ROWS) {
    for (let row = from; row < to; row++) copyRow(source, row, target, at + row - from);
    return;
  }
  target.ts.set(source.ts.subarray(from, to), at);
  target.close.set(source.close.subarray(from, to), at);
  target.atr.set(source.atr.subarray(from, to), at);
  target.rv.set(source.rv.subarray(from, to), at);
  target.up.set(source.up.subarray(from, to), at);
  target.dn.set(source.dn.subarray(from, to), at);
  target.adj.set(source.adj.subarray(from, to), at);
  target.tbStatus.set(source.tbStatus.subarray(from, to), at);
  target.label.set(source.label.subarray(from, to), at);
  target.hit.set(source.hit.subarray(from, to), at);
  target.bars.set(source.bars.subarray(from, to), at);
  target.gap.set(source.gap.subarray(from, to), at);
  target.amb.set(source.amb.subarray(from, to), at);
  target.exit.set(source.exit.subarray(from, to), at);
  target.tbRet.set(source.tbRet.subarray(from, to), at);
  target.fhStatus.set(source.fhStatus.subarray(from, to), at);
  target.fwdRet.set(source.fwdRet.subarray(from, to), at);
  target.vsr.set(source.vsr.subarray(from, to), at);
  target.zret.set(source.zret.subarray(from, to), at);
  target.mfe.set(source.mfe.subarray(from, to), at);
  target.tMfe.set(source.tMfe.subarray(from, to), at);
  target.mae.set(source.mae.subarray(from, to), at);
  target.tMae.set(source.tMae.subarray(from, to), at);
  target.pf.set(source.pf.subarray(from, to), at);
}

/**
 * A pile of label rows that grows by doubling and is meant to be reused: push into it, read
 * `columns` up to `length` or {@linkcode LabelBuilder.take} a trimmed block, and go on. While its
 * capacity suffices, writing a row allocates nothing.
 *
 * @example
 * ```ts ignore
 * const out = new LabelBuilder();
 * labeler.push(block, 0, block.length, out);
 * const labels = out.take("EUR_USD:H1", hash);
 * ```
 */
export class LabelBuilder {
  /** Rows written so far. */
  length = 0;
  /** The columns; rows from `length` on are leftovers. Replaced when the builder grows. */
  columns: LabelBlock;

  /**
   * Empty, with room for `capacity` rows of {@linkcode LABEL_ROW_BYTES}; `columns` says that its
   * rows are of parameters `paramHash`.
   *
   * @throws {RangeError} when the capacity is not a whole number above 0.
   */
  constructor(capacity = 16, paramHash = "") {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Cannot create LabelBuilder: expected a capacity in rows above 0: ` +
          `current value is ${capacity}`,
      );
    }
    this.columns = allocateLabels("", paramHash, capacity);
  }

  /** Index of a new row, whose columns the caller must all write. O(1) amortised. */
  next(): number {
    const row = this.length;
    if (row === this.columns.length) this.#grow();
    this.length = row + 1;
    return row;
  }

  /** Adds a copy of one row of a block. */
  append(source: LabelBlock, row: number): void {
    const at = this.next();
    copyRow(source, row, this.columns, at);
  }

  /** Forgets the rows and keeps the memory. O(1). */
  clear(): void {
    this.length = 0;
  }

  /** The rows as a block of their own, exactly as long as they are many. O(rows). */
  toBlock(series: SeriesKey, paramHash: string): LabelBlock {
    const block = allocateLabels(series, paramHash, this.length);
    copyRows(this.columns, 0, this.length, block, 0);
    return block;
  }

  /** {@linkcode LabelBuilder.toBlock}, then {@linkcode LabelBuilder.clear}. */
  take(series: SeriesKey, paramHash: string): LabelBlock {
    const block = this.toBlock(series, paramHash);
    this.clear();
    return block;
  }

  #grow(): void {
    const grown = allocateLabels("", this.columns.paramHash, 2 * this.columns.length);
    copyRows(this.columns, 0, this.length, grown, 0);
    this.columns = grown;
  }
}

/** The rows of a block that `keep` says yes to, in their order, as a block of their own. O(rows). */
export function selectRows(block: LabelBlock, keep: (row: number) => boolean): LabelBlock {
  const kept = new LabelBuilder(Math.max(1, block.length));
  for (let row = 0; row < block.length; row++) if (keep(row)) kept.append(block, row);
  return kept.take(block.series, block.paramHash);
}

/** Whether a half of a row is final: such rows are emitted live (R10). */
export function hasFinalHalf(block: LabelBlock, row: number): boolean {
  return block.tbStatus[row] === LabelStatus.final || block.fhStatus[row] === LabelStatus.final;
}
