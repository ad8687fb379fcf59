/**
 * Who is let in when there is more work than time. The measure is the delay that work arriving now
 * would meet, not a count of queued items: 8,000 queued at 1,000 a second are 8 s of delay.
 *
 * @module
 */

/** Thresholds of {@linkcode Admission}. */
export interface AdmissionOptions {
  /** Refusing begins when the expected delay reaches this, ms; default 60. */
  readonly onMs: number;
  /** Refusing ends when it has fallen to this, ms; default 20. */
  readonly offMs: number;
  /** From here on only the highest priority is let in, ms; default 80. */
  readonly hardMs: number;
}

/**
 * The same by the count of what is queued, for those who know it from older systems. A count says
 * little about time: at 1,000 a second, 8,000 queued are 8 s of delay.
 */
export interface AdmissionByCount {
  /** Refusing begins at so many queued; the older systems' 8,000. */
  readonly onCount: number;
  /** Refusing ends at so few; 2,000. */
  readonly offCount: number;
  /** From here on only the highest priority is let in; 10,000. */
  readonly hardCount: number;
}

/** The count mode with the older systems' numbers. */
export const ADMISSION_BY_COUNT: AdmissionByCount = {
  onCount: 8_000,
  offCount: 2_000,
  hardCount: 10_000,
};

/** The service's defaults: accepted work is done within 100 ms, with 20 ms in reserve. */
export const ADMISSION_DEFAULTS: AdmissionOptions = { onMs: 60, offMs: 20, hardMs: 80 };

/** Lowest and highest priority of a request. */
export const PRIORITY_MAX = 10;

/** Counts of one {@linkcode Admission}. */
export interface AdmissionCounts {
  /** Requests let in so far. */
  readonly accepted: number;
  /** Requests refused so far. */
  readonly refused: number;
}

/**
 * Work in the queue, in ms, that is let in while refusing: enough to keep everybody busy. A longer
 * queue answers later and not more: what waits falls out of the processor's caches and is copied by
 * the garbage collector (K. Nichols, V. Jacobson, Controlling Queue Delay, 2012, on standing queues).
 */
const TARGET_MS = 4;
/** Refusing ends after so long with few refusals: the delay says little, being short while refusing. */
const WINDOW_MS = 100;
/** Few: a share of what came in the window. */
const CALM_SHARE = 0.1;

/**
 * Decides by expected delay (or count, see {@linkcode AdmissionByCount}) and priority.
 *
 * - Below `onMs` everything is let in.
 * - From there on the queue is kept short: work of priority p is let in while less than
 *   {@linkcode TARGET_MS} · (½ + p/10) of work is queued, and while the delay is below what p may
 *   wait, from `offMs` for priority 1 to `hardMs` for 10. The least important is refused first.
 * - Refusing ends when the delay is at most `offMs` and less than a tenth had to be refused in the
 *   last 100 ms.
 * - Priority 10 is always let in.
 */
export class Admission {
  /** Whether the delay reached `onMs` and all has not been calm since. */
  refusing = false;
  /** Requests let in so far. */
  accepted = 0;
  /** Requests refused so far. */
  refused = 0;
  /** What `load` is measured in. */
  readonly measure: "delayMs" | "count";
  readonly #on: number;
  readonly #off: number;
  readonly #hard: number;
  #windowEndMs = 0;
  #windowCame = 0;
  #windowRefused = 0;

  /**
   * Lets everything in until the load first reaches the threshold.
   *
   * @throws {RangeError} unless 0 ≤ off < on ≤ hard.
   */
  constructor(options: AdmissionOptions | AdmissionByCount = ADMISSION_DEFAULTS) {
    this.measure = "onMs" in options ? "delayMs" : "count";
    [this.#off, this.#on, this.#hard] = "onMs" in options
      ? [options.offMs, options.onMs, options.hardMs]
      : [options.offCount, options.onCount, options.hardCount];
    if (!(this.#off >= 0 && this.#off < this.#on && this.#on <= this.#hard)) {
      throw new RangeError(
        `Cannot set admission: expected 0 ≤ off < on ≤ hard: ` +
          `current values are ${this.#off}, ${this.#on}, ${this.#hard}`,
      );
    }
  }

  /**
   * Whether work of `priority` (0 to 10) is let in at `nowMs` (monotonic) and a load: its delay in ms,
   * or the count. `queuedMs` is the work before it. O(1).
   */
  admits(load: number, priority: number, nowMs: number, queuedMs: number): boolean {
    if (this.refuses(load, priority, nowMs, queuedMs)) return false;
    this.accepted++;
    return true;
  }

  /** As {@linkcode admits}, for a look ahead: who is not refused is counted when its work comes. */
  refuses(load: number, priority: number, nowMs: number, queuedMs: number): boolean {
    if (load >= this.#on && !this.refusing) {
      this.refusing = true;
      this.#newWindow(nowMs);
    }
    if (!this.refusing) return false;
    if (nowMs >= this.#windowEndMs) {
      const isCalm = this.#windowRefused <= CALM_SHARE * this.#windowCame;
      this.#newWindow(nowMs);
      this.refusing = !(isCalm && load <= this.#off);
    }
    this.#windowCame++;
    if (!this.refusing || priority >= PRIORITY_MAX) return false;
    const share = (load - this.#off) / (this.#hard - this.#off);
    const isDelayed = priority < 1 + share * (PRIORITY_MAX - 1);
    const isQueued = queuedMs >= TARGET_MS * (0.5 + priority / PRIORITY_MAX);
    if (!isDelayed && !isQueued) return false;
    this.refused++;
    this.#windowRefused++;
    return true;
  }

  #newWindow(nowMs: number): void {
    this.#windowEndMs = nowMs + WINDOW_MS;
    this.#windowCame = this.#windowRefused = 0;
  }

  /** Ms after which a refused sender should try again. */
  retryAfterMs(delayMs: number): number {
    return Math.max(1, Math.ceil(delayMs - (this.measure === "delayMs" ? this.#off : 0)));
  }
}

/** Fewer pieces at a time say how long a round takes, not how long a piece does. */
const PACE_PIECES_MIN = 16;
/** Share of a measurement that is better than what was known, and of one that is worse. */
const PACE_BETTER = 0.3;
const PACE_WORSE = 0.02;

/**
 * How long one piece of work takes at best of late: what a queue's length has to be multiplied with
 * to know the wait at its end, while a burst has not waited for long yet. Idle time does not count,
 * and slow rounds count little: that work has become slow shows in how long it has waited.
 */
export class Pace {
  /** Ms a piece; 0 before the first measurement. */
  msPerPiece = 0;
  #fromMs = 0;

  /** Work begins after an idle time. */
  begin(nowMs: number): void {
    this.#fromMs = nowMs;
  }

  /** So many pieces are done since the last call. */
  done(pieces: number, nowMs: number): void {
    const measured = Math.max(0, nowMs - this.#fromMs) / pieces;
    this.#fromMs = nowMs;
    if (pieces < PACE_PIECES_MIN) return;
    const known = this.msPerPiece;
    const weight = known === 0 ? 1 : measured < known ? PACE_BETTER : PACE_WORSE;
    this.msPerPiece = known + weight * (measured - known);
  }
}

/** Why work is not taken now. */
export interface Refusal {
  /** Tells it from other answers. */
  readonly state: "refused";
  /** It would have to wait too long. */
  readonly code: "overload";
  /** For people. */
  readonly reason: string;
  /** Ms after which to try again. */
  readonly retryAfterMs: number;
}

/**
 * Where work can be refused before it becomes a message: a look at the door costs a hundredth of
 * what an ask costs, so that refusing does not eat the time that what was accepted needs.
 *
 * - Whoever stands behind the door hangs in what it decides by, and takes it out when it ends.
 * - Meanwhile nothing is refused: the mailbox behind it has a bound of its own.
 */
export class Door {
  #refuses: ((priority: number) => Refusal | null) | null = null;

  /** `refuses` decides from now on. Returns what makes it stop, unless another has followed. */
  open(refuses: (priority: number) => Refusal | null): () => void {
    this.#refuses = refuses;
    return () => {
      if (this.#refuses === refuses) this.#refuses = null;
    };
  }

  /** Why work of this priority (0 to 10) is refused now; null = it may be sent. */
  refusal(priority: number): Refusal | null {
    return this.#refuses === null ? null : this.#refuses(priority);
  }
}
