/**
 * What a shard knows of each slot beside what its table knows: one typed array each, as long as the
 * highest slot so far needs.
 *
 * @module
 */

/** Low bits of {@linkcode SlotColumns.flags}. */
export const SlotFlag = {
  /** The value has columns: who gets it gets a copy. */
  copied: 1,
  /** It has tags or dependencies. */
  linked: 2,
  /** Somebody waited for the load that brought it: it was of use even if nobody reads it again. */
  used: 4,
} as const;

/** The bits above them count reads since the load: one is this much. */
const READ_STEP = 8;
/** Reads are counted up to 31. */
const READS_FULL = 256 - READ_STEP;

const SLOTS_MIN = 64;

/** See the head of this file; 33 bytes a slot. Times are monotonic ms, exact unlike the table's. */
export class SlotColumns {
  /** From when on a read has more to do than to answer: renew ahead, or see whether it is stale. */
  attendAtMs: Float64Array = new Float64Array(SLOTS_MIN);
  /** When it was loaded. */
  loadedAtMs: Float64Array = new Float64Array(SLOTS_MIN);
  /** From when on it is stale. */
  staleAtMs: Float64Array = new Float64Array(SLOTS_MIN);
  /** From when on it is served only where a load failed. */
  hardAtMs: Float64Array = new Float64Array(SLOTS_MIN);
  /** Bits as in {@linkcode SlotFlag}, and reads since the load. */
  flags: Uint8Array = new Uint8Array(SLOTS_MIN);
  readonly #slotsExpected: number;

  /** For as many slots as are expected, and more where they are needed. */
  constructor(slotsExpected: number) {
    this.#slotsExpected = slotsExpected;
  }

  /** Counts a read. */
  addRead(slot: number): void {
    const bits = this.flags[slot] as number;
    if (bits < READS_FULL) this.flags[slot] = bits + READ_STEP;
  }

  /** Reads since the load, at most 31. */
  readsAt(slot: number): number {
    return Math.floor((this.flags[slot] as number) / READ_STEP);
  }

  /** Makes room for a slot. O(1) amortised. */
  reserve(slot: number): void {
    if (slot < this.flags.length) return;
    const expected = this.#slotsExpected;
    const doubled = 2 * Math.max(slot + 1, this.flags.length);
    const length = slot < expected ? Math.min(expected, doubled) : doubled;
    this.attendAtMs = longer(this.attendAtMs, length);
    this.loadedAtMs = longer(this.loadedAtMs, length);
    this.staleAtMs = longer(this.staleAtMs, length);
    this.hardAtMs = longer(this.hardAtMs, length);
    const flags = new Uint8Array(length);
    flags.set(this.flags);
    this.flags = flags;
  }
}

function longer(column: Float64Array, length: number): Float64Array {
  const copy = new Float64Array(length);
  copy.set(column);
  return copy;
}
