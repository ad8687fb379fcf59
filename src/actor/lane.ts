/**
 * A lane is a FIFO ring of messages as parallel columns: no object per message, so that a tell is a
 * few stores. It grows by doubling from 16 slots and shrinks never; its owner bounds it.
 *
 * Positions are absolute: `head ≤ position < tail`, and a slot is `position & mask`. An absolute
 * position stays valid while its message is queued, which is what conflation needs.
 *
 * @module
 */

import type { Entry } from "./protocol.ts";
import type { Asker } from "./ask.ts";

const CAPACITY_MIN = 16;
// Empty columns: a copy of one costs a third of filling one, and keeps its kind of elements.
const NOTHING: null[] = new Array(CAPACITY_MIN).fill(null);
const UNDEFINED: undefined[] = new Array(CAPACITY_MIN).fill(undefined);
const INTEGERS: number[] = new Array(CAPACITY_MIN).fill(0);
const FRACTIONS: number[] = new Array(CAPACITY_MIN).fill(0.5);

/** One queued message taken out, or about to be put in. */
export interface Message {
  readonly entry: Entry;
  payload: unknown;
  readonly ask: Asker | null;
  /** Id shared by everything that one outside event set off. */
  readonly cause: number;
  /** Coarse monotonic ms of the sending. */
  readonly atMs: number;
  readonly bytes: number;
}

/** FIFO ring with columns; every operation is O(1), growth amortised. */
export class Lane {
  head = 0;
  tail = 0;
  #mask = CAPACITY_MIN - 1;
  entries: (Entry | null)[] = NOTHING.slice();
  payloads: unknown[] = UNDEFINED.slice();
  asks: (Asker | null)[] = NOTHING.slice();
  causes: number[] = INTEGERS.slice();
  ats: number[] = FRACTIONS.slice();
  sizes: number[] = INTEGERS.slice();

  get size(): number {
    return this.tail - this.head;
  }

  /** Slot of the oldest message; call only when `size > 0`. */
  get headSlot(): number {
    return this.head & this.#mask;
  }

  /** Slot of an absolute position. */
  slotOf(position: number): number {
    return position & this.#mask;
  }

  /** Appends; returns the absolute position. */
  push(
    entry: Entry,
    payload: unknown,
    ask: Asker | null,
    cause: number,
    atMs: number,
    bytes: number,
  ): number {
    if (this.tail - this.head > this.#mask) this.#grow();
    const slot = this.tail & this.#mask;
    this.entries[slot] = entry;
    this.payloads[slot] = payload;
    this.asks[slot] = ask;
    this.causes[slot] = cause;
    this.ats[slot] = atMs;
    this.sizes[slot] = bytes;
    return this.tail++;
  }

  /** Puts a message before the oldest one. */
  unshift(message: Message): void {
    if (this.tail - this.head > this.#mask) this.#grow();
    this.head--;
    this.#write(this.head & this.#mask, message);
  }

  /** Takes the oldest message; null when empty. */
  shift(): Message | null {
    if (this.head === this.tail) return null;
    const message = this.#read(this.head & this.#mask);
    this.dropHead();
    return message;
  }

  /** Takes the newest message; null when empty. */
  pop(): Message | null {
    if (this.head === this.tail) return null;
    const slot = (this.tail - 1) & this.#mask;
    const message = this.#read(slot);
    this.entries[slot] = null;
    this.payloads[slot] = undefined;
    this.asks[slot] = null;
    this.tail--;
    return message;
  }

  /**
   * Takes the message at an absolute position, wherever it stands; null when it is gone. What is
   * empty at the head afterwards is closed. Not for lanes that use `dropHead`. O(1), amortised.
   */
  take(position: number): Message | null {
    if (position < this.head || position >= this.tail) return null;
    const slot = position & this.#mask;
    if (this.entries[slot] === null) return null;
    const message = this.#read(slot);
    this.entries[slot] = null;
    this.payloads[slot] = undefined;
    this.asks[slot] = null;
    this.closeHead();
    return message;
  }

  /** Moves the head over what was taken. O(what was taken). */
  closeHead(): void {
    while (this.head < this.tail && this.entries[this.headSlot] === null) this.head++;
  }

  /** Forgets the oldest message, whose columns were read already. */
  dropHead(): void {
    const slot = this.head & this.#mask;
    this.payloads[slot] = undefined;
    this.asks[slot] = null;
    this.head++;
  }

  #read(slot: number): Message {
    return {
      entry: this.entries[slot] as Entry,
      payload: this.payloads[slot],
      ask: this.asks[slot] as Asker | null,
      cause: this.causes[slot] as number,
      atMs: this.ats[slot] as number,
      bytes: this.sizes[slot] as number,
    };
  }

  #write(slot: number, message: Message): void {
    this.entries[slot] = message.entry;
    this.payloads[slot] = message.payload;
    this.asks[slot] = message.ask;
    this.causes[slot] = message.cause;
    this.ats[slot] = message.atMs;
    this.sizes[slot] = message.bytes;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    this.entries = this.#grown<Entry | null>(this.entries, capacity, null);
    this.payloads = this.#grown<unknown>(this.payloads, capacity, undefined);
    this.asks = this.#grown<Asker | null>(this.asks, capacity, null);
    this.causes = this.#grown(this.causes, capacity, 0);
    this.ats = this.#grown(this.ats, capacity, 0.5);
    this.sizes = this.#grown(this.sizes, capacity, 0);
    this.#mask = capacity - 1;
  }

  /** Filled at once, so that the array keeps the fast kind of elements. */
  #grown<T>(column: readonly T[], capacity: number, empty: T): T[] {
    const grown = new Array<T>(capacity).fill(empty);
    for (let at = this.head; at < this.tail; at++) {
      grown[at & (capacity - 1)] = column[at & this.#mask] as T;
    }
    return grown;
  }
}
