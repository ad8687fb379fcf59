/**
 * The end of a series as a commit needs it: the times of the last candles, and what is known of the
 * label at each. It is a cache: whatever it does not know is looked up in the log.
 *
 * @module
 */

import { firstAt } from "../first_at.ts";

/** There is no label and never was. */
export const ABSENT = -1;
/** There is one, or was: the log knows. */
export const LOGGED = -2;

/** Smallest room of a window. */
const CAPACITY_MIN = 16;
/** Candles kept at most: labels that reach further back are looked up in the log. */
export const WINDOW_BARS_MAX = 32_768;

/** See the module's text. Labels have a state: {@linkcode ABSENT}, {@linkcode LOGGED} or a slot. */
export class HotWindow {
  /** Candles held. */
  length = 0;
  #ts: Float64Array;
  readonly #states = new Map<number, Int32Array>();
  /** Told of the slots of labels that leave the window. */
  readonly #release: (slot: number) => void;

  /**
   * A window of which no label is known.
   *
   * @param ts Times of the last candles, ascending.
   * @param isWhole Whether the series has none before them.
   */
  constructor(ts: Float64Array, public isWhole: boolean, release: (slot: number) => void) {
    this.length = ts.length;
    this.#ts = new Float64Array(Math.max(CAPACITY_MIN, ts.length));
    this.#ts.set(ts);
    this.#release = release;
  }

  /** Time of the first candle held; Infinity without one. */
  get firstTs(): number {
    return this.length === 0 ? Infinity : this.#ts[0] as number;
  }

  /** States of the labels of a parameter set, by index; undefined while they are not known. */
  states(set: number): Int32Array | undefined {
    return this.#states.get(set);
  }

  /** Adds a parameter set, of whose labels nothing is there yet. */
  addSet(set: number): Int32Array {
    const states = new Int32Array(this.#ts.length).fill(ABSENT);
    this.#states.set(set, states);
    return states;
  }

  /** Adds candles at the end; gives up old ones beyond `keep` when it is full. Amortised O(rows). */
  append(ts: Float64Array, from: number, to: number, keep: number): void {
    const added = to - from;
    if (this.length + added > this.#ts.length) this.#makeRoom(added, keep);
    if (added === 1) this.#ts[this.length] = ts[from] as number;
    else this.#ts.set(ts.subarray(from, to), this.length);
    this.length += added;
  }

  /**
   * Index of a candle by its time, or −1. O(1) near `hint` and near the end, else O(log n).
   *
   * @param hint Index after that of the last one found.
   */
  find(ts: number, hint: number): number {
    const times = this.#ts;
    if (times[hint] === ts && hint < this.length) return hint;
    const at = firstAt(times, this.length, ts);
    return at < this.length && times[at] === ts ? at : -1;
  }

  /** Gives back memory that one large append took. */
  trim(keep: number): void {
    if (this.#ts.length > 8 * keep) this.#rebuild(keep, 2 * keep);
  }

  /** Gives up all slots; the window is of no use afterwards. */
  drop(): void {
    for (const states of this.#states.values()) this.#releaseUpTo(states, this.length);
    this.length = 0;
  }

  #makeRoom(added: number, keep: number): void {
    const kept = Math.min(this.length, keep);
    let capacity = this.#ts.length;
    while (kept + added > capacity) capacity *= 2;
    this.#rebuild(keep, capacity);
  }

  #rebuild(keep: number, capacity: number): void {
    const from = Math.max(0, this.length - keep);
    if (from > 0) this.isWhole = false;
    const ts = capacity === this.#ts.length ? this.#ts : new Float64Array(capacity);
    ts.set(this.#ts.subarray(from, this.length));
    this.#ts = ts;
    for (const [set, states] of this.#states) {
      this.#releaseUpTo(states, from);
      const kept = states.slice(from, this.length);
      const target = states.length === capacity ? states : new Int32Array(capacity);
      target.set(kept);
      target.fill(ABSENT, kept.length);
      this.#states.set(set, target);
    }
    this.length -= from;
  }

  #releaseUpTo(states: Int32Array, to: number): void {
    for (let at = 0; at < to; at++) {
      if ((states[at] as number) >= 0) this.#release(states[at] as number);
    }
  }
}
