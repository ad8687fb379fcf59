/**
 * What a label row means, given what the log says about its time.
 *
 * @module
 */

import { sameBarrierHalf, sameRow } from "../../label/correction.ts";
import { type LabelBlock, LabelStatus } from "../../market/block.ts";
import type { Outcome } from "./draft.ts";

/** The last row of a time in the log. */
export interface Held {
  /** Where the row lies. */
  readonly block: LabelBlock;
  /** Its index there. */
  readonly row: number;
  /** Its revision. */
  readonly revision: number;
  /** It says that there is none any more. */
  readonly removed: boolean;
}

/** Revision that a row is written with, counted in the outcome; −1 when there is nothing to write. */
export function revisionOf(
  held: Held | undefined,
  block: LabelBlock,
  row: number,
  outcome: Outcome,
): number {
  if (held === undefined) {
    outcome.labels++;
    return 0;
  }
  if (!held.removed) {
    if (sameRow(held.block, held.row, block, row)) return -1;
    const completes = held.block.fhStatus[held.row] === LabelStatus.pending &&
      sameBarrierHalf(held.block, held.row, block, row);
    if (completes) {
      outcome.labels++;
      return held.revision;
    }
  }
  outcome.revised++;
  return held.revision + 1;
}
