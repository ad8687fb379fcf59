/**
 * Label rows as objects, on their way to JSON. Names, order and spelling are those of
 * `wick label --format ndjson`.
 *
 * Rows are written into objects that are used again and again, so that they cost nothing but their
 * text. For rows that have no members of their own, `LabelFormatter` is faster by a third.
 *
 * @module
 */

import {
  LABEL_HIT_NAMES,
  LABEL_STATUS_NAMES,
  type LabelBlock,
  LabelStatus,
} from "../market/block.ts";

type Text = string | null;
type Integer = number | null;

/**
 * The columns of a label; NaN, which JSON writes as null, is null.
 *
 * @internal
 */
export interface LabelCells {
  ts: number;
  close: number;
  atr: number;
  rv: number;
  up: number;
  dn: number;
  adj: number;
  tb_status: Text;
  label: Integer;
  hit: Text;
  bars: Integer;
  gap: number;
  amb: number;
  exit: number;
  tb_ret: number;
  fh_status: Text;
  fwd_ret: number;
  vsr: number;
  zret: number;
  mfe: number;
  t_mfe: Integer;
  mae: number;
  t_mae: Integer;
  pf: number;
}

/** Cells to be filled; fractions keep V8 from storing the first rows' numbers as small integers. */
export function blankCells(): LabelCells {
  return {
    ts: 0.5,
    close: 0.5,
    atr: 0.5,
    rv: 0.5,
    up: 0.5,
    dn: 0.5,
    adj: 0,
    tb_status: null,
    label: null,
    hit: null,
    bars: null,
    gap: 0,
    amb: 0,
    exit: 0.5,
    tb_ret: 0.5,
    fh_status: null,
    fwd_ret: 0.5,
    vsr: 0.5,
    zret: 0.5,
    mfe: 0.5,
    t_mfe: null,
    mae: 0.5,
    t_mae: null,
    pf: 0.5,
  };
}

/** Writes row `row` of a block into `cells`. The row must be inside the block. */
export function fillCells(cells: LabelCells, block: LabelBlock, row: number): void {
  const isTouched = block.tbStatus[row] === LabelStatus.final;
  const isFull = block.fhStatus[row] === LabelStatus.final;
  cells.ts = block.ts[row] as number;
  cells.close = block.close[row] as number;
  cells.atr = block.atr[row] as number;
  cells.rv = block.rv[row] as number;
  cells.up = block.up[row] as number;
  cells.dn = block.dn[row] as number;
  cells.adj = block.adj[row] as number;
  cells.tb_status = LABEL_STATUS_NAMES[block.tbStatus[row] as number] as string;
  cells.label = isTouched ? block.label[row] as number : null;
  cells.hit = isTouched ? LABEL_HIT_NAMES[block.hit[row] as number] as string : null;
  cells.bars = isTouched ? block.bars[row] as number : null;
  cells.gap = block.gap[row] as number;
  cells.amb = block.amb[row] as number;
  cells.exit = block.exit[row] as number;
  cells.tb_ret = block.tbRet[row] as number;
  cells.fh_status = LABEL_STATUS_NAMES[block.fhStatus[row] as number] as string;
  cells.fwd_ret = block.fwdRet[row] as number;
  cells.vsr = block.vsr[row] as number;
  cells.zret = block.zret[row] as number;
  cells.mfe = block.mfe[row] as number;
  cells.t_mfe = isFull ? block.tMfe[row] as number : null;
  cells.mae = block.mae[row] as number;
  cells.t_mae = isFull ? block.tMae[row] as number : null;
  cells.pf = block.pf[row] as number;
}
