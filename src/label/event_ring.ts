/**
 * What is known about each of the last events, as numbers in a ring, and how it becomes a row.
 *
 * @module
 */

import { LabelStatus } from "../market/block.ts";
import type { LabelBuilder } from "./rows.ts";

/** Numbers per event: ts, close, atr, rv, up, dn, exit, and one more to make it 64 bytes. */
const STRIDE = 8;

// The integers of an event in one 32-bit word. Labels are kept plus one, to be above 0.
const STATUS_MASK = 7;
const HIT_SHIFT = 3;
const GAP_BIT = 1 << 5;
const AMB_BIT = 1 << 6;
const ADJ_BIT = 1 << 7;
const LABEL_SHIFT = 8;
const BARS_SHIFT = 10;

/** The last events of a segment by index, up to the ring's size. Allocates nothing after birth. */
export class EventRing {
  readonly #floats: Float64Array;
  readonly #words: Int32Array;
  readonly #mask: number;

  /** @param size Ring size, events: a power of two. 68 bytes each. */
  constructor(size: number) {
    this.#floats = new Float64Array(size * STRIDE);
    this.#words = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** Puts a row without outcome in place of the oldest; NaN where it has no number. */
  open(
    index: number,
    status: number,
    ts: number,
    close: number,
    atr: number,
    rv: number,
    up: number,
    down: number,
    adj: 0 | 1,
  ): void {
    const at = (index & this.#mask) * STRIDE;
    const floats = this.#floats;
    floats[at] = ts;
    floats[at + 1] = close;
    floats[at + 2] = atr;
    floats[at + 3] = rv;
    floats[at + 4] = up;
    floats[at + 5] = down;
    floats[at + 6] = NaN;
    this.#words[index & this.#mask] = status | (adj === 1 ? ADJ_BIT : 0) | (1 << LABEL_SHIFT);
  }

  /** The barrier half of an event becomes final. `label` is −1, 0 or 1. */
  settle(
    index: number,
    label: number,
    hit: number,
    bars: number,
    gap: 0 | 1,
    amb: 0 | 1,
    exit: number,
  ): void {
    const slot = index & this.#mask;
    this.#floats[slot * STRIDE + 6] = exit;
    this.#words[slot] = LabelStatus.final | ((this.#words[slot] as number) & ADJ_BIT) |
      (hit << HIT_SHIFT) | (gap === 1 ? GAP_BIT : 0) | (amb === 1 ? AMB_BIT : 0) |
      ((label + 1) << LABEL_SHIFT) | (bars << BARS_SHIFT);
  }

  // Positions are inside the ring, where typed arrays give numbers.

  /** LabelStatus of the barrier half. */
  status(index: number): number {
    return (this.#words[index & this.#mask] as number) & STATUS_MASK;
  }

  /** Close of the event's candle. */
  close(index: number): number {
    return this.#floats[(index & this.#mask) * STRIDE + 1] as number;
  }

  /** Volatility at the event, price units. */
  atr(index: number): number {
    return this.#floats[(index & this.#mask) * STRIDE + 2] as number;
  }

  /** Realised volatility at the event, NaN for null. */
  rv(index: number): number {
    return this.#floats[(index & this.#mask) * STRIDE + 3] as number;
  }

  /** Upper barrier. */
  up(index: number): number {
    return this.#floats[(index & this.#mask) * STRIDE + 4] as number;
  }

  /** Lower barrier. */
  down(index: number): number {
    return this.#floats[(index & this.#mask) * STRIDE + 5] as number;
  }

  /** Adds a row with all but the horizon half of an event; the row. The caller writes the rest. */
  write(index: number, out: LabelBuilder): number {
    const row = out.next();
    const columns = out.columns;
    const floats = this.#floats;
    const word = this.#words[index & this.#mask] as number;
    const at = (index & this.#mask) * STRIDE;
    const price = floats[at + 1] as number;
    const exit = floats[at + 6] as number;
    columns.ts[row] = floats[at] as number;
    columns.close[row] = price;
    columns.atr[row] = floats[at + 2] as number;
    columns.rv[row] = floats[at + 3] as number;
    columns.up[row] = floats[at + 4] as number;
    columns.dn[row] = floats[at + 5] as number;
    columns.exit[row] = exit;
    columns.tbRet[row] = exit / price - 1;
    columns.tbStatus[row] = word & STATUS_MASK;
    columns.hit[row] = (word >> HIT_SHIFT) & 3;
    columns.gap[row] = (word & GAP_BIT) === 0 ? 0 : 1;
    columns.amb[row] = (word & AMB_BIT) === 0 ? 0 : 1;
    columns.adj[row] = (word & ADJ_BIT) === 0 ? 0 : 1;
    columns.label[row] = ((word >> LABEL_SHIFT) & 3) - 1;
    columns.bars[row] = word >> BARS_SHIFT;
    return row;
  }

  /**
   * Adds a row whose horizon half is not final: such a half carries no values (R10).
   *
   * @param tbStatus What a barrier half still pending is called.
   */
  writeOpen(index: number, tbStatus: number, fhStatus: number, out: LabelBuilder): void {
    const row = this.write(index, out);
    const columns = out.columns;
    if (columns.tbStatus[row] === LabelStatus.pending) columns.tbStatus[row] = tbStatus;
    columns.fhStatus[row] = fhStatus;
    columns.fwdRet[row] = NaN;
    columns.vsr[row] = NaN;
    columns.zret[row] = NaN;
    columns.mfe[row] = NaN;
    columns.tMfe[row] = 0;
    columns.mae[row] = NaN;
    columns.tMae[row] = 0;
    columns.pf[row] = NaN;
  }
}
