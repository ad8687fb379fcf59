/**
 * Time and chance as values that are handed in. Nothing else in `src` or `actors` asks the machine
 * for either, so that a whole tree runs deterministically under {@linkcode VirtualClock} and
 * {@linkcode seededRandom}.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";

/** Cancels what {@linkcode Clock.setTimer} scheduled; idempotent. */
export type Cancel = () => void;

/** Source of time and timers. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; never jumps. Costs about 90 ns on the machine clock. */
  now(): number;
  /** Epoch milliseconds UTC; may jump. For records only, never for deadlines. */
  wallNow(): number;
  /** Calls `fire` once after `delayMs` (≥ 0). */
  setTimer(delayMs: number, fire: () => void): Cancel;
}

/** Source of chance. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

/** setTimeout turns longer delays into 1 ms; longer ones are chained. */
const TIMER_DELAY_MAX_MS = 2_147_483_647;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer(delayMs, fire) {
    let handle: ReturnType<typeof setTimeout>;
    const arm = (leftMs: number) => {
      const stepMs = Math.min(leftMs, TIMER_DELAY_MAX_MS);
      handle = setTimeout(() => leftMs > stepMs ? arm(leftMs - stepMs) : fire(), stepMs);
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(handle);
  },
};

/** The machine's chance. Not for secrets. */
export const systemRandom: Random = { next: () => Math.random() };

/** Runs `run` in the next turn of the event loop, after I/O and timers had their chance. */
export function nextTurn(run: () => void): Cancel {
  const handle = setImmediate(run);
  return () => clearImmediate(handle);
}

/** Resolves after `ms` of the clock. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}

/**
 * A reproducible {@linkcode Random}: sfc32 (C. Doty-Humphrey, PractRand), seeded by splitmix32.
 * Same seed, same sequence, on every machine.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const splitmix = () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = splitmix(), b = splitmix(), c = splitmix(), d = 1;
  return {
    next() {
      const t = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (c << 21) | (c >>> 11);
      c = (c + t) | 0;
      return (t >>> 0) / 4_294_967_296;
    },
  };
}

interface VirtualTimer {
  atMs: number;
  order: number;
  fire: (() => void) | null;
}

/**
 * A clock that stands still until it is told to move.
 *
 * - Timers fire in the order of their time, those of one time in the order they were set.
 * - `now()` during a timer is that timer's time.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  #order = 0;
  /** Binary heap by (atMs, order). */
  readonly #heap: VirtualTimer[] = [];

  /** `startMs` is the first `now()`; `wallStartMs` the epoch time that belongs to it. */
  constructor(startMs = 0, wallStartMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#wallOffsetMs = wallStartMs - startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return Math.floor(this.#nowMs + this.#wallOffsetMs);
  }

  setTimer(delayMs: number, fire: () => void): Cancel {
    const timer: VirtualTimer = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      fire,
    };
    this.#push(timer);
    return () => {
      timer.fire = null;
    };
  }

  /** Time of the next timer, or Infinity. */
  nextTimerAt(): number {
    let first = this.#heap[0];
    while (first !== undefined && first.fire === null) {
      this.#pop();
      first = this.#heap[0];
    }
    return first === undefined ? Infinity : first.atMs;
  }

  /** Moves to the next timer and fires it; false when there is none. */
  fireNext(): boolean {
    if (this.nextTimerAt() === Infinity) return false;
    const timer = this.#pop();
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.fire?.();
    return true;
  }

  /** Moves time by `ms`, firing what falls due on the way. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.nextTimerAt() <= untilMs) this.fireNext();
    this.#nowMs = untilMs;
  }

  #before(a: VirtualTimer, b: VirtualTimer): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #push(timer: VirtualTimer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as VirtualTimer;
      if (!this.#before(timer, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = timer;
  }

  #pop(): VirtualTimer {
    const heap = this.#heap;
    const top = heap[0] as VirtualTimer;
    const last = heap.pop() as VirtualTimer;
    const size = heap.length;
    if (size === 0) return top;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = heap[child + 1];
      if (right !== undefined && this.#before(right, heap[child] as VirtualTimer)) child++;
      const least = heap[child] as VirtualTimer;
      if (!this.#before(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
