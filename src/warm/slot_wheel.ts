/**
 * One timer for each of a fixed number of slots: a hashed timer wheel (G. Varghese, A. Lauck, SOSP
 * 1987, scheme 6) over typed arrays, 12 bytes a slot.
 *
 * - a timer never fires early, and at most {@linkcode TICK_MS} late when `advance` is called then
 * - a timer lies in the bucket of its tick modulo the number of buckets; those of later rounds are
 *   passed over once a round, some 17 minutes
 * - `set` and `clear` are O(1); `advance` is O(buckets passed + timers in them), and passes no bucket
 *   twice, however long nobody called
 *
 * @module
 */

/** Width of a bucket, ms. */
export const TICK_MS = 250;

/** Buckets: a power of two, so that the modulus is a mask; a round is 17 minutes. */
const BUCKETS = 4_096;

const NONE = -1;
/** In `#tick`: no timer is set. */
const UNSET = -1;

/** See the head of this file. */
export class SlotWheel {
  readonly #startMs: number;
  readonly #heads = new Int32Array(BUCKETS).fill(NONE);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Ticks since the start at which each slot is due: 31 bits are 17 years. */
  readonly #tick: Int32Array;
  /** The last tick that was passed. */
  #now = 0;
  #count = 0;

  /** No timer is set. `startMs`: the earliest time that is asked for, epoch ms. */
  constructor(slots: number, startMs: number) {
    this.#startMs = startMs;
    this.#next = new Int32Array(slots).fill(NONE);
    this.#previous = new Int32Array(slots).fill(NONE);
    this.#tick = new Int32Array(slots).fill(UNSET);
  }

  /** Timers that are set. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#heads.byteLength + 3 * this.#tick.byteLength;
  }

  /** Sets the timer of a slot, in place of one it had; one that is past is due at the next tick. */
  set(slot: number, atMs: number): void {
    this.clear(slot);
    const tick = Math.max(Math.ceil((atMs - this.#startMs) / TICK_MS), this.#now + 1);
    this.#tick[slot] = Math.min(tick, 0x7fff_ffff);
    this.#link(slot);
    this.#count++;
  }

  /** Takes a slot's timer away, if it has one. */
  clear(slot: number): void {
    if (this.#tick[slot] === UNSET) return;
    this.#unlink(slot);
    this.#tick[slot] = UNSET;
    this.#count--;
  }

  /** Whether a slot has a timer. */
  has(slot: number): boolean {
    return this.#tick[slot] !== UNSET;
  }

  /**
   * Goes to `nowMs` and hands every slot whose timer is due to `fire`, which may set and clear any.
   * Timers of one bucket come in no order. What is set meanwhile is due at a later call.
   */
  advance(nowMs: number, fire: (slot: number) => void): void {
    const target = Math.floor((nowMs - this.#startMs) / TICK_MS);
    const from = this.#now + 1;
    if (target < from) return;
    // Set at once: whatever `fire` sets lies after it.
    this.#now = target;
    const steps = Math.min(target - from + 1, BUCKETS);
    for (let step = 0; step < steps; step++) this.#pass((from + step) & (BUCKETS - 1), fire);
  }

  #pass(bucket: number, fire: (slot: number) => void): void {
    // Due ones go first to a list of their own: `fire` changes the links.
    const due: number[] = [];
    for (let slot = this.#heads[bucket] as number; slot !== NONE;) {
      if ((this.#tick[slot] as number) <= this.#now) due.push(slot);
      slot = this.#next[slot] as number;
    }
    for (const slot of due) {
      const tick = this.#tick[slot] as number;
      // Another's `fire` has cleared it, or set it to a later time.
      if (tick === UNSET || tick > this.#now) continue;
      this.clear(slot);
      fire(slot);
    }
  }

  #link(slot: number): void {
    const bucket = (this.#tick[slot] as number) & (BUCKETS - 1);
    const next = this.#heads[bucket] as number;
    this.#next[slot] = next;
    this.#previous[slot] = NONE;
    if (next !== NONE) this.#previous[next] = slot;
    this.#heads[bucket] = slot;
  }

  #unlink(slot: number): void {
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#heads[(this.#tick[slot] as number) & (BUCKETS - 1)] = next;
  }
}
