/**
 * Label rows as plain objects, for JSON.
 *
 * @module
 */

import type { LabelBlock } from "../market/block.ts";
import { blankCells, fillCells } from "./row_cells.ts";

/** One row with the columns of `wick label`; what is empty there is null here. */
export function rowObject(block: LabelBlock, row: number): Record<string, number | string | null> {
  const cells = blankCells();
  fillCells(cells, block, row);
  const made: Record<string, number | string | null> = {};
  for (const [name, value] of Object.entries(cells)) {
    made[name] = Number.isNaN(value) ? null : value;
  }
  return made;
}
