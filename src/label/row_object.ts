/**
 * Label rows as plain objects, for JSON.
 *
 * @module
 */

import {
  LABEL_COLUMNS,
  LABEL_HIT_NAMES,
  LABEL_STATUS_NAMES,
  type LabelBlock,
  LabelStatus,
} from "../market/block.ts";

/** Names of the columns as the files spell them. */
const SPELLING: Readonly<Record<string, string>> = {
  tbStatus: "tb_status",
  tbRet: "tb_ret",
  fhStatus: "fh_status",
  fwdRet: "fwd_ret",
  tMfe: "t_mfe",
  tMae: "t_mae",
};

/** Columns that mean something only once the barrier half is final; null before. */
const BARRIER_ONLY = new Set(["label", "hit", "bars"]);
/** Likewise for the horizon half. */
const HORIZON_ONLY = new Set(["tMfe", "tMae"]);

/** One row with the columns of `wick label`; what is empty there is null here. */
export function rowObject(block: LabelBlock, row: number): Record<string, number | string | null> {
  const barrier = block.tbStatus[row] === LabelStatus.final;
  const horizon = block.fhStatus[row] === LabelStatus.final;
  const made: Record<string, number | string | null> = {};
  for (const [name] of LABEL_COLUMNS) {
    const value = block[name][row] as number;
    const absent = Number.isNaN(value) || (BARRIER_ONLY.has(name) && !barrier) ||
      (HORIZON_ONLY.has(name) && !horizon);
    made[SPELLING[name] ?? name] = absent ? null : textOf(name, value);
  }
  return made;
}

function textOf(name: string, value: number): number | string {
  if (name === "tbStatus" || name === "fhStatus") return LABEL_STATUS_NAMES[value] ?? value;
  return name === "hit" ? LABEL_HIT_NAMES[value] ?? value : value;
}
