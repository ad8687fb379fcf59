/**
 * Rows of a block, made many times a second.
 *
 * @module
 */

import type { Rows } from "./port.ts";

/**
 * {@linkcode Rows} from a constructor: V8 puts literals whose first ones lived long into the old
 * generation for good, where each keeps its columns alive until a full collection.
 */
export class Stretch<Block> implements Rows<Block> {
  /** Rows from ≤ row < to of `block`. */
  constructor(readonly block: Block, readonly from: number, readonly to: number) {}
}
