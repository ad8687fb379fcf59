/**
 * The one budget of all strategies: upstream calls of any minute, calls at a time, and bytes.
 *
 * @module
 */

const MINUTE_MS = 60_000;

/** Of what the provider's limiter has left, warming takes at most this share: users come first. */
export const CALLS_LEFT_SHARE = 0.5;

/** First pause after a call all of whose keys failed, ms; doubles with each further one. */
const FAILED_PAUSE_MIN_MS = 1_000;
/** Longest such pause, ms. */
const FAILED_PAUSE_MAX_MS = 60_000;

/** Bounds of a {@linkcode Budget}. */
export interface BudgetOptions {
  readonly callsPerMinute: number;
  readonly callsAtOnce: number;
  readonly memoryMaxBytes: number;
}

/**
 * Counts calls.
 *
 * - in no stretch of a minute, whatever it begins with, are more than `callsPerMinute` begun
 * - never more than `callsAtOnce` are under way
 * - all O(1); 8 bytes for each call of a minute
 */
export class Budget {
  #options: BudgetOptions;
  /** When the last calls began: a ring. */
  #beganMs: Float64Array;
  #oldest = 0;
  #used = 0;
  #running = 0;
  #pauseMs = 0;
  #pausedUntilMs = -Infinity;

  /** Nothing is used. */
  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#beganMs = new Float64Array(Math.max(1, options.callsPerMinute));
  }

  /** Its bounds now. */
  get options(): BudgetOptions {
    return this.#options;
  }

  /** Another number of calls a minute; those begun in the last one still count. O(their number). */
  setCallsPerMinute(callsPerMinute: number, nowMs: number): void {
    const began = this.began(nowMs);
    this.#options = { ...this.#options, callsPerMinute };
    this.#beganMs = new Float64Array(Math.max(1, callsPerMinute, began.length));
    this.#beganMs.set(began);
    this.#oldest = 0;
  }

  /** When the calls of the minute up to `nowMs` began, oldest first. */
  began(nowMs: number): number[] {
    const { length } = this.#beganMs;
    return Array.from(
      { length: this.used(nowMs) },
      (_, at) => this.#beganMs[(this.#oldest + at) % length] as number,
    );
  }

  /** Calls of another life count too, unless some began in this one; none is later than `nowMs`. */
  restore(beganMs: readonly number[], nowMs: number): void {
    if (this.used(nowMs) > 0) return;
    const isOfMinute = (ms: number) => ms <= nowMs && ms >= nowMs - MINUTE_MS;
    const began = beganMs.filter(isOfMinute).sort((a, b) => a - b);
    const { length } = this.#beganMs;
    const counted = began.slice(-length);
    counted.forEach((ms, at) => this.#beganMs[(this.#oldest + at) % length] = ms);
    this.#used = counted.length;
  }

  /** Calls under way. */
  get running(): number {
    return this.#running;
  }

  /** Until when loads pause since they failed, epoch ms. */
  get pausedUntilMs(): number {
    return this.#pausedUntilMs;
  }

  /** Calls begun in the minute up to `nowMs`, that moment a minute ago included. */
  used(nowMs: number): number {
    const size = this.#beganMs.length;
    while (this.#used > 0 && (this.#beganMs[this.#oldest] as number) < nowMs - MINUTE_MS) {
      this.#oldest = (this.#oldest + 1) % size;
      this.#used--;
    }
    return this.#used;
  }

  /** Calls that may begin at `nowMs`, by all but the bytes; `providerLeft` null: no limit there. */
  left(nowMs: number, providerLeft: number | null): number {
    if (nowMs < this.#pausedUntilMs) return 0;
    const { callsPerMinute, callsAtOnce } = this.options;
    const share = providerLeft === null ? Infinity : Math.floor(providerLeft * CALLS_LEFT_SHARE);
    const left = Math.min(callsPerMinute - this.used(nowMs), callsAtOnce - this.#running, share);
    return Math.max(0, left);
  }

  /** A call begins; only when there is one left. */
  begin(nowMs: number): void {
    const used = this.used(nowMs);
    if (used >= this.options.callsPerMinute || this.#running >= this.options.callsAtOnce) {
      throw new Error(
        `Cannot begin a call: expected one left: current value is ${used} used, ` +
          `${this.#running} running`,
      );
    }
    this.#beganMs[(this.#oldest + used) % this.#beganMs.length] = nowMs;
    this.#used = used + 1;
    this.#running++;
  }

  /** A call has ended, `failed` when none of its keys was answered. */
  end(nowMs: number, came: "answered" | "failed"): void {
    this.#running--;
    if (came === "answered") {
      this.#pauseMs = 0;
      return;
    }
    // Calls that were under way together count as one failure.
    if (nowMs < this.#pausedUntilMs) return;
    this.#pauseMs = Math.min(
      Math.max(FAILED_PAUSE_MIN_MS, 2 * this.#pauseMs),
      FAILED_PAUSE_MAX_MS,
    );
    this.#pausedUntilMs = nowMs + this.#pauseMs;
  }
}
