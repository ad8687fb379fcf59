/**
 * A hierarchical timer wheel (G. Varghese, A. Lauck, SOSP 1987) whose links lie in the arena, so
 * that an entry costs no timer and no memory of its own.
 *
 * Six levels of 64 buckets; a bucket of level n spans 64^n ms. An entry lies on the level of the
 * highest group of six bits in which its end differs from the wheel's time, in the bucket that these
 * bits name: all that precede them are equal, so the buckets of a level are in the order of time,
 * and every end on a lower level comes before every end on a higher one. Two words of bits for each
 * level say which buckets are occupied, so empty ones cost nothing.
 *
 * - `add` and `remove` are O(1); an entry moves down at most five times before it is due.
 * - Ends are exact to the ms; an entry without an end is not in the wheel.
 *
 * @module
 */

import { type Arena, HOT_SHIFT, LISTS, LIVE, META, WHEEL_NEXT, WHEEL_PREV } from "./arena.ts";

const LEVEL_BITS = 6;
const BUCKETS = 1 << LEVEL_BITS;
const LEVELS = 6;
/** In WHEEL_PREV: the slot is in no bucket. */
const NOWHERE = -1;
/** In WHEEL_PREV: the slot is the first of bucket b if it is `FIRST − b`. */
const FIRST = -2;

/** See the top of the file. */
export class TimerWheel {
  readonly #arena: Arena<unknown>;
  readonly #heads = new Int32Array(LEVELS * BUCKETS).fill(-1);
  readonly #occupied = new Int32Array(LEVELS * 2);
  #nowMs = 0;
  #count = 0;

  /** An empty one over the slots of an arena. */
  constructor(arena: Arena<unknown>) {
    this.#arena = arena;
  }

  /** Entries in it. */
  get count(): number {
    return this.#count;
  }

  /** Adds a slot by its hard end; one without an end is left out. O(1). */
  add(slot: number, hardEndMs = this.#arena.hardEndMsOf(slot)): void {
    const cold = this.#arena.cold;
    const at = slot << HOT_SHIFT;
    if (hardEndMs === Infinity) {
      cold[at + WHEEL_PREV] = NOWHERE;
      return;
    }
    this.#count++;
    const endMs = Math.max(hardEndMs, this.#nowMs);
    const differing = endMs ^ this.#nowMs;
    const level = differing === 0 ? 0 : ((31 - Math.clz32(differing)) / LEVEL_BITS) | 0;
    const inLevel = (endMs >>> (level * LEVEL_BITS)) & (BUCKETS - 1);
    const bucket = level * BUCKETS + inLevel;
    const next = this.#heads[bucket] as number;
    cold[at + WHEEL_NEXT] = next;
    cold[at + WHEEL_PREV] = FIRST - bucket;
    if (next >= 0) cold[(next << HOT_SHIFT) + WHEEL_PREV] = slot;
    else {
      const word = bucket >>> 5;
      this.#occupied[word] = (this.#occupied[word] as number) | (1 << (bucket & 31));
    }
    this.#heads[bucket] = slot;
  }

  /** Takes a slot out; one that is not in it is left alone. O(1). */
  remove(slot: number): void {
    const cold = this.#arena.cold;
    const at = slot << HOT_SHIFT;
    const previous = cold[at + WHEEL_PREV] as number;
    if (previous === NOWHERE) return;
    this.#count--;
    const next = cold[at + WHEEL_NEXT] as number;
    if (next >= 0) cold[(next << HOT_SHIFT) + WHEEL_PREV] = previous;
    cold[at + WHEEL_PREV] = NOWHERE;
    if (previous >= 0) {
      cold[(previous << HOT_SHIFT) + WHEEL_NEXT] = next;
      return;
    }
    const bucket = FIRST - previous;
    this.#heads[bucket] = next;
    if (next < 0) this.#vacate(bucket);
  }

  #vacate(bucket: number): void {
    const word = bucket >>> 5;
    this.#occupied[word] = (this.#occupied[word] as number) & ~(1 << (bucket & 31));
  }

  /**
   * Goes to `nowMs` and hands every slot whose end has come to `expire`, in the order of their ends
   * (those of one ms in any order); it is out of the wheel by then. O(due + cascaded).
   */
  advance(nowMs: number, expire: (slot: number) => void): number {
    let expired = 0;
    for (;;) {
      const bucket = this.#firstBucket();
      if (bucket < 0) break;
      const level = bucket >>> LEVEL_BITS;
      const startMs = this.#startOf(level, bucket & (BUCKETS - 1));
      if (startMs > nowMs) break;
      this.#nowMs = Math.max(this.#nowMs, startMs);
      // Always the first one: what `expire` does may take others out of the same bucket.
      for (;;) {
        const slot = this.#heads[bucket] as number;
        if (slot < 0) break;
        this.remove(slot);
        if (level > 0) this.add(slot);
        else {
          expired++;
          expire(slot);
        }
      }
    }
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    return expired;
  }

  /** The occupied bucket of the earliest ends, or −1. */
  #firstBucket(): number {
    for (let word = 0; word < this.#occupied.length; word++) {
      const bits = this.#occupied[word] as number;
      if (bits !== 0) return (word << 5) + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }

  /** The first ms of a bucket. */
  #startOf(level: number, inLevel: number): number {
    const shift = level * LEVEL_BITS;
    const above = shift + LEVEL_BITS >= 31 ? 0 : this.#nowMs >>> (shift + LEVEL_BITS);
    return above * 2 ** (shift + LEVEL_BITS) + inLevel * 2 ** shift;
  }

  /** Moves its zero by `ms`, the ends in the arena having moved already. O(slots). */
  rebase(ms: number): void {
    this.#nowMs -= ms;
    this.#heads.fill(-1);
    this.#occupied.fill(0);
    this.#count = 0;
    for (let slot = LISTS; slot < this.#arena.slotsEnd; slot++) {
      const meta = this.#arena.hot[(slot << HOT_SHIFT) + META] as number;
      if ((meta & LIVE) !== 0) this.add(slot);
    }
  }

  /** Throws unless every live slot with an end is in the bucket of its end, and nothing else. */
  invariant(): void {
    const { hot, cold } = this.#arena;
    let count = 0;
    for (let bucket = 0; bucket < this.#heads.length; bucket++) {
      const isOccupied = ((this.#occupied[bucket >>> 5] as number) >>> (bucket & 31) & 1) === 1;
      let previous = FIRST - bucket;
      let slot = this.#heads[bucket] as number;
      if (isOccupied !== slot >= 0) throw broken(`bucket ${bucket} has a wrong bit`);
      const level = bucket >>> LEVEL_BITS;
      const startMs = this.#startOf(level, bucket & (BUCKETS - 1));
      while (slot >= 0) {
        const at = slot << HOT_SHIFT;
        const endMs = this.#arena.hardEndMsOf(slot);
        if (((hot[at + META] as number) & LIVE) === 0) throw broken(`slot ${slot} is free`);
        if (cold[at + WHEEL_PREV] !== previous) throw broken(`slot ${slot} has a wrong link`);
        if (endMs >= startMs + 2 ** (level * LEVEL_BITS) || (level > 0 && endMs < startMs)) {
          throw broken(`slot ${slot} ends at ${endMs}, in bucket ${bucket} from ${startMs}`);
        }
        previous = slot;
        slot = cold[at + WHEEL_NEXT] as number;
        if (++count > this.#count) throw broken(`more than ${this.#count} slots`);
      }
    }
    if (count !== this.#count) throw broken(`${count} slots, counted ${this.#count}`);
  }
}

const broken = (what: string) => new Error(`The timer wheel is broken: ${what}`);
