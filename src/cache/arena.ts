/**
 * Where the entries of a cache lie: columns of 32-bit integers, and two arrays for keys and values.
 *
 * A slot is a small integer. Its 32 bytes are in two halves: the hot one (16 bytes, so that a hit
 * touches one cache line) holds the end of its life, its flags and its place in a list of the
 * policy; the cold one its hash, its place in the timer wheel and its TTLs.
 *
 * - The first {@linkcode LISTS} slots are no entries but the heads of the policy's circular lists,
 *   so that to unlink a slot one need not know its list.
 * - Memory is taken as it is used: columns double up to 65,536 slots, and then go to their full size
 *   at once, which the operating system fills in page by page. So an empty cache is small and growth
 *   never copies more than 2 MB.
 *
 * @module
 */

import { SLOTS_MAX } from "./key_index.ts";
import { decodeTtl, encodeTtl, TTL_EXACT, TTL_MAX_MS, TTL_NEVER } from "./ttl_code.ts";

/** Circular lists of the policy; their heads are the slots 0 to 15. */
export const LISTS = 16;
/** The list of protected entries, which no policy sees. */
export const LIST_PINNED = 15;

/** Words of the hot half; a slot's begin at `slot * 4`. */
export const HOT_SHIFT = 2;
/**
 * Ms on the clock of the cache at which it becomes stale, so that a fresh hit looks no further; with
 * {@linkcode NEVER}, at which it was set.
 */
export const ENDS = 0;
/** Flags and small counts, see below. */
export const META = 1;
/** Next slot of its list. */
export const NEXT = 2;
/** Previous slot of its list. */
export const PREV = 3;

/** Words of the cold half; a slot's begin at `slot * 4`. */
export const HASH = 0;
/** Next and previous in its bucket of the timer wheel; −1 for none, in PREV `−2 − bucket`. */
export const WHEEL_NEXT = 1;
/** See {@linkcode WHEEL_NEXT}. */
export const WHEEL_PREV = 2;
/** Codes of the soft TTL (low half) and the hard TTL (high half), see `ttl_code.ts`. */
export const TTLS = 3;

/** Reads, saturating; policies lower them as they like: bits 0 to 3 of META. */
export const READS_MASK = 15;
/** Its list: bits 4 to 7 of META. */
export const LIST_SHIFT = 4;
/** See {@linkcode LIST_SHIFT}. */
export const LIST_MASK = 15 << LIST_SHIFT;
/** It was marked stale. */
export const STALE = 1 << 8;
/** It becomes stale and ends at no time. */
export const NEVER = 1 << 9;
/** Its value was read. */
export const READ = 1 << 10;
/** The slot holds an entry. */
export const LIVE = 1 << 11;
/** The policy wants to hear of every hit. */
export const NOTED = 1 << 12;
/** It was hit since the policy last took this bit away. */
export const MARK = 1 << 13;
/** Type of data, 0 to 255. */
export const TYPE_SHIFT = 16;
/** Who put it in, 0 to 255. */
export const ORIGIN_SHIFT = 24;

/** Slots that the columns begin with. */
const SLOTS_FIRST = 256;
/** From here on the columns go to their full size at once. */
const SLOTS_DOUBLED_MAX = 65_536;
/** Slots beyond the bound on entries, for evicted ones whose keys are let go of together. */
export const BURIED_MAX = 64;
/** Most entries: what a place of the index can say. */
export const ENTRIES_MAX = SLOTS_MAX - LISTS - BURIED_MAX;

/** See the top of the file. */
export class Arena<V> {
  /** The hot halves of all slots; another column once it has grown. */
  hot: Int32Array;
  /** The cold halves; likewise. */
  cold: Int32Array;
  /** Keys by slot; likewise. */
  keys: (string | undefined)[];
  /** Values by slot; likewise. */
  values: (V | undefined)[];
  /** Bytes of each entry; null where nobody weighs. */
  weights: Float64Array | null;
  /** Entries in each list. */
  readonly counts: Int32Array = new Int32Array(LISTS);
  /** Entries in use. */
  size = 0;
  /** What the clock of the outside says when that of the cache, which all ends are on, says 0. */
  zeroMs: number;
  /** Commit of each entry; null until the first one has one. */
  #seqs: Float64Array | null = null;
  /** Soft and hard TTL, ms, of the entries whose TTLs have no code; null until there is one. */
  #ttls: Int32Array | null = null;
  /** The TTLs that were coded last, and their codes: those of the next entry are often the same. */
  #codedSoftMs = 0;
  #codedHardMs = 0;
  #codes = 0;
  /** Slots that the columns have room for, and may have. */
  #slots: number;
  #slotsMax: number;
  /** First slot that never was used. */
  #unused = LISTS;
  /** Slots that are free again, linked by NEXT; −1 ends. */
  #free = -1;

  /** An empty one, whose clock begins at `zeroMs` of the clock outside. */
  constructor(entriesMax: number, isWeighed: boolean, zeroMs: number) {
    this.zeroMs = zeroMs;
    this.#slotsMax = LISTS + entriesMax;
    this.#slots = Math.min(SLOTS_FIRST, this.#slotsMax);
    this.hot = new Int32Array(this.#slots << HOT_SHIFT);
    this.cold = new Int32Array(this.#slots << HOT_SHIFT);
    this.keys = new Array(this.#slots);
    this.values = new Array(this.#slots);
    this.weights = isWeighed ? new Float64Array(this.#slots) : null;
    for (let list = 0; list < LISTS; list++) this.#emptyList(list);
  }

  /** One past the last slot that ever was used. */
  get slotsEnd(): number {
    return this.#unused;
  }

  #emptyList(list: number): void {
    const at = list << HOT_SHIFT;
    this.hot[at + NEXT] = list;
    this.hot[at + PREV] = list;
    this.counts[list] = 0;
  }

  /** Allows another number of entries; never fewer slots than are in use. O(1) unless it grows. */
  resize(entriesMax: number): void {
    this.#slotsMax = Math.max(LISTS + entriesMax, this.#slots);
  }

  /** A free slot. O(1) but for growth. */
  take(): number {
    this.size++;
    const free = this.#free;
    if (free >= 0) {
      this.#free = this.hot[(free << HOT_SHIFT) + NEXT] as number;
      return free;
    }
    if (this.#unused === this.#slots) this.#grow();
    return this.#unused++;
  }

  /**
   * The entry of a slot is no more, and its value is gone; its key, and its place in the wheel, stay
   * until `give`. It must be in no list.
   */
  bury(slot: number): void {
    const at = slot << HOT_SHIFT;
    this.values[slot] = undefined;
    this.hot[at + META] = 0;
    this.hot[at + ENDS] = -TTL_MAX_MS;
    this.size--;
  }

  /** Gives a slot back, buried or not; it must be in no list and no bucket. */
  give(slot: number): void {
    const at = slot << HOT_SHIFT;
    this.keys[slot] = undefined;
    this.values[slot] = undefined;
    if (this.hot[at + META] !== 0) this.size--;
    this.hot[at + META] = 0;
    this.hot[at + NEXT] = this.#free;
    this.#free = slot;
  }

  #grow(): void {
    const doubled = this.#slots * 2;
    const slots = doubled > SLOTS_DOUBLED_MAX ? this.#slotsMax : Math.min(doubled, this.#slotsMax);
    if (slots <= this.#slots) {
      throw new Error("Cannot take a slot: expected room: the arena is full");
    }
    this.hot = grown(this.hot, slots << HOT_SHIFT);
    this.cold = grown(this.cold, slots << HOT_SHIFT);
    if (this.weights !== null) this.weights = grownFloats(this.weights, slots);
    if (this.#seqs !== null) this.#seqs = grownFloats(this.#seqs, slots);
    if (this.#ttls !== null) this.#ttls = grown(this.#ttls, slots * 2);
    this.keys = grownArray(this.keys, slots);
    this.values = grownArray(this.values, slots);
    this.#slots = slots;
  }

  /** Puts a slot at the front of a list. O(1). */
  link(slot: number, list: number): void {
    const hot = this.hot;
    const at = slot << HOT_SHIFT, headAt = list << HOT_SHIFT;
    const next = hot[headAt + NEXT] as number;
    hot[at + NEXT] = next;
    hot[at + PREV] = list;
    hot[(next << HOT_SHIFT) + PREV] = slot;
    hot[headAt + NEXT] = slot;
    hot[at + META] = ((hot[at + META] as number) & ~LIST_MASK) | (list << LIST_SHIFT);
    this.counts[list] = (this.counts[list] as number) + 1;
  }

  /** Takes a slot out of its list. O(1). */
  unlink(slot: number): void {
    const hot = this.hot;
    const at = slot << HOT_SHIFT;
    const next = hot[at + NEXT] as number, previous = hot[at + PREV] as number;
    hot[(previous << HOT_SHIFT) + NEXT] = next;
    hot[(next << HOT_SHIFT) + PREV] = previous;
    const list = ((hot[at + META] as number) & LIST_MASK) >>> LIST_SHIFT;
    this.counts[list] = (this.counts[list] as number) - 1;
  }

  /** Puts a slot at the front of the list that it is in. O(1). */
  refresh(slot: number): void {
    const hot = this.hot;
    const at = slot << HOT_SHIFT;
    const headAt = (((hot[at + META] as number) & LIST_MASK) >>> LIST_SHIFT) << HOT_SHIFT;
    const first = hot[headAt + NEXT] as number;
    if (first === slot) return;
    const next = hot[at + NEXT] as number, previous = hot[at + PREV] as number;
    hot[(previous << HOT_SHIFT) + NEXT] = next;
    hot[(next << HOT_SHIFT) + PREV] = previous;
    hot[at + NEXT] = first;
    hot[at + PREV] = headAt >> HOT_SHIFT;
    hot[(first << HOT_SHIFT) + PREV] = slot;
    hot[headAt + NEXT] = slot;
  }

  /** Last slot of a list, or −1. */
  lastOf(list: number): number {
    const last = this.hot[(list << HOT_SHIFT) + PREV] as number;
    return last === list ? -1 : last;
  }

  /** Sets bits of META. */
  raiseFlag(slot: number, flag: number): void {
    const at = (slot << HOT_SHIFT) + META;
    this.hot[at] = (this.hot[at] as number) | flag;
  }

  /** Clears bits of META. */
  lowerFlag(slot: number, flag: number): void {
    const at = (slot << HOT_SHIFT) + META;
    this.hot[at] = (this.hot[at] as number) & ~flag;
  }

  /** The list that a slot is in. */
  listOf(slot: number): number {
    return ((this.hot[(slot << HOT_SHIFT) + META] as number) & LIST_MASK) >>> LIST_SHIFT;
  }

  /** The hash of the key of a slot. */
  hashOf(slot: number): number {
    return this.cold[(slot << HOT_SHIFT) + HASH] as number;
  }

  /**
   * Writes when a slot was set and what TTLs it has, in whole ms, the soft one at most the hard one;
   * META must be there already.
   */
  setTimes(slot: number, setMs: number, softTtlMs: number, hardTtlMs: number): void {
    const at = slot << HOT_SHIFT;
    if (softTtlMs !== this.#codedSoftMs || hardTtlMs !== this.#codedHardMs) {
      this.#codedSoftMs = softTtlMs;
      this.#codedHardMs = hardTtlMs;
      this.#codes = encodeTtl(softTtlMs) | (encodeTtl(hardTtlMs) << 16);
    }
    this.cold[at + TTLS] = this.#codes;
    const soft = this.#codes & 0xffff, hard = this.#codes >>> 16;
    const meta = (this.hot[at + META] as number) & ~NEVER;
    this.hot[at + META] = soft === TTL_NEVER ? meta | NEVER : meta;
    this.hot[at + ENDS] = soft === TTL_NEVER ? setMs : setMs + softTtlMs;
    if (soft !== TTL_EXACT && hard !== TTL_EXACT) return;
    this.#ttls ??= new Int32Array(this.#slots * 2);
    this.#ttls[slot * 2] = softTtlMs;
    this.#ttls[slot * 2 + 1] = hardTtlMs;
  }

  /** Soft TTL, ms; Infinity for none. */
  softTtlMsOf(slot: number): number {
    const code = (this.cold[(slot << HOT_SHIFT) + TTLS] as number) & 0xffff;
    return code === TTL_EXACT ? this.#ttls?.[slot * 2] as number : decodeTtl(code);
  }

  /** Hard TTL, ms; Infinity for none. */
  hardTtlMsOf(slot: number): number {
    const code = (this.cold[(slot << HOT_SHIFT) + TTLS] as number) >>> 16;
    return code === TTL_EXACT ? this.#ttls?.[slot * 2 + 1] as number : decodeTtl(code);
  }

  /** When it was set, ms on the clock of the cache. */
  setMsOf(slot: number): number {
    const at = slot << HOT_SHIFT;
    const ends = this.hot[at + ENDS] as number;
    return ((this.hot[at + META] as number) & NEVER) !== 0 ? ends : ends - this.softTtlMsOf(slot);
  }

  /** When it is gone, ms on the clock of the cache; Infinity for never. */
  hardEndMsOf(slot: number): number {
    return this.setMsOf(slot) + this.hardTtlMsOf(slot);
  }

  /** Moves the zero of the clock by `ms`; ages of more than `TTL_MAX_MS` become that. O(slots). */
  rebase(ms: number): void {
    this.zeroMs += ms;
    for (let slot = LISTS; slot < this.#unused; slot++) {
      const at = (slot << HOT_SHIFT) + ENDS;
      this.hot[at] = Math.max((this.hot[at] as number) - ms, -TTL_MAX_MS);
    }
  }

  /** Notes the commit of a slot; −1 is none. */
  setSeq(slot: number, seq: number): void {
    if (this.#seqs === null) {
      if (seq < 0) return;
      this.#seqs = new Float64Array(this.#slots).fill(-1);
    }
    this.#seqs[slot] = seq;
  }

  /** The commit of a slot; −1 for none. */
  seqOf(slot: number): number {
    return this.#seqs === null ? -1 : this.#seqs[slot] as number;
  }

  /** Throws unless every slot in use is in the list that it names, and the counts are right. */
  invariant(): void {
    const { hot, counts } = this;
    let live = 0, listed = 0;
    for (let slot = LISTS; slot < this.#unused; slot++) {
      if (((hot[(slot << HOT_SHIFT) + META] as number) & LIVE) !== 0) live++;
    }
    for (let list = 0; list < LISTS; list++) {
      let count = 0, previous = list;
      let slot = hot[(list << HOT_SHIFT) + NEXT] as number;
      for (; slot !== list; slot = hot[(slot << HOT_SHIFT) + NEXT] as number) {
        const at = slot << HOT_SHIFT;
        if (hot[at + PREV] !== previous || this.listOf(slot) !== list) throw broken(`slot ${slot}`);
        if (((hot[at + META] as number) & LIVE) === 0) throw broken(`slot ${slot} is free`);
        if (++count > this.size) throw broken(`list ${list} is too long`);
        previous = slot;
      }
      if (hot[(list << HOT_SHIFT) + PREV] !== previous) throw broken(`end of list ${list}`);
      if (count !== counts[list]) throw broken(`${count} in list ${list}, counted ${counts[list]}`);
      listed += count;
    }
    if (live !== this.size) throw broken(`${live} slots in use, counted ${this.size}`);
    if (listed !== this.size) throw broken(`${listed} slots in lists of ${this.size}`);
  }
}

const broken = (what: string) => new Error(`The arena is broken: ${what}`);

function grown(column: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(column);
  return larger;
}

function grownFloats(column: Float64Array, length: number): Float64Array {
  const larger = new Float64Array(length);
  larger.set(column);
  return larger;
}

/** Grown by hand, since an array that grows by itself takes half as much again in reserve. */
function grownArray<T>(array: T[], length: number): T[] {
  const larger = new Array<T>(length);
  for (let at = 0; at < array.length; at++) larger[at] = array[at] as T;
  return larger;
}
