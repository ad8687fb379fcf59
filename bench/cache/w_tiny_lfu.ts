/**
 * W-TinyLFU with a fixed window of 1 %, as slow and plain as its paper allows, to hold ours against:
 * G. Einziger, R. Friedman, B. Manes, "TinyLFU: a highly efficient cache admission policy", ACM
 * Transactions on Storage 13 (2017), section 4. Shares no code with `src/cache`.
 *
 * @module
 */

const ROWS = 4;
const COUNT_MAX = 15;
/** Share of the main part for what was read there, the others being on probation (section 4). */
const PROTECTED_RATIO = 0.8;
/** Requests after which all counts are halved, by entries (section 3.3). */
const SAMPLE_RATIO = 10;

/** A cache of whole numbers that counts hits. */
export class WTinyLfu {
  readonly #window = new Set<number>();
  readonly #probation = new Set<number>();
  readonly #protected = new Set<number>();
  readonly #windowMax: number;
  readonly #protectedMax: number;
  readonly #mainMax: number;
  readonly #counts: Counts;

  constructor(entriesMax: number, windowRatio = 0.01) {
    this.#windowMax = Math.max(1, Math.round(entriesMax * windowRatio));
    this.#mainMax = Math.max(0, entriesMax - this.#windowMax);
    this.#protectedMax = Math.floor(this.#mainMax * PROTECTED_RATIO);
    this.#counts = new Counts(entriesMax);
  }

  /** Asks for a key and puts it in when it is not there; whether it was. */
  request(id: number): boolean {
    this.#counts.add(id);
    if (this.#window.delete(id)) this.#window.add(id);
    else if (this.#protected.delete(id)) this.#protected.add(id);
    else if (this.#probation.delete(id)) this.#promote(id);
    else {
      this.#admit(id);
      return false;
    }
    return true;
  }

  #promote(id: number): void {
    this.#protected.add(id);
    if (this.#protected.size > this.#protectedMax) {
      const demoted = first(this.#protected);
      this.#protected.delete(demoted);
      this.#probation.add(demoted);
    }
  }

  #admit(id: number): void {
    this.#window.add(id);
    if (this.#window.size <= this.#windowMax) return;
    const candidate = first(this.#window);
    this.#window.delete(candidate);
    if (this.#probation.size + this.#protected.size < this.#mainMax) {
      this.#probation.add(candidate);
      return;
    }
    if (this.#mainMax === 0) return;
    const from = this.#probation.size > 0 ? this.#probation : this.#protected;
    const victim = first(from);
    if (this.#counts.of(candidate) <= this.#counts.of(victim)) return;
    from.delete(victim);
    this.#probation.add(candidate);
  }
}

function first(ids: Set<number>): number {
  for (const id of ids) return id;
  throw new RangeError("Cannot take the oldest key: expected at least one");
}

/** A count-min sketch of small counters, one byte each, that are halved from time to time. */
class Counts {
  readonly #rows: readonly Uint8Array[];
  readonly #mask: number;
  readonly #sampleMax: number;
  #added = 0;

  constructor(entriesMax: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(16, 4 * entriesMax)));
    this.#mask = width - 1;
    this.#rows = Array.from({ length: ROWS }, () => new Uint8Array(width));
    this.#sampleMax = SAMPLE_RATIO * Math.max(16, entriesMax);
  }

  add(id: number): void {
    const count = this.of(id);
    // Only the least ones grow (conservative update, section 3.4.1).
    if (count < COUNT_MAX) {
      for (let row = 0; row < ROWS; row++) {
        const cells = this.#rows[row] as Uint8Array;
        const at = this.#at(id, row);
        if (cells[at] === count) cells[at] = count + 1;
      }
    }
    if (++this.#added < this.#sampleMax) return;
    this.#added >>= 1;
    for (const cells of this.#rows) {
      for (let at = 0; at < cells.length; at++) cells[at] = (cells[at] as number) >> 1;
    }
  }

  of(id: number): number {
    let least = COUNT_MAX;
    for (let row = 0; row < ROWS; row++) {
      least = Math.min(least, (this.#rows[row] as Uint8Array)[this.#at(id, row)] as number);
    }
    return least;
  }

  /** A cell of a row: the finaliser of MurmurHash3 over the key and the row. */
  #at(id: number, row: number): number {
    let hash = id ^ Math.imul(row + 1, 0x9e37_79b9);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) & this.#mask;
  }
}
