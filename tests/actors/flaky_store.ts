/** A store whose commits fail. */

import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch, CommitResult, Store } from "../../src/store/port.ts";

/** Refuses commits by chance, as a full disk would, or makes them and dies before it can say so. */
export class FlakyStore extends MemoryStore implements Store {
  refusals = 0;
  lostAnswers = 0;
  constructor(
    readonly chance: () => number,
    readonly shares: { readonly refused: number; readonly lost: number },
  ) {
    super();
  }
  override commit(batches: readonly CommitBatch[]): CommitResult {
    const kind = this.chance();
    if (kind < this.shares.refused) {
      this.refusals++;
      return { state: "refused", code: "full", message: "Cannot commit: the disk is full" };
    }
    const result = super.commit(batches);
    if (kind > 1 - this.shares.lost) {
      this.lostAnswers++;
      throw new Error("the store died after the commit");
    }
    return result;
  }
}
