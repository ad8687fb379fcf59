/**
 * What rows were before they changed or ceased: the memory twin's history for reads `asOf` an earlier
 * commit. A version counts from the seq it was written at until the seq that superseded it.
 *
 * Versions lie in a ring in the order in which they were superseded: a full ring gives up the one that
 * the earliest seqs need, so `oldestSeq` is exact. Adding one makes no object; reading looks at all.
 *
 * @module
 */

/** First capacity of a ring; it doubles. */
const CAPACITY_MIN = 256;

/** When versions stood, and whose they are; what they were lies with the caller, by slot. */
export class Superseded {
  /** The earliest seq that can be answered. */
  oldestSeq = 0;
  readonly #max: number;
  #ts: Float64Array;
  #fromSeqs: Float64Array;
  #untilSeqs: Float64Array;
  #owners: Int32Array;
  /** Versions ever added. */
  #added = 0;

  /** Keeps `max` versions. */
  constructor(max: number) {
    this.#max = Math.max(1, max);
    const capacity = Math.min(this.#max, CAPACITY_MIN);
    this.#ts = new Float64Array(capacity);
    this.#fromSeqs = new Float64Array(capacity);
    this.#untilSeqs = new Float64Array(capacity);
    this.#owners = new Int32Array(capacity);
  }

  /** Slots there are: what the caller keeps must have as many. */
  get capacity(): number {
    return this.#ts.length;
  }

  /**
   * Slot for what a row was; −1 when it was written by the same commit, into which nobody can look.
   * Commits must come in order. Amortised O(1).
   */
  add(owner: number, ts: number, fromSeq: number, untilSeq: number): number {
    if (fromSeq === untilSeq) return -1;
    if (this.#added === this.#ts.length && this.#added < this.#max) this.#grow();
    const slot = this.#added % this.#ts.length;
    if (this.#added >= this.#ts.length) this.oldestSeq = this.#untilSeqs[slot] as number;
    this.#added++;
    this.#ts[slot] = ts;
    this.#fromSeqs[slot] = fromSeq;
    this.#untilSeqs[slot] = untilSeq;
    this.#owners[slot] = owner;
    return slot;
  }

  /** Slots of the versions of from ≤ ts < to that stood at `asOf`, in ascending time. O(versions). */
  at(owner: number, fromTs: number, toTs: number, asOf: number): number[] {
    const found: number[] = [];
    const held = Math.min(this.#added, this.#ts.length);
    for (let slot = 0; slot < held; slot++) {
      if (this.#owners[slot] !== owner) continue;
      const ts = this.#ts[slot] as number;
      const stood = (this.#fromSeqs[slot] as number) <= asOf &&
        asOf < (this.#untilSeqs[slot] as number);
      if (stood && ts >= fromTs && ts < toTs) found.push(slot);
    }
    return found.sort((a, b) => this.ts(a) - this.ts(b));
  }

  /** Time of a version. */
  ts(slot: number): number {
    return this.#ts[slot] as number;
  }

  /** Seq that a version was written at. */
  fromSeq(slot: number): number {
    return this.#fromSeqs[slot] as number;
  }

  #grow(): void {
    const capacity = Math.min(this.#max, 2 * this.#ts.length);
    const wider = (column: Float64Array) => {
      const grown = new Float64Array(capacity);
      grown.set(column);
      return grown;
    };
    this.#ts = wider(this.#ts);
    this.#fromSeqs = wider(this.#fromSeqs);
    this.#untilSeqs = wider(this.#untilSeqs);
    const owners = new Int32Array(capacity);
    owners.set(this.#owners);
    this.#owners = owners;
  }
}
