/**
 * Who runs next. The production scheduler drains in batches: a slice is at most 64 messages or
 * 500 µs, and the loop gives way to the event loop after 2 ms or 1,024 messages, so that timers and
 * sockets never starve. The simulator has its own, which picks at random by seed.
 *
 * @module
 */

import { type Cancel, type Clock, nextTurn } from "./clock.ts";

/** Something that can be given a slice of time. */
export interface Runnable {
  /** True while it stands in the run queue; owned by the scheduler. */
  scheduled: boolean;
  /** Works off at most `messagesMax` messages until `untilMs`; returns how many it took. */
  runSlice(messagesMax: number, untilMs: number): number;
  /** Whether it has work that it could do now. */
  readonly ready: boolean;
}

/** Decides the order of work. */
export interface Scheduler {
  /** Coarse monotonic ms: exact at the start of a turn and refreshed while working. */
  readonly nowMs: number;
  /** Reads the clock when this is the first activity of a turn of the event loop. */
  wake(): void;
  /** Told the exact time by whoever read the clock while working. */
  sawTime(nowMs: number): void;
  /** Makes `unit` run; no-op while it is scheduled already. Never runs it before returning. */
  schedule(unit: Runnable): void;
  /** Forgets pending turns. */
  dispose(): void;
}

/** Messages of one slice. */
export const SLICE_MESSAGES_MAX = 64;
const SLICE_MAX_MS = 0.5;
const TURN_MESSAGES_MAX = 1_024;
/** Then whoever waits for a reply has a turn: their code runs as microtasks, between two runs. */
const RUN_MAX_MS = 0.5;
const TURN_MAX_MS = 2;
/** `nowMs` standing still for longer than this is reported, see {@linkcode LagListener}. */
const LAG_MS = 2;

/** Told that the coarse time stood at `beforeMs` until `nowMs`: what it stamped may be younger. */
export type LagListener = (beforeMs: number, nowMs: number) => void;

/** FIFO of actors over the event loop. */
export class TurnScheduler implements Scheduler {
  nowMs: number;
  onLag: LagListener | null = null;
  readonly #clock: Clock;
  #queue: (Runnable | null)[] = new Array(64).fill(null);
  #head = 0;
  #tail = 0;
  #flushing = false;
  #flushPlanned = false;
  /** A turn lasts from the first work after an event-loop iteration to the next iteration. */
  #turnMarker: Cancel | null = null;
  #turnMessages = 0;
  #turnStartMs = 0;
  readonly #flush = () => this.#run();
  readonly #endTurn = () => {
    this.sawTime(this.#clock.now());
    this.#turnMarker = null;
    this.#turnMessages = 0;
    if (this.#tail !== this.#head) this.#run();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.nowMs = clock.now();
  }

  schedule(unit: Runnable): void {
    if (unit.scheduled) return;
    unit.scheduled = true;
    if (this.#tail - this.#head === this.#queue.length) this.#grow();
    this.#queue[this.#tail++ & (this.#queue.length - 1)] = unit;
    if (this.#flushing || this.#flushPlanned) return;
    this.wake();
    if (this.#turnMessages >= TURN_MESSAGES_MAX) return; // the turn marker will run it
    this.#flushPlanned = true;
    queueMicrotask(this.#flush);
  }

  /** Reads the clock when this is the first activity of a turn of the event loop. */
  wake(): void {
    if (this.#turnMarker !== null) return;
    this.nowMs = this.#turnStartMs = this.#clock.now();
    this.#turnMarker = nextTurn(this.#endTurn);
  }

  dispose(): void {
    this.#turnMarker?.();
    this.#turnMarker = null;
    this.#queue.fill(null);
    this.#head = this.#tail = 0;
  }

  #run(): void {
    this.#flushPlanned = false;
    // Nothing to run after a disposal: waking would leave a turn marker behind.
    if (this.#flushing || this.#tail === this.#head) return;
    this.wake();
    this.#flushing = true;
    const untilMs = this.nowMs + RUN_MAX_MS;
    try {
      while (this.#tail !== this.#head && this.nowMs < untilMs) {
        if (this.#turnMessages >= TURN_MESSAGES_MAX) return; // the turn marker goes on
        const at = this.#head++ & (this.#queue.length - 1);
        const unit = this.#queue[at] as Runnable;
        this.#queue[at] = null;
        unit.scheduled = false;
        const took = unit.runSlice(SLICE_MESSAGES_MAX, this.nowMs + SLICE_MAX_MS);
        this.#turnMessages += took === 0 ? 1 : took;
        if (unit.ready) this.schedule(unit);
        if (took === SLICE_MESSAGES_MAX) this.sawTime(this.#clock.now());
      }
    } finally {
      this.#flushing = false;
    }
    if (this.#tail === this.#head) return;
    this.#flushPlanned = true;
    queueMicrotask(this.#flush);
  }

  /** No-op between turns: there nothing is stamped, so nothing lags. */
  sawTime(nowMs: number): void {
    if (this.#turnMarker === null) return;
    const beforeMs = this.nowMs;
    this.nowMs = nowMs;
    if (nowMs - beforeMs > LAG_MS) this.onLag?.(beforeMs, nowMs);
    if (nowMs - this.#turnStartMs >= TURN_MAX_MS) this.#turnMessages = TURN_MESSAGES_MAX;
  }

  #grow(): void {
    const grown: (Runnable | null)[] = new Array(this.#queue.length * 2).fill(null);
    for (let i = this.#head; i < this.#tail; i++) {
      grown[i & (grown.length - 1)] = this.#queue[i & (this.#queue.length - 1)] as Runnable;
    }
    this.#queue = grown;
  }
}
