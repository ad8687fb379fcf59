/**
 * Label rows kept one by one under a number, in columns with a free list: no object per row.
 *
 * @module
 */

import { copyRow, LabelBuilder } from "../label/rows.ts";
import type { LabelBlock } from "../market/block.ts";

/** Label rows under numbers. */
export class RowPool {
  readonly #rows = new LabelBuilder();
  readonly #free: number[] = [];

  /** Where the rows lie; replaced when the pool grows. */
  get columns(): LabelBlock {
    return this.#rows.columns;
  }

  /** Rows held. */
  get length(): number {
    return this.#rows.length - this.#free.length;
  }

  /** Keeps a copy of a row and gives its number. O(columns), amortised. */
  put(block: LabelBlock, row: number): number {
    const slot = this.#free.pop() ?? this.#rows.next();
    copyRow(block, row, this.#rows.columns, slot);
    return slot;
  }

  /** Forgets a row; its number will be given again. O(1). */
  free(slot: number): void {
    this.#free.push(slot);
  }
}
